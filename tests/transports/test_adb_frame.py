"""A command's way through a phone's shell, in the real shells that phones and this machine have; and its decoders."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.transports.adb_frame import (
    EXIT,
    STDERR,
    STDOUT,
    Packets,
    Sections,
    feed_name,
    framed_line,
    group_kill_line,
    packet,
)

MARKER = ("0123456789ab", "cdef01234567")
WORD = "".join(MARKER).encode()
# mksh is Android's own shell; dash is what a simulated phone has on Debian
SHELLS = ["mksh", "dash"]


@pytest.fixture(params=SHELLS)
def shell(request) -> str:
    path = shutil.which(request.param)
    assert path, f"{request.param} is not installed: `make system` installs it"
    return path


def ran(shell: str, home: Path, argv: list[str], *, merged: bool, **env: str) -> tuple[list[bytes], ...]:
    """(records of stdout, its sections, records of stderr, its sections), as joined bytes by section."""
    line = framed_line(argv, MARKER, str(home), env, merged=merged)
    done = subprocess.run([shell, "-c", line], capture_output=True, check=False, stdin=subprocess.DEVNULL, timeout=30)
    return (*split(done.stdout), *split(done.stderr))


def split(data: bytes) -> tuple[list[bytes], list[bytes]]:
    sections = Sections(WORD)
    texts = [b"", b"", b"", b""]
    for index, piece in sections.feed(data):
        texts[index] += piece
    return sections.records, texts


@pytest.mark.parametrize("merged", [False, True])
def test_status_and_both_outputs_come_apart(shell, tmp_path, merged):
    script = "printf 'out'; echo trouble >&2; exit 7"
    records, texts, warned, errors = ran(shell, tmp_path, ["sh", "-c", script], merged=merged)
    assert records[0].isdigit()
    assert records[1:] == ([b"7", b""] if merged else [b"7"])
    assert texts[1] == b"out"
    assert (texts[2] if merged else errors[1]) == b"trouble\n"
    assert merged or warned == [b"", b""]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("merged", [False, True])
@pytest.mark.parametrize(
    ("argv", "status"),
    [
        (["no-such-program"], b"127"),
        (["/"], b"126"),
        (["sh", "-c", "kill -9 $$"], b"137"),
        (["sh", "-c", "exit 255"], b"255"),
        (["a=b"], b"127"),
    ],
)
def test_every_end_is_told(shell, tmp_path, merged, argv, status):
    records, *_ = ran(shell, tmp_path, argv, merged=merged, EB_X="1")
    assert records[1] == status


def test_the_process_group_is_the_first_record(shell, tmp_path):
    script = "read -r _ _ _ _ group _ </proc/$$/stat; echo $group"
    records, texts, *_ = ran(shell, tmp_path, ["sh", "-c", script], merged=False)
    assert records[0] == texts[1].strip()


def test_hostile_words_and_values_arrive_as_they_are(shell, tmp_path):
    words = ["a b", "", "it's", "$(touch pwned)", "line\nbreak\n", "-n", "* ~", "\udcff raw", "back\\slash\\n"]
    argv = ["sh", "-c", 'printf "%s\\0" "$@" "$EB_V"', "sh", *words]
    _, texts, *_ = ran(shell, tmp_path, argv, merged=False, EB_V="it's $HOME\n")
    assert texts[1] == b"".join(os.fsencode(word) + b"\0" for word in [*words, "it's $HOME\n"])
    assert list(tmp_path.iterdir()) == []


def test_a_home_that_is_not_there_is_told(shell, tmp_path):
    records, *_ = ran(shell, tmp_path / "absent", ["true"], merged=False)
    assert records == [b"home"]


def test_a_list_of_processes_never_shows_the_whole_marker(shell, tmp_path):
    records, texts, *_ = ran(shell, tmp_path, ["sh", "-c", "cat /proc/$PPID/cmdline; echo"], merged=False)
    assert MARKER[0].encode() in texts[1]
    assert len(records) == 2


def test_a_single_stream_takes_its_input_from_a_file(shell, tmp_path):
    Path(feed_name(str(tmp_path), MARKER)).write_bytes(b"given")
    records, texts, *_ = ran(shell, tmp_path, ["cat"], merged=True)
    assert (records[1], texts[1]) == (b"0", b"given")
    assert list(tmp_path.iterdir()) == []


def test_errors_are_given_up_where_no_file_for_them_can_be_made(shell, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    (home / f".eb-{''.join(MARKER)}.err").mkdir()  # nothing can be written there, not even by root
    records, texts, *_ = ran(shell, home, ["sh", "-c", "echo out; echo lost >&2"], merged=True)
    assert (records[1], texts[1], texts[2]) == (b"0", b"out\n", b"")


def test_a_group_is_killed_and_leftovers_go(shell, tmp_path):
    sleeper = subprocess.Popen(["sh", "-c", "sleep 600 & wait"], start_new_session=True)
    leftover = Path(feed_name(str(tmp_path), MARKER))
    leftover.touch()
    subprocess.run([shell, "-c", group_kill_line(sleeper.pid, str(tmp_path), MARKER)], check=True)
    assert sleeper.wait(10) == -9
    assert not leftover.exists()


@given(
    payload=st.lists(st.one_of(st.binary(max_size=40), st.sampled_from([WORD[:9], WORD[:-1], b"\n"])), max_size=8),
    cuts=st.lists(st.integers(1, 9), min_size=1),
)
def test_sections_do_not_depend_on_how_bytes_arrive(payload, cuts):
    body = b"".join(payload).replace(WORD, b"")
    data = b"noise" + WORD + b" 42\n" + body + WORD + b" 0\nlate"
    sections, texts = Sections(WORD), {0: b"", 1: b"", 2: b""}
    at = 0
    for index in range(len(data)):
        size = cuts[index % len(cuts)]
        for section, piece in sections.feed(data[at : at + size]):
            texts[section] += piece
        at += size
    assert sections.records == [b"42", b"0"]
    assert texts == {0: b"noise", 1: body, 2: b"late"}


def test_a_line_is_not_held_back():
    sections = Sections(WORD)
    sections.feed(WORD + b" 1\n")
    assert sections.feed(b"one\n") == [(1, b"one\n")]


@given(packets=st.lists(st.tuples(st.integers(0, 255), st.binary(max_size=300)), max_size=6), size=st.integers(1, 50))
def test_packets_do_not_depend_on_how_bytes_arrive(packets, size):
    data = b"".join(packet(kind, payload) for kind, payload in packets)
    reader = Packets()
    found = [one for at in range(0, len(data), size) for one in reader.feed(data[at : at + size])]
    assert found == packets


@given(data=st.binary(max_size=200))
def test_noise_is_no_packet_and_no_error(data):
    for kind, payload in Packets().feed(data):
        assert kind in range(256)
        assert len(payload) <= len(data)


def test_kinds_are_those_of_the_protocol():
    assert (STDOUT, STDERR, EXIT) == (1, 2, 3)
