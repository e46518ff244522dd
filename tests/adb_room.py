"""A real adb server of our own, and the plainest of phones for it to connect to.

    with AdbServer(tmp_path) as adb, AdbDaemon(PlainPhone(tmp_path / "phone")) as daemon:
        adb.connect(daemon)
        adb.run("-s", daemon.address, "shell", "echo hello")

The server is the binary that adbutils bundles, on a port of its own and with HOME in the test's folder: neither the
user's server (5037) nor the user's keys are touched.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import adbutils

from edgebench.mock.phone.adbd.server import AdbDaemon
from edgebench.mock.phone.face import USUAL_FEATURES

RUN_S = 60.0
BUNDLED = str(Path(adbutils.__file__).parent / "binaries" / "adb")
"""`adbutils.adb_path()` would prefer an adb of the system; ADBUTILS_ADB_PATH names another release on purpose."""


class PlainPhone:
    """A `PhoneFace` that is nothing but a folder, a shell and two properties."""

    def __init__(
        self,
        folder: Path,
        *,
        serial: str = "PLAIN0001",
        shell: tuple[str, ...] | None = None,
        features: tuple[str, ...] = USUAL_FEATURES,
    ) -> None:
        self.folder = folder
        self.serial = serial
        self.shell = shell or ((shutil.which("mksh") or "sh"),)
        self.features = features
        self.boots = 1
        self.properties = {
            "ro.product.name": "plain",
            "ro.product.model": "Plain Phone",
            "ro.product.device": "plain",
            "ro.serialno": serial,
        }
        for below in ("root/data/local/tmp", "root/sdcard", "bin"):
            (folder / below).mkdir(parents=True)
        cases = "".join(f"{name}) echo '{value}' ;;\n" for name, value in self.properties.items())
        getprop = folder / "bin/getprop"
        getprop.write_text(f"#!/bin/sh\ncase $1 in\n{cases}esac\n")
        getprop.chmod(0o755)

    @property
    def tmp(self) -> Path:
        """The real folder of `/data/local/tmp`."""
        return self.folder / "root/data/local/tmp"

    def environment(self) -> Mapping[str, str]:
        return {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "HOME": "/", "TMPDIR": str(self.tmp)}

    def rebooted(self) -> None:
        self.boots += 1


class AdbServer:
    """Runs from `with` until its end; `binary` may be another release of adb."""

    def __init__(self, folder: Path, *, binary: str | None = None) -> None:
        self.binary = binary or os.environ.get("ADBUTILS_ADB_PATH") or BUNDLED
        self.home = folder / "adb-home"
        self.home.mkdir()
        self.port = free_port()
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "TMPDIR": str(self.home),
            "ANDROID_ADB_SERVER_PORT": str(self.port),
            # no phone of the developer's: neither on USB, nor emulators (ports 5555-5585), nor on the network
            "ADB_USB": "0",
            "ADB_EMU": "0",
            "ADB_MDNS": "0",
        }

    @property
    def address(self) -> str:
        """`host:port`, as `AdbPlace.server` has it."""
        return f"127.0.0.1:{self.port}"

    def client(self) -> adbutils.AdbClient:
        return adbutils.AdbClient(host="127.0.0.1", port=self.port)

    def device(self, daemon: AdbDaemon) -> adbutils.AdbDevice:
        return self.client().device(serial=daemon.address)

    def run(
        self, *arguments: str, given: bytes | None = None, timeout_s: float = RUN_S
    ) -> subprocess.CompletedProcess[bytes]:
        """Run the real adb against this server; its exit code is the caller's to look at."""
        stdin = {"input": given} if given is not None else {"stdin": subprocess.DEVNULL}
        return subprocess.run(
            [self.binary, *arguments],
            env=self.environment,
            capture_output=True,
            timeout=timeout_s,
            check=False,
            **stdin,
        )

    def popen(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start the real adb against this server, with pipes."""
        return subprocess.Popen(
            [self.binary, *arguments],
            env=self.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def connect(self, daemon: AdbDaemon) -> str:
        """`adb connect`, until the phone is usable; returns its serial."""
        said = self.run("connect", daemon.address).stdout.decode()
        assert "connected to" in said, said
        waited = self.run("-s", daemon.address, "wait-for-device")
        assert waited.returncode == 0, waited
        return daemon.address

    def disconnect(self, daemon: AdbDaemon) -> None:
        """Forget the phone; the server would try for a minute to reach one that went."""
        self.run("disconnect", daemon.address)

    def await_state(self, daemon: AdbDaemon, state: str) -> None:
        """Return when the server lists the phone in that state; woken by the server's own events.

        An adb before platform-tools 30 or so does not tell its trackers of `unauthorized`: `state` does there.
        """
        with contextlib.closing(self.client().track_devices()) as events:
            for event in events:
                if event.serial == daemon.address and event.status == state:
                    return

    def state(self, daemon: AdbDaemon) -> str | None:
        """What `adb devices` lists it as; None where it is not listed."""
        lines = self.run("devices").stdout.decode().splitlines()[1:]
        listed = dict(line.split("\t") for line in lines if "\t" in line)
        return listed.get(daemon.address)

    def __enter__(self) -> Self:
        started = self.run("start-server")
        assert started.returncode == 0, started
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run("kill-server")


def free_port() -> int:
    """A free port outside 5555-5585, which every adb server scans for emulators."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    assert port > 5600
    return port
