"""`edgebench tools ...`: runtimes' own benchmark tools and vendors' delegates, for devices without Python."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from edgebench.errors import UsageError

if TYPE_CHECKING:
    from edgebench.controller.native.registry import Entry
    from edgebench.controller.native.vendors import Vendor

app = typer.Typer(no_args_is_help=True, help="Tools for devices without Python.\n\nExample: edgebench tools list")

Kind = Literal["tool", "delegate"]
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The tool, as in `tools list`.")]
JsonOption = Annotated[str | None, typer.Option("--json", metavar="PATH|-", help="The answer as a JSON document.")]
AbiOption = Annotated[
    str | None, typer.Option("--abi", metavar="ABI", help="arm64-v8a, armeabi-v7a, x86_64, x86 or riscv64.")
]


@app.command()
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="benchmark_model...; of a delegate: its library's name.")],
    path: Annotated[Path | None, typer.Argument(metavar="PATH", help="The file; NAME itself if left out.")] = None,
    abi: AbiOption = None,
    kind: Annotated[Kind, typer.Option("--kind", help="A program, or a delegate's library.")] = "tool",
    beside: Annotated[
        Path | None, typer.Option("--with", metavar="DIR", help="A delegate's other libraries, pushed beside it.")
    ] = None,
    json: JsonOption = None,
) -> None:
    """Keep a tool that you built or downloaded, after a look at what it is.

    Example: edgebench tools add benchmark_model ~/Downloads/android_aarch64_benchmark_model
    """
    from edgebench.controller.native.registry import Registry

    source = path or Path(name)
    entry = Registry().add(name if path else source.name, source, abi=abi, kind=kind, beside=beside)
    _answer(_document(entry), json, *_told(entry))


@app.command(name="list")
def list_(json: JsonOption = None) -> None:
    """List the tools that you have, each with its processor.

    Example: edgebench tools list
    """
    from edgebench.controller.native.registry import Registry
    from edgebench.units import bytes_text

    entries = Registry().entries()
    lines = [
        f"{entry.name}  {entry.abi}  {entry.kind}  {bytes_text(entry.bytes)}  sha256 {entry.sha256[:12]}  "
        + (f"{entry.system}, Flex ops" if entry.has_flex else entry.system)
        + (f", {len(entry.beside)} files beside it" if entry.beside else "")
        for entry in entries
    ]
    none = "no tools yet: `edgebench tools get benchmark_model` says where one comes from"
    _answer({"tools": [_document(entry) for entry in entries]}, json, *(lines or [none]))


@app.command()
def remove(name: NameArgument, abi: AbiOption = None, json: JsonOption = None) -> None:
    """Forget a tool and remove its files, for all processors or for one.

    Example: edgebench tools remove benchmark_model --abi armeabi-v7a
    """
    from edgebench.controller.native.registry import Registry

    gone = Registry().remove(name, abi)
    lines = [f"removed {entry.name} for {entry.abi}" for entry in gone]
    _answer({"removed": [_document(entry) for entry in gone]}, json, *lines)


@app.command()
def get(
    name: NameArgument,
    file: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="A file that is here already; nothing is fetched.")
    ] = None,
    abi: Annotated[str, typer.Option("--abi", metavar="ABI", help="The device's processor.")] = "arm64-v8a",
    json: JsonOption = None,
) -> None:
    """Say where a tool comes from, its licence and hash; then fetch it if you agree, or take it from a file.

    Example: edgebench tools get benchmark_model --from ~/Downloads/android_aarch64_benchmark_model
    """
    from edgebench.cli.output import tell
    from edgebench.controller.native.registry import Registry, file_hash
    from edgebench.controller.native.vendors import get_vendor

    vendor = get_vendor(name)
    for line in _page(vendor, abi):
        tell(line)
    if file is None:
        entry = _fetched(vendor, abi)
    else:
        known = vendor.sha256.get(abi)
        if known and file.is_file() and file_hash(file) != known:
            raise UsageError(f"{file} is not the vendor's file: its SHA-256 is {file_hash(file)}, not {known}")
        entry = Registry().add(name, file, abi=abi)
    _answer(_document(entry), json, *_told(entry))


def _page(vendor: Vendor, abi: str) -> list[str]:
    address, known = vendor.addresses.get(abi), vendor.sha256.get(abi)
    lines = [f"{vendor.name}, licence {vendor.licence}: {vendor.page}"]
    lines += [f"for {abi}: {address}"] if address else [f"nobody publishes it for {abi}; {vendor.build}"]
    lines += [f"SHA-256: {known or 'none is published'}"] if address else []
    return lines + ([vendor.note] if vendor.note and address else [])


def _fetched(vendor: Vendor, abi: str) -> Entry:
    """Asked for, fetched and kept; its hash compared, or shown and asked about. Raises `UsageError`."""
    import tempfile

    from edgebench.cli.ask import confirm
    from edgebench.controller.native.registry import Registry, file_hash
    from edgebench.controller.native.vendors import download

    address = vendor.addresses.get(abi)
    offline = f"edgebench tools get {vendor.name} --abi {abi} --from FILE"
    if address is None:
        raise UsageError(f"{vendor.name} has to be built: {vendor.build}", hint=f"then `{offline}`")
    if not sys.stdin.isatty():
        hint = f"type it at a terminal; or fetch it yourself, then `{offline}`"
        raise UsageError(f"would fetch {address}, and nobody is there to agree", hint=hint)
    if not confirm(f"fetch {address}?"):
        raise UsageError("nothing was fetched", hint=f"fetch it yourself, then `{offline}`")
    with tempfile.TemporaryDirectory(prefix="edgebench-") as folder:
        target = Path(folder) / vendor.name
        download(address, target)
        found, known = file_hash(target), vendor.sha256.get(abi)
        if known is not None and found != known:
            raise UsageError(
                f"what came is not the vendor's file: SHA-256 {found}, not {known}", hint="nothing was kept"
            )
        if known is None and not confirm(f"its SHA-256 is {found}; keep it?"):
            raise UsageError("nothing was kept")
        return Registry().add(vendor.name, target, abi=abi)


def _told(entry: Entry) -> list[str]:
    """What was recognised, with what follows from it."""
    lines = [f"{entry.name} for {entry.abi} is kept, SHA-256 {entry.sha256}"]
    if entry.kind == "tool" and entry.name == "benchmark_model" and not entry.has_flex:
        lines.append(
            "it was built without the Flex ops: models with Select TensorFlow ops need benchmark_model_plus_flex"
        )
    if entry.system == "linux":
        lines.append("it was built for Linux (glibc or musl): it does not start on Android")
    beside = {one.name for one in entry.beside}
    if entry.kind == "delegate" and entry.needed:
        missing = [name for name in entry.needed if name not in beside]
        lines.append(f"it asks for {', '.join(entry.needed)}; not beside it: {', '.join(missing) or 'none'}")
    return lines


def _document(entry: Entry) -> dict[str, Any]:
    import msgspec

    document: dict[str, Any] = msgspec.to_builtins(entry)
    return document


def _answer(document: dict[str, Any], json: str | None, *lines: str) -> None:
    """The document where it was asked for, else lines for people."""
    import json as encoder

    from edgebench.cli.output import out, write_document

    if json is not None:
        write_document(encoder.dumps(document, indent=1), json)
    if json != "-":
        for line in lines:
            out().print(line, markup=False)
