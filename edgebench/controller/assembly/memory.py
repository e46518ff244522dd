"""The memory pass as a record: stages, peak, and the one figure comparable across backends."""

from __future__ import annotations

from edgebench.controller.events import JobEvents
from edgebench.controller.spec import RunContext
from edgebench.records import MemoryInfo, MemoryStage, Metric
from edgebench.units import MIB

Stages = dict[str, dict[str, float]]
"""What the process (or the ``system``) held at each stage, MiB by name."""

SWAP_MIB = 16.0
ON_GPU = ("cuda", "tensorrt", "dla0", "dla1")
DEFINITION = "VmHWM: peak resident set of the process; delta: peak less the imported runtime"


def memory_metrics(context: RunContext, job: JobEvents) -> tuple[MemoryInfo, dict[str, Metric]]:
    """Memory record and its metrics, MiB."""
    if not context.settings.memory:
        return _absent("switched off by --no-memory")
    if context.device.simulated and context.engine is not None and context.engine.way == "trtexec":
        return _absent("a simulated board's trtexec is a stand-in, whose own memory tells nothing")
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
    simulated = context.device.simulated
    dip = None if simulated else _dip(by_name)
    info = MemoryInfo(
        state="ok",
        stages=stages,
        definition=DEFINITION,
        system_dip_mib=dip,
        measured_over_estimated=delta * MIB / estimated if delta and estimated else None,
    )
    unseen = "a simulated board does not hold what the model takes" if simulated else "MemAvailable was not read"
    swapped = by_name.get("peak", {}).get("Swap", 0.0)
    metrics = {
        "memory_peak": _metric(peak, "VmHWM", "the device's kernel gives no VmHWM", swapped),
        "memory_delta": _metric(delta, "VmHWM - VmRSS after import", "baseline or peak is missing", swapped),
        "memory_system": _metric(dip, "dip of MemAvailable", unseen, _swapped(by_name)),
    }
    gpu = _gpu(context, by_name)
    return info, metrics | ({"memory_gpu": gpu} if gpu is not None else {})


def _gpu(context: RunContext, stages: Stages) -> Metric | None:
    """The GPU's share under the name of who told it; None where nothing of it was to be expected.

    On a board with one pool the process's resident set does not hold it (nvmap: root only; NVML: Thor). What nvmap
    grew by in /proc/meminfo is everybody's, so that it stands last.
    """
    if "watched" in stages:
        driver = stages.get("gpu", {}).get("mtrack")
        return _metric(driver, "GL and EGL mtrack", "the maker's memtrack tells nothing of the GPU")
    peak, system = stages.get("peak", {}), stages.get("system", {})
    for name in ("nvmap", "NVML"):
        if name in peak:
            return _metric(peak[name], f"{name}: of the process", "")
    if {"NvMapMemUsed.before", "NvMapMemUsed.max"} <= system.keys():
        grown = system["NvMapMemUsed.max"] - system["NvMapMemUsed.before"]
        return _metric(grown, "growth of NvMapMemUsed: of all processes", "")
    if "DeviceTaken" in peak:
        return _metric(peak["DeviceTaken"], "free GPU memory that was gone: of all processes", "")
    if context.ask.accelerator in ON_GPU:
        return _metric(None, "", "neither nvmap (readable by root only) nor NVML told it")
    return None


def _swapped(stages: Stages) -> float:
    """By how much the machine's swap was fuller at most during the pass than before it, MiB."""
    system = stages.get("system", {})
    return system.get("SwapUsed.max", 0.0) - system.get("SwapUsed.before", 0.0)


def _mib(event: dict[str, object]) -> dict[str, float]:
    kib = event.get("kib")
    return {str(k): float(v) / 1024 for k, v in kib.items() if v is not None} if isinstance(kib, dict) else {}


def _dip(stages: Stages) -> float | None:
    system = stages.get("system", {})
    return max(0.0, system["before"] - system["min"]) if {"before", "min"} <= system.keys() else None


def _metric(value: float | None, statistic: str, why: str, swapped: float = 0.0) -> Metric:
    if value is None:
        return Metric(unit="MiB", state="unavailable", why=why)
    if swapped > SWAP_MIB:
        why = f"{swapped:.0f} MiB went to swap meanwhile: the true figure is higher"
        return Metric(unit="MiB", state="unavailable", why=why)
    return Metric(unit="MiB", value=value, statistic=statistic, k=1, why="one pass: no interval")


def _absent(why: str) -> tuple[MemoryInfo, dict[str, Metric]]:
    gone = Metric(unit="MiB", state="unavailable", why=why)
    return MemoryInfo(state="unavailable", why=why), {"memory_peak": gone, "memory_delta": gone}
