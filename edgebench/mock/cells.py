"""Files of a simulated /sys and /proc, rewritten in place so that a reader's open descriptor sees the new content."""

from __future__ import annotations

import os
from pathlib import Path


class Cell:
    """One file kept open for writing. A reader sees the old or the new number, at worst with blank lines after."""

    def __init__(self, path: Path, value: int | str = "") -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self._fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o644)
        self._length = 0
        self._content = b""
        self.set(value)

    def set(self, value: int | str) -> None:
        """Write the value and a newline."""
        content = f"{value}\n".encode()
        if content == self._content:
            return
        # one write covers the old content whole; what hangs over is newlines until the file is cut
        os.pwrite(self._fd, content.ljust(self._length, b"\n"), 0)
        if len(content) < self._length:
            os.ftruncate(self._fd, len(content))
        self._content, self._length = content, len(content)

    def close(self) -> None:
        """Close the descriptor; the file stays."""
        os.close(self._fd)


class Tree:
    """The cells below one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._cells: list[Cell] = []

    def cell(self, path: str, value: int | str = "") -> Cell:
        """Create a file that will change, by its path below the folder."""
        cell = Cell(self.folder / path.lstrip("/"), value)
        self._cells.append(cell)
        return cell

    def fixed(self, path: str, value: int | str) -> None:
        """Create a file that does not change."""
        target = self.folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(f"{value}\n".encode())

    def unreadable(self, path: str) -> None:
        """Create something that opens and then fails to read, as a power-gated zone does with EAGAIN."""
        (self.folder / path.lstrip("/")).mkdir(parents=True)

    def close(self) -> None:
        """Close all descriptors."""
        while self._cells:
            self._cells.pop().close()
