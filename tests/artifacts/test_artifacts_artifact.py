"""The files of an artifact and its hash."""

from __future__ import annotations

import hashlib

import onnx
import onnx_models as nets
import pytest

from edgebench.artifacts import Format, load_artifact
from edgebench.errors import ModelError


def sha(data):
    return hashlib.sha256(data).hexdigest()


def test_one_file(tmp_path):
    data = b"\x1c\0\0\0TFL3" + bytes(3_000_000)  # more than one chunk
    (tmp_path / "m.tflite").write_bytes(data)
    artifact = load_artifact(tmp_path / "m.tflite")
    assert (artifact.sha256, artifact.bytes, artifact.format) == (sha(data), len(data), Format.TFLITE)
    assert [file.name for file in artifact.files] == ["m.tflite"]


def test_external_data_belongs_to_the_artifact(tmp_path):
    path = nets.save_external(tmp_path / "net.onnx", "a_first.data")
    artifact = load_artifact(path)
    model, data = path.read_bytes(), (tmp_path / "a_first.data").read_bytes()
    assert [file.name for file in artifact.files] == ["net.onnx", "a_first.data"]
    assert artifact.bytes == len(model) + len(data)
    assert artifact.sha256 == sha(f"a_first.data\0{sha(data)}\nnet.onnx\0{sha(model)}\n".encode())


def test_changed_weights_are_another_artifact(tmp_path):
    path = nets.save_external(tmp_path / "net.onnx")
    before = load_artifact(path)
    data = bytearray((tmp_path / "net.data").read_bytes())
    data[0] ^= 1
    (tmp_path / "net.data").write_bytes(data)
    after = load_artifact(path)
    assert after.sha256 != before.sha256
    assert after.files[0] == before.files[0]


def test_missing_and_truncated_external_data(tmp_path):
    path = nets.save_external(tmp_path / "net.onnx")
    data = (tmp_path / "net.data").read_bytes()
    (tmp_path / "net.data").write_bytes(data[:-1])
    with pytest.raises(ModelError, match=r"'net\.data' is truncated"):
        load_artifact(path)
    (tmp_path / "net.data").unlink()
    with pytest.raises(ModelError, match=r"'net\.data' is missing"):
        load_artifact(path)


@pytest.mark.parametrize(
    "location", ["../net.data", "/etc/passwd", "a/../../net.data", "C:\\net.data", "..\\net.data", "", "a\nb"]
)
def test_external_data_must_lie_beside_the_model(tmp_path, location):
    folder = tmp_path / "models"
    folder.mkdir()
    (tmp_path / "net.data").write_bytes(bytes(4096))
    path = nets.save_external(folder / "net.onnx")
    model = onnx.load(path, load_external_data=False)
    for tensor in model.graph.initializer:
        next(entry for entry in tensor.external_data if entry.key == "location").value = location
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ModelError, match="outside the model's folder") as caught:
        load_artifact(path)
    assert "\n" not in caught.value.message


def test_external_data_in_a_folder_beside_the_model(tmp_path):
    (tmp_path / "weights").mkdir()
    artifact = load_artifact(nets.save_external(tmp_path / "net.onnx", "weights/net.data"))
    assert artifact.files[1].name == "weights/net.data"


def test_ncnn_is_two_files(tmp_path):
    (tmp_path / "m.param").write_bytes(b"7767517\n1 1\n")
    with pytest.raises(ModelError, match=r"m\.bin is missing"):
        load_artifact(tmp_path / "m.param")
    (tmp_path / "m.bin").write_bytes(b"weights")
    artifact = load_artifact(tmp_path / "m.param")
    assert [file.name for file in artifact.files] == ["m.param", "m.bin"]
    assert artifact.format is Format.NCNN


def test_a_damaged_model_is_no_artifact(tmp_path):
    path = tmp_path / "m.onnx"
    path.write_bytes(nets.conv_net().SerializeToString()[:300])
    with pytest.raises(ModelError, match="truncated or damaged"):
        load_artifact(path)
