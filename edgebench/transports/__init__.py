"""Ways to reach a device: run a command there, bring files there and back.

Importing this package loads no SSH library; `open_transport` and `connect` load what the place needs.
"""

from __future__ import annotations

from edgebench.transports.base import (
    Clock,
    CommandTimeout,
    Completed,
    FileMissing,
    Progress,
    PushResult,
    Stream,
    Transport,
)
from edgebench.transports.places import AdbPlace, LocalPlace, Place, SshPlace
from edgebench.transports.registry import connect, open_transport

__all__ = [
    "AdbPlace",
    "Clock",
    "CommandTimeout",
    "Completed",
    "FileMissing",
    "LocalPlace",
    "Place",
    "Progress",
    "PushResult",
    "SshPlace",
    "Stream",
    "Transport",
    "connect",
    "open_transport",
]
