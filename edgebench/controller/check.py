"""The doctor for one device: every thing that a run needs or would like, found out without changing anything there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from edgebench.controller import check_board
from edgebench.controller.devices import DeviceEntry
from edgebench.controller.finding import UNFIT, UNREACHABLE, Finding, State
from edgebench.controller.native.check import android, phone_state, tools
from edgebench.controller.profiles import choose_phone_profile, choose_profile
from edgebench.controller.recipes import RECIPES, how_to_bring
from edgebench.controller.runtimes import (
    FoundRuntime,
    find_runtime,
    python_version,
    runtime_environment,
    runtime_for,
)
from edgebench.controller.session import DeviceSession, read_facts
from edgebench.controller.setup import MIB, try_runtime
from edgebench.controller.spec import Settings
from edgebench.errors import AuthRefused, DeviceError, DeviceLost, DeviceUnfit, EdgebenchError, HostKeyError

LOW_DISK_BYTES = 512 * MIB
TEST_BYTES = 64 * 1024


@dataclass(frozen=True)
class CheckReport:
    """All findings about one device."""

    device: str
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0: a run can work; 3: the device cannot be had; 4: it can, but no run would work."""
        codes = [one.exit_code for one in self.findings if one.needed and one.state == "missing"]
        return min(codes, default=0)

    def document(self) -> dict[str, Any]:
        """As JSON gives it."""
        lines = [{key: value for key, value in asdict(one).items() if key != "exit_code"} for one in self.findings]
        return {"device": self.device, "ready": self.exit_code == 0, "findings": lines}


def check_device(entry: DeviceEntry, session: DeviceSession) -> CheckReport:
    """Look at everything; what fails is a finding, not an error. `session` is the entry's, not yet open."""
    try:
        session.connect()
    except DeviceError as error:
        return CheckReport(entry.name, (_not_open(error),))
    try:
        findings = [_reached(session), _interpreter(session), *_all(session)]
    except DeviceError as error:
        findings = [_reached(session), _not_open(error)]
    finally:
        session.close()
    return CheckReport(entry.name, tuple(findings))


def _not_open(error: DeviceError) -> Finding:
    """Which door was shut."""
    text = error.message.removeprefix(f"{error.device}: ")
    if isinstance(error, HostKeyError):
        name, code = "host key", UNREACHABLE
    elif isinstance(error, AuthRefused):
        name, code = "login", UNREACHABLE
    elif isinstance(error, DeviceUnfit):
        name, code = ("python" if error.code == "runtime-missing" else "home"), UNFIT
    else:
        name, code = "reachable", UNREACHABLE
    return Finding(name, "missing", text, error.hint or "", needed=True, exit_code=code)


def _reached(session: DeviceSession) -> Finding:
    return Finding("reachable", "ok", f"{session.entry.where}, {session.transport.identity()}", needed=True)


def _interpreter(session: DeviceSession) -> Finding:
    if session.client.is_shell:
        return Finding("agent", "ok", "its shell runs the agent; no Python is needed", needed=True)
    text = ".".join(map(str, session.client.python_version))
    return Finding("python", "ok", f"`{session.client.interpreter}` is {text}; the agent is there", needed=True)


CHECKS: tuple[Callable[[DeviceSession], Iterator[Finding]], ...]
PHONE_CHECKS: tuple[Callable[[DeviceSession], Iterator[Finding]], ...]


def _all(session: DeviceSession) -> Iterator[Finding]:
    """Every other check; one that breaks tells so and leaves the others their turn."""
    session.facts = read_facts(session.client)
    for check in PHONE_CHECKS if session.client.is_shell else CHECKS:
        try:
            yield from check(session)
        except DeviceLost:
            raise  # the others would only wait for it too
        except EdgebenchError as error:
            yield Finding(check.__name__.strip("_").replace("_", " "), "unknown", error.message, error.hint or "")


