"""The services that a phone offers by name: `shell,v2,raw:echo hello`, `sync:`, `reboot:`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from edgebench.mock.phone.adbd.connection import Service
from edgebench.mock.phone.adbd.faults import Faults
from edgebench.mock.phone.adbd.shell import Shell
from edgebench.mock.phone.adbd.streams import Stream
from edgebench.mock.phone.adbd.sync import Sync
from edgebench.mock.phone.face import PhoneFace

ANSWERS = {
    "root": "adbd cannot run as root in production builds\n",
    "unroot": "adbd not running as root\n",
    "remount": 'Not running as root. Try "adb root" first.\n',
    "usb": "restarting in USB mode\n",
    "tcpip": "restarting in TCP mode port: {}\n",
}
"""Services that are a text here: this phone's daemon stays where it is."""


@dataclass(frozen=True)
class Services:
    """Finds services; `reboot` makes the phone go away and come back."""

    face: PhoneFace
    faults: Faults
    shell: Shell
    reboot: Callable[[], None]

    def find(self, name: str) -> Service | None:
        """Return the service of that name, None for one that there is not."""
        sort, colon, rest = name.partition(":")
        word, *options = sort.split(",")
        if not colon:
            return None
        if word in ("shell", "exec"):
            return self._command(word, options, rest)
        if word in ANSWERS:
            text = ANSWERS[word].format(rest).encode()
            return lambda stream: stream.write(text)
        others: dict[str, Service] = {"sync": self._sync, "reboot": self._reboot}
        return others.get(word)

    def _command(self, word: str, options: list[str], command: str) -> Service:
        if word == "exec":
            return lambda stream: self.shell.detached(stream, command)
        if "v2" in options and "pty" in options:
            terms = [option.removeprefix("TERM=") for option in options if option.startswith("TERM=")]
            return lambda stream: self.shell.terminal(stream, command, (terms or ["dumb"])[0])
        if "v2" in options:
            return lambda stream: self.shell.separate(stream, command)
        return lambda stream: self.shell.merged(stream, command)

    def _sync(self, stream: Stream) -> None:
        Sync(stream, self.face.folder, self.faults).serve()

    def _reboot(self, stream: Stream) -> None:
        stream.close()
        self.reboot()
