"""100 MB pushed and pulled by edgebench against `adb` with the same file, in turn, through a real adb server.

    python benchmarks/adb_copy.py [--json]

The phone is a daemon in a process of its own on this machine; no phone's figures are here. One pair of figures is over
a link of 40 MB/s, as a cable of USB 2 carries, the other at the speed of this machine's memory, where the processor is
the limit and every hash counts. What a user waits for is compared: the copy inside of a session of edgebench, and the
command `adb push`, its process included; with edgebench's own connecting the figure stands in the note. edgebench also
hashes the file at both ends, after it has looked whether the phone has it, and puts it into place whole; `adb` does
none of that: over a link that is the limit, 1.0 is the most that can be reached.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from adb_room import AdbServer, PlainPhone
from figures import Figure, alone, at_least, of_ratio, progress, reached
from ratios import Rounds, Side, alternate, spread

from edgebench.mock.phone.adbd.faults import Fault
from edgebench.mock.phone.adbd.server import AdbDaemon
from edgebench.stats.rounds import compare
from edgebench.transports.adb import AdbTransport
from edgebench.transports.places import AdbPlace

SIZE = 100_000_000
MAX_ROUNDS = 10
HALF_WIDTH = 0.05
HOME = "/data/local/tmp"


def measure(options: argparse.Namespace) -> list[Figure]:
    """Ratios of speeds (above 1: edgebench is faster), both ways, and what a second push sends."""
    figures = []
    with TemporaryDirectory(prefix="edgebench-bench-") as work, AdbServer(Path(work)) as server:
        source = Path(work, "source.bin")
        source.write_bytes(np.random.default_rng(1).bytes(SIZE))
        for link, bytes_per_s, is_target in (("40 MB/s", 40e6, True), ("unlimited", None, False)):
            folder = Path(work, link.split()[0])
            with phone_of_its_own(folder, bytes_per_s) as address:
                server.connect(At(address))
                figures += _measure(Copies(server, folder, address), source, link, is_target)
    return figures


@contextmanager
def phone_of_its_own(folder: Path, bytes_per_s: float | None) -> Iterator[str]:
    """A phone's daemon in another process (this one's interpreter has one lock); its address."""
    context = multiprocessing.get_context("spawn")
    ours, its = context.Pipe()
    process = context.Process(target=_be_a_phone, args=(folder, bytes_per_s, its))
    process.start()
    try:
        yield ours.recv()
    finally:
        ours.send("end")
        process.join()


def _be_a_phone(folder: Path, bytes_per_s: float | None, pipe: Connection) -> None:
    with AdbDaemon(PlainPhone(folder)) as daemon:
        if bytes_per_s:
            daemon.faults.put(Fault("slow", bytes_per_s=bytes_per_s))
        pipe.send(daemon.address)
        pipe.recv()


def _measure(copies: Copies, source: Path, link: str, is_target: bool) -> list[Figure]:
    pushes = _in_turn(lambda: _seconds(lambda: copies.adb_push(source)), lambda: copies.push(source), 3)
    pulls = _in_turn(lambda: _seconds(lambda: copies.adb_pull("pushed.bin")), lambda: copies.pull("pushed.bin"), 4)
    if copies.pulled.read_bytes() != source.read_bytes():
        raise RuntimeError("what was pulled is not what was pushed")
    with copies.connected() as transport:
        sent = float(transport.push(source, "pushed.bin").bytes_sent)
    name = f"ADB push, link {link}: a second one of the same file"
    return [
        _speed(f"ADB push of 100 MB, link {link}: speed against adb", pushes, is_target),
        _speed(f"ADB pull of 100 MB, link {link}: speed against adb", pulls, False),
        Figure(name, sent, "bytes", target="0 bytes", verdict=reached(sent, at_most=0)),
    ]


@dataclass(frozen=True)
class At:
    """Where a phone listens."""

    address: str


class Copies:
    """Copies between a folder of the phone's and this one: by edgebench, and by the `adb` of adbutils."""

    def __init__(self, server: AdbServer, folder: Path, serial: str) -> None:
        self.pulled = folder / "pulled.bin"
        self._server = server
        self._serial = serial
        self._there = folder / "root" / HOME.lstrip("/")
        self._adb_pulled = folder / "copied.bin"

    def connected(self) -> AdbTransport:
        """edgebench's transport, connected anew."""
        return AdbTransport(AdbPlace("phone", serial=self._serial, server=self._server.address))

    def push(self, source: Path) -> dict[str, float]:
        """Bring a file to the phone that is not there."""
        (self._there / "pushed.bin").unlink(missing_ok=True)
        return self._timed(lambda transport: transport.push(source, "pushed.bin"))

    def pull(self, name: str) -> dict[str, float]:
        """Bring a file of the phone here."""
        return self._timed(lambda transport: transport.pull(name, self.pulled))

    def _timed(self, copy: Callable[[AdbTransport], object]) -> dict[str, float]:
        began = time.perf_counter()
        with self.connected() as transport:
            opened = time.perf_counter()
            copy(transport)
            copied = time.perf_counter()
        return {"s": copied - opened, "connected_s": time.perf_counter() - began}

    def adb_push(self, source: Path) -> None:
        """Copy a file to the phone; never onto one that is there."""
        (self._there / "copied.bin").unlink(missing_ok=True)
        self._run("push", str(source), f"{HOME}/copied.bin")

    def adb_pull(self, name: str) -> None:
        """Copy a file of the phone here."""
        self._adb_pulled.unlink(missing_ok=True)
        self._run("pull", f"{HOME}/{name}", str(self._adb_pulled))

    def _run(self, *arguments: str) -> None:
        done = self._server.run("-s", self._serial, *arguments)
        if done.returncode != 0:
            raise RuntimeError(f"adb {arguments[0]}: {done.stderr.decode()}")


def _in_turn(first: Side, second: Side, seed: int) -> Rounds:
    return alternate(first, second, max_rounds=MAX_ROUNDS, enough=_enough, seed=seed)


def _enough(rounds: Rounds) -> bool:
    ratio = rounds.ratio("s")
    progress(f"  {ratio.rounds} rounds: {ratio.value:.3f} +-{100 * spread(ratio):.1f} %")
    return spread(ratio) < HALF_WIDTH


def _speed(name: str, rounds: Rounds, is_target: bool) -> Figure:
    ratio = rounds.ratio("s")
    anew = compare(rounds.first["s"], rounds.second["connected_s"], less_is_better=True)
    speeds = [SIZE / 1e6 / statistics.median(side["s"]) for side in (rounds.first, rounds.second)]
    note = "adb {:.1f} MB/s, edgebench {:.1f} MB/s".format(*speeds) + f"; {anew.value:.3f}x with its connecting"
    if not is_target:
        return of_ratio(name, ratio, note=note)
    return of_ratio(name, ratio, target=">= 1.0x", verdict=at_least(ratio, 1.0), note=note)


def _seconds(action: Callable[[], None]) -> dict[str, float]:
    began = time.perf_counter()
    action()
    return {"s": time.perf_counter() - began}


if __name__ == "__main__":
    sys.exit(alone(measure, __doc__))
