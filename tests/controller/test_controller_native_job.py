"""job.txt: the same steps as any run's, as lines that a reader without quoting gives back."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from job_factory import make_context

from edgebench.backends.native.base import ToolAsk, ToolOnDevice, get_tool
from edgebench.controller.native.job import JobAsk, job_text, native_steps, render, seconds_text, step_limit_s, tool_run
from edgebench.controller.planning import job_steps, resolve_settings
from edgebench.errors import RowFailure

FLAGS = frozenset({"max_secs", "run_frequency", "output_filepath", "input_layer_value_files", "use_gpu"})
TOOL = get_tool("benchmark_model")
DEVICE = ToolOnDevice("benchmark_model", "/data/local/tmp/edgebench/tools/ab12/benchmark_model", flags=FLAGS)
ASK = ToolAsk(
    "/data/local/tmp/edgebench/artifacts/ab/m.tflite", shapes={"x": (1, 2)}, inputs={"x": "/t/in0"}, threads=4
)


def make_job(**changes: object) -> JobAsk:
    settings = resolve_settings(mode="quick", target_fps=30.0)
    job = JobAsk(make_context(settings=settings), TOOL, DEVICE, ASK, nonce="ab" * 8, holder="me@here")
    return replace(job, **changes)  # type: ignore[arg-type]


def read(text: str) -> list[tuple[str, str]]:
    """As the sh agent reads it: the first blank ends the key, the rest of the line is the value."""
    lines = text.split("\n")
    assert lines.pop() == ""
    return [(line.partition(" ")[0], line.partition(" ")[2]) for line in lines]


def steps_of(text: str) -> list[list[tuple[str, str]]]:
    steps: list[list[tuple[str, str]]] = []
    for key, value in read(text):
        if key == "step":
            steps.append([])
        if key == "end":
            break
        if steps:
            steps[-1].append((key, value))
    return steps


def test_the_head_and_the_lines_made_elsewhere_come_before_the_steps() -> None:
    prepare = [("set-setting", "global window_animation_scale 0"), ("await-unplugged", "600")]
    lines = read(job_text(make_job(prepare=prepare, telemetry=[("jitter", "0.93 1.21")], mask="f0")))
    assert lines[:4] == [("protocol", "1"), ("job", "f" * 32), ("nonce", "ab" * 8), ("holder", "me@here")]
    assert dict(lines)["max_time_s"] == "120"
    keys = [key for key, _ in lines]
    assert keys.index("root") < keys.index("set-setting") < keys.index("jitter") < keys.index("step")
    assert ("mask", "f0") in lines
    assert lines[-1] == ("end", "")


def test_the_steps_are_the_plans_and_each_ends_with_run() -> None:
    steps = steps_of(job_text(make_job()))
    heads = [step[0][1].split() for step in steps]
    assert [head[1] for head in heads] == ["fidelity", *["invocation"] * 5, "memory", "soak", "paced"]
    assert [head[0] for head in heads] == [str(at) for at in range(9)]
    assert [head[3] for head in heads] == ["0", "1", "2", "3", "4", "5", "0", "0", "0"]
    assert all(step[-1] == ("run", "") for step in steps)
    assert all(("program", DEVICE.path) in step for step in steps)


def test_each_pass_has_its_own_lines() -> None:
    fidelity, *invocations, memory, soak, paced = steps_of(job_text(make_job()))
    assert ("output", "outputs.raw") in fidelity
    assert ("arg", "--output_filepath=outputs.raw") in fidelity
    assert ("arg", "--input_layer_value_files=in0:/t/in0") in fidelity
    assert not [value for step in invocations for _, value in step if "output" in value]
    assert ("meminfo", "1") in memory
    assert {("repeat", "10"), ("idle", "3"), ("arg", "--min_secs=2")} <= set(soak)
    assert ("arg", "--run_frequency=30") in paced
    assert not [key for key, _ in paced if key == "repeat"]


def test_without_flags_for_files_there_is_no_fidelity_pass() -> None:
    steps = native_steps(resolve_settings(), TOOL, replace(DEVICE, flags=frozenset()), ASK)
    assert [step["pass"] for step in steps] == [*["invocation"] * 6, "memory", "soak"]
    assert native_steps(resolve_settings(), TOOL, DEVICE, replace(ASK, inputs={}))[0]["pass"] == "invocation"


def test_a_slow_model_is_cut_to_what_max_time_allows_and_a_hung_step_ends() -> None:
    settings = resolve_settings(mode="quick")
    step = next(step for step in job_steps(settings) if step["pass"] == "invocation")
    assert tool_run(step, settings).limit_s == 12.0
    assert step_limit_s(step, settings) == 154
    unbounded = resolve_settings(mode="publish")
    assert (tool_run(job_steps(unbounded)[1], unbounded).limit_s or 0) >= 10 * unbounded.min_time_s


@pytest.mark.parametrize(("mode", "seconds"), [("quick", 2.0), ("default", 3.0), ("publish", 10.0)])
def test_a_longer_soak_has_longer_processes(mode: str, seconds: float) -> None:
    settings = resolve_settings(mode=mode)
    (step,) = [step for step in job_steps(settings) if step["pass"] == "soak"]
    run = tool_run(step, settings)
    assert (run.seconds, run.iterations) == (seconds, 10)
    assert settings.soak_s / run.seconds >= 5


@pytest.mark.parametrize("bad", ["a\nb", "a\rb", "a\0b", "x" * 40_000])
def test_what_no_line_can_hold_is_refused(bad: str) -> None:
    for job in (make_job(holder=bad), make_job(ask=replace(ASK, model=bad)), make_job(telemetry=[("source", bad)])):
        with pytest.raises(RowFailure) as caught:
            job_text(job)
        assert caught.value.code == "bad-input"


def test_an_odd_key_is_refused() -> None:
    for key in ("", "a b", "a\n", "é"):
        with pytest.raises(RowFailure):
            render([(key, "1")])


KEYS = st.text(alphabet="abcdefgh-_09", min_size=1, max_size=12)
VALUES = st.text(max_size=60).filter(lambda text: not set("\n\r\0") & set(text))


@given(st.lists(st.tuples(KEYS, VALUES), max_size=20))
def test_a_reader_of_the_format_gives_back_what_was_written(lines: list[tuple[str, str]]) -> None:
    assert read(render(lines)) == lines


@given(st.dictionaries(st.sampled_from(["gpu_backend", "nnapi_accelerator_name", "gpu_wait_type"]), VALUES, max_size=3))
def test_options_of_any_text_stay_one_argument(options: dict[str, str]) -> None:
    job = make_job(ask=replace(ASK, options=options), device=replace(DEVICE, flags=FLAGS | set(options)))
    arguments = [value for key, value in steps_of(job_text(job))[1] if key == "arg"]
    assert arguments[-len(options) :] == [f"--{key}={value}" for key, value in options.items()] or not options


@given(st.floats(0, 1e7))
@example(99.999)
def test_seconds_have_two_decimals_at_most(seconds: float) -> None:
    text = seconds_text(seconds)
    assert abs(float(text) - min(seconds, 999_999)) <= (0.005 + 1e-9 if seconds < 100 else 1)
    assert len(text) <= 6
    assert set(text) <= set("0123456789.")
