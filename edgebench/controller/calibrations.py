"""Measured peaks of a device, kept with the user's devices: what `devices calibrate` found, and when."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

import msgspec

from edgebench.controller.devices import config_dir
from edgebench.errors import ConfigError

SCHEMA = "edgebench.calibration/1"
BUSY = 0.1
"""From this share of foreign load on a calibration is called doubtful."""


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the document."""


class Rate(_Part, frozen=True, kw_only=True):
    """10^9 operations or bytes a second: the median over invocations, its interval, and the size that reached it.

    `size`: edge of the matrices, or MiB of an array. `lo` and `hi` are None where there were too few invocations.
    """

    value: float
    lo: float | None = None
    hi: float | None = None
    size: float


class Peak(_Part, frozen=True, kw_only=True):
    """The best rate of matrix products in one precision, and those of all sizes that were tried."""

    precision: str
    peak: Rate
    tried: list[Rate] = []


class Calibration(_Part, frozen=True, kw_only=True):
    """`edgebench.calibration/1`: what one runtime reached on one device.

    `foreign_load`: the largest share of all CPU time that others took meanwhile, None where it was not seen.
    """

    schema: Literal["edgebench.calibration/1"] = SCHEMA  # type: ignore[assignment]
    device: str
    device_id: str
    simulated: bool = False
    date: str
    backend: str
    runtime: str
    accelerator: str
    threads: int | None = None
    power_mode: str | None = None
    foreign_load: float | None = None
    compute: list[Peak] = []
    bandwidth: Rate | None = None
    copies: list[Rate] = []
    additions: list[Rate] = []


def calibration_file(device: str) -> Path:
    """Where a device's calibration is kept; `device` is a name of devices.toml, which is safe as a file's."""
    return config_dir() / "calibrations" / f"{device}.json"


def save_calibration(found: Calibration) -> Path:
    """Keep it in the place of an earlier one; readers see the old or the new one."""
    path = calibration_file(found.device)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part-{os.getpid()}")
    part.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1))
    part.replace(path)
    return path


def load_calibration(device: str, device_id: str | None = None) -> Calibration | None:
    """What was measured of a device, None where nothing was, or another unit went by its name then.

    Raises `ConfigError` for a damaged file.
    """
    path = calibration_file(device)
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Calibration)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError) as error:
        hint = f"remove it, then `edgebench devices calibrate {device}`"
        raise ConfigError(f"{path} is no calibration: {error}", hint=hint) from error
    return found if device_id in (None, found.device_id) else None