def _home(session: DeviceSession) -> Iterator[Finding]:
    """Whether a file can be written and how much room there is."""
    client = session.client
    target = f"{client.home}/check.tmp"
    try:
        with TemporaryDirectory(prefix="edgebench-") as work:
            source = Path(work, "check")
            source.write_bytes(b"\0" * TEST_BYTES)
            client.transport.push(source, target)
        client.transport.exec(["rm", "-f", "--", target])
        yield Finding("home", "ok", f"{client.home} can be written", needed=True)
    except DeviceUnfit as error:
        todo = error.hint or 'name another folder: `home = "/path"` in devices.toml'
        yield Finding("home", "missing", error.message, todo, needed=True)
    free = session.facts.get("disk_free_bytes")
    if not isinstance(free, int):
        yield Finding("disk", "unknown", "free space could not be read")
    elif free < LOW_DISK_BYTES:
        yield Finding("disk", "missing", f"{free / MIB:.0f} MiB free", "make room: models and runtimes go there")
    else:
        yield Finding("disk", "ok", f"{free / MIB:.0f} MiB free")


def _profile(session: DeviceSession) -> Iterator[Finding]:
    """Whether the declared profile is what the facts speak for."""
    declared, seen = session.entry.profile, _spoken_for(session)
    board = (session.facts.get("board") or {}).get("model") or "no board name"
    profile = session.profile  # raises for a name that does not exist
    if profile is None:
        yield Finding("profile", "missing", f"none; {board} speaks for {seen}", f'`profile = "{seen}"` in devices.toml')
    elif declared != seen and not seen.startswith("generic-"):
        todo = f'if that is wrong: `profile = "{seen}"` in devices.toml'
        yield Finding("profile", "unknown", f"{declared}, but {board} speaks for {seen}", todo)
    else:
        yield Finding("profile", "ok", f"{declared} ({board})")


def _spoken_for(session: DeviceSession) -> str:
    """The profile that the facts speak for."""
    properties = session.facts.get("properties")
    return choose_phone_profile(properties) if properties else choose_profile(session.facts)


def _runtimes(session: DeviceSession) -> Iterator[Finding]:
    """Each runtime: there, and does it start. At least one is needed: where one works, no other is missed."""
    providers: list[str] = []
    found = [_runtime(session, backend, find_runtime(session.facts, backend), providers) for backend in RECIPES]
    engine = check_board.tensorrt(session)
    found += [engine] if engine else []
    works = any(one.state == "ok" for one in found)
    for one in found:
        yield replace(one, needed=one.state == "ok" or not works)
    has_onnxruntime = any(one.name == "onnxruntime" and one.state == "ok" for one in found)
    built = runtime_for(session.facts, "onnxruntime", "cuda")
    if built != find_runtime(session.facts, "onnxruntime"):  # beside one for the CPU: rows on the GPU take it
        yield replace(_runtime(session, "onnxruntime", built, providers), name="onnxruntime-gpu", needed=False)
    on_gpu = check_board.gpu_providers(session, providers if has_onnxruntime else None)
    if on_gpu:
        yield on_gpu


def _runtime(session: DeviceSession, backend: str, found: FoundRuntime | None, providers: list[str]) -> Finding:
    """One runtime tried; `providers` takes what it says of accelerators."""
    name = session.entry.name
    if found is None:
        return _absent(backend, python_version(session.facts), name)
    where = f"in {session.client.home}/{found.path}" if found.path else "of its Python"
    try:
        said = try_runtime(session, backend, found)
    except DeviceUnfit as error:
        text = f"{found.version} {where}: {error.message.removeprefix(f'{name}: ')}"
        return Finding(backend, "missing", text, _cure(found.version, error.message))
    providers += [str(one) for one in said["providers"] or []]
    words = ", ".join(str(one).removesuffix("ExecutionProvider") for one in said["providers"] or [])
    return Finding(backend, "ok", f"{said['version']} {where}" + (f"; {words}" if words else ""))


def _absent(backend: str, python: tuple[int, ...], name: str) -> Finding:
    """What is not there: the command that brings it, or that nothing can."""
    todo, why = how_to_bring(backend, python, name)
    return Finding(backend, "missing", why or f"not there for Python {'.'.join(map(str, python))}", todo)


