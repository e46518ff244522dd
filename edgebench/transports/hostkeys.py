"""Getting to know a device: read its host key, write it down, install the user's public key there.

For `edgebench devices add`; nothing here decides by itself to trust a key.
"""

from __future__ import annotations

from pathlib import Path

import paramiko

from edgebench.errors import AuthRefused, DeviceError, DeviceLost
from edgebench.transports.known_hosts import HostKey, append_key
from edgebench.transports.places import SshPlace
from edgebench.transports.ssh_config import SshSettings, route
from edgebench.transports.ssh_exec import run
from edgebench.transports.ssh_link import BROKEN, check_host_key, known_to, reaching

# One line of standard input is appended unless it is there; folder and file get the modes that sshd asks for.
INSTALL_SCRIPT = (
    "set -e; umask 077; mkdir -p .ssh; read -r key; f=.ssh/authorized_keys; touch $f; "
    'grep -qxF -- "$key" $f || { test -z "$(tail -c 1 $f)" || echo >>$f; printf "%s\\n" "$key" >>$f; }'
)

__all__ = ["INSTALL_SCRIPT", "HostKey", "accept_host_key", "install_public_key", "scan_host_key"]


def scan_host_key(place: SshPlace, settings: SshSettings | None = None) -> HostKey:
    """The key that the device shows now, through its (checked) jump hosts if any.

    Raises DeviceUnreachable; HostKeyError and AuthRefused for jump hosts.
    """
    with reaching(place, settings or SshSettings.of_user()) as (link, _):
        key = link.host_key
        link.close()
    return key


def accept_host_key(place: SshPlace, key: HostKey, settings: SshSettings | None = None) -> Path:
    """Write the key to the place's known_hosts file, else the user's first; returns the file. Raises OSError."""
    settings = settings or SshSettings.of_user()
    file = place.known_hosts.expanduser() if place.known_hosts else settings.known_hosts[0]
    append_key(file, route(place, settings)[-1].known_as, key)
    return file


def install_public_key(place: SshPlace, public_key: str, password: str, settings: SshSettings | None = None) -> None:
    """Add one line to the device's authorized_keys, logging in once with a password that is not kept.

    The host key must have been accepted before. Raises ValueError when `public_key` is not one line,
    HostKeyError, AuthRefused, DeviceUnreachable, DeviceLost, DeviceError when the device refuses the write.
    """
    line = public_key.strip()
    if not line or "\n" in line:
        raise ValueError("a public key is one line")
    settings = settings or SshSettings.of_user()
    with reaching(place, settings) as (link, hop):
        check_host_key(link, hop, known_to(place, settings))
        try:
            link.transport.auth_password(hop.user, password)
        except paramiko.AuthenticationException as error:
            hint = "check the password; or the device takes keys only: bring the key there by other means"
            raise AuthRefused(place.name, f"password of {hop.address} refused", hint=hint) from error
        except BROKEN as error:
            raise DeviceLost(place.name, f"the link broke during login ({error or 'closed'})") from error
        done = run(link, ["sh", "-c", INSTALL_SCRIPT], stdin=line.encode() + b"\n", timeout_s=30.0, env=None)
        link.close()
    if done.returncode != 0:
        why = done.stderr.decode("utf-8", "replace").strip()
        raise DeviceError(place.name, f"cannot write .ssh/authorized_keys: {why}")
