"""Events of a child, stamped and framed onto the pipe that its supervisor reads."""

import os

from . import clock, protocol


class Emitter(object):
    """Writes events as whole frames to a file descriptor, each with `t` (device monotonic ns).

    A supervisor that is gone shows as BrokenPipeError from `emit`.
    """

    def __init__(self, fd, nonce):
        self._fd = fd
        self._frames = protocol.FrameWriter(self._write, nonce)

    def _write(self, data):
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def emit(self, ev, **fields):
        """Write the event named `ev` with its fields."""
        event = {"ev": ev, "t": clock.monotonic_ns()}
        event.update(fields)
        self._frames.emit(event)

    def phase(self, name):
        """Say that another phase begins now."""
        self.emit("phase", name=name)
