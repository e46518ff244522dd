"""Logging in over SSH with keys: the place's or the configuration's own, then those of a running agent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paramiko
from cryptography.exceptions import InvalidTag

from edgebench.errors import AuthRefused, DeviceUnreachable
from edgebench.transports.ssh_config import Hop


def log_in(device: str, transport: paramiko.Transport, hop: Hop) -> None:
    """Offer keys until one is taken. Raises AuthRefused, DeviceUnreachable when the server went silent or away."""
    notes: list[str] = []
    refused = 0
    for origin, key in _keys(hop, notes):
        try:
            more = transport.auth_publickey(hop.user, key)
        except (EOFError, OSError, InvalidTag) as error:
            raise _hung_up(device, hop, refused) from error
        except paramiko.SSHException as error:
            if "timeout" in str(error).lower():
                raise DeviceUnreachable(device, f"{hop.address} went silent during login") from error
            if not transport.is_active():
                raise _hung_up(device, hop, refused) from error
            refused += 1
            notes.append(f"{origin}: refused")
            continue
        if not more:
            return
        notes.append(f"{origin}: taken, but the server wants {' or '.join(more)} too")
    tried = "; ".join(notes) or "there is no key to offer"
    raise AuthRefused(device, f"login as {hop.address} refused ({tried})", hint=_hint(hop, notes))


def _keys(hop: Hop, notes: list[str]) -> Iterator[tuple[str, Any]]:
    """(where it is from, key) in the order to offer; what cannot be read is noted."""
    for path in hop.keys:
        key = _read_key(path, notes)
        if key is not None:
            yield str(path), key
    if hop.use_agent:
        agent = paramiko.Agent()
        try:
            for key in agent.get_keys():
                yield "ssh-agent", key
        finally:
            agent.close()


def _read_key(path: Path, notes: list[str]) -> Any:
    """A private key, or None with a note; a file that is not there is noted only when nothing else is said."""
    try:
        return paramiko.PKey.from_path(path)
    except FileNotFoundError:
        notes.append(f"{path}: no such file")
    except TypeError:
        notes.append(f"{path}: protected by a passphrase")
    except (paramiko.SSHException, paramiko.UnknownKeyType, ValueError, OSError) as error:
        notes.append(f"{path}: not usable ({error})")
    return None


def _hung_up(device: str, hop: Hop, refused: int) -> AuthRefused | DeviceUnreachable:
    """A server that closes after refusals has had enough keys; one that closes before has other trouble."""
    if refused:
        hint = "name the right key: `key` in devices.toml, or IdentityFile with IdentitiesOnly"
        return AuthRefused(device, f"{hop.address} hung up after {refused} refused keys", hint=hint)
    return DeviceUnreachable(device, f"{hop.address} closed the connection during login")


def _hint(hop: Hop, notes: list[str]) -> str:
    """What to do next."""
    locked = next((note.partition(":")[0] for note in notes if note.endswith("passphrase")), None)
    if locked:
        return f"load the key into an agent: ssh-add {locked}"
    return f"install your public key there: `edgebench devices add {hop.address}` or ssh-copy-id"
