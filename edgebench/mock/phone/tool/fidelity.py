"""What the stand-in tool writes as a model's outputs: really computed on this machine, in a process of its own.

Called with one argument, JSON: {"model", "inputs": [PATH or null, by place], "shapes", "output", "half", "wrong"}.
Writes all outputs one after the other, raw, as the tool does. Exit status 0, else the reason is on stderr.
"""

from __future__ import annotations

import json
import sys
from itertools import zip_longest
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SEED = 20260101


def main(told: str) -> None:
    """Run the model once."""
    from ai_edge_litert.interpreter import Interpreter

    ask = json.loads(told)
    interpreter = Interpreter(model_path=ask["model"], num_threads=1)
    for detail, shape in zip(interpreter.get_input_details(), ask["shapes"], strict=False):
        interpreter.resize_tensor_input(detail["index"], shape)
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()
    for detail, path in zip_longest(details, ask["inputs"][: len(details)]):
        values = _input(path, tuple(detail["shape"]), detail["dtype"])
        interpreter.set_tensor(detail["index"], values)
    interpreter.invoke()
    outputs = [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]
    if ask["half"]:
        outputs = [_through_half(values) for values in outputs]
    if ask["wrong"]:
        outputs = [np.flip(values).copy() for values in outputs]
    Path(ask["output"]).write_bytes(b"".join(values.tobytes() for values in outputs))


def _input(path: str | None, shape: tuple[int, ...], dtype: type) -> NDArray[np.generic]:
    """A file's values in the tensor's shape. Raises ValueError for another number of them."""
    if path is None:
        rng = np.random.default_rng(SEED)
        return (rng.random(shape) * (1 if np.issubdtype(dtype, np.floating) else 100)).astype(dtype)
    return np.fromfile(path, dtype=dtype).reshape(shape)


def _through_half(values: NDArray[np.generic]) -> NDArray[np.generic]:
    """Floats as a GPU leaves them that computes in 16 bits."""
    return values.astype(np.float16).astype(values.dtype) if np.issubdtype(values.dtype, np.floating) else values


if __name__ == "__main__":
    main(sys.argv[1])
