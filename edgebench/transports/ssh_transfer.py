"""Files over SSH: out by SFTP with requests in flight, home by `cat` (each measured faster than scp)."""

from __future__ import annotations

import hashlib
import os
import posixpath
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import paramiko

from edgebench.errors import DeviceError, DeviceLost, DeviceUnfit
from edgebench.transports.base import Progress, PushResult
from edgebench.transports.file_errors import disk_full, meaning, not_allowed
from edgebench.transports.hashing import CHUNK_BYTES, file_sha256, part_name
from edgebench.transports.ssh_channel import RemoteCommand
from edgebench.transports.ssh_exec import run
from edgebench.transports.ssh_link import BROKEN, Link

# The slowest hashing that is waited for: an SD card of a small board reads 20 MB/s.
_HASH_BYTES_PER_S = 10e6
_ROOM_SCRIPT = 'test -w "$1" && echo writable; df -Pk -- "$1"'
_CAT_SCRIPT = 'exec cat <"$1"'
# openssl uses the processor's SHA instructions, coreutils mostly does not (measured: 0.07 and 0.28 s for 100 MB).
_HASH_SCRIPT = 'openssl dgst -sha256 -r <"$1" 2>/dev/null || exec sha256sum <"$1"'
_NO_COMMAND = 127
# A write request that fills four SSH packets of 32 KiB (paramiko takes 64 bytes of each), its header included; servers
# take 256 KiB. Measured: a request of 32 KiB spills into a second packet, and 100 MB take a sixth longer.
_REQUEST_BYTES = 4 * (32 * 1024 - 64) - 64
_ASK_S = 10.0


