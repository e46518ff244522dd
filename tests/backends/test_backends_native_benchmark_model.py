"""`benchmark_model`: every captured sample gives the figures it shows; what failed gives none."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebench.backends.native.base import Delegation, Stats, ToolAsk, ToolReport, get_tool
from edgebench.backends.native.tflite_figures import read_ops

DATA = Path(__file__).parent / "data"
US, MS = 1e3, 1e6
tool = get_tool("benchmark_model")

INFERENCE = {
    "tflite_benchmark_model_2019": ("2019", 10, 108787, 108165, 109337, 452, 16460, 271332),
    "tflite_benchmark_model_2020_gpu": ("2020", 50, 119375, 113737, 124776, 1948, 870557, 130565),
    "tflite_benchmark_model_2020_peakmem": ("2020", 50, 33209.4, 32641, 34005, 450, 855, 49060),
    "tflite_benchmark_model_2024_info": ("2021", 74, 13520.2, 13105, 15765, 470, 12750, 14744),
    "tflite_benchmark_model_rpi_int8": ("2020", 50, 55043.2, 53077, 60727, 1562, 18777, 64791),
    "tflite_benchmark_app_logcat_nnapi": ("logcat", 75, 12167.6, 11787, 13649, 325, 126059, 32942),
    "litert_benchmark_model_new_format": ("litert", 50, 85230, 82100, 92450, 3210, 45320, 120450),
    "litert_benchmark_run1": ("litert", 40, 79010, 71060, 90410, 3690, 3890, 95200),
    "litert_benchmark_run2": ("litert", 40, 72370, 64570, 80120, 2280, 1960, 78710),
}
"""Dialect, n, mean, min, max, sd, init, first; us, as the samples show them."""

WARMUP = {
    "tflite_benchmark_model_2019": (4, 195389),
    "tflite_benchmark_model_2020_gpu": (4, 122373),
    "tflite_benchmark_model_2020_peakmem": (15, 34825.1),
    "tflite_benchmark_model_2024_info": (37, 13764.3),
    "tflite_benchmark_model_rpi_int8": (9, 57758.2),
    "tflite_benchmark_app_logcat_nnapi": (40, 12581.9),
    "litert_benchmark_model_new_format": (1, 98760),
    "litert_benchmark_run1": (5, 84000),
    "litert_benchmark_run2": (5, 74760),
}


def sample(name: str) -> str:
    return (DATA / f"{name}.txt").read_text(encoding="utf-8")


def parse(text: str, accelerator: str = "cpu", exit_code: int = 0, **ask: object) -> ToolReport:
    return tool.parse(text, ToolAsk("m.tflite", accelerator, **ask), exit_code)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", INFERENCE)
def test_a_sample_gives_the_figures_it_shows(name: str) -> None:
    dialect, n, mean, least, greatest, sd, init, first = INFERENCE[name]
    report = parse(sample(name))
    stats = report.inference
    assert report.code is None
    assert report.dialect == dialect
    assert stats is not None
    assert (stats.n, stats.mean) == (n, pytest.approx(mean * US))
    assert (stats.min, stats.max, stats.sd) == pytest.approx((least * US, greatest * US, sd * US))
    assert (report.init_ns, report.first_ns) == pytest.approx((init * US, first * US))
    assert report.warmup is not None
    assert (report.warmup.n, report.warmup.mean) == (WARMUP[name][0], pytest.approx(WARMUP[name][1] * US))


def test_every_captured_sample_is_replayed() -> None:
    captured = {path.stem for path in DATA.glob("*.txt") if path.stem.startswith(("tflite_bench", "litert_"))}
    assert captured == set(INFERENCE)


def test_memory_lines_of_all_spellings() -> None:
    assert parse(sample("tflite_benchmark_model_2020_peakmem")).memory_mib == {"init": 0.0, "overall": 12.8672}
    assert parse(sample("tflite_benchmark_model_rpi_int8")).memory_mib == {"init": 8.97656, "overall": 18.7227}
    new = {"init": 25.6, "overall": 32.4, "peak": 35.2}
    assert parse(sample("litert_benchmark_model_new_format")).memory_mib == new
    polled = sample("tflite_benchmark_model_rpi_int8") + (
        "INFO: Overall peak memory footprint (MB) via periodic monitoring: 93.2383\n"
    )
    assert parse(polled).memory_mib["peak"] == 93.2383


def test_percentiles_and_threads_where_the_tool_tells_them() -> None:
    report = parse(sample("litert_benchmark_run1"))
    assert report.percentiles_ns == {0.05: 74.13 * MS, 0.5: 79.23 * MS, 0.95: 83.85 * MS}
    assert report.threads == 1
    assert parse(sample("tflite_benchmark_model_2020_gpu")).threads == 4
    assert parse(sample("tflite_benchmark_model_2020_gpu")).percentiles_ns == {}


def test_one_single_run_is_its_own_mean() -> None:
    text = (
        "INFO: count=1 curr=633430\n\nINFO: count=1 curr=618849\n\n"
        "INFO: Inference timings in us: Init: 592232, First inference: 633430, Warmup (avg): 633430,"
        " Inference (avg): 618849\n"
    )
    us = 618849 * US
    assert parse(text).inference == Stats(1, us, us, us, None, us)


def test_the_lines_of_a_single_run_count_in_litert_too() -> None:
    """LiteRT's tool prints the lines `count=` as well: they are finer than two decimals of a millisecond."""
    text = (
        "INFO: count=2 first=3001 curr=2999 min=2999 max=3001 avg=3000 std=1\n"
        "INFO: count=40 first=2531 curr=2793 min=1171 max=9925 avg=1885.74 std=870\n"
        "INFO: [benchmark_litert_model.h:58] ========== BENCHMARK RESULTS ==========\n"
        "INFO: [benchmark_litert_model.h:61] Warmup (avg):         3.00 ms (2 runs)\n"
        "INFO: [benchmark_litert_model.h:63] Inference (avg):      1.89 ms (40 runs)\n"
        "INFO: [benchmark_litert_model.h:71] Inference (std):      0.87\n"
    )
    report = parse(text)
    assert report.inference is not None
    assert (report.inference.n, report.inference.mean, report.inference.sd) == (40, 1885.74 * US, 870 * US)


