"""A phone's faults of the link, in the words of its daemon."""

from __future__ import annotations

from typing import cast

from edgebench.mock.phone.adbd import faults as adbd
from edgebench.mock.phone.faults import Fault

INTO_A_FILE = 65_536
"""How much of a push passes before one breaks."""


def link_fault(fault: Fault, speed: float) -> adbd.Fault:
    """What the daemon is told: after seconds (the phone's, `speed` of them in one of ours), or in the Nth push.

    Without a time those of files happen in every push, the others at once.
    """
    of_files: adbd.Passing | None = "push" if fault.name in adbd.OF_FILES else None
    if fault.nth is not None:
        when = adbd.When("push", nth=fault.nth, byte=INTO_A_FILE)
    else:
        when = adbd.When(of_files, seconds=(fault.after_s or 0.0) / speed)
    return adbd.Fault(cast("adbd.Kind", fault.name), when)
