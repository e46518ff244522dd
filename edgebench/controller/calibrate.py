"""The roofs of a device measured: matrix products and long arrays of growing size, run as any model is.

Each size is a short run through the normal path: pushed, checked against the reference, in fresh processes. Arithmetic
counts at its best size; memory at the largest array, which no cache holds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec

from edgebench.artifacts import workloads
from edgebench.controller.calibrations import Calibration, Peak, Rate
from edgebench.controller.devices import DeviceEntry
from edgebench.controller.measure import RowInHand, await_device, persist
from edgebench.controller.probe import NoStore
from edgebench.controller.requests import RunOptions, build_requests
from edgebench.controller.rows import RowRequest, prepare_row
from edgebench.controller.session import Connect, DeviceSession
from edgebench.controller.spec import Settings
from edgebench.controller.view import View
from edgebench.errors import DeviceUnfit, RowFailure, UsageError
from edgebench.records import Run, Session

EDGES = (128, 256, 512, 1024, 2048, 4096)
ARRAY_MIB = (16, 64, 256)
LONGEST_S = 2.0
"""No size is tried whose one inference would take longer, judged by the size before it."""

PATIENCE = 2
GAIN = 1.02
"""So many larger sizes that gain no more than this end the search."""

MEMORY_SHARE = 1 / 16
"""An array is no larger than this share of the memory that is free."""

FUSING = "tensorrt"
"""It fuses element-wise operators into one kernel, which then moves its bytes once and not `workloads.PASSES` times."""

SILENCE_S = 180.0
MIB = 1024 * 1024
SETTINGS = Settings(
    mode="calibrate",
    invocations=5,
    min_time_s=0.3,
    min_iterations=5,
    soak_s=0.0,
    soak_given=True,
    max_time_s=60.0,
    power="off",
    memory=False,
)


@dataclass
class Bench:
    """An open device, with what runs on it. `told` hears of every size."""

    device: DeviceSession
    session: Session
    backend: str
    accelerator: str
    threads: int | None
    work: Path
    told: Callable[[str], None]
    settings: Settings = SETTINGS
    runtime: str = ""
    foreign_load: float | None = None
    failures: list[str] = field(default_factory=list)

    def seconds(self, path: Path, shapes_range: tuple[float, float]) -> Measured | None:
        """The latency of a model file, None where it did not run (`failures` has why). Raises `DeviceError`."""
        options = RunOptions(
            settings=self.settings,
            backends=[self.backend],
            accelerators=[self.accelerator],
            threads=[self.threads],
            input_range=shapes_range,
            prepare={"temperature-gate": "off"},
        )
        (request,) = build_requests([path], options)
        run = self._run(request)
        found = run.metrics.get("latency_p50")
        why = f"{path.stem}: {run.outcome.message or run.outcome.code or 'it gave no latency'}"
        if found is None or found.value is None:
            self.failures.append(why)
            self.told(why)
            return None
        if run.outcome.status == "unstable":  # of all sizes the greatest rate counts, with an interval of its own
            self.told(f"{why}; its figure is kept")
        self.foreign_load = max(
            (load for load in (self.foreign_load, run.environment.foreign_load) if load is not None), default=None
        )
        self.runtime = f"{run.variant.backend} {run.variant.backend_version or ''}".strip()
        return Measured(found.value / 1000, _seconds(found.lo), _seconds(found.hi))

    def _run(self, request: RowRequest) -> Run:
        view, name = self.device.view, self.device.entry.name
        try:
            row = persist(self.device, view, lambda: prepare_row(self.device, self.session, request, view))
        except RowFailure as failure:
            raise DeviceUnfit(name, failure.message, code=failure.code, hint=failure.hint) from failure
        return RowInHand(NoStore(), view, self.device, row, SILENCE_S).measure()


@dataclass(frozen=True)
class Measured:
    """A median time of one inference and its interval, in seconds."""

    value: float
    lo: float | None
    hi: float | None

    def rate(self, work: float, size: float) -> Rate:
        """10^9 of `work` a second."""
        giga = work / 1e9
        return Rate(
            value=giga / self.value,
            lo=giga / self.hi if self.hi else None,
            hi=giga / self.lo if self.lo else None,
            size=size,
        )


def calibrate(
    entry: DeviceEntry,
    view: View,
    told: Callable[[str], None],
    *,
    backend: str = "onnxruntime",
    accelerator: str | None = None,
    threads: int | None = None,
    connect: Connect | None = None,
    settings: Settings = SETTINGS,
    edges: tuple[int, ...] = EDGES,
    array_mib: tuple[int, ...] = ARRAY_MIB,
) -> Calibration:
    """Measure a device; nothing is stored. Raises `DeviceError`, `DeviceUnfit` where no size ran at all.

    `UsageError` for TensorRT, and for a device without Python.
    """
    if FUSING in (backend, accelerator):
        hint = "`--accelerator cuda` measures the same GPU pass by pass"
        raise UsageError("TensorRT makes one pass of many: its rate of bytes would be none of the memory's", hint=hint)
    with DeviceSession(entry, view, connect) as device, TemporaryDirectory(prefix="edgebench-") as folder:
        if device.client.is_shell:
            hint = "its programs take their own models: `edgebench run` them there"
            raise UsageError(f"{entry.name}: a device without Python cannot be calibrated yet", hint=hint)
        persist(device, view, lambda: await_device(device, view))
        chosen = accelerator or "cpu"
        bench = Bench(device, device.record(), backend, chosen, threads, Path(folder), told, settings)
        peaks = [peak for one in _precisions(chosen) if (peak := _arithmetic(bench, one, edges)) is not None]
        if not peaks:
            raise _unfit(bench)
        additions = _memory(bench, "addition", workloads.additions, array_mib)
        copies = _memory(bench, "copy", workloads.copies, array_mib)
        if not (additions or copies):
            raise _unfit(bench)
        mode = device.facts.get("power_mode")
        return Calibration(
            device=entry.name,
            device_id=device.device_id,
            simulated=entry.is_simulated,
            date=datetime.now(UTC).isoformat(timespec="seconds"),
            backend=backend,
            runtime=bench.runtime,
            accelerator=chosen,
            threads=threads,
            power_mode=mode.get("name") if isinstance(mode, dict) else None,
            foreign_load=bench.foreign_load,
            compute=peaks,
            bandwidth=max([*additions[-1:], *copies[-1:]], key=_value),
            additions=additions,
            copies=copies,
        )


def _unfit(bench: Bench) -> DeviceUnfit:
    return DeviceUnfit(bench.device.entry.name, f"could not be calibrated: {bench.failures[0]}", code="load-failed")


def _precisions(accelerator: str) -> tuple[str, ...]:
    """A CPU's runtime computes fp16 by way of fp32: its figure would say nothing."""
    return ("fp32",) if accelerator == "cpu" else ("fp32", "fp16")


