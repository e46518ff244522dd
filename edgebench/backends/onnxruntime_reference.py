"""A process of its own that runs one model once on the host's CPU: MODEL WORKDIR LIBRARY INPUT-NAME...

LIBRARY, of custom operators, may be empty.

Kept apart so that a native crash of the runtime ends this process, not the controller.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np


def main(argv: list[str]) -> None:
    """Read WORKDIR/reference-in.npz (in0, in1...), write WORKDIR/reference-out.npz (out0..., names)."""
    import onnxruntime

    model, work, library, names = argv[0], Path(argv[1]), argv[2], argv[3:]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    if library:
        options.register_custom_ops_library(str(Path(library).absolute()))  # a bare name is sought in system folders
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    with np.load(work / "reference-in.npz", allow_pickle=False) as given:
        feeds = {name: given[f"in{at}"] for at, name in enumerate(names)}
    outputs = session.run(None, feeds)
    found = {f"out{at}": np.asarray(value) for at, value in enumerate(outputs)}
    found["names"] = np.asarray([output.name for output in session.get_outputs()])
    np.savez(work / "reference-out.npz", **found)  # type: ignore[arg-type]


if __name__ == "__main__":
    main(sys.argv[1:])
