"""Jobs carried out by the real script: their events, processes and ends."""

from __future__ import annotations

from shell_worlds import NONCE, ShellPhone, frames, of, outcomes, step


def test_a_plain_job_has_its_events_in_order(phone: ShellPhone) -> None:
    tool = phone.script("tool", 'echo "count=50 $*"')
    job = phone.job("job-1", step(program=str(tool), arguments=["--num_threads=4"]))
    answer = phone.start(job)
    assert (answer["ev"], answer["job"]) == ("started", "job-1")
    events = phone.finish(job)
    assert [event["ev"] for event in events] == [
        *("hello", "prepared", "step", "phase", "tool", "done", "prepared", "end")
    ]
    (tool_event,) = of(events, "tool")
    assert (tool_event["at"], tool_event["code"], tool_event["signal"]) == (0, 0, None)
    assert tool_event["begin"] <= tool_event["end"]
    text = (job / "outputs.txt").read_bytes()
    assert text[tool_event["offset"] :][: tool_event["bytes"]] == b"count=50 --num_threads=4\n"
    end = events[-1]
    assert (end["code"], end["steps_done"], end["restored"]) == (None, 1, True)
    assert [event["t"] for event in events] == sorted(event["t"] for event in events)


def test_a_tool_that_is_not_there_and_one_that_fails(phone: ShellPhone) -> None:
    bad = phone.script("bad", 'echo "first"; echo "ERROR: no such model" >&2; exit 3')
    steps = [step(program="/nonexistent"), step(program=str(bad), index=1), step(program=str(bad), index=2)]
    (phone.folder / "plain").write_text("not a program")
    steps.append(step(program=str(phone.folder / "plain"), index=3))
    events = phone.carry_out(phone.job("job-1", *steps))
    assert [code for _, code in outcomes(events)] == ["tool-missing", "crashed", "crashed", "permission"]
    assert of(events, "done")[1]["message"] == "ended with status 3: ERROR: no such model"
    assert events[-1]["steps_done"] == 0


def test_status_knows_a_finished_job_and_discard_removes_it(phone: ShellPhone) -> None:
    job = phone.job("job-1", step(program="/bin/true"))
    status = phone.verb("status", "--home", phone.home)[1]
    assert (of(status, "job")[0]["state"], of(status, "job")[0]["nonce"]) == ("new", NONCE)
    phone.carry_out(job)
    told = of(phone.verb("status", "--home", phone.home)[1], "job")[0]
    assert (told["state"], told["holder"], told["nonce"]) == ("finished", "tester", NONCE)
    assert told["bytes"] == (job / "events.jsonl").stat().st_size
    assert phone.verb("start", job)[1][0]["again"] is True
    rc, events = phone.verb("discard", job)
    assert (rc, events[0]["ev"], job.exists()) == (0, "discarded", False)
    assert of(phone.verb("status", "--home", phone.home)[1], "job") == []


def test_a_flipped_byte_is_found(phone: ShellPhone) -> None:
    job = phone.job("job-1", step(program="/bin/true"))
    phone.carry_out(job)
    data = (job / "events.jsonl").read_bytes()
    assert frames(data, NONCE)
    from edgebench.agent.protocol import FrameReader

    at = data.index(b'"pass":"invocation"') + 12
    reader = FrameReader(NONCE)
    reader.feed(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
    assert reader.damaged == 1
