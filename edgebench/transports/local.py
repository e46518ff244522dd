"""This machine as a device: the same promises as over SSH, without a link that could break."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Literal, Self

from edgebench.errors import DeviceError, DeviceLost
from edgebench.transports.base import CommandTimeout, Completed, Progress, PushResult
from edgebench.transports.file_errors import meaning
from edgebench.transports.hashing import CHUNK_BYTES, file_sha256, part_name
from edgebench.transports.local_process import (
    LocalStream,
    completed,
    kill_group,
    not_started,
    start,
)
from edgebench.transports.places import LocalPlace

_MACHINE_ID = Path("/etc/machine-id")
# How long a killed command's outputs may stay open in a child that left its process group.
_DRAIN_S = 1.0


class LocalTransport:
    """Runs commands and copies files on this machine; `home` is where relative paths begin."""

    kind: Literal["local", "ssh", "adb"] = "local"

    def __init__(self, name: str, *, home: Path | None = None, machine_id: Path = _MACHINE_ID) -> None:
        self.name = name
        self._home = home or Path.home()
        self._machine_id = machine_id

    def exec(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        timeout_s: float = 30.0,
        env: Mapping[str, str] | None = None,
    ) -> Completed:
        """Run a program to its end in a session of its own. Raises CommandTimeout."""
        try:
            process = start(argv, cwd=self._home, env=env, stdin=subprocess.PIPE)
        except OSError as error:
            return not_started(error)
        with process:
            try:
                stdout, stderr = process.communicate(stdin, timeout=timeout_s)
            except BaseException as error:
                kill_group(process)
                with suppress(subprocess.TimeoutExpired):
                    process.communicate(timeout=_DRAIN_S)
                if isinstance(error, subprocess.TimeoutExpired):
                    raise CommandTimeout(self.name, f"`{argv[0]}` did not end within {timeout_s:g} s") from None
                raise
        return completed(process.returncode, stdout, stderr)

    def stream(
        self, argv: Sequence[str], *, env: Mapping[str, str] | None = None, silence_s: float | None
    ) -> LocalStream:
        """Run a program and read its lines while it runs."""
        return LocalStream(self.name, argv, cwd=self._home, env=env, silence_s=silence_s)

    def push(self, source: Path, target: str, *, mode: int = 0o600, progress: Progress | None = None) -> PushResult:
        """Copy a file to where the device would have it; same checks as over a link."""
        wanted = file_sha256(source)
        place = self._home / target
        with self._device_errors(target):
            if place.is_file() and file_sha256(place) == wanted:
                if stat.S_IMODE(place.stat().st_mode) != mode:
                    place.chmod(mode)
                return PushResult(0, skipped=True)
        sent = self._copy(source, place, mode, progress, errors_of=target)
        return PushResult(sent, skipped=False)

    def pull(self, source: str, target: Path, *, progress: Progress | None = None) -> int:
        """Copy a file from where the device has it."""
        place = self._home / source
        with self._device_errors(source):
            size = place.stat().st_size
            if not stat.S_ISREG(place.stat().st_mode):
                raise DeviceError(self.name, f"{source!r} is not a file")
            place.open("rb").close()
        self._copy(place, target, 0o600, progress, errors_of=None)
        return size

    def identity(self) -> str:
        """`host:` and a hash of the machine id, which itself is not to be published (machine-id(5))."""
        try:
            secret = self._machine_id.read_text().strip() or socket.gethostname()
        except OSError:
            secret = socket.gethostname()
        return "host:" + hashlib.sha256(f"edgebench {secret}".encode()).hexdigest()[:32]

    def close(self) -> None:
        """Nothing is held."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _copy(self, source: Path, target: Path, mode: int, progress: Progress | None, *, errors_of: str | None) -> int:
        """Copy by way of a `.part` file; device errors are told about `errors_of`, None: left as OSError."""
        part = Path(part_name(str(target)))
        try:
            with self._device_errors(errors_of):
                sent, sha256 = _copy_bytes(source, part, mode, progress)
                if file_sha256(part) != sha256 or file_sha256(source) != sha256:
                    raise DeviceLost(self.name, f"{source.name!r} changed while it was copied")
                part.replace(target)
        except BaseException:
            with suppress(OSError):
                part.unlink(missing_ok=True)
            raise
        return sent

    @contextmanager
    def _device_errors(self, path: str | None) -> Iterator[None]:
        """Say what an OSError about the device's side means; with None it passes unchanged."""
        try:
            yield
        except OSError as error:
            if path is None:
                raise
            raise meaning(self.name, path, error) from error


def open_local(place: LocalPlace) -> LocalTransport:
    """The transport of a local place."""
    return LocalTransport(place.name)


def _copy_bytes(source: Path, part: Path, mode: int, progress: Progress | None) -> tuple[int, str]:
    """Copy with a running hash; returns bytes and SHA-256 of what was read."""
    digest, done = hashlib.sha256(), 0
    with source.open("rb") as reader:
        total = os.fstat(reader.fileno()).st_size
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "wb") as writer:  # noqa: PTH123 - a descriptor, so that the mode holds from the start
            os.fchmod(descriptor, mode)
            while chunk := reader.read(CHUNK_BYTES):
                writer.write(chunk)
                digest.update(chunk)
                done += len(chunk)
                if progress:
                    progress(done, total)
    return done, digest.hexdigest()
