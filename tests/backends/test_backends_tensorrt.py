"""TensorRT's checks on the host: what a board's GPU lacks is refused by name, before anything is pushed."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.backends.base import BoardGpu, DeviceRuntime, EngineStamp, OnnxStamp, TfliteStamp, get_backend
from edgebench.errors import RowFailure

NANO = BoardGpu("NVIDIA Jetson Nano Developer Kit", "GM20B", "5.3", 0, ("int8", "fp8"))
ORIN = BoardGpu("NVIDIA Jetson AGX Orin Developer Kit", "GA10B", "8.7", 2)
FP32, QDQ = (("fp32",), ("int8",))


def stamp(*precisions: str, custom: tuple[str, ...] = ()) -> OnnxStamp:
    return OnnxStamp(Path("m.onnx"), 8, {"": 13}, custom_domains=custom, precisions=precisions)


def preflight(model, gpu, accelerator="cuda", precision=None, **options):
    runtime = DeviceRuntime("8.2.1.8", None, (3, 6), gpu)
    return get_backend("tensorrt").preflight(model, runtime, options, precision, accelerator)


@pytest.mark.parametrize(
    ("own", "gpu", "precision"),
    [
        (FP32, NANO, None),
        (FP32, NANO, "fp16"),
        (FP32, ORIN, "int8"),
        (QDQ, ORIN, None),
        (QDQ, ORIN, "int8"),
        (QDQ, None, None),
    ],
)
def test_what_a_board_has_goes_on(own, gpu, precision):
    assert preflight(stamp(*own), gpu, precision=precision) == []


def refused(*args, **kwargs) -> RowFailure:
    with pytest.raises(RowFailure) as caught:
        preflight(*args, **kwargs)
    return caught.value


@pytest.mark.parametrize(("own", "precision"), [(QDQ, None), (FP32, "int8")])
def test_int8_on_a_nano_is_refused_by_the_name_of_its_gpu(own, precision):
    failure = refused(stamp(*own), NANO, precision=precision)
    assert failure.code == "unsupported-precision"
    assert "Jetson Nano" in failure.message
    assert "sm_53" in failure.message
    assert "int8" in failure.message


def test_a_profile_alone_rules_out_what_it_declares():
    undetected = BoardGpu("nano", unsupported=("int8",))
    assert refused(stamp(*QDQ), undetected).code == "unsupported-precision"


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_a_quantised_file_runs_in_int8_or_not_at_all(precision):
    assert refused(stamp(*QDQ), ORIN, precision=precision).code == "unsupported-precision"


@pytest.mark.parametrize("precision", ["int16", "bf16"])
def test_other_precisions_are_not_asked_for(precision):
    assert "fp32, fp16, int8" in (refused(stamp(*FP32), ORIN, precision=precision).hint or "")


@pytest.mark.parametrize(
    ("gpu", "core", "said"),
    [(NANO, "dla0", "has no DLA"), (ORIN, "dla2", "has 2 DLA cores"), (BoardGpu("b", dla=1), "dla1", "1 DLA core")],
)
def test_a_dla_that_is_not_there(gpu, core, said):
    failure = refused(stamp(*FP32), gpu, core, "fp16")
    assert failure.code == "delegate-failed"
    assert said in failure.message


def test_a_dla_computes_in_fp16_and_int8():
    assert refused(stamp(*FP32), ORIN, "dla0").code == "unsupported-precision"
    assert preflight(stamp(*FP32), ORIN, "dla1", "fp16") == []


def test_an_engine_is_built_already():
    engine = EngineStamp(Path("m.engine"))
    assert preflight(engine, NANO) == []
    assert refused(engine, NANO, precision="fp16").code == "unsupported-precision"


def test_other_files_are_refused():
    assert refused(TfliteStamp(Path("m.tflite"), {}), ORIN).code == "load-failed"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"workspce": "1"}, "no option 'workspce'"),
        ({"way": "python2"}, "way=python2"),
        ({"workspace": "1GiB"}, "whole MiB"),
        ({"workspace": "0"}, "whole MiB"),
        ({"tf32": "yes"}, "tf32 is on or off"),
    ],
)
def test_options_that_are_none(options, said):
    failure = refused(stamp(*FP32), ORIN, **options)
    assert failure.code == "bad-input"
    assert said in failure.message


def test_custom_operators_are_told_of():
    (line,) = preflight(stamp(*FP32, custom=("my.domain",)), ORIN)
    assert "my.domain" in line


def test_an_engine_has_no_reference_on_the_host(tmp_path):
    with pytest.raises(RowFailure) as caught:
        get_backend("tensorrt").reference(Path("m.engine"), {}, tmp_path, {})
    assert "--reference" in (caught.value.hint or "")
