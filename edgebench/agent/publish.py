"""The job's stream of events: appended to a file that is the truth, and followers woken.

A follower reads the file itself; over ``live.sock`` it only gets one byte each time there is more to read, and
closing of the socket when the supervisor is gone. A slow or dead follower can thus never hold the run up.
"""

import os
import socket

from . import files, protocol

PAD_BYTES = 65536


class DiskFull(Exception):
    """No room is left for events; what was written before is whole."""


class EventFile(object):
    """Events of a job, framed and numbered, in ``events.jsonl``; `write(fd, bytes)` is a seam for tests.

    A pad file beside it keeps room for the last events of a job on a full disk.
    """

    def __init__(self, folder, nonce, clock, write=files.write_all):
        self._clock = clock
        self._write = write
        self._pad = os.path.join(folder, "pad")
        self._fd = None
        self._cut = False
        self._path = os.path.join(folder, "events.jsonl")
        self._frames = protocol.FrameWriter(self._append, nonce)
        self.on_write = None

    def open(self):
        """Create the file and the pad. Raises OSError and leaves neither; FileExistsError when the job has run."""
        self._fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with open(self._pad, "wb") as pad:
                self._write(pad.fileno(), b"\0" * PAD_BYTES)
        except OSError:
            self.use_pad()
            os.unlink(self._path)
            raise

    def use_pad(self):
        """Give the pad's room to the events that must still be written."""
        try:
            os.unlink(self._pad)
        except OSError:
            pass  # an earlier call did it, or there was no room for a pad

    def _append(self, data):
        try:
            # A line that a full disk cut short is ended first, so that this frame stands alone.
            self._write(self._fd, b"\n" + data if self._cut else data)
            self._cut = False
        except OSError as error:
            self._cut = True
            if files.is_full(error):
                raise DiskFull()
            raise
        finally:
            if self.on_write is not None:
                self.on_write()

    def relay(self, event):
        """Append an event that carries its time already. Raises DiskFull."""
        self._frames.emit(event)

    def emit(self, ev, **fields):
        """Append an event of the supervisor's own, stamped now. Raises DiskFull."""
        self.relay(dict(fields, ev=ev, t=self._clock.monotonic_ns()))

    def close(self):
        """Make the file durable and give the pad back."""
        if self._fd is not None:
            self.use_pad()
            os.fsync(self._fd)
            os.close(self._fd)
            self._fd = None


class Followers(object):
    """The listening end of ``live.sock`` and those who follow. Made while the folder is the working directory:
    a socket's name may have 108 bytes, a path may be longer."""

    def __init__(self, name="live.sock"):
        self._name = name
        if os.path.lexists(name):
            os.unlink(name)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(name)
        self._listener.listen(8)
        self._listener.setblocking(False)
        self._peers = []

    def readers(self):
        """Sockets to wait on."""
        return [self._listener] + self._peers

    def serve(self, ready):
        """Handle those of `ready` that are ours; return whether one asked to stop the job."""
        stop = False
        if self._listener in ready:
            self._accept()
        for peer in [peer for peer in self._peers if peer in ready]:
            said = _receive(peer)
            stop = stop or b"stop" in said
            if not said:
                self._drop(peer)
        return stop

    def _accept(self):
        try:
            peer, _ = self._listener.accept()
        except OSError:
            return  # gone again before we came to it
        peer.setblocking(False)
        self._peers.append(peer)
        self._wake(peer)

    def _drop(self, peer):
        self._peers.remove(peer)
        peer.close()

    def wake(self):
        """Tell every follower that the file has grown."""
        for peer in list(self._peers):
            self._wake(peer)

    def _wake(self, peer):
        try:
            peer.send(b".")
        except BlockingIOError:
            pass  # it has wake-ups enough that it has not read yet
        except OSError:
            self._drop(peer)

    def close(self):
        """Hang up on all: they drain the file and end."""
        for peer in self._peers:
            peer.close()
        self._peers = []
        self._listener.close()
        if os.path.lexists(self._name):
            os.unlink(self._name)


def _receive(peer):
    try:
        return peer.recv(64)
    except OSError:
        return b""
