"""The memory pass as a record: stages, peak, and the one figure comparable across backends."""

from __future__ import annotations

from edgebench.controller.events import JobEvents
from edgebench.controller.spec import RunContext
from edgebench.records import MemoryInfo, MemoryStage, Metric
from edgebench.units import MIB

DEFINITION = "VmHWM: peak resident set of the process; delta: peak less the imported runtime"


def memory_metrics(context: RunContext, job: JobEvents) -> tuple[MemoryInfo, dict[str, Metric]]:
    """Memory record and its metrics, MiB."""
    if not context.settings.memory:
        return _absent("switched off by --no-memory")
    steps = job.of_pass("memory")
    if not steps or not steps[-1].ok:
        error = (steps[-1].error or {}) if steps else {}
        return _absent(str(error.get("message") or "the memory pass did not finish"))
    stages = [MemoryStage(stage=str(event["stage"]), mib=_mib(event)) for event in steps[-1].memory]
    by_name = {stage.stage: stage.mib for stage in stages}
    peak = by_name.get("peak", {}).get("VmHWM")
    imported = by_name.get("imported", {}).get("VmRSS")
    delta = peak - imported if peak is not None and imported is not None else None
    estimated = context.facts.estimated_peak_bytes
    dip = None if context.device.simulated else _dip(by_name)
    info = MemoryInfo(
        state="ok",
        stages=stages,
        definition=DEFINITION,
        system_dip_mib=dip,
        measured_over_estimated=delta * MIB / estimated if delta and estimated else None,
    )
    metrics = {
        "memory_peak": _metric(peak, "VmHWM", "the device's kernel gives no VmHWM"),
        "memory_delta": _metric(delta, "VmHWM - VmRSS after import", "baseline or peak is missing"),
        "memory_system": _metric(dip, "dip of MemAvailable", "MemAvailable was not read"),
    }
    if "watched" in by_name:
        driver = by_name.get("gpu", {}).get("mtrack")
        metrics["memory_gpu"] = _metric(driver, "GL and EGL mtrack", "the maker's memtrack tells nothing of the GPU")
    return info, metrics


def _mib(event: dict[str, object]) -> dict[str, float]:
    kib = event.get("kib")
    return {str(k): float(v) / 1024 for k, v in kib.items() if v is not None} if isinstance(kib, dict) else {}


def _dip(stages: dict[str, dict[str, float]]) -> float | None:
    system = stages.get("system", {})
    return max(0.0, system["before"] - system["min"]) if {"before", "min"} <= system.keys() else None


def _metric(value: float | None, statistic: str, why: str) -> Metric:
    if value is None:
        return Metric(unit="MiB", state="unavailable", why=why)
    return Metric(unit="MiB", value=value, statistic=statistic, k=1, why="one pass: no interval")


def _absent(why: str) -> tuple[MemoryInfo, dict[str, Metric]]:
    gone = Metric(unit="MiB", state="unavailable", why=why)
    return MemoryInfo(state="unavailable", why=why), {"memory_peak": gone, "memory_delta": gone}
