"""What an engine computes: ONNX Runtime on this machine runs its model, and rounding of known size is laid over it.

Called as a program with one argument, JSON: {"model", "inputs": {NAME: PATH or null}, "shapes", "fp16", "int8",
"ranges", "wrong", "output"}. Half precision: inputs and outputs go through 16-bit floats. Eight bits by calibration:
both go through 255 steps of the tensor's range; without a calibration cache the ranges are those that `trtexec` itself
takes, 2 for inputs and 4 for everything else (samples/common/sampleEngines.cpp), and outputs beyond them are cut off. A
model with its own quantisation is computed as it says. Writes {NAME: [dims, dtype, values]} as JSON.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

SEED = 20260101
STEPS = 127
INPUT_RANGE = 2.0
OTHER_RANGE = 4.0

Values = NDArray[Any]


def main(told: str) -> None:
    """Run the model once."""
    import onnxruntime

    ask = json.loads(told)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(Path(ask["model"]).read_bytes(), options, ["CPUExecutionProvider"])
    rough = Rounding(ask["fp16"], ask["int8"], ask["ranges"])
    feeds = {}
    for entry in session.get_inputs():
        given = _input(ask["inputs"].get(entry.name), ask["shapes"][entry.name], entry.type)
        feeds[entry.name] = rough(given, entry.name, INPUT_RANGE)
    names = [entry.name for entry in session.get_outputs()]
    found = {}
    for name, values in zip(names, session.run(names, feeds), strict=True):
        result = np.flip(values).copy() if ask["wrong"] else values
        result = rough(result, name, OTHER_RANGE)
        found[name] = [list(result.shape), str(result.dtype), result.reshape(-1).tolist()]
    Path(ask["output"]).write_text(json.dumps(found), encoding="ascii")


class Rounding:
    """The error that an engine's precision lays over a tensor."""

    def __init__(self, fp16: bool, int8: bool, ranges: Mapping[str, float] | None) -> None:
        self._fp16, self._int8, self._ranges = fp16, int8, ranges

    def __call__(self, values: Values, name: str, usual: float) -> Values:
        """The tensor as the engine has it; integers stay as they are."""
        if not np.issubdtype(values.dtype, np.floating):
            return values
        if self._int8:
            largest = usual if self._ranges is None else self._ranges.get(name)
            if largest:
                step = largest / STEPS
                return (np.clip(np.round(values / step), -STEPS - 1, STEPS) * step).astype(values.dtype)
        return values.astype(np.float16).astype(values.dtype) if self._fp16 else values


def _input(path: str | None, shape: list[int], kind: str) -> Values:
    """A file's values, or random ones from -1 to 1; 64-bit integers are 32-bit ones where the file is half as long."""
    dtype = np.dtype(_NUMPY[kind.removeprefix("tensor(").removesuffix(")")])
    if path is None:
        rng = np.random.default_rng(SEED)
        low, high = (-1.0, 1.0) if np.issubdtype(dtype, np.floating) else (0, 2)
        return rng.uniform(low, high, shape).astype(dtype)
    data = Path(path).read_bytes()
    count = int(np.prod(shape))
    stored = np.dtype(np.int32) if dtype == np.int64 and len(data) == 4 * count else dtype
    return np.frombuffer(data, stored).reshape(shape).astype(dtype)


_NUMPY = {"float": "float32", "double": "float64", "float16": "float16", "int64": "int64", "int32": "int32",
          "int8": "int8", "uint8": "uint8", "bool": "bool"}  # fmt: skip

if __name__ == "__main__":
    main(sys.argv[1])
