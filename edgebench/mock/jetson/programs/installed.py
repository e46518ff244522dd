"""Which programs a simulated board has."""

from __future__ import annotations

from edgebench.mock.jetson.facts import BoardFacts
from edgebench.mock.jetson.faults import Faults
from edgebench.mock.jetson.host import Program
from edgebench.mock.jetson.programs import jetson_clocks, nvpmodel, small, sudo, tegrastats, vcgencmd
from edgebench.mock.jetson.trtexec import program as trtexec


def installed(facts: BoardFacts, faults: Faults) -> list[Program]:
    """The board's programs, but those that a fault has taken away (`no-NAME`)."""
    programs = [sudo.PROGRAM, *small.PROGRAMS]
    if facts.is_jetson:
        programs += [nvpmodel.PROGRAM, jetson_clocks.PROGRAM, tegrastats.PROGRAM, trtexec.PROGRAM]
    else:
        programs.append(vcgencmd.PROGRAM)
    return [program for program in programs if program.name == "sudo" or not faults.has(f"no-{program.name}")]
