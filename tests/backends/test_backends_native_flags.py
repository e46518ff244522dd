"""The arguments of `benchmark_model`: each pass, each accelerator, and what is refused."""

from __future__ import annotations

import pytest

from edgebench.backends.native.base import ToolAsk, ToolOnDevice, ToolRun, get_tool
from edgebench.backends.native.tflite_flags import KNOWN, computes_in
from edgebench.errors import RowFailure

tool = get_tool("benchmark_model")
HELP = """usage: /data/local/tmp/benchmark_model <flags>
Where:
\t--num_runs=50\tint32\toptional\texpected number of runs, see also min_secs, max_secs
\t--max_secs=150\tfloat\toptional\tmaximum number of seconds to rerun for, e.g. --max_secs=3
\t--run_frequency=-1\tfloat\toptional\tExecute at a fixed frequency
\t--use_gpu=false\tbool\toptional\tuse gpu
\t--gpu_precision_loss_allowed=true\tbool\toptional\tAllow to process in fp16
\t--external_delegate_path=\tstring\toptional\tThe library path for the underlying external.
\t--report_peak_memory_footprint=false\tbool\toptional\tReport the peak memory footprint
\t--input_layer_value_files=\tstring\toptional\tA map-like string representing value file.
\t--output_filepath=\tstring\toptional\tFile path to export outputs layer as binary data.
"""
NEW = ToolOnDevice("benchmark_model", "/t/benchmark_model", flags=tool.flags(HELP))
MUTE = ToolOnDevice("benchmark_model", "/t/benchmark_model")
INVOCATION = ToolRun("invocation", 1.0, 30)


def build(run: ToolRun = INVOCATION, on: ToolOnDevice = NEW, accelerator: str = "cpu", **ask: object) -> list[str]:
    return tool.arguments(ToolAsk("/t/m.tflite", accelerator, **ask), run, on)  # type: ignore[arg-type]


def test_the_help_lists_the_flags() -> None:
    assert NEW.flags == {
        "num_runs", "max_secs", "run_frequency", "use_gpu", "gpu_precision_loss_allowed", "external_delegate_path",
        "report_peak_memory_footprint", "input_layer_value_files", "output_filepath",
    }  # fmt: skip
    assert tool.flags("no help here") == frozenset()


def test_an_invocation_runs_its_time_and_its_count_with_a_warm_up() -> None:
    assert build(threads=4) == [
        "--graph=/t/m.tflite", "--num_runs=30", "--min_secs=1", "--warmup_runs=1", "--warmup_min_secs=0.5",
        "--max_secs=150", "--num_threads=4",
    ]  # fmt: skip
    assert "--max_secs=20" in build(ToolRun("invocation", 1.0, 30, limit_s=20.0))


def test_of_a_tool_without_help_only_flags_of_every_release_are_used() -> None:
    assert build(on=MUTE) == [
        "--graph=/t/m.tflite", "--num_runs=30", "--min_secs=1", "--warmup_runs=1", "--warmup_min_secs=0.5",
    ]  # fmt: skip
    assert not [arg for arg in build(ToolRun("memory", 0.0, 3), MUTE) if "memory" in arg]


def test_a_chunk_of_the_soak_begins_at_once() -> None:
    chunk = build(ToolRun("soak", 2.0, 10))
    assert {"--min_secs=2", "--num_runs=10", "--warmup_min_secs=0"} <= set(chunk)


def test_memory_and_profile_ask_for_what_they_need() -> None:
    assert "--report_peak_memory_footprint=true" in build(ToolRun("memory", 0.0, 3))
    assert "--enable_op_profiling=true" in build(ToolRun("invocation", 0.0, 3, profile=True))
    assert not [arg for arg in build() if "profiling" in arg or "memory" in arg]


def test_a_paced_run_has_its_frequency_or_is_refused() -> None:
    paced = ToolRun("paced", 10.0, 1, fps=30.0)
    assert {"--run_frequency=30", "--num_runs=300", "--min_secs=10"} <= set(build(paced))
    with pytest.raises(RowFailure, match="run_frequency"):
        build(paced, MUTE)


def test_fidelity_gives_files_by_names_that_need_no_escaping() -> None:
    arguments = build(
        ToolRun("fidelity", 0.0, 1),
        shapes={"serving:0": (1, 4, 4, 3), "b,c": (1, 2)},
        inputs={"serving:0": "/t/in0.bin", "b,c": "/t/in1.bin"},
        outputs="/t/out.bin",
    )
    assert arguments[-4:] == [
        "--input_layer=in0,in1", "--input_layer_shape=1,4,4,3:1,2",
        "--input_layer_value_files=in0:/t/in0.bin,in1:/t/in1.bin", "--output_filepath=/t/out.bin",
    ]  # fmt: skip
    assert tool.writes_outputs(NEW)
    assert not tool.writes_outputs(MUTE)
    with pytest.raises(RowFailure, match="output_filepath"):
        build(ToolRun("fidelity", 0.0, 1), MUTE, shapes={"a": (1,)}, inputs={"a": "/t/a"}, outputs="/t/o")


GPU = "--use_gpu=true"


