"""A phone's facts in the shape of the Python agent's (`agent/facts.py`), by one round trip of the commands' table.

What cannot be known is None: nobody looked, or the phone did not say. Paths come back without the root.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from typing import Any

from edgebench.controller.native.sensors import find_sensors
from edgebench.phones import commands
from edgebench.phones.answers import Answer, Answers, cut_apart
from edgebench.phones.battery import parse_battery_dump
from edgebench.phones.clusters import find_clusters, parse_cpus
from edgebench.phones.commands import Command, facts_script, filled
from edgebench.phones.numbers import decimal, integer
from edgebench.phones.properties import parse_properties
from edgebench.phones.states import is_root, parse_device_idle, parse_free_kib, parse_gpu, parse_hashes
from edgebench.phones.thermal import parse_thermal
from edgebench.transports.base import Transport

TIMEOUT_S = 30.0
SHELL_V2_API = 24
"""Android 7 brought exit codes and a stderr of its own to adb's shell."""
KEPT_PROPERTIES = (
    "ro.product.manufacturer",
    "ro.product.model",
    "ro.product.device",
    "ro.board.platform",
    "ro.soc.manufacturer",
    "ro.soc.model",
    "ro.hardware",
    "ro.build.type",
    "ro.vendor.api_level",
)
"""Properties that say what the phone is, never whose: no serial number among them."""

Properties = Mapping[str, str]


def ask(transport: Transport, command: Command, *, timeout_s: float = TIMEOUT_S, **words: str) -> Answer:
    """Send one command of the table, its `{name}`s filled in as whole words. Raises as `Transport.exec` does."""
    done = transport.exec(filled(command, **words), timeout_s=timeout_s)
    return Answer(done.stdout.decode("utf-8", "replace"), done.returncode)


def phone_facts(transport: Transport, home: str, root: str = "/") -> dict[str, Any]:
    """The facts of a phone; `home`: the agent's folder there, `root` stands before every sysfs and proc path.

    Raises as `Transport.exec` does (the link); whatever the phone answers is facts, however few.
    """
    nonce, prefix = secrets.token_hex(16), root.rstrip("/")
    script = ["sh", "-c", facts_script(), "edgebench", nonce, home, prefix]
    done = transport.exec(script, timeout_s=TIMEOUT_S)
    return facts_of(cut_apart(done.stdout.decode("utf-8", "replace"), nonce), prefix)


def facts_of(answers: Answers, prefix: str = "") -> dict[str, Any]:
    """The facts that these answers hold; see `phone_facts`."""
    properties = parse_properties(answers.text(commands.PROPERTIES))
    system = {path.removeprefix(prefix): line for path, line in answers.firsts(commands.SYSTEM).items()}
    kernel, _, machine = answers.text(commands.KERNEL).strip().partition(" ")
    free_kib = parse_free_kib(answers.text(commands.DISK).strip())
    gpu = parse_gpu(answers.text(commands.GPU_DUMP))
    sdk = integer(properties.get("ro.build.version.sdk"))
    return {
        "machine": machine.strip() or None,
        "system": "Android",
        "kernel": kernel or None,
        "os": _os(properties),
        "cpu": _cpu(answers, properties, system, prefix),
        "memory_kib": _memory(answers, prefix),
        "board": _board(properties),
        "machine_id": _hashed(properties.get("ro.serialno") or properties.get("ro.boot.serialno")),
        "boot_id": _hashed(system.get("/proc/sys/kernel/random/boot_id")),
        "loadavg": _loadavg(system.get("/proc/loadavg")),
        "uptime_s": _first_decimal(system.get("/proc/uptime")),
        "disk_free_bytes": free_kib * 1024 if free_kib is not None else None,
        "is_virtual": _virtual(properties),
        "python": None,
        "runtimes": [],
        "properties": {key: properties[key] for key in KEPT_PROPERTIES if key in properties},
        "abis": [abi for abi in properties.get("ro.product.cpu.abilist", "").split(",") if abi],
        "sdk": sdk,
        "shell_v2": sdk is not None and sdk >= SHELL_V2_API,
        "security": properties.get("ro.build.version.security_patch"),
        "fingerprint": properties.get("ro.build.fingerprint"),
        "root": is_root(answers.text(commands.SUPERUSER)),
        "tools": _tools(answers, prefix),
        "screen": _screen(answers),
        "battery": _battery(answers),
        "thermal": _thermal(answers),
        "gpu": {"vendor": gpu.vendor, "name": gpu.name, "driver": gpu.driver} if gpu else None,
        "sensors": find_sensors(answers, prefix),
        "unavailable": _unavailable(answers),
    }


def _hashed(text: str | None) -> str | None:
    """A short hash that says "the same" without saying what, as the agent makes it; None of None."""
    return hashlib.sha256(f"edgebench {text}".encode()).hexdigest()[:16] if text else None


def _os(properties: Properties) -> dict[str, str | None]:
    release = properties.get("ro.build.version.release")
    return {"id": "android", "version": release, "name": f"Android {release}" if release else "Android"}


