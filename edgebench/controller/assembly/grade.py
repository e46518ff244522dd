"""The trust grade: one table of reasons, what each leaves, and what to do about it (measurement.md, section 10)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from edgebench.controller.assembly.board import CLOCK_KEPT, SWAP_KIB
from edgebench.records import Grade, GradeReason, Letter

FOREIGN_LOAD_LIMIT = 0.10
CPU_UTIL_LIMIT = 0.90
DRIFT_LIMIT_C = 5.0
SAMPLER_LIMIT = 0.02
SHIFT_LIMIT = 0.01
BATTERY_LOW = 20
SPREAD_LIMIT = 0.02


@dataclass(frozen=True)
class Reason:
    """A row of the table: when it applies, the best grade it leaves, the remedy and what that costs in minutes."""

    code: str
    threshold: str
    best: Letter
    remedy: str
    minutes: int


REASONS: tuple[Reason, ...] = (
    Reason("simulated", "the device is a simulation, or its sensors are", "D", "measure on a real device", 0),
    Reason("reported", "a figure from a paper or an app", "D", "measure it", 4),
    Reason("emulated", "the processor is emulated", "D", "measure on the real processor", 0),
    Reason("quick", "`--quick`, or fewer invocations than the default's 6", "C", "--publish", 25),
    Reason("invocations-failed", "1 to k-1 invocations finished", "C", "see the messages of the failed ones", 5),
    Reason("never-steady", "most invocations never got steady", "C", "--min-time 60; close other programs", 10),
    Reason("throttled", "the device throttled during a pass", "C", "cool it, lower the power mode, or add a fan", 10),
    Reason(
        "temperature-drift", f"over {DRIFT_LIMIT_C:g} degC between first and last invocation", "B", "let it cool", 10
    ),
    Reason("foreign-load", f"other programs took over {FOREIGN_LOAD_LIMIT:.0%} of the CPU", "C", "stop them", 4),
    Reason(
        "cpu-starved", f"CPU time / (wall x threads) under {CPU_UTIL_LIMIT}", "C", "fewer --threads; an idle machine", 4
    ),
    Reason("not-pinned", "clock governor not `performance`", "B", "--prepare governor=performance", 1),
    Reason("not-pinnable", "a clock could not be seen, or not be set", "B", "measure where clocks can be pinned", 0),
    Reason("needs-root", "what was to be set takes root there", "B", "`edgebench devices setup NAME --sudoers`", 2),
    Reason("clocks-free", "a board's clocks not locked by jetson_clocks", "B", "--prepare clocks=max", 1),
    Reason(
        "clock-short", f"a locked clock was mostly under {CLOCK_KEPT:.0%} of itself", "C", "cool it; its supply", 10
    ),
    Reason("brown-out", "the supply sagged, or the board warned of under-voltage", "C", "a stronger supply", 10),
    Reason("over-current", "a limit of current was exceeded during a pass", "B", "a lower power mode", 10),
    Reason(
        "swapping", f"swap grew by over {SWAP_KIB // 1024} MiB during the passes", "C", "free memory; see `free -m`", 4
    ),
    Reason("pin-lost", "a pin was gone after the run", "C", "find what changed it; run again", 4),
    Reason("gate-skipped", "the temperature gate was skipped", "B", "leave the gate on", 5),
    Reason("spread", f"interval wider than the device's noise floor, or than {SPREAD_LIMIT:.0%}", "B", "--publish", 25),
    Reason("fallback", "part of the model ran elsewhere than asked", "C", "--require-delegated refuses it", 5),
    Reason("quantised-timer", "the timer is too coarse for a spread", "C", "a larger batch or input", 4),
    Reason("sampler-cost", f"the sampler took over {SAMPLER_LIMIT:.0%} of a core", "C", "--power off", 4),
    Reason("sampler-shift", f"telemetry shifted the median by over {SHIFT_LIMIT:.0%}", "C", "--power off", 4),
    Reason("aggregate-only", "the tool gives no samples", "B", "a backend that gives samples", 0),
    Reason("charging", "the phone was plugged in: charging warms it", "B", "run --unplugged", 5),
    Reason("battery-low", f"under {BATTERY_LOW} % left: phones lower their clocks then", "C", "charge it first", 60),
    Reason("screen-off", "the phone was locked or its screen off: phones lower their clocks then", "C", "unlock it", 1),
    Reason("not-interleaved", "runs of different sessions compared", "B", "measure both in one session", 10),
    Reason("damaged-record", "part of the device's record was unreadable", "C", "run again", 4),
    Reason("cut-short", "`--max-time` cut iterations or invocations", "C", "a longer --max-time", 10),
)
"""The closed list of reasons; docs/grades.md is generated from it."""

BY_CODE = {reason.code: reason for reason in REASONS}


def grade(found: dict[str, str]) -> Grade:
    """The grade that the found reasons leave: code -> what was seen. Raises KeyError for a code not in the table.

    A remedy that alone would lift the grade says to what: `A: --publish, 25 min`.
    """
    ordered = sorted(found, key=lambda code: (-ord(BY_CODE[code].best), code))
    letter = _left(ordered)
    reasons = []
    for code in ordered:
        without = _left([other for other in ordered if other != code])
        lifts = f"{without}: " if without < letter else ""
        reasons.append(GradeReason(code=code, text=found[code], remedy=lifts + _remedy(BY_CODE[code])))
    return Grade(letter=letter, reasons=reasons)


def _left(codes: Iterable[str]) -> Letter:
    return max((BY_CODE[code].best for code in codes), default="A")


def _remedy(reason: Reason) -> str:
    return f"{reason.remedy}, {reason.minutes} min" if reason.minutes else reason.remedy
