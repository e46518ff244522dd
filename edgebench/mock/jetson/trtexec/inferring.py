"""Inference: queries one after another as `trtexec` launches them, in the board's time, heat and power.

Source: NVIDIA/TensorRT samples/common/sampleInference.cpp. Unless --exposeDMA is given two queries are under way at
once, so that a query's copy to the device overlaps the computing of the one before; `Latency` adds up the parts and
leaves out the waiting between them. Times are 32-bit floats of ms since the start: after a minute they come in steps of
4 us.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from edgebench.mock.jetson.trtexec import cost
from edgebench.mock.jetson.trtexec.job import Job, Loaded
from edgebench.mock.jetson.trtexec.profile import LayerTimes
from edgebench.mock.jetson.trtexec.report import Query
from edgebench.mock.phone.loads import Work

BATCH_MS = 50.0
SPREAD = 0.005
ENQUEUE_SPREAD = 0.12
COPY_SPREAD = 0.02
WAKE_MS = 0.03
SPIN_MS = 0.002
GRAPH_MS = 0.005
SYNC_US = 8.0
LEAST_WATTS = 0.35


@dataclass
class _Device:
    """When the three streams are free again, in ms since the start."""

    copied_in: float = 0.0
    computed: float = 0.0
    copied_out: float = 0.0


class Run:
    """One series of queries. `profiled`: the layers' times are kept, which costs a synchronisation of each."""

    def __init__(self, job: Job, ready: Loaded, *, profiled: bool = False) -> None:
        self._job, self._ready, self._profiled = job, ready, profiled
        options, chip = job.options, job.chip
        self._depth = 1 if options.has("exposeDMA") else 2
        self._duration_ms = options.number("duration", 3) * 1000
        self.warmup_ms = options.number("warmUp", 200)
        self._least = int(options.number("iterations", 10))
        moves = not options.has("noDataTransfers")
        self._in_ms = cost.copy_us(ready.net.inputs, chip) / 1000 if moves else 0.0
        self._out_ms = cost.copy_us(ready.net.outputs, chip) / 1000 if moves else 0.0
        self._wake_ms = SPIN_MS if options.has("useSpinWait") else WAKE_MS
        self._rng = np.random.default_rng((len(ready.layers), job.call.pid, job.board.now_ns() % (1 << 31)))
        self._layers_ms: list[np.ndarray] = []
        self._share = job.board.share("gpu")

    def queries(self) -> list[Query]:
        """All of them, the warm-up's first; the board's time passes."""
        begin_ns = self._job.board.now_ns()
        self._draw()
        trace: list[Query] = []
        waited_ms = 0.0
        try:
            for query in self._launched():
                trace.append(query)
                if query.d2h_end - waited_ms >= BATCH_MS:
                    waited_ms = query.d2h_end
                    self._job.line.wait_until(begin_ns + round(waited_ms * 1e6))
                    self._share = self._job.board.share("gpu")
            self._job.line.wait_until(begin_ns + round(trace[-1].d2h_end * 1e6))
        finally:
            self._job.board.work(self._job.line, None)
        return trace

    def layers(self) -> list[LayerTimes]:
        """What the profiler saw, the warm-up included."""
        times = np.array(self._layers_ms).T
        return [LayerTimes(layer.layer.name, row) for layer, row in zip(self._ready.layers, times, strict=True)]

    def _draw(self) -> None:
        chip, layers = self._job.chip, self._ready.layers
        busy = cost.busy_share(layers, chip)
        watts = chip.watts * (LEAST_WATTS + (1 - LEAST_WATTS) * busy)
        period_s = cost.engine_us(layers, chip, self._share) / 1e6
        self._job.board.work(self._job.line, Work("gpu", watts, period_s))

    def _compute_ms(self) -> float:
        chip, layers = self._job.chip, self._ready.layers
        noise = self._noise(SPREAD)
        if not self._profiled:
            return cost.engine_us(layers, chip, self._share) / 1000 * noise
        each = np.array([cost.layer_us(layer, chip, self._share) for layer in layers]) / 1000
        each *= np.exp(4 * SPREAD * self._rng.standard_normal(len(layers)))
        self._layers_ms.append(each)
        return float(each.sum()) + SYNC_US * len(layers) / 1000

    def _noise(self, spread: float) -> float:
        return float(np.exp(spread * self._rng.standard_normal()))

    def _enqueue_ms(self) -> float:
        if self._job.options.has("useCudaGraph"):
            return GRAPH_MS
        share = self._job.board.share("cpu")
        noise = self._noise(ENQUEUE_SPREAD)
        return self._job.chip.enqueue_us * len(self._ready.layers) / 1000 / share * noise

    def _launched(self) -> Iterator[Query]:
        """Queries in the order of their synchronisation."""
        device, cpu_ms, skipped, count, computed_ms = _Device(), 0.0, 0, 0, 0.0
        active: list[Query] = []
        while count < self._least + skipped or computed_ms < self.warmup_ms + self._duration_ms:
            query, cpu_ms = self._query(device, cpu_ms)
            active.append(query)
            count += 1
            if len(active) == self._depth:
                done = active.pop(0)
                cpu_ms = max(cpu_ms, done.d2h_end + self._wake_ms)
                computed_ms = max(computed_ms, done.compute_start)
                skipped += computed_ms < self.warmup_ms
                yield done
        yield from active

    def _query(self, device: _Device, cpu_ms: float) -> tuple[Query, float]:
        """One launch; returns it and when the CPU goes on."""
        in_start = max(cpu_ms, device.copied_in)
        in_end = in_start + self._in_ms * self._noise(COPY_SPREAD)
        enqueue_end = cpu_ms + self._enqueue_ms()
        start = max(in_end, device.computed, cpu_ms)
        # a launch that takes longer than the kernels holds the device up
        end = max(start + self._compute_ms(), enqueue_end)
        out_start = max(end, device.copied_out)
        out_end = out_start + self._out_ms * self._noise(COPY_SPREAD)
        device.copied_in, device.computed, device.copied_out = in_end, end, out_end
        if not self._in_ms:
            in_start = in_end = start
            out_start = out_end = end
        times = np.array([cpu_ms, enqueue_end, in_start, in_end, start, end, out_start, out_end], np.float32)
        return Query(*(float(time) for time in times)), enqueue_end
