"""A command that runs, between its client and its descriptors."""

from __future__ import annotations

import contextlib
import errno
import os
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from edgebench.mock.phone.adbd.shell_protocol import Kind
from edgebench.mock.phone.adbd.streams import Stream, StreamClosed

READ_BYTES = 1 << 17

Deliver = Callable[[Kind, bytes], None]


@dataclass(frozen=True)
class Running:
    """A process, where its input goes, and where its outputs come from."""

    process: subprocess.Popen[bytes]
    sink: IO[bytes]
    sources: dict[IO[bytes], Kind]

    @contextlib.contextmanager
    def watched(self, stream: Stream, typed: Iterable[memoryview], *, hang_up: bool) -> Iterator[int]:
        """Feed the process and, where `hang_up`, watch its client.

        Gives a descriptor that becomes readable when the client is gone. Then, as in adbd, SIGHUP goes to the shell
        itself (not to its children) and nobody reads its output any more.
        """
        gone, tell = os.pipe()
        feeding = (stream, typed, tell, hang_up)
        threading.Thread(target=self._feed, args=feeding, name="adbd input", daemon=True).start()
        try:
            yield gone
        finally:
            os.close(gone)
            for source in self.sources:
                source.close()
            threading.Thread(target=self.process.wait, name="adbd reaper", daemon=True).start()

    def relay(self, gone: int, deliver: Deliver) -> int:
        """Pass outputs on until all of them ended; return the process's code.

        A child that keeps an output open keeps the stream open, as on a phone. Raises StreamClosed when the client is
        gone.
        """
        with selectors.DefaultSelector() as selector:
            selector.register(gone, selectors.EVENT_READ)
            for source, kind in self.sources.items():
                selector.register(source, selectors.EVENT_READ, kind)
            left = len(self.sources)
            while left:
                for key, _ in selector.select():
                    if key.fileobj == gone:
                        raise StreamClosed("the client is gone")
                    if data := _read(key.fd):
                        deliver(key.data, data)
                    else:
                        selector.unregister(key.fileobj)
                        left -= 1
        return self.process.wait()

    def _feed(self, stream: Stream, typed: Iterable[memoryview], tell: int, hang_up: bool) -> None:
        try:
            with contextlib.suppress(EOFError, OSError):
                with self.sink:
                    _write_all(self.sink.fileno(), typed)
                while stream.read():
                    pass  # a closed standard input ends nothing: the stream's own end does
            if hang_up:
                self.process.send_signal(signal.SIGHUP)
        finally:
            os.close(tell)


def _write_all(descriptor: int, chunks: Iterable[memoryview]) -> None:
    """Write until the reader goes; what comes after is thrown away, as adbd does."""
    has_reader = True
    for chunk in chunks:
        view = memoryview(chunk)
        while has_reader and view:
            try:
                view = view[os.write(descriptor, view) :]
            except BrokenPipeError:
                has_reader = False


def _read(descriptor: int) -> bytes:
    """Read what there is; nothing at the end, which a terminal tells by an error."""
    try:
        return os.read(descriptor, READ_BYTES)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return b""
