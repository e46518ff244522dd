"""One connection of an adb server: the greeting, then streams until it ends."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass

from edgebench.mock.phone.adbd import wire
from edgebench.mock.phone.adbd.auth import Guard
from edgebench.mock.phone.adbd.faults import Faults
from edgebench.mock.phone.adbd.greeting import Greeting
from edgebench.mock.phone.adbd.streams import Stream
from edgebench.mock.phone.adbd.wire import AUTH, CLSE, CNXN, MAX_PAYLOAD, OKAY, OPEN, WRTE, Packet
from edgebench.mock.phone.face import PhoneFace

Service = Callable[[Stream], None]


@dataclass(frozen=True)
class Phone:
    """What a connection needs to know of the phone it leads to; `find` gives the service of a name, if there is one."""

    face: PhoneFace
    guard: Guard
    faults: Faults
    find: Callable[[str], Service | None]
    version: int


class Connection:
    """Serves one socket in the thread that calls `serve`; each stream's service has a thread of its own."""

    def __init__(self, link: socket.socket, phone: Phone) -> None:
        self._link = link
        self._phone = phone
        self.greeting = Greeting(phone.guard, phone.faults, self.send, self._welcome)
        self._version = phone.version
        self._max_payload = 0
        self._online = False
        self._streams: dict[int, Stream] = {}
        self._numbers = itertools.count(1)
        self._sending = threading.Lock()
        self._receives = {
            CNXN: self._greeted,
            AUTH: self.greeting.answer,
            OPEN: self._opened,
            OKAY: self._took,
            WRTE: self._came,
            CLSE: self._closed,
        }

    def serve(self) -> None:
        """Answer until the other side ends the connection, sends what is no packet, or `cut`."""
        try:
            while True:
                self._receive(wire.read_packet(self._fill))
        except (EOFError, ValueError, OSError):
            pass  # nothing sensible can follow
        finally:
            self.cut()
            self._end_streams()
            self._link.close()

    def cut(self) -> None:
        """End the connection at once."""
        with contextlib.suppress(OSError):  # it may have ended by itself
            self._link.shutdown(socket.SHUT_RDWR)

    def send(self, packet: Packet) -> None:
        """Send one packet; raises OSError when the connection is gone."""
        self._phone.faults.thawed()
        if self._is_old or not self._online:
            packet = packet._replace(checksum=wire.checksum(packet.payload))
        parts = [memoryview(wire.header(packet)), memoryview(packet.payload)]
        with self._sending:
            sent = self._link.sendmsg(parts)
            for part in parts:
                if sent < len(part):
                    self._link.sendall(part[sent:])
                sent = max(0, sent - len(part))

    @property
    def _is_old(self) -> bool:
        return self._version < wire.VERSION_WITHOUT_CHECKSUMS

    def _fill(self, size: int) -> bytearray:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            count = self._link.recv_into(view, len(view), socket.MSG_WAITALL)
            if count == 0:
                raise EOFError("the connection ended")
            view = view[count:]
        return data

    def _receive(self, packet: Packet) -> None:
        self._phone.faults.thawed()
        if self._is_old:  # an adb server that connects again sends no checksum in its CNXN
            wire.verify(packet)
        if self._online or packet.command in (CNXN, AUTH):
            receive = self._receives.get(packet.command)
            if receive is not None:
                receive(packet)

    def _greeted(self, packet: Packet) -> None:
        self._end_streams()
        self._online = False
        self._version = self._phone.version
        self.greeting.hello(packet)

    def _welcome(self, hello: Packet) -> None:
        self._max_payload = min(MAX_PAYLOAD, max(1, hello.arg1))
        said = wire.banner(self._phone.face.properties, self._phone.face.features)
        version = min(self._phone.version, hello.arg0)
        self.send(Packet(CNXN, version, MAX_PAYLOAD, said))
        self._version, self._online = version, True

    def _opened(self, packet: Packet) -> None:
        name = bytes(packet.payload).split(b"\0", 1)[0].decode(errors="surrogateescape")
        service = self._phone.find(name)
        if service is None:
            self.send(Packet(CLSE, 0, packet.arg0))
            return
        stream = Stream(next(self._numbers), packet.arg0, self.send, self._max_payload)
        self._streams[stream.local] = stream
        self.send(Packet(OKAY, stream.local, stream.remote))
        threading.Thread(target=self._run, args=(service, stream), name=f"adbd {name[:40]}", daemon=True).start()

    def _run(self, service: Service, stream: Stream) -> None:
        try:
            service(stream)
        except (EOFError, OSError):
            pass  # the stream or the whole connection ended under the service
        finally:
            self._end(stream)

    def _end(self, stream: Stream) -> None:
        with contextlib.suppress(OSError):  # there may be no connection any more to say it to
            stream.close()
        self._streams.pop(stream.local, None)
        stream.other_closed()  # whoever still reads of it has nothing to wait for

    def _took(self, packet: Packet) -> None:
        stream = self._streams.get(packet.arg1)
        if stream is not None:
            stream.took()

    def _came(self, packet: Packet) -> None:
        stream = self._streams.get(packet.arg1)
        if stream is not None:
            stream.came(packet.payload)

    def _closed(self, packet: Packet) -> None:
        stream = self._streams.pop(packet.arg1, None)
        if stream is not None:
            stream.other_closed()

    def _end_streams(self) -> None:
        for stream in list(self._streams.values()):
            stream.other_closed()
        self._streams.clear()
