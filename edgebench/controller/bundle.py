"""The agent as one file: a zip of `edgebench.agent`, the same bytes wherever it is built from the same sources."""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

PACKAGE = "edgebench_agent"
TIMESTAMP = (1980, 1, 1, 0, 0, 0)
COMPRESSION_LEVEL = 9
STARTER = f"from {PACKAGE}.main import main\n\nmain()\n"


@dataclass(frozen=True)
class AgentZip:
    """The built agent: its bytes and their SHA-256 in hex, which is its name on a device."""

    data: bytes
    sha256: str


@cache
def build_agent() -> AgentZip:
    """Build the agent from the installed package; built once per process."""
    return build_zip(files("edgebench.agent"))


def build_zip(package: Traversable) -> AgentZip:
    """Build an agent from the sources of `package`: sorted, with fixed times and modes, `.py` files only."""
    buffer = io.BytesIO()
    members = {f"{PACKAGE}/{name}": source.read_bytes() for name, source in _sources(package)}
    members["__main__.py"] = STARTER.encode()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(members):
            info = zipfile.ZipInfo(name, TIMESTAMP)
            info.create_system = 3  # as on Unix, also when built elsewhere
            info.external_attr = 0o644 << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, members[name], compresslevel=COMPRESSION_LEVEL)
    data = buffer.getvalue()
    return AgentZip(data, hashlib.sha256(data).hexdigest())


def _sources(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, Traversable]]:
    """Yield (path below the package, file) of every Python source."""
    for entry in folder.iterdir():
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _sources(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            yield f"{prefix}{entry.name}", entry
