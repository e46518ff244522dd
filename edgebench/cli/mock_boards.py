"""A simulated board behind an SSH server of its own, for `edgebench mock start`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from edgebench.controller.devices import DeviceEntry


def serve_board(
    stack: ExitStack, entry: DeviceEntry, folder: Path, *, faults: Sequence[str], speed: float, seed: int
) -> DeviceEntry:
    """A board of the entry's profile in `folder`, alive until `stack` is closed; the entry to reach it.

    Raises `UnknownName` and `UsageError` for faults that there are not.
    """
    from edgebench.mock.jetson.board import JetsonBoard
    from edgebench.mock.jetson.faults import parse_fault

    wanted = [parse_fault(text) for text in faults]
    board = JetsonBoard(folder, str(entry.profile), faults=wanted, seed=seed, speed=speed)
    stack.enter_context(board)
    return replace(
        entry,
        transport="ssh",
        host="127.0.0.1",
        port=board.ssh.port,
        user=board.user,
        key=str(board.client_key),
        known_hosts=str(board.known_hosts),
        python=sys.executable,
        home=str(board.home / ".edgebench"),
    )
