"""Names for the arrays that every module here takes: one-dimensional, in the order of time unless said otherwise."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Samples = npt.NDArray[np.float64] | npt.NDArray[np.int64]
