"""Signals of the programs that tests start."""

from __future__ import annotations

import signal


def heed_interrupts() -> None:
    """For `preexec_fn`: SIGINT and SIGHUP work as at a terminal.

    A suite started in the background has SIGINT ignored, one under nohup SIGHUP, and so has everything that it starts.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
