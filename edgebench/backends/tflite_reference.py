"""A process of its own that runs one TFLite model once on the host's CPU: MODEL WORKDIR INPUT-NAME...

With TFLite's plain kernels, without XNNPACK: what the reference is held against usually ran on XNNPACK.
Kept apart so that a native crash of the runtime ends this process, not the controller.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np


def main(argv: list[str]) -> None:
    """Read WORKDIR/reference-in.npz (in0, in1...), write WORKDIR/reference-out.npz (out0..., names)."""
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    model, work, names = argv[0], Path(argv[1]), argv[2:]
    plain = OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    interpreter = Interpreter(model_path=model, num_threads=1, experimental_op_resolver_type=plain)
    details = interpreter.get_input_details()
    indices = {name: one["index"] for name, one in zip(names_of(details), details, strict=True)}
    with np.load(work / "reference-in.npz", allow_pickle=False) as given:
        feeds = {name: given[f"in{at}"] for at, name in enumerate(names)}
    for name, array in feeds.items():
        interpreter.resize_tensor_input(indices[name], array.shape)
    interpreter.allocate_tensors()
    for name, array in feeds.items():
        interpreter.set_tensor(indices[name], array)
    interpreter.invoke()
    details = interpreter.get_output_details()
    found: dict[str, Any] = {f"out{at}": interpreter.get_tensor(one["index"]) for at, one in enumerate(details)}
    found["names"] = np.asarray(names_of(details))
    np.savez(work / "reference-out.npz", **found)


def names_of(details: Sequence[dict[str, Any]]) -> list[str]:
    """What inputs or outputs are called: the tensor's name, or its number where that is no name for one."""
    names = [one["name"] for one in details]
    return [
        one["name"] if one["name"] and names.count(one["name"]) == 1 else f"tensor {one['index']}" for one in details
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
