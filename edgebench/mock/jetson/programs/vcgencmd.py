"""`vcgencmd` of a Raspberry Pi: the power chip of a Pi 5, throttling, temperature, clocks. Errors exit with 0."""

from __future__ import annotations

from edgebench.mock.jetson.host import Board, Call, Line, Program
from edgebench.mock.jetson.powers import View

RAILS = (("3V7_WL_SW", 7, 8, 3.71, 0.04), ("3V3_SYS", 1, 9, 3.31, 0.06), ("1V8_SYS", 2, 10, 1.80, 0.05),
         ("DDR_VDD2", 3, 11, 1.10, 0.06), ("DDR_VDDQ", 4, 12, 0.60, 0.01), ("1V1_SYS", 5, 13, 1.11, 0.08),
         ("0V8_SW", 6, 14, 0.80, 0.08), ("VDD_CORE", 7, 15, 0.91, 0.60), ("0V8_AON", 16, 19, 0.80, 0.01),
         ("HDMI", 22, 23, 5.08, 0.01))  # fmt: skip
"""Name, channel of the current, of the voltage, volts, and the share of what its rails carry together."""
RAILS_SHARE = 0.74
"""Of the input: the rest (USB, fan, conversion) passes them by; a Pi 5 that drew 3.96 W showed 2.95 W."""
UNKNOWN = 'error=1 error_msg="Command not registered"\n'
LOW_NOW, CAPPED_NOW, LOW_EVER, CAPPED_EVER = 1 << 0, 1 << 1 | 1 << 2, 1 << 16, 1 << 17 | 1 << 18


def handler(call: Call, line: Line, board: Board) -> int:
    """Answer one command."""
    words, view = call.argv, board.powers.look()
    if words[:1] == ("get_throttled",):
        line.out(f"throttled={_throttled(board, view):#x}\n")
    elif words[:1] == ("measure_temp",):
        line.out(f"temp={view.celsius:.1f}'C\n")
    elif words[:1] == ("measure_clock",) and words[1:2] == ("arm",):
        mhz = max(cpu[1] for cpu in view.cpus if cpu is not None)
        line.out(f"frequency({0 if _is_5(board) else 48})={mhz * 1_000_000}\n")
    elif words[:1] == ("pmic_read_adc",) and _is_5(board):
        line.out(_adc(board, view))
    else:
        line.out(UNKNOWN)
    return 0


def _is_5(board: Board) -> bool:
    return board.facts.soc == "bcm2712"


def _throttled(board: Board, view: View) -> int:
    bits = (LOW_NOW if view.volts_low else 0) | (CAPPED_NOW if view.throttled else 0)
    ever = board.powers.has_happened()
    return bits | (LOW_EVER if ever[0] else 0) | (CAPPED_EVER if ever[1] else 0)


def _adc(board: Board, view: View) -> str:
    watts = board.powers.watts() * RAILS_SHARE
    rows = [f"{name + '_A':>14} current({channel})={watts * share / volts:.8f}A"
            for name, channel, _, volts, share in RAILS]  # fmt: skip
    rows += [f"{name + '_V':>14} volt({channel})={volts:.8f}V" for name, _, channel, volts, _ in RAILS]
    rows.append(f"{'EXT5V_V':>14} volt(24)={4.52 if view.volts_low else 5.06:.8f}V")
    rows.append(f"{'BATT_V':>14} volt(25)=0.00000000V")
    return "\n".join(rows) + "\n"


PROGRAM = Program("/usr/bin/vcgencmd", handler)