# what was delegated


def test_delegates_applied_to_all_and_to_part_of_the_graph() -> None:
    whole = parse(sample("tflite_benchmark_model_2020_gpu"), "gpu")
    assert whole.code is None
    assert whole.compute == "fp16"
    assert whole.delegation is not None
    assert (whole.delegation.name, whole.delegation.whole, whole.delegation.kernels) == ("GPU", True, 1)
    part = parse(sample("tflite_benchmark_app_logcat_nnapi"), "nnapi").delegation
    assert part is not None
    assert (part.name, part.applied, part.whole, part.kernels) == ("NNAPI", True, False, 44)
    assert part.line.endswith("partially executed by the delegate w/ 44 delegate kernels.")


def with_lines(*lines: str, name: str = "tflite_benchmark_model_2024_info") -> str:
    return "\n".join(lines) + "\n" + sample(name)


def test_counts_of_nodes_belong_to_the_delegate_asked_for() -> None:
    text = with_lines(
        "VERBOSE: Replacing 10 out of 13 node(s) with delegate (TfLiteGpuDelegateV2) node, yielding 3 partitions for"
        " the whole graph.",
        "INFO: Explicitly applied GPU delegate, and the model graph will be partially executed by the delegate w/ 2"
        " delegate kernels.",
        "VERBOSE: Replacing 3 out of 5 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 3 partitions for"
        " the whole graph.",
    )
    found = parse(text, "gpu").delegation
    assert found is not None
    assert (found.nodes, found.kernels, found.whole) == ((10, 13), 2, False)


