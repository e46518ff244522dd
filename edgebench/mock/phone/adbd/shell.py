"""Shell services: a command really runs on this machine, with the phone's environment."""

from __future__ import annotations

import contextlib
import fcntl
import os
import struct
import subprocess
import termios
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import IO

from edgebench.mock.phone.adbd.faults import Faults
from edgebench.mock.phone.adbd.passage import Passage
from edgebench.mock.phone.adbd.running import Running
from edgebench.mock.phone.adbd.shell_protocol import (
    Kind,
    exit_packet,
    received,
    shell_packet,
    standard_input,
    window_size,
)
from edgebench.mock.phone.adbd.streams import Stream
from edgebench.mock.phone.face import PhoneFace


@dataclass(frozen=True)
class Shell:
    """Runs the commands of one phone; `marks` is added to the environment that the phone gives them."""

    face: PhoneFace
    faults: Faults
    marks: dict[str, str]

    def separate(self, stream: Stream, command: str) -> None:
        """Serve `shell,v2:`: outputs apart, a standard input that can end, an exit code."""
        self._speak(stream, self._piped(command, apart=True), standard_input(stream))

    def terminal(self, stream: Stream, command: str, term: str) -> None:
        """Serve `shell,v2,pty:`, a person's shell: both outputs are the terminal."""
        running = self._at_terminal(command, term)
        self._speak(stream, running, _keys(stream, running.sink))

    def merged(self, stream: Stream, command: str) -> None:
        """Serve `shell:`, which knows no outputs apart and no exit code."""
        self._bare(stream, command, "shell", hang_up=True)

    def detached(self, stream: Stream, command: str) -> None:
        """Serve `exec:`: as `merged`, but the command reads its input to the end even when the client is gone."""
        self._bare(stream, command, "exec", hang_up=False)

    def _speak(self, stream: Stream, running: Running, typed: Iterable[memoryview]) -> None:
        passage = Passage(self.faults, "shell", stream.drain)

        def deliver(kind: Kind, data: bytes) -> None:
            for piece in passage.pieces(data):
                stream.write(shell_packet(kind, piece))

        with running.watched(stream, typed, hang_up=True) as gone:
            passage.begin()
            code = running.relay(gone, deliver)
            passage.end()
            stream.write(exit_packet(code))

    def _bare(self, stream: Stream, command: str, name: str, *, hang_up: bool) -> None:
        passage = Passage(self.faults, name, stream.drain)
        running = self._piped(command, apart=False)

        def deliver(_: Kind, data: bytes) -> None:
            for piece in passage.pieces(data):
                stream.write(piece)

        with running.watched(stream, iter(stream.read, b""), hang_up=hang_up) as gone:
            passage.begin()
            running.relay(gone, deliver)
            passage.end()

    def _piped(self, command: str, *, apart: bool) -> Running:
        process = subprocess.Popen(
            self._argv(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE if apart else subprocess.STDOUT,
            bufsize=0,
            cwd=self.face.folder / "root",
            env=self._environment(),
            start_new_session=True,
        )
        sources = {_pipe(process.stdout): Kind.STDOUT}
        if process.stderr is not None:
            sources[process.stderr] = Kind.STDERR
        return Running(process, _pipe(process.stdin), sources)

    def _at_terminal(self, command: str, term: str) -> Running:
        ours, theirs = os.openpty()
        try:
            process = subprocess.Popen(
                ["setsid", "--ctty", *self._argv(command)],
                stdin=theirs,
                stdout=theirs,
                stderr=theirs,
                cwd=self.face.folder / "root",
                env={**self._environment(), "TERM": term},
            )
        finally:
            os.close(theirs)
        return Running(process, os.fdopen(os.dup(ours), "wb", 0), {os.fdopen(ours, "rb", 0): Kind.STDOUT})

    def _argv(self, command: str) -> list[str]:
        return [*self.face.shell, *(("-c", command) if command else ())]

    def _environment(self) -> dict[str, str]:
        return {**self.face.environment(), **self.marks}


def _keys(stream: Stream, terminal: IO[bytes]) -> Iterator[memoryview]:
    """Yield what is typed at a terminal, and tell it the size of the client's window as that changes."""
    for kind, data in received(stream):
        if kind == Kind.STDIN:
            yield data
        elif kind == Kind.WINDOW_SIZE:
            with contextlib.suppress(ValueError):
                rows, columns = window_size(data)
                fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))


def _pipe(pipe: IO[bytes] | None) -> IO[bytes]:
    assert pipe is not None
    return pipe
