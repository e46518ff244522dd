"""A sh agent's record as any job's events: figures by the tool's parser, failures with the tool's own line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from job_factory import make_context

from edgebench.backends.native.base import ToolAsk, get_tool
from edgebench.controller.assembly import assemble
from edgebench.controller.events import CollectedJob, sort_events
from edgebench.controller.native.translate import exit_status, translate
from edgebench.controller.planning import resolve_settings
from edgebench.controller.spec import VariantAsk
from edgebench.records import Run

S = 1_000_000_000
US = 1_000
TOOL = get_tool("benchmark_model")
WHOLE = "INFO: Explicitly applied GPU delegate, and the model graph will be completely executed by the delegate.\n"


def text(mean_us: float, n: int = 50, *, init_us: int = 12750, warm: int = 2, extra: str = "") -> str:
    """What a release of 2021 or newer prints of n runs of this mean."""
    low, high = round(mean_us * 0.9), round(mean_us * 1.2)
    return (
        f"INFO: STARTING!\n{extra}INFO: Initialized session in {init_us / 1000}ms.\n"
        f"INFO: count={warm} first=9000 curr=8000 min=8000 max=9000 avg=8500 std=500\n\n"
        f"INFO: count={n} first={low} curr={low} min={low} max={high} avg={mean_us:g} std=9\n\n"
        f"INFO: Inference timings in us: Init: {init_us}, First inference: 9000, Warmup (avg): 8500,"
        f" Inference (avg): {mean_us:g}\n"
    )


class ShJob:
    """Writes what the sh agent would: events in order, and outputs.txt."""

    def __init__(self) -> None:
        clock = {"monotonic_ns": 0, "realtime_ns": 0, "resolution_ns": 10_000_000}
        self.events: list[dict[str, Any]] = [{"ev": "hello", "t": 0, "clock": clock, "shell": "mksh"}]
        self.outputs = b""
        self.now = 100 * S

    def tell(self, ev: str, **fields: Any) -> None:
        self.events.append({"ev": ev, "t": self.now, **fields})

    def step(self, pass_: str, texts: list[str], *, code: int = 0, seconds: float = 3.0, **done: Any) -> None:
        at = sum(event["ev"] == "step" for event in self.events)
        self.tell("step", step=at, variant=0, round=at, order=0, phase="start", **{"pass": pass_})
        self.tell("phase", step=at, name=pass_)
        for number, said in enumerate(texts):
            offset, data = len(self.outputs), said.encode()
            self.outputs += data
            begin = self.now
            self.now += round(seconds * S)
            self.tell(
                "tool", step=at, at=number, begin=begin, end=self.now, code=code, signal=None, offset=offset,
                bytes=len(data), cpus="ff",
            )  # fmt: skip
        self.tell("done", step=at, **({"outcome": "ok", "code": None, "message": None, "signal": None} | done))

    def told(self, accelerator: str = "cpu", **known: Any) -> list[dict[str, Any]]:
        ended = [*self.events, {"ev": "end", "t": self.now, "code": None, "steps_done": 1, "restored": True}]
        return translate(ended, self.outputs, ToolAsk("/t/m.tflite", accelerator, threads=4), TOOL, **known)

    def run(
        self, accelerator: str = "cpu", *, fps: float | None = None, required: float | None = None, **known: Any
    ) -> Run:
        context = make_context(
            settings=resolve_settings(mode="quick", target_fps=fps),
            ask=VariantAsk(backend="tflite", accelerator=accelerator, threads=4),
            require_delegated=required,
        )
        events = sort_events(self.told(accelerator, fps=fps, **known))
        assert events.damaged == 0
        return assemble(context, CollectedJob(events, Path("/nowhere"), None))[0]


def named(events: list[dict[str, Any]], name: str) -> list[dict[str, Any]]:
    return [event for event in events if event["ev"] == name]


def test_an_invocation_becomes_loaded_first_and_a_summary_in_ns() -> None:
    job = ShJob()
    job.step("invocation", [text(13520.2, 74)])
    told = job.told(version="2.19")
    assert [event["ev"] for event in told][:3] == ["hello", "step", "phase"]
    (summary,) = named(told, "summary")
    expected = {"aggregate": True, "n": 74, "mean": 13520.2 * US, "min": 12168 * US, "max": 16224 * US, "sd": 9 * US}
    assert {key: summary[key] for key in expected} == pytest.approx(expected)
    (loaded,) = named(told, "loaded")
    assert (loaded["load_ns"], loaded["version"]) == (12750 * US, "2.19")
    assert loaded["effective"] == {"accelerator": "cpu", "threads": 4}
    assert named(told, "first")[0]["ns"] == 9000 * US
    assert named(told, "done")[0]["outcome"] == "ok"


def test_a_run_of_aggregates_has_a_mean_and_says_why_it_has_no_percentiles() -> None:
    job = ShJob()
    for mean in (10000, 10100, 9900, 10050, 9950):
        job.step("invocation", [text(mean)])
    run = job.run()
    mean = run.metrics["latency_mean"]
    assert mean.value == pytest.approx(9.99975, rel=1e-5)
    assert mean.lo is not None
    assert mean.hi is not None
    assert mean.lo < 9.99975 < mean.hi
    assert (mean.k, mean.n, mean.statistic) == (5, 250, "mean")
    for name in ("latency_p50", "latency_p90", "latency_p95", "latency_p99", "latency_p999"):
        assert (run.metrics[name].value, run.metrics[name].state) == (None, "unsupported")
        assert run.metrics[name].why == "the tool gives aggregates, not samples"
    assert (run.metrics["latency_min"].value, run.metrics["latency_max"].value) == (8.91, 12.12)
    assert run.metrics["load"].value == pytest.approx(12.75)
    assert run.metrics["first"].value == pytest.approx(9.0)
    assert "aggregate-only" in [reason.code for reason in run.grade.reasons]
    assert run.outcome.status == "ok"
    first = run.invocations[0]
    assert (first.iterations, first.median_ms, first.steady.class_) == (50, None, "not-assessed")
    assert first.summary is not None
    assert (first.summary.mean, first.summary.n) == (10.0, 50)


def test_without_five_invocations_there_is_no_interval() -> None:
    job = ShJob()
    job.step("invocation", [text(10000)])
    mean = job.run().metrics["latency_mean"]
    assert (mean.value, mean.lo, mean.hi) == (pytest.approx(10.0), None, None)
    assert "an interval needs 5" in (mean.why or "")


# failures


def test_a_refused_delegate_is_a_failed_row_with_the_tools_line() -> None:
    job = ShJob()
    line = "Though GPU delegate is explicitly applied, the model graph will not be executed by the delegate."
    job.step("invocation", [text(10000, extra=f"INFO: {line}\n")])
    run = job.run("gpu")
    assert (run.outcome.status, run.outcome.code, run.outcome.message) == ("failed", "delegate-failed", line)
    assert not [name for name in run.metrics if name.startswith("latency")]


def test_an_applied_delegate_is_told_as_placement() -> None:
    job = ShJob()
    job.step("invocation", [text(10000, extra=WHOLE)])
    (placement,) = named(job.told("gpu"), "placement")
    assert (placement["whole"], placement["kernels"], placement["source"]) == (True, 1, "tool")
    assert named(job.told("gpu"), "loaded")[0]["effective"]["compute"] == "fp16"


def test_a_whole_graph_and_a_part_of_it_are_told_apart_without_counts() -> None:
    job = ShJob()
    job.step("invocation", [text(10000, extra=WHOLE)])
    whole = job.run("gpu")
    assert (whole.placement.state, whole.placement.share) == ("ok", 1.0)
    assert "fallback" not in [reason.code for reason in whole.grade.reasons]
    job = ShJob()
    part = WHOLE.replace("completely", "partially").replace("delegate.\n", "delegate w/ 44 delegate kernels.\n")
    job.step("invocation", [text(10000, extra=part)])
    partly = job.run("gpu")
    assert (partly.placement.state, partly.placement.share) == ("partial", None)
    assert "w/ 44 delegate kernels" in (partly.placement.why or "")
    assert "fallback" in [reason.code for reason in partly.grade.reasons]
    assert partly.outcome.status == "ok"
    refused = job.run("gpu", required=0.95)
    assert (refused.outcome.code, "latency_mean" in refused.metrics) == ("delegate-partial", False)


def test_counted_nodes_give_their_share() -> None:
    job = ShJob()
    line = "VERBOSE: Replacing 3 out of 4 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 2 partitions\n"
    job.step("invocation", [text(10000, extra=line + WHOLE.replace("completely", "partially"))])
    run = job.run("gpu")
    assert (run.placement.nodes, run.placement.share) == ({"gpu": 3, "cpu": 1}, 0.75)


def test_the_agents_message_gives_way_to_the_tools_own() -> None:
    job = ShJob()
    job.step(
        "invocation", ["ERROR: Encountered unresolved custom op: Foo.\n"], code=1, outcome="failed", code_="",
        message="ended with status 1",
    )  # fmt: skip
    (done,) = named(job.told(), "done")
    assert (done["outcome"], done["code"]) == ("failed", "unsupported-op")
    assert done["message"].startswith("Encountered unresolved custom op: Foo.")


def test_a_limit_that_the_agent_kept_stays_a_timeout() -> None:
    job = ShJob()
    job.tell("step", step=0, variant=0, round=1, order=0, **{"pass": "invocation"})
    data = b"INFO: STARTING!\n"
    job.outputs = data
    job.tell("tool", step=0, at=0, begin=1, end=2, code=None, signal="SIGKILL", offset=0, bytes=len(data))
    job.tell("done", step=0, outcome="failed", code="timeout", message="not finished within 20 s", signal="SIGKILL")
    (done,) = named(job.told(), "done")
    assert (done["code"], done["message"]) == ("timeout", "not finished within 20 s")


def test_a_sixth_dialect_is_unparsed_and_its_text_is_kept() -> None:
    job = ShJob()
    job.step("invocation", ["Benchmark v6\nlatency: 12 ms\n"])
    run = job.run()
    assert run.outcome.code == "unparsed-output"
    assert "last line: latency: 12 ms" in (run.outcome.message or "")
    assert [w.text for w in run.warnings if w.code == "unparsed-output"] == [
        "the tool printed: Benchmark v6\nlatency: 12 ms"
    ]


def test_a_crash_after_the_summary_costs_a_warning_not_the_figures() -> None:
    job = ShJob()
    job.step("invocation", [text(10000)], code=139, outcome="failed", message="killed by SIGSEGV")
    job.events[-1]["code"] = "crashed"
    told = job.told()
    assert named(told, "done")[0]["outcome"] == "ok"
    assert named(told, "warning")[0]["text"] == "it ended with status 139 after it had printed its summary"
    job.events[-1]["code"] = "interrupted"
    assert named(job.told(), "done")[0]["outcome"] == "failed"


@pytest.mark.parametrize(
    ("event", "status"),
    [
        ({"code": 3}, 3),
        ({"code": None, "signal": "SIGSEGV"}, 139),
        ({"code": None, "signal": "signal 24"}, 152),
        ({"code": None, "signal": "?"}, 1),
        ({"code": True}, 1),
        ({}, 1),
    ],
)
def test_the_status_of_a_process(event: dict[str, Any], status: int) -> None:
    assert exit_status(event) == status


# soak, paced, memory


def test_a_soak_of_processes_counts_inside_them_and_tells_the_gaps() -> None:
    job = ShJob()
    job.step("invocation", [text(10000)])
    job.step("soak", [text(10000, 200)] * 6 + [text(20000, 100)] * 6, seconds=2.5)
    run = job.run()
    assert run.soak is not None
    assert [point.fps for point in run.soak.curve] == pytest.approx([100.0] * 6 + [50.0] * 6)
    assert run.metrics["burst_fps"].value == pytest.approx(100.0)
    assert run.metrics["sustained_fps"].value == pytest.approx(50.0)
    assert run.metrics["sustained_drop"].value == pytest.approx(0.5)
    assert run.metrics["iterations_per_s"].value == pytest.approx(50.0)
    assert run.metrics["throttle_onset"].value == pytest.approx(15.0)
    assert run.soak.seconds == pytest.approx(30.0)
    # 12 x 2 s of inferences and 2 x 8.5 ms of warm-up each in 30 s
    assert run.soak.window == "steady, inside its processes; 19% of the soak went into starting them"
    assert run.metrics["sustained_fps"].window == run.soak.window
    assert [w.text for w in run.warnings if w.code == "soak-gaps"] == [
        "the soak is 12 processes, and 19% of its time went into starting and loading them"
    ]


def test_a_short_soak_gives_its_last_third() -> None:
    job = ShJob()
    job.step("invocation", [text(10000)])
    job.step("soak", [text(10000, 200), text(10000, 200), text(12500, 160)], seconds=2.1)
    run = job.run()
    assert run.soak is not None
    assert run.soak.steady.class_ == "not-assessed"
    assert run.metrics["sustained_fps"].value == pytest.approx(80.0)
    assert (run.metrics["sustained_fps"].window or "").startswith("last-third")


def test_one_failed_process_fails_the_soak() -> None:
    job = ShJob()
    job.step("invocation", [text(10000)])
    job.step("soak", [text(10000), "Segmentation fault\n"], outcome="failed", message="x")
    run = job.run()
    assert run.metrics["sustained_fps"].state == "unavailable"
    assert run.soak is None


def test_a_pace_that_surely_held_has_no_misses_and_any_other_is_not_known() -> None:
    job = ShJob()
    job.step("invocation", [text(10000)])
    job.step("paced", [text(20000, 300)])
    held = job.run(fps=30.0)
    assert held.paced is not None
    assert (held.paced.frames, held.paced.missed, held.paced.held) == (300, 0, True)
    late = job.run(fps=45.0)
    assert late.paced is None
    assert late.metrics["deadline_miss"].state == "unsupported"
    assert late.metrics["deadline_miss"].why == (
        "the tool counts no missed frames; its slowest inference took 24.0 ms, the mean 20.0 ms of 22.2 ms"
    )


MEMINFO = """
** MEMINFO in pid 1234 [benchmark_model] **
                   Pss  Private  Private  SwapPss     Heap     Heap     Heap
                 Total    Dirty    Clean    Dirty     Size    Alloc     Free
                ------   ------   ------   ------   ------   ------   ------
  Native Heap    27000    26900        0        0    40000    30000    10000
     GL mtrack   51200    51200        0        0
         TOTAL   78200    78100        0        0    40000    30000    10000
