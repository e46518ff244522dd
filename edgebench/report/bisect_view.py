"""What `bisect` found, as a table of the operators to blame and lines on what that means."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.table import Table

Document = Mapping[str, Any]


def culprit_table(document: Document) -> Table:
    """A row for every value at the operators to blame."""
    from rich.box import SIMPLE_HEAD
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in ("op", "kind", "", "tensor", "type", "shape"):
        table.add_column(name, overflow="fold")
    for op in document["culprit"]:
        shown = (str(op["index"]), op["op"])
        for side in ("inputs", "outputs"):
            for value in op[side]:
                kind = "stored" if value["stored"] else side[:-1]
                cells = (*shown, kind, value["name"], value["dtype"], _shape(value["dims"]))
                table.add_row(*(Text(_plain(cell)) for cell in cells))  # a name is no markup
                shown = ("", "")
    return table


def summary_lines(document: Document) -> list[str]:
    """What was found, in sentences; the first says it all."""
    lines = [_headline(document)]
    if document["message"] and document["found"] != "nothing":
        lines.append(f"{document['code'] or document['state']}: {document['message']}")
    lines += [f"known: {one['text']}; {one['rewrite']} ({one['source']})" for one in document["rewrites"]]
    if document["found"] == "culprit":
        lines.append(_what_follows(document))
    if document["state"] == "refused" and any(trial["state"] == "wrong" for trial in document["trials"]):
        lines.append("some parts came out wrong besides: bisect again when nothing is refused any more")
    if document["kept"]:
        lines.append(f"it is in {document['kept']}; the inputs that a part was fed lie beside it")
    if document["simulated"]:
        lines.append(f"{document['device']} is simulated")
    return [_plain(line) for line in lines]


def _headline(document: Document) -> str:
    where = f"{document['accelerator']} of {document['device']} ({document['backend']})"
    runs = f"{len(document['trials'])} parts tried"
    found = document["found"]
    if found == "nothing":
        compared = f"; {document['message']}" if document["message"] else ", and its outputs are right"
        return f"nothing is refused: {document['model']} runs as a whole on {where}{compared}"
    if found == "everything":
        return (
            f"everything is refused by {where}, single operators of different kinds too ({runs}): no operator is to "
            f"blame; `edgebench devices check {document['device']}` says what the device has"
        )
    if found == "undecided":
        return f"not decided on {where} ({runs}): the last part could not be judged"
    names = _named(document["culprit"])
    if found == "flaky":
        return f"not decided on {where} ({runs}): {names} failed once and did not the next time, so look at the device"
    what = "comes out wrong on" if document["state"] == "wrong" else "is refused by"
    return f"{names} {what} {where} ({runs})"


def _named(ops: list[Document]) -> str:
    if len(ops) == 1:
        return f"operator {ops[0]['index']}, {ops[0]['op']} {ops[0]['name']!r},"
    first, last = ops[0], ops[-1]
    kinds = ", ".join(dict.fromkeys(op["op"] for op in ops))
    return f"the part of operators {first['index']} to {last['index']} ({kinds})"


def _what_follows(document: Document) -> str:
    if document["more"] is None:
        return "what follows it was not tried by itself"
    if document["more"]:
        return (
            "what follows it fails too by itself: more operators may have to be changed; bisect again after the first"
        )
    return "what follows it runs by itself"


def _shape(dims: list[int | str | None] | None) -> str:
    return "?" if dims is None else f"[{', '.join('?' if dim is None else str(dim) for dim in dims)}]"


def _plain(text: str) -> str:
    """Names from a file as one printable line."""
    return text if text.isprintable() else ascii(text)[1:-1]
