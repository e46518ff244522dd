"""The content of one command or file on its way, and the faults that it meets there."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable, Iterator

from edgebench.mock.phone.adbd.faults import Fault, Faults
from edgebench.mock.phone.adbd.streams import StreamClosed
from edgebench.mock.phone.adbd.wire import Payload

STEP_S = 0.05
"""A slow phone's content passes in pieces of so long."""

LATE_S = 0.025
"""A slow link keeps its rate though this machine wakes it so late: what waits in a cable's buffers passes meanwhile."""


class PhoneGone(StreamClosed):
    """The daemon itself ended in the middle: it tidies nothing up."""


class Passage:
    """Content goes through `pieces`; a fault at byte N comes between byte N - 1 and byte N, after `drain`.

    `drain` returns when what was delivered before has really arrived.
    """

    def __init__(self, faults: Faults, name: str, drain: Callable[[], None]) -> None:
        self._faults = faults
        self._drain = drain
        self._ahead = faults.entering(name)
        self._passed = 0
        self._turn_next = False
        self._link_free_s: float | None = None

    def pieces(self, data: Payload) -> Iterator[Payload]:
        """Yield the data in the pieces in which to deliver them.

        Raises OSError (ENOSPC) where the disk is full, StreamClosed where the connection was cut.
        """
        view = memoryview(data)
        self._meet()
        while view:
            piece = view[: self._room()]
            view = view[len(piece) :]
            self._take_time(len(piece))
            yield self._maybe_turned(piece)
            self._passed += len(piece)
            self._meet()

    def begin(self) -> None:
        """Meet what happens before the first byte, even of an empty content."""
        self._meet()

    def end(self) -> None:
        """All content has passed; meet what comes before the exit code."""
        for fault in self._ahead:
            if fault.when.before_exit:
                self._happens(fault)

    def _room(self) -> int:
        """How many bytes may pass before something happens."""
        room = 1 << 20
        if self._ahead and not self._ahead[0].when.before_exit:
            room = min(room, self._ahead[0].when.byte - self._passed)
        slow = self._faults.in_force("slow")
        return min(room, max(1, int(slow.bytes_per_s * STEP_S))) if slow else room

    def _meet(self) -> None:
        while self._ahead and not self._ahead[0].when.before_exit and self._ahead[0].when.byte <= self._passed:
            self._happens(self._ahead.pop(0))

    def _happens(self, fault: Fault) -> None:
        if fault.kind != "flip":
            self._drain()
        self._faults.happen(fault)
        if fault.kind == "flip":
            self._turn_next = True
        if fault.kind == "disk-full":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if fault.kind == "drop":  # more may have come already: it must not be taken
            raise StreamClosed("the connection was cut")
        if fault.kind == "reboot":
            raise PhoneGone("the phone reboots")

    def _take_time(self, size: int) -> None:
        self._faults.thawed()
        slow = self._faults.in_force("slow")
        if slow is not None:
            now_s = time.monotonic()
            began_s = now_s if self._link_free_s is None else max(self._link_free_s, now_s - LATE_S)
            self._link_free_s = began_s + size / slow.bytes_per_s
            self._faults.pause(self._link_free_s - now_s)

    def _maybe_turned(self, piece: memoryview) -> Payload:
        if not self._turn_next:
            return piece
        self._turn_next = False
        turned = bytearray(piece)
        turned[0] ^= 1
        return turned
