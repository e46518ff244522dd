"""Known traps of model files: what makes a compressed network slower, larger or refused, seen before it is run."""

from __future__ import annotations

import msgspec

from edgebench.artifacts import ModelInfo
from edgebench.artifacts.reading import Info
from edgebench.backends.base import OnnxStamp
from edgebench.backends.onnxruntime import OWN_DOMAINS, restamp_hint

SPARSE_SHARE = 0.3
"""From this share of zeros on a network counts as pruned."""


class Trap(msgspec.Struct, frozen=True, kw_only=True):
    """A known trap that a file has, and what to do about it."""

    code: str
    text: str
    hint: str | None = None


def onnx_traps(info: ModelInfo, stamp: OnnxStamp) -> list[Trap]:
    """The traps of an ONNX file alone: its stamps, and operators of other domains."""
    return [*_unused_stamps(info, stamp), *_custom_operators(info)]


def find_traps(info: Info, params: int | None, params_nonzero: int | None, files: int) -> list[Trap]:
    """The traps of a file of `files` parts of any format, with its parameters counted where that was possible."""
    return [*_precision(info), *_zeros(params, params_nonzero), *_states(info), *_parts(files)]


def _unused_stamps(info: ModelInfo, stamp: OnnxStamp) -> list[Trap]:
    if not info.unused_opsets:
        return []
    names = ", ".join(f"{domain or 'ai.onnx'} {info.opsets[domain]}" for domain in info.unused_opsets)
    text = f"stamped with opsets that no node uses ({names}): an older runtime may refuse it for those alone"
    return [Trap(code="unused-opset", text=text, hint=restamp_hint(stamp, info.ir_version))]


def _custom_operators(info: ModelInfo) -> list[Trap]:
    custom = [domain for domain in info.custom_domains if domain not in OWN_DOMAINS]
    if not custom:
        return []
    text = f"operators of {', '.join(custom)}, which no runtime brings along"
    return [Trap(code="custom-operators", text=text, hint="`run --option custom_op_library=PATH`")]


def _precision(info: Info) -> list[Trap]:
    found = info.precision
    if "weight-only" in found.scheme:
        text = f"{found.scheme}: a smaller file, computed in {found.compute}; do not expect it to be faster"
        return [Trap(code="weight-only", text=text, hint="quantise the activations too (static QDQ)")]
    if found.scheme == "fp16 weights":
        text = "fp16 weights: half the file, computed in fp32 on a CPU; no faster there"
        return [Trap(code="fp16-weights", text=text, hint="for a GPU; on a CPU quantise to int8 instead")]
    if found.compute == "fp16":
        text = "fp16: CPUs without fp16 kernels compute it in fp32, with casts around every operator"
        return [Trap(code="fp16", text=text, hint="on a CPU compare it with the fp32 file before shipping it")]
    return []


def _zeros(params: int | None, nonzero: int | None) -> list[Trap]:
    if not params or nonzero is None or 1 - nonzero / params < SPARSE_SHARE:
        return []
    text = f"{1 - nonzero / params:.0%} of the weights are zero, and are stored and multiplied all the same"
    return [Trap(code="zero-weights", text=text, hint="prune whole channels, and export the smaller network")]


def _states(info: Info) -> list[Trap]:
    if not info.state_pairs:
        return []
    pairs = ", ".join(f"{pair.output} for {pair.input}" for pair in info.state_pairs)
    text = f"outputs named like the next value of an input: {pairs}"
    return [Trap(code="state", text=text, hint="`run` feeds them back, so that the state moves as in real use")]


def _parts(files: int) -> list[Trap]:
    if files < 2:
        return []
    return [Trap(code="several-files", text=f"the model is {files} files; it is known by the hash of all of them")]
