"""The user's tools: programs and delegate libraries for devices without Python, kept by their hash on this host.

Files lie in the user's data folder as `tools/<sha256>/<name>`, described by `tools/tools.json`, which is replaced as a
whole.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
import platformdirs

from edgebench.backends.native.base import TOOLS
from edgebench.controller.native.elf import ABIS, ElfFacts, read_elf
from edgebench.errors import UnknownName, UsageError, nearest_hint

Kind = Literal["tool", "delegate"]
ENVIRONMENT = "EDGEBENCH_TOOLS"
MANIFEST = "tools.json"
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+-]{0,99}")
MOST_BESIDE = 100
MOST_BYTES = 1 << 30


class Beside(msgspec.Struct, frozen=True, kw_only=True):
    """A file that must lie beside a delegate's library."""

    name: str
    sha256: str
    bytes: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One file of the user's, for one processor."""

    name: str
    kind: Kind
    abi: str
    system: str
    sha256: str
    bytes: int
    has_flex: bool
    needed: list[str] = []
    beside: list[Beside] = []
    added: str = ""
    source: str = ""


class Manifest(msgspec.Struct, frozen=True):
    """The content of tools.json."""

    entries: list[Entry] = []


class Registry:
    """The tools in one folder; `folder` None: the user's own. Every method reads it anew."""

    def __init__(self, folder: Path | None = None) -> None:
        given = os.environ.get(ENVIRONMENT)
        default = Path(given) if given else platformdirs.user_data_path("edgebench") / "tools"
        self.folder = folder or default

    def entries(self) -> list[Entry]:
        """All of them, by name and processor. Raises `UsageError` for a manifest that cannot be read."""
        path = self.folder / MANIFEST
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return []
        except OSError as error:
            raise UsageError(f"cannot read {path}: {error.strerror}") from error
        try:
            found = msgspec.json.decode(data, type=Manifest).entries
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            hint = f"move {path} away, and add the tools again"
            raise UsageError(f"{path} cannot be understood: {error}", hint=hint) from error
        return sorted(found, key=lambda entry: (entry.name, entry.abi))

    def path(self, entry: Entry, name: str | None = None) -> Path:
        """Where the entry's file lies, or one of those beside it."""
        return self.folder / entry.sha256 / (name or entry.name)

    def add(
        self, name: str, source: Path, *, abi: str | None = None, kind: Kind = "tool", beside: Path | None = None
    ) -> Entry:
        """Examine a file and keep a copy; one of the same name and processor is replaced.

        `abi` is what it is said to be for, `beside` a folder whose libraries a delegate needs.
        Raises `UsageError` (code `tool-wrong-abi` where `abi` is another), `UnknownName` for a tool nobody drives.
        """
        check_name(name, kind)
        facts = read_elf(source)
        _check_abi(source, facts, abi)
        _check_kind(source, facts, kind)
        entry = self._kept(name, kind, source, facts, _companions(source, beside, facts))
        others = [one for one in self.entries() if (one.name, one.abi) != (entry.name, entry.abi)]
        self._write([*others, entry])
        self._sweep()
        return entry

    def remove(self, name: str, abi: str | None = None) -> list[Entry]:
        """Forget a tool, of all processors or of one, and its files. Raises `UnknownName`."""
        entries = self.entries()
        gone = [one for one in entries if one.name == name and abi in (None, one.abi)]
        if not gone:
            raise UnknownName("tool", name, {one.name for one in entries}, hint=_none_hint(entries))
        self._write([one for one in entries if one not in gone])
        self._sweep()
        return gone

    def _kept(self, name: str, kind: Kind, source: Path, facts: ElfFacts, companions: Sequence[Path]) -> Entry:
        sha256 = file_hash(source)
        folder = self.folder / sha256
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _copy(source, folder / name)
            for path in companions:
                _copy(path, folder / path.name)
        except OSError as error:
            raise UsageError(f"cannot keep {source.name} in {self.folder}: {error.strerror}") from error
        found = [Beside(name=path.name, sha256=file_hash(path), bytes=path.stat().st_size) for path in companions]
        return Entry(
            name=name,
            kind=kind,
            abi=facts.abi,
            system=facts.system,
            sha256=sha256,
            bytes=source.stat().st_size,
            has_flex=facts.has_flex,
            needed=list(facts.needed),
            beside=found,
            added=datetime.now(UTC).isoformat(timespec="seconds"),
            source=source.name,
        )

    def _write(self, entries: list[Entry]) -> None:
        data = msgspec.json.format(msgspec.json.encode(Manifest(entries)), indent=1)
        _replace(self.folder / MANIFEST, data)

    def _sweep(self) -> None:
        """Remove folders of hashes that no entry has any more."""
        kept = {entry.sha256 for entry in self.entries()}
        for folder in self.folder.iterdir():
            if folder.is_dir() and re.fullmatch(r"[0-9a-f]{64}", folder.name) and folder.name not in kept:
                shutil.rmtree(folder, ignore_errors=True)


