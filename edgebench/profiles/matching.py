"""Which profile a device's own facts speak for. Its name in the user's file says nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebench.profiles.catalog import list_profiles, load_profile
from edgebench.profiles.profile import Match, Profile

FALLBACK = "generic-linux"
PHONE_FALLBACK = "generic-android"
PLATFORM = "ro.board.platform"
FALLBACK_PHONE = "generic-android"
_CHIP = ("ro.board.platform", "ro.soc.model", "ro.hardware")
_MODULE = re.compile(r"p\d{4}-\d{4}")


def match_profile(facts: Mapping[str, Any], own: Path | None = None) -> str:
    """The name of the profile for a device with these facts, `generic-linux` or `generic-android` where none fits.

    A module's part number decides where the device tree shows one; else the board's model together with its chip, and
    before a model alone. The chip alone never does: several boards with different power rails share it. A phone is
    known by the properties of its model or device, together with its platform.
    """
    if facts.get("system") == "Android":
        phones = (load_profile(name, own) for name in list_profiles(own))
        return _best_phone(phones, facts.get("properties") or {}) or PHONE_FALLBACK
    board = _Board.of(facts.get("board") or {})
    return _best((load_profile(name, own) for name in list_profiles(own)), board) or FALLBACK


@dataclass(frozen=True)
class _Board:
    """What a board says of itself: its chips, its modules' part numbers, its model's name."""

    chips: frozenset[str]
    modules: frozenset[str]
    model: str

    @classmethod
    def of(cls, board: Mapping[str, Any]) -> _Board:
        """From facts: the agent's own `soc` and `module`, else the words of the device tree."""
        compatible = [str(word) for word in board.get("compatible") or ()]
        chips = {word.rpartition(",")[2] for word in (*compatible, str(board.get("soc") or ""))} - {""}
        modules = {str(board["module"])} if board.get("module") else set(_MODULE.findall(" ".join(compatible)))
        return cls(frozenset(chips), frozenset(modules), str(board.get("model") or ""))


def match_phone(properties: Mapping[str, str], own: Path | None = None) -> str:
    """The name of the profile for a phone with these system properties, `generic-android` where none fits.

    A profile fits where nothing that it lists speaks against it (what the phone does not say does not), and something
    besides the chip speaks for it: phones with the same chip differ in battery, rails and cooling.
    """
    profiles = (load_profile(name, own) for name in list_profiles(own))
    scores = {profile.name: _phone_score(profile.match, properties) for profile in profiles}
    best = max(scores, key=lambda name: scores[name], default=FALLBACK_PHONE)
    return best if scores.get(best) else FALLBACK_PHONE


def _phone_score(match: Match, properties: Mapping[str, str]) -> int:
    """How many properties besides the chip speak for the profile; 0 where one speaks against it."""
    said = {key: properties[key] in values for key, values in match.getprop.items() if properties.get(key)}
    if not all(said.values()):
        return 0
    return sum(key not in _CHIP for key in said)


def _best_phone(profiles: Iterable[Profile], properties: Mapping[str, Any]) -> str | None:
    found = [one.name for one in profiles if one.match.getprop and _is_phone(one.match, properties)]
    return min(found, default=None)


def _is_phone(match: Match, properties: Mapping[str, Any]) -> bool:
    """Whether a property that names the model is one of those listed; a platform that contradicts rules it out."""
    fits = {key: properties.get(key) in values for key, values in match.getprop.items()}
    contradicted = PLATFORM in properties and not fits.pop(PLATFORM, True)
    fits.pop(PLATFORM, None)
    return not contradicted and any(fits.values())


def _best(profiles: Iterable[Profile], board: _Board) -> str | None:
    scores = {profile.name: _score(profile.match, board) for profile in profiles}
    best = max(scores, key=lambda name: scores[name], default=None)
    return best if best is not None and scores[best] > 0 else None


def _score(match: Match, board: _Board) -> int:
    """3: by module, 2: by chip and model, 1: by model where either names no chip, 0: not this one."""
    if match.soc and board.chips and not board.chips & set(match.soc):
        return 0
    if board.modules & set(match.exclude_module):
        return 0
    if board.modules & set(match.module):
        return 3
    ours = {module.partition("-")[0] for module in match.module}
    if any(module.partition("-")[0] in ours for module in board.modules):
        return 0  # a module of the same series that this profile does not list has other rails or memory
    if not (match.model_regex and re.search(match.model_regex, board.model)):
        return 0
    return 2 if board.chips & set(match.soc) else 1
