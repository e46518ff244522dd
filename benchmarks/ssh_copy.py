"""100 MB pushed and pulled by edgebench against `scp` of the same file, in turn, over a real sshd on this machine.

    python benchmarks/ssh_copy.py [--json]

Both sides open their connection anew, every time. edgebench's also hashes the file at both ends, after it has looked
whether the device has it, and puts it into place whole; scp does none of that. Beside that stands the copy alone:
edgebench's on a connection that is open, as in a session, against scp less the time of an `scp` of an empty file.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from figures import Figure, alone, at_least, of_ratio, progress, reached
from ratios import Rounds, Side, alternate, spread
from sshd import BINARY, Sshd

from edgebench.transports.ssh import SshTransport

SIZE = 100_000_000
MAX_ROUNDS = 10
HALF_WIDTH = 0.05


def measure(options: argparse.Namespace) -> list[Figure]:
    """Ratios of speeds (above 1: edgebench is faster), both ways, and what a second push sends."""
    if BINARY is None or shutil.which("scp") is None:
        progress("  sshd or scp is not installed: left out")
        return []
    with TemporaryDirectory(prefix="edgebench-bench-") as folder, Sshd(Path(folder, "server")) as server:
        return _measure(Path(folder), server)


def _measure(folder: Path, server: Sshd) -> list[Figure]:
    source = folder / "source.bin"
    source.write_bytes(np.random.default_rng(1).bytes(SIZE))
    scp, ours = Scp(server, folder), Ours(server, folder)
    opening = statistics.median(_seconds(lambda: scp.push(scp.empty))["s"] for _ in range(5))
    pushes = _in_turn(lambda: _seconds(lambda: scp.push(source)), lambda: ours.push(source), 3)
    pulls = _in_turn(lambda: _seconds(lambda: scp.pull("pushed.bin")), lambda: ours.pull("pushed.bin"), 4)
    if ours.pulled.read_bytes() != source.read_bytes():
        raise RuntimeError("what was pulled is not what was pushed")
    with SshTransport(server.place(), server.settings()) as board:
        again = board.push(source, "pushed.bin")
    sent = float(again.bytes_sent)
    return [
        _speed("SSH push of 100 MB: speed against scp", pushes, opening),
        _speed("SSH pull of 100 MB: speed against scp", pulls, opening),
        Figure("second push of the same file", sent, "bytes", target="0 bytes", verdict=reached(sent, at_most=0)),
    ]


class Ours:
    """edgebench's SSH transport, connected anew for every copy; gives seconds in all and without connecting."""

    def __init__(self, server: Sshd, folder: Path) -> None:
        self.pulled = folder / "pulled.bin"
        self._server = server

    def push(self, source: Path) -> dict[str, float]:
        """Bring a file to the server that is not there."""
        (self._server.home / "pushed.bin").unlink(missing_ok=True)
        return self._timed(lambda board: board.push(source, "pushed.bin"))

    def pull(self, name: str) -> dict[str, float]:
        """Bring a file of the server's home here."""
        return self._timed(lambda board: board.pull(name, self.pulled))

    def _timed(self, copy: Callable[[SshTransport], object]) -> dict[str, float]:
        began = time.perf_counter()
        with SshTransport(self._server.place(), self._server.settings()) as board:
            opened = time.perf_counter()
            copy(board)
            copied = time.perf_counter()
        return {"s": time.perf_counter() - began, "copy_s": copied - opened}


class Scp:
    """The `scp` program with the server's keys."""

    def __init__(self, server: Sshd, folder: Path) -> None:
        self.empty = folder / "empty.bin"
        self.empty.write_bytes(b"")
        self._target = folder / "copied.bin"
        self._where = f"{server.user}@127.0.0.1:{server.home}"
        options = ("BatchMode=yes", "StrictHostKeyChecking=yes", f"UserKnownHostsFile={server.known_hosts}")
        self._argv = ["scp", "-q", "-F", "none", "-i", str(server.user_key), "-P", str(server.port)]
        self._argv += [word for option in options for word in ("-o", option)]

    def push(self, source: Path) -> None:
        """Copy a file to the server; never onto one that is there."""
        target = Path(self._where.split(":", 1)[1], "copied.bin")
        target.unlink(missing_ok=True)
        subprocess.run([*self._argv, str(source), f"{self._where}/copied.bin"], check=True)

    def pull(self, name: str) -> None:
        """Copy a file of the server's home here."""
        self._target.unlink(missing_ok=True)
        subprocess.run([*self._argv, f"{self._where}/{name}", str(self._target)], check=True)


def _in_turn(first: Side, second: Side, seed: int) -> Rounds:
    return alternate(first, second, max_rounds=MAX_ROUNDS, enough=_enough, seed=seed)


def _enough(rounds: Rounds) -> bool:
    ratio = rounds.ratio("s")
    progress(f"  {ratio.rounds} rounds: {ratio.value:.3f} +-{100 * spread(ratio):.1f} %")
    return spread(ratio) < HALF_WIDTH


def _speed(name: str, rounds: Rounds, opening: float) -> Figure:
    scp = statistics.median(rounds.first["s"]) - opening
    ours = statistics.median(rounds.second["copy_s"])
    ratio = rounds.ratio("s")
    note = f"the copy alone {SIZE / 1e6 / ours:.0f} MB/s, scp's {SIZE / 1e6 / scp:.0f} MB/s: {scp / ours:.2f}x"
    return of_ratio(name, ratio, target=">= 1.0x", verdict=at_least(ratio, 1.0), note=note)


def _seconds(action: Callable[[], None]) -> dict[str, float]:
    began = time.perf_counter()
    action()
    return {"s": time.perf_counter() - began}


if __name__ == "__main__":
    sys.exit(alone(measure, __doc__))
