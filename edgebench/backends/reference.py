"""The reference run: a module of its own process, fed and read through two `.npz` files in a work folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebench.errors import RowFailure

if TYPE_CHECKING:
    from edgebench.backends.base import Arrays

TIMEOUT_S = 600.0


def run_reference(module: str, model: Path, inputs: Arrays, work: Path, extra: Sequence[str] = ()) -> Arrays:
    """Outputs of `model` by name, from `python -m module MODEL WORK [extra] INPUT-NAMES`.

    The module reads WORK/reference-in.npz (in0, in1... in the order of the names) and writes WORK/reference-out.npz
    (out0..., names). Raises `RowFailure` (`timeout`, `load-failed` with its last words).
    """
    import numpy as np

    names = list(inputs)
    arrays: dict[str, Any] = {f"in{at}": inputs[name] for at, name in enumerate(names)}
    np.savez(work / "reference-in.npz", **arrays)
    command = [sys.executable, "-m", module, str(model), str(work), *extra, *names]
    try:
        done = subprocess.run(command, capture_output=True, timeout=TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise RowFailure("timeout", f"the reference took over {TIMEOUT_S:.0f} s on this host") from error
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise RowFailure("load-failed", said[-1] if said else f"the reference ended with {done.returncode}")
    with np.load(work / "reference-out.npz", allow_pickle=False) as found:
        outputs = [str(name) for name in found["names"]]
        return {name: found[f"out{at}"] for at, name in enumerate(outputs)}