class Sftp:
    """File transfer on a link; the SFTP session is opened at first use and kept."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._session: paramiko.SFTPClient | None = None

    def push(self, source: Path, target: str, *, mode: int, progress: Progress | None) -> PushResult:
        """See `base.Transport.push`."""
        size = source.stat().st_size
        if self._has(target, source, size, mode):
            return PushResult(0, skipped=True)
        part = part_name(target)
        try:
            with self._told_about(target, size):
                sent, sha256 = self._send(source, part, size, mode, progress)
            if (arrived := self._remote_sha256(part, sent)) != sha256:
                raise DeviceLost(self._link.name, f"{target!r} arrived damaged (SHA-256 {arrived[:12]}...)")
            with self._told_about(target, 0):
                self._sftp().posix_rename(os.fsencode(part), os.fsencode(target))
        except BaseException:
            self._remove(part)
            raise
        return PushResult(sent, skipped=False)

    def pull(self, source: str, target: Path, *, progress: Progress | None) -> int:
        """See `base.Transport.pull`."""
        with self._told_about(source, 0):
            found = self._sftp().stat(os.fsencode(source))
        if not stat.S_ISREG(found.st_mode or 0):
            raise DeviceError(self._link.name, f"{source!r} is not a file")
        part = Path(part_name(str(target)))
        try:
            received, sha256 = self._receive(source, part, found.st_size or 0, progress)
            if self._remote_sha256(source, received) != sha256:
                raise DeviceLost(self._link.name, f"{source!r} changed or was damaged while it was brought home")
            part.replace(target)
        except BaseException:
            part.unlink(missing_ok=True)
            raise
        return received

    def _has(self, target: str, source: Path, size: int, mode: int) -> bool:
        """Whether the device has this very file; sees to its mode then."""
        with self._told_about(target, size):
            try:
                found = self._sftp().stat(os.fsencode(target))
            except FileNotFoundError:
                return False
            found_mode = found.st_mode or 0
            if not stat.S_ISREG(found_mode) or found.st_size != size:
                return False
        if self._remote_sha256(target, size) != file_sha256(source):
            return False
        if stat.S_IMODE(found_mode) != mode:
            with self._told_about(target, 0):
                self._sftp().chmod(os.fsencode(target), mode)
        return True

    def _send(self, source: Path, part: str, size: int, mode: int, progress: Progress | None) -> tuple[int, str]:
        """Write the file's bytes to `part`; how many, and their SHA-256."""
        digest, done = hashlib.sha256(), 0
        with source.open("rb") as reader, self._writing(part) as writer:
            writer.chmod(mode)
            writer.set_pipelined(True)
            writer.MAX_REQUEST_SIZE = _REQUEST_BYTES
            while chunk := reader.read(_REQUEST_BYTES):
                writer.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                if progress:
                    progress(done, max(size, done))
            # paramiko forgets the refusals of the last pipelined writes; the size does not
            if (kept := writer.stat().st_size) != done:
                raise OSError(f"kept {kept} of {done} bytes")
        return done, digest.hexdigest()

    @contextmanager
    def _writing(self, part: str) -> Iterator[paramiko.SFTPFile]:
        """A new file on the device, closed at the end."""
        writer = self._sftp().open(os.fsencode(part), "wx")
        try:
            yield writer
        except KeyboardInterrupt:
            # it may have struck in the middle of a packet: nothing more can be said over this link, nor waited for
            self._link.abort()
            raise
        except BaseException:
            writer.close()
            raise
        writer.close()

    def _receive(self, source: str, part: Path, size: int, progress: Progress | None) -> tuple[int, str]:
        """Read the device's file into `part`; bytes and their SHA-256."""
        digest, done = hashlib.sha256(), 0
        stall_s = self._link.settings.stall_s
        with (
            part.open("xb") as writer,
            self._link.guarded(f"bringing {source!r} home"),
            RemoteCommand(self._link, ["sh", "-c", _CAT_SCRIPT, "sh", source], None, start_s=stall_s) as command,
        ):
            command.feed(b"")
            while pieces := command.read(None):
                writer.write(pieces[0])
                digest.update(pieces[0])
                done += len(pieces[0])
                if progress and pieces[0]:
                    progress(done, max(size, done))
            if command.ended(None)[0] != 0:
                raise not_allowed(self._link.name, source)
        return done, digest.hexdigest()

    def _remote_sha256(self, path: str, size: int) -> str:
        """SHA-256 of a file as the device computes it. Raises DeviceUnfit without a tool for it there."""
        timeout_s = 2 * self._link.settings.stall_s + size / _HASH_BYTES_PER_S
        done = run(self._link, ["sh", "-c", _HASH_SCRIPT, "sh", path], stdin=b"", timeout_s=timeout_s, env=None)
        if done.returncode == _NO_COMMAND:
            hint = "install coreutils (or busybox) on the device"
            raise DeviceUnfit(self._link.name, "there is no `sha256sum`", hint=hint)
        if done.returncode != 0:
            raise not_allowed(self._link.name, path)
        return done.stdout.split()[0].decode("ascii", "replace")

    def _sftp(self) -> paramiko.SFTPClient:
        """The SFTP session. Raises DeviceUnfit when the server has none, DeviceLost."""
        if self._session is None:
            try:
                with self._link.guarded("opening SFTP"):
                    self._session = paramiko.SFTPClient.from_transport(self._link.transport)
            except (*BROKEN, paramiko.SFTPError) as error:
                if not self._link.is_alive():
                    raise DeviceLost(self._link.name, "the link broke while opening SFTP") from error
                message = f"its SSH server offers no usable SFTP ({error or 'closed'})"
                hint = "enable its sftp subsystem; its .bashrc must print nothing for non-interactive shells"
                raise DeviceUnfit(self._link.name, message, hint=hint) from error
            # the watchdog comes first; this is for what it cannot see
            self._session.get_channel().settimeout(2 * self._link.settings.stall_s)
        return self._session

    @contextmanager
    def _told_about(self, path: str, size: int) -> Iterator[None]:
        """A block of SFTP calls whose errors are told as ours; `size` bytes were wanted for `path`."""
        try:
            with self._link.guarded(f"transferring {path!r}"):
                yield
        except (*BROKEN, paramiko.SFTPError) as error:
            if isinstance(error, OSError) and error.errno is not None and self._link.transport.is_active():
                raise meaning(self._link.name, path, error) from error
            if not self._link.is_alive():
                reason = f"the link broke while transferring {path!r} ({error or 'closed'})"
                raise DeviceLost(self._link.name, reason) from error
            raise self._refusal(path, size, error) from error

    def _refusal(self, path: str, size: int, error: Exception) -> DeviceError:
        """What SFTP's bare "Failure" means: a folder that is not writable, or a file system without room."""
        folder = posixpath.dirname(path) or "."
        asked = run(self._link, ["sh", "-c", _ROOM_SCRIPT, "sh", folder], stdin=b"", timeout_s=_ASK_S, env=None)
        lines = asked.stdout.decode("utf-8", "replace").splitlines()
        if "writable" not in lines[:1]:
            return not_allowed(self._link.name, path)
        fields = lines[-1].split()
        free_kib = int(fields[3]) if len(fields) > 5 and fields[3].isdigit() else None
        if free_kib is not None and free_kib * 1024 < max(size, CHUNK_BYTES):
            return disk_full(self._link.name, path)
        return DeviceError(self._link.name, f"{path!r} was refused ({error})")

    def _remove(self, part: str) -> None:
        """Take an unfinished file away if the link still can; on a channel of its own, SFTP may be in disorder."""
        session, self._session = self._session, None
        with suppress(DeviceError):
            run(self._link, ["rm", "-f", "--", part], stdin=b"", timeout_s=_ASK_S, env=None)
        if session is not None:
            with suppress(*BROKEN):
                session.close()
