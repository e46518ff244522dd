"""`jetson_clocks`: shows, stores, locks and restores clocks, as NVIDIA's script of r32 and later does."""

from __future__ import annotations

from pathlib import Path

from edgebench.mock.jetson.clocks import CPU
from edgebench.mock.jetson.host import Board, Call, Line, Program

USAGE = """Maximize jetson performance by setting static max frequency to CPU, GPU and EMC clocks.
Usage:
jetson_clocks [options]
  options,
  --help, -h         show this help message
  --show             display current settings
  --fan              set PWM fan speed to maximal
  --store [file]     store current settings to a file (default: ${HOME}/l4t_dfs.conf)
  --restore [file]   restore saved settings from a file (default: ${HOME}/l4t_dfs.conf)
  run jetson_clocks without any option to set static max frequency to CPU, GPU and EMC clocks.
"""
STORE = "/root/l4t_dfs.conf"


def handler(call: Call, line: Line, board: Board) -> int:
    """`--show`, `--store [FILE]`, `--restore [FILE]`, `--fan`, or nothing: lock."""
    argv = list(call.argv)
    if {"-h", "--help"} & set(argv):
        line.err(USAGE)
        return 0
    unknown = [
        word for word in argv if word.startswith("-") and word not in ("--show", "--store", "--restore", "--fan")
    ]
    if unknown:
        line.out(f"Unknown option: {unknown[0]}\n")
        line.err(USAGE)
        return 1
    if "--show" in argv:
        line.out(f"SOC family:{board.facts.soc}  Machine:{board.facts.model}\n")
    if not call.as_root:
        line.out("Error: Run this script(/usr/bin/jetson_clocks) as a root user\n")
        return 1
    for action in ("--store", "--restore"):
        if action in argv:
            given = argv[argv.index(action) + 1 :]
            path = call.place(given[0]) if given else board.root / STORE.lstrip("/")
            return (_store if action == "--store" else _restore)(path, line, board)
    if "--show" in argv:
        line.out(_shown(board))
        return 0
    board.powers.lock_clocks(fan="--fan" in argv)
    return 0


def _store(path: Path, line: Line, board: Board) -> int:
    if path.exists():
        line.out(f"File {path} already exists. Can I overwrite it? Y/N:\n")
        if line.stdin().strip() not in ("y", "Y"):
            line.out(f"Error: file {path} already exists!\n")
            return 1
    rows = [f"{knob}:{board.powers.knob(knob)}\n" for knob in board.powers.clock_knobs()]
    trouble = board.powers.save(path, "".join(rows))
    if trouble:
        line.err(f"/usr/bin/jetson_clocks: {path}: {trouble}\n")
    return 1 if trouble else 0


def _restore(path: Path, line: Line, board: Board) -> int:
    try:
        text = board.powers.read(path).decode("utf-8", "replace")
    except OSError:
        line.out(f"Error: {path} file not found !\n")
        return 1
    for row in text.split():
        knob, _, value = row.partition(":")
        if board.powers.write(board.root / knob.lstrip("/"), value) and not knob.endswith("/scaling_min_freq"):
            line.out(f"Error: Failed to restore {knob}\n")
    return 0


def _shown(board: Board) -> str:
    facts, cat = board.facts, board.powers.cat
    rows = [f"Online CPUs: {cat(f'{CPU}/online')}"]
    # as the shell sorts them: cpu10 comes before cpu2
    for name in sorted(f"cpu{cpu}" for cpu in range(facts.cpus)):
        folder = f"{CPU}/{name}"
        states = " ".join(f"{state}=1" for state in ("WFI", "c7"))
        rows.append(f"{name}: Online={cat(f'{folder}/online')} "
                    f"Governor={cat(f'{folder}/cpufreq/scaling_governor')} "
                    f"MinFreq={cat(f'{folder}/cpufreq/scaling_min_freq')} "
                    f"MaxFreq={cat(f'{folder}/cpufreq/scaling_max_freq')} "
                    f"CurrentFreq={cat(f'{folder}/cpufreq/scaling_cur_freq')} IdleStates: {states} ")  # fmt: skip
    gpu, emc = board.powers.gpu_folder(), board.powers.emc_folder()
    if gpu:
        rows.append(f"GPU MinFreq={cat(f'{gpu}/min_freq')} MaxFreq={cat(f'{gpu}/max_freq')} "
                    f"CurrentFreq={cat(f'{gpu}/cur_freq')}")  # fmt: skip
    if emc:
        folder, rate, lock = emc
        prefix = "clk_" if rate.startswith("clk_") else ""
        limits = " ".join(f"{end.title()}Freq={cat(f'{folder}/{prefix}{end}_rate')}" for end in ("min", "max"))
        rows.append(f"EMC {limits} CurrentFreq={cat(f'{folder}/{rate}')} FreqOverride={cat(f'{folder}/{lock}')}")
    rows.append(f"Fan: PWM={board.powers.fan_pwm()}")
    mode = board.powers.mode()
    rows.append(f"NV Power Mode: {mode.name}")
    return "\n".join(rows) + "\n"


PROGRAM = Program("/usr/bin/jetson_clocks", handler)
