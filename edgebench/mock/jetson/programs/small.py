"""`tee`, `chmod` and `cat` on files of the board's tree, as root does it; nothing else can be written with them."""

from __future__ import annotations

from pathlib import Path

from edgebench.mock.jetson.host import Board, Call, Line, Program


def tee(call: Call, line: Line, board: Board) -> int:
    """Write the standard input to files and to the standard output."""
    text, failed = line.stdin(), 0
    for name in call.argv:
        if name.startswith("-"):
            continue
        trouble = "Permission denied" if not call.as_root else board.powers.write(call.place(name), text)
        if trouble:
            line.err(f"tee: {name}: {trouble}\n")
            failed = 1
    line.out(text)
    return failed


def chmod(call: Call, line: Line, board: Board) -> int:
    """Change who may read a file."""
    if len(call.argv) < 2:
        line.err("chmod: missing operand\n")
        return 1
    spec, *names = call.argv
    failed = 0
    for name in names:
        trouble = "Operation not permitted" if not call.as_root else board.powers.chmod(call.place(name), spec)
        if trouble:
            line.err(f"chmod: changing permissions of '{name}': {trouble}\n")
            failed = 1
    return failed


def cat(call: Call, line: Line, board: Board) -> int:
    """Print files."""
    failed = 0
    for name in call.argv:
        try:
            place = call.place(name)
            text = board.powers.read(place) if call.as_root else _plain(place, board.root)
            line.out(text.decode("utf-8", "replace"))
        except OSError as error:
            line.err(f"cat: {name}: {error.strerror}\n")
            failed = 1
    return failed


def _plain(path: Path, root: Path) -> bytes:
    """What anybody may read: here the owner's bit stands for others'."""
    if not path.is_relative_to(root) or not path.stat().st_mode & 0o400:
        raise PermissionError(13, "Permission denied")
    return path.read_bytes()


PROGRAMS = (Program("/usr/bin/tee", tee), Program("/bin/chmod", chmod), Program("/bin/cat", cat))
