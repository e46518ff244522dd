"""Parts of a model as rows that a device can be asked to try: each written to a file, with the inputs it would see."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from edgebench.artifacts.cutting import CutTensor, Cutter
from edgebench.backends.base import get_backend
from edgebench.controller.bisect import Cut, Verdict
from edgebench.controller.inputs import gather_inputs
from edgebench.controller.rows import RowRequest, examine
from edgebench.errors import ModelError, RowFailure
from edgebench.records import Run

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[np.generic]]

REFUSALS = frozenset(
    {
        "load-failed",
        "unsupported-op",
        "delegate-failed",
        "delegate-partial",
        "build-failed",
        "oom",
        "crashed",
        "timeout",
    }
)
"""Outcome codes that an operator can be to blame for; every other failure says nothing about the part."""


class UnknownShape(Exception):
    """The shape of a part's input is told neither by the file nor by running what is before it."""


@dataclass(frozen=True)
class Workbench:
    """Where parts of the model that `whole` asks for are made; `work` is a folder for their files."""

    whole: RowRequest
    cutter: Cutter
    work: Path

    def request(self, cut: Cut) -> RowRequest:
        """The row that tries a part. Raises `UnknownShape`, `ModelError`, `UsageError` for the user's own inputs."""
        if cut.size == len(self.cutter.operators):
            return self.whole
        path, feeds = self.place(cut), self.feeds(cut)
        self.write(cut, path, feeds)
        given = path.with_suffix(".npz") if feeds else None
        if given:
            write_arrays(given, feeds)
        ask = msgspec.structs.replace(
            self.whole.ask, shapes={}, states={}, batch=1, input=str(given) if given else None, input_range=None
        )
        _, facts, ask = examine(path, ask)
        ask = msgspec.structs.replace(ask, states={})  # names of a part's edges that look like a state's are none
        return replace(self.whole, model_path=path, model=path.stem, label=path.stem, facts=facts, ask=ask)

    def place(self, cut: Cut) -> Path:
        """The file of a part, its arrays beside it as `.npz`; of all operators the user's own file."""
        if cut.size == len(self.cutter.operators):
            return self.whole.model_path
        first, last = (self.cutter.operators[at].index for at in (cut.first, cut.last))
        numbers = f"op-{first}" if first == last else f"ops-{first}-{last}"
        return self.work / f"{self.whole.model_path.stem}-{numbers}{self.cutter.suffix}"

    def write(self, cut: Cut, path: Path, feeds: Arrays) -> None:
        """Write a part for inputs of these shapes and types. Raises `ModelError`."""
        dims = {name: tuple(array.shape) for name, array in feeds.items()}
        self.cutter.write(cut.first, cut.last, path, dims, {name: str(array.dtype) for name, array in feeds.items()})

    def feeds(self, cut: Cut) -> Arrays:
        """What the part's inputs are in the whole model, computed on this host; noise where this host cannot.

        Raises `UnknownShape`.
        """
        wanted = self.cutter.inputs_of(cut.first, cut.last)
        own = self._own()
        before = {} if all(face.name in own for face in wanted) else self._computed(Cut(0, cut.first - 1))
        known = before | own
        return {face.name: known[face.name] if face.name in known else noise(face, None) for face in wanted}

    def _computed(self, cut: Cut) -> Arrays:
        """What comes out of a beginning of the model; nothing where this host cannot run it."""
        own = self._own()
        feeds = {face.name: own[face.name] for face in self.cutter.inputs_of(cut.first, cut.last)}
        path = self.work / f"host{self.cutter.suffix}"
        try:
            self.write(cut, path, feeds)
            ask = self.whole.ask
            return get_backend(ask.backend).reference(path, feeds, self.work, ask.options)
        except (ModelError, RowFailure):
            return {}

    def _own(self) -> Arrays:
        """The model's own inputs: the first of the user's, else seeded noise."""
        import numpy as np

        ask = self.whole.ask
        files = gather_inputs(self.whole.model_path, ask).written_to(self.work)
        if files:
            with np.load(files[0], allow_pickle=False) as found:
                given = {name: found[name] for name in found.files}
        else:
            given = {}
        return {
            face.name: given[face.name]
            if face.name in given
            else noise(face, ask.shapes.get(face.name), ask.input_range)
            for face in self.cutter.inputs
        }


def noise(face: CutTensor, dims: Sequence[int] | None, span: tuple[float, float] | None = None) -> NDArray[Any]:
    """Seeded values as the agent draws them: floats in [0, 1) or `span`, 8-bit integers all, other integers 0.

    Raises `UnknownShape` where neither `dims` nor the file tells the shape or the type.
    """
    import numpy as np

    shape = dims if dims is not None else face.dims
    if shape is None or not all(isinstance(dim, int) for dim in shape) or face.dtype == "unknown":
        raise UnknownShape(f"the shape of {face.name} is not known: this host cannot run what is before it")
    whole, dtype, rng = tuple(int(dim or 0) for dim in shape), np.dtype(face.dtype), np.random.default_rng(0)
    if dtype.kind == "f":
        low, high = span or (0.0, 1.0)
        return rng.uniform(low, high, whole).astype(dtype)
    if dtype.kind in "iu" and dtype.itemsize == 1:
        return rng.integers(np.iinfo(dtype).min, np.iinfo(dtype).max, whole, dtype=dtype, endpoint=True)
    return np.zeros(whole, dtype)


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    """An `.npz` of arrays of any name: `numpy.savez` takes names as keywords, of which it keeps some for itself."""
    import numpy as np

    with zipfile.ZipFile(path, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, np.asanyarray(array), allow_pickle=False)


def verdict_of(run: Run) -> Verdict:
    """What a tried row says about its part."""
    outcome = run.outcome
    if outcome.code == "wrong-output":
        return Verdict("wrong", outcome.code, outcome.message)
    if outcome.code in REFUSALS:
        return Verdict("refused", outcome.code, outcome.message)
    if outcome.status in ("ok", "unstable"):
        compared = run.fidelity.state == "ok"
        return Verdict("ok", message=None if compared else f"outputs not compared: {run.fidelity.why}")
    return Verdict("undecided", outcome.code, outcome.message)
