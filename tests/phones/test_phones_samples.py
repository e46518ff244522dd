"""Every captured output of a real phone, replayed: the figures were read off the files by eye."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebench.phones.battery import Battery, parse_battery_dump, parse_power_supply
from edgebench.phones.memory import parse_meminfo
from edgebench.phones.properties import parse_properties
from edgebench.phones.rails import (
    Rail,
    choose_total,
    parse_enabled_rails,
    parse_energy_meter,
    parse_energy_time,
    parse_energy_value,
)
from edgebench.phones.thermal import parse_thermal

DATA = Path(__file__).parent / "data"


def sample(name: str) -> str:
    return (DATA / name).read_text()


BATTERIES = {
    "dumpsys_battery_aosp.txt": Battery(level=9, plugged=("AC",), status="charging", voltage_uv=4_248_000),
    "dumpsys_battery_samsung.txt": Battery(
        level=100, plugged=("USB",), status="full", current=0, voltage_uv=4_312_000, temperature_c=30.9
    ),
    # 13 is no voltage of a battery in mV, and 26 then no trustworthy temperature either
    "dumpsys_battery_tvbox_odd_units.txt": Battery(level=90, plugged=(), status="not charging"),
}

SUPPLIES = {
    "power_supply_uevent_pixel8.txt": Battery(
        level=99, status="not charging", current=-268750, voltage_uv=4_290_625, temperature_c=36.8
    ),
    "power_supply_pixel3a_usb_not_charging.txt": Battery(
        level=44, status="not charging", current=976, voltage_uv=3_815_175, temperature_c=31.3
    ),
    "power_supply_mi8_charging_negative.txt": Battery(
        level=50, status="charging", current=-326171, voltage_uv=3_888_173, temperature_c=29.0
    ),
}


@pytest.mark.parametrize("name", BATTERIES)
def test_battery_service(name: str) -> None:
    assert parse_battery_dump(sample(name)) == BATTERIES[name]


@pytest.mark.parametrize("name", SUPPLIES)
def test_power_supply(name: str) -> None:
    assert parse_power_supply(sample(name)) == SUPPLIES[name]


def test_a_frozen_battery_state_is_seen() -> None:
    frozen = "Current Battery Service state:\n  (UPDATES STOPPED -- use 'reset' to restart)\n  AC powered: false\n"
    assert parse_battery_dump(frozen).faked
    assert not parse_battery_dump(sample("dumpsys_battery_aosp.txt")).faked


def test_live_temperatures_of_a_pixel_6_without_its_milliamperes() -> None:
    state = parse_thermal(sample("thermalservice_pixel6.txt"))
    assert state.status == 0
    assert state.why is None
    assert [(one.name, one.kind) for one in state.temperatures] == [
        ("TPU", "npu"),
        ("G3D", "gpu"),
        ("BIG", "cpu"),
        ("LITTLE", "cpu"),
        ("USB2-MINUS-USB", "other"),
        ("MID", "cpu"),
        ("VIRTUAL-SKIN", "skin"),
        ("VIRTUAL-SKIN-CHARGE", "other"),
        ("battery", "battery"),
    ]
    # BIG was 61 in the cached block and soft_ocp_gpu says 8900: neither is a temperature of now
    assert max(one.celsius for one in state.temperatures) == 27.000002
    assert state.hottest("skin") == 24.83324


def test_cached_and_live_differ_on_a_pixel_3a() -> None:
    state = parse_thermal(sample("thermalservice_qcom_pixel3a.txt"))
    assert {one.name: one.celsius for one in state.temperatures}["cpu0-silver-usr"] == 33.800003
    assert (state.hottest("cpu"), state.hottest("skin"), state.hottest("battery")) == (44.1, 30.147001, 28.000002)
    assert state.cooling == (
        ("battery", 0),
        ("thermal-cpufreq-0", 0),
        ("thermal-cpufreq-6", 0),
        ("thermal-devfreq-0", 0),
    )


def test_samsungs_shifted_ids_are_known_by_name() -> None:
    state = parse_thermal(sample("thermalservice_samsung_sdhms.txt"))
    assert (state.hottest("skin"), state.hottest("battery"), state.hottest("cpu")) == (25.3, 24.4, 24.0)
    assert state.hottest("usb") == 24.2
    assert state.hottest("amplifier") is None
    assert state.cooling[-1] == ("TYPE_MODEM", 1)


def test_a_dump_cut_before_its_live_block_has_a_status_and_no_temperature() -> None:
    state = parse_thermal(sample("thermalservice_samsung_aidl_status1_head.txt"))
    assert state.status == 1
    assert not state.temperatures
    assert state.why == "dumpsys thermalservice told no current temperature"


def test_a_hal_that_is_not_ready_has_no_temperatures() -> None:
    text = sample("thermalservice_pixel6.txt").replace("HAL Ready: true", "HAL Ready: false")
    assert parse_thermal(text).why == "the thermal HAL is not ready"
    assert not parse_thermal(text).temperatures


def test_meminfo_by_column_name() -> None:
    game = parse_meminfo(sample("meminfo_game_gl_mtrack.txt"))
    assert game.pid == 23844
    assert game.graphics_kib == 207_372
    assert game.rows["Native Heap"] == {
        "Pss Total": 383073,
        "Private Dirty": 382944,
        "Private Clean": 0,
        "SwapPss Dirty": 62,
        "Heap Size": 436736,
        "Heap Alloc": 404535,
        "Heap Free": 32200,
    }
    assert game.pss("TOTAL") == 706_328
    assert game.rows[".so mmap"]["Private Clean"] == 4140
    assert game.summary["Graphics"] == {"Pss(KB)": 207_372}


def test_meminfo_with_the_rss_column() -> None:
    found = parse_meminfo(sample("meminfo_app_summary_api34.txt"))
    assert found.summary["Java Heap"] == {"Pss(KB)": 28048, "Rss(KB)": 59716}
    assert found.summary["Unknown"] == {"Rss(KB)": 10000}  # its Pss is blank
    assert found.summary["Graphics"] == {"Pss(KB)": 0, "Rss(KB)": 0}
    assert found.graphics_kib is None  # memtrack does not tell: 0 is no answer


def test_full_table_with_rss_and_both_tracks() -> None:
    text = """** MEMINFO in pid 77 [x] **
                   Pss  Private  Private  SwapPss      Rss     Heap     Heap     Heap
                 Total    Dirty    Clean    Dirty    Total     Size    Alloc     Free
                ------   ------   ------   ------   ------   ------   ------   ------
    EGL mtrack    1000     1000        0        0     1000
     GL mtrack    2000     2000        0        0     2000
         TOTAL    9000     8000        0        0    12000      100       60       40