"""


def memory_job(meminfo: str = MEMINFO) -> tuple[ShJob, bytes]:
    """An invocation and a memory pass, what was looked at meanwhile and afterwards."""
    job = ShJob()
    job.step("invocation", [text(10000)])
    began = job.now // 10_000_000
    line = "INFO: Memory footprint delta from the start of the tool (MB): init=1 overall=2\n"
    job.step("memory", [text(10000, extra=line)])
    look = {"ev": "watch", "t": job.now, "step": 1, "at": 0, "kind": "meminfo", "offset": len(job.outputs)}
    job.outputs += meminfo.encode()
    job.events.insert(-1, {**look, "bytes": len(meminfo)})
    lines = f"{began + 1} process 30720 20480\n{began + 99} process 40960 30720\n{began + 9999} process 9 9\n"
    return job, lines.encode()


def test_memory_has_the_kernels_peak_androids_pss_and_the_drivers_share() -> None:
    job, readings = memory_job()
    stages = {event["stage"]: event["kib"] for event in named(job.told(readings=readings), "memory")}
    assert stages == {
        "watched": {"Pss": 78200},
        "gpu": {"mtrack": 51200},
        "peak": {"VmHWM": 40960, "VmRSS": 30720},
        "tool": {"init": 1024.0, "overall": 2048.0},
    }
    metrics = job.run(readings=readings).metrics
    assert (metrics["memory_peak"].value, metrics["memory_gpu"].value) == (40.0, 50.0)
    assert metrics["memory_delta"].state == "unavailable"


def test_memory_that_nobody_tells_of_is_no_zero() -> None:
    job, _ = memory_job(MEMINFO.replace("     GL mtrack   51200    51200        0        0\n", ""))
    metrics = job.run().metrics
    assert (metrics["memory_gpu"].state, metrics["memory_gpu"].value) == ("unavailable", None)
    assert (metrics["memory_peak"].state, metrics["memory_peak"].value) == ("unavailable", None)


def test_invocations_that_max_time_cut_are_told() -> None:
    job = ShJob()
    job.step("invocation", [text(10000, 7)])
    assert named(job.told(least_iterations=30), "plan")[0]["reduced"] == {"min_iterations": [7, 30]}
    assert not named(job.told(least_iterations=7), "plan")
    assert "cut-short" in [reason.code for reason in job.run(least_iterations=30).grade.reasons]


# what no device should send

KEYS = ("step", "pass", "begin", "end", "offset", "bytes", "code", "signal", "outcome", "t", "name")
ODD = st.one_of(st.none(), st.integers(-5, 10**20), st.text(max_size=5), st.floats(allow_nan=True), st.booleans())


@given(
    st.lists(
        st.fixed_dictionaries(
            {"ev": st.sampled_from(["step", "tool", "watch", "done", "phase", "outputs", "x"])},
            optional=dict.fromkeys(KEYS, ODD),
        ),
        max_size=12,
    ),
    st.binary(max_size=200),
)
def test_odd_events_never_raise(events: list[dict[str, Any]], outputs: bytes) -> None:
    told = translate(events, outputs, ToolAsk("m", "gpu"), TOOL, readings=outputs)
    assert sort_events(told).steps is not None
    assert all(event["ev"] != "summary" for event in told)
