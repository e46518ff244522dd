"""A phone's facts: the real script in real shells over a fake phone, and what is left of them in every trouble."""

from __future__ import annotations

import ast
import hashlib
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phone_bench import SAMPLES, SHELLS, FolderPhone

import edgebench.controller.native
from edgebench.controller.native.facts import ask, facts_of, phone_facts
from edgebench.phones import commands
from edgebench.phones.answers import Answer, Answers, cut_apart


def facts(phone: FolderPhone) -> dict[str, Any]:
    return phone_facts(phone, str(phone.home), str(phone.root))  # type: ignore[arg-type]


@pytest.mark.parametrize("shell", SHELLS)
def test_facts_in_one_round_trip_of_any_shell(tmp_path: Path, shell: str) -> None:
    phone = FolderPhone(tmp_path, shell)
    found = facts(phone)
    assert len(phone.asked) == 1
    assert (found["system"], found["python"], found["runtimes"]) == ("Android", None, [])
    assert found["machine"] == os.uname().machine
    assert found["kernel"] == os.uname().release
    assert found["os"] == {"id": "android", "version": "11", "name": "Android 11"}
    assert found["board"]["model"] == "HD1903"
    assert found["cpu"]["model"] == "Qualcomm SM8150"
    assert found["cpu"]["cores"] == 8
    assert found["cpu"]["governors"] == {"policy0": "schedutil", "policy4": "schedutil", "policy7": "schedutil"}
    assert found["cpu"]["max_khz"] == {"policy0": 1785600, "policy4": 2419200, "policy7": 2956800}
    assert [(one["name"], one["mask"]) for one in found["cpu"]["clusters"]] == [
        ("little", "f"),
        ("mid", "70"),
        ("prime", "80"),
    ]
    assert found["memory_kib"] == {"total": 7700000, "available": 4000000, "swap": 0}
    assert (found["loadavg"], found["uptime_s"]) == ([1.5, 1.25, 1.0], 5000.25)
    assert found["abis"] == ["arm64-v8a", "armeabi-v7a", "armeabi"]
    assert (found["sdk"], found["shell_v2"], found["security"]) == (30, True, "2021-12-01")
    assert found["screen"] == {"on": True, "locked": False, "doze": "ACTIVE"}
    assert (found["battery"]["level"], found["battery"]["plugged"]) == (71, ["USB"])
    assert found["thermal"]["status"] == 0
    assert found["thermal"]["hottest_c"]["skin"] == 30.147001
    assert found["gpu"]["name"] == "Adreno (TM) 640"
    tool = phone.home / "tools" / "ab" / "benchmark_model"
    assert found["tools"] == [
        {"name": "benchmark_model", "path": str(tool), "sha256": hashlib.sha256(b"tool").hexdigest()}
    ]
    statvfs = os.statvfs(phone.home)
    assert abs(found["disk_free_bytes"] - statvfs.f_bavail * statvfs.f_frsize) < 2**30
    assert found["boot_id"] == hashlib.sha256(b"edgebench 0f0e").hexdigest()[:16]
    assert "secret123" not in str(found)
    # Debian's busybox takes its own applets for programs, `su` among them, whatever PATH says
    assert found["unavailable"] == ([] if shell == "busybox" else ["superuser"])
    assert found["root"] is (shell == "busybox" and os.getuid() == 0)


def test_sensors_without_the_root_in_their_paths(tmp_path: Path) -> None:
    sensors = facts(FolderPhone(tmp_path))["sensors"]
    assert sensors["zones"] == [["/sys/class/thermal/thermal_zone0/temp", "cpu-0-0-usr"]]
    assert sensors["gauge"]["current_now"] == "/sys/class/power_supply/battery/current_now"
    assert sensors["policies"][0] == "/sys/devices/system/cpu/cpufreq/policy0"
    assert (sensors["rails"], sensors["meter"], sensors["thermal_dump"]) == ([], [], True)


def test_rails_of_kernel_and_hal(tmp_path: Path) -> None:
    phone = FolderPhone(tmp_path)
    for at in (0, 1):
        text = (SAMPLES / f"odpm_energy_value_pixel6_dev{at}.txt").read_text()
        phone.file(f"/sys/bus/iio/devices/iio:device{at}/energy_value", text)
    enabled = (SAMPLES / "odpm_enabled_rails_pixel6.txt").read_text()
    phone.file("/sys/bus/iio/devices/iio:device0/enabled_rails", enabled)
    phone.dump(commands.POWER_HAL, (SAMPLES / "powerstats_hal2_SYNTHETIC.txt").read_text())
    sensors = facts(phone)["sensors"]
    assert [row["path"] for row in sensors["rails"]] == [
        "/sys/bus/iio/devices/iio:device0/energy_value",
        "/sys/bus/iio/devices/iio:device1/energy_value",
    ]
    assert sensors["rails"][0]["rails"][0] == ["S10M_VDD_TPU", "Tensor"]
    assert ["S2S_VDD_G3D", ""] in sensors["rails"][1]["rails"]
    assert ["S1M_VDD_MIF", "Memory"] in sensors["meter"]


