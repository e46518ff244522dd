"""What a tool's file says of itself: its processor and system, the libraries it needs, whether it has the Flex ops."""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from edgebench.errors import UsageError

MACHINES = {
    "EM_AARCH64": "arm64-v8a",
    "EM_ARM": "armeabi-v7a",
    "EM_X86_64": "x86_64",
    "EM_386": "x86",
    "EM_RISCV": "riscv64",
}
ABIS = tuple(MACHINES.values())
FLEX = (b"TfLiteFlexDelegate", b"delegate for select TF ops")
"""In every binary with the Flex ops, and in none without (`AcquireFlexDelegate` is in all)."""

PIE = 0x08000000
MOST_NEEDED = 200
BROKEN = (ValueError, LookupError, ArithmeticError, AttributeError, TypeError, AssertionError, EOFError, struct.error)
"""What the reader of ELF files meets in files that lie about themselves, besides its own errors."""


@dataclass(frozen=True)
class ElfFacts:
    """`kind`: what it is to the loader; `system`: whose loader; `needed`: libraries it asks for, by name."""

    abi: str
    bits: int
    kind: Literal["program", "library"]
    system: Literal["android", "linux", "static"]
    needed: tuple[str, ...]
    has_flex: bool


def read_elf(path: Path) -> ElfFacts:
    """Read a file's ELF header, loader and dynamic section.

    Raises `UsageError` for what is no ELF file, is damaged, or is for a processor that no phone has.
    """
    from elftools.common.exceptions import ELFError
    from elftools.construct import ConstructError
    from elftools.elf.elffile import ELFFile

    try:
        with path.open("rb") as file:
            if file.read(4) != b"\x7fELF":
                raise UsageError(f"{path} is no program for a device: not an ELF file", hint=_other(path))
            try:
                return _facts(ELFFile(file), path, file)
            except UsageError:
                raise
            except (ELFError, ConstructError, *BROKEN) as error:
                raise UsageError(f"{path} is a damaged ELF file: {error}", hint="download or copy it again") from error
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error


def _other(path: Path) -> str:
    with path.open("rb") as file:
        head = file.read(4)
    kinds = {b"PK\x03\x04": "it is an archive or an app (.apk): the plain binary is needed", b"\x1f\x8b": "unpack it"}
    return next((text for magic, text in kinds.items() if head.startswith(magic)), "is it the file you meant?")


def _facts(elf: Any, path: Path, file: Any) -> ElfFacts:
    machine = elf.header["e_machine"]
    if machine not in MACHINES:
        raise UsageError(
            f"{path} is built for {machine}, which edgebench does not know", hint=f"it knows {', '.join(ABIS)}"
        )
    needed: list[str] = []
    interpreter, pie, android = "", False, False
    for segment in elf.iter_segments():
        kind = segment.header.p_type
        if kind == "PT_INTERP":
            interpreter = str(segment.get_interp_name())
        elif kind == "PT_DYNAMIC":
            for tag in segment.iter_tags():
                if tag.entry.d_tag == "DT_NEEDED" and len(needed) < MOST_NEEDED:
                    needed.append(str(tag.needed))
                pie = pie or (tag.entry.d_tag == "DT_FLAGS_1" and bool(tag.entry.d_val & PIE))
        elif kind == "PT_NOTE":
            android = android or any(note["n_name"] == "Android" for note in segment.iter_notes())
    runs = bool(interpreter) or pie or elf.header["e_type"] == "ET_EXEC"
    on_android = android or interpreter.startswith(("/system/", "/apex/"))
    return ElfFacts(
        abi=MACHINES[machine],
        bits=int(elf.elfclass),
        kind="program" if runs else "library",
        system="android" if on_android else "linux" if interpreter or _glibc(needed) else "static",
        needed=tuple(needed),
        has_flex=_contains(file, FLEX),
    )


def _glibc(needed: list[str]) -> bool:
    return any(name.startswith(("libc.so.6", "ld-linux", "libc.musl")) for name in needed)


def _contains(file: Any, words: tuple[bytes, ...]) -> bool:
    with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        return any(mapped.find(word) >= 0 for word in words)
