"""The one place where an argument list becomes shell text.

SSH carries one string that the login shell of the device reads; a POSIX shell is assumed there. Everything
from the caller is quoted data in it, and the only program text is the constant `_PRELUDE`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

# Says on both outputs where the command's own bytes begin, so that what a login shell prints before (.bashrc)
# is told apart, and names the process group to kill; then becomes the command. $1 is a word nobody can guess.
_PRELUDE = (
    "eb_m=$1; shift; read -r _ _ _ _ eb_g _ </proc/$$/stat; "
    'printf "\\n%s %s\\n" "$eb_m" "$eb_g"; printf "\\n%s\\n" "$eb_m" >&2; unset eb_m eb_g; exec "$@"'
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def check_argv(argv: Sequence[str]) -> list[str]:
    """The argument list as a list; ValueError when it is empty, a bare string, or holds a NUL byte.

    >>> check_argv(["ls", "-l"])
    ['ls', '-l']
    """
    if isinstance(argv, str) or not argv:
        raise ValueError("argv must be a list with at least the program's name")
    if any("\0" in word for word in argv):
        raise ValueError("an argument cannot hold a NUL byte")
    return list(argv)


def check_env(env: Mapping[str, str] | None) -> dict[str, str]:
    """Environment additions as a dict; ValueError for a name that no shell takes or a NUL byte in a value."""
    pairs = dict(env or {})
    for name, value in pairs.items():
        if not _NAME.match(name) or "\0" in value:
            raise ValueError(f"not an environment variable: {name!r}")
    return pairs


def shell_line(argv: Sequence[str]) -> bytes:
    """Shell text that runs exactly this argument list.

    >>> shell_line(["cat", "a b; c"])
    b"cat 'a b; c'"
    """
    return shlex.join(check_argv(argv)).encode("utf-8", "surrogateescape")


def marked_line(argv: Sequence[str], marker: str, env: Mapping[str, str] | None = None) -> bytes:
    """Shell text that runs `argv` after printing `marker` (see `Unmarked`); `env` is set for it."""
    words = ["sh", "-c", _PRELUDE, "sh", marker, *check_argv(argv)]
    pairs = [f"{name}={value}" for name, value in check_env(env).items()]
    return shell_line(["env", *pairs, *words] if pairs else words)


def group_kill_line(group: int) -> bytes:
    """Shell text that kills a process group at once."""
    return shell_line(["kill", "-s", "KILL", "--", f"-{group}"])


class Unmarked:
    """Strips from a byte stream everything up to and including the marker's own line.

    >>> output = Unmarked("m1")
    >>> output.feed(b"welcome!\\n\\nm1 4"), output.feed(b"2\\nrest"), output.rest_of_line
    (b'', b'rest', b'42')
    """

    def __init__(self, marker: str) -> None:
        self._marker = b"\n" + marker.encode()
        self.seen = False
        self.rest_of_line = b""
        self.before = b""

    def feed(self, data: bytes) -> bytes:
        """The command's own part of the next bytes."""
        if self.seen:
            return data
        self.before += data
        start = self.before.find(self._marker)
        end = self.before.find(b"\n", start + 1) if start >= 0 else -1
        if end < 0:
            return b""
        self.seen = True
        self.rest_of_line = self.before[start + len(self._marker) : end].strip()
        payload = self.before[end + 1 :]
        self.before = self.before[:start]
        return payload
