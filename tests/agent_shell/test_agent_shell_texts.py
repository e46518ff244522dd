"""Whatever bytes a text has, its frame is whole and says the same; whatever an argument is, it arrives literally."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shell_worlds import MARKED_WORLDS, ShellPhone, find_world, of, step

LIMIT = 500
texts = st.one_of(
    st.binary(max_size=40),
    st.text(max_size=20).map(lambda text: text.encode("utf-8", "surrogatepass")),
    st.text('"\\ab {}$`\n\t', max_size=20).map(str.encode),
    st.sampled_from([b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe0\x80\xaf", b"\xf0\x9f\x98\x80", b"\xf0\x9f\x98"]),
    st.integers(LIMIT - 2, LIMIT + 2).map(lambda n: b"x" * (n - 1) + b'"'),
).map(lambda text: text.replace(b"\0", b""))


class Quoter:
    """The agent's `quote`, run on many texts at once."""

    def __init__(self, name: str, folder: Path) -> None:
        world = find_world(name)
        world.make_path(folder / "bin")
        from edgebench.controller.shell_bundle import build_shell_agent

        functions = build_shell_agent().data.replace(b'\nmain "$@"\n', b"\n")
        driver = b'set -f\nfor ONE; do quote "$ONE"; put "$QUOTED"; done\n'
        self._script = folder / "quoter.sh"
        self._script.write_bytes(functions + driver)
        self._bin = folder / "bin"

    def quote(self, values: list[bytes]) -> list[str]:
        """What each is as JSON, decoded."""
        argv = [str(self._bin / "sh"), str(self._script), *values]
        done = subprocess.run(argv, env={"PATH": str(self._bin)}, capture_output=True, timeout=60)
        assert done.stderr == b""
        return [json.loads(line) for line in done.stdout.decode("ascii").splitlines()]


@pytest.fixture(params=MARKED_WORLDS, scope="module")
def quoter(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Quoter:
    return Quoter(request.param, tmp_path_factory.mktemp("quoter"))


@given(st.lists(texts, min_size=1, max_size=20))
@settings(max_examples=25, deadline=None)
def test_any_text_is_quoted(quoter: Quoter, values: list[bytes]) -> None:
    assert quoter.quote(values) == [value[:LIMIT].decode("utf-8", "replace") for value in values]


def test_every_byte_is_quoted(quoter: Quoter) -> None:
    values = [bytes([byte]) for byte in range(1, 256)]
    assert quoter.quote(values) == [value.decode("utf-8", "replace") for value in values]


arguments = st.lists(
    st.one_of(
        st.sampled_from(
            ["", " ", "-n", "--", "*", "$(exit 9)", "`exit`", "'", '"', "\\", "a  b ", "#", "~", "ü€😀", ";"]
        ),
        st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]), max_size=12),
    ),
    max_size=12,
)
SHOW = f"""#!{sys.executable} -IS
import os, sys
sys.stdout.buffer.write(b"\\0".join(map(os.fsencode, sys.argv[1:])) + b"\\n" + os.fsencode(os.environ["GIVEN"]))
"""


@pytest.fixture(params=MARKED_WORLDS, scope="module")
def reused(request: pytest.FixtureRequest) -> Iterator[ShellPhone]:
    """One device for many examples."""
    with tempfile.TemporaryDirectory() as folder:
        yield ShellPhone(find_world(request.param), Path(folder))


numbers = itertools.count()


@given(arguments, st.text(st.characters(exclude_characters="\0\n", exclude_categories=["Cs"]), max_size=12))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_arguments_and_environment_arrive_literally(reused: ShellPhone, values: list[str], given_: str) -> None:
    show = reused.folder / "show"
    if not show.exists():
        show.write_text(SHOW)
        show.chmod(0o755)
    job = reused.job(
        f"job-{next(numbers)}", step("invocation", f"env GIVEN={given_}", program=str(show), arguments=values)
    )
    events = reused.carry_out(job)
    assert of(events, "done")[0]["outcome"] == "ok"
    expected = b"\0".join(map(os.fsencode, values)) + b"\n" + os.fsencode(given_)
    assert (job / "outputs.txt").read_bytes() == expected