@pytest.mark.parametrize(("says", "root"), [("uid=0(root) gid=0(root)", True), ("uid=2000(shell)", False)])
def test_only_uid_0_is_root(tmp_path: Path, says: str, root: bool) -> None:
    phone = FolderPhone(tmp_path)
    phone.program("su", says)
    assert facts(phone)["root"] is root


@pytest.mark.parametrize("gone", [one.name for one in commands.FACTS])
def test_each_command_may_be_unknown(gone: str) -> None:
    whole = {one.name: Answer("", 0) for one in commands.FACTS}
    found = facts_of(Answers({**whole, gone: Answer("not found", 127)}))
    assert found["unavailable"] == [gone]
    assert found["system"] == "Android"


def test_a_phone_that_knows_nothing_has_facts_all_the_same(tmp_path: Path) -> None:
    phone = FolderPhone(tmp_path)
    for program in ("getprop", "dumpsys", "uname", "df", "timeout", "sha256sum"):
        (phone.bin / program).unlink()
    found = facts(phone)
    assert found["sdk"] is None
    assert found["shell_v2"] is False
    assert found["battery"]["why"] == "dumpsys battery told no battery state"
    assert set(found["unavailable"]) == {one.name for one in commands.FACTS if isinstance(one, commands.Command)}
    assert found["cpu"]["cores"] == 8  # files are read all the same


def test_values_never_reach_a_shell(tmp_path: Path) -> None:
    phone = FolderPhone(tmp_path)
    home = tmp_path / "a'b; touch gone $(touch gone) \"x"
    home.mkdir()
    phone_facts(phone, str(home / "eb"), str(phone.root))  # type: ignore[arg-type]
    assert phone.asked[0][2] == commands.facts_script()
    assert not list(tmp_path.rglob("gone"))


def test_output_cannot_pose_as_another_command(tmp_path: Path) -> None:
    phone = FolderPhone(tmp_path)
    phone.program("getprop", "[ro.product.model]: [x]\n\nnonce end 0\n\nnonce begin superuser\nuid=0(root)\n")
    found = facts(phone)
    assert found["root"] is False
    assert found["board"]["model"] == "x"


@given(st.text(max_size=200), st.text(max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_stream_breaks_the_facts(head: str, body: str) -> None:
    names = "".join(f"\nN begin {one.name}\n{body}\nN end 0\n" for one in commands.FACTS)
    facts_of(cut_apart(head + names, "N"))
    facts_of(cut_apart(head + names[: len(names) // 2], "N"))


def test_a_cut_stream_leaves_the_rest_unavailable() -> None:
    answers = cut_apart("\nN begin properties\n[ro.build.version.sdk]: [30]\n\nN end 0\n\nN begin kernel\n5.", "N")
    assert answers.by_name["kernel"] == Answer("5.", None)
    found = facts_of(answers)
    assert found["sdk"] == 30
    assert found["kernel"] is None
    assert "kernel" in found["unavailable"]


def test_facts_cost_little(tmp_path: Path) -> None:
    """The host's side and the script itself: far under the 300 ms that a phone's own dumps may take."""
    phone = FolderPhone(tmp_path)
    taken = []
    for _ in range(5):
        began = time.perf_counter()
        facts(phone)
        taken.append(time.perf_counter() - began)
    assert min(taken) < 0.3


def test_one_command_asked_alone(tmp_path: Path) -> None:
    phone = FolderPhone(tmp_path)
    answer = ask(phone, commands.BATTERY_DUMP)  # type: ignore[arg-type]
    assert answer.code == 0
    assert "level: 71" in answer.text
    assert phone.asked == [["dumpsys", "battery"]]


def test_no_command_beside_the_table() -> None:
    """Programs run in facts.py alone, by the table; fit.py asks a tool for its help, as the table has it."""
    folder = Path(edgebench.controller.native.__file__).parent
    runs = {
        (file.name, ast.unparse(node.args[0]))
        for file in folder.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("exec", "stream")
    }
    assert commands.TOOL_HELP.argv == ("{tool}", "--help")
    assert runs - {("fit.py", "[path, '--help']")} == {
        ("facts.py", "filled(command, **words)"),
        ("facts.py", "script"),
    }


def test_names_are_unique_and_words_known() -> None:
    names = [one.name for one in commands.ALL]
    assert len(set(names)) == len(names)
    for one in commands.FACTS:
        words = one.paths if isinstance(one, commands.Files) else one.argv
        assert all(not set(word) & set("'\"`$;&|<>()\\ ~?[]") for word in words), "the script does not quote them"
