"""The TFLite members of the family, as LiteRT runs them: pixels in and out, parity with ONNX, what the files store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from degrade import Photo


def lite_enlarger(path: Path) -> Callable[[Photo], np.ndarray]:
    """Takes (H, W, 3) uint8 of any size, gives (2H, 2W, 3) float32 in 0..255; one CPU thread."""

    def enlarge(low: Photo) -> np.ndarray:
        interpreter = Interpreter(str(path), num_threads=1)
        (taken,) = interpreter.get_input_details()
        interpreter.resize_tensor_input(taken["index"], (1, *low.shape))
        interpreter.allocate_tensors()
        interpreter.set_tensor(taken["index"], stored(low[None].astype(np.float32), taken))
        interpreter.invoke()
        (given,) = interpreter.get_output_details()
        return real(interpreter.get_tensor(given["index"]), given)[0]

    return enlarge


def stored(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """Real values as the tensor stores them: value = scale * (stored - zero point) where it is quantised."""
    scale, zero_point = tensor["quantization"]
    if not scale:
        return values.astype(tensor["dtype"])
    limits = np.iinfo(tensor["dtype"])
    return np.clip(np.rint(values / scale) + zero_point, limits.min, limits.max).astype(tensor["dtype"])


def real(values: np.ndarray, tensor: dict[str, Any]) -> np.ndarray:
    """What stored values stand for, float32."""
    scale, zero_point = tensor["quantization"]
    return (values.astype(np.float32) - zero_point) * scale if scale else values


def side(path: Path, which: str) -> dict[str, Any]:
    """The card's entry for the file's `input` or `output`."""
    interpreter = Interpreter(str(path))
    (tensor,) = interpreter.get_input_details() if which == "input" else interpreter.get_output_details()
    scale, zero_point = tensor["quantization"]
    entry = {
        "name": tensor["name"],
        "dtype": np.dtype(tensor["dtype"]).name,
        "layout": "NHWC",
        "shape": tensor["shape"].tolist(),
        "values": "RGB 0..255",
    }
    quantisation = {"quantization": {"scale": float(scale), "zero_point": int(zero_point)}}
    return entry | (quantisation if scale else {})


def kernels(path: Path) -> Iterator[tuple[Any, Any]]:
    """Kernel and bias of every convolution, as the schema's tensors; of fp16 files the 16-bit ones."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    (graph,) = model.subgraphs
    codes = [code.builtinCode for code in model.operatorCodes]
    written = {
        operator.outputs[0]: operator.inputs[0]
        for operator in graph.operators
        if codes[operator.opcodeIndex] == schema.BuiltinOperator.DEQUANTIZE
    }
    for operator in graph.operators:
        if codes[operator.opcodeIndex] == schema.BuiltinOperator.CONV_2D:
            kernel, bias = (graph.tensors[written.get(at, at)] for at in operator.inputs[1:3])
            yield kernel, bias


def count_lite(path: Path, height: int, width: int) -> tuple[int, int]:
    """Parameters and MACs, as `judge.count` counts them for ONNX: Clip's two bounds are 0 and the stored 255."""
    parameters, macs = 2, 0
    for kernel, bias in kernels(path):
        parameters += int(np.prod(kernel.shape) + np.prod(bias.shape))
        macs += int(np.prod(kernel.shape)) * height * width
    return parameters, macs