@pytest.mark.parametrize(
    ("accelerator", "precision", "own", "expected"),
    [
        ("gpu", None, (), [GPU]),
        ("gpu", "fp16", ("fp32",), [GPU, "--gpu_precision_loss_allowed=true"]),
        ("gpu", "fp32", ("fp32",), [GPU, "--gpu_precision_loss_allowed=false"]),
        ("gpu", "int8", ("int8",), [GPU]),
        ("nnapi", "fp16", ("fp32",), ["--use_nnapi=true", "--nnapi_allow_fp16=true"]),
        ("hexagon", None, (), ["--use_hexagon=true"]),
        ("cpu", "fp32", ("fp32",), []),
        ("cpu", "int8", ("int8",), []),
        ("cpu", "fp16", ("fp32",), ["--xnnpack_force_fp16=true", "--use_xnnpack=true"]),
    ],
)
def test_accelerators_and_what_they_compute_in(
    accelerator: str, precision: str | None, own: tuple[str, ...], expected: list[str]
) -> None:
    assert build(on=MUTE, accelerator=accelerator, precision=precision, own=own)[5:] == expected


@pytest.mark.parametrize(
    ("accelerator", "precision", "own"),
    [("cpu", "int8", ("fp32",)), ("gpu", "int8", ("fp32",)), ("cpu", "fp32", ("int8",)), ("qnn", "fp16", ("fp32",))],
)
def test_a_precision_that_no_flag_can_make_is_refused(accelerator: str, precision: str, own: tuple[str, ...]) -> None:
    with pytest.raises(RowFailure) as caught:
        build(on=MUTE, accelerator=accelerator, precision=precision, own=own, delegate="/t/lib.so")
    assert caught.value.code == "unsupported-precision"


def test_the_gpu_computes_in_fp16_unless_it_is_told_not_to() -> None:
    assert computes_in(ToolAsk("m", "gpu")) == "fp16"
    assert computes_in(ToolAsk("m", "gpu", precision="fp32")) == "fp32"
    assert computes_in(ToolAsk("m", "gpu", options={"gpu_precision_loss_allowed": "false"})) == "fp32"
    assert computes_in(ToolAsk("m", "cpu")) is None


def test_a_vendors_library_gets_its_options_and_its_folder() -> None:
    ask = ToolAsk(
        "/t/m.tflite", "qnn", delegate="/t/qnn/libQnnTFLiteDelegate.so", options={"delegate.htp_performance_mode": "2"}
    )
    assert tool.arguments(ask, INVOCATION, MUTE)[5:] == [
        "--external_delegate_path=/t/qnn/libQnnTFLiteDelegate.so",
        "--external_delegate_options=backend_type:htp;htp_performance_mode:2",
    ]
    assert tool.environment(ask, MUTE)["LD_LIBRARY_PATH"] == "/t/qnn"
    assert tool.environment(ask, MUTE)["ADSP_LIBRARY_PATH"].startswith("/t/qnn;")
    assert tool.environment(ToolAsk("m"), MUTE) == {}


@pytest.mark.parametrize(
    ("ask", "code", "hint"),
    [
        ({"options": {"use_xnpack": "true"}}, "bad-input", "did you mean `use_xnnpack`?"),
        ({"options": {"num_runs": "3"}}, "bad-input", None),
        ({"options": {"delegate.x": "3"}}, "bad-input", None),
        ({"accelerator": "tpu"}, "bad-input", None),
        ({"accelerator": "qnn"}, "tool-missing", "`edgebench tools add libNAME.so PATH --kind delegate --with FOLDER`"),
        ({"accelerator": "qnn", "delegate": "/l", "options": {"htp": "1"}}, "bad-input", "--option delegate.htp=1"),
        ({"accelerator": "qnn", "delegate": "/l", "options": {"delegate.a": "1;b:2"}}, "bad-input", None),
        ({"inputs": {"a": "/t/a"}}, "bad-input", None),
    ],
)
def test_what_it_does_not_know_is_refused_with_the_nearest(ask: dict[str, object], code: str, hint: str | None) -> None:
    with pytest.raises(RowFailure) as caught:
        build(on=MUTE, **ask)  # type: ignore[arg-type]
    assert caught.value.code == code
    assert hint is None or hint in (caught.value.hint or "")


def test_a_build_without_the_delegate_is_refused_before_it_runs() -> None:
    with pytest.raises(RowFailure, match="no --use_nnapi") as caught:
        build(accelerator="nnapi")
    assert caught.value.code == "delegate-failed"


def test_options_pass_flags_and_full_delegation_only_where_it_was_asked_for() -> None:
    assert build(on=MUTE, options={"nnapi_accelerator_name": "qti-gpu"}, accelerator="nnapi")[-1] == (
        "--nnapi_accelerator_name=qti-gpu"
    )
    for accelerator in ("cpu", "gpu", "nnapi", "hexagon"):
        assert not [arg for arg in build(on=MUTE, accelerator=accelerator) if "require_full" in arg]
    assert "--require_full_delegation=true" in build(on=MUTE, options={"require_full_delegation": "true"})
    assert "require_full_delegation" in KNOWN
