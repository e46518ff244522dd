"""The profile of a device of the user's file, with the user's own profiles before the shipped ones."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edgebench.controller.devices import DeviceEntry, config_dir
from edgebench.profiles import Profile, list_profiles, load_profile, match_phone, match_profile


def own_profiles() -> Path:
    """The folder of the user's profiles."""
    return config_dir() / "profiles"


def profile_of(entry: DeviceEntry) -> Profile | None:
    """What the device is declared to be, None where nothing is. Raises `UnknownName` and `ConfigError`."""
    return load_profile(entry.profile, own_profiles()) if entry.profile else None


def choose_profile(facts: Mapping[str, Any]) -> str:
    """The name of the profile that a device's facts speak for."""
    return match_profile(facts, own_profiles())


def choose_phone_profile(properties: Mapping[str, str]) -> str:
    """The name of the profile that a phone's system properties speak for."""
    return match_phone(properties, own_profiles())


def profile_names() -> list[str]:
    """All names that `profile = ` may have."""
    return list_profiles(own_profiles())
