"""Input files against a model: what fits, what is refused, and how photographs become arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

from edgebench.controller.inputs import InputFiles, gather_inputs, input_shapes, photo_array
from edgebench.controller.spec import VariantAsk
from edgebench.errors import UsageError

FLOAT = TensorProto.FLOAT


def model(path: Path, *dims: object, dtype: int = FLOAT, names: str = "x") -> Path:
    inputs = [helper.make_tensor_value_info(name, dtype, list(dims)) for name in names]
    nodes = [helper.make_node("Identity", [names[0]], ["y"])]
    graph = helper.make_graph(nodes, "g", inputs, [helper.make_tensor_value_info("y", dtype, None)])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


def ask(path: Path | None, **more: object) -> VariantAsk:
    return VariantAsk(input=str(path) if path else None, **more)


@pytest.fixture
def gradient(tmp_path: Path) -> Path:
    """A picture 4 wide and 2 high: red is the column, green the row, blue 255."""
    pixels = np.zeros((2, 4, 3), np.uint8)
    pixels[:, :, 0] = np.arange(4) * 85
    pixels[:, :, 1] = (np.arange(2) * 255)[:, None]
    pixels[:, :, 2] = 255
    path = tmp_path / "gradient.png"
    Image.fromarray(pixels).save(path)
    return path


def test_no_input_is_no_files(tmp_path: Path) -> None:
    path = model(tmp_path / "m.onnx", 1, 3, 8, 8)
    assert gather_inputs(path, ask(None)) == InputFiles()
    assert input_shapes(path, ask(None)) == []


@pytest.mark.parametrize(
    ("dims", "dtype", "span", "shape"),
    [
        ((1, 3, 2, 4), "float32", None, (1, 3, 2, 4)),
        ((1, 2, 4, 3), "float32", None, (1, 2, 4, 3)),
        ((1, 3, "h", "w"), "float32", None, (1, 3, 2, 4)),
        (("N", 1, 2, 4), "float32", None, (1, 1, 2, 4)),
        ((1, 3, 6, 12), "uint8", None, (1, 3, 6, 12)),
        ((1, 3, 6, None), "float32", (-1.0, 1.0), (1, 3, 6, 4)),
    ],
)
def test_a_photograph_takes_the_inputs_layout(gradient, dims, dtype, span, shape) -> None:
    array = photo_array(gradient, dims=dims, dtype=dtype, span=span)
    assert (array.shape, array.dtype) == (shape, np.dtype(dtype))
    low, high = span or ((0, 255) if dtype == "uint8" else (0, 1))
    assert array.min() >= low
    assert array.max() == high or shape[1] == 1


def test_values_of_a_photograph(gradient: Path) -> None:
    first = photo_array(gradient, dims=(1, 3, 2, 4), dtype="float32", span=None)
    last = photo_array(gradient, dims=(1, 2, 4, 3), dtype="float32", span=None)
    np.testing.assert_array_equal(first, last.transpose(0, 3, 1, 2))
    np.testing.assert_allclose(first[0, 0, 1], [0, 1 / 3, 2 / 3, 1], rtol=1e-6)
    np.testing.assert_array_equal(first[0, 1, :, 0], [0, 1])
    scaled = photo_array(gradient, dims=(1, 3, 2, 4), dtype="int8", span=(-128, 127))
    assert (scaled.min(), scaled.max()) == (-128, 127)


@pytest.mark.parametrize(("dims", "dtype"), [((1, 10), "float32"), ((1, 5, 8, 8), "float32"), ((1, 3, 8, 8), "int64")])
def test_inputs_that_take_no_photograph(gradient: Path, dims: tuple[int, ...], dtype: str) -> None:
    with pytest.raises(UsageError, match=r"gradient\.png"):
        photo_array(gradient, dims=dims, dtype=dtype, span=None)


def test_a_cut_photograph_is_refused_when_it_is_read(gradient: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    path = tmp_path / "cut.png"
    Image.fromarray(rng.integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    path.write_bytes(path.read_bytes()[:4000])
    with pytest.raises(UsageError, match=r"cut\.png is damaged"):
        photo_array(path, dims=(1, 3, 8, 8), dtype="float32", span=None)


def test_a_folder_is_taken_in_order_and_cycled(tmp_path: Path, gradient: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    np.savez(folder / "b.npz", x=np.zeros((1, 3, 2, 4), np.float32))
    np.save(folder / "a.npy", np.ones((1, 3, 2, 4), np.float32))
    gradient.rename(folder / "c.png")
    (folder / "notes.txt").touch()
    path = model(tmp_path / "m.onnx", 1, 3, "h", "w")
    files = gather_inputs(path, ask(folder))
    assert (files.names, files.cycled) == (["a.npy", "b.npz", "c.png"], True)
    assert input_shapes(path, ask(folder)) == [{"x": (1, 3, 2, 4)}] * 3
    work = tmp_path / "work"
    work.mkdir()
    arrays = [dict(np.load(one)) for one in files.written_to(work)]
    assert [list(one) for one in arrays] == [["x"]] * 3
    assert arrays[0]["x"].sum() == 24


def test_states_need_no_arrays_of_their_own(tmp_path: Path) -> None:
    path = model(tmp_path / "m.onnx", 1, 4, names="xh")
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 4), np.float32))
    with pytest.raises(UsageError, match="the model takes x, h"):
        input_shapes(path, ask(tmp_path / "x.npz"))
    assert input_shapes(path, ask(tmp_path / "x.npz", states={"hn": "h"})) == [{"x": (1, 4)}]


def test_a_narrower_type_fits_a_wider_one(tmp_path: Path) -> None:
    path = model(tmp_path / "m.onnx", 1, 4)
    np.savez(tmp_path / "half.npz", x=np.zeros((1, 4), np.float16))
    assert input_shapes(path, ask(tmp_path / "half.npz")) == [{"x": (1, 4)}]


def test_a_file_that_says_another_size_than_asked(tmp_path: Path) -> None:
    path = model(tmp_path / "m.onnx", 1, "n")
    np.savez(tmp_path / "x.npz", x=np.zeros((1, 4), np.float32))
    with pytest.raises(UsageError, match="x is 1x4, not the 1x5 of --shape"):
        input_shapes(path, ask(tmp_path / "x.npz", shapes={"x": [1, 5]}))


def test_a_model_of_several_inputs_needs_names(tmp_path: Path, gradient: Path) -> None:
    path = model(tmp_path / "m.onnx", 1, 4, names="ab")
    np.save(tmp_path / "one.npy", np.zeros((1, 4), np.float32))
    for source in (tmp_path / "one.npy", gradient):
        with pytest.raises(UsageError, match="several inputs"):
            input_shapes(path, ask(source))
