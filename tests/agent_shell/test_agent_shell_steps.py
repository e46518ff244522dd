"""The parts of a step: mask, repeats, idling, loads, memory, outputs, limits; and files that are no jobs."""

from __future__ import annotations

import hashlib
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shell_worlds import NONCE, Gate, ShellPhone, clock_ns, frames, of, outcomes, step, wait_gone

MIB = 1 << 20


def text_of(job: Path, event: dict[str, int]) -> bytes:
    return (job / "outputs.txt").read_bytes()[event["offset"] :][: event["bytes"]]


def test_events_carry_this_machines_clock(phone: ShellPhone) -> None:
    before = clock_ns()
    events = phone.carry_out(phone.job("job-1", step(program="/bin/true")))
    assert before - 10_000_000 <= events[0]["t"] <= events[-1]["t"] <= clock_ns()
    assert before - 10_000_000 <= events[0]["clock"]["monotonic_ns"] <= events[0]["t"]
    assert events[0]["clock"]["resolution_ns"] == 10_000_000
    assert events[0]["clock"]["realtime_ns"] > 1_700_000_000_000_000_000


def test_a_phone_that_has_been_up_for_a_year(phone: ShellPhone) -> None:
    """Centiseconds of 300 days and more do not fit the 32 bits that mksh reckons in."""
    (phone.root / "proc/uptime").unlink()
    phone.put("/proc/uptime", "31536000.08 1.0\n")
    job = phone.job("job-1", step("soak", "idle 0.01", "repeat 0", program="/bin/true"), max_time_s=50)
    events = phone.carry_out(job)
    assert {event["t"] for event in events} == {31536000080000000}
    assert (outcomes(events), events[-1]["code"]) == ([("ok", None)], None)


@pytest.mark.parametrize("uptime", ["", "garbage", "-5.00 1", "1.2.3", "0.07 0.00"])
def test_a_clock_that_says_nothing_is_zero(phone: ShellPhone, uptime: str) -> None:
    (phone.root / "proc/uptime").unlink()
    phone.put("/proc/uptime", uptime + "\n")
    events = phone.carry_out(phone.job("job-1", step(program="/bin/true")))
    assert {event["t"] for event in events} == {70_000_000 if uptime.startswith("0.07") else 0}


def test_the_mask_holds_and_is_read_back(phone: ShellPhone) -> None:
    tool = phone.script(
        "tool", "while read -r k v; do case $k in Cpus_allowed:) echo $v ;; esac; done </proc/self/status"
    )
    first, second = step("invocation", "mask 1", program=str(tool)), step(program=str(tool), index=1)
    job = phone.job("job-1", first, second)
    events = phone.carry_out(job)
    pinned, free = of(events, "tool")
    assert (int(pinned["cpus"], 16), text_of(job, pinned).decode().strip()) == (1, pinned["cpus"])
    assert text_of(job, free).decode().strip() == free["cpus"] != pinned["cpus"]


def test_a_mask_of_cores_that_are_not_there_does_not_hide(phone: ShellPhone) -> None:
    job = phone.job("job-1", step("invocation", "mask 800000000", program="/bin/true"))
    (tool,) = of(phone.carry_out(job), "tool")
    assert int(tool["cpus"].replace(",", ""), 16) != 0x800000000


def test_soak_is_one_process_after_the_other_with_idling_around(phone: ShellPhone) -> None:
    tool = phone.script("tool", "sleep 0.05")
    job = phone.job("job-1", step("soak", "idle 0.2", "repeat 0.4", program=str(tool)))
    events = phone.carry_out(job)
    phases = [(event["name"], event["t"]) for event in of(events, "phase")]
    assert [name for name, _ in phases] == ["idle-before", "soak", "idle-after"]
    assert phases[1][1] - phases[0][1] >= 190_000_000
    tools = of(events, "tool")
    assert [tool["at"] for tool in tools] == list(range(len(tools)))
    assert len(tools) >= 2
    # the clock is looked at again after a process has ended, and that look decides
    assert phases[2][1] - tools[0]["begin"] >= 400_000_000 > tools[-2]["end"] - tools[0]["begin"]
    assert all(one["end"] <= other["begin"] for one, other in pairwise(tools))
    assert of(events, "done")[0]["t"] - phases[2][1] >= 190_000_000


def test_a_repeat_ends_with_the_first_failure(phone: ShellPhone) -> None:
    tool = phone.script("tool", '[ ! -e "$CALLS.once" ] || exit 4; : >"$CALLS.once"')
    events = phone.carry_out(phone.job("job-1", step("soak", "repeat 30", program=str(tool))))
    assert [tool["code"] for tool in of(events, "tool")] == [0, 4]
    assert outcomes(events) == [("failed", "crashed")]