def check_name(name: str, kind: Kind) -> None:
    """Refuse a name that is no plain file name, or a tool's that edgebench cannot drive. Raises `UsageError`s."""
    if not NAME.fullmatch(name) or ".." in name:
        raise UsageError(f"{name!r} is no name for a tool", hint="letters, digits, and . _ + - within")
    if kind == "tool" and name not in TOOLS:
        hint = nearest_hint(name, TOOLS)
        raise UnknownName("tool", name, TOOLS, hint=f"{hint} A delegate's library is added with --kind delegate")


def _check_abi(source: Path, facts: ElfFacts, abi: str | None) -> None:
    if abi is None:
        return
    if abi not in ABIS:
        raise UnknownName("ABI", abi, ABIS)
    if abi != facts.abi:
        error = UsageError(
            f"tool-wrong-abi: {source.name} is built for {facts.abi} ({facts.bits} bit), not for {abi}",
            hint="leave --abi out to add it for what it is, or get the other build",
        )
        error.code = "tool-wrong-abi"
        raise error


def _check_kind(source: Path, facts: ElfFacts, kind: Kind) -> None:
    if kind == "tool" and facts.kind == "library":
        raise UsageError(f"{source.name} is a library, not a program", hint="a delegate's library: --kind delegate")
    if kind == "delegate" and facts.kind == "program" and ".so" not in source.name:
        raise UsageError(f"{source.name} is a program, not a delegate's library", hint="leave --kind delegate out")


def _companions(source: Path, beside: Path | None, facts: ElfFacts) -> list[Path]:
    """The libraries of a folder, without the delegate's own. Raises `UsageError` for none, or too much of it."""
    if beside is None:
        return []
    try:
        found = sorted(path for path in beside.iterdir() if path.is_file() and ".so" in path.name)
    except OSError as error:
        raise UsageError(f"cannot read the folder {beside}: {error.strerror}") from error
    found = [path for path in found if path.resolve() != source.resolve() and NAME.fullmatch(path.name)]
    if not found:
        raise UsageError(f"there is no library (.so) in {beside}", hint="give the folder with the vendor's libraries")
    if len(found) > MOST_BESIDE or sum(path.stat().st_size for path in found) > MOST_BYTES:
        raise UsageError(
            f"{beside} holds more libraries than a phone should be sent", hint="copy those needed into one"
        )
    return found


def _none_hint(entries: Sequence[Entry]) -> str | None:
    return None if entries else "there are none: `edgebench tools add NAME PATH`"


def file_hash(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _copy(source: Path, target: Path) -> None:
    """A copy that is whole or not there."""
    part = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, part)
    part.chmod(0o700)
    part.replace(target)


def _replace(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".tools-", delete=False) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(file.name).replace(path)
    except OSError as error:
        raise UsageError(f"cannot write {path}: {error.strerror}") from error