def _cure(version: str, message: str) -> str:
    """What is known about a runtime that dies when it is imported."""
    if version.startswith("1.19.") and "SIGABRT" in message:
        return "ONNX Runtime 1.19 aborts where /sys/devices/system/cpu is missing (some containers): give it /sys"
    if "SIGILL" in message:
        return "built for another CPU: remove it there, then `edgebench devices setup`"
    return "remove it there, then `edgebench devices setup`"


def _traps(session: DeviceSession) -> Iterator[Finding]:
    """What edgebench sets for its own runs and the user would miss in theirs."""
    for name, value in runtime_environment(session.facts).items():
        text = f"edgebench sets {name}={value} for its runs: old numpy dies on some ARM cores without"
        yield Finding("environment", "ok", text, f"in your own shell there: `export {name}={value}`")


def _sensors(session: DeviceSession) -> Iterator[Finding]:
    """Power, temperature, clocks and throttling: all optional."""
    sources = session.sources(Settings())
    for source in sources:
        name = str(source["name"])
        if name.partition(":")[0] in ("power", "thermal", "cpufreq", "throttle"):
            yield sensor(name, source)


SENSOR_STATES: dict[str, State] = {"ok": "ok", "unsupported": "missing"}


def sensor(name: str, source: dict[str, Any]) -> Finding:
    """One of the agent's sources as a line of the check."""
    state = SENSOR_STATES.get(str(source.get("state")), "unknown")
    if state == "ok":
        columns = ", ".join(str(column) for column in source.get("columns") or [])
        total = source.get("total_why") if name.startswith("power") and not source.get("total") else None
        return Finding(name, "ok", f"{columns} ({source.get('scope') or 'scope unknown'})", str(total or ""))
    todo = SENSOR_TODO.get(name.partition(":")[0], "") if state == "missing" else "rights? see docs/linux.md"
    why = str(source.get("why") or source.get("state"))
    if name == "power:ina3221" and why.startswith("permission:"):
        todo = "a run opens them where sudo lets it, and closes them again: see root below"
    return Finding(name, state, why, todo)


SENSOR_TODO = {
    "power": "an external meter: `--power-csv FILE` or `edgebench power attach`",
    "cpufreq": "clocks cannot be recorded here: usual for a virtual machine",
}


def _governor(session: DeviceSession) -> Iterator[Finding]:
    """How the CPU's clock is governed."""
    governors = (session.facts.get("cpu") or {}).get("governors") or {}
    if not governors:
        yield Finding("governor", "unknown", "no cpufreq on this machine")
        return
    kinds = ", ".join(sorted({str(one) for one in governors.values()}))
    todo = "" if kinds == "performance" else "steadier: `--prepare governor=performance` (needs rights there)"
    yield Finding("governor", "ok", kinds, todo)


def _lease(session: DeviceSession) -> Iterator[Finding]:
    """Who holds the device, and what dead sessions left."""
    name = session.entry.name
    events = session.client.status()
    held = any(event["ev"] == "lease" and event.get("state") == "held" for event in events)
    for event in events:
        if event["ev"] == "lease" and event.get("state") == "held":
            text = f"held by {event.get('holder')}, at most {event.get('remaining_s')} s more"
            todo = f"wait: it measures; `edgebench devices restore {name} --force` would end it"
            yield Finding("lease", "missing", text, todo, needed=True, exit_code=UNREACHABLE)
        elif event["ev"] == "lease":
            yield Finding("lease", "ok", "free", needed=True)
        elif event["ev"] == "journal" and held:
            text = f"{len(event.get('entries') or [])} settings of the session that holds it, put back when it ends"
            yield Finding("leftovers", "ok", text)
        elif event["ev"] == "journal":
            left = [str(entry.get("path")) for entry in event.get("entries") or []]
            todo = f"`edgebench devices restore {name}`; the next session does it too"
            yield (
                Finding("leftovers", "missing", f"{len(left)} settings of a dead session: {', '.join(left)}", todo)
                if left
                else Finding("leftovers", "ok", "none")
            )


BOARD_CHECKS = (check_board.power_mode, check_board.root)
CHECKS = (check_board.board, _home, _profile, _runtimes, _traps, _sensors, _governor, *BOARD_CHECKS, _lease)
PHONE_CHECKS = (android, _home, _profile, tools, phone_state, _sensors, _governor, _lease)