@pytest.mark.parametrize(
    ("line", "nodes"),
    [
        ("VERBOSE: Replacing 357 out of 357 node(s) with delegate (TfLiteQnnDelegate) node, yielding 1", (357, 357)),
        ("INFO: EthosuDelegate delegate: 1 nodes delegated out of 1 nodes with 1 partitions.", (1, 1)),
    ],
)
def test_external_delegates_are_known_by_their_nodes(line: str, nodes: tuple[int, int]) -> None:
    found = parse(with_lines("INFO: EXTERNAL delegate created.", line), "qnn")
    assert found.code is None
    assert found.delegation == Delegation("", applied=True, whole=True, nodes=nodes, line=line.split(": ", 1)[1])


REFUSED = {
    "ignored": (
        "gpu",
        ["WARN: Unconsumed cmdline flags: --use_gpu=true"],
        "Unconsumed cmdline flags: --use_gpu=true",
    ),
    "not executed": (
        "gpu",
        [
            "INFO: Created 0 GPU delegate kernels.",
            "Though GPU delegate is explicitly applied, the model graph will not be executed by the delegate.",
        ],
        "Created 0 GPU delegate kernels.",
    ),
    "nnapi": (
        "nnapi",
        ["nnapi error: unable to open library libneuralnetworks.so"],
        "nnapi error: unable to open library libneuralnetworks.so",
    ),
    "silence": ("gpu", [], "the tool never said that it applied a delegate for gpu"),
    "created only": (
        "neuron",
        ["INFO: EXTERNAL delegate created."],
        "the tool never said that it applied a delegate for neuron",
    ),
    "xnnpack is another": (
        "qnn",
        ["VERBOSE: Replacing 9 out of 9 node(s) with delegate (TfLiteXNNPackDelegate) node, yielding 1 partitions"],
        "the tool never said that it applied a delegate for qnn",
    ),
    "another delegate": (
        "gpu",
        ["Explicitly applied NNAPI delegate, and the model graph will be completely executed by the delegate."],
        "the tool never said that it applied a delegate for gpu",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_delegate_that_did_not_apply_is_never_a_number(case: str) -> None:
    accelerator, lines, said = REFUSED[case]
    report = parse(with_lines(*lines), accelerator)
    assert report.code == "delegate-failed"
    assert report.message is not None
    assert report.message.startswith(said)
    assert (report.inference, report.warmup, report.first_ns, report.percentiles_ns) == (None, None, None, {})


def test_a_refusal_names_the_operator_that_made_it() -> None:
    report = parse(
        "ERROR: Following operations are not supported by GPU delegate:\n"
        "ERROR: UNPACK: Operation is not supported.\n"
        "ERROR: TfLiteGpuDelegate Init: Batch size mismatch, expected 1 but got 400\n"
        "ERROR: Failed to apply GPU delegate.\nERROR: Benchmarking failed.\n",
        "gpu",
        1,
    )
    assert report.code == "delegate-failed"
    assert report.message == (
        "Failed to apply GPU delegate.; Following operations are not supported by GPU delegate:;"
        " UNPACK: Operation is not supported.; TfLiteGpuDelegate Init: Batch size mismatch, expected 1 but got 400"
    )


def test_on_the_cpu_no_delegate_is_asked_about() -> None:
    report = parse(with_lines("Though XNNPACK delegate is explicitly applied, the model graph will not be executed"))
    assert report.code is None
    assert report.delegation is None


# failures

FAILURES = {
    "sh: ./benchmark_model: not executable: 64-bit ELF file": (126, "tool-wrong-abi"),
    "/system/bin/sh: /data/local/tmp/benchmark_model: Permission denied": (126, "permission"),
    "/system/bin/sh: ./benchmark_model: inaccessible or not found": (127, "tool-missing"),
    'CANNOT LINK EXECUTABLE "./benchmark_model": library "libfoo.so" not found': (1, "tool-missing"),
    "ERROR: Failed to load model /data/local/tmp/m.tflite": (1, "load-failed"),
    "ERROR: Could not open '/data/local/tmp/m.tflite'.": (1, "load-failed"),
    "ERROR: Encountered unresolved custom op: TensorListReserve.": (1, "unsupported-op"),
    "ERROR: Didn't find op for builtin opcode 'CONV_2D' version '5'": (1, "unsupported-op"),
    "ERROR: Input tensor #0 should have 4 dimensions!": (1, "shape-mismatch"),
    "Inputs mismatch: Model inputs #:1 expected: 2": (134, "shape-mismatch"),
    "ERROR: tensorflow/lite/kernels/conv.cc:350 input->dims->data[3] != filter->dims->data[3] (8 != 3)": (
        1,
        "shape-mismatch",
    ),
    "FATAL: The size of /x/in0.bin is 3 bytes. It should be 12 bytes.": (134, "bad-input"),
    "terminate called after throwing an instance of 'std::bad_alloc'": (134, "oom"),
    "Segmentation fault": (139, "crashed"),
    '/data/local/tmp/t/benchmark_model: 1: Syntax error: word unexpected (expecting ")")': (2, "tool-wrong-abi"),
    "ERROR: Failed to parse flag --num_runs=x": (1, "bad-input"),
}


@pytest.mark.parametrize("line", FAILURES)
def test_a_failure_has_its_code_and_the_tools_own_line(line: str) -> None:
    exit_code, code = FAILURES[line]
    report = parse(f"STARTING!\n{line}\n", exit_code=exit_code)
    assert report.code == code
    assert line.split(": ", 1)[1 if line.startswith(("ERROR", "FATAL")) else 0] in (report.message or "") or (
        line in (report.message or "")
    )
    assert report.inference is None
    assert "STARTING!" in (report.raw or "")


def test_a_file_that_a_shell_tried_to_read_is_of_the_wrong_processor_and_its_line_printable() -> None:
    report = parse("/t/benchmark_model: 1: \x7fELF\x02\x01\x01\x03: not found\n", exit_code=127)
    assert report.code == "tool-wrong-abi"
    assert report.message == "/t/benchmark_model: 1: ?ELF?: not found"


def test_a_flex_model_names_its_operator() -> None:
    report = parse(
        "E tflite  : no prefix of logcat\n"
        "05-30 15:16:44.857  3380  3380 E tflite  : Select TensorFlow op(s), included in the given model, is(are) not"
        " supported by this interpreter. Make sure you apply/link the Flex delegate before inference.\n"
        "05-30 15:16:44.857  3380  3380 E tflite  : Node number 8 (FlexTensorListReserve) failed to prepare.\n"
        "05-30 15:16:44.857  3380  3380 E tflite  : Failed to allocate tensors!\n",
        exit_code=1,
    )
    assert report.code == "unsupported-op"
    assert "Node number 8 (FlexTensorListReserve) failed to prepare." in (report.message or "")
    assert "without the Flex ops" in (report.message or "")


def test_figures_of_runs_that_failed_are_none() -> None:
    """The tool prints its summary though Invoke failed every time; its status is what tells."""
    text = "ERROR: Node number 1139 (TfLiteFlexDelegate) failed to prepare.\n" + sample(
        "tflite_benchmark_model_2024_info"
    )
    report = parse(text + "ERROR: Benchmarking failed.\n", exit_code=1)
    assert (report.code, report.inference) == ("crashed", None)


def test_a_crash_while_the_runtime_is_taken_down_keeps_what_was_measured() -> None:
    report = parse(sample("tflite_benchmark_model_2024_info"), exit_code=139)
    assert report.code is None
    assert report.notes == ("it ended with status 139 after it had printed its summary",)


# what cannot be believed


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Benchmark v6: 12.3 ms per run over 50 runs\n",
        sample("tflite_benchmark_model_2024_info") * 2,
        sample("tflite_benchmark_model_2024_info").replace("avg=13520.2", "avg=9520.2"),
        sample("tflite_benchmark_model_2024_info").replace("avg=13520.2", "avg=nan"),
        sample("tflite_benchmark_model_2024_info").replace("Inference (avg): 13520.2", "Inference (avg): -13520.2"),
        sample("tflite_benchmark_model_2024_info").replace("count=74", "count=0"),
        sample("tflite_benchmark_model_2024_info").replace("min=13105", "min=14105"),
        sample("tflite_benchmark_model_2024_info").replace("count=37", "discount=37"),
        sample("litert_benchmark_run1").replace("(40 runs)", ""),
        sample("litert_benchmark_run1").replace("79.01 ms", "0.00 ms"),
    ],
)
def test_an_unknown_or_contradictory_text_is_unparsed_and_kept(text: str) -> None:
    report = parse(text)
    assert (report.code, report.inference) == ("unparsed-output", None)
    assert report.message
    assert not text or (report.raw is not None and report.raw == text.strip()[-1500:])


