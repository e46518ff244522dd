"""What is asked of a store, and what it answers. Imports nothing heavy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from edgebench.records import PassName


class SampleKey(NamedTuple):
    """Which samples of a run: the latency in ns of an invocation's iterations, unless told otherwise.

    `invocation` is the invocation's index; passes that come once a run have 0. `name` is open: `latency`, `start`
    (device's monotonic ns at the beginning of each iteration), `compute`.
    """

    invocation: int = 0
    name: str = "latency"
    pass_: PassName = "invocation"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What `history` is asked for; everything given must hold.

    `device` is a name or an id, `status` one or several, `since` a moment (UTC where it names no zone).
    """

    device: str | None = None
    model: str | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    since: str | datetime | None = None
    status: str | Sequence[str] | None = None
    series: str | None = None
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class RunRow:
    """One flat row of `v_runs` or `v_latest`; units as in the metrics' list (ms, 1/s, W, mJ, MiB, bytes)."""

    id: str
    session_id: str
    series_key: str
    started_at: str
    device: str
    device_id: str
    profile: str | None
    simulated: bool
    kind: str
    model: str
    label: str
    backend: str
    accelerator: str | None
    precision: str | None
    threads: str | None
    batch: int
    status: str
    code: str | None
    message: str | None
    grade: str
    note: str | None
    parent: str | None
    artifact_sha256: str
    fingerprint: str | None
    latency_p50: float | None
    latency_p50_lo: float | None
    latency_p50_hi: float | None
    latency_p90: float | None
    latency_p90_lo: float | None
    latency_p90_hi: float | None
    latency_p99: float | None
    latency_p99_lo: float | None
    latency_p99_hi: float | None
    latency_mean: float | None
    latency_mean_lo: float | None
    latency_mean_hi: float | None
    sustained_fps: float | None
    sustained_drop: float | None
    power_mean: float | None
    energy_net: float | None
    memory_peak: float | None
    size: float | None


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with a store: `kind` is database, reference, samples, run, session or artifact."""

    kind: str
    where: str
    text: str


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was, or would be, removed: runs, and bytes of packed samples."""

    runs: int
    sample_bytes: int


@dataclass(frozen=True, slots=True)
class Merged:
    """What came over: sessions and runs new here, lost runs completed, and runs that differ and were left as here."""

    sessions: int
    runs: int
    completed: int
    differing: list[str]