def _arithmetic(bench: Bench, precision: str, edges: tuple[int, ...]) -> Peak | None:
    """The best rate of growing products; ends when size gains nothing more, or would take too long."""
    tried: list[Rate] = []
    for edge in edges:
        path = bench.work / f"product-{edge}-{precision}.onnx"
        work = workloads.matrix_products(path, edge, precision)
        if tried and work / 1e9 / tried[-1].value > LONGEST_S:
            break
        # weights around 1 / edge keep the products' numbers where they began
        found = bench.seconds(path, (0.0, 2.0 / edge))
        if found is None:
            break
        tried.append(found.rate(work, edge))
        bench.told(f"{precision} product of {edge} x {edge}: {_words(tried[-1], 'GFLOP/s')}")
        if (
            len(tried) > PATIENCE
            and max(tried[-PATIENCE:], key=_value).value < max(tried[:-PATIENCE], key=_value).value * GAIN
        ):
            break
    return Peak(precision=precision, peak=max(tried, key=_value), tried=tried) if tried else None


def _memory(bench: Bench, name: str, write: Callable[[Path, int], int], array_mib: tuple[int, ...]) -> list[Rate]:
    """Rates of growing arrays, as far as the memory goes; the last is beyond what caches hold."""
    free = ((bench.device.facts.get("memory_kib") or {}).get("available") or 0) / 1024
    tried: list[Rate] = []
    for mib in array_mib:
        if tried and (free and mib > free * MEMORY_SHARE):
            break
        path = bench.work / f"{name}-{mib}.onnx"
        work = write(path, mib * MIB // 4)
        if tried and work / 1e9 / tried[-1].value > LONGEST_S:
            break
        found = bench.seconds(path, (0.0, 1.0))
        if found is None:
            break
        tried.append(found.rate(work, mib))
        bench.told(f"{name} of arrays of {mib} MiB: {_words(tried[-1], 'GB/s')}")
    return tried


def _value(rate: Rate) -> float:
    return rate.value


def _words(rate: Rate, unit: str) -> str:
    between = f" ({rate.lo:.4g} to {rate.hi:.4g})" if rate.lo and rate.hi else ""
    return f"{rate.value:.4g} {unit}{between}"


def _seconds(ms: float | None) -> float | None:
    return None if ms is None else ms / 1000


def document(found: Calibration) -> dict[str, Any]:
    """As JSON gives it."""
    built: dict[str, Any] = msgspec.to_builtins(found)
    return built
