"""What the engine inspector tells of an engine's layers: names only, or all of it where the engine was built for that.

Sources: the inspector's section of NVIDIA's TensorRT developer guide, and layer files that users published.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from edgebench.mock.jetson.trtexec.dialects import Dialect
from edgebench.mock.jetson.trtexec.network import Value
from edgebench.mock.jetson.trtexec.precision import Placed, is_real

TYPES = {"Convolution": "CaskConvolution", "Deconvolution": "CaskDeconvolutionV2", "MatrixMultiply": "MatrixMultiply",
         "Pooling": "PoolingV2", "PointWise": "PointWiseV2", "SoftMax": "CudaSoftMax"}  # fmt: skip
FORMATS = {"fp32": "Row major linear FP32", "fp16": "Two wide channel vectorized row major FP16 format",
           "int8": "Four wide channel vectorized row major Int8 format"}  # fmt: skip
WEIGHTS = {"fp32": "Float", "fp16": "Half", "int8": "Int8"}


def layers_json(layers: Sequence[Placed], bindings: Sequence[str], dialect: Dialect, detailed: bool) -> str:
    """The file of `--exportLayerInfo`."""
    told: list[Any] = [_detail(layer, dialect) for layer in layers] if detailed else [one.layer.name for one in layers]
    body = ",".join(json.dumps(one, indent=2) for one in told)
    names = "\n,".join(json.dumps(name) for name in bindings)
    return f'{{"Layers": [{body}],\n"Bindings": [{names}\n]}}\n'


def layers_text(layers: Sequence[Placed], bindings: Sequence[str], detailed: bool) -> str:
    """What `--dumpLayerInfo` prints after its heading."""
    rows = [_oneline(layer) for layer in layers] if detailed else [one.layer.name for one in layers]
    return "\n".join(["Layers:", *rows, "", "Bindings:", *bindings])


def _tensor(value: Value, precision: str, dialect: Dialect) -> dict[str, Any]:
    text = FORMATS[precision] if is_real(value) else "Row major Int32"
    dims = list(value.dims)
    if dialect.since(8, 4):
        return {"Name": value.name, "Location": "Device", "Dimensions": dims, "Format/Datatype": text}
    return {"Name": value.name, "Dimensions": dims, "Format/Datatype": text}


def _detail(placed: Placed, dialect: Dialect) -> dict[str, Any]:
    layer, tactic = placed.layer, _tactic(placed)
    kind = TYPES.get(layer.kind, layer.kind)
    given = placed.precision
    told: dict[str, Any] = {
        "Name": layer.name,
        "LayerType": kind if placed.unit == "gpu" else "DLA",
        "Inputs": [_tensor(value, placed.read, dialect) for value in layer.inputs],
        "Outputs": [_tensor(value, placed.written, dialect) for value in layer.outputs],
        "ParameterType": layer.kind if placed.unit == "gpu" else "DLA",
    }
    if layer.parameters:
        told |= {"Weights": {"Type": WEIGHTS[given], "Count": layer.parameters}, "HasReLU": int("elu" in layer.name)}
    if layer.kind == "Reformat":
        told["Origin"] = "CONCAT" if layer.nodes else "REFORMAT"
    told |= {"TacticName": _tactic_name(placed), "TacticValue": tactic}
    if dialect.since(10):
        told |= {"StreamId": 0, "Metadata": "\x1e".join(f"[ONNX Layer: {node}]" for node in layer.nodes)}
    return told


def _oneline(placed: Placed) -> str:
    layer = placed.layer

    def tensors(values: Sequence[Value], precision: str) -> str:
        rows = (f"{{ Name: {value.name}, Location: Device, Dimensions: [{','.join(map(str, value.dims))}], "
                f"Format/Datatype: {FORMATS[precision]} }}" for value in values)  # fmt: skip
        return f"[ {', '.join(rows)}]"

    return (f"Name: {layer.name}, LayerType: {TYPES.get(layer.kind, layer.kind)}, Inputs: "
            f"{tensors(layer.inputs, placed.read)}, Outputs: {tensors(layer.outputs, placed.written)}, "
            f"ParameterType: {layer.kind}, TacticValue: {_tactic(placed)}")  # fmt: skip


def _tactic(placed: Placed) -> str:
    return "0x" + hashlib.sha256(f"{placed.layer.name}/{placed.precision}".encode()).hexdigest()[:16]


def _tactic_name(placed: Placed) -> str:
    if placed.layer.kind not in ("Convolution", "MatrixMultiply", "Deconvolution"):
        return ""
    short = {"fp32": "f32f32_f32_f32", "fp16": "f16f16_f16_f16", "int8": "i8i8_i8i32_f32"}[placed.precision]
    return f"xmma_fprop_implicit_gemm_{short}_nchw_tilesize128x64x32_simulated"
