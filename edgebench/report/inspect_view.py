"""The inspection document (`edgebench.inspect/1`) as a page."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from edgebench.report.history_view import plain_table
from edgebench.units import bytes_text, count_text

if TYPE_CHECKING:
    from rich.table import Table

Document = Mapping[str, Any]
COSTS = {"macs": "MACs", "flops": "FLOPs"}


def file_lines(document: Document) -> list[tuple[str, str]]:
    """Name and text of what the file is, and of its graph's face."""
    lines = [
        ("file", f"{document['path']} ({document['format']}, {bytes_text(document['bytes'])})"),
        ("sha256", document["sha256"]),
    ]
    if len(document["files"]) > 1:
        lines.append(("parts", ", ".join(document["files"])))
    graph = document["graph"]
    return lines if graph is None else [*lines, *_face_lines(graph)]


def _face_lines(graph: Document) -> Iterator[tuple[str, str]]:
    by = f", by {graph['producer']}" if graph["producer"] else ""
    yield "stamps", (_versions(graph) if graph["ir_version"] is None else _opsets(graph)) + by
    found = graph["precision"]
    parts = ", ".join(f"{name} {found[name]}" for name in ("weights", "activations", "io", "compute"))
    yield "precision", f"{found['scheme']} ({parts})"
    for word in ("input", "output"):
        for at, spec in enumerate(graph[f"{word}s"]):
            yield ("" if at else f"{word}s"), _tensor(spec)
    for at, pair in enumerate(graph["state_pairs"]):
        yield ("" if at else "state"), f"{pair['output']} -> {pair['input']}"


def _opsets(graph: Document) -> str:
    unused = dict.fromkeys(graph["unused_opsets"], " (unused)")
    stamps = ", ".join(f"{name} {version}{unused.get(name, '')}" for name, version in graph["opsets"].items())
    return f"IR version {graph['ir_version']}, opset {stamps}"


def _versions(graph: Document) -> str:
    """A TFLite file has a version for each operator; 1 is what every runtime has."""
    newer = [f"{name} {version}" for name, version in graph["versions"].items() if version > 1]
    return "operators of version 1" + (f", but {', '.join(newer)}" if newer else "")


def _tensor(spec: Document) -> str:
    scaled = "" if spec.get("scale") is None else f" = {spec['scale']:.6g} x (stored - {spec['zero_point']})"
    if spec["dims"] is None:
        return f"{spec['name']} {spec['dtype']}{scaled}"
    dims = ", ".join("?" if dim is None else str(dim) for dim in spec["dims"])
    return f"{spec['name']} {spec['dtype']} [{dims}]{scaled}"


def figure_lines(document: Document) -> list[tuple[str, str]]:
    """Name and text of what was counted; what could not be says why."""
    graph = document["graph"]
    if graph is None:
        return []
    shapes = " ".join(f"{name}={'x'.join(map(str, dims))}" for name, dims in graph["shapes"].items())
    lines = [("parameters", _parameters(graph)), ("convolutions", _count(graph["convs"], ""))]
    if graph["why"] is not None:
        give = f"; give {graph['missing_shapes']}" if graph["missing_shapes"] else ""
        return [*lines, ("MACs, FLOPs, activations, peak", f"not counted: {graph['why']}{give}")]
    lines += [(title, _bounded(graph, name, "")) for name, title in COSTS.items()]
    lines += [("activations", _bounded(graph, "activations", " outputs of convolutions"))]
    lines += [("estimated peak", _peak(graph["peak"]))]
    return [*lines, ("for", shapes)] if shapes else lines


def _parameters(graph: Document) -> str:
    params, nonzero = graph["params"], graph["params_nonzero"]
    if params is None or nonzero is None:
        return "not counted"
    zeros = f"{params - nonzero:,}".replace(",", " ")
    return f"{_count(params, '')}, {zeros} of them zero"


def _bounded(graph: Document, name: str, what: str) -> str:
    """A count, or the bound that is left where some nodes have no rule."""
    if not graph["uncounted"]:
        return _count(graph[name], what)
    return f"at least {_count(graph[name], what)}" if graph[name] else "not known: see what was not counted"


