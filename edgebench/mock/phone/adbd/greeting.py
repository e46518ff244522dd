"""The greeting of a connection: who may come in, and what is said then."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from edgebench.mock.phone.adbd import wire
from edgebench.mock.phone.adbd.auth import TOKEN_BYTES, Guard, PublicKey, parse_key
from edgebench.mock.phone.adbd.faults import Faults
from edgebench.mock.phone.adbd.wire import AUTH, Packet


@dataclass
class Greeting:
    """Answers CNXN and AUTH of one connection; `welcome` is called with the other side's CNXN once it is let in."""

    guard: Guard
    faults: Faults
    send: Callable[[Packet], None]
    welcome: Callable[[Packet], None]
    _hello: Packet | None = None
    _token: bytes = b""
    _asked: PublicKey | None = None
    _lock: threading.RLock = field(default_factory=threading.RLock)

    @property
    def asked(self) -> PublicKey | None:
        """The key whose acceptance the other side waits for."""
        return self._asked

    def hello(self, packet: Packet) -> None:
        """CNXN came."""
        with self._lock:
            self._hello, self._asked = packet, None
            self.reconsider()

    def answer(self, packet: Packet) -> None:
        """AUTH came."""
        with self._lock:
            if self._hello is None:
                return
            if packet.arg0 == wire.SIGNATURE:
                self._signature(bytes(packet.payload))
            elif packet.arg0 == wire.PUBLIC_KEY:
                self._asked = parse_key(bytes(packet.payload))
                self.reconsider()

    def reconsider(self) -> None:
        """Go on with one who was left waiting, now that something has changed."""
        with self._lock:
            if self._hello is None or self.faults.in_force("offline"):
                return
            refused = self.faults.in_force("unauthorized") is not None
            if not refused and (self.guard.is_open or (self._asked is not None and self.guard.knows(self._asked))):
                self._let_in()
            elif self._asked is None:
                self._challenge()

    def _signature(self, signature: bytes) -> None:
        refused = self.faults.in_force("unauthorized") is not None
        if not refused and self.guard.knows_signer(self._token, signature):
            self._let_in()
        else:
            self._challenge()

    def _challenge(self) -> None:
        self._token = secrets.token_bytes(TOKEN_BYTES)
        self.send(Packet(AUTH, wire.TOKEN, 0, self._token))

    def _let_in(self) -> None:
        hello, self._hello, self._asked = self._hello, None, None
        assert hello is not None
        self.welcome(hello)