# the operator profile


def test_the_profile_from_the_table() -> None:
    ops = read_ops((DATA / "tflite_op_profile_table.txt").read_text())
    assert [(op.kind, op.mean_ns, op.share) for op in ops] == [
        ("CONV_2D", 4.269 * MS, pytest.approx(0.00107)),
        ("DEPTHWISE_CONV_2D", 2.150 * MS, pytest.approx(0.00054)),
        ("SOFTMAX", 0.029 * MS, pytest.approx(0.00001)),
    ]
    assert ops[0].name == "MobilenetV1/MobilenetV1/Conv2d_0/Relu6"


def test_the_profile_from_the_csv() -> None:
    ops = read_ops((DATA / "tflite_op_profile.csv").read_text())
    assert [(op.kind, op.name, op.mean_ns, op.where) for op in ops] == [
        ("CONV_2D", "sequential_11/conv2d_33/Conv2D", pytest.approx(93038.8), None),
        ("ELU", "sequential_11/conv2d_33/Elu", pytest.approx(30088.4), None),
        ("TfLiteXNNPackDelegate", "a, b", pytest.approx(27226.9), "delegate"),
    ]


# fuzz

ALL = [path.read_text(encoding="utf-8") for path in sorted(DATA.glob("*")) if path.suffix in (".txt", ".csv")]
NUMBERS = ["nan", "inf", "-1", "1e999", "9" * 400, "0", "0.0", "1e-320", "--", "1,5"]


