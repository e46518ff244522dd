"""An SSH connection to a device, through as many jump hosts as it takes, with every host's key checked."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import paramiko
from cryptography.exceptions import InvalidTag

from edgebench.errors import DeviceLost, DeviceUnreachable, HostKeyError
from edgebench.transports.known_hosts import HostKey, KnownHosts
from edgebench.transports.places import SshPlace
from edgebench.transports.ssh_auth import log_in
from edgebench.transports.ssh_config import Hop, SshSettings, route
from edgebench.transports.ssh_socket import LinkSocket, dial, run_proxy_command
from edgebench.transports.watchdog import StallWatchdog

# Measured: aes128-gcm carries 1.2 to 1.8 times what paramiko's first choice (aes128-ctr with a MAC) does.
_FAST_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
_RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256")
# Without a handler its tracebacks of broken links would reach the user's terminal.
logging.getLogger("paramiko").addHandler(logging.NullHandler())

BROKEN = (paramiko.SSHException, EOFError, OSError, InvalidTag)
"""What paramiko raises when a link breaks; not always the same for the same cause (InvalidTag: a flipped bit)."""


class Link:
    """An authenticated connection and the jump hosts that carry it."""

    def __init__(self, name: str, settings: SshSettings) -> None:
        self.name = name
        self.settings = settings
        self.host_key = HostKey("", "")  # of the last host that was reached
        self._sockets: list[LinkSocket] = []
        self._transports: list[paramiko.Transport] = []

    @property
    def transport(self) -> paramiko.Transport:
        """The connection to the device itself."""
        return self._transports[-1]

    def shake_hands(self, hop: Hop, known: list[HostKey]) -> None:
        """Reach one more host and agree on keys; nothing is checked yet. Raises DeviceUnreachable."""
        self._sockets.append(self._open_socket(hop))
        with self._during_handshake(hop):
            transport = paramiko.Transport(self._sockets[-1])
            self._transports.append(transport)
            _prefer(transport, known)
            transport.banner_timeout = transport.handshake_timeout = self.settings.connect_s
            transport.auth_timeout = transport.channel_timeout = self.settings.connect_s
            transport.start_client(timeout=self.settings.connect_s)
            if not transport.initial_kex_done:
                raise paramiko.SSHException("no answer to the key exchange")
            transport.set_keepalive(self.settings.keepalive_s)
            key = transport.get_remote_server_key()
            self.host_key = HostKey(key.get_name(), key.get_base64())

    @contextmanager
    def _during_handshake(self, hop: Hop) -> Iterator[None]:
        """Say what a failure before login means."""
        try:
            yield
        except BROKEN as error:
            message = f"{hop.host} port {hop.port} does not talk SSH, or not now ({error or 'closed'})"
            raise DeviceUnreachable(self.name, message, hint="check `port`; is it a busy server?") from error

    def _open_socket(self, hop: Hop) -> LinkSocket:
        """The byte stream to the next host: TCP, a ProxyCommand, or a channel of the host before."""
        if hop.proxy_command:
            return run_proxy_command(self.name, hop.proxy_command)
        if not self._transports:
            return dial(self.name, hop.host, hop.port, self.settings.connect_s)
        there = (hop.host, hop.port)
        try:
            channel = self.transport.open_channel(
                "direct-tcpip", there, ("127.0.0.1", 0), timeout=self.settings.connect_s
            )
        except BROKEN as error:
            message = f"the jump host cannot reach {hop.host} port {hop.port} ({error})"
            raise DeviceUnreachable(self.name, message, hint="check the ProxyJump of this host") from error
        return LinkSocket(channel)

    def open_channel(self) -> Any:
        """A new session channel. Raises DeviceLost."""
        # watched, since even asking for one blocks while another thread is stuck in sending
        with self.watched("opening a channel"):
            return self.transport.open_session(timeout=self.settings.stall_s)

    def is_alive(self) -> bool:
        """Whether the device answers now; asks it, since paramiko tells channels of a break before itself."""
        if not self.transport.is_active():
            return False
        try:
            close_channel(self.open_channel())
        except DeviceLost:
            return False
        return True

    @contextmanager
    def guarded(self, doing: str, limit_s: float | None = None) -> Iterator[None]:
        """A block in which `limit_s` (default: stall_s) without an incoming byte ends as DeviceLost.

        Other errors pass unchanged.
        """
        limit_s = limit_s or self.settings.stall_s
        first = self._sockets[0]
        stalled = DeviceLost(self.name, f"the link stalled while {doing}: no byte for {limit_s:g} s")
        with StallWatchdog(limit_s, lambda: first.received_at, self.abort) as watchdog:
            try:
                yield
            except Exception as error:
                if watchdog.fired:
                    raise stalled from error
                raise
        if watchdog.fired:
            raise stalled

    @contextmanager
    def watched(self, doing: str, limit_s: float | None = None) -> Iterator[None]:
        """A guarded block in which every error of the link is DeviceLost; for calls of paramiko alone."""
        try:
            with self.guarded(doing, limit_s):
                yield
        except BROKEN as error:
            raise DeviceLost(self.name, f"the link broke while {doing} ({error or 'closed'})") from error

    def abort(self) -> None:
        """Cut the connection so that every call that waits on it ends now."""
        self._sockets[0].abort()

    def close(self) -> None:
        """Close everything, the device first; may be called twice."""
        for transport in reversed(self._transports):
            transport.close()
        for link_socket in reversed(self._sockets):
            link_socket.close()


def close_channel(channel: Any) -> None:
    """Close a channel; that the link is gone when it should be told so is no trouble."""
    with suppress(*BROKEN):
        channel.close()


@contextmanager
def reaching(place: SshPlace, settings: SshSettings) -> Iterator[tuple[Link, Hop]]:
    """A link whose last hop has shown its key and has not been checked or logged in to; closed on an error.

    Hops before the last are checked and logged in to. Raises DeviceUnreachable, HostKeyError, AuthRefused,
    ConfigError.
    """
    link = Link(place.name, settings)
    known = known_to(place, settings)
    hops = route(place, settings)
    try:
        for hop in hops[:-1]:
            link.shake_hands(hop, known.keys_of(hop.known_as))
            check_host_key(link, hop, known)
            log_in(place.name, link.transport, hop)
        link.shake_hands(hops[-1], known.keys_of(hops[-1].known_as))
        yield link, hops[-1]
    except BaseException:
        link.close()
        raise


def known_to(place: SshPlace, settings: SshSettings) -> KnownHosts:
    """The device's own known_hosts file and the user's."""
    own = (place.known_hosts.expanduser(),) if place.known_hosts else ()
    return KnownHosts((*own, *settings.known_hosts))


def open_link(place: SshPlace, settings: SshSettings) -> Link:
    """Reach, check and log in. Raises DeviceUnreachable, HostKeyError, AuthRefused, ConfigError."""
    with reaching(place, settings) as (link, hop):
        check_host_key(link, hop, known_to(place, settings))
        log_in(place.name, link.transport, hop)
        return link


def check_host_key(link: Link, hop: Hop, known: KnownHosts) -> None:
    """Refuse a host whose key is unknown, changed or revoked. Raises HostKeyError."""
    key = link.host_key
    keys = known.keys_of(hop.known_as)
    if known.is_revoked(key):
        raise HostKeyError(link.name, f"the host key of {hop.known_as} is revoked: {key.fingerprint}")
    if key in keys:
        return
    if not keys:
        message = f"the host key of {hop.known_as} is unknown: {key.type} {key.fingerprint}"
        raise HostKeyError(link.name, message, hint=f"accept it: `edgebench devices add {hop.address}`")
    before = ", ".join(f"{old.type} {old.fingerprint}" for old in keys)
    message = f"the host key of {hop.known_as} changed: it was {before}, now it is {key.type} {key.fingerprint}"
    hint = (
        "another device at this address, a new system, or an attack; if you know which: "
        f"ssh-keygen -R '{hop.known_as}' and `edgebench devices add {hop.address}`"
    )
    raise HostKeyError(link.name, message, hint=hint)


def _prefer(transport: paramiko.Transport, known: list[HostKey]) -> None:
    """Fast ciphers first, and first the types of host key that we could check."""
    options = transport.get_security_options()
    options.ciphers = _first(_FAST_CIPHERS, options.ciphers)
    types: list[str] = []
    for key in known:
        types.extend(_RSA_SIGNATURES if key.type == "ssh-rsa" else (key.type,))
    options.key_types = _first(tuple(dict.fromkeys(types)), options.key_types)


def _first(wanted: tuple[str, ...], offered: tuple[str, ...]) -> tuple[str, ...]:
    """`offered` with what is `wanted` of it moved to the front."""
    front = tuple(name for name in wanted if name in offered)
    return front + tuple(name for name in offered if name not in front)
