"""One file's content through the sync service, either way."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path

from edgebench.mock.phone.adbd.passage import Passage, PhoneGone
from edgebench.mock.phone.adbd.streams import Stream

MAX_DATA = 1 << 16
REQUEST = struct.Struct("<4sI")
"""A word and a length, before every request, answer and chunk of content."""


class Refused(Exception):
    """A request that failed: its text is what the client is told, then the stream ends.

    After a refused upload the client goes on sending for a while: that is read and thrown away.
    """

    def __init__(self, text: str, *, is_upload: bool = False) -> None:
        super().__init__(text)
        self.is_upload = is_upload


def take_file(stream: Stream, passage: Passage, find: Callable[[], Path], mode: int) -> None:
    """Write what the client sends; a file that was not finished is removed, as adbd does (unless it ended itself).

    `find` gives its place. Raises Refused, and EOFError where the client goes before its DONE.
    """
    try:
        if stat.S_ISLNK(mode):
            raise Refused("symlink failed: Operation not supported on transport endpoint", is_upload=True)
        target = find()
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        passage.begin()
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except ConnectionError:
        raise
    except OSError as error:
        raise Refused(f"couldn't create file: {error.strerror}", is_upload=True) from None
    try:
        modified_s = _take_content(stream, passage, descriptor)
        os.fchmod(descriptor, _shared_mode(mode))
        os.utime(descriptor, (modified_s, modified_s))
    except PhoneGone:
        raise
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
    stream.write(REQUEST.pack(b"OKAY", 0))


def give_file(stream: Stream, passage: Passage, find: Callable[[], Path]) -> None:
    """Send the file that `find` gives; raises Refused."""
    try:
        file = find().open("rb", buffering=0)
    except OSError as error:
        raise Refused(f"open failed: {error.strerror}") from None
    with file:
        passage.begin()
        while data := file.read(MAX_DATA - REQUEST.size):
            for piece in passage.pieces(data):
                stream.write(b"".join((REQUEST.pack(b"DATA", len(piece)), piece)))
    stream.write(REQUEST.pack(b"DONE", 0))


def throw_away(stream: Stream) -> None:
    """Read to the end of an upload that was refused."""
    word = b"DATA"
    while word == b"DATA":
        word, size = REQUEST.unpack(stream.read_exactly(REQUEST.size))
        if word == b"DATA":
            stream.read_exactly(_checked(size))


def _take_content(stream: Stream, passage: Passage, descriptor: int) -> int:
    """Write chunks until DONE; return the time of modification that it carries, in seconds."""
    while True:
        word, size = REQUEST.unpack(stream.read_exactly(REQUEST.size))
        if word == b"DONE":
            return int(size)
        if word != b"DATA":
            raise Refused("invalid data message")
        chunk = stream.read_exactly(_checked(size))
        try:
            for piece in passage.pieces(chunk):
                view = memoryview(piece)
                while view:
                    view = view[os.write(descriptor, view) :]
        except ConnectionError:
            raise
        except OSError as error:
            raise Refused(f"write failed: {error.strerror}", is_upload=True) from None


def _checked(size: int) -> int:
    if size > MAX_DATA:
        raise Refused("oversize data message")
    return size


def _shared_mode(mode: int) -> int:
    """The owner's rights are the group's and others' too, as adbd has it."""
    owner = mode & 0o700
    return (mode & 0o777) | owner >> 3 | owner >> 6