@given(st.text(max_size=300), st.sampled_from(["cpu", "gpu", "nnapi", "qnn"]), st.integers(-9, 255))
def test_random_text_never_raises_and_is_never_a_number(text: str, accelerator: str, exit_code: int) -> None:
    report = parse(text, accelerator, exit_code)
    assert report.code is not None
    assert report.inference is None


@given(st.data())
def test_mangled_samples_never_raise_and_never_lie(data: st.DataObject) -> None:
    lines = data.draw(st.sampled_from(ALL)).splitlines()
    other = data.draw(st.sampled_from(ALL)).splitlines()
    cut = data.draw(st.integers(0, len(lines)))
    mixed = lines[:cut] + data.draw(st.sampled_from([[], other, lines])) + lines[cut:]
    at = data.draw(st.integers(0, max(0, len(mixed) - 1)))
    if mixed and data.draw(st.booleans()):
        words = mixed[at].replace("=", "= ").split(" ")
        words[data.draw(st.integers(0, len(words) - 1))] = data.draw(st.sampled_from(NUMBERS))
        mixed[at] = " ".join(words).replace("= ", "=")
    accelerator = data.draw(st.sampled_from(["cpu", "gpu", "nnapi"]))
    report = parse("\n".join(mixed), accelerator, data.draw(st.sampled_from([0, 1, 139])))
    if report.inference is not None:
        stats = report.inference
        assert stats.n >= 1
        assert 0 < stats.mean < float("inf")
        assert stats.min is None or stats.min <= stats.mean * 1.05
        assert accelerator == "cpu" or (report.delegation is not None and report.delegation.applied)
    else:
        assert report.code is not None
