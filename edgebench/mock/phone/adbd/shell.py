"""Shell services: a command really runs on this machine, with the phone's environment."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from edgebench.mock.phone.adbd.faults import Faults
from edgebench.mock.phone.adbd.passage import Passage
from edgebench.mock.phone.adbd.shell_protocol import Kind, exit_packet, shell_packet, standard_input
from edgebench.mock.phone.adbd.streams import Stream, StreamClosed
from edgebench.mock.phone.face import PhoneFace

READ_BYTES = 1 << 17

Deliver = Callable[[Kind, bytes], None]


@dataclass(frozen=True)
class Shell:
    """Runs the commands of one phone; `marks` is added to the environment that the phone gives them."""

    face: PhoneFace
    faults: Faults
    marks: dict[str, str]

    def separate(self, stream: Stream, command: str) -> None:
        """Serve `shell,v2:`: outputs apart, a standard input that can end, an exit code."""
        process = self._start(command, stderr=subprocess.PIPE)
        kinds = {_pipe(process.stdout): Kind.STDOUT, _pipe(process.stderr): Kind.STDERR}
        passage = Passage(self.faults, "shell", stream.drain)

        def deliver(kind: Kind, data: bytes) -> None:
            for piece in passage.pieces(data):
                stream.write(shell_packet(kind, piece))

        with _watched(process, stream, standard_input(stream), hang_up=True) as gone:
            passage.begin()
            _relay(kinds, gone, deliver)
            code = process.wait()
            passage.end()
            stream.write(exit_packet(code))

    def merged(self, stream: Stream, command: str) -> None:
        """Serve `shell:`, which knows no outputs apart and no exit code."""
        self._bare(stream, command, Passage(self.faults, "shell", stream.drain), hang_up=True)

    def detached(self, stream: Stream, command: str) -> None:
        """Serve `exec:`: as `merged`, but the command reads its input to the end even when the client is gone."""
        self._bare(stream, command, Passage(self.faults, "exec", stream.drain), hang_up=False)

    def _bare(self, stream: Stream, command: str, passage: Passage, *, hang_up: bool) -> None:
        process = self._start(command, stderr=subprocess.STDOUT)

        def deliver(_: Kind, data: bytes) -> None:
            for piece in passage.pieces(data):
                stream.write(piece)

        with _watched(process, stream, iter(stream.read, b""), hang_up=hang_up) as gone:
            passage.begin()
            _relay({_pipe(process.stdout): Kind.STDOUT}, gone, deliver)
            process.wait()
            passage.end()

    def _start(self, command: str, stderr: int) -> subprocess.Popen[bytes]:
        face = self.face
        return subprocess.Popen(
            [*face.shell, *(("-c", command) if command else ())],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            bufsize=0,
            cwd=face.folder / "root",
            env={**face.environment(), **self.marks},
            start_new_session=True,
        )


@contextlib.contextmanager
def _watched(
    process: subprocess.Popen[bytes], stream: Stream, typed: Iterable[memoryview], *, hang_up: bool
) -> Iterator[int]:
    """Feed the process and, where `hang_up`, watch its client.

    Gives a descriptor that becomes readable when the client is gone. Then, as in adbd, SIGHUP goes to the shell itself
    (not to its children) and nobody reads its output any more.
    """
    gone, tell = os.pipe()

    def feed() -> None:
        try:
            with contextlib.suppress(EOFError, OSError):
                with contextlib.closing(_pipe(process.stdin)) as sink:
                    _write_all(sink.fileno(), typed)
                while stream.read():
                    pass  # a closed standard input ends nothing: the stream's own end does
            if hang_up:
                process.send_signal(signal.SIGHUP)
        finally:
            os.close(tell)

    threading.Thread(target=feed, name="adbd input", daemon=True).start()
    try:
        yield gone
    finally:
        os.close(gone)
        for pipe in filter(None, (process.stdout, process.stderr)):
            pipe.close()
        threading.Thread(target=process.wait, name="adbd reaper", daemon=True).start()


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


def _relay(kinds: dict[IO[bytes], Kind], gone: int, deliver: Deliver) -> None:
    """Pass outputs on until all of them ended; a child that keeps one open keeps the stream open, as on a phone."""
    with selectors.DefaultSelector() as selector:
        selector.register(gone, selectors.EVENT_READ)
        for pipe in kinds:
            selector.register(pipe, selectors.EVENT_READ)
        left = len(kinds)
        while left:
            for key, _ in selector.select():
                if key.fileobj == gone:
                    raise StreamClosed("the client is gone")
                data = os.read(key.fd, READ_BYTES)
                if data:
                    deliver(kinds[key.fileobj], data)  # type: ignore[index]
                else:
                    selector.unregister(key.fileobj)
                    left -= 1


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
