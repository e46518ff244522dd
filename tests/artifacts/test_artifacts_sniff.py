"""What a file is, and what its owner is told when it cannot run."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import zipfile

import onnx_models as nets
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgebench.artifacts import Format, sniff
from edgebench.errors import ModelError


def zipped(*names):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "x")
    return buffer.getvalue()


FLATBUFFER = b"\x1c\x00\x00\x00"


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("m.onnx", nets.conv_net().SerializeToString(), Format.ONNX),
        ("m.bin", nets.gemm_net().SerializeToString(), Format.ONNX),
        ("renamed.pb", nets.conv_net().SerializeToString(), Format.ONNX),
        ("m.tflite", FLATBUFFER + b"TFL3" + bytes(16), Format.TFLITE),
        ("m.onnx", FLATBUFFER + b"TFL3" + bytes(16), Format.TFLITE),
        ("m.pte", FLATBUFFER + b"ET12" + b"eh00", Format.PTE),
        ("m.engine", b"whatever a builder wrote", Format.ENGINE),
        ("m.plan", b"whatever a builder wrote", Format.ENGINE),
        ("m.dat", b"ftrt" + bytes(20), Format.ENGINE),
        ("m.param", b"7767517\n75 83\nInput data 0 1 data\n", Format.NCNN),
        ("m.param.bin", (7767517).to_bytes(4, "little") + bytes(8), Format.NCNN),
        ("m.mnn", FLATBUFFER + bytes(40), Format.MNN),
        ("m.xml", b'<?xml version="1.0"?><net name="m" version="11">', Format.OPENVINO),
        ("m.so", b"\x7fELF\x02\x01", Format.SO),
    ],
)
def test_runnable_formats(tmp_path, name, data, expected):
    path = tmp_path / name
    path.write_bytes(data)
    assert sniff(path) is expected
    assert sniff(str(path)) is expected


@pytest.mark.parametrize(
    ("name", "data", "says", "advises"),
    [
        ("m.pt", zipped("archive/data.pkl", "archive/version"), "PyTorch checkpoint", "torch.onnx.export("),
        ("m.pth", pickle.dumps({"w": 1}), "pickle", "torch.onnx.export("),
        ("m.onnx", zipped("archive/data.pkl"), "PyTorch checkpoint", "torch.onnx.export("),
        ("m.keras", zipped("config.json", "model.weights.h5"), "Keras", "TFLiteConverter.from_keras_model"),
        ("m.h5", b"\x89HDF\r\n\x1a\n" + bytes(50), "Keras", "tf2onnx"),
        ("m.safetensors", (64).to_bytes(8, "little") + b'{"w":{}}', "safetensors", "torch.onnx.export("),
        ("frozen.pb", b"\x0a\x20\x0a\x05input", "frozen TensorFlow", "--graphdef"),
        ("saved_model.pb", b"\x08\x01\x12\x20", "SavedModel", "--saved-model"),
        ("m.onnx", b"\x1f\x8b\x08\x00", "gzip", "gunzip"),
        ("m.onnx", b"\n<!DOCTYPE html><html>", "web page", "download"),
        ("m.onnx", b"", "empty", "download"),
        ("m.zip", zipped("readme.txt"), "zip archive", "unpack"),
        ("m.zip", b"PK\x03\x04 cut", "truncated", "download"),
        ("m.bin", b"\x00\x01\x02\x03", "weights", ".param"),
        ("m.txt", b"hello", "not a model", ".onnx"),
        ("m.tflite", b"hello there", "truncated or damaged", "copy"),
        ("m.param", b"hello", "truncated or damaged", "copy"),
        (
            "m.onnx",
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 177000\n",
            "Git LFS pointer",
            "git lfs pull",
        ),
    ],
)
def test_files_that_do_not_run(tmp_path, name, data, says, advises):
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(ModelError) as caught:
        sniff(path)
    assert says in caught.value.message
    assert name in caught.value.message
    assert advises in caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint


def test_missing_file_names_the_nearest(tmp_path):
    (tmp_path / "mobilenet_v2.onnx").write_bytes(b"x")
    with pytest.raises(ModelError, match="no such file") as caught:
        sniff(tmp_path / "mobilenet_v3.onnx")
    assert caught.value.hint == f"did you mean `{tmp_path / 'mobilenet_v2.onnx'}`?"
    (tmp_path / "mobilenet_v3.txt").write_bytes(b"no model")
    with pytest.raises(ModelError) as caught:
        sniff(tmp_path / "another.onnx")
    assert "txt" not in caught.value.hint
    with pytest.raises(ModelError) as caught:
        sniff(tmp_path / "nowhere" / "m.onnx")
    assert "nowhere" in caught.value.hint


def test_folders(tmp_path):
    (tmp_path / "a.tflite").write_bytes(b"x")
    with pytest.raises(ModelError, match="is a folder") as caught:
        sniff(tmp_path)
    assert "a.tflite" in caught.value.hint
    (tmp_path / "saved_model.pb").write_bytes(b"x")
    with pytest.raises(ModelError, match="SavedModel") as caught:
        sniff(tmp_path)
    assert f"from_saved_model('{tmp_path}')" in caught.value.hint


@pytest.mark.parametrize("name", ["a\0b", "x" * 5000, "line\nbreak.onnx", "", "."])
def test_impossible_names_are_errors_in_one_line(tmp_path, name):
    with pytest.raises(ModelError) as caught:
        sniff(f"{tmp_path}/{name}")
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.onnx")
    with pytest.raises(ModelError):
        sniff(tmp_path / "pipe.onnx")


def test_unreadable_file():
    with pytest.raises(ModelError, match="cannot be read: Input/output error"):
        sniff("/proc/self/mem")  # a plain file that opens and refuses to be read from its beginning


SUFFIXES = [".onnx", ".tflite", ".param", ".bin", ".pb", ".zip", ".pte", ".mnn", ".xml", ""]


@settings(derandomize=True, max_examples=300, deadline=None)
@given(data=st.binary(max_size=64), suffix=st.sampled_from(SUFFIXES))
@example(data=b"\x80", suffix=".onnx")
@example(data=b"\x08", suffix=".onnx")
@example(data=b"PK\x03\x04", suffix="")
def test_random_bytes_are_a_format_or_a_model_error(tmp_path_factory, data, suffix):
    path = tmp_path_factory.getbasetemp() / f"random{suffix}"
    path.write_bytes(data)
    try:
        answer = sniff(path)
    except ModelError as error:
        answer = error
    assert isinstance(answer, Format) or (answer.hint and "\n" not in answer.message)


def test_importing_the_room_is_cheap():
    code = (
        "import sys, edgebench.artifacts; print(sorted({'onnx', 'numpy', 'google', 'onnxruntime'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
