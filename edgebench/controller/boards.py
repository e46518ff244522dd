"""The board that a roofline is for: one of the user's devices, asked for its clocks if it answers, or a profile."""

from __future__ import annotations

from edgebench.controller.calibrations import load_calibration
from edgebench.controller.devices import DeviceEntry, load_devices, select_device
from edgebench.controller.profiles import choose_phone_profile, choose_profile, own_profiles, profile_names, profile_of
from edgebench.controller.roofline import Board
from edgebench.controller.session import Connect, DeviceSession
from edgebench.controller.view import SilentView
from edgebench.errors import DeviceError, UnknownName
from edgebench.profiles import load_profile


def find_board(name: str, connect: Connect | None = None) -> Board:
    """What is known of a device of that name, else of the profile. Raises `UnknownName`, `ConfigError`."""
    entries = load_devices()
    try:
        entry = select_device(name, entries)
    except UnknownName:
        if name not in profile_names():
            raise UnknownName("device or profile", name, [*entries, *profile_names()]) from None
        return Board(name=name, profile=load_profile(name, own_profiles()))
    return _asked(entry, connect)


def _asked(entry: DeviceEntry, connect: Connect | None) -> Board:
    declared = profile_of(entry)
    try:
        with DeviceSession(entry, SilentView(), connect) as session:
            facts, device_id = session.facts, session.device_id
    except DeviceError as error:
        calibration = load_calibration(entry.name)
        note = f"{error.message}: its clocks were not asked"
        return Board(
            name=entry.name, profile=declared, calibration=calibration, simulated=entry.is_simulated, notes=(note,)
        )
    if declared is None:
        properties = facts.get("properties")
        chosen = choose_phone_profile(properties) if properties else choose_profile(facts)
        declared = load_profile(chosen, own_profiles())
    calibration = load_calibration(entry.name, device_id)
    return Board(name=entry.name, profile=declared, facts=facts, calibration=calibration, simulated=entry.is_simulated)
