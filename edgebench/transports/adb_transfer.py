"""Files over adb: sent under another name, hashed on both sides, renamed when they are whole."""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from edgebench.errors import DeviceError, DeviceLost, DeviceUnfit
from edgebench.transports.adb_hash import PICK_HASH, finished_meanwhile, hashed_meanwhile, remote_sha256, run_helper
from edgebench.transports.adb_link import AdbLink
from edgebench.transports.adb_server import BROKEN
from edgebench.transports.adb_sync import PIECE_BYTES, Refused, modes, receive, send, session
from edgebench.transports.base import Completed, Progress, PushResult
from edgebench.transports.file_errors import disk_full, meaning, missing, not_allowed
from edgebench.transports.hashing import CHUNK_BYTES, file_sha256, part_name

LOOK_SCRIPT = (
    PICK_HASH
    + """
f=${1%/*}; [ -d "${f:-/}" ] || { echo no-folder; exit; }
[ -d "$1" ] && { echo folder; exit; }
[ -e "$1" ] || { echo absent; exit; }
[ -f "$1" ] || { echo other; exit; }
[ -r "$1" ] || { echo closed; exit; }
s=$(stat -c '%s %a' "$1"); echo "file $s"
[ "${s% *}" != "$2" ] || $h <"$1"
"""
)
ROOM_SCRIPT = 'if [ -w "$1" ]; then echo writable; fi; exec df -k "$1"'
_ERRNOS = {
    os.strerror(number).lower(): number
    for number in (
        *(errno.ENOENT, errno.ENOTDIR, errno.ENOSPC, errno.EDQUOT, errno.EFBIG),
        *(errno.EACCES, errno.EPERM, errno.EROFS),
    )
} | {"quota exceeded": errno.EDQUOT}  # bionic's words where glibc says "Disk quota exceeded"


def reason_of(text: str) -> int | None:
    """The errno that a message's last words mean, None where they mean none.

    >>> import errno
    >>> reason_of("write failed: No space left on device\\n") == errno.ENOSPC
    True
    """
    lines = [line.strip().lower() for line in text.splitlines()]
    found = (number for line in lines for words, number in _ERRNOS.items() if line.endswith(words))
    return next(found, None)


