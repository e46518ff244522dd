"""What is set on a phone before a run, as lines of job.txt: the agent notes each in its journal and puts it back.

What cannot be set is told by the agent as a warning and graded; nothing of it ends a run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from edgebench.controller.native.job import Line
from edgebench.errors import UsageError
from edgebench.phones import commands
from edgebench.phones.clusters import Cluster, cpus_of_mask, mask_of, wanted_cpus
from edgebench.phones.commands import Command
from edgebench.profiles.profile import Profile

Facts = Mapping[str, Any]
FIXED_PERFORMANCE_API = 30
AIRPLANE_API = 30
DOZE_API = 23
PERFORMANCE = "performance"
KEEP = "keep"
ADRENO_GOVERNOR = "/sys/class/kgsl/kgsl-3d0/devfreq/governor"
POLICY = "/sys/devices/system/cpu/cpufreq/{}/scaling_governor"

SETTINGS = (
    ("global", "stay_on_while_plugged_in", "7", "the screen stays on with a cable in: a dark phone lowers its clocks"),
    ("system", "screen_off_timeout", "1800000", "and for half an hour without one"),
    ("system", "screen_brightness_mode", "0", "the surroundings' light does not change the power drawn"),
    ("system", "screen_brightness", "102", "40 % of 255, the same in every run"),
    ("global", "window_animation_scale", "0", "nothing draws while it measures"),
    ("global", "transition_animation_scale", "0", "likewise"),
    ("global", "animator_duration_scale", "0", "likewise"),
    ("global", "low_power", "0", "battery saver caps the clocks"),
    ("global", "adaptive_battery_management_enabled", "0", "no policy of yesterday's use"),
)
"""(namespace, key, value, why); the shell user may set them. Brightness and screen as ARM's devlib has them."""


@dataclass(frozen=True)
class Preparation:
    """Lines for job.txt, the tool's CPU mask (hex, None: anywhere), and what cannot be pinned, in words."""

    lines: list[Line]
    mask: str | None = None
    unpinned: list[str] = field(default_factory=list)


def prepare_phone(
    facts: Facts, profile: Profile, asked: Mapping[str, str] | None = None, *, over_wifi: bool = False
) -> Preparation:
    """What to set on this phone. `asked`: `--prepare` by key (governor, affinity, airplane); `over_wifi`: how adb goes.

    Raises `UsageError` for an affinity that this phone has not, and for airplane mode where it would cut the link.
    """
    asked = asked or {}
    sdk = int(facts.get("sdk") or 0)
    lines: list[Line] = [("set-setting", f"{space} {key} {value}") for space, key, value, _ in SETTINGS]
    if sdk >= DOZE_API:
        lines += _pair("doze", commands.DOZE_OFF, commands.DOZE_ON, commands.DOZE_STATE, "0")
    if asked.get("airplane") == "on":
        lines += _airplane(sdk, over_wifi)
    clocks, unpinned = _clocks(facts, sdk, asked.get("governor"))
    mask, loose = _affinity(facts, profile, asked.get("affinity"))
    return Preparation(lines + clocks, mask, unpinned + loose)


def _pair(label: str, do: Command, undo: Command, ask: Command | None = None, expect: str | None = None) -> list[Line]:
    """Commands that set something, put it back, and say whether it is so already."""
    lines = [("set-pair", label)]
    lines += [("ask", word) for word in (ask.argv if ask else ())]
    lines += [("expect", expect)] if expect is not None else []
    lines += [("do", word) for word in do.argv]
    return lines + [("undo", word) for word in undo.argv]


def _airplane(sdk: int, over_wifi: bool) -> list[Line]:
    if over_wifi:
        raise UsageError(
            "--prepare airplane=on would cut adb's own Wi-Fi",
            hint="connect the phone by its cable, or leave airplane mode out",
        )
    if sdk < AIRPLANE_API:
        raise UsageError("--prepare airplane=on needs Android 11", hint="switch it on by hand")
    return _pair("airplane", commands.AIRPLANE_ON, commands.AIRPLANE_OFF, commands.AIRPLANE_STATE, "enabled")


def _clocks(facts: Facts, sdk: int, governor: str | None) -> tuple[list[Line], list[str]]:
    """Governors where `su` answers, else the fixed-performance mode where Android may have it; what is left loose."""
    if governor == KEEP:
        return [], ["clocks: left alone, as asked"]
    governors = (facts.get("cpu") or {}).get("governors") or {}
    if facts.get("root") and governors:
        lines: list[Line] = []
        for policy in sorted(governors):
            lines += [("as-root", "1"), ("set-file", f"{POLICY.format(policy)} {governor or PERFORMANCE}")]
        if (facts.get("sensors") or {}).get("adreno_governor"):
            lines += [("as-root", "1"), ("set-file", f"{ADRENO_GOVERNOR} {PERFORMANCE}")]
        return lines, []
    shown = ", ".join(sorted({str(name) for name in governors.values() if name})) or "not visible"
    loose = [f"clocks: governor {shown}, and no root to set it" + (f" to {governor}" if governor else "")]
    if sdk >= FIXED_PERFORMANCE_API:
        return _pair("fixed-performance", commands.FIXED_ON, commands.FIXED_OFF), loose
    return [], loose


def _affinity(facts: Facts, profile: Profile, wanted: str | None) -> tuple[str | None, list[str]]:
    """The mask asked for, else the profile's where all of its cores are awake."""
    clusters = clusters_of(facts)
    if wanted:
        cpus = wanted_cpus(wanted, clusters)
        if not cpus:
            raise UsageError(f"--prepare affinity={wanted}: {_present(clusters)}", hint="for example affinity=big")
        return mask_of(cpus), []
    default = cpus_of_mask(profile.cpu.default_mask)
    if not default:
        return None, []
    if set(default) <= {cpu for cluster in clusters for cpu in cluster.cpus}:
        return mask_of(default), []
    return None, [f"affinity: the profile's mask {profile.cpu.default_mask} has cores that are not awake"]


def clusters_of(facts: Facts) -> list[Cluster]:
    """The live clusters as the facts tell them."""
    told: Sequence[Mapping[str, Any]] = (facts.get("cpu") or {}).get("clusters") or ()
    return [Cluster(one["name"], tuple(one["cpus"]), one["mask"], one.get("max_khz")) for one in told]


def _present(clusters: Sequence[Cluster]) -> str:
    if not clusters:
        return "this phone does not tell its cores"
    return "this phone has " + ", ".join(f"{one.name} ({','.join(map(str, one.cpus))})" for one in clusters)
