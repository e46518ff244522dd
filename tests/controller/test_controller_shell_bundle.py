"""The sh agent as one file: every part in it, the same bytes each time."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from edgebench.controller.shell_bundle import PARTS, build_script, build_shell_agent

ROOT = Path(__file__).parents[2]
SOURCES = ROOT / "edgebench" / "agent" / "shell"


def test_every_part_is_in_it_once_and_the_call_of_main_is_last() -> None:
    assert sorted(PARTS) == sorted(path.name for path in SOURCES.glob("*.sh"))
    built = build_shell_agent()
    assert built.data.endswith(b'\nmain "$@"\n')
    assert built.data.count(b'main "$@"') == 1
    assert built.sha256 == hashlib.sha256(built.data).hexdigest()


def test_the_same_bytes_from_a_checkout_with_other_line_ends(tmp_path: Path) -> None:
    for name in PARTS:
        (tmp_path / name).write_bytes((SOURCES / name).read_bytes().replace(b"\n", b"\r\n"))
    assert build_script(tmp_path) == build_shell_agent()


def test_another_source_another_name(tmp_path: Path) -> None:
    shutil.copytree(SOURCES, tmp_path, dirs_exist_ok=True)
    with (tmp_path / PARTS[0]).open("a") as part:
        part.write("# changed\n")
    assert build_script(tmp_path).sha256 != build_shell_agent().sha256


def test_it_is_plain_ascii() -> None:
    assert build_shell_agent().data.isascii()
