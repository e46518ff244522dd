"""Commands over SSH: run to their end, or read line by line while they run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from edgebench.transports.base import Completed
from edgebench.transports.commands import CommandStream, run_to_end
from edgebench.transports.ssh_channel import RemoteCommand
from edgebench.transports.ssh_link import Link


def run(link: Link, argv: Sequence[str], *, stdin: bytes, timeout_s: float, env: Mapping[str, str] | None) -> Completed:
    """Run a command to its end. Raises CommandTimeout when it was killed, DeviceLost, DeviceUnfit."""
    command = RemoteCommand(link, argv, env, start_s=min(timeout_s, link.settings.stall_s))
    command.feed(stdin)
    return run_to_end(link.name, command, argv[0], timeout_s)


def stream(link: Link, argv: Sequence[str], *, env: Mapping[str, str] | None, silence_s: float | None) -> CommandStream:
    """Start a command and read its lines while it runs. Raises DeviceLost."""
    command = RemoteCommand(link, argv, env, start_s=link.settings.stall_s)
    command.feed(b"")
    return CommandStream(link.name, command, silence_s)
