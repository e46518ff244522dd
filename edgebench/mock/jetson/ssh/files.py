"""SFTP of a simulated board: files of its user below its own folder, and nothing else of this machine."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paramiko import Message, SFTPAttributes, SFTPHandle, SFTPServer, SFTPServerInterface
from paramiko.sftp import SFTP_OK, SFTP_PERMISSION_DENIED


@dataclass(frozen=True)
class Disk:
    """`folder` is all that may be touched, relative paths begin at `home`; `is_full` says whether writes fail now."""

    folder: Path
    home: Path
    is_full: Callable[[], bool]


class _Handle(SFTPHandle):  # type: ignore[misc]  # paramiko's classes are untyped
    """An open file."""

    def __init__(self, fd: int, flags: int, disk: Disk) -> None:
        super().__init__(flags)
        self._fd, self._disk = fd, disk

    def close(self) -> None:
        """Close it."""
        os.close(self._fd)

    def read(self, offset: int, length: int) -> Any:
        """Read bytes."""
        return _answer(lambda: os.pread(self._fd, length, offset))

    def write(self, offset: int, data: bytes) -> Any:
        """Write bytes."""
        return _answer(lambda: self._write(offset, data))

    def _write(self, offset: int, data: bytes) -> int:
        if self._disk.is_full():
            raise OSError(errno.ENOSPC, "No space left on device")
        while data:
            written = os.pwrite(self._fd, data, offset)
            offset, data = offset + written, data[written:]
        return int(SFTP_OK)

    def stat(self) -> Any:
        """Its attributes."""
        return _answer(lambda: SFTPAttributes.from_stat(os.fstat(self._fd)))

    def chattr(self, attr: SFTPAttributes) -> Any:
        """Change its mode."""
        return _answer(lambda: _change(self._fd, attr))


class Files(SFTPServerInterface):  # type: ignore[misc]
    """What edgebench's transport asks of SFTP: open, stat, chmod, rename, remove, folders."""

    def __init__(self, server: Any, disk: Disk) -> None:
        super().__init__(server)
        self._disk = disk

    def _place(self, path: str) -> Path:
        """The file meant. Raises PermissionError outside of the board's folder."""
        place = Path(os.path.normpath(self._disk.home / path))
        if not place.is_relative_to(self._disk.folder):
            raise PermissionError(errno.EACCES, "Permission denied")
        return place

    def canonicalize(self, path: str) -> Any:
        """The absolute path."""
        return os.path.normpath(self._disk.home / path)

    def open(self, path: str, flags: int, attr: SFTPAttributes) -> Any:
        """Open a file."""
        mode = attr.st_mode if attr.st_mode is not None else 0o666
        return _answer(lambda: _Handle(os.open(self._place(path), flags, mode), flags, self._disk))

    def stat(self, path: str) -> Any:
        """Attributes, of what a link points to."""
        return _answer(lambda: SFTPAttributes.from_stat(self._place(path).stat()))

    def lstat(self, path: str) -> Any:
        """Attributes, of a link itself."""
        return _answer(lambda: SFTPAttributes.from_stat(self._place(path).lstat()))

    def chattr(self, path: str, attr: SFTPAttributes) -> Any:
        """Change a mode."""
        return _answer(lambda: _change(self._place(path), attr))

    def remove(self, path: str) -> Any:
        """Remove a file."""
        return _answer(lambda: self._place(path).unlink())

    def rename(self, oldpath: str, newpath: str) -> Any:
        """Rename to a name that is free."""
        return _answer(lambda: self._rename(oldpath, newpath, replace=False))

    def posix_rename(self, oldpath: str, newpath: str) -> Any:
        """Rename over what is there."""
        return _answer(lambda: self._rename(oldpath, newpath, replace=True))

    def _rename(self, old: str, new: str, *, replace: bool) -> None:
        target = self._place(new)
        if not replace and target.exists():
            raise FileExistsError(errno.EEXIST, "File exists")
        self._place(old).replace(target)

    def mkdir(self, path: str, attr: SFTPAttributes) -> Any:
        """Make a folder."""
        return _answer(lambda: self._place(path).mkdir(mode=attr.st_mode if attr.st_mode is not None else 0o777))


def _change(target: Path | int, attr: SFTPAttributes) -> None:
    if attr.st_mode is not None:
        os.chmod(target, attr.st_mode & 0o7777)  # noqa: PTH101 - of a descriptor, too


def _answer(action: Callable[[], Any]) -> Any:
    """What an action gave, `SFTP_OK` for nothing, or its error in SFTP's few words."""
    try:
        given = action()
    except OSError as error:
        return SFTPServer.convert_errno(error.errno) if error.errno != errno.EPERM else SFTP_PERMISSION_DENIED
    return SFTP_OK if given is None else given


class _Message(Message):  # type: ignore[misc]
    """A request whose names may be any bytes, as file names are."""

    def get_text(self) -> str:
        """The next string."""
        return os.fsdecode(self.get_binary())


class Sftp(SFTPServer):  # type: ignore[misc]
    """SFTP's server."""

    def _process(self, t: int, request_number: int, msg: Message) -> None:
        super()._process(t, request_number, _Message(msg.get_remainder()))
