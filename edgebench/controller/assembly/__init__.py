"""From a device's events to one record: each file makes one part of it."""

from edgebench.controller.assembly.run import Samples, assemble
from edgebench.controller.assembly.static import failed_run

__all__ = ["Samples", "assemble", "failed_run"]
