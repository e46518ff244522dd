"""ELF files of any processor, made by hand: headers, a loader's name, libraries asked for, and whatever text."""

from __future__ import annotations

import struct

AARCH64, ARM, X86_64, I386, RISCV, MIPS = 183, 40, 62, 3, 243, 8
EXEC, DYN = 2, 3
ANDROID = "/system/bin/linker64"
GLIBC = "/lib/ld-linux-aarch64.so.1"
PT_LOAD, PT_DYNAMIC, PT_INTERP, PT_NOTE = 1, 2, 3, 4
DT_NULL, DT_NEEDED, DT_STRTAB, DT_STRSZ = 0, 1, 5, 10


def make_elf(
    machine: int = AARCH64,
    *,
    kind: int = DYN,
    interpreter: str | None = ANDROID,
    needed: tuple[str, ...] = (),
    note: bytes | None = None,
    text: bytes = b"",
) -> bytes:
    """A little-endian file, of 32 bit for ARM and i386; addresses are offsets."""
    wide = machine not in (ARM, I386)
    header, entry, word = (64, 56, "Q") if wide else (52, 32, "I")
    strings, at = b"\0", []
    for name in needed:
        at.append(len(strings))
        strings += name.encode() + b"\0"
    parts: list[tuple[int, bytes]] = []
    if interpreter is not None:
        parts.append((PT_INTERP, interpreter.encode() + b"\0"))
    if note is not None:
        parts.append((PT_NOTE, struct.pack("<III", len(note) + 1, 4, 1) + (note + b"\0").ljust(8, b"\0") + b"\0" * 4))
    count = len(parts) + 1 + bool(needed)
    offset = header + count * entry
    placed = []
    for type_, data in parts:
        placed.append((type_, offset, data))
        offset += len(data)
    body = b"".join(data for _, _, data in placed)
    if needed:
        tags = [(DT_NEEDED, one) for one in at] + [(DT_STRTAB, offset), (DT_STRSZ, len(strings)), (DT_NULL, 0)]
        dynamic = b"".join(struct.pack(f"<{word}{word}", *tag) for tag in tags)
        placed.append((PT_DYNAMIC, offset + len(strings), dynamic))
        body += strings + dynamic
    body += text
    whole = header + count * entry + len(body)
    programs = [(PT_LOAD, 0, whole), *((type_, where, len(data)) for type_, where, data in placed)]
    table = b"".join(_program(wide, *program) for program in programs)
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1, 1]) + b"\0" * 9
    rest = struct.pack(
        f"<HHI{word}{word}{word}IHHHHHH",
        kind,
        machine,
        1,
        0,
        header,
        0,
        0,
        header,
        entry,
        count,
        64 if wide else 40,
        0,
        0,
    )
    return ident + rest + table + body


def _program(wide: bool, type_: int, offset: int, size: int) -> bytes:
    if wide:
        return struct.pack("<IIQQQQQQ", type_, 4, offset, offset, offset, size, size, 1)
    return struct.pack("<IIIIIIII", type_, offset, offset, offset, size, size, 4, 1)
