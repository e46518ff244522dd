"""Small things that a phone says in a line or two: its GPU, its screen, who we are there, which tools lie there."""

from __future__ import annotations

import re
from dataclasses import dataclass

_GLES = re.compile(r"^\s*GLES:\s*([^,\n]{1,64}),\s*([^,\n]{1,128}),\s*(.{1,200})$", re.MULTILINE)
_HASHED = re.compile(r"^\\?([0-9a-f]{64}) [ *](/.+)$")


@dataclass(frozen=True)
class Gpu:
    """The GPU as the compositor names it."""

    vendor: str
    name: str
    driver: str


@dataclass(frozen=True)
class Screen:
    """Whether the screen is on and locked, and how deep doze is; None: not told."""

    on: bool | None = None
    locked: bool | None = None
    doze: str | None = None


def parse_gpu(text: str) -> Gpu | None:
    """The `GLES:` line of `dumpsys SurfaceFlinger`, None where it has none.

    >>> parse_gpu("GLES: Qualcomm, Adreno (TM) 640, OpenGL ES 3.2 V@415.0").name
    'Adreno (TM) 640'
    """
    found = _GLES.search(text)
    return Gpu(found[1].strip(), found[2].strip(), found[3].strip()) if found else None


def parse_device_idle(text: str) -> Screen:
    """`dumpsys deviceidle`: the screen, its lock (mScreenLocked: Android 8 and later) and doze's state."""
    return Screen(_flag(text, "mScreenOn"), _flag(text, "mScreenLocked"), _value(text, "mState"))


def parse_wakefulness(text: str) -> bool | None:
    """`dumpsys power`: whether the phone is awake, None where it does not say."""
    value = _value(text, "mWakefulness")
    return None if value is None else value == "Awake"


def is_root(text: str) -> bool:
    """Whether `id` answered as root.

    >>> is_root("uid=0(root) gid=0(root)"), is_root("uid=2000(shell)"), is_root("")
    (True, False, False)
    """
    return re.match(r"\s*uid=0(\(|\s|$)", text) is not None


def parse_hashes(text: str) -> list[tuple[str, str]]:
    """(path, SHA-256) of `sha256sum`'s lines; names with a newline or a backslash (escaped there) are left out."""
    rows = [_HASHED.match(line) for line in text.splitlines()]
    return [(row[2], row[1]) for row in rows if row and not row[0].startswith("\\")]


def parse_free_kib(text: str) -> int | None:
    """Free KiB of `df -k`'s last line, wherever it broke a long device name off."""
    numbers = re.findall(r"(?<!\S)\d+(?!\S)", text.splitlines()[-1]) if text.splitlines() else []
    return int(numbers[2]) if len(numbers) >= 3 and len(numbers[2]) < 19 else None


def _value(text: str, key: str) -> str | None:
    found = re.search(rf"\b{key}=(\w{{1,32}})", text)
    return found[1] if found else None


def _flag(text: str, key: str) -> bool | None:
    return {"true": True, "false": False}.get(_value(text, key) or "")
