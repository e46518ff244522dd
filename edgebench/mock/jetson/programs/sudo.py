"""`sudo`: runs what follows as root, or asks for a password that nobody can give."""

from __future__ import annotations

from pathlib import Path

from edgebench.mock.jetson.host import Board, Call, Line, Program
from edgebench.mock.jetson.program_server import Become

FOLDERS = ("usr/sbin", "usr/bin", "sbin", "bin", "usr/src/tensorrt/bin")
HARMLESS = {"true": "/bin/true", "id": "/usr/bin/id"}
"""Programs of this machine that may stand for the board's: they change nothing."""
NO_TERMINAL = (
    "sudo: a terminal is required to read the password; either use the -S option to read from standard input or "
    "configure an askpass helper\n"
)
NO_PASSWORD = "sudo: a password is required\n"
USAGE = "usage: sudo -h | -K | -k | -V\nusage: sudo -v [-AknS]\nusage: sudo -l [-AknS] [command]\n"


def handler(call: Call, line: Line, board: Board) -> int:
    """`sudo [-n] COMMAND...`, `-v` and `-l`."""
    flags = []
    rest = list(call.argv)
    while rest and rest[0].startswith("-"):
        flag = rest.pop(0)
        if flag == "--":
            break
        flags.append(flag)
    if not rest and not {"-v", "-l", "-k", "-K"} & set(flags):
        line.err(USAGE)
        return 1
    if {"-k", "-K"} & set(flags) and not rest:
        return 0
    if board.faults.now("no-sudo", board.lived_s()) and not call.as_root:
        line.err(NO_PASSWORD if "-n" in flags else NO_TERMINAL + NO_PASSWORD)
        return 1
    if "-v" in flags:
        return 0
    if "-l" in flags:
        line.out(
            " ".join(rest) + "\n" if rest else f"User {USER} may run the following commands:\n    (ALL) NOPASSWD: ALL\n"
        )
        return 0
    path = _resolve(rest[0], board.root)
    if path is None:
        line.err(f"sudo: {rest[0]}: command not found\n")
        return 1
    raise Become((str(path), *rest[1:]))


USER = "jetson"
"""Who one is on a simulated board."""


def _resolve(name: str, root: Path) -> Path | None:
    """A program below the root, or one of this machine's that do no harm."""
    if "/" in name:
        path = Path(name)
        below = path.is_relative_to(root) and path.is_file()
        return path if below else None
    for folder in FOLDERS:
        if (root / folder / name).is_file():
            return root / folder / name
    return Path(HARMLESS[name]) if name in HARMLESS else None


PROGRAM = Program("/usr/bin/sudo", handler)
