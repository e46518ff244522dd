"""Helpers of ours on the phone: hashing a file there, also while it is still on its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from edgebench.errors import DeviceError, DeviceLost, DeviceUnfit
from edgebench.transports.adb_command import AdbCommand
from edgebench.transports.adb_link import AdbLink
from edgebench.transports.base import CommandTimeout, Completed
from edgebench.transports.commands import run_to_end

# toybox has sha256sum; openssl, where there is one, uses the processor's SHA instructions.
PICK_HASH = 'h=sha256sum; command -v openssl >/dev/null 2>&1 && h="openssl dgst -sha256 -r"; '
HASH_SCRIPT = PICK_HASH + '$h <"$1"'
_FINISH = """
s=$5; [ "$s" = "$4" ] || s=$($h <"$1") || exit
[ "${s%% *}" = "$4" ] || { echo "damaged $s"; exit 0; }
chmod "$3" "$1" && mv -f "$1" "$2" && echo whole
"""
# The file $1 becomes $2 with mode $3 if its hash is $4. $5: the hash that the phone has made already, "" for none.
FINISH_SCRIPT = PICK_HASH + _FINISH
# Hashes $1 while it grows to $2 bytes, in whole megabytes (counted in words: mksh has 32 bits), and finishes it as $3
# with mode $4. Between two looks it sleeps (hundredths of a second) until 8 MB more should be there, near the end half
# of what is left: few processes. The last two wait for a line that says that all is sent: the hash that it should have;
# the next line says so to the shell around. It gives up when nothing has grown for half a minute, as nobody may be
# left to stop it.
FOLLOW_SCRIPT = (
    PICK_HASH
    + """
follow() {
    hashed=0; idle=0; last=${2%??????}; pause=2
    while [ $idle -lt 3000 ]; do
        size=$(stat -c %s "$1" 2>/dev/null) || size=0
        case $size in ???????*) whole=${size%??????} ;; *) whole=0 ;; esac
        grown=$((whole - hashed))
        if [ $grown -gt 0 ]; then
            dd if="$1" bs=1000000 skip=$hashed count=$grown 2>/dev/null || exit
            hashed=$whole; idle=0
            next=$(((last - whole) / 2))
            [ $next -lt 8 ] || next=8
            pause=$((pause * next / grown))
        fi
        if [ $((last - whole)) -le 2 ]; then
            read -r sent || exit
            dd if="$1" bs=1000000 skip=$hashed 2>/dev/null
            exit
        fi
        [ $pause -lt 30 ] || pause=30
        [ $pause -gt 2 ] || pause=2
        case $pause in ?) sleep 0.0$pause ;; *) sleep 0.$pause ;; esac
        idle=$((idle + pause))
    done
}
made=$(follow "$1" "$2" | $h)
read -r wanted || exit
set -- "$1" "$3" "$4" "$wanted" "${made%% *}"
"""
    + _FINISH
)
_WORTH_BYTES = 8_000_000
_HASH_BYTES_PER_S = 10e6  # the slowest hashing that is waited for
_NO_COMMAND = 127


def run_helper(link: AdbLink, argv: list[str], name: str, *, size: int = 0) -> Completed:
    """Run a command of ours about the file `name`, with time to hash `size` bytes.

    Raises DeviceUnfit where the phone has no such command, DeviceLost.
    """
    return _ended(link, AdbCommand(link, argv, env=None, start_s=link.settings.connect_s), name, size)


def remote_sha256(link: AdbLink, path: str, name: str, size: int) -> Completed:
    """The phone's SHA-256 of a file, as the first word that it prints; its errors on a status other than 0."""
    return run_helper(link, ["sh", "-c", HASH_SCRIPT, "sh", path], name, size=size)


@contextmanager
def hashed_meanwhile(link: AdbLink, path: str, name: str, size: int) -> Iterator[Callable[[], str]]:
    """A block while which the phone hashes a file of `size` bytes; small ones are left.

    Gives a function that returns the SHA-256, "" where there is none: it then has to be asked for. Raises DeviceLost.
    """
    if size < _WORTH_BYTES:
        yield lambda: ""
        return
    with _beside(link, ["sh", "-c", HASH_SCRIPT, "sh", path], name, size) as ended:
        yield lambda: _first_word(ended(b""))


@contextmanager
def finished_meanwhile(
    link: AdbLink, part: str, path: str, name: str, size: int, mode: int
) -> Iterator[Callable[[str], Completed]]:
    """A block while which a file of `size` bytes is written to `part`, and hashed there meanwhile; small ones are not.

    Gives a function that is told our SHA-256 when all is sent, and makes it the file `path`: what `FINISH_SCRIPT` says
    of it. Raises DeviceLost.
    """
    if size < _WORTH_BYTES or not link.has_shell_v2:  # the older shell takes no input while it runs
        yield lambda sha256: run_helper(
            link, ["sh", "-c", FINISH_SCRIPT, "sh", part, path, f"{mode:o}", sha256, ""], name, size=size
        )
        return
    argv = ["sh", "-c", FOLLOW_SCRIPT, "sh", part, str(size), path, f"{mode:o}"]
    with _beside(link, argv, name, size) as ended:
        yield lambda sha256: ended(2 * f"{sha256}\n".encode())


@contextmanager
def _beside(link: AdbLink, argv: list[str], name: str, size: int) -> Iterator[Callable[[bytes], Completed]]:
    """A command that runs beside a transfer; gives a function that ends its input and waits for its end."""
    command = AdbCommand(link, argv, env=None, stdin=None, start_s=link.settings.connect_s)
    is_asked = False

    def ended(stdin: bytes) -> Completed:
        nonlocal is_asked
        is_asked = True
        command.feed(stdin)
        return _ended(link, command, name, size)

    try:
        yield ended
    finally:
        if not is_asked:
            with suppress(DeviceError):
                command.kill()
            command.close()


def _first_word(done: Completed) -> str:
    words = done.stdout.split()
    return words[0].decode("ascii", "replace") if words else ""


def _ended(link: AdbLink, command: AdbCommand, name: str, size: int) -> Completed:
    timeout_s = 2 * link.settings.stall_s + size / _HASH_BYTES_PER_S
    try:
        done = run_to_end(link.name, command, "sh", timeout_s)
    except CommandTimeout as error:
        raise DeviceLost(link.name, f"the link stalled while looking after {name!r}") from error
    if done.returncode == _NO_COMMAND:
        raise DeviceUnfit(link.name, "there is no `sha256sum`", hint="Android 8 and newer have it")
    return done
