"""What takes root on a device: which of it sudo allows without a password, and the drop-in that allows it all."""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from edgebench.controller.session import DeviceSession
from edgebench.errors import DeviceUnfit, UsageError
from edgebench.transports.base import Completed

DROP_IN = "/etc/sudoers.d/edgebench"
"""No dot in its name: sudo leaves out files of /etc/sudoers.d that have one (sudoers(5))."""

STAGED = "edgebench.sudoers"
VISUDO = ("/usr/sbin/visudo", "/usr/bin/visudo", "/sbin/visudo")
MODE = "0440"


@dataclass(frozen=True)
class Privileges:
    """Commands that take root on a device, with why, and the sudoers text that allows `user` them; None: nothing does.

    `is_root`: the agent is root there already.
    """

    user: str
    text: str | None
    commands: tuple[tuple[str, tuple[str, ...]], ...]
    is_root: bool


def ask_privileges(session: DeviceSession) -> Privileges:
    """What takes root there, by the agent's own table. Raises `UsageError` for a device that has no such table."""
    if session.client.is_shell:
        raise UsageError(f"{session.entry.name}: a phone has no sudo", hint="boards have: Jetson, Raspberry Pi")
    found = next(
        event
        for event in session.client.call("privileges", "--root", session.entry.root)
        if event["ev"] == "privileges"
    )
    commands = tuple((str(one["why"]), tuple(map(str, one["argv"]))) for one in found["commands"])
    return Privileges(str(found["user"]), found["text"], commands, _is_root(session))


def _is_root(session: DeviceSession) -> bool:
    return session.entry.root == "/" and session.transport.exec(["id", "-u"]).stdout.strip() == b"0"


def refused(session: DeviceSession, needed: Privileges) -> list[str]:
    """What for root is needed and not given, each reason once: found with `sudo -n -l COMMAND`, which runs nothing."""
    sudo = (session.facts.get("tools") or {}).get("sudo")
    missing: dict[str, None] = {}
    for why, argv in needed.commands if not needed.is_root else ():
        if why not in missing and not (sudo and session.transport.exec([str(sudo), "-n", "-l", *argv]).returncode == 0):
            missing[why] = None
    return list(missing)


def install(session: DeviceSession, needed: Privileges, drop_in: str = DROP_IN) -> None:
    """Check the drop-in with the device's own visudo and put it in its place.

    Raises `DeviceUnfit`: for a text that visudo refuses (nothing was placed), and where it takes a password: then the
    hint is the command for the user to type. `UsageError` for a simulated device.
    """
    if needed.text is None:
        return
    name = session.entry.name
    if session.entry.is_simulated:
        raise UsageError(f"{name} is simulated: its sudo obeys no file", hint="`--sudoers` alone prints the drop-in")
    staged = _stage(session, needed.text)
    visudo = _visudo(session)
    checked = session.transport.exec([visudo, "-cf", staged])
    if checked.returncode != 0:
        raise DeviceUnfit(
            name, f"visudo refuses the drop-in, nothing was placed: {_last_line(checked)}", code="internal"
        )
    placing = ["install", "-o", "root", "-g", "root", "-m", MODE, staged, drop_in]
    done = session.transport.exec(placing if needed.is_root else ["sudo", "-n", *placing])
    if done.returncode != 0:
        # the staged file stays: the user's command takes it from there
        hint = f"type it yourself: {by_hand(session, visudo, staged, placing)}"
        raise DeviceUnfit(name, f"placing {drop_in} takes a password: {_last_line(done)}", code="permission", hint=hint)
    session.transport.exec(["rm", "-f", "--", staged])


def _stage(session: DeviceSession, text: str) -> str:
    """The text as a file in the agent's home there, which visudo can check before it counts."""
    target = f"{session.client.home}/{STAGED}"
    with TemporaryDirectory(prefix="edgebench-") as folder:
        source = Path(folder, STAGED)
        source.write_text(text, encoding="utf-8")
        session.transport.push(source, target)
    return target


def by_hand(session: DeviceSession, visudo: str, staged: str, placing: list[str]) -> str:
    """The command that a user types at this host: it asks for the device's password there."""
    checking = ["sudo", visudo, "-cf", staged]
    there = f"{shlex.join(checking)} && {shlex.join(['sudo', *placing])}"
    entry = session.entry
    if entry.transport == "local":
        return there
    user = f"{entry.user}@" if entry.user else ""
    port = f"-p {entry.port} " if entry.port else ""
    return f"ssh -t {port}{shlex.quote(f'{user}{entry.host}')} {shlex.quote(there)}"


def _visudo(session: DeviceSession) -> str:
    """Where visudo is. Raises `DeviceUnfit`: without its check a wrong file could lock everybody out of sudo."""
    for path in VISUDO:
        if session.transport.exec(["test", "-x", path]).returncode == 0:
            return path
    raise DeviceUnfit(session.entry.name, "there is no visudo: the drop-in cannot be checked", code="tool-missing")


def _last_line(done: Completed) -> str:
    lines = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"exit status {done.returncode}"
