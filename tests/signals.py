"""Signals of the programs that tests start."""

from __future__ import annotations

import signal


def heed_interrupts() -> None:
    """For `preexec_fn`: SIGINT works as at a terminal.

    A suite started in the background has SIGINT ignored, and so has everything that it starts.
    """
    signal.signal(signal.SIGINT, signal.SIG_DFL)
