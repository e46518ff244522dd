"""Hosts that the user's own SSH files name and `devices.toml` does not: nothing is scanned."""

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


def find_candidates(entries: Iterable[DeviceEntry]) -> list[Candidate]:
    """Hosts of ssh's configuration and of known_hosts (hashed names cannot be read) that are not added yet."""
    from edgebench.transports.known_hosts import KnownHosts
    from edgebench.transports.ssh_config import SshSettings, host_aliases

    settings = SshSettings.of_user()
    added = {(entry.host, entry.port) for entry in entries}
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
