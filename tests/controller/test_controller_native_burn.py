"""The whole way of a gauge: the plan's lines, the real sh agent's sampler and burn on a simulated phone, its watts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from phone_bench import SimulatedShell

from edgebench.agent.protocol import FrameReader
from edgebench.controller.native.facts import phone_facts
from edgebench.controller.native.prepare import prepare_phone
from edgebench.controller.native.readings import PhoneReadings, read_phone
from edgebench.controller.native.sources import burn_step, plan_sources
from edgebench.controller.shell_bundle import build_shell_agent
from edgebench.mock.phone.faults import Fault
from edgebench.mock.phone.phone import Phone
from edgebench.profiles import load_profile

BURN_S = 12
SPEED = 4.0


def burned(folder: Path, form: str, *faults: str) -> tuple[PhoneReadings, list[dict[str, Any]]]:
    """What the record of a job that only burns says of the gauge, and the job's events."""
    with Phone(folder, form, faults=[Fault(name) for name in faults], seed=3, speed=SPEED) as phone:
        shell = SimulatedShell(phone)
        home = phone.root / "data/local/tmp/edgebench"
        job = home / "jobs" / "1"
        job.mkdir(parents=True)
        (home / "agents").mkdir()
        agent = home / "agents" / "agent.sh"
        agent.write_bytes(build_shell_agent().data)
        facts = phone_facts(shell, str(home), str(phone.root))  # type: ignore[arg-type]
        facts["battery"]["plugged"] = []  # the record itself has to tell a charger
        profile = load_profile(form)
        plan = plan_sources(facts, profile, root=str(phone.root))
        assert plan.needs_burn
        prepared = [f"{key} {value}" for key, value in prepare_phone(facts, profile).lines]
        head = ["protocol 1", "job 1", "nonce abc", "holder test", "lease_s 120", "max_time_s -", f"root {phone.root}"]
        (job / "job.txt").write_text(
            "\n".join([*head, *prepared, *plan.lines, *burn_step(0, facts, BURN_S), "end"]) + "\n"
        )
        (job / "job.json").write_text("{}")
        started = shell.exec(["sh", str(agent), "start", str(job), "--nonce", "n1"])
        assert b'"started"' in started.stdout, started
        shell.exec(["sh", str(agent), "follow", str(job), "--offset", "0"], timeout_s=90.0)
        events = FrameReader("abc").feed((job / "events.jsonl").read_bytes())
        lines = (job / "readings.txt").read_text().splitlines()
    return read_phone(lines, plan.layout, events), events


@pytest.mark.heavy
def test_a_gauge_is_understood_through_the_real_agent(tmp_path: Path) -> None:
    found, events = burned(tmp_path, "oneplus-7t")
    assert [event["outcome"] for event in events if event["ev"] == "done"] == ["ok"]
    assert found.gauge is not None
    assert found.gauge.why is None
    assert (found.gauge.scale_a, found.gauge.sign, found.gauge.surprise) == (1e-3, -1, None)
    assert found.gauge.idle_w == pytest.approx(0.9, rel=0.1)  # what the simulated phone idles at
    assert found.gauge.update_hz == pytest.approx(1.0, rel=0.15)
    sources = {event["name"]: event["state"] for event in found.events if event["ev"] == "source"}
    assert sources == dict.fromkeys(("power:fuel-gauge", "thermal", "cpufreq", "throttle", "load"), "ok")
    assert not [event for event in found.events if event["ev"] == "warning"]


@pytest.mark.heavy
@pytest.mark.parametrize(
    ("fault", "scale_a", "sign"), [("inverted-sign", 1e-3, 1), ("swapped-unit", 1e-6, -1)], ids=["sign", "unit"]
)
def test_what_the_profile_believes_does_not_matter(tmp_path: Path, fault: str, scale_a: float, sign: int) -> None:
    gauge = burned(tmp_path, "oneplus-7t", fault)[0].gauge
    assert gauge is not None
    assert (gauge.state, gauge.scale_a, gauge.sign) == ("ok", scale_a, sign)
    assert "the profile believed" in str(gauge.surprise)
    assert gauge.idle_w == pytest.approx(0.9, rel=0.1)


@pytest.mark.heavy
@pytest.mark.parametrize(("fault", "word"), [("dead-gauge", "dead"), ("charging", "plugged in")])
def test_what_is_no_power_is_none(tmp_path: Path, fault: str, word: str) -> None:
    found, _ = burned(tmp_path, "oneplus-7t", fault)
    power = next(event for event in found.events if event["ev"] == "source")
    assert power["state"] == "unavailable"
    assert word in power["why"]