class AdbFiles:
    """File transfer on a link. Relative paths begin in the home folder."""

    def __init__(self, link: AdbLink) -> None:
        self._link = link

    def push(self, source: Path, target: str, *, mode: int, progress: Progress | None) -> PushResult:
        """See `base.Transport.push`."""
        size = source.stat().st_size
        path = self._in_shell(target)
        if not self._is_new(target, path) and self._has(target, path, source, size, mode):
            return PushResult(0, skipped=True)
        part = part_name(path)
        try:
            with finished_meanwhile(self._link, part, path, target, size, mode) as finish:
                sent, sha256 = self._send(source, target, part, size, mode, progress)
                self._judge(target, finish(sha256), sent)
        except BaseException:
            self._remove(part)
            raise
        return PushResult(sent, skipped=False)

    def pull(self, source: str, target: Path, *, progress: Progress | None) -> int:
        """See `base.Transport.pull`."""
        path = self._in_shell(source)
        words = self._look(source, path, "-")[0].split()
        if words[0] in ("folder", "other"):
            raise DeviceError(self._link.name, f"{source!r} is not a file")
        if words[0] == "absent":
            raise missing(self._link.name, source)
        size = int(words[1]) if len(words) > 1 and words[1].isdigit() else 0
        part = Path(part_name(str(target)))
        try:
            with hashed_meanwhile(self._link, path, source, size) as hashed:
                received, sha256 = self._receive(source, path, part, size, progress)
                there = hashed() or self._remote_sha256(source, path, received)
            if there != sha256:
                raise DeviceLost(self._link.name, f"{source!r} changed or was damaged while it was brought home")
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return received

    def _in_shell(self, path: str) -> str:
        """The path as a command in the home folder means it; what lies below that is relative, and no option."""
        if not path or "\0" in path:
            raise ValueError(f"not a path: {path!r}")
        path = path.removeprefix(f"{self._link.settings.home}/")
        return path if path.startswith("/") else f"./{path}"

    def _in_sync(self, path: str) -> str:
        """The same path as the file service wants it, which begins in /."""
        return posixpath.join(self._link.settings.home, path.removeprefix("./"))

    def _is_new(self, target: str, path: str) -> bool:
        """Whether the phone has the folder and nothing of that name in it; no shell has to be started to ask."""
        asked = [posixpath.dirname(self._in_sync(path)), self._in_sync(path)]
        with self._told_about(target, 0), session(self._link) as sync:
            folder, there = modes(sync, asked)
        return stat.S_ISDIR(folder) and not there

    def _has(self, target: str, path: str, source: Path, size: int, mode: int) -> bool:
        """Whether the phone has this very file; sees to its mode then."""
        found, *rest = self._look(target, path, str(size))
        words = found.split()
        if words[0] in ("folder", "other"):
            raise DeviceError(self._link.name, f"{target!r} is there and not a file")
        if words[0] != "file" or not rest or rest[0].split()[:1] != [file_sha256(source)]:
            return False
        if words[-1] != f"{mode:o}":
            self._run(["chmod", f"{mode:o}", path], target)
        return True

    def _look(self, name: str, path: str, size: str) -> list[str]:
        """What there is: "file SIZE MODE" (then its SHA-256 if it has that size), folder, other, absent or closed.

        Raises FileMissing without its folder, DeviceUnfit where it may not be read.
        """
        done = self._run(["sh", "-c", LOOK_SCRIPT, "sh", path, size], name, size=int(size) if size != "-" else 0)
        lines = done.stdout.decode("utf-8", "replace").splitlines() or [""]
        if lines[0] == "no-folder":
            raise missing(self._link.name, name)
        if lines[0] == "closed" and size == "-":
            raise not_allowed(self._link.name, name)
        if not lines[0]:
            said = done.stderr.decode("utf-8", "replace").strip()
            raise DeviceError(self._link.name, f"{name!r} cannot be looked at ({said or f'status {done.returncode}'})")
        return lines

    def _send(
        self, source: Path, target: str, part: str, size: int, mode: int, progress: Progress | None
    ) -> tuple[int, str]:
        """Write the file's bytes to `part`; how many, and their SHA-256."""
        digest, done = hashlib.sha256(), 0

        def pieces() -> Iterator[bytes]:
            nonlocal done
            with source.open("rb") as reader:
                while piece := reader.read(PIECE_BYTES):
                    yield piece
                    digest.update(piece)
                    done += len(piece)
                    if progress:
                        progress(done, max(size, done))

        with self._told_about(target, size), session(self._link) as sync:
            sent = send(sync, self._in_sync(part), mode, pieces(), self._link.settings.slowest_bytes_per_s)
        return sent, digest.hexdigest()

    def _judge(self, target: str, finished: Completed, size: int) -> None:
        """What became of a file that was sent. Raises DeviceLost, DeviceUnfit."""
        said = finished.stdout.decode("utf-8", "replace").split()
        if said[:1] == ["damaged"]:
            raise DeviceLost(self._link.name, f"{target!r} arrived damaged (SHA-256 {said[1][:12]}...)")
        if said != ["whole"]:
            raise self._refusal(target, size, finished.stderr.decode("utf-8", "replace"))

    def _receive(self, source: str, path: str, part: Path, size: int, progress: Progress | None) -> tuple[int, str]:
        """Read the phone's file into `part`; bytes and their SHA-256."""
        digest, done = hashlib.sha256(), 0
        with part.open("xb") as writer:
            for piece in self._pieces(source, path):
                writer.write(piece)
                digest.update(piece)
                done += len(piece)
                if progress:
                    progress(done, max(size, done))
        return done, digest.hexdigest()

    def _pieces(self, source: str, path: str) -> Iterator[bytes]:
        with self._told_about(source, 0), session(self._link) as sync:
            yield from receive(sync, self._in_sync(path))

    def _remote_sha256(self, name: str, path: str, size: int) -> str:
        """SHA-256 of a file as the phone computes it."""
        done = remote_sha256(self._link, path, name, size)
        if done.returncode != 0:
            raise self._refusal(name, 0, done.stderr.decode("utf-8", "replace"))
        return done.stdout.split()[0].decode("ascii", "replace")

    def _run(self, argv: list[str], name: str, *, size: int = 0) -> Completed:
        return run_helper(self._link, argv, name, size=size)

    @contextmanager
    def _told_about(self, path: str, size: int) -> Iterator[None]:
        """A transfer whose errors are told as ours; `size` bytes were to be written to `path`."""
        try:
            yield
        except Refused as refused:
            raise self._refusal(path, size, str(refused)) from refused
        except TimeoutError as error:
            limit_s = self._link.settings.stall_s
            message = f"the link stalled while transferring {path!r}: nothing moved for {limit_s:g} s"
            raise DeviceLost(self._link.name, message) from error
        except BROKEN as error:
            told: DeviceError = DeviceLost(self._link.name, f"the link broke while transferring {path!r} ({error})")
            with suppress(DeviceError):  # a phone that ends a stream without a word may still tell why
                told = (size and self._room(path, size)) or told
            raise told from error

    def _refusal(self, path: str, size: int, text: str) -> DeviceError:
        """What the phone's words mean; where they mean nothing, what it says of the folder."""
        number = reason_of(text)
        if number is not None:
            return meaning(self._link.name, path, OSError(number, os.strerror(number)))
        room = self._room(path, size)
        return room or DeviceError(self._link.name, f"{path!r} was refused ({text.strip() or 'no reason given'})")

    def _room(self, path: str, size: int) -> DeviceUnfit | None:
        """Whether a file of that size finds no room or no permission in its folder. Raises DeviceLost."""
        folder = posixpath.dirname(self._in_shell(path))
        asked = self._run(["sh", "-c", ROOM_SCRIPT, "sh", folder], path)
        lines = asked.stdout.decode("utf-8", "replace").splitlines()
        if "writable" not in lines[:1]:
            return not_allowed(self._link.name, path)
        fields = lines[-1].split()
        free_kib = int(fields[3]) if len(fields) > 5 and fields[3].isdigit() else None
        if free_kib is not None and free_kib * 1024 < max(size, CHUNK_BYTES):
            return disk_full(self._link.name, path)
        return None

    def _remove(self, part: str) -> None:
        """Take an unfinished file away if the link still can."""
        with suppress(DeviceError):
            self._run(["rm", "-f", part], part)
