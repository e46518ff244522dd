"""Devices that could be added: hosts that the user's own SSH files name, phones that a running adb server lists.

Nothing is scanned, and no server is started.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgebench.controller.devices import DeviceEntry
from edgebench.errors import EdgebenchError
from edgebench.transports.places import SshPlace

PROBE_S = 3.0


@dataclass(frozen=True)
class Candidate:
    """A host that could be added: what to type for it, and which file names it."""

    host: str
    port: int | None
    source: str

    @property
    def command(self) -> str:
        """How to add it."""
        return f"edgebench devices add {self.host}" + (f" --port {self.port}" if self.port else "")


@dataclass(frozen=True)
class PhoneCandidate:
    """A phone that could be added: its own serial, its state in words, and what to do where it is not ready."""

    serial: str
    state: str
    todo: str | None
    server: str | None

    @property
    def command(self) -> str:
        """How to add it."""
        return f"edgebench devices add --adb {self.serial}" + (f" --server {self.server}" if self.server else "")


def find_phone_candidates(entries: Iterable[DeviceEntry], server: str | None = None) -> list[PhoneCandidate]:
    """Phones of the adb server ("host:port", None: the environment's) that are not added yet.

    Raises `DeviceUnreachable` where no server answers, `UsageError` for what is no address of one.
    """
    from edgebench.transports.adb_scan import find_phones

    added = {entry.serial for entry in entries if entry.transport == "adb"}
    found = [one for one in find_phones(server) if not added & {one.serial, one.way}]
    return [PhoneCandidate(one.serial, one.state, one.todo, server) for one in found]


def find_candidates(entries: Iterable[DeviceEntry]) -> list[Candidate]:
    """Hosts of ssh's configuration and of known_hosts (hashed names cannot be read) that are not added yet."""
    from edgebench.transports.known_hosts import KnownHosts
    from edgebench.transports.ssh_config import SshSettings, host_aliases

    settings = SshSettings.of_user()
    added = {(entry.host, entry.port) for entry in entries if entry.transport == "ssh"}
    named = [Candidate(alias, None, "ssh config") for alias in host_aliases(settings)]
    named += [Candidate(host, port, "known_hosts") for host, port in KnownHosts(settings.known_hosts).plain_names()]
    unique = {(one.host, one.port): one for one in reversed(named)}
    return sorted((one for key, one in unique.items() if key not in added), key=lambda one: (one.source, one.host))


def probe(candidate: Candidate) -> str:
    """Whether it answers as an SSH server now, in words."""
    from dataclasses import replace

    from edgebench.transports.hostkeys import scan_host_key
    from edgebench.transports.ssh_config import SshSettings

    settings = replace(SshSettings.of_user(), connect_s=PROBE_S)
    try:
        key = scan_host_key(SshPlace(candidate.host, candidate.host, port=candidate.port), settings)
    except EdgebenchError as error:
        return error.message.removeprefix(f"{candidate.host}: ")
    return f"answers, {key.type} {key.fingerprint}"
