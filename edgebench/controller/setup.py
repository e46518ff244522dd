"""Getting a runtime onto a device: wheels fetched by the host, pushed, unpacked and tried there, named last."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebench.controller.recipes import GPU_RECIPES, RECIPES, Wheels
from edgebench.controller.runtimes import FoundRuntime, find_runtime, runtime_environment
from edgebench.controller.session import DeviceSession
from edgebench.controller.wheels import Wheel, WheelTarget, fetch, wheel_target
from edgebench.errors import DeviceError, DeviceLocked, DeviceLost, DeviceUnfit, UnknownName

INSTALL_TIMEOUT_S = 900.0
IMPORT_TIMEOUT_S = 150.0
MIB = 1024 * 1024
RESERVE_BYTES = 64 * MIB


@dataclass(frozen=True)
class SetupPlan:
    """What is to be brought: asked before anything is fetched."""

    backend: str
    wheels: Wheels
    target: WheelTarget
    folder: str

    @property
    def requirements(self) -> tuple[str, ...]:
        """What pip is asked for."""
        return self.wheels.requirements

    def name(self, wheels: list[Wheel]) -> str:
        """The runtime's folder name on the device: `onnxruntime-1.10.0-cp36`."""
        main = next(wheel for wheel in wheels if wheel.distribution == self.wheels.package)
        return f"{self.backend}-{re.sub(r'[^0-9A-Za-z.+]', '_', main.version)}-{self.target.tag}"


def plan_setup(device: DeviceSession, backend: str) -> SetupPlan | FoundRuntime:
    """What setup would do, or the runtime that is there already. Raises `UnknownName`, `DeviceUnfit`."""
    recipes = RECIPES | GPU_RECIPES
    if backend not in recipes:
        raise UnknownName("runtime", backend, recipes)
    on_gpu = backend in GPU_RECIPES
    found = find_runtime(device.facts, "onnxruntime", backend) if on_gpu else find_runtime(device.facts, backend)
    if found:
        return found
    name = device.entry.name
    target = wheel_target(device.facts, name)
    return SetupPlan(backend, recipes[backend].wheels(target.python, name), target, f"{device.client.home}/runtimes")


def fetch_wheels(device: DeviceSession, plan: SetupPlan, folder: Path) -> list[Wheel]:
    """Fetch them into `folder` on this host and see that the device has room. Raises `DeviceUnfit`."""
    wheels = fetch(plan.target, plan.requirements, folder, device.entry.name)
    needed = sum(wheel.bytes + wheel.unpacked_bytes for wheel in wheels)
    free = device.facts.get("disk_free_bytes")
    if isinstance(free, int) and free < needed + RESERVE_BYTES:
        raise DeviceUnfit(
            device.entry.name,
            f"{plan.folder} needs {(needed + RESERVE_BYTES) / MIB:.0f} MiB, {free / MIB:.0f} MiB are free",
            code="disk-full",
            hint="make room there, or name another folder: `home = ` in devices.toml",
        )
    return wheels


def bring_runtime(device: DeviceSession, plan: SetupPlan, wheels: list[Wheel]) -> dict[str, Any]:
    """Push, unpack, try and name the runtime; returns what it said when it was imported (version, providers).

    After an error the runtime is not there; half-pushed wheels are removed, or used by the next try where the
    link broke. Raises `DeviceLocked`, `DeviceUnfit` (`disk-full`, `permission`, `runtime-missing`), `DeviceLost`.
    """
    name = plan.name(wheels)
    client = device.client
    _refuse_if_held(device)
    staging = f"runtimes/.{name}.part"
    try:
        client.make_folder(staging)
        for wheel in wheels:
            _push(device, wheel.path, f"{client.home}/{staging}/{wheel.path.name}")
        device.view.phase(device.entry.name, "install", name)
        events = client.call(
            *("install", name, "--home", client.home, "--module", plan.wheels.module),
            timeout_s=INSTALL_TIMEOUT_S,
            env=runtime_environment(device.facts),
        )
    except DeviceLost:
        raise  # no way to clean up: the staging folder is hidden, and the next try goes on with it
    except BaseException:
        with suppress(DeviceError):
            device.transport.exec(["rm", "-rf", "--", f"{client.home}/{staging}"])
        raise
    device.facts = client.facts()
    return _imported(events)


def try_runtime(device: DeviceSession, backend: str, found: FoundRuntime) -> dict[str, Any]:
    """Import a runtime on the device, in a process of its own; returns {version, providers}.

    Raises `DeviceUnfit` (`runtime-missing`) with the last word of the process where it cannot be imported.
    """
    args = ["--runtimes", f"{device.client.home}/{found.path}"] if found.path else []
    module = (RECIPES | GPU_RECIPES)[backend].packages().get(found.module, found.module)
    environment = runtime_environment(device.facts)
    return _imported(
        device.client.call("import", "--module", module, *args, timeout_s=IMPORT_TIMEOUT_S, env=environment)
    )


def _imported(events: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = next((event for event in events if event["ev"] == "imported"), {})
    return {key: found.get(key) for key in ("version", "providers")}


def _refuse_if_held(device: DeviceSession) -> None:
    """Pushing and unpacking would disturb a measurement. Raises `DeviceLocked`."""
    for event in device.client.status():
        if event["ev"] == "lease" and event.get("state") == "held":
            raise DeviceLocked(
                device.entry.name,
                f"{event.get('holder')} holds it",
                hint=f"wait for it, or end it: `edgebench devices restore {device.entry.name} --force`",
            )


def _push(device: DeviceSession, source: Path, target: str) -> None:
    def progress(done: int, total: int) -> None:
        device.view.transfer(device.entry.name, source.name, done, total)

    device.transport.push(source, target, progress=progress)