"""
    found = parse_meminfo(text)
    assert found.graphics_kib == 3000
    assert found.rows["TOTAL"]["Rss Total"] == 12000
    assert found.rows["TOTAL"]["Heap Free"] == 40


def test_odpm_files() -> None:
    first = parse_energy_value(sample("odpm_energy_value_pixel6_dev0.txt"))
    second = parse_energy_value(sample("odpm_energy_value_pixel6_dev1.txt"))
    assert len(first) == len(second) == 8
    assert not first.keys() & second.keys()
    assert first["S4M_VDD_CPUCL0"] == 46_356_942
    assert second["VSYS_PWR_WLAN_BT"] == 192_612_469_095
    rails = parse_enabled_rails(sample("odpm_enabled_rails_pixel6.txt"))
    assert rails[0] == Rail("S10M_VDD_TPU", "Tensor")
    assert {rail.name for rail in rails} == first.keys()
    wanted = ["subsystem:^CPU", "subsystem:^(TPU|Tensor)$", "S1M_VDD_MIF"]
    assert choose_total(rails, wanted) == [
        "S10M_VDD_TPU",
        "S2M_VDD_CPUCL2",
        "S3M_VDD_CPUCL1",
        "S4M_VDD_CPUCL0",
        "S1M_VDD_MIF",
    ]


def test_when_the_counters_were_latched() -> None:
    assert parse_energy_time(sample("odpm_energy_value_pixel6_dev0.txt")) == 349_894
    for text in ("", "CH0(T=5)[VSYS], 123", "t=", "t=-5", "t=12x\nCH0(T=5)[VSYS], 1", "t=" + "9" * 40):
        assert parse_energy_time(text) is None


def test_rails_switched_to_other_channels_keep_their_names() -> None:
    lines = sample("odpm_energy_value_pixel6_dev0.txt").splitlines()
    moved = [lines[0], *(line.replace(f"CH{at}", f"CH{7 - at}") for at, line in enumerate(reversed(lines[1:])))]
    assert parse_energy_value("\n".join(moved)) == parse_energy_value("\n".join(lines))


def test_energy_meter_of_the_hal() -> None:
    meter = parse_energy_meter(sample("powerstats_hal2_SYNTHETIC.txt"))
    assert meter[Rail("S2M_VDD_CPUCL2", "CPU")] == 30_203_500
    assert len(meter) == 5
    assert meter[Rail("S1M_VDD_MIF", "Memory")] == 21_091_360


def test_energy_consumers_are_not_rails() -> None:
    text = (
        "\n============= PowerStats HAL 2.0 energy consumers ==============\n"
        "  [TPU]:TPU   1.00 mWs\n"
        "========== End of PowerStats HAL 2.0 energy consumers ==========\n"
        "\n============= PowerStats HAL 2.0 energy meter ==============\n"
        "                           Channel    Cumulative Energy\n"
        "                 [VDD_TPU]:TPU          5.25 mWs\n"
        "========== End of PowerStats HAL 2.0 energy meter ==========\n"
        "  [LATE]:X   7.00 mWs\n"
    )
    assert parse_energy_meter(text) == {Rail("VDD_TPU", "TPU"): 5250}


def test_properties() -> None:
    assert parse_properties(sample("getprop_edge_cases.txt")) == {
        "ro.product.model": "Pixel 8",
        "ro.build.version.sdk": "35",
        "persist.demo.empty": "",
        "persist.demo.bracket": "value with ] bracket",
    }
    car = parse_properties(sample("getprop_msmnile_excerpt.txt"))
    assert len(car) == 12
    assert car["ro.board.platform"] == "msmnile"
    assert car["ro.boot.bootreason"] == "reboot,shell"


def test_a_property_over_several_lines() -> None:
    text = "[a]: [one\r\ntwo ]: [x\nthree]\r\n[b]: [4]\r\nnoise\n[c]: [never closed\n"
    assert parse_properties(text) == {"a": "one\ntwo ]: [x\nthree", "b": "4"}
