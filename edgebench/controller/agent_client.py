"""The host's hand on the agent: calls its verbs, follows a job."""

from __future__ import annotations

import json
import secrets
from collections.abc import Generator, Iterator, Mapping, Sequence
from typing import Any

from edgebench.agent.protocol import FrameReader
from edgebench.errors import DeviceError, DeviceLocked, DeviceLost, DeviceUnfit
from edgebench.transports.base import Transport

VERB_TIMEOUT_S = 60.0
SHELL_SILENCE_S = 12.0
"""The sh agent gives a sign of life every 4 s: a phone of which nothing came for so long is frozen, or its link is."""

SIGN_OF_LIFE = b"~"
SUPERVISOR_GONE = 3
"""Exit status of `follow` when a job's supervisor is gone without an `end`."""


class AgentClient:
    """Calls the agent on one device, which `deploy_agent` has put there. Raises `DeviceLost` on a broken link.

    `command` starts the agent there, in front of a verb; `python_version` is () where the agent is the POSIX-sh one.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        command: Sequence[str],
        home: str,
        root: str = "/",
        python_version: tuple[int, ...] = (),
    ) -> None:
        self.transport = transport
        self.home = home
        self.root = root
        self.python_version = python_version
        self._command = list(command)

    @property
    def device(self) -> str:
        """The device's name, for messages."""
        return self.transport.name

    @property
    def interpreter(self) -> str:
        """What runs the agent there: a Python, or `sh`."""
        return self._command[0]

    @property
    def is_shell(self) -> bool:
        """Whether it is the POSIX-sh agent, for devices without Python."""
        return not self.python_version

    def make_folder(self, folder: str) -> None:
        """Make a folder below the home folder. Raises `DeviceUnfit` (`disk-full`, `permission`)."""
        make_folder(self.transport, f"{self.home}/{folder}")

    def argv(self, verb: str, *args: str, nonce: str) -> list[str]:
        """The command line of a verb on the device."""
        root = ["--root", self.root] if self.is_shell else []  # the Python agent's verbs take it where they need it
        return [*self._command, verb, *args, *root, "--nonce", nonce]

    def call(
        self, verb: str, *args: str, timeout_s: float = VERB_TIMEOUT_S, env: Mapping[str, str] | None = None
    ) -> list[dict[str, Any]]:
        """Run a verb to its end and return its events, `end` left out; `env` adds to the device's environment."""
        nonce = secrets.token_hex(8)
        done = self.transport.exec(self.argv(verb, *args, nonce=nonce), timeout_s=timeout_s, env=env)
        reader = FrameReader(nonce)
        events = reader.feed(done.stdout)
        if not reader.ended:
            said = done.stderr.decode("utf-8", "replace").strip().splitlines()
            reason = said[-1] if said else f"exit status {done.returncode}"
            code = "disk-full" if "No space left" in reason else "device-lost"
            error = DeviceUnfit if code == "disk-full" else DeviceLost
            raise error(self.device, f"the agent's `{verb}` broke off: {reason}")
        end = events.pop()
        if end.get("code"):
            raise _failure(self.device, verb, end)
        return list(events)

    def home_call(self, verb: str, *args: str, timeout_s: float = VERB_TIMEOUT_S) -> list[dict[str, Any]]:
        """A verb that works on the home folder."""
        return self.call(verb, "--home", self.home, *args, timeout_s=timeout_s)

    def facts(self) -> dict[str, Any]:
        """The machine as observed."""
        for event in self.home_call("facts", "--root", self.root):
            if event["ev"] == "facts":
                return dict(event["facts"])
        raise DeviceLost(self.device, "the agent gave no facts")

    def sources(self, power: str = "auto", probes: Mapping[str, Sequence[str]] | None = None) -> list[dict[str, Any]]:
        """Telemetry sources that are there, as `source` events; `probes` are the profile's options."""
        options = json.dumps({name: list(values) for name, values in (probes or {}).items()})
        events = self.call("sensors", "--root", self.root, "--power", power, "--probes", options)
        return [event for event in events if event["ev"] == "source"]

    def status(self) -> list[dict[str, Any]]:
        """Jobs on the device, the lease and the journal."""
        return self.home_call("status")

    def start(self, job: str) -> dict[str, Any]:
        """Start a pushed job; returns the `started` or `locked` event."""
        for event in self.call("start", self.job_folder(job)):
            if event["ev"] in ("started", "locked"):
                return event
        raise DeviceLost(self.device, "the agent did not say whether the job started")

    def follow(self, job: str, nonce: str, offset: int, *, silence_s: float | None) -> Iterator[dict[str, Any]]:
        """Events of a job from a byte offset of its file on, as they come; see `Following`."""
        return Following(self, job, nonce, offset, silence_s).events()

    def job_folder(self, job: str) -> str:
        """The folder of a job on the device."""
        return f"{self.home}/jobs/{job}"


class Following:
    """A job followed over a link that may drop: remembers how far it has read, so that it can go on later."""

    def __init__(
        self, client: AgentClient, job: str, nonce: str, offset: int = 0, silence_s: float | None = None
    ) -> None:
        self.client = client
        self.job = job
        self.silence_s = silence_s
        self.reader = FrameReader(nonce)
        self.reader.offset = offset

    @property
    def ended(self) -> bool:
        """Whether the job's `end` has come."""
        return bool(self.reader.ended)

    def _patience(self) -> float | None:
        if not self.client.is_shell:
            return self.silence_s
        return SHELL_SILENCE_S if self.silence_s is None else min(self.silence_s, SHELL_SILENCE_S)

    def events(self) -> Generator[dict[str, Any], None, None]:
        """Yield events until `end`, or until the device says that the supervisor is gone. Raises `DeviceLost`."""
        client = self.client
        if self.reader.ended:
            return
        self.reader.restart()
        argv = client.argv("follow", client.job_folder(self.job), "--from", str(self.reader.offset), nonce="0" * 16)
        with client.transport.stream(argv, silence_s=self._patience()) as stream:
            for line in stream:
                if line.strip() == SIGN_OF_LIFE:
                    continue  # no part of the record: it must not move the offset
                yield from self.reader.feed(line if line.endswith(b"\n") else line + b"\n")
                if self.reader.ended:
                    return
            if stream.returncode != SUPERVISOR_GONE:
                said = stream.stderr.decode("utf-8", "replace").strip().splitlines()
                reason = said[-1] if said else f"exit status {stream.returncode}"
                raise DeviceLost(client.device, f"following the job broke off: {reason}")


def make_folder(transport: Transport, path: str) -> None:
    """Make a folder on a device, with those above it. Raises `DeviceUnfit` (`disk-full`, `permission`)."""
    done = transport.exec(["mkdir", "-p", "--", path])
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip()
        code = "disk-full" if "No space left" in said else "permission"
        hint = 'choose another folder there: `home = "/path"` in devices.toml'
        raise DeviceUnfit(transport.name, said or "cannot make a folder there", code=code, hint=hint)


def _failure(device: str, verb: str, end: dict[str, Any]) -> DeviceError:
    code = str(end["code"])
    message = str(end.get("message") or f"the agent's `{verb}` failed")
    if code in ("disk-full", "permission", "runtime-missing"):
        return DeviceUnfit(device, message, code=code)
    if code == "device-locked":
        return DeviceLocked(
            device, message, hint=f"wait for it, or end it: `edgebench devices restore {device} --force`"
        )
    return DeviceUnfit(device, message, code=code)
