"""One line of a device's check."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "missing", "unknown"]
UNREACHABLE, UNFIT = 3, 4


@dataclass(frozen=True)
class Finding:
    """What was found; `needed`: without it no run can work, and `exit_code` says why not."""

    name: str
    state: State
    text: str
    todo: str = ""
    needed: bool = False
    exit_code: int = UNFIT