def test_a_burn_loads_so_many_cores_for_so_long(phone: ShellPhone) -> None:
    job = phone.job("job-1", step("burn", "burn 2", "repeat 0.5"))
    events = phone.carry_out(job)
    (tool,) = of(events, "tool")
    assert (tool["code"], tool["signal"], outcomes(events)) == (0, None, [("ok", None)])
    assert tool["end"] - tool["begin"] >= 490_000_000
    for pid in phone.processes():
        wait_gone(pid)


def test_outputs_are_told_with_their_hash(phone: ShellPhone) -> None:
    tool = phone.script("tool", "echo result >out-0.raw")
    job = phone.job("job-1", step("fidelity", "output out-0.raw", "output missing.raw", program=str(tool)))
    events = phone.carry_out(job)
    (told,) = of(events, "outputs")
    assert (told["path"], told["bytes"]) == ("out-0.raw", 7)
    assert told["sha256"] == hashlib.sha256(b"result\n").hexdigest()
    assert [(one["code"], one["text"]) for one in of(events, "warning")] == [("no-output", "missing.raw")]


def test_what_a_tool_says_is_cut_at_a_mebibyte(phone: ShellPhone) -> None:
    loud = phone.script("loud", f"head -c {MIB + 100} /dev/zero")
    quiet = phone.script("quiet", "echo after")
    job = phone.job("job-1", step(program=str(loud)), step(program=str(quiet), index=1))
    first, second = of(phone.carry_out(job), "tool")
    assert (first["bytes"], first["cut"], "cut" in second) == (MIB, True, False)
    assert text_of(job, second) == b"after\n"
    assert (job / "outputs.txt").stat().st_size == MIB + 6


def test_steps_that_no_longer_fit_are_skipped(phone: ShellPhone) -> None:
    tool = phone.script("tool", "sleep 1")
    steps = [step("invocation", program=str(tool), index=index) for index in range(2)]
    events = phone.carry_out(phone.job("job-1", *steps, max_time_s=1))
    assert outcomes(events) == [("ok", None), ("skipped", None)]
    assert of(events, "done")[1]["message"] == "does not fit into --max-time"
    assert (events[-1]["code"], events[-1]["steps_done"]) == (None, 1)


def test_the_memory_pass_polls_and_looks_once(phone: ShellPhone) -> None:
    gate = Gate(phone.folder / "gate")
    phone.stub("dumpsys", f"echo MEMINFO of $2; echo looked >{gate.path}")
    tool = phone.script("tool", f"echo begin; read x <{gate.path}; sleep 0.3; echo end")
    job = phone.job("job-1", step("memory", "meminfo 1", program=str(tool)))
    events = phone.carry_out(job)
    (watched,), (ran,) = of(events, "watch"), of(events, "tool")
    assert (watched["kind"], watched["at"]) == ("meminfo", 0)
    assert ran["begin"] < watched["looked"] < ran["end"]
    assert text_of(job, ran) == b"begin\nend\n"
    assert text_of(job, watched).startswith(b"MEMINFO of ")
    assert [call.split()[:2] for call in phone.called()] == [["dumpsys", "meminfo"]]
    readings = [line.split() for line in (job / "readings.txt").read_text().splitlines()]
    assert len(readings) >= 6
    for cs, source, peak, resident in readings:
        assert source == "process"
        assert ran["begin"] <= int(cs) * 10_000_000 <= ran["end"]
        assert 0 < int(resident) <= int(peak)


WHOLE = "\n".join(
    [
        *("protocol 1", "job job-1", f"nonce {NONCE}", "holder me", "lease_s 60", "max_time_s -", "root /"),
        *("step 0 invocation 0 1 0 20", "program /bin/sh", "arg -c", "arg : >$CALLS", "run", "end", ""),
    ]
)


