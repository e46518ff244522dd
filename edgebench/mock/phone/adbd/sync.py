"""The sync service: stat, list, send and receive files."""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Callable
from pathlib import Path

from edgebench.mock.phone.adbd.faults import Faults
from edgebench.mock.phone.adbd.files import real_path
from edgebench.mock.phone.adbd.passage import Passage
from edgebench.mock.phone.adbd.streams import Stream
from edgebench.mock.phone.adbd.transfers import REQUEST, Refused, give_file, take_file, throw_away

MAX_PATH = 1024
STAT_V1 = struct.Struct("<4s3I")
STAT_V2 = struct.Struct("<4sI2Q4IQ3q")
DENT_V1 = struct.Struct("<4s4I")
DENT_V2 = struct.Struct("<4sI2Q4IQ3qI")


class Sync:
    """Answers the requests of one stream."""

    def __init__(self, stream: Stream, folder: Path, faults: Faults) -> None:
        self._stream = stream
        self._folder = folder
        self._faults = faults
        self._answers: dict[bytes, Callable[[str], None]] = {
            b"STAT": self._stat_v1,
            b"STA2": lambda path: self._stat_v2(b"STA2", path, follow=True),
            b"LST2": lambda path: self._stat_v2(b"LST2", path, follow=False),
            b"LIST": self._list_v1,
            b"LIS2": self._list_v2,
            b"SEND": self._send_v1,
            b"SND2": self._send_v2,
            b"RECV": self._receive,
            b"RCV2": self._receive_v2,
        }

    def serve(self) -> None:
        """Answer until the client quits, goes, or is refused something that adbd ends the stream for."""
        try:
            while self._answer():
                pass
        except Refused as refused:
            text = str(refused).encode()
            self._stream.write(REQUEST.pack(b"FAIL", len(text)) + text)
            if refused.is_upload:
                throw_away(self._stream)

    def _answer(self) -> bool:
        word, length = REQUEST.unpack(self._stream.read_exactly(REQUEST.size))
        if word == b"QUIT":
            return False
        if length > MAX_PATH:
            raise Refused("path too long")
        path = os.fsdecode(bytes(self._stream.read_exactly(length)))
        answer = self._answers.get(word)
        if answer is None:
            raise Refused(f"unknown command {int.from_bytes(word, 'little'):08x}")
        answer(path)
        return True

    def _stat_v1(self, path: str) -> None:
        try:
            found = os.lstat(real_path(self._folder, path))
            told = (found.st_mode, found.st_size & 0xFFFFFFFF, int(found.st_mtime) & 0xFFFFFFFF)
        except OSError:
            told = (0, 0, 0)
        self._stream.write(STAT_V1.pack(b"STAT", *told))

    def _stat_v2(self, word: bytes, path: str, *, follow: bool) -> None:
        try:
            told = (0, *_fields(os.lstat(real_path(self._folder, path, follow=follow))))
        except OSError as error:
            told = (error.errno or errno.EIO, *[0] * 10)
        self._stream.write(STAT_V2.pack(word, *told))

    def _list_v1(self, path: str) -> None:
        entries = [
            DENT_V1.pack(b"DENT", mode, size & 0xFFFFFFFF, mtime & 0xFFFFFFFF, len(name)) + name
            for name, (_, _, mode, _, _, _, size, _, mtime, _) in self._entries(path)
        ]
        self._stream.write(b"".join(entries) + DENT_V1.pack(b"DONE", 0, 0, 0, 0))

    def _list_v2(self, path: str) -> None:
        entries = [DENT_V2.pack(b"DNT2", 0, *told, len(name)) + name for name, told in self._entries(path)]
        self._stream.write(b"".join(entries) + DENT_V2.pack(b"DONE", *[0] * 12))

    def _entries(self, path: str) -> list[tuple[bytes, tuple[int, ...]]]:
        """Names with what lstat says of them, `.` and `..` first; nothing where there is no such folder."""
        try:
            folder = real_path(self._folder, path, follow=True)
            names = [".", "..", *sorted(entry.name for entry in folder.iterdir())]
            return [(os.fsencode(name), _fields(os.lstat(folder / name))) for name in names]
        except OSError:
            return []

    def _send_v1(self, spec: str) -> None:
        path, comma, mode = spec.rpartition(",")
        if not comma:
            raise Refused("missing , in ID_SEND_V1")
        if not (mode.isascii() and mode.isdecimal()):
            raise Refused("bad mode")
        self._send(path, int(mode))

    def _send_v2(self, path: str) -> None:
        _, mode, flags = struct.unpack("<4s2I", self._stream.read_exactly(12))
        if flags:
            raise Refused(f"unknown flags: {flags}")
        self._send(path, mode)

    def _send(self, path: str, mode: int) -> None:
        passage = Passage(self._faults, "push", lambda: None)
        take_file(self._stream, passage, lambda: real_path(self._folder, path), mode)

    def _receive_v2(self, path: str) -> None:
        _, flags = struct.unpack("<4sI", self._stream.read_exactly(8))
        if flags:
            raise Refused(f"unknown flags: {flags}")
        self._receive(path)

    def _receive(self, path: str) -> None:
        passage = Passage(self._faults, "pull", self._stream.drain)
        give_file(self._stream, passage, lambda: real_path(self._folder, path, follow=True))


def _fields(found: os.stat_result) -> tuple[int, ...]:
    return (
        found.st_dev,
        found.st_ino,
        found.st_mode,
        found.st_nlink,
        found.st_uid,
        found.st_gid,
        found.st_size,
        int(found.st_atime),
        int(found.st_mtime),
        int(found.st_ctime),
    )
