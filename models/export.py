"""Write the trained weights as ONNX: opset 13, IR 8, range 0..255, fixed to 180 x 320 (sizes.py frees it).

The network is trained on 0..1. ReLU networks are positively homogeneous when the biases scale along:
f(255 x; W, 255 b) = 255 f(x; W, b). So the file takes and gives 0..255 with no scaling operator.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from sizes import HEIGHT, WIDTH, with_size

OPSET = 13
IR_VERSION = 8  # the newest that onnxruntime 1.10 reads
SCALE = 2


def write_float_model(state: Mapping[str, torch.Tensor], path: Path) -> None:
    """Write the AnchorNet with the weights ``state`` to ``path``."""
    weights = {name.removeprefix("convs."): tensor.detach().numpy() for name, tensor in state.items()}
    layers = len(weights) // 2
    nodes, initializers, data = [], [], "input"
    for layer in range(layers):
        kernel, bias = weights[f"{layer}.weight"], weights[f"{layer}.bias"] * 255
        initializers += [
            numpy_helper.from_array(np.ascontiguousarray(kernel, np.float32), f"conv{layer}.weight"),
            numpy_helper.from_array(np.ascontiguousarray(bias, np.float32), f"conv{layer}.bias"),
        ]
        inputs = [data, f"conv{layer}.weight", f"conv{layer}.bias"]
        data = f"conv{layer}.out"
        pads = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
        nodes.append(helper.make_node("Conv", inputs, [data], f"conv{layer}", **pads))
        if layer < layers - 1:
            nodes.append(helper.make_node("Relu", [data], [f"relu{layer}.out"], f"relu{layer}"))
            data = f"relu{layer}.out"
    initializers += [
        numpy_helper.from_array(np.array(0, np.float32), "lowest"),
        numpy_helper.from_array(np.array(255, np.float32), "highest"),
    ]
    nodes += [
        helper.make_node("Concat", ["input"] * SCALE**2, ["anchor"], "repeat", axis=1),
        helper.make_node("Add", [data, "anchor"], ["subpixels"], "add_anchor"),
        helper.make_node("DepthToSpace", ["subpixels"], ["enlarged"], "shuffle", blocksize=SCALE, mode="DCR"),
        helper.make_node("Clip", ["enlarged", "lowest", "highest"], ["output"], "clip"),
    ]
    graph = helper.make_graph(
        nodes,
        "anchor_net",
        [helper.make_tensor_value_info("input", TensorProto.FLOAT, [1, 3, "h", "w"])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3, "h2", "w2"])],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="edgebench")
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model, full_check=True)
    onnx.save(with_size(model, HEIGHT, WIDTH), path)
