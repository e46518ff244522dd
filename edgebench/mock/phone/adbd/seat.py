"""A port that stays the phone's while it does not listen."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable


class Seat:
    """Takes the port when it is made and keeps it until `leave`; in between it may listen or refuse.

    A bound socket that never listens holds the place: while the phone is down its connections are refused, and no other
    program can be given the port.
    """

    def __init__(self, port: int = 0) -> None:
        self._keeper = _bound(port)
        self.port: int = self._keeper.getsockname()[1]
        self._listener: socket.socket | None = None

    def listen(self, taken: Callable[[socket.socket], None]) -> None:
        """Take connections from now on, in a thread; `taken` is called with each."""
        listener = _bound(self.port)
        listener.listen(64)
        self._listener = listener
        threading.Thread(target=_accept, args=(listener, taken), name="adbd listener", daemon=True).start()

    def refuse(self) -> None:
        """Refuse connections from now on; may be called twice."""
        listener, self._listener = self._listener, None
        if listener is not None:
            listener.shutdown(socket.SHUT_RDWR)

    def leave(self) -> None:
        """Give the port back."""
        self.refuse()
        self._keeper.close()


def _bound(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    return made


def _accept(listener: socket.socket, taken: Callable[[socket.socket], None]) -> None:
    with listener:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return  # it refuses now
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            taken(link)
