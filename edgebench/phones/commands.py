"""Every command that edgebench sends to a phone: the one table; docs/phone-commands.md is made from it.

Each may fail or be unknown on some phone: then what it tells is unavailable, and nothing else. Words in braces are
filled in when it is asked: whole words, or the beginning of a path. No command is ever built from what a phone said,
except that numbers and paths found there come back as whole words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

When = Literal["facts", "before", "during", "after", "root"]

POLICIES = "{root}/sys/devices/system/cpu/cpufreq/policy*"
BATTERY = "{root}/sys/class/power_supply/battery"
THERMAL = "{root}/sys/class/thermal"
POWER_HAL = "android.hardware.power.stats.IPowerStats/default"


@dataclass(frozen=True)
class Command:
    """A program and its words, why it is asked, the rights it needs, and what is unavailable where it fails.

    With `only_with` the script asks it only where PATH has that program.
    """

    name: str
    argv: tuple[str, ...]
    why: str
    unknown: str
    needs: str = "shell"
    when: When = "facts"
    only_with: str | None = None


@dataclass(frozen=True)
class Files:
    """Files that are read, one line each, or with `whole` all their lines; `*` as a shell has it."""

    name: str
    paths: tuple[str, ...]
    why: str
    unknown: str
    whole: bool = False
    needs: str = "shell; some makers let root alone read them"
    when: When = "facts"


Ask = Command | Files

PROPERTIES = Command("properties", ("getprop",), "model, Android's release, ABIs, build", "what phone this is")
KERNEL = Command("kernel", ("uname", "-r", "-m"), "the kernel and its architecture", "kernel")
DISK = Command("disk", ("df", "-k", "{parent}"), "room for models and records", "free space")
SUPERUSER = Command(
    "superuser",
    ("timeout", "3", "su", "-c", "id"),
    "whether clocks can be pinned: only `uid=0` counts as root",
    "root: nothing is pinned that needs it",
    only_with="su",
)
BATTERY_DUMP = Command(
    "battery-dump",
    ("dumpsys", "battery"),
    "charge, plugged in or not, voltage, temperature; the current on some makers' phones",
    "battery and charging",
)
THERMAL_DUMP = Command(
    "thermal-dump",
    ("dumpsys", "thermalservice"),
    "thermal status and live temperatures for the start gate and the record",
    "temperatures where no thermal zone can be read; the gate is skipped and the grade says so",
    needs="shell, Android 10",
)
IDLE_DUMP = Command(
    "idle-dump", ("dumpsys", "deviceidle"), "screen on, locked, doze", "screen state", needs="shell, Android 6"
)
GPU_DUMP = Command("gpu-dump", ("dumpsys", "SurfaceFlinger"), "the GPU's name and driver (line GLES)", "GPU's name")
METER_DUMP = Command(
    "meter-dump",
    ("dumpsys", POWER_HAL),
    "energy of the power rails since boot (without `delta`, whose state all who ask share)",
    "power from rails: the battery's gauge is tried next",
    needs="shell, Android 12, a phone with rails (Pixel 6 and later)",
)
TOOLS = Command(
    "tools",
    (
        "sha256sum",
        "{home}/tools/*",
        "{home}/tools/*/*",
        "{root}/data/local/tmp/*benchmark_model*",
        "{root}/data/local/tmp/onnxruntime_perf_test*",
        "{root}/data/local/tmp/benchncnn*",
        "{root}/data/local/tmp/benchmark.out",
    ),
    "which benchmark tools lie there, known by their hashes",
    "tools: push them with `edgebench tools add`",
)
SYSTEM = Files(
    "system",
    (
        "{root}/proc/uptime",
        "{root}/proc/loadavg",
        "{root}/proc/sys/kernel/random/boot_id",
        "{root}/sys/devices/system/cpu/online",
        "{root}/sys/devices/system/cpu/possible",
    ),
    "uptime, load, this boot, cores",
    "the figure in question",
)
PROCESSORS = Files(
    "processors", ("{root}/proc/cpuinfo", "{root}/proc/meminfo"), "the CPU's parts; memory", "CPU, memory", whole=True
)
CLOCKS = Files(
    "clocks",
    (
        f"{POLICIES}/related_cpus",
        f"{POLICIES}/cpuinfo_max_freq",
        f"{POLICIES}/scaling_governor",
        f"{POLICIES}/scaling_cur_freq",
        f"{POLICIES}/scaling_max_freq",
    ),
    "clusters and their masks, clocks, governors",
    "affinity by cluster, clocks",
)
ZONES = Files(
    "zones",
    (
        f"{THERMAL}/thermal_zone*/type",
        f"{THERMAL}/thermal_zone*/temp",
        f"{THERMAL}/cooling_device*/type",
        f"{THERMAL}/cooling_device*/cur_state",
    ),
    "temperatures and cooling devices",
    "thermal zones: `dumpsys thermalservice` is used",
)
GAUGE = Files(
    "gauge",
    (f"{BATTERY}/current_now", f"{BATTERY}/voltage_now", f"{BATTERY}/status"),
    "the battery's current and voltage: power where there are no rails",
    "power from the gauge's files: `dumpsys battery` is used where it tells a current",
)
RAILS = Files(
    "rails",
    (
        "{root}/sys/bus/iio/devices/iio:device*/name",
        "{root}/sys/bus/iio/devices/iio:device*/enabled_rails",
        "{root}/sys/bus/iio/devices/iio:device*/energy_value",
    ),
    "energy of the power rails since boot",
    "rails from the kernel: the power HAL is asked",
    whole=True,
    needs="mostly root",
)
ADRENO = Files(
    "adreno",
    (
        "{root}/sys/class/kgsl/kgsl-3d0/devfreq/governor",
        "{root}/sys/class/kgsl/kgsl-3d0/devfreq/cur_freq",
        "{root}/sys/class/kgsl/kgsl-3d0/gpubusy",
    ),
    "an Adreno's clock, governor and load",
    "the GPU's clock",
)
FACTS: tuple[Ask, ...] = (
    PROPERTIES, KERNEL, DISK, SUPERUSER, BATTERY_DUMP, THERMAL_DUMP, IDLE_DUMP, GPU_DUMP, METER_DUMP, TOOLS,
    SYSTEM, PROCESSORS, CLOCKS, ZONES, GAUGE, RAILS, ADRENO,
)  # fmt: skip
"""Asked in one go when a session begins."""

GET_SETTING = Command(
    "get-setting",
    ("settings", "get", "{namespace}", "{key}"),
    "the old value, kept in the journal before it is changed",
    "that setting is left alone",
    when="before",
)
PUT_SETTING = Command(
    "put-setting",
    ("settings", "put", "{namespace}", "{key}", "{value}"),
    "screen on, brightness, animations, low-power mode off",
    "that setting: the grade says what could not be pinned",
    when="before",
)
DELETE_SETTING = Command(
    "delete-setting",
    ("settings", "delete", "{namespace}", "{key}"),
    "puts back a setting that was not there",
    "it stays in the journal and is tried again",
    when="after",
)
DOZE_STATE = Command(
    "doze-state", ("dumpsys", "deviceidle", "enabled"), "whether doze is on", "doze is left alone", when="before"
)
DOZE_OFF = Command(
    "doze-off",
    ("dumpsys", "deviceidle", "disable"),
    "doze would stop a run whose screen is off",
    "doze may interrupt: the grade says so",
    needs="shell, Android 6",
    when="before",
)
DOZE_ON = Command("doze-on", ("dumpsys", "deviceidle", "enable"), "puts doze back", "see doze-off", when="after")
FIXED_ON = Command(
    "fixed-performance-on",
    ("cmd", "power", "set-fixed-performance-mode-enabled", "true"),
    "clocks that the phone can hold, where the maker supports it",
    "clocks are not pinned: the grade says so",
    needs="shell, Android 11, the maker's support",
    when="before",
)
FIXED_OFF = Command(
    "fixed-performance-off",
    ("cmd", "power", "set-fixed-performance-mode-enabled", "false"),
    "puts the clocks back",
    "see fixed-performance-on",
    when="after",
)
AIRPLANE_STATE = Command(
    "airplane-state",
    ("cmd", "connectivity", "airplane-mode"),
    "whether airplane mode is on",
    "airplane mode is left alone",
    needs="shell, Android 11",
    when="before",
)
AIRPLANE_ON = Command(
    "airplane-on",
    ("cmd", "connectivity", "airplane-mode", "enable"),
    "radios off, only where `--prepare airplane=on` asks for it",
    "radios stay on",
    needs="shell, Android 11",
    when="before",
)
AIRPLANE_OFF = Command(
    "airplane-off",
    ("cmd", "connectivity", "airplane-mode", "disable"),
    "radios on again",
    "see airplane-on",
    needs="shell, Android 11",
    when="after",
)
LOAD = Command(
    "load",
    ("head", "-n", "1", "{root}/proc/stat"),
    "how busy the whole phone is while it measures, once a second",
    "foreign load",
    when="during",
)
MEMORY_DUMP = Command(
    "memory-dump",
    ("dumpsys", "meminfo", "{pid}"),
    "what the GPU's driver holds for the process (GL mtrack, EGL mtrack)",
    "GPU memory",
    when="during",
)
AFFINITY = Command(
    "affinity",
    ("taskset", "{mask}", "{program}"),
    "the cores that the tool runs on; what became of it is read from its `Cpus_allowed`",
    "affinity: the grade says so",
    when="during",
)
WRITE_AS_ROOT = Command(
    "write-as-root",
    ("su", "-c", "{script}"),
    "governors and an Adreno's governor, where `su` answers",
    "clocks are not pinned: the grade says so",
    needs="root",
    when="root",
)
AGENT = Command(
    "agent",
    ("sh", "{agent}", "{verb}"),
    "the agent: starts, follows, stops and collects runs, restores",
    "no run",
    when="during",
)
TOOL_HELP = Command(
    "tool-help",
    ("{tool}", "--help"),
    "which flags this build of a benchmark tool has",
    "all but the flags that every release has",
)
SESSION: tuple[Ask, ...] = (
    TOOL_HELP,
    GET_SETTING, PUT_SETTING, DELETE_SETTING, DOZE_STATE, DOZE_OFF, DOZE_ON, FIXED_ON, FIXED_OFF, AIRPLANE_STATE,
    AIRPLANE_ON, AIRPLANE_OFF, WRITE_AS_ROOT, AGENT, AFFINITY, LOAD, MEMORY_DUMP,
)  # fmt: skip
"""Sent by the agent and for it, before, during and after a run."""

ALL: tuple[Ask, ...] = FACTS + SESSION


def filled(command: Command, **words: str) -> list[str]:
    """The command's words with `{name}`s filled in; each stays one word. Raises KeyError for one not given.

    >>> filled(PUT_SETTING, namespace="global", key="low_power", value="0; reboot")
    ['settings', 'put', 'global', 'low_power', '0; reboot']
    """
    return [words[word[1:-1]] if word.startswith("{") and word.endswith("}") else word for word in command.argv]


def facts_script(asks: Iterable[Ask] = FACTS) -> str:
    """A script that asks all of them; arguments: nonce, home, root (without its last slash).

    It prints `NONCE begin NAME`, what came, `NONCE end CODE`; of files `=PATH TAB line`, and `!PATH` for those that are
    there and cannot be read. It is the same text for every phone: nothing of any phone's goes into it.
    """
    return _PROLOGUE + "".join(_asked(ask) for ask in asks)


_PROLOGUE = """\
nonce=$1 home=$2 root=$3
if [ -n "${KSH_VERSION-}" ]; then
    say() { print -r -- "$1"; }
