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
# Hashes $1 while it grows to $2 bytes, in whole megabytes (counted in words: mksh has 32 bits). Between two looks it
# sleeps (hundredths of a second) until 8 MB more should be there, near the end half of what is left: few processes,
# and little left to do after the transfer. It gives up when nothing has grown for half a minute, as nobody may be left
# to stop it.
FOLLOW_SCRIPT = (
    PICK_HASH
    + """
follow() {
    hashed=0; idle=0; last=0; pause=2
    case $2 in ???????*) last=${2%??????} ;; esac
    while [ $idle -lt 3000 ]; do
        size=$(stat -c %s "$1" 2>/dev/null) || size=0
        if [ "$size" = "$2" ]; then
            dd if="$1" bs=1000000 skip=$hashed 2>/dev/null
            exit
        fi
        case $size in ???????*) whole=${size%??????} ;; *) whole=0 ;; esac
        grown=$((whole - hashed))
        if [ $grown -gt 0 ]; then
            dd if="$1" bs=1000000 skip=$hashed count=$grown 2>/dev/null || exit
            hashed=$whole; idle=0
            next=$(((last - whole) / 2))
            [ $next -lt 8 ] || next=8
            pause=$((pause * next / grown))
        fi
        [ $pause -lt 30 ] || pause=30
        [ $pause -gt 2 ] || pause=2
        case $pause in ?) sleep 0.0$pause ;; *) sleep 0.$pause ;; esac
        idle=$((idle + pause))
    done
}
follow "$1" "$2" | $h
"""
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
def hashed_meanwhile(link: AdbLink, path: str, name: str, size: int, *, grows: bool) -> Iterator[Callable[[], str]]:
    """A block while which the phone hashes a file of `size` bytes, or one that grows to it; small ones are left.

    Gives a function that returns the SHA-256, "" where there is none: it then has to be asked for. Raises DeviceLost.
    """
    if size < _WORTH_BYTES:
        yield lambda: ""
        return
    script = FOLLOW_SCRIPT if grows else HASH_SCRIPT
    argv = ["sh", "-c", script, "sh", path, str(size)]
    command = AdbCommand(link, argv, env=None, start_s=link.settings.connect_s)
    is_asked = False

    def result() -> str:
        nonlocal is_asked
        is_asked = True
        words = _ended(link, command, name, size).stdout.split()
        return words[0].decode("ascii", "replace") if words else ""

    try:
        yield result
    finally:
        if not is_asked:
            with suppress(DeviceError):
                command.kill()
            command.close()


def _ended(link: AdbLink, command: AdbCommand, name: str, size: int) -> Completed:
    timeout_s = 2 * link.settings.stall_s + size / _HASH_BYTES_PER_S
    try:
        done = run_to_end(link.name, command, "sh", timeout_s)
    except CommandTimeout as error:
        raise DeviceLost(link.name, f"the link stalled while looking after {name!r}") from error
    if done.returncode == _NO_COMMAND:
        raise DeviceUnfit(link.name, "there is no `sha256sum`", hint="Android 8 and newer have it")
    return done
