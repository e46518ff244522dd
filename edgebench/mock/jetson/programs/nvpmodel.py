"""`nvpmodel`: asks for and sets the power mode; its words are those that users published (r32 to r36)."""

from __future__ import annotations

from edgebench.mock.jetson.facts import BoardFacts, Mode
from edgebench.mock.jetson.host import Board, Call, Line, Program

VERB = "NVPM VERB: "
HELP = "NVPM ERROR: No request; usage: nvpmodel [-m ID] [-q] [-p] [--verbose]\n"


def handler(call: Call, line: Line, board: Board) -> int:
    """`-q`, `-p --verbose` and, as root, `-m ID`."""
    argv = list(call.argv)
    verbose = "--verbose" in argv
    if "-m" in argv:
        return _set(call, line, board, argv[argv.index("-m") + 1 :][:1])
    if "-q" in argv:
        line.out(_preamble() if verbose else _warning(board.facts))
        line.out((VERB + "Current mode: " if verbose else "") + _present(board))
        return 0
    if "-p" in argv:
        line.out(_preamble() + _listed(board.facts))
        return 0
    line.err(HELP)
    return 255


def _present(board: Board) -> str:
    mode = board.powers.mode()
    return f"NV Power Mode: {mode.name}\n{mode.number}\n"


def _warning(facts: BoardFacts) -> str:
    old = facts.release is not None and facts.release.major < 34
    return "NVPM WARN: fan mode is not set!\n" if old else ""


def _preamble() -> str:
    return f"{VERB}Config file: /etc/nvpmodel.conf\n{VERB}parsing done for /etc/nvpmodel.conf\n"


def _listed(facts: BoardFacts) -> str:
    default = facts.mode_of(facts.mode)
    rows = [f"{VERB}PM_CONFIG: DEFAULT={default.name if default else '?'}({facts.mode})"]
    for mode in facts.modes:
        rows.append(f"{VERB}POWER_MODEL: ID={mode.number} NAME={mode.name}")
        rows += [f"{VERB}CPU_ONLINE CORE_{cpu} {int(cpu < mode.cpus)}" for cpu in range(facts.cpus)]
        rows.append(f"{VERB}TPC_POWER_GATING TPC_PG_MASK {mode.mask}")
        rows.append(f"{VERB}CPU_A57 MAX_FREQ {mode.cpu_khz}")
        rows.append(f"{VERB}GPU MAX_FREQ {round(mode.gpu_mhz * 1e6)}")
    return "\n".join(rows) + "\n"


def _set(call: Call, line: Line, board: Board, wanted: list[str]) -> int:
    mode = board.facts.mode_of(int(wanted[0])) if wanted and wanted[0].isdecimal() else None
    if mode is None:
        line.err(f"NVPM ERROR: request for bad power mode {' '.join(wanted)}\n")
        return 255
    if not call.as_root:
        # errno 13 is what users of r36 saw of it without root
        line.err("NVPM ERROR: Error opening /sys/devices/system/cpu/cpu0/online: 13\n"
                 "NVPM ERROR: failed to write PARAM CPU_ONLINE: ARG CORE_0\n"
                 "NVPM ERROR: failed to set power mode!\n"
                 "NVPM ERROR: optMask is 1, no request for power mode\n")  # fmt: skip
        return 255
    if not _needs_reboot(board, mode):
        board.powers.set_mode(mode)
        return 0
    line.out("NVPM WARN: Golden image context is already created\n"
             f"NVPM WARN: Reboot required for changing to this power mode: {mode.number}\n"
             "NVPM WARN: DO YOU WANT TO REBOOT NOW? enter YES/yes to confirm:\n")  # fmt: skip
    if line.stdin().strip() not in ("YES", "yes"):
        line.err("NVPM ERROR: bad input!\nNVPM ERROR: optMask is 1, no request for power mode\n")
        return 255
    line.out("NVPM WARN: rebooting\n")
    board.powers.set_mode(mode)
    board.reboot()
    return 0


def _needs_reboot(board: Board, mode: Mode) -> bool:
    present = board.powers.mode()
    if mode.number == present.number:
        return False
    return mode.mask != present.mask or board.faults.now("mode-needs-reboot", board.lived_s())


PROGRAM = Program("/usr/sbin/nvpmodel", handler)
