"""SHA-256 of files, and the temporary names that files bear while they travel."""

from __future__ import annotations

import hashlib
import secrets
from pathlib import Path

CHUNK_BYTES = 256 * 1024


def file_sha256(path: Path) -> str:
    """SHA-256 of a file of this machine, as lower-case hex. Raises OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def part_name(target: str) -> str:
    """A name beside `target` for the unfinished file, different at every call."""
    return f"{target}.part-{secrets.token_hex(6)}"
