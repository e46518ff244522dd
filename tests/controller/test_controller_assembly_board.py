"""What a board's own sensors tell of a run's conditions, from a device's events against known truth."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from job_factory import MS, JobWriter, S, make_context

from edgebench.controller.assembly import assemble
from edgebench.controller.assembly.board import timed_windows
from edgebench.controller.assembly.grade import BY_CODE
from edgebench.controller.assembly.moments import find_moments
from edgebench.controller.planning import resolve_settings
from edgebench.controller.spec import VariantAsk
from edgebench.records import Run

BEGIN, END = 10 * S, 20 * S


def job_of_a_pass() -> JobWriter:
    """One invocation of 10 s, from 10 s to 20 s of the device's clock."""
    job = JobWriter()
    job.step("invocation", [10 * MS] * 1000, begin=BEGIN)
    return job


def assembled(job: JobWriter, tmp_path: Path, **changes: Any) -> Run:
    return assemble(make_context(**{"settings": resolve_settings()} | changes), job.finished(tmp_path))[0]


def reasons(run: Run) -> dict[str, str]:
    return {reason.code: reason.text for reason in run.grade.reasons}


def sensor(name: str, t: list[int], **columns: list[int]) -> JobWriter:
    job = job_of_a_pass()
    job.series({"name": name, "kind": "instantaneous"}, t, **columns)
    return job


SECONDS = [S * at for at in (5, 12, 14, 16, 18, 25)]


def test_the_timed_windows_are_those_of_the_inferences() -> None:
    assert timed_windows(job_of_a_pass().sorted()) == [(BEGIN, END)]


@pytest.mark.parametrize(
    ("states", "expected"), [([0, 0, 1, 0, 0, 0], True), ([0, 0, 0, 0, 0, 1], False), ([1, 0, 0, 0, 0, 0], True)]
)
def test_a_cooling_device_counts_while_something_is_timed(tmp_path: Path, states: list[int], expected: bool) -> None:
    # the last reading of a state holds until the next one
    times = [S * at for at in (5, 12, 14, 16, 22, 25)]
    run = assembled(sensor("throttle", times, **{"cpu-throttle-alert": states}), tmp_path)
    assert (reasons(run).get("throttled") is not None) is expected
    assert run.environment.throttle == (["throttle cpu-throttle-alert"] if expected else [])


def test_over_current_is_counted_in_the_window_and_leaves_a_b(tmp_path: Path) -> None:
    # 500 events while an engine was built, 40 in readings around the pass, 1000 after it
    times = [S * at for at in (2, 6, 12, 16, 22, 28)]
    run = assembled(sensor("overcurrent", times, oc3=[0, 500, 510, 530, 540, 1540]), tmp_path)
    assert run.environment.over_current == {"oc3": 40}
    assert reasons(run)["over-current"] == "over-current: oc3 40 times"
    assert "throttled" not in reasons(run)
    assert BY_CODE["over-current"].best == "B"


def test_counters_that_start_again_count_no_less_than_nothing(tmp_path: Path) -> None:
    run = assembled(sensor("overcurrent", SECONDS, oc3=[900, 900, 0, 5, 5, 5]), tmp_path)
    assert run.environment.over_current == {"oc3": 5}


def test_a_power_alarm_is_over_current(tmp_path: Path) -> None:
    run = assembled(sensor("rail-alarms", SECONDS, **{"VDD_IN.crit": [0, 0, 1, 0, 0, 0]}), tmp_path)
    assert reasons(run)["over-current"] == "over-current: alarm of VDD_IN.crit"
    assert run.power.why == "no power source was announced"  # the alarms are none


def test_a_sagging_supply_is_a_brown_out_with_its_limit(tmp_path: Path) -> None:
    run = assembled(sensor("supply", SECONDS, POM_5V_IN=[5160, 5100, 4504, 5000, 5080, 5120]), tmp_path)
    assert reasons(run)["brown-out"] == "POM_5V_IN fell to 4.50 V (limit 4.75 V)"
    assert run.environment.supply_v == {"POM_5V_IN": [5.16, 4.504, 5.16, 5.12]}


def test_a_supply_of_another_voltage_may_sag_by_a_tenth(tmp_path: Path) -> None:
    run = assembled(sensor("supply", SECONDS, VIN=[19600, 19000, 17800, 19000, 19600, 19600]), tmp_path)
    assert "brown-out" not in reasons(run)
    run = assembled(sensor("supply", SECONDS, VIN=[19600, 19000, 16800, 19000, 19600, 19600]), tmp_path)
    assert "VIN fell to 16.80 V" in reasons(run)["brown-out"]


