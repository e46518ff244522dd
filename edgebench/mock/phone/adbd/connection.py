"""One connection of an adb server: the greeting, then streams until it ends."""

from __future__ import annotations

import contextlib
import itertools
import socket
import threading
from collections.abc import Callable

from edgebench.mock.phone.adbd import wire
from edgebench.mock.phone.adbd.streams import Stream
from edgebench.mock.phone.adbd.wire import AUTH, CLSE, CNXN, MAX_PAYLOAD, OKAY, OPEN, WRTE, Packet, ProtocolError
from edgebench.mock.phone.face import PhoneFace

Service = Callable[[Stream], None]
FindService = Callable[[str], Service | None]


class Connection:
    """Serves one socket in the thread that calls `serve`; each stream's service has a thread of its own."""

    def __init__(self, link: socket.socket, face: PhoneFace, find: FindService, version: int) -> None:
        self._link = link
        self._face = face
        self._find = find
        self._version = version
        self._max_payload = 4096
        self._online = False
        self._streams: dict[int, Stream] = {}
        self._numbers = itertools.count(1)
        self._sending = threading.Lock()
        self._receives = {
            CNXN: self._greeted,
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
        except (EOFError, ProtocolError, OSError):
            pass
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
        if self._version < wire.VERSION_WITHOUT_CHECKSUMS or not self._online:
            packet = packet._replace(checksum=wire.checksum(packet.payload))
        parts = [memoryview(wire.header(packet)), memoryview(packet.payload)]
        with self._sending:
            sent = self._link.sendmsg(parts)
            for part in parts:
                if sent < len(part):
                    self._link.sendall(part[sent:])
                sent = max(0, sent - len(part))

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
        if self._version < wire.VERSION_WITHOUT_CHECKSUMS or not self._online:
            wire.verify(packet)
        if self._online or packet.command in (CNXN, AUTH):
            receive = self._receives.get(packet.command)
            if receive is not None:
                receive(packet)

    def _greeted(self, packet: Packet) -> None:
        self._end_streams()
        self._online = False
        self._version = min(self._version, packet.arg0)
        self._max_payload = min(MAX_PAYLOAD, packet.arg1)
        self._go_online()

    def _go_online(self) -> None:
        said = wire.banner(self._face.properties, self._face.features)
        self.send(Packet(CNXN, self._version, MAX_PAYLOAD, said))
        self._online = True

    def _opened(self, packet: Packet) -> None:
        name = bytes(packet.payload).split(b"\0", 1)[0].decode(errors="surrogateescape")
        service = self._find(name)
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
