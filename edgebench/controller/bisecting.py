"""Which part of a model an accelerator refuses or gets wrong, tried on the device itself over one open session."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from shutil import SameFileError, copyfile
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Literal

import msgspec

from edgebench.artifacts.cutting import CutOperator, CutTensor, Cutter, open_cutter
from edgebench.artifacts.lint import lint
from edgebench.controller.bisect import Cut, Finding, Trial, Verdict, bisect
from edgebench.controller.collect import collect_leftovers
from edgebench.controller.devices import DeviceEntry
from edgebench.controller.measure import await_device, persist
from edgebench.controller.parts import UnknownShape, Workbench, verdict_of
from edgebench.controller.probe import probe_row
from edgebench.controller.rows import RowRequest
from edgebench.controller.session import Connect, DeviceSession
from edgebench.controller.view import View
from edgebench.errors import ModelError, UsageError
from edgebench.store.store import Store

BISECT_SCHEMA = "edgebench.bisect/1"


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the document."""


class Value(_Part, frozen=True, kw_only=True):
    """A tensor at an operator; no dims where the file does not tell; `stored`: the file holds its content."""

    name: str
    dtype: str
    dims: list[int | str | None] | None
    stored: bool


class Op(_Part, frozen=True, kw_only=True):
    """An operator: its number in the file, its kind, its name, what it reads and what it makes."""

    index: int
    op: str
    name: str
    inputs: list[Value]
    outputs: list[Value]


class Tried(_Part, frozen=True, kw_only=True):
    """One part tried: the file's numbers of its first and last operator, and what became of it."""

    first: int
    last: int
    state: str
    code: str | None = None
    message: str | None = None


class Rewrite(_Part, frozen=True, kw_only=True):
    """A rewrite that is known to help, and where it is known from."""

    text: str
    rewrite: str
    source: str


class BisectReport(_Part, frozen=True, kw_only=True):
    """The document. `found` as in `bisect.Finding`; `culprit`: the operators of the smallest failing part."""

    schema: str = BISECT_SCHEMA
    model: str
    sha256: str
    device: str
    simulated: bool
    backend: str
    accelerator: str
    found: Literal["nothing", "culprit", "everything", "flaky", "undecided"]
    operators: int
    culprit: list[Op] = []
    state: str | None = None
    code: str | None = None
    message: str | None = None
    more: bool | None = None
    rewrites: list[Rewrite] = []
    trials: list[Tried] = []
    kept: str | None = None


@dataclass(frozen=True)
class Hunt:
    """One search: the whole model's row, where the failing part is kept, who watches each trial."""

    whole: RowRequest
    keep: Path | None = None
    watch: Callable[[Trial, Cutter, int], None] | None = None


def bisect_on_device(
    hunt: Hunt, entry: DeviceEntry, store: Store, view: View, connect: Connect | None = None
) -> BisectReport:
    """Search on an open device. `store` gets what dead sessions left there; the trials themselves are kept nowhere.

    Raises `ModelError` for a model without operators, `UsageError` where nothing can be kept, `DeviceError`.
    """
    cutter = open_cutter(hunt.whole.model_path)
    if not cutter.operators:
        text = f"{hunt.whole.model_path.name} has no operator that depends on its inputs"
        raise ModelError(text, hint="`edgebench inspect` shows what it holds")
    if hunt.keep:
        _make_folder(hunt.keep)
    with TemporaryDirectory(prefix="edgebench-") as folder, DeviceSession(entry, view, connect) as device:
        bench = Workbench(hunt.whole, cutter, Path(folder))
        session = device.record()
        persist(device, view, lambda: await_device(device, view))
        persist(device, view, lambda: collect_leftovers(device, store, view))
        tried = 0

        def judge(cut: Cut) -> Verdict:
            nonlocal tried
            tried += 1
            verdict = _judge(bench, cut, lambda request: verdict_of(probe_row(device, session, request)))
            if hunt.watch:
                hunt.watch(Trial(cut, verdict), cutter, tried)
            return verdict

        found = bisect([one.kind for one in cutter.operators], lambda cut: cutter.can(cut.first, cut.last), judge)
        return _report(bench, found, entry, hunt.keep)


def _judge(bench: Workbench, cut: Cut, probe: Callable[[RowRequest], Verdict]) -> Verdict:
    try:
        request = bench.request(cut)
    except UnknownShape as error:
        return Verdict("undecided", "shape-mismatch", str(error))
    except ModelError as error:
        return Verdict("undecided", "bad-input", error.message)
    return probe(request)


def _make_folder(folder: Path) -> None:
    """Make sure that something can be kept there, before minutes are spent on finding it. Raises `UsageError`."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UsageError(f"nothing can be kept in {folder}: {error.strerror}", hint="choose another folder") from error


def _keep(bench: Workbench, blamed: Cut, folder: Path) -> Path:
    """Copy the failing part, and the inputs it was fed, to where the user wants them. Raises `UsageError`."""
    part = bench.place(blamed)
    arrays = part.with_suffix(".npz")
    own = part != bench.whole.model_path
    try:
        for source in (part, arrays) if own and arrays.is_file() else (part,):
            copyfile(source, folder / source.name)
    except SameFileError:  # the whole model fails, and is kept where it lies
        return part
    except OSError as error:
        raise UsageError(f"cannot keep the part in {folder}: {error.strerror}", hint="choose another folder") from error
    return folder / part.name


def known_rewrites(path: Path, accelerator: str) -> list[Rewrite]:
    """What is known against the operators of a part, each with the rewrite that helps."""
    try:
        findings = lint(path, {}, accelerator)
    except ModelError:
        return []
    return [Rewrite(text=one.text, rewrite=one.rewrite, source=one.source) for one in findings]


def _report(bench: Workbench, found: Finding, entry: DeviceEntry, keep: Path | None) -> BisectReport:
    whole, cutter = bench.whole, bench.cutter
    blamed = found.cut if found.kind in ("culprit", "flaky") else None
    verdict = found.verdict or Verdict("ok")
    return BisectReport(
        model=whole.model_path.name,
        sha256=whole.facts.sha256,
        device=entry.name,
        simulated=entry.is_simulated,
        backend=whole.ask.backend,
        accelerator=whole.ask.accelerator,
        found=found.kind,
        operators=len(cutter.operators),
        culprit=[_op(one) for one in cutter.operators[blamed.first : blamed.last + 1]] if blamed else [],
        state=verdict.state,
        code=verdict.code,
        message=verdict.message,
        more=found.more,
        rewrites=known_rewrites(bench.place(blamed), whole.ask.accelerator) if blamed else [],
        trials=[_tried(trial, cutter) for trial in found.trials],
        kept=str(_keep(bench, blamed, keep)) if blamed and keep else None,
    )


def _tried(trial: Trial, cutter: Cutter) -> Tried:
    first, last = (cutter.operators[at].index for at in (trial.cut.first, trial.cut.last))
    verdict = trial.verdict
    return Tried(first=first, last=last, state=verdict.state, code=verdict.code, message=verdict.message)


def _op(one: CutOperator) -> Op:
    inputs, outputs = ([_value(face) for face in side] for side in (one.inputs, one.outputs))
    return Op(index=one.index, op=one.kind, name=one.name, inputs=inputs, outputs=outputs)


def _value(face: CutTensor) -> Value:
    dims = None if face.dims is None else list(face.dims)
    return Value(name=face.name, dtype=face.dtype, dims=dims, stored=face.stored)