def test_under_voltage_events_are_a_brown_out(tmp_path: Path) -> None:
    run = assembled(sensor("overcurrent", SECONDS, oc1=[0, 0, 1, 1, 1, 1], oc3=[0] * 6), tmp_path)
    assert reasons(run)["brown-out"] == "the board's under-voltage event"
    assert "over-current" not in reasons(run)


def test_a_pis_firmware_tells_new_conditions_only(tmp_path: Path) -> None:
    old = {"under-voltage": [0] * 6, "throttled": [0] * 6, "under-voltage.since": [1] * 6, "throttled.since": [1] * 6}
    run = assembled(sensor("throttle-rpi", SECONDS, **old), tmp_path)
    assert {"brown-out", "throttled"} & reasons(run).keys() == set()
    new = old | {"under-voltage.since": [0, 0, 0, 1, 1, 1], "throttled": [0, 0, 1, 0, 0, 0]}
    run = assembled(sensor("throttle-rpi", SECONDS, **new), tmp_path)
    assert reasons(run)["brown-out"] == "the firmware's under-voltage warning"
    assert reasons(run)["throttled"] == "throttled: throttle throttled"


def gpu(khz: list[int], least: int) -> JobWriter:
    columns = {"load.permille": [990] * 6, "kHz": khz, "max.kHz": [921600] * 6, "min.kHz": [least] * 6}
    return sensor("gpu", SECONDS, **columns)


def test_a_locked_clock_that_was_not_kept(tmp_path: Path) -> None:
    run = assembled(gpu([76800, 614400, 614400, 614400, 921600, 76800], 921600), tmp_path)
    assert reasons(run)["clock-short"] == "GPU at 614 of 922 MHz"
    assert run.environment.frequencies_mhz["gpu"] == [76.8, 76.8, 921.6, 76.8]
    assert "clock-short" not in reasons(assembled(gpu([76800] + [921600] * 4 + [76800], 921600), tmp_path))
    assert "clock-short" not in reasons(assembled(gpu([76800] + [614400] * 4 + [76800], 76800), tmp_path))


def test_a_busy_gpu_below_its_clock_is_told_where_nobody_locked_it(tmp_path: Path) -> None:
    def warned(khz: int, least: int = 76800) -> list[str]:
        run = assembled(gpu([khz] * 6, least), tmp_path)
        return [warn.text for warn in run.warnings if warn.code == "clock-below"]

    assert warned(614400) == ["GPU at 614 of 922 MHz, though busy 99 % of the time"]
    assert warned(921600) == []
    assert warned(614400, least=921600) == []  # locked: a reason of the grade instead


def test_a_boards_processors_are_held_to_their_governor(tmp_path: Path) -> None:
    columns = {"policy0": [1428000] * 6, "policy0.max": [1479000] * 6}
    slow = {"policy0": [921600] * 6, "policy0.max": [1479000] * 6}
    for facts, series, expected in (
        ({"board": {"l4t": "32.7.4"}}, columns, None),
        ({"board": {"l4t": "32.7.4"}}, slow, "policy0 at 922 of 1479 MHz"),
        ({"power_mode": {"id": 0, "name": "MAXN"}}, slow, "policy0 at 922 of 1479 MHz"),
        ({}, slow, None),  # a PC reaches its greatest clock now and then
    ):
        job = sensor("cpufreq", SECONDS, **series)
        job.emit("facts", facts=facts)
        assert reasons(assembled(job, tmp_path)).get("clock-short") == expected


def test_a_gpu_clock_drop_in_a_pass_is_a_moment_and_rest_between_passes_is_none() -> None:
    moments = find_moments(gpu([76800, 921600, 460800, 921600, 921600, 76800], 76800).sorted())
    assert moments == [(12 * S, 14 * S, "GPU clock drop")]
    job = sensor(
        "tegrastats", SECONDS, **{"GR3D.kHz": [921600] * 6, "EMC.kHz": [5, 1600000, 1600000, 204000, 1600000, 5]}
    )
    assert find_moments(job.sorted()) == [(14 * S, 16 * S, "memory clock drop")]


def test_swap_that_grew_is_told_with_zram(tmp_path: Path) -> None:
    swap = {
        "MemAvailable": [900_000] * 6,
        "SwapFree": [2_000_000, 2_000_000, 1_960_000, 1_960_000, 1_970_000, 1_970_000],
    }
    job = sensor("meminfo", SECONDS, **swap)
    assert (12 * S, 14 * S, "swapping") in find_moments(job.sorted())
    run = assembled(job, tmp_path)
    assert reasons(run)["swapping"] == "swap grew by 39 MiB"
    assert run.environment.swap_mib == pytest.approx(40_000 / 1024)
    job = sensor("meminfo", SECONDS, **swap)
    job.series({"name": "zram"}, SECONDS, held=[1] * 6, taken=[1] * 6)
    assert "zram" in reasons(assembled(job, tmp_path))["swapping"]
    swap["SwapFree"] = [2_000_000] * 5 + [1_990_000]
    assert "swapping" not in reasons(assembled(sensor("meminfo", SECONDS, **swap), tmp_path))