def _board(properties: Properties) -> dict[str, Any]:
    maker = properties.get("ro.product.manufacturer")
    model = properties.get("ro.product.model")
    return {"model": model, "vendor": maker, "compatible": [], "l4t": None}


def _cpu(answers: Answers, properties: Properties, system: Mapping[str, str | None], prefix: str) -> dict[str, Any]:
    info = "\n".join(answers.lines(commands.PROCESSORS).get(f"{prefix}/proc/cpuinfo") or [])
    clocks = {path.removeprefix(prefix): line for path, line in answers.firsts(commands.CLOCKS).items()}
    policies = sorted(set(re.findall(r"/(policy\d{1,4})/", " ".join(clocks))), key=lambda name: int(name[6:]))

    def of(policy: str, name: str) -> str | None:
        return clocks.get(f"/sys/devices/system/cpu/cpufreq/{policy}/{name}")

    online = parse_cpus(system.get("/sys/devices/system/cpu/online"))
    possible = parse_cpus(system.get("/sys/devices/system/cpu/possible"))
    known = {policy: (of(policy, "related_cpus"), of(policy, "cpuinfo_max_freq")) for policy in policies}
    clusters = find_clusters(known, online)
    return {
        "model": _cpu_model(info, properties),
        "parts": sorted(set(re.findall(r"^CPU part\s*:\s*(\S+)", info, re.MULTILINE))),
        "cores": len(possible or online) or None,
        "usable": len(online or possible) or None,
        "governors": {policy: of(policy, "scaling_governor") for policy in policies},
        "max_khz": {policy: integer(of(policy, "cpuinfo_max_freq")) for policy in policies},
        "clusters": [
            {"name": one.name, "cpus": list(one.cpus), "mask": one.mask, "max_khz": one.max_khz} for one in clusters
        ],
        "turbo": None,
        "smt": None,
    }


def _cpu_model(info: str, properties: Properties) -> str | None:
    """The chip by Android 12's own property, else by the kernel's `Hardware`, else by its platform."""
    soc = " ".join(filter(None, (properties.get(f"ro.soc.{name}") for name in ("manufacturer", "model"))))
    hardware = re.search(r"^Hardware\s*:\s*(.{1,100})$", info, re.MULTILINE)
    return soc or (hardware[1].strip() if hardware else None) or properties.get("ro.board.platform")


def _memory(answers: Answers, prefix: str) -> dict[str, int | None]:
    lines = answers.lines(commands.PROCESSORS).get(f"{prefix}/proc/meminfo") or []
    found = {name: integer((value.split() or [""])[0]) for name, _, value in (line.partition(":") for line in lines)}
    return {"total": found.get("MemTotal"), "available": found.get("MemAvailable"), "swap": found.get("SwapTotal")}


def _loadavg(line: str | None) -> list[float] | None:
    found = [decimal(word) for word in (line or "").split()[:3]]
    return [one for one in found if one is not None] if len(found) == 3 and None not in found else None


def _first_decimal(line: str | None) -> float | None:
    return decimal((line or "").split()[0]) if (line or "").split() else None


def _virtual(properties: Properties) -> dict[str, Any]:
    hints = []
    if properties.get("ro.boot.qemu") == "1" or properties.get("ro.kernel.qemu") == "1":
        hints.append("Android Virtual Device")
    if properties.get("ro.hardware") in ("goldfish", "ranchu", "cutf_cvm"):
        hints.append(f"hardware: {properties['ro.hardware']}")
    return {"likely": bool(hints), "hints": hints}


def _tools(answers: Answers, prefix: str) -> list[dict[str, str]]:
    rows = parse_hashes(answers.text(commands.TOOLS))
    return [{"name": path.rpartition("/")[2], "path": path, "sha256": digest} for path, digest in rows]


def _screen(answers: Answers) -> dict[str, Any]:
    found = parse_device_idle(answers.text(commands.IDLE_DUMP))
    return {"on": found.on, "locked": found.locked, "doze": found.doze}


def _battery(answers: Answers) -> dict[str, Any]:
    found = parse_battery_dump(answers.text(commands.BATTERY_DUMP))
    return {
        "level": found.level,
        "plugged": list(found.plugged) if found.plugged is not None else None,
        "status": found.status,
        "voltage_uv": found.voltage_uv,
        "temperature_c": found.temperature_c,
        "faked": found.faked,
        "why": found.why,
    }


def _thermal(answers: Answers) -> dict[str, Any]:
    found = parse_thermal(answers.text(commands.THERMAL_DUMP))
    hottest = {kind: found.hottest(kind) for kind in ("skin", "battery", "cpu", "gpu")}
    return {"status": found.status, "hottest_c": hottest, "why": found.why}


def _unavailable(answers: Answers) -> list[str]:
    """Names of the commands that failed or are unknown on this phone."""
    return [one.name for one in commands.FACTS if answers.by_name.get(one.name, Answer()).code not in (0, 1)]
