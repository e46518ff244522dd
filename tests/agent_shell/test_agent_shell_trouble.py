"""Everything that goes wrong around a job: stopped, killed, hung, out of time, the caller's link gone."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from shell_worlds import NONCE, Gate, ShellPhone, alive, find_world, frames, kill, of, outcomes, step, wait_gone
from signals import heed_interrupts

from edgebench.agent.protocol import FrameReader


def hanging(phone: ShellPhone, name: str = "job-1", **more: object) -> tuple[Path, list[int], dict[str, object]]:
    """Start a job whose tool and its child hang; return (job, their pids, what `start` said) once they do."""
    gate = Gate(phone.folder / f"{name}.up")
    never = phone.folder / f"{name}.never"
    os.mkfifo(never)
    tool = phone.script(f"{name}.tool", f'(read x <{never}) & echo "$$ $!" >{gate.path}; wait')
    knobs = {key: more.pop(key) for key in ("limit_s", "lines") if key in more}
    lines = step("invocation", *knobs.pop("lines", ()), program=str(tool), **knobs)  # type: ignore[misc, arg-type]
    job = phone.job(name, *more.pop("before", ()), lines, **more)  # type: ignore[misc]
    answer = phone.start(job)
    assert answer["ev"] == "started", answer
    return job, [int(pid) for pid in gate.read().split()], answer


def lease_of(phone: ShellPhone) -> dict[str, object]:
    (lease,) = of(phone.verb("status", "--home", phone.home)[1], "lease")
    return lease


def state_of(phone: ShellPhone) -> str:
    (job,) = of(phone.verb("status", "--home", phone.home)[1], "job")
    return str(job["state"])


def test_start_answers_when_the_lease_is_held_and_a_second_job_is_locked_out(phone: ShellPhone) -> None:
    job, _, answer = hanging(phone, holder='Jörg at "desk"', lease_s=500)
    lease = lease_of(phone)
    assert (lease["state"], lease["pid"], lease["job"]) == ("held", answer["pid"], "job-1")
    rc, (locked, end) = phone.verb("start", phone.job("job-2", step(program="/bin/true")))
    assert (rc, end["code"]) == (0, None)
    assert (locked["ev"], locked["holder"], locked["job"]) == ("locked", 'Jörg at "desk"', "job-1")
    assert 490 <= locked["remaining_s"] <= 500
    assert not (phone.home / "jobs/job-2/events.jsonl").exists()
    phone.verb("stop", job)
    assert phone.start(phone.home / "jobs/job-2")["ev"] == "started"
    phone.finish(phone.home / "jobs/job-2")


def test_two_starters_racing_one_wins(phone: ShellPhone) -> None:
    never = phone.folder / "never"
    os.mkfifo(never)
    tool = phone.script("tool", f"read x <{never}")
    for turn in range(20):
        jobs = [phone.job(f"job-{turn}-{who}", step(program=str(tool))) for who in "ab"]
        racers = [phone.popen("start", job, "--nonce", "aa") for job in jobs]
        answers = [frames(racer.communicate()[0], "aa")[0]["ev"] for racer in racers]
        assert sorted(answers) == ["locked", "started"], turn
        winner = jobs[answers.index("started")]
        told = of(phone.verb("stop", winner)[1], "job")[0]
        assert told["state"] == "finished"


def test_stop_ends_a_step_and_everything_it_started(phone: ShellPhone) -> None:
    job, pids, answer = hanging(phone)
    rc, events = phone.verb("stop", job)
    assert (rc, events[0]["ev"], events[0]["state"]) == (0, "job", "finished")
    assert not alive(int(str(answer["pid"])))
    for pid in pids:
        wait_gone(pid)
    events = phone.finish(job)
    assert (events[-1]["code"], events[-1]["restored"]) == ("interrupted", True)
    assert outcomes(events) == [("failed", "interrupted")]
    assert phone.verb("stop", job)[1][0]["state"] == "finished"


def test_a_supervisor_killed_leaves_no_lease_and_no_tool(phone: ShellPhone) -> None:
    knob = phone.put("/sys/knob", "old\n")
    job, pids, answer = hanging(phone, before=[["set-file /sys/knob new"]])
    assert knob.read_text() == "new\n"
    kill(int(str(answer["pid"])))
    assert lease_of(phone)["state"] == "free"
    assert state_of(phone) == "dead"
    for pid in pids:
        wait_gone(pid)
    (journal,) = of(phone.verb("status", "--home", phone.home)[1], "journal")
    assert [entry["label"] for entry in journal["entries"]] == ["/sys/knob"]
    rc, (restored, _) = phone.verb("restore", "--home", phone.home)
    assert (rc, restored["ev"], len(restored["entries"]), restored["failed"]) == (0, "restored", 1, [])
    assert knob.read_text() == "old\n"
    done = phone.run("follow", job)
    assert done.returncode == 3
    assert phone.verb("discard", job)[1][0]["ev"] == "discarded"


def test_the_next_job_restores_what_a_killed_one_left(phone: ShellPhone) -> None:
    knob = phone.put("/sys/knob", "old\n")
    _, _, answer = hanging(phone, before=[["set-file /sys/knob new"]])
    kill(int(str(answer["pid"])))
    tool = phone.script("tool", f"cat {knob}")
    events = phone.carry_out(job := phone.job("job-2", step(program=str(tool))))
    assert [warning["code"] for warning in of(events, "warning")] == ["leftovers"]
    assert (job / "outputs.txt").read_text() == "old\n"


def test_a_tool_that_is_killed_has_crashed(phone: ShellPhone) -> None:
    job, pids, _ = hanging(phone)
    os.kill(pids[0], signal.SIGKILL)
    events = phone.finish(job)
    (done,) = of(events, "done")
    assert (done["outcome"], done["code"], done["signal"]) == ("failed", "crashed", "SIGKILL")
    (tool,) = of(events, "tool")
    assert (tool["code"], tool["signal"]) == (None, "SIGKILL")
    wait_gone(pids[1])


def test_a_tool_that_the_kernel_killed_for_memory(phone: ShellPhone) -> None:
    phone.put("/proc/vmstat", "nr_free_pages 5\noom_kill 3\n")
    job, pids, _ = hanging(phone)
    phone.put("/proc/vmstat", "nr_free_pages 5\noom_kill 4\n")
    os.kill(pids[0], signal.SIGKILL)
    assert outcomes(phone.finish(job)) == [("failed", "oom")]


def test_a_tool_that_lmkd_killed(phone: ShellPhone) -> None:
    job, pids, _ = hanging(phone)
    phone.stub("logcat", f"echo '01-01 00:00:00.000  700  700 I killinfo: [{pids[0]},2000,benchmark_model,0,4]'")
    os.kill(pids[0], signal.SIGKILL)
    assert outcomes(phone.finish(job)) == [("failed", "oom")]


def test_a_tool_that_hangs_is_killed_with_its_children(phone: ShellPhone) -> None:
    job, pids, _ = hanging(phone, limit_s=0.3)
    events = phone.finish(job)
    assert outcomes(events) == [("failed", "timeout")]
    assert of(events, "done")[0]["message"] == "not finished within 0.3 s"
    assert events[-1]["code"] is None
    for pid in pids:
        wait_gone(pid)


def test_the_end_of_the_lease_ends_the_job(phone: ShellPhone) -> None:
    job, pids, _ = hanging(phone, lease_s=1)
    events = phone.finish(job)
    assert outcomes(events) == [("failed", "timeout")]
    assert (events[-1]["code"], events[-1]["message"]) == ("timeout", "the job's lease is over")
    for pid in pids:
        wait_gone(pid)


def test_the_callers_link_dies_and_the_job_goes_on(phone: ShellPhone) -> None:
    gate, up = Gate(phone.folder / "gate"), Gate(phone.folder / "up")
    tool = phone.script("tool", f"echo $$ >{up.path}; read x <{gate.path}; echo went on")
    job = phone.job("job-1", step(program=str(tool)))
    argv = [str(phone.bin / "sh"), "-c", '"$@"; read forever', "sh", *phone.argv("start", job)]
    caller = subprocess.Popen(
        argv,
        env=phone.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=heed_interrupts,
    )
    up.read()
    os.killpg(caller.pid, signal.SIGHUP)
    caller.communicate()
    assert caller.returncode in (-signal.SIGHUP, 128 + signal.SIGHUP)
    gate.open()
    assert outcomes(phone.finish(job)) == [("ok", None)]
    assert (job / "outputs.txt").read_text() == "went on\n"


@pytest.mark.parametrize("world", ["dash", "mksh"])
def test_without_setsid_the_hang_up_is_ignored(world: str, tmp_path: Path) -> None:
    """Not under busybox: its applets need no PATH, there is always a setsid."""
    phone = ShellPhone(find_world(world), tmp_path)
    (phone.bin / "setsid").unlink()
    test_the_callers_link_dies_and_the_job_goes_on(phone)


def test_a_job_that_runs_cannot_be_discarded_or_restored_unless_forced(phone: ShellPhone) -> None:
    knob = phone.put("/sys/knob", "old\n")
    job, pids, _ = hanging(phone, before=[["set-file /sys/knob new"]])
    rc, events = phone.verb("discard", job)
    assert (rc, events[-1]["code"]) == (1, "internal")
    rc, events = phone.verb("restore", "--home", phone.home)
    assert (rc, [event["ev"] for event in events]) == (1, ["locked", "end"])
    assert events[-1]["code"] == "device-locked"
    assert knob.read_text() == "new\n"
    rc, events = phone.verb("restore", "--home", phone.home, "--force")
    assert (rc, [event["ev"] for event in events]) == (0, ["stopped", "restored", "end"])
    assert events[0]["how"] == "asked"
    assert knob.read_text() == "old\n"
    for pid in pids:
        wait_gone(pid)
    assert phone.finish(job)[-1]["code"] == "interrupted"


def test_await_lease_returns_when_it_is_free(phone: ShellPhone) -> None:
    job, _, _ = hanging(phone)
    waiting = phone.popen("await-lease", "--home", phone.home, "--seconds", "30", "--nonce", "aa")
    held = of(phone.verb("await-lease", "--home", phone.home, "--seconds", "0")[1], "lease")[0]
    assert held["state"] == "held"
    phone.verb("stop", job)
    assert of(frames(waiting.communicate()[0], "aa"), "lease")[0]["state"] == "free"


def test_the_lease_of_another_boot_or_a_reused_number_is_free(phone: ShellPhone) -> None:
    leases = phone.home / "lease"
    leases.mkdir()
    stat = Path(f"/proc/{os.getpid()}/stat").read_text().rpartition(") ")[2].split()
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    for number, (born, booted) in enumerate([(stat[19], "0" * 8), (str(int(stat[19]) - 1), boot)]):
        (leases / str(number + 8)).symlink_to(f"{os.getpid()} {born} {booted} 99999999 job-0 somebody else")
        assert lease_of(phone)["state"] == "free"
    (leases / "10").symlink_to(f"{os.getpid()} {stat[19]} {boot} 99999999 job-0 somebody else")
    held = lease_of(phone)
    (leases / "10").unlink()
    assert (held["state"], held["holder"], held["job"]) == ("held", "somebody else", "job-0")


def test_the_record_up_to_a_kill_is_whole_but_unfinished(phone: ShellPhone) -> None:
    job, _, answer = hanging(phone)
    kill(int(str(answer["pid"])))
    reader = FrameReader(NONCE)
    events = reader.feed((job / "events.jsonl").read_bytes())
    assert [event["ev"] for event in events] == ["hello", "prepared", "step", "phase"]
    assert (reader.damaged, reader.ended) == (0, False)
