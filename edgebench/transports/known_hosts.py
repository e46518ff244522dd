"""OpenSSH's known_hosts files (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): who a host said it was last time."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from edgebench.transports.hashing import part_name

_REVOKED = "@revoked"


@dataclass(frozen=True)
class HostKey:
    """A public key as known_hosts writes it: its type (`ssh-ed25519`) and its blob in base64."""

    type: str
    base64: str

    @property
    def fingerprint(self) -> str:
        """`SHA256:` and the hash of the blob, as `ssh-keygen -lf` prints it. Raises ValueError if no base64."""
        digest = hashlib.sha256(base64.b64decode(self.base64)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


@dataclass(frozen=True)
class _Entry:
    marker: str
    patterns: str
    key: HostKey


def key_name(host: str, port: int) -> str:
    """The name under which a host's key is kept.

    >>> key_name("board", 22), key_name("board", 2222)
    ('board', '[board]:2222')
    """
    return host.lower() if port == 22 else f"[{host.lower()}]:{port}"


class KnownHosts:
    """Keys from several files; files that are absent are skipped, lines that make no sense too."""

    def __init__(self, files: Iterable[Path]) -> None:
        self._entries = [entry for file in files for entry in _read(file)]

    def keys_of(self, name: str) -> list[HostKey]:
        """Keys that the host may show, in file order; `@cert-authority` lines are not for keys."""
        return [e.key for e in self._entries if not e.marker and _names(e.patterns, name)]

    def plain_names(self) -> list[tuple[str, int | None]]:
        """(host, port or None for 22) of all entries that name hosts in clear, without globs, in file order."""
        fields = [e.patterns for e in self._entries if not e.marker and not e.patterns.startswith("|")]
        words = [word for field in fields for word in field.split(",") if not set(word) & set("*?!")]
        return list(dict.fromkeys(_host_and_port(word) for word in words))

    def is_revoked(self, key: HostKey) -> bool:
        """Whether a `@revoked` line bans the key."""
        return any(e.marker == _REVOKED and e.key == key for e in self._entries)


def append_key(file: Path, name: str, key: HostKey) -> None:
    """Add one line to a known_hosts file, making it (and its folder, 0700) if need be; readers never see half.

    Nothing changes when the line is there already. Raises OSError.
    """
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        old, mode = file.read_bytes(), file.stat().st_mode & 0o777
    except FileNotFoundError:
        old, mode = b"", 0o600
    line = f"{name} {key.type} {key.base64}\n".encode()
    if line in old.splitlines(keepends=True):
        return
    part = Path(part_name(str(file)))
    try:
        part.write_bytes(old + (b"\n" if old and not old.endswith(b"\n") else b"") + line)
        part.chmod(mode)
        os.replace(part, file.resolve())  # noqa: PTH105 - through a symlink, as dotfile keepers have it
    finally:
        part.unlink(missing_ok=True)


def _read(file: Path) -> Iterator[_Entry]:
    """Entries of one file."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        fields = line.split()
        marker = fields.pop(0) if fields and fields[0].startswith("@") else ""
        if len(fields) >= 3 and not fields[0].startswith("#") and _is_base64(fields[2]):
            yield _Entry(marker, fields[0], HostKey(fields[1], fields[2]))


def _host_and_port(word: str) -> tuple[str, int | None]:
    """A name of a known_hosts file, `board` or `[board]:2222`, as host and port."""
    host, bracket, port = word.removeprefix("[").partition("]:")
    return (host, int(port)) if bracket and port.isdigit() else (word, None)


def _is_base64(text: str) -> bool:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return False
    return True


def _names(patterns: str, name: str) -> bool:
    """Whether a host field stands for `name`: hashed (`|1|salt|hash`), or names and globs, `!` forbids."""
    if patterns.startswith("|1|"):
        return _hashed_names(patterns, name)
    found = False
    for pattern in patterns.lower().split(","):
        # brackets are literal in `[host]:port`; only * and ? are wild
        wild = pattern.removeprefix("!").replace("[", "[[]")
        if fnmatchcase(name, wild):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _hashed_names(field: str, name: str) -> bool:
    """Whether HMAC-SHA1 of `name` under the field's salt is the field's hash."""
    try:
        salt, wanted = (base64.b64decode(part) for part in field[3:].split("|"))
    except (binascii.Error, ValueError):
        return False
    return hmac.compare_digest(hmac.new(salt, name.encode(), hashlib.sha1).digest(), wanted)
