"""No room, and no right to execute: the device is put back all the same, and what can be said is said."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from shell_worlds import NONCE, ShellPhone, frames, of, outcomes, step, wait_gone

from edgebench.agent.protocol import FrameReader

ROOM_KIB = 128


@pytest.fixture
def small(phone: ShellPhone) -> Iterator[ShellPhone]:
    """A device whose jobs lie on a file system of 128 KiB that executes nothing."""
    if os.getuid() != 0:
        pytest.skip("mounting a small file system needs root; a limit on files stands in for it elsewhere")
    jobs = phone.home / "jobs"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={ROOM_KIB}k,noexec", "tmpfs", str(jobs)], check=True)
    yield phone
    phone.release()
    subprocess.run(["umount", "-l", str(jobs)], check=True)


def test_a_full_disk_ends_the_job_and_says_so(small: ShellPhone) -> None:
    knob = small.put("/sys/knob", "old\n")
    filler = small.home / "jobs/filler"
    tool = small.script("tool", f"cat /dev/zero >{filler}; exit 0")
    steps = [step("invocation", program=str(tool), index=index) for index in range(60)]
    job = small.job("job-1", ["set-file /sys/knob new"], *steps)
    events = small.carry_out(job)
    assert (events[-1]["code"], events[-1]["restored"]) == ("disk-full", True)
    assert 0 < len(of(events, "tool")) < 60
    assert knob.read_text() == "old\n"
    assert filler.stat().st_size > ROOM_KIB * 1024 / 2
    assert not (job / "pad").exists()


def test_a_disk_that_is_full_already_starts_nothing(small: ShellPhone) -> None:
    job = small.job("job-1", step(program="/bin/true"))
    with (small.home / "jobs/filler").open("wb") as filler:
        subprocess.run(["cat", "/dev/zero"], stdout=filler, stderr=subprocess.DEVNULL)
    rc, events = small.verb("start", job)
    assert (rc, events[-1]["code"]) == (1, "disk-full")
    (small.home / "jobs/filler").unlink()
    assert small.start(job)["ev"] == "started"
    assert outcomes(small.finish(job)) == [("ok", None)]


def test_a_place_that_may_not_execute(small: ShellPhone) -> None:
    tool = small.home / "jobs/tool"
    tool.write_bytes(small.script("tool", "echo runs").read_bytes())
    tool.chmod(0o755)
    events = small.carry_out(small.job("job-1", step(program=str(tool))))
    assert outcomes(events) == [("failed", "permission")]
    assert of(events, "tool")[0]["code"] == 126


def files_up_to(size: int) -> Callable[[], None]:
    """What a starter does to itself so that no file may grow beyond `size` bytes; who tries hears of it."""

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

    return limit


def test_no_room_for_the_pad_starts_nothing(phone: ShellPhone) -> None:
    job = phone.job("job-1", step(program="/bin/true"))
    starter = phone.popen("start", job, "--nonce", "aa", preexec_fn=files_up_to(1536))
    answer = frames(starter.communicate()[0], "aa")
    assert (answer[-1]["code"], (job / "events.jsonl").exists()) == ("disk-full", False)


def test_where_nothing_more_can_be_said_the_device_is_still_put_back(phone: ShellPhone) -> None:
    knob = phone.put("/sys/knob", "old\n")
    steps = [step("invocation", program="/bin/true", index=index) for index in range(30)]
    job = phone.job("job-1", ["set-file /sys/knob new"], *steps)
    starter = phone.popen("start", job, "--nonce", "aa", preexec_fn=files_up_to(6000))
    assert frames(starter.communicate()[0], "aa")[0]["ev"] == "started"
    followed = phone.run("follow", job)
    assert followed.returncode == 3
    reader = FrameReader(NONCE)
    told = reader.feed((job / "events.jsonl").read_bytes())
    assert (reader.damaged, reader.ended) == (0, False)
    assert 5 < len(of(told, "done")) < 30
    for pid in phone.processes():
        wait_gone(pid)
    assert knob.read_text() == "old\n"


def test_a_tool_that_never_stops_printing_is_ended_by_its_limit(phone: ShellPhone, tmp_path: Path) -> None:
    """At 256 MiB, so that a phone is not filled; the text is cut to its first MiB."""
    tool = phone.script("tool", "exec cat /dev/zero")
    job = phone.job("job-1", step(program=str(tool)), step(program="/bin/true", index=1))
    events = phone.carry_out(job)
    assert outcomes(events) == [("failed", "crashed"), ("ok", None)]
    (first, _) = of(events, "tool")
    assert (first["signal"], first["cut"], first["bytes"]) == ("SIGXFSZ", True, 1 << 20)
    assert (job / "outputs.txt").stat().st_size == 1 << 20
    assert frames((job / "events.jsonl").read_bytes(), NONCE)
