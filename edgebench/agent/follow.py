"""Following a job's events, and asking its supervisor to stop, over its socket."""

import os
import socket

from . import files
from .jobs import has_end

CHUNK = 1 << 16


def connect(job):
    """Return a connected socket of the job's supervisor, or None when there is none.

    Changes the working directory: a socket's name may have 108 bytes only.
    """
    peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.chdir(job.folder)
        peer.connect("live.sock")
    except OSError:
        peer.close()
        return None
    return peer


class Drain(object):
    """Copies what a job's file gained to `write(bytes)`, watching for the `end`."""

    def __init__(self, job, offset, write):
        self._path = job.path("events.jsonl")
        self._offset = offset
        self._write = write
        self._nonce = (job.spec or {}).get("nonce", "")
        self._line = b""
        self.ended = False

    def copy(self):
        """Copy from where the last call ended up to the file's present end."""
        try:
            source = open(self._path, "rb")
        except OSError:
            return
        with source:
            source.seek(self._offset)
            for data in iter(lambda: source.read(CHUNK), b""):
                self._offset += len(data)
                self._watch(data)
                self._write(data)

    def _watch(self, data):
        lines = (self._line + data).split(b"\n")
        self._line = lines.pop()
        self.ended = self.ended or any(has_end(line + b"\n", self._nonce) for line in lines)


def follow(job, offset, write):
    """Copy the job's events from `offset` on as they come; return whether its `end` came.

    Blocks on the supervisor's socket; returns when the file has its `end` or the supervisor is gone.
    """
    drain = Drain(job, offset, write)
    peer = connect(job)
    drain.copy()
    if peer is None:
        return drain.ended
    with peer:
        while not drain.ended:
            alive = _woken(peer)
            drain.copy()
            if not alive:
                break
    return drain.ended


def _woken(peer):
    try:
        return bool(peer.recv(4096))
    except OSError:
        return False


def stop(job, seconds):
    """Ask the job's supervisor to stop and wait until it is gone, at most `seconds`.

    Returns "stopped", "absent" (nobody listens) or "silent" (it does not end).
    """
    peer = connect(job)
    if peer is None:
        return "absent"
    with peer:
        peer.settimeout(seconds)
        try:
            peer.sendall(b"stop")
            while peer.recv(4096):
                pass
        except socket.timeout:
            return "silent"
        except OSError:
            pass  # reset: it ended while we asked
    return "stopped"


def write_stdout(data):
    """Write to standard output at once."""
    files.write_all(1, data)