def test_what_an_engines_builder_did_to_swap_and_supply_costs_no_run_its_grade(tmp_path: Path) -> None:
    """The pass is timed from 10 s to 20 s; what was before it is in the record all the same."""
    times = [S * at for at in (2, 6, 9, 14, 18, 22)]
    for free, expected in (
        ([2_000_000, 1_800_000, 1_800_000, 1_800_000, 1_799_000, 1_700_000], None),
        ([2_000_000, 2_000_000, 2_000_000, 1_980_000, 1_960_000, 1_700_000], "swap grew by 39 MiB"),
    ):
        job = job_of_a_pass()
        job.series({"name": "meminfo"}, times, MemAvailable=[900_000] * 6, SwapFree=free)
        job.series({"name": "supply"}, times, POM_5V_IN=[5160, 4504, 5100, 5100, 5080, 4500])
        run = assembled(job, tmp_path)
        assert reasons(run).get("swapping") == expected
        assert "brown-out" not in reasons(run)
        assert run.environment.swap_mib == pytest.approx((2_000_000 - 1_700_000) / 1024)
        assert run.environment.supply_v["POM_5V_IN"][1] == pytest.approx(4.5)


def test_a_machine_without_these_sensors_has_none_of_these_reasons(tmp_path: Path) -> None:
    run = assembled(job_of_a_pass(), tmp_path)
    assert {"brown-out", "over-current", "swapping", "clock-short", "throttled"} & reasons(run).keys() == set()
    assert (run.environment.supply_v, run.environment.over_current, run.environment.swap_mib) == ({}, {}, None)


def with_memory(tmp_path: Path, peak: dict[str, int], system: dict[str, int] | None = None, on: str = "cuda") -> Run:
    """A memory pass that ended with these figures (KiB)."""
    job = job_of_a_pass()
    stages = {"imported": {"VmRSS": 50 * 1024}, "peak": {"VmHWM": 90 * 1024, **peak}}
    stages["system"] = {"before": 9000 * 1024, "min": 8900 * 1024, **(system or {})}
    job.step("memory", extra=[{"ev": "memory", "stage": name, "kib": kib} for name, kib in stages.items()])
    return assembled(job, tmp_path, ask=VariantAsk(threads=1, accelerator=on))


@pytest.mark.parametrize(
    ("peak", "system", "value", "statistic"),
    [
        ({"nvmap": 204800, "NVML": 1}, {}, 200.0, "nvmap: of the process"),
        ({"NVML": 102400, "DeviceTaken": 1}, {"NvMapMemUsed.before": 0, "NvMapMemUsed.max": 1}, 100.0, "NVML: of"),
        ({}, {"NvMapMemUsed.before": 1024, "NvMapMemUsed.max": 11264}, 10.0, "growth of NvMapMemUsed: of all"),
        ({"DeviceTaken": 5120, "EngineDevice": 64}, {}, 5.0, "free GPU memory that was gone"),
    ],
)
def test_the_gpus_memory_under_the_name_of_who_told_it(
    tmp_path: Path, peak: dict[str, int], system: dict[str, int], value: float, statistic: str
) -> None:
    metric = with_memory(tmp_path, peak, system).metrics["memory_gpu"]
    assert metric.value == pytest.approx(value)
    assert statistic in (metric.statistic or "")


def test_the_gpus_memory_unknown_is_no_zero(tmp_path: Path) -> None:
    metric = with_memory(tmp_path, {}).metrics["memory_gpu"]
    assert (metric.state, metric.value) == ("unavailable", None)
    assert "root" in (metric.why or "")
    assert "memory_gpu" not in with_memory(tmp_path, {}, on="cpu").metrics


def test_a_process_in_swap_has_no_peak_and_a_system_in_swap_no_dip(tmp_path: Path) -> None:
    run = with_memory(tmp_path, {"Swap": 64 * 1024})
    assert run.metrics["memory_peak"].state == "unavailable"
    assert "64 MiB went to swap" in (run.metrics["memory_delta"].why or "")
    assert run.metrics["memory_system"].value == pytest.approx(100)
    run = with_memory(tmp_path, {}, {"SwapUsed.before": 0, "SwapUsed.max": 32 * 1024})
    assert run.metrics["memory_system"].state == "unavailable"
    assert run.metrics["memory_peak"].value == pytest.approx(90)
