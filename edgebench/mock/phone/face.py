"""What the simulated phone's ADB daemon asks of the phone behind it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

USUAL_FEATURES = ("shell_v2", "cmd", "stat_v2", "ls_v2", "fixed_push_mkdir")
"""What adbd of Android 10 and later announces, less what this daemon cannot do: compression, abb, apex."""


class PhoneFace(Protocol):
    """A phone as its daemon sees it; everything may be read from several threads."""

    @property
    def serial(self) -> str:
        """`ro.serialno`; over TCP the adb server names a phone by its address instead."""

    @property
    def folder(self) -> Path:
        """The real folder that holds the whole phone; its file system is `folder/root`."""

    @property
    def properties(self) -> Mapping[str, str]:
        """System properties; the banner shows ro.product.name, ro.product.model and ro.product.device."""

    @property
    def features(self) -> tuple[str, ...]:
        """The features that the banner announces."""

    @property
    def shell(self) -> tuple[str, ...]:
        """The shell's argv, to which `-c COMMAND` is added."""

    def environment(self) -> Mapping[str, str]:
        """Return the whole environment of shell commands, PATH included."""

    def rebooted(self) -> None:
        """Told when the phone comes back after a reboot: boot_id and uptime are new from here on."""
