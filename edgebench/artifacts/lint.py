"""Operators that an accelerator is known to refuse or to run badly, each with the rewrite that is known to help.

A table of cases, not a prediction: what it names has cost people days; what it does not name may still be refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgebench.artifacts.lint_cases import CASES, Case
from edgebench.artifacts.lint_graph import LintGraph, LintNode, onnx_graph, tflite_graph
from edgebench.artifacts.sniff import Format, sniff


@dataclass(frozen=True)
class Finding:
    """A case that a file has: at which operators (kind and how many, the names of the first)."""

    code: str
    accelerators: tuple[str, ...]
    ops: Mapping[str, int]
    at: tuple[str, ...]
    text: str
    rewrite: str
    source: str


LINTED = tuple(sorted({name for case in CASES for name in case.accelerators}))
"""Accelerators that something is known of."""
NAMED = 3
"""How many operators a finding names."""


def lint(path: Path, shapes: Mapping[str, tuple[int, ...]], accelerator: str | None = None) -> list[Finding]:
    """What is known against a file, for one accelerator or for all, for the given input shapes.

    Nothing for formats other than TFLite and ONNX. Raises `ModelError`.
    """
    found = sniff(path)
    readers = {Format.TFLITE: tflite_graph, Format.ONNX: onnx_graph}
    return lint_graph(readers[found](path, shapes), accelerator) if found in readers else []


def lint_graph(graph: LintGraph, accelerator: str | None = None) -> list[Finding]:
    """The findings of a graph, in the table's order."""
    findings = []
    for case in CASES:
        asked = accelerator in case.accelerators if accelerator else not case.asked_only
        if graph.format not in case.formats or not asked:
            continue
        nodes = list(case.find(graph))
        if nodes:
            findings.append(_finding(case, nodes))
    return findings


def _finding(case: Case, nodes: list[LintNode]) -> Finding:
    ops: dict[str, int] = {}
    for node in nodes:
        ops[node.kind] = ops.get(node.kind, 0) + 1
    names = tuple(node.name for node in nodes[:NAMED] if node.name)
    return Finding(case.code, case.accelerators, ops, names, case.text, case.rewrite, case.source)
