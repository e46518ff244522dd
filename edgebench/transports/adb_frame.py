"""How a command travels through a phone's shell, and how its end is known: pure text and bytes, no link.

adb's own word for a command's end is worth little: a stream that is cut says 0, and phones before Android 7 say
nothing. So the shell writes a record of its own before and after the command, with a word that nobody can guess; only
what stands between two records counts.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

from edgebench.transports.quoting import check_argv, check_env, shell_line

STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN = range(5)
"""Kinds of packet in the shell protocol, version 2 (adb's shell_protocol.h)."""

# A phone's shell begins in /, a simulated phone's in the folder that stands for it.
_ENTER = '{ cd "./$1" 2>/dev/null || cd "$1"; }'
# $1 home folder, $2 and $3 halves of the word (so that a list of processes never shows it whole), then the command.
# The first record has the process group to kill, or `home` where that folder cannot be entered; the last the status.
_BEGIN = (
    f'eb_m=$2$3; {_ENTER} || {{ echo "$eb_m home"; exit 1; }}; shift 3; '
    'read -r _ _ _ _ eb_g _ </proc/$$/stat; echo "$eb_m $eb_g"; '
)
# The shell's own remarks ("Killed") are kept out of the command's errors.
_APART = (
    'echo "$eb_m" >&2; exec 9>&2 2>/dev/null; ( exec "$@" ) 2>&9 9>&-; eb_s=$?; '
    'echo "$eb_m $eb_s"; echo "$eb_m" >&9; exit $eb_s'
)
# One stream only: errors wait in a file (of a name that nobody can guess) and come after the command.
_MERGED = (
    "exec 2>/dev/null; eb_e=.eb-$eb_m.err; eb_i=.eb-$eb_m.in; ( : >$eb_e ) || eb_e=/dev/null; "
    '[ -f $eb_i ] || eb_i=/dev/null; ( exec "$@" ) <$eb_i 2>$eb_e; eb_s=$?; '
    'echo "$eb_m $eb_s"; cat $eb_e; rm -f .eb-$eb_m.err .eb-$eb_m.in; echo "$eb_m"'
)
_KILL = f"kill -9 -$2; {_ENTER} && rm -f .eb-$3$4.err .eb-$3$4.in"
_HEADER = struct.Struct("<BI")


def framed_line(
    argv: Sequence[str], marker: tuple[str, str], home: str, env: Mapping[str, str] | None, *, merged: bool
) -> bytes:
    """Shell text that runs `argv` in `home` between two records; `merged`: for a shell of one single stream."""
    words = check_argv(argv)
    pairs = [f"{name}={value}" for name, value in check_env(env).items()]
    if pairs:  # a program's name with `=` in it would be an assignment to `env`
        words = ["env", *pairs, "sh", "-c", 'exec "$@"', "sh", *words]
    script = _BEGIN + (_MERGED if merged else _APART)
    return b"set -- " + shell_line([home, *marker, *words]) + b"; " + script.encode()


def group_kill_line(group: int, home: str, marker: tuple[str, str]) -> bytes:
    """Shell text that kills a process group at once, and takes away what its command left for us to read."""
    return b"set -- " + shell_line([home, str(group), *marker]) + b"; " + _KILL.encode()


def feed_name(home: str, marker: tuple[str, str]) -> str:
    """The file that a command of a single stream gets as its standard input."""
    return f"{home}/.eb-{''.join(marker)}.in"


class Sections:
    """Cuts a stream at its records; a record is the marker, the rest of its line, and the newline.

    >>> stream = Sections(b"mm")
    >>> stream.feed(b"noise\\nmm 42\\none\\ntwom"), stream.feed(b"m 0\\nlate"), stream.records
    ([(0, b'noise\\n'), (1, b'one\\ntwo')], [(2, b'late')], [b'42', b'0'])
    """

    def __init__(self, marker: bytes) -> None:
        self.records: list[bytes] = []
        self._marker = marker
        self._held = b""

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """What the next bytes add, as (number of records before it, bytes); empty pieces are left out."""
        data = self._held + data
        pieces: list[tuple[int, bytes]] = []
        start = 0
        while (at := data.find(self._marker, start)) >= 0 and (end := data.find(b"\n", at)) >= 0:
            pieces.append((len(self.records), data[start:at]))
            self.records.append(data[at + len(self._marker) : end].strip())
            start = end + 1
        keep = at if at >= 0 else len(data) - self._begun(data, start)
        pieces.append((len(self.records), data[start:keep]))
        self._held = data[keep:]
        return [piece for piece in pieces if piece[1]]

    def _begun(self, data: bytes, start: int) -> int:
        """How many bytes at the end could be the beginning of a marker."""
        longest = min(len(self._marker) - 1, len(data) - start)
        return next((size for size in range(longest, 0, -1) if data.endswith(self._marker[:size])), 0)


class Packets:
    """Takes the packets of the shell protocol out of a byte stream.

    >>> packets = Packets()
    >>> packets.feed(b"\\x01\\x02\\x00\\x00\\x00ok\\x03\\x01\\x00"), packets.feed(b"\\x00\\x00\\x07")
    ([(1, b'ok')], [(3, b'\\x07')])
    """

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[tuple[int, bytes]]:
        """Packets that `data` completes, as (kind, payload)."""
        self._held += data
        found: list[tuple[int, bytes]] = []
        at = 0
        while len(self._held) >= at + _HEADER.size:
            kind, size = _HEADER.unpack_from(self._held, at)
            end = at + _HEADER.size + size
            if len(self._held) < end:
                break
            found.append((kind, bytes(self._held[at + _HEADER.size : end])))
            at = end
        del self._held[:at]
        return found


def packet(kind: int, payload: bytes = b"") -> bytes:
    """One packet of the shell protocol."""
    return _HEADER.pack(kind, len(payload)) + payload