else
    say() { printf '%s\\n' "$1"; }
fi
first_lines() {
    for file; do
        [ -e "$file" ] || continue
        line=
        if [ -r "$file" ] && { IFS= read -r line || [ -n "$line" ]; } <"$file"; then
            say "=$file\t$line"
        else
            say "!$file"
        fi
    done
}
all_lines() {
    for file; do
        [ -e "$file" ] || continue
        [ -r "$file" ] || { say "!$file"; continue; }
        while IFS= read -r line || [ -n "$line" ]; do
            say "=$file\t$line"
        done <"$file"
    done
}
"""
"""mksh, the shell of Android, need not have a built-in printf, and another program for every line would take long."""


def _asked(ask: Ask) -> str:
    if isinstance(ask, Files):
        words = ["all_lines" if ask.whole else "first_lines", *map(_quoted, ask.paths)]
    else:
        words = list(map(_quoted, ask.argv))
    line = f"{' '.join(words)} </dev/null 2>/dev/null"
    if isinstance(ask, Command) and ask.only_with:
        line = f"if command -v {ask.only_with} >/dev/null; then {line}; else (exit 127); fi"
    return f"""\
say "
$nonce begin {ask.name}"
{line}
say "
$nonce end $?"
"""


def _quoted(word: str) -> str:
    """A word of the table as shell text: `*` stays a pattern, {root}, {home} and {parent} become parameters."""
    for name, parameter in (("{root}", '"$root"'), ("{home}", '"$home"'), ("{parent}", '"${home%/*}"')):
        if word.startswith(name):
            return parameter + word.removeprefix(name)
    return word
