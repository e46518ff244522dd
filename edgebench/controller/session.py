"""A device in use: connected, deployed to, known by its facts, leftovers of dead sessions brought home."""

from __future__ import annotations

import getpass
import hashlib
import platform
import sys
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

from edgebench.controller.agent_client import AgentClient
from edgebench.controller.deploy_agent import deploy_python_agent, deploy_shell_agent
from edgebench.controller.devices import DeviceEntry
from edgebench.controller.profiles import profile_of
from edgebench.controller.spec import Settings
from edgebench.controller.view import View
from edgebench.errors import DeviceError, DeviceLost
from edgebench.phones.gauge import Gauge
from edgebench.profiles import Profile
from edgebench.records import DeviceRef, Session, SessionDevice
from edgebench.transports.base import Transport
from edgebench.transports.places import AdbPlace, LocalPlace, Place, SshPlace

Connect = Callable[[Place], Transport]
CONNECT_S = 5.0
"""How long a device is tried at first: whoever mistyped an address wants to know soon."""

RECONNECT_S = 60.0
"""How long it is tried after its link broke: a board's Wi-Fi or a router needs that long to come back."""


def now_text() -> str:
    """The present moment as ISO 8601 in UTC, to the microsecond (rows sort by it)."""
    return datetime.now(UTC).isoformat(timespec="microseconds")


def new_id() -> str:
    """A new id for a session or a run: random, its first characters enough to name it."""
    return uuid.uuid4().hex


def place_of(entry: DeviceEntry) -> Place:
    """How to reach a device of the user's file."""
    if entry.transport == "local":
        return LocalPlace(entry.name)
    if entry.transport == "ssh":
        return SshPlace(
            entry.name,
            entry.host or "",
            port=entry.port,
            user=entry.user,
            key=Path(entry.key).expanduser() if entry.key else None,
            known_hosts=Path(entry.known_hosts).expanduser() if entry.known_hosts else None,
        )
    return AdbPlace(entry.name, serial=entry.serial, server=entry.server)


class DeviceSession(AbstractContextManager["DeviceSession"]):
    """One device, open. Raises the `DeviceError`s of its transport and agent while opening."""

    def __init__(self, entry: DeviceEntry, view: View, connect: Connect | None = None) -> None:
        self.entry = entry
        self.view = view
        self._connect = connect
        self.transport: Transport
        self.client: AgentClient
        self.facts: dict[str, Any] = {}
        self.device_id = ""
        self.patience_s = RECONNECT_S
        self.tool_flags: dict[str, frozenset[str]] = {}
        self.gauge: Gauge | None = None
        self._sources: dict[str, list[dict[str, Any]]] = {}

    def __enter__(self) -> DeviceSession:
        try:
            self._open()
        except DeviceLost as lost:  # it was there a moment ago: once more
            self.view.tell(f"{lost.message}; reconnecting")
            self._open()
        return self

    def _open(self) -> None:
        self.connect()
        try:
            self.facts = read_facts(self.client)
        except BaseException:
            self.close()
            raise

    def __exit__(self, *exc: object) -> None:
        self.close()

    def connect(self, patience_s: float = CONNECT_S) -> None:
        """Reach the device, trying for `patience_s` seconds, and make sure that the agent is on it."""
        entry = self.entry
        self.view.phase(entry.name, "connect", entry.where)
        place = place_of(entry)
        self.transport = self._connect(place) if self._connect else _connect_with_retries(place, patience_s)
        try:
            self.view.phase(entry.name, "deploy")
            self.client = _deploy(entry, self.transport)
            self.device_id = _device_id(entry, self.transport)
        except BaseException:
            self.close()
            raise

    def reconnect(self) -> None:
        """Reach the device again after its link broke. Raises `DeviceLost` when it stays gone."""
        self.close()
        before = self.device_id
        try:
            self.connect(self.patience_s)
        except DeviceError as error:
            why = error.message.removeprefix(f"{self.entry.name}: ")
            raise DeviceLost(self.entry.name, f"lost, and not reached again: {why}", hint=error.hint) from error
        if self.device_id != before:
            raise DeviceLost(self.entry.name, "lost, and another device answers in its place")

    def close(self) -> None:
        """Let go of the device."""
        self.transport.close()

    def sources(self, settings: Settings) -> list[dict[str, Any]]:
        """Telemetry sources of the device with the settings' choice of power source."""
        if self.client.is_shell:
            from edgebench.controller.native.telemetry import announced, plan_telemetry

            return announced(plan_telemetry(self, settings), self, settings.power_hz)
        if settings.power not in self._sources:
            self._sources[settings.power] = self.client.sources(settings.power, self.probe_options)
        return self._sources[settings.power]

    @property
    def probe_options(self) -> dict[str, list[str]]:
        """What the profile says of rails, zones and cooling devices, {} where the device has none."""
        return self.profile.probe_options() if self.profile else {}

    @cached_property
    def profile(self) -> Profile | None:
        """What the device is declared to be. Raises `UnknownName` and `ConfigError`."""
        return profile_of(self.entry)

    @property
    def ref(self) -> DeviceRef:
        """The device as rows name it."""
        entry = self.entry
        return DeviceRef(name=entry.name, id=self.device_id, profile=entry.profile, simulated=entry.is_simulated)

    def record(self) -> Session:
        """A new session record of this device, its plan still empty."""
        entry = self.entry
        device = SessionDevice(
            name=entry.name,
            profile=entry.profile,
            id=self.device_id,
            transport=entry.transport,
            simulated=entry.is_simulated,
            facts=self.facts,
        )
        return Session(id=new_id(), started_at=now_text(), device=device)


def holder_name(session_id: str) -> str:
    """Who holds a device, as told to others."""
    try:
        user = getpass.getuser()
    except OSError:  # no passwd entry, as in some containers
        user = "someone"
    return f"{user}@{platform.node()} (session {session_id[:8]})"


def _connect_with_retries(place: Place, patience_s: float) -> Transport:
    from edgebench.transports.registry import connect

    return connect(place, total_s=patience_s)


def read_facts(client: AgentClient) -> dict[str, Any]:
    """The machine as observed: by the agent, or on a phone by the commands that docs/phone-commands.md lists."""
    if not client.is_shell:
        return client.facts()
    from edgebench.controller.native.facts import phone_facts

    return phone_facts(client.transport, client.home, client.root)


def _deploy(entry: DeviceEntry, transport: Transport) -> AgentClient:
    if entry.transport == "adb":
        return deploy_shell_agent(transport, home=entry.home, root=entry.root)
    python = entry.python or _default_python(entry)
    return deploy_python_agent(transport, python=python, home=_home(entry), root=entry.root)


def _default_python(entry: DeviceEntry) -> str:
    return sys.executable if entry.transport == "local" else "python3"


def _home(entry: DeviceEntry) -> str | None:
    if entry.home:
        return entry.home
    if entry.transport != "local":
        return None
    import platformdirs

    return str(Path(platformdirs.user_cache_dir("edgebench"), "device"))


def _device_id(entry: DeviceEntry, transport: Transport) -> str:
    identity = transport.identity()
    if not entry.is_simulated:
        return identity
    digest = hashlib.sha256(f"{identity} {entry.name} {entry.root}".encode()).hexdigest()[:16]
    return f"simulated:{digest}"
