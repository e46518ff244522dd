"""From a place to an open transport, loading the library of that kind only when it is needed."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, cast

from edgebench.errors import EdgebenchError
from edgebench.transports.base import Clock, Transport
from edgebench.transports.places import AdbPlace, LocalPlace, Place, SshPlace

if TYPE_CHECKING:
    from tenacity import RetryCallState

# Named, not imported: an import here would load every vendor's library, and the import contracts see it.
_OPENERS: dict[type, tuple[str, str]] = {
    LocalPlace: ("edgebench.transports.local", "open_local"),
    SshPlace: ("edgebench.transports.ssh", "open_ssh"),
    AdbPlace: ("edgebench.transports.adb", "open_adb"),
}


def open_transport(place: Place) -> Transport:
    """Reach the device at `place`, once. Raises the DeviceErrors of that transport, TypeError otherwise."""
    try:
        module, function = _OPENERS[type(place)]
    except KeyError:
        raise TypeError(f"no transport for {type(place).__name__}") from None
    opener = cast("Callable[[Place], Transport]", getattr(import_module(module), function))
    return opener(place)


def connect(
    place: Place,
    *,
    clock: Clock = time,
    total_s: float = 30.0,
    opener: Callable[[Place], Transport] = open_transport,
) -> Transport:
    """Reach the device, trying again after transient errors until `total_s` seconds have passed on `clock`.

    Waits 0.5, 1, 2, 4, then 8 s between attempts. Raises the last attempt's error.
    """
    # tenacity pulls in asyncio (about 50 ms); commands that reach no device need neither
    from tenacity import Retrying, retry_if_exception, wait_exponential

    give_up_at = clock.monotonic() + total_s

    def out_of_time(state: RetryCallState) -> bool:
        return clock.monotonic() + state.upcoming_sleep > give_up_at

    attempts = Retrying(
        retry=retry_if_exception(lambda error: isinstance(error, EdgebenchError) and error.transient),
        wait=wait_exponential(multiplier=0.5, max=8),
        stop=out_of_time,
        sleep=clock.sleep,
        reraise=True,
    )
    return attempts(opener, place)
