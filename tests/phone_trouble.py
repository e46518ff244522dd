"""What tests of trouble on a phone share: a phone that the test itself holds, so that it breaks at a known moment.

with PhoneRoom(tmp_path) as room, held_phone(room) as held:
    held.daemon.faults.put(Fault("drop", When("push", byte=100_000)))
    done = room.run(model)
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adb_room import free_port
from phone_rooms import PhoneRoom

from edgebench.mock.phone.adbd.auth import Guard
from edgebench.mock.phone.adbd.server import AdbDaemon
from edgebench.mock.phone.faults import parse_fault
from edgebench.mock.phone.phone import Phone

MODEL = Path(__file__).parents[1] / "models" / "sr-x2-w28-fp32.tflite"
GPU = ("--accelerator", "gpu")
"""The quickest of the accelerators there."""


@dataclass(frozen=True)
class HeldPhone:
    """A phone that lives in this process, and its daemon, whose faults can be put and lifted at any moment."""

    phone: Phone
    daemon: AdbDaemon
    home: Path

    @property
    def events(self) -> bytes:
        """What the records of all jobs on it hold so far."""
        return b"".join(path.read_bytes() for path in self.home.glob("jobs/*/events.jsonl"))

    @property
    def jobs(self) -> list[Path]:
        """Its jobs' folders."""
        return sorted(self.home.glob("jobs/*"))

    def runs_its_tool(self) -> bool:
        """Whether a process of the tool has begun."""
        return b'"phase":"start"' in self.events

    def has_ended(self) -> bool:
        """Whether a job has told its end."""
        return b'"ev":"end"' in self.events


@contextlib.contextmanager
def held_phone(
    room: PhoneRoom,
    *faults: str,
    name: str = "phone",
    speed: float = 20.0,
    seed: int = 0,
    guard: Guard | None = None,
    connected: bool = True,
    **options: Any,
) -> Iterator[HeldPhone]:
    """A phone of this process's in the room, connected to its adb server and in its devices' file as `name`.

    `faults` are those of its tool and of itself, as `mock start --fault` takes them; those of the link go to
    `daemon.faults`. `options` are further ones of `Phone`.
    """
    folder = room.folder / f"{name}-{free_port()}"
    folder.mkdir()
    wanted = [parse_fault(text) for text in faults]
    with (
        Phone(folder, "oneplus-7t", faults=wanted, speed=speed, seed=seed, **options) as phone,
        AdbDaemon(phone, guard=guard) as daemon,
    ):
        held = HeldPhone(phone, daemon, phone.root / "data/local/tmp/edgebench")
        enter(room, name, serial=daemon.address, home=str(held.home), root=str(phone.root))
        if connected:
            room.adb.connect(daemon)
        room.name, room.tree = name, phone.root
        try:
            yield held
        finally:
            room.adb.disconnect(daemon)


def enter(room: PhoneRoom, name: str, **fields: str) -> None:
    """Add a simulated phone to the room's devices' file; a name that is there already gets these fields instead."""
    file = room.config / "devices.toml"
    kept = file.read_text().split("\n\n") if file.exists() else []
    fields = {"transport": "adb", "profile": "oneplus-7t", "server": room.adb.address} | fields
    lines = [f"[{name}]", "simulated = true", *(f"{key} = {json.dumps(value)}" for key, value in fields.items())]
    tables = [table.strip() for table in kept if table.strip() and not table.startswith(f"[{name}]")]
    file.write_text("\n\n".join([*tables, "\n".join(lines)]) + "\n")
