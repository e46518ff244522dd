"""The other runtimes' own tools: onnxruntime_perf_test, benchncnn, MNN's benchmark.out."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.backends.native.base import TOOLS, NativeTool, ToolAsk, ToolOnDevice, ToolReport, ToolRun, get_tool
from edgebench.backends.native.perf_test import SUBMISSION
from edgebench.errors import RowFailure, UnknownName

DATA = Path(__file__).parent / "data"
S, MS = 1e9, 1e6
QUICK = ToolRun("invocation", 1.0, 30)


def sample(name: str) -> str:
    return (DATA / f"{name}.txt").read_text(encoding="utf-8")


def parse(tool: str, text: str, ask: ToolAsk, exit_code: int = 0) -> ToolReport:
    return get_tool(tool).parse(text, ask, exit_code)


def arguments(tool: str, ask: ToolAsk, run: ToolRun = QUICK) -> list[str]:
    return get_tool(tool).arguments(ask, run, ToolOnDevice(tool, f"/data/local/tmp/{tool}"))


@pytest.mark.parametrize("name", TOOLS)
def test_every_tool_is_found_by_its_name_and_fills_the_page(name: str) -> None:
    tool: NativeTool = get_tool(name)
    assert tool.name == name
    assert "cpu" in tool.accelerators
    assert tool.parse("", ToolAsk("m"), 0).code == "unparsed-output"


def test_an_unknown_tool_names_the_nearest() -> None:
    with pytest.raises(UnknownName) as caught:
        get_tool("benchmark_modle")
    assert caught.value.hint == "did you mean `benchmark_model`?"


# onnxruntime_perf_test

PERF = {
    "onnxruntime_perf_test_2020_android_acl": ("2020", 10, 144.871, None, None, 158171136),
    "onnxruntime_perf_test_2023": ("old", 1000, 58.8053, 55.9777, 62.3472, None),
    "onnxruntime_perf_test_2025_arm": ("2025", 5, 98.961997, 95.8204, 101.519, 271122432),
}


@pytest.mark.parametrize("name", PERF)
def test_a_sample_of_perf_test_gives_the_figures_it_shows(name: str) -> None:
    dialect, n, mean, least, greatest, peak = PERF[name]
    report = parse("onnxruntime_perf_test", sample(name), ToolAsk("m.onnx"))
    stats = report.inference
    assert (report.code, report.dialect) == (None, dialect)
    assert stats is not None
    assert (stats.n, stats.mean) == (n, pytest.approx(mean * MS))
    assert (stats.min, stats.max) == (
        (None, None) if least is None else pytest.approx((least * MS, (greatest or 0) * MS), rel=1e-6)
    )
    assert report.memory_mib == ({} if peak is None else {"peak": peak / 2**20})


def test_perf_tests_percentiles_and_times_of_the_start() -> None:
    report = parse("onnxruntime_perf_test", sample("onnxruntime_perf_test_2025_arm"), ToolAsk("m.onnx"))
    assert report.percentiles_ns[0.5] == pytest.approx(99.5086 * MS)
    assert report.percentiles_ns[0.999] == pytest.approx(101.519 * MS)
    assert (report.init_ns, report.first_ns) == pytest.approx((0.217932 * S, 196 * MS))


PLACED = "2026-11-20 [V:onnxruntime:, session_state.cc:1154] Node(s) placed on [{}]. Number of nodes: {}\n"


def test_a_provider_counts_only_where_nodes_ran_on_it_and_keeps_no_percentiles() -> None:
    ask, text = ToolAsk("m.onnx", "nnapi"), sample("onnxruntime_perf_test_2025_arm")
    placed = PLACED.format("NnapiExecutionProvider", 7) + PLACED.format("CPUExecutionProvider", 3)
    report = parse("onnxruntime_perf_test", placed + text, ask)
    assert report.code is None
    assert report.delegation is not None
    assert (report.delegation.nodes, report.delegation.whole) == ((7, 10), False)
    assert report.inference is not None
    assert (report.inference.min, report.percentiles_ns, report.notes) == (None, {}, (SUBMISSION,))
    for other in (text, PLACED.format("CPUExecutionProvider", 3) + text):
        refused = parse("onnxruntime_perf_test", other, ask)
        assert (refused.code, refused.inference) == ("delegate-failed", None)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("NNAPI is not supported in this build", "delegate-failed"),
        ("Load model from m.onnx failed:Protobuf parsing failed.", "load-failed"),
        ("[ONNXRuntimeError] : 9 : NOT_IMPLEMENTED : Could not find an implementation for Foo(1)", "unsupported-op"),
        ("std::bad_alloc", "oom"),
        ("something else", "crashed"),
    ],
)
def test_failures_of_perf_test(line: str, code: str) -> None:
    report = parse("onnxruntime_perf_test", line + "\n", ToolAsk("m.onnx", "nnapi"), 1)
    assert (report.code, report.inference) == (code, None)
    assert line in (report.message or "")


def test_a_sum_that_does_not_add_up_is_not_believed() -> None:
    text = sample("onnxruntime_perf_test_2023").replace("Total iterations: 1000", "Total iterations: 900")
    assert parse("onnxruntime_perf_test", text, ToolAsk("m.onnx")).code == "unparsed-output"


def test_arguments_of_perf_test() -> None:
    ask = ToolAsk("/t/m.onnx", threads=2, options={"session.intra_op.allow_spinning": "0"})
    expected = ["-I", "-m", "duration", "-t", "1", "-e", "cpu", "-x", "2"]
    assert arguments("onnxruntime_perf_test", ask) == [
        *expected, "-C", "session.intra_op.allow_spinning|0", "/t/m.onnx",
    ]  # fmt: skip
    memory = arguments("onnxruntime_perf_test", ToolAsk("/t/m.onnx", "xnnpack"), ToolRun("memory", 0.0, 3))
    assert memory == ["-I", "-m", "times", "-r", "3", "-e", "xnnpack", "-v", "/t/m.onnx"]


@pytest.mark.parametrize(
    ("ask", "run"),
    [
        (ToolAsk("m", "gpu"), QUICK),
        (ToolAsk("m", precision="int8", own=("fp32",)), QUICK),
        (ToolAsk("m", options={"a b": "c"}), QUICK),
        (ToolAsk("m"), ToolRun("paced", 10.0, 1, fps=30.0)),
    ],
)
def test_what_perf_test_cannot_do_is_refused(ask: ToolAsk, run: ToolRun) -> None:
    with pytest.raises(RowFailure):
        arguments("onnxruntime_perf_test", ask, run)


# benchncnn and MNN


def test_samples_of_benchncnn_give_the_row_of_the_model() -> None:
    report = parse("benchncnn", sample("benchncnn_sd865plus_venus"), ToolAsk("/t/mobilenet.param"))
    stats = report.inference
    assert stats is not None
    assert (stats.n, stats.min, stats.max, stats.mean) == pytest.approx((10, 5.81 * MS, 5.99 * MS, 5.90 * MS))
    assert report.threads == 4
    jetson = parse("benchncnn", sample("benchncnn_jetson_nano_cpu"), ToolAsk("/t/resnet18.param")).inference
    assert jetson is not None
    assert (jetson.n, jetson.min, jetson.max, jetson.mean) == pytest.approx((8, 83.10 * MS, 84.30 * MS, 83.44 * MS))


def test_a_table_without_the_models_row_is_no_answer() -> None:
    report = parse("benchncnn", sample("benchncnn_sd865plus_venus"), ToolAsk("/t/mine.param"))
    assert (report.code, report.inference) == ("unparsed-output", None)


def test_ncnn_on_a_gpu_that_its_header_does_not_name_is_refused() -> None:
    text = sample("benchncnn_sd865plus_venus")
    ask = ToolAsk("/t/mobilenet.param", "gpu")
    assert parse("benchncnn", text, ask).code == "delegate-failed"
    assert parse("benchncnn", "no vulkan device\n" + text.replace("= -1", "= 0"), ask).message == "no vulkan device"
    assert parse("benchncnn", text.replace("gpu_device = -1", "gpu_device = 0"), ask).code is None


def test_arguments_of_benchncnn() -> None:
    ask = ToolAsk("/t/m.param", "gpu", threads=2, shapes={"in": (1, 3, 180, 320)}, options={"powersave": "2"})
    assert arguments("benchncnn", ask) == ["30", "2", "2", "0", "0", "param=/t/m.param", "shape=[320,180,3]"]
    for bad in (ToolAsk("/t/m.param"), ToolAsk("/t/m", shapes={"a": (1, 2)}, options={"powersave": "7"})):
        with pytest.raises(RowFailure):
            arguments("benchncnn", bad)


def test_mnns_table_and_the_backend_it_fell_back_to() -> None:
    text = sample("mnn_benchmark_SYNTHETIC")
    report = parse("mnn_benchmark", text, ToolAsk("/t/squeezenet-v1.0.mnn", "vulkan"))
    assert report.inference is not None
    assert (report.inference.n, report.inference.mean) == (20, pytest.approx(8.5 * MS))
    assert (report.compute, report.threads) == ("fp16", 4)
    gone = "Can't Find type=7 backend, use 0 instead"
    refused = parse("mnn_benchmark", f"{gone}\n{text}", ToolAsk("/t/squeezenet-v1.0.mnn", "vulkan"))
    assert (refused.code, refused.message, refused.inference) == ("delegate-failed", gone, None)
    other = parse("mnn_benchmark", text, ToolAsk("/t/squeezenet-v1.0.mnn", "opencl"))
    assert other.code == "delegate-failed"
    headless = text.replace("Forward type", "Type")
    assert parse("mnn_benchmark", headless, ToolAsk("/t/squeezenet-v1.0.mnn", "vulkan")).code == "delegate-failed"


def test_arguments_of_mnn_say_the_precision() -> None:
    assert arguments("mnn_benchmark", ToolAsk("/t/only/m.mnn")) == ["/t/only", "30", "10", "0", "4", "1"]
    ask = ToolAsk("/t/only/m.mnn", "vulkan", precision="fp16", threads=1)
    assert arguments("mnn_benchmark", ask) == ["/t/only", "30", "10", "7", "1", "2"]
    with pytest.raises(RowFailure):
        arguments("mnn_benchmark", ToolAsk("/t/only/m.mnn", precision="int8"))


# fuzz

TEXTS = [path.read_text(encoding="utf-8") for path in sorted(DATA.glob("*.txt"))]


@given(
    st.sampled_from(sorted(TOOLS)),
    st.sampled_from(TEXTS),
    st.sampled_from(TEXTS),
    st.integers(0, 3000),
    st.sampled_from(["nan", "-3", "1e999", "9" * 400, "", "0"]),
    st.sampled_from(["cpu", "gpu", "nnapi", "vulkan"]),
    st.sampled_from([0, 1, 127, 139]),
)
def test_no_tool_raises_or_gives_a_failed_run_a_figure(
    name: str, text: str, other: str, cut: int, odd: str, accelerator: str, exit_code: int
) -> None:
    mangled = (text[:cut] + odd + text[cut:]).replace(" 1", f" {odd}", 1) + other[:cut]
    report = parse(name, mangled, ToolAsk("/t/mobilenet.param", accelerator), exit_code)
    assert (report.inference is None) == (report.code is not None)
    if report.inference is not None:
        assert 0 < report.inference.mean < float("inf")
        assert accelerator == "cpu" or (report.delegation is not None and report.delegation.applied)
