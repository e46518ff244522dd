"""Keys of a simulated board, made for it alone and gone with its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat


@dataclass(frozen=True)
class Keys:
    """The server's key and the one that may log in; `client` is the private file."""

    host: paramiko.PKey
    login: paramiko.PKey
    client: Path


def make_keys(folder: Path) -> Keys:
    """Two new ed25519 keys in `folder`."""
    host, client = _make(folder / "host_key"), _make(folder / "client_key")
    return Keys(paramiko.Ed25519Key(filename=str(host)), paramiko.Ed25519Key(filename=str(client)), client)


def _make(path: Path) -> Path:
    text = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    path.touch(mode=0o600)
    path.write_bytes(text)
    return path


def known_line(port: int, key: paramiko.PKey) -> str:
    """The line of known_hosts for a server on this machine's `port`."""
    return f"[127.0.0.1]:{port} {key.get_name()} {key.get_base64()}\n"
