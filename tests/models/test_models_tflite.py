"""The TFLite files are the network of sr-x2-w28.onnx, channels last, in the precision that their cards say."""

import hashlib
import json
import re
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_litert.schema_py_generated import TensorType

MODELS = Path(__file__).resolve().parents[2] / "models"
sys.path.insert(0, str(MODELS))

from degrade import psnr_db  # noqa: E402
from judge import enlarger, held_out_pair, model_upscaler  # noqa: E402
from lite import kernels, real, stored  # noqa: E402

PRECISIONS = {"fp32": 100.0, "fp16": 60.0, "int8": 40.0}
"""How near each comes to the ONNX file at least, in dB."""


def path_of(precision):
    return MODELS / f"sr-x2-w28-{precision}.tflite"


def card_of(precision):
    return json.loads((MODELS / f"sr-x2-w28-{precision}.tflite.card.json").read_text())


def nearness_db(outputs, wanted):
    return 10 * np.log10(255**2 / np.mean((outputs.astype(np.float64) - wanted) ** 2))


@pytest.fixture(scope="module")
def frame():
    """180 x 320 pixels of a held-out photograph, mirrored where it is too small, and what the ONNX file makes of it."""
    low, _ = held_out_pair("chelsea")
    padding = ((0, 180 - low.shape[0]), (0, 320 - low.shape[1]), (0, 0))
    pixels = np.pad(low, padding, mode="symmetric")[None].astype(np.float32)
    session = onnxruntime.InferenceSession(MODELS / "sr-x2-w28.onnx", providers=["CPUExecutionProvider"])
    (planes,) = session.run(None, {"input": np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))})
    return pixels, planes.transpose(0, 2, 3, 1)


@pytest.mark.parametrize("precision", PRECISIONS)
class TestLiteModel:
    def test_is_the_file_its_card_describes(self, precision):
        content, card = path_of(precision).read_bytes(), card_of(precision)
        assert (card["sha256"], card["bytes"]) == (hashlib.sha256(content).hexdigest(), len(content))
        assert card["min_parity_db"] == PRECISIONS[precision]

    @pytest.mark.parametrize("kernels_of", [OpResolverType.AUTO, OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES])
    def test_gives_what_the_onnx_file_gives_with_and_without_xnnpack(self, precision, kernels_of, frame):
        pixels, wanted = frame
        interpreter = Interpreter(
            str(path_of(precision)), num_threads=1, experimental_op_resolver_type=kernels_of
        )  # at the size that the file fixes
        interpreter.allocate_tensors()
        (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
        interpreter.set_tensor(taken["index"], stored(pixels, taken))
        interpreter.invoke()
        outputs = real(interpreter.get_tensor(given["index"]), given)
        assert outputs.shape == wanted.shape == (1, 360, 640, 3)
        assert nearness_db(outputs, wanted) >= PRECISIONS[precision]

    @pytest.mark.parametrize("photograph", ["chelsea", "motorcycle_left"])
    def test_comes_as_near_to_the_onnx_file_as_its_card_says(self, precision, photograph):
        low, _ = held_out_pair(photograph)
        near = nearness_db(enlarger(path_of(precision))(low), enlarger(MODELS / "sr-x2-w28.onnx")(low))
        assert near >= PRECISIONS[precision]
        if precision != "fp32":  # at 150 dB the last bit decides, and with it the processor
            assert near == pytest.approx(card_of(precision)["parity_db"][photograph], abs=0.5)

    def test_reaches_the_psnr_of_its_card(self, precision):
        low, truth = held_out_pair("chelsea")
        measured = psnr_db(truth, model_upscaler(path_of(precision))(low), 2)
        assert measured == pytest.approx(card_of(precision)["psnr_db"]["chelsea"], abs=0.02)

    def test_says_its_layout_and_quantisation(self, precision):
        card = card_of(precision)
        interpreter = Interpreter(str(path_of(precision)))
        for entry, details in (
            (card["input"], interpreter.get_input_details()),
            (card["output"], interpreter.get_output_details()),
        ):
            (tensor,) = details
            assert entry["layout"] == "NHWC"
            assert entry["shape"] == tensor["shape"].tolist()
            assert np.dtype(entry["dtype"]) == tensor["dtype"]
            said = entry.get("quantization", {"scale": 0.0, "zero_point": 0})
            assert (said["scale"], said["zero_point"]) == tensor["quantization"]
        assert card["input"]["dtype"] == ("int8" if precision == "int8" else "float32")

    def test_stores_its_six_kernels_in_the_type_the_card_names(self, precision):
        wanted = {"float32": TensorType.FLOAT32, "float16": TensorType.FLOAT16, "int8": TensorType.INT8}
        found = list(kernels(path_of(precision)))
        assert len(found) == 6
        assert {kernel.type for kernel, _ in found} == {wanted[card_of(precision)["weights"]]}

    def test_counts_as_many_parameters_and_macs_as_the_onnx_file(self, precision):
        original = json.loads((MODELS / "sr-x2-w28.card.json").read_text())
        card = card_of(precision)
        assert card["params"] == original["params"]
        assert card["macs"] == {**original["macs"], "input_shape": [1, 180, 320, 3]}


def test_the_int8_file_has_no_float_between_input_and_output():
    interpreter = Interpreter(
        str(path_of("int8")), experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    )
    interpreter.allocate_tensors()
    kinds = {np.dtype(tensor["dtype"]).name for tensor in interpreter.get_tensor_details()}
    assert kinds == {"int8", "int32"}  # 32 bits for biases


def test_the_readme_says_the_parity_of_the_cards():
    said = re.findall(r"(fp32|fp16|int8) ([0-9.]+) dB", (MODELS / "README.md").read_text())
    assert {name: float(value) for name, value in said} == {
        precision: min(card_of(precision)["parity_db"].values()) for precision in PRECISIONS
    }
