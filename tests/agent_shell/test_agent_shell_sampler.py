"""The sampler: what it reads and when, what it does where it cannot, what it says it cost, and that it ends."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from shell_worlds import Gate, ShellPhone, find_world, kill, of, step, wait_gone


def sampled(
    phone: ShellPhone, *lines: str, sleep: str = "0.6", root: Path | None = None
) -> tuple[Path, list[list[str]]]:
    """Run a job with these sources for `sleep` seconds; return (job, the words of each reading)."""
    tool = phone.script("tool", f"sleep {sleep}")
    job = phone.job("job-1", lines, step(program=str(tool)), root=root)
    phone.carry_out(job)
    return job, [line.split() for line in (job / "readings.txt").read_text().splitlines()]


def test_every_source_in_its_own_way(phone: ShellPhone) -> None:
    phone.put("/sys/current", "-326171\n")
    phone.put("/sys/voltage", "4012000")
    phone.put("/sys/two words", "")
    phone.put("/sys/state", "Not charging\n")
    phone.put("/sys/energy", "t=5\nCH0(T=5)[VSYS], 123\n\nlast")
    phone.stub("dumpsys", 'echo "level: 80"; echo "  $*"')
    lines = ["jitter 0.05", "source battery /sys/current /sys/voltage /sys/none /sys/state"]
    lines += [
        "source-every 3 slow /sys/state",
        "source-lines odpm /sys/energy",
        "source-command 4 dump dumpsys battery -x",
    ]
    _, rows = sampled(phone, *lines)
    by_source: dict[str, list[list[str]]] = {}
    for row in rows:
        by_source.setdefault(row[1], []).append(row)
    assert set(by_source) == {"battery", "slow", "odpm", "dump"}
    ticks = len(by_source["battery"])
    assert ticks >= 4
    assert all(row[2:] == ["-326171", "4012000", "-", "Not"] for row in by_source["battery"])
    assert len(by_source["slow"]) == (ticks + 2) // 3
    assert [row[2:] for row in by_source["odpm"][:4]] == [
        ["|", "t=5"],
        ["|", "CH0(T=5)[VSYS],", "123"],
        ["|"],
        ["|", "last"],
    ]
    assert len(by_source["odpm"]) == 4 * ticks
    dumps = (ticks + 3) // 4
    assert [row[2:] for row in by_source["dump"][:2]] == [["|", "level:", "80"], ["|", "battery", "-x"]]
    assert len(by_source["dump"]) in (2 * dumps, 2 * dumps - 1, 2 * dumps - 2)
    times = [int(row[0]) for row in rows]
    assert times == sorted(times)


@pytest.mark.parametrize("timed", [False, True])
def test_the_hosts_intervals_are_used_round_and_round(phone: ShellPhone, timed: bool) -> None:
    """Below a root of its own by `sleep`, on a real device by `read -t` where the shell has it."""
    value = phone.put("/sys/value", "1\n")
    root, path = (Path("/"), str(value)) if timed else (None, "/sys/value")
    _, rows = sampled(phone, "jitter 0.05 0.2", f"source a {path}", sleep="1.2", root=root)
    times = [int(row[0]) for row in rows]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(gaps) >= 6
    assert all(gap >= 4 for gap in gaps[0::2])
    assert all(gap >= 19 for gap in gaps[1::2])
    assert sum(gaps[0::2]) < sum(gaps[1::2])


def test_what_it_cost(phone: ShellPhone) -> None:
    phone.put("/sys/value", "1\n")
    job, rows = sampled(phone, "jitter 0.02", "source a /sys/value", "source b /sys/value", sleep="0.5")
    (cost,) = of(phone.finish(job), "sampler")
    assert cost["reads"] == len(rows)
    assert 0 <= cost["cpu_ns"] <= cost["wall_ns"]
    assert (int(rows[-1][0]) - int(rows[0][0])) * 10_000_000 <= cost["wall_ns"] <= 5_000_000_000
    assert not [name for name in ("times.txt", "sampler.txt", "pad") if (job / name).exists()]


def test_it_reads_while_the_phone_idles_and_ends_with_the_job(phone: ShellPhone) -> None:
    phone.put("/sys/value", "1\n")
    job = phone.job("job-1", ["jitter 0.02", "source a /sys/value"], step("soak", "idle 0.3", program="/bin/true"))
    events = phone.carry_out(job)
    phases = {event["name"]: event["t"] for event in of(events, "phase")}
    times = [int(line.split()[0]) * 10_000_000 for line in (job / "readings.txt").read_text().splitlines()]
    assert [t for t in times if phases["idle-before"] <= t < phases["soak"]]
    assert [t for t in times if phases["idle-after"] <= t]
    for pid in phone.processes():
        wait_gone(pid, 5)


def test_it_dies_with_its_supervisor(phone: ShellPhone) -> None:
    phone.put("/sys/value", "1\n")
    up = Gate(phone.folder / "up")
    tool = phone.script("tool", f"echo up >{up.path}; sleep 60")
    job = phone.job("job-1", ["jitter 30", "source a /sys/value"], step(program=str(tool)))
    answer = phone.start(job)
    up.read()
    assert len(phone.processes()) >= 3
    kill(answer["pid"])
    for pid in phone.processes():
        wait_gone(pid, 5)


def test_one_that_is_killed_is_told(phone: ShellPhone) -> None:
    phone.put("/sys/value", "1\n")
    up, gate = Gate(phone.folder / "up"), Gate(phone.folder / "gate")
    tool = phone.script("tool", f"echo up >{up.path}; read x <{gate.path}")
    job = phone.job("job-1", ["jitter 30", "source a /sys/value"], step(program=str(tool)))
    supervisor = phone.start(job)["pid"]
    up.read()
    for pid in Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split():
        if b"supervise" in Path(f"/proc/{pid}/cmdline").read_bytes():
            kill(int(pid))
    gate.open()
    events = phone.finish(job)
    assert [event["code"] for event in of(events, "warning")] == ["sampler-failed"]
    assert (of(events, "sampler"), events[-1]["code"], events[-1]["steps_done"]) == ([], None, 1)
    for pid in phone.processes():
        kill(pid)


def test_a_command_without_end_is_bounded(phone: ShellPhone) -> None:
    phone.stub("chatty", "while echo line; do :; done")
    _, rows = sampled(phone, "jitter 5", "source-command 1 dump chatty", sleep="0.4")
    assert len(rows) == 400


def test_on_a_phone_waiting_starts_no_process(tmp_path: Path) -> None:
    """mksh can wait by itself; a process for each look costs a phone 5 ms."""
    phone = ShellPhone(find_world("mksh"), tmp_path)
    phone.stub("sleep", f'exec {(phone.bin / "sleep").readlink()} sleep "$@"')
    value = phone.put("/sys/value", "1\n")
    for root, path, calls in ((Path("/"), value, 0), (None, "/sys/value", 4)):
        phone.calls.unlink(missing_ok=True)
        tool = phone.script("tool", "exec sleep 0.5")
        job = phone.job(f"job-{calls}", ["jitter 0.0500", f"source a {path}"], step(program=str(tool)), root=root)
        phone.carry_out(job)
        assert len((job / "readings.txt").read_text().splitlines()) >= 4
        assert phone.called().count("sleep 0.0500") >= calls
        assert calls or "sleep 0.0500" not in phone.called()
