"""From a place to the hops that lead there, by the user's SSH configuration (ssh_config(5)).

Read: Host and Match, Include, HostName, User, Port, IdentityFile, IdentitiesOnly, HostKeyAlias, ProxyJump
(chains; a jump host's own ProxyJump too) and ProxyCommand. Other options are ignored.
"""

from __future__ import annotations

import getpass
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paramiko

from edgebench.errors import ConfigError
from edgebench.transports.known_hosts import key_name
from edgebench.transports.places import SshPlace

_MAX_DEPTH = 8
_DEFAULT_PORT = 22
_ALL = "Host *"
_BLOCK = re.compile(r"\s*(host|match)[\s=]", re.IGNORECASE)
_INCLUDE = re.compile(r"\s*include[\s=]+(.+)", re.IGNORECASE)
_JUMP = re.compile(r"(?:ssh://)?(?:(?P<user>[^@]+)@)?(?P<host>\[[^\]]+\]|[^:\[\]]+)(?::(?P<port>\d+))?/?\Z")


@dataclass(frozen=True)
class SshSettings:
    """What is the user's and not the device's: files of OpenSSH, and how long to wait (seconds).

    `agent`: whether keys of a running ssh-agent may be tried. `default_keys`: tried when neither place nor
    configuration names a key. `stall_s`: a transfer in which nothing comes back for so long is given up.
    """

    config_files: tuple[Path, ...]
    known_hosts: tuple[Path, ...]
    default_keys: tuple[Path, ...] = ()
    agent: bool = True
    connect_s: float = 10.0
    stall_s: float = 20.0
    keepalive_s: int = 30

    @classmethod
    def of_user(cls) -> SshSettings:
        """The files that `ssh` itself would read."""
        folder = Path.home() / ".ssh"
        return cls(
            config_files=(folder / "config", Path("/etc/ssh/ssh_config")),
            known_hosts=(folder / "known_hosts", Path("/etc/ssh/ssh_known_hosts")),
            default_keys=tuple(folder / f"id_{kind}" for kind in ("ed25519", "ecdsa", "rsa")),
        )


@dataclass(frozen=True)
class Hop:
    """One SSH server on the way, and how to log in there. `proxy_command` only on the first hop of a route."""

    host: str
    port: int
    user: str
    keys: tuple[Path, ...]
    known_as: str
    use_agent: bool = True
    proxy_command: str | None = None

    @property
    def address(self) -> str:
        """For messages."""
        return f"{self.user}@{self.host}" + (f":{self.port}" if self.port != _DEFAULT_PORT else "")


def route(place: SshPlace, settings: SshSettings) -> list[Hop]:
    """Hops to connect through, the device last. Raises ConfigError on a bad file or a circle of jumps."""
    config = _load(settings.config_files)
    return list(_hops(config, place, settings, depth=0, jumps=True))


def host_aliases(settings: SshSettings) -> list[str]:
    """Names in Host lines that stand for one host each, sorted. Raises ConfigError on a bad file."""
    return sorted(name for name in _load(settings.config_files).get_hostnames() if not set(name) & set("*?!"))


def _load(files: tuple[Path, ...]) -> paramiko.SSHConfig:
    """The configuration files as one; the first value wins, as in ssh."""
    text = "\n".join(line for file in files for line in [_ALL, *_lines(file, file.parent, 0, _ALL)])
    try:
        return paramiko.SSHConfig.from_text(text)
    except paramiko.ConfigParseError as error:
        raise ConfigError(f"cannot read {files[0]}: {error}") from error


def _lines(file: Path, folder: Path, depth: int, block: str) -> Iterator[str]:
    """Lines of a file with Include lines replaced by what they name (paramiko knows no Include).

    `block` is the Host or Match line that holds where the file begins; it holds again after each Include.
    """
    if depth > _MAX_DEPTH:
        raise ConfigError(f"{file}: Include lines go in a circle")
    try:
        text = file.read_text(encoding="utf-8", errors="surrogateescape")
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        raise ConfigError(f"cannot read {file}: {error.strerror}") from error
    for line in text.splitlines():
        include = _INCLUDE.match(line)
        if not include:
            block = line if _BLOCK.match(line) else block
            yield line
            continue
        for word in include[1].replace('"', "").split():
            pattern = Path(word).expanduser()
            base = Path(pattern.anchor) if pattern.is_absolute() else folder
            relative = pattern.relative_to(pattern.anchor) if pattern.is_absolute() else pattern
            for included in sorted(base.glob(str(relative))):
                yield from _lines(included, folder, depth + 1, block)
                yield block


def _hops(
    config: paramiko.SSHConfig, place: SshPlace, settings: SshSettings, *, depth: int, jumps: bool
) -> Iterator[Hop]:
    """The hops before `place`, then its own."""
    if depth > _MAX_DEPTH:
        raise ConfigError(f"ProxyJump of {place.host!r} goes in a circle")
    found = _lookup(config, place)
    jump = found.get("proxyjump", "none")
    if jumps and jump.lower() != "none":
        for index, word in enumerate(jump.split(",")):
            # only the first of a chain may have a way of its own; the others are reached through it
            hop = _jump_place(word.strip(), place)
            yield from _hops(config, hop, settings, depth=depth + 1, jumps=index == 0)
    direct = jumps and jump.lower() == "none"
    yield _hop(place, found, settings, found.get("proxycommand") if direct else None)


def _lookup(config: paramiko.SSHConfig, place: SshPlace) -> dict[str, str]:
    """What the configuration says about a host."""
    try:
        found: dict[str, str] = config.lookup(place.host)
    except (paramiko.SSHException, ImportError, OSError, KeyError) as error:
        raise ConfigError(f"the SSH configuration of {place.host!r} cannot be used: {error}") from error
    return found


def _jump_place(word: str, place: SshPlace) -> SshPlace:
    """A word of ProxyJump as a place."""
    parts = _JUMP.match(word)
    if not parts:
        raise ConfigError(f"ProxyJump of {place.host!r}: cannot read {word!r}")
    port = int(parts["port"]) if parts["port"] else None
    return SshPlace(place.name, parts["host"].strip("[]"), port, parts["user"], None, place.known_hosts)


def _hop(place: SshPlace, found: dict[str, str], settings: SshSettings, proxy: str | None) -> Hop:
    """One server, the place's own values before the configuration's."""
    host = found.get("hostname", place.host)
    port = place.port or int(found.get("port", _DEFAULT_PORT))
    named = [Path(name).expanduser() for name in found.get("identityfile", ())]
    keys = [place.key.expanduser()] if place.key else named or list(settings.default_keys)
    return Hop(
        host=host,
        port=port,
        user=place.user or found.get("user") or getpass.getuser(),
        keys=tuple(keys),
        known_as=found.get("hostkeyalias") or key_name(host, port),
        use_agent=settings.agent and found.get("identitiesonly", "no").lower() != "yes",
        proxy_command=proxy if proxy and proxy.lower() != "none" else None,
    )
