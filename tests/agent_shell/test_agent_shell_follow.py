"""Following: from anywhere, while it grows, after the end, without a supervisor."""

from __future__ import annotations

from pathlib import Path

from shell_worlds import NONCE, Gate, ShellPhone, frames, kill, step

from edgebench.agent.protocol import FrameReader


def held(phone: ShellPhone) -> tuple[Path, Gate, int]:
    """A job whose tool waits at a gate; (job, gate, supervisor)."""
    up, gate = Gate(phone.folder / "up"), Gate(phone.folder / "gate")
    tool = phone.script("tool", f"echo up >{up.path}; read x <{gate.path}")
    job = phone.job("job-1", step(program=str(tool)))
    answer = phone.start(job)
    up.read()
    return job, gate, answer["pid"]


def test_from_every_kind_of_offset(phone: ShellPhone) -> None:
    job = phone.job("job-1", step(program="/bin/true"))
    phone.carry_out(job)
    data = (job / "events.jsonl").read_bytes()
    lines = data.splitlines(keepends=True)
    inside = len(lines[0]) + 7
    for offset in (0, 1, len(lines[0]), inside, len(data) - len(lines[-1]), len(data) - 1):
        done = phone.run("follow", job, "--offset", offset)
        assert (done.returncode, done.stdout) == (0, data[offset:]), offset
    done = phone.run("follow", job, "--offset", len(data))
    assert (done.returncode, done.stdout) == (0, b"")


def test_while_it_grows(phone: ShellPhone) -> None:
    job, gate, _ = held(phone)
    follower = phone.popen("follow", job)
    assert follower.stdout is not None
    reader = FrameReader(NONCE)
    heard: list[str] = []
    while "phase" not in heard:
        heard += [event["ev"] for event in reader.feed(follower.stdout.readline())]
    gate.open()
    rest = follower.communicate()[0]
    heard += [event["ev"] for event in reader.feed(rest)]
    assert (follower.returncode, reader.damaged, reader.ended) == (0, 0, True)
    assert heard == ["hello", "prepared", "step", "phase", "tool", "done", "prepared", "end"]


def test_a_link_that_drops_is_taken_up_where_it_broke(phone: ShellPhone) -> None:
    job, gate, _ = held(phone)
    follower = phone.popen("follow", job)
    assert follower.stdout is not None
    first = follower.stdout.readline()
    follower.kill()
    first += follower.communicate()[0]
    gate.open()
    reader = FrameReader(NONCE)
    reader.feed(first)
    again = phone.run("follow", job, "--offset", reader.offset)
    reader.restart()
    reader.feed(again.stdout)
    assert (again.returncode, reader.damaged, reader.ended) == (0, 0, True)


def test_a_dead_supervisor_ends_it(phone: ShellPhone) -> None:
    job, _, supervisor = held(phone)
    follower = phone.popen("follow", job)
    assert follower.stdout is not None
    follower.stdout.readline()
    kill(supervisor)
    rest = follower.communicate()[0]
    assert follower.returncode == 3
    assert b'"ev":"phase"' in rest


def test_a_job_that_never_began(phone: ShellPhone) -> None:
    job = phone.job("job-1", step(program="/bin/true"))
    done = phone.run("follow", job)
    assert (done.returncode, done.stdout) == (3, b"")


def test_what_stands_behind_the_record_is_that_of_the_file(phone: ShellPhone) -> None:
    job = phone.job("job-1", step(program="/bin/true"))
    phone.start(job)
    assert frames(phone.run("follow", job).stdout, NONCE) == frames((job / "events.jsonl").read_bytes(), NONCE)


def test_a_job_with_nothing_to_tell_gives_signs_of_life_that_are_no_part_of_the_record(phone: ShellPhone) -> None:
    job, gate, _ = held(phone)
    phone.stub("sleep", f"exec {phone.bin}/sleep 0.01")
    follower = phone.popen("follow", job)
    assert follower.stdout is not None
    lines: list[bytes] = []
    while b"~\n" not in lines:
        lines.append(follower.stdout.readline())
        assert lines[-1], "it ended"
    gate.open()
    lines += follower.communicate()[0].splitlines(keepends=True)
    assert b"".join(line for line in lines if line != b"~\n") == (job / "events.jsonl").read_bytes()
