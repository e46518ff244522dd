"""Which programs a simulated board has."""

from __future__ import annotations

from edgebench.mock.jetson.facts import BoardFacts
from edgebench.mock.jetson.faults import Faults
from edgebench.mock.jetson.host import Program
from edgebench.mock.jetson.programs import jetson_clocks, nvpmodel, small, sudo, tegrastats, vcgencmd


def installed(facts: BoardFacts, faults: Faults) -> list[Program]:
    """The board's programs, but those that a fault has taken away (`no-NAME`)."""
    programs = [sudo.PROGRAM, *small.PROGRAMS]
    if facts.is_jetson:
        programs += [nvpmodel.PROGRAM, jetson_clocks.PROGRAM, tegrastats.PROGRAM, *_trtexec()]
    else:
        programs.append(vcgencmd.PROGRAM)
    return [program for program in programs if program.name == "sudo" or not faults.has(f"no-{program.name}")]


def _trtexec() -> list[Program]:
    from importlib.util import find_spec

    if find_spec("edgebench.mock.jetson.trtexec.program") is None:
        return []
    from edgebench.mock.jetson.trtexec.program import PROGRAM

    return [PROGRAM]