def refusal(phone: ShellPhone, text: bytes) -> str:
    """Why a job.txt is refused."""
    folder = phone.home / "jobs/job-1"
    folder.mkdir(exist_ok=True)
    (folder / "job.txt").write_bytes(text)
    rc, events = phone.verb("start", folder)
    assert (rc, [event["ev"] for event in events]) == (1, ["end"])
    assert events[0]["code"] == "bad-input"
    assert not (folder / "events.jsonl").exists()
    return str(events[0]["message"])


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("protocol 1", "protocol 2", "line 1 of job.txt: it speaks protocol 2, the agent 1"),
        ("job job-1", "job job-2", "line 2 of job.txt: it is the job job-2"),
        (f"nonce {NONCE}", "nonce a b", "line 3 of job.txt: nonce cannot be a b"),
        ("lease_s 60", "lease_s 1e3", "line 5 of job.txt: lease_s cannot be 1e3"),
        ("holder me\n", "", "job.txt lacks holder"),
        ("root /", "rm -rf /", "line 7 of job.txt: unknown key"),
        ("step 0 invocation 0 1 0 20", "step 0 invocation 0 1 0", "line 8 of job.txt: step needs 6 words"),
        ("program /bin/sh\n", "", "line 11 of job.txt: a step runs no program"),
        ("program", "mask 0x3", "line 9 of job.txt: mask cannot be 0x3 /bin/sh"),
        ("program", "output ../x", "line 9 of job.txt: an output is a plain file name"),
        ("program", "env 1X=5", "line 9 of job.txt: env needs NAME=VALUE"),
        ("program", "set-file /x 1", "line 9 of job.txt: set-file behind a step"),
        ("end\n", "set-file /x 1\nend\n", "line 13 of job.txt: set-file behind a step"),
        ("program", "step 1 soak 0 0 0 5", "line 9 of job.txt: step within a step"),
        ("root /", "root /\nset-pair x\ndo y", "line 10 of job.txt: a set-pair lacks do or undo"),
        ("root /", "root /\nundo y", "line 8 of job.txt: undo without set-pair"),
        ("root /", "root /\nrun", "line 8 of job.txt: run outside of a step"),
        ("root /", "root /\njitter 0.9 -1", "line 8 of job.txt: jitter cannot be -1"),
        ("root /", "root /\nsource-every 0 a /b", "line 8 of job.txt: source-every cannot be 0"),
        ("end\n", "end\nsource a /b\n", "line 14 of job.txt: something stands behind the end"),
    ],
)
def test_a_job_that_is_not_understood_is_refused(phone: ShellPhone, old: str, new: str, why: str) -> None:
    assert old in WHOLE
    assert refusal(phone, WHOLE.replace(old, new, 1).encode()) == why
    assert phone.called() == []


def test_a_job_cut_short_anywhere_is_refused(phone: ShellPhone) -> None:
    for at in (0, 1, 40, len(WHOLE) // 2, WHOLE.index("run\n"), len(WHOLE) - 5, len(WHOLE) - 1):
        assert refusal(phone, WHOLE[:at].encode())
    assert not phone.calls.exists()


@given(st.binary(max_size=60), st.integers(0, len(WHOLE)))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_garbage_in_a_job_is_never_run(phone: ShellPhone, garbage: bytes, at: int) -> None:
    """It is refused, or it is a holder's name, a path or an argument: nothing that the job did not ask for."""
    text = WHOLE.encode()[:at] + b"\n!" + garbage + b"\n" + WHOLE.encode()[at:]
    assert refusal(phone, text)
    assert not phone.calls.exists()


def test_a_job_is_carried_out_as_the_verbs_frames_say(phone: ShellPhone) -> None:
    folder = phone.home / "jobs/job-1"
    folder.mkdir()
    (folder / "job.txt").write_text(WHOLE)
    phone.start(folder)
    done = phone.run("follow", folder)
    assert outcomes(frames(done.stdout, NONCE)) == [("ok", None)]
    assert phone.calls.exists()


def test_what_the_agent_itself_costs(phone: ShellPhone) -> None:
    """The best of five: 150 ms from `start` to the first tool, one second for a job of seven steps around nothing."""
    first, whole = [], []
    for turn in range(5):
        steps = [step("invocation", "mask 1", program="/bin/true", index=index) for index in range(7)]
        job = phone.job(f"job-{turn}", *steps)
        began = clock_ns()
        events = phone.carry_out(job)
        first.append(of(events, "tool")[0]["begin"] - began)
        whole.append(events[-1]["t"] - began)
        assert outcomes(events) == [("ok", None)] * 7
    assert min(first) < 150_000_000
    assert min(whole) < 1_000_000_000


def test_a_burn_and_what_comes_before_do_not_count_against_max_time(phone: ShellPhone) -> None:
    burn = ["step 999 burn 0 0 0 20", "repeat 1.2", "burn 1", "run"]
    events = phone.carry_out(phone.job("job-1", burn, step(program="/bin/true"), max_time_s=1))
    assert outcomes(events) == [("ok", None), ("ok", None)]
