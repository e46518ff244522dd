"""Which file a device runs: the user's for its processor, else one that lies there already."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edgebench.controller.native.registry import Kind, Registry
from edgebench.errors import RowFailure


@dataclass(frozen=True)
class FoundTool:
    """A tool or delegate for one device: on this host (`host`, to be pushed), or there already (`path`).

    `beside` are files to push into the same folder. `has_flex` is None where it is not known.
    """

    name: str
    path: str
    sha256: str
    host: Path | None = None
    version: str | None = None
    has_flex: bool | None = None
    beside: tuple[tuple[str, Path], ...] = ()


def find_tool(facts: Mapping[str, Any], name: str, device: str, registry: Registry | None = None) -> FoundTool:
    """The tool for a device: of the user's for its processor, the preferred one first, else the one lying there.

    `facts`: `abis` in the device's order, `tools` [{name, path, sha256}] as found on it.
    Raises `RowFailure` (`tool-missing`, `tool-wrong-abi`).
    """
    return _found(facts, name, device, "tool", registry or Registry())


def find_delegate(facts: Mapping[str, Any], name: str, device: str, registry: Registry | None = None) -> FoundTool:
    """The same for a vendor's delegate library, with the files that must lie beside it."""
    return _found(facts, name, device, "delegate", registry or Registry())


def _pushed(one: Mapping[str, Any]) -> bool:
    """Whether it is what edgebench pushed once: its folder is its hash. It is used only while the user has it."""
    return str(one["path"]).rpartition("/")[0].endswith(f"/{one.get('sha256')}")


def _found(facts: Mapping[str, Any], name: str, device: str, kind: Kind, registry: Registry) -> FoundTool:
    abis = [str(abi) for abi in facts.get("abis") or []]
    entries = [entry for entry in registry.entries() if entry.name == name and entry.kind == kind]
    for abi in abis:
        for entry in entries:
            if entry.abi == abi:
                beside = tuple((one.name, registry.path(entry, one.name)) for one in entry.beside)
                return FoundTool(
                    name, "", entry.sha256, host=registry.path(entry), has_flex=entry.has_flex, beside=beside
                )
    for one in facts.get("tools") or []:
        if one.get("name") == name and one.get("path") and not _pushed(one):
            return FoundTool(name, str(one["path"]), str(one.get("sha256") or ""))
    if entries:
        have, wanted = ", ".join(entry.abi for entry in entries), ", ".join(abis) or "a processor that it does not tell"
        message = f"{device} runs {wanted}; your {name} is for {have}"
        raise RowFailure("tool-wrong-abi", message, hint=f"`edgebench tools add {name} PATH` with the right build")
    get = f"`edgebench tools get {name}` says where it comes from, `edgebench tools add {name} PATH` takes one"
    vendors = f"it comes with the vendor's SDK; `edgebench tools add {name} PATH --kind delegate` takes it"
    hint = get if kind == "tool" else vendors
    raise RowFailure("tool-missing", f"{device} has no {name}, and neither have you for {', '.join(abis)}", hint=hint)
