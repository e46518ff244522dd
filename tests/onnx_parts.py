"""Parts of ONNX graphs held against the whole graph: the same values, at the same names."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime


def session_of(path):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def every_value(path, feeds):
    """{name: array} of all that a whole model computes."""
    model = onnx.load(path)
    shown = {value.name for value in model.graph.output}
    names = [name for node in model.graph.node for name in node.output if name and name not in shown]
    model.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    session = session_of(model.SerializeToString())
    found = dict(zip([one.name for one in session.get_outputs()], session.run(None, feeds), strict=True))
    return found | feeds


def check_part(cutter, first, last, target, values):
    known = {face.name: values[face.name] for face in cutter.inputs_of(first, last)}
    dims = {name: array.shape for name, array in known.items()}
    cutter.write(first, last, target, dims, {name: str(array.dtype) for name, array in known.items()})
    session = session_of(target)
    assert [one.name for one in session.get_inputs()] == list(known)
    outputs = session.run(None, known)
    names = [one.name for one in session.get_outputs()]
    assert names == [face.name for face in cutter.outputs_of(first, last)]
    for name, array in zip(names, outputs, strict=True):
        np.testing.assert_array_equal(array, values[name])