def _count(value: int | None, what: str) -> str:
    if value is None:
        return "not counted"
    exact = f"{value:,}".replace(",", " ")
    return exact + what if value < 1000 else f"{exact} ({count_text(value)}){what}"


def _peak(peak: Document | None) -> str:
    if peak is None:
        return "not known: the size of some value cannot be told"
    weights, activations = peak["weights"], peak["activations"]
    parts = f"{bytes_text(weights)} of weights + {bytes_text(activations)} of activations, at {peak['at_node']}"
    return f"{bytes_text(weights + activations)} = {parts}"


def ops_table(document: Document, flops_as: str = "macs") -> Table | None:
    """One row an operator: how many nodes, what they cost, and their share of all; None for an unread format."""
    graph = document["graph"]
    return None if graph is None else _cost_table("operator", graph["ops"], graph, flops_as)


def nodes_table(document: Document, top: int, flops_as: str = "macs") -> Table | None:
    """The `top` most expensive nodes; None where nothing was counted."""
    graph = document["graph"]
    if graph is None or not graph["nodes"] or not top:
        return None
    chosen = sorted(graph["nodes"], key=lambda node: -node[flops_as])[:top]
    return _cost_table("node", chosen, graph, flops_as)


def _cost_table(title: str, rows: Sequence[Document], graph: Document, flops_as: str) -> Table:
    from rich.markup import escape

    what = ("nodes", "right") if title == "operator" else ("operator", "left")
    counted = graph["why"] is None
    columns = [("MACs", "right"), ("FLOPs", "right"), ("activations", "right"), (f"of {COSTS[flops_as]}", "right")]
    table = plain_table((title, "left"), what, *(columns if counted else []))
    total = graph[flops_as] or 0
    for row in rows:
        second = str(row["nodes"]) if title == "operator" else escape(row["op"])
        costs = [*(_cost(row[name]) for name in ("macs", "flops", "activations")), _share(row[flops_as], total)]
        table.add_row(escape(row["name"]), second, *(costs if counted else []))
    return table


def _cost(value: int | None) -> str:
    return "?" if value is None else count_text(value)


def _share(value: int | None, total: int) -> str:
    return f"{value / total:.1%}" if value and total else ""


def runtimes_table(document: Document) -> Table | None:
    """Which runtimes load the file by what it says of itself; None for an unread format."""
    from rich.markup import escape

    graph = document["graph"]
    if graph is None:
        return None
    table = plain_table(("runtime", "left"), ("comes with", "left"), ("loads it", "left"))
    for check in graph["runtimes"]:
        said = "[green]yes[/]" if check["loads"] else f"[red]no[/]: {escape(check['why'] or '')}"
        table.add_row(check["name"], check["found_in"], said)
    return table


def cure_lines(document: Document) -> list[str]:
    """How to make the refusing runtimes load it: of one kind the cure for the oldest, which serves the newer too."""
    checks = (document["graph"] or {}).get("runtimes", [])
    by_kind: dict[str, str] = {}
    for check in checks:
        if check["hint"]:
            by_kind.setdefault(check["hint"].partition(":")[0], f"{check['name']}: {check['hint']}")
    return list(by_kind.values())


def lint_lines(document: Document) -> list[str]:
    """What accelerators are known to refuse or run badly: whose, which operators, why, the rewrite and its source."""
    return [_lint(found) for found in (document["graph"] or {}).get("lint", [])]


def _lint(found: Document) -> str:
    ops = ", ".join(kind if count == 1 else f"{kind} x{count}" for kind, count in found["ops"].items())
    more = ", ..." if sum(found["ops"].values()) > len(found["at"]) else ""
    at = f" ({', '.join(found['at'])}{more})" if found["at"] else ""
    whose = ", ".join(found["accelerators"])
    return f"{whose}: {ops}{at}: {found['text']} -> {found['rewrite']} [{found['source']}]"


def note_lines(document: Document) -> list[str]:
    """The traps, each with what to do, unless a cure says that already."""
    cured = any("restamp it" in line for line in cure_lines(document))
    return [
        note["text"] + (f" -> {note['hint']}" if note["hint"] and not (cured and "restamp it" in note["hint"]) else "")
        for note in document["notes"]
    ]
