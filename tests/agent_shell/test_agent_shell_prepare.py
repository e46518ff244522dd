"""What is set on a phone, and that all of it is put back, in whatever order things go wrong."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from shell_worlds import Gate, ShellPhone, find_world, kill, of, step

SETTINGS = """
file="${0%/*}/../settings.$2.$3"
case $1 in
get) if [ -e "$file" ]; then read -r value <"$file"; echo "$value"; else echo null; fi ;;
put) echo "$4" >"$file" ;;
delete) rm -f "$file" ;;
esac
"""
"""Android's `settings` as a shell user sees it: one file a setting."""


def settings(phone: ShellPhone, **values: str) -> None:
    phone.stub("settings", SETTINGS)
    for name, value in values.items():
        (phone.folder / f"settings.global.{name}").write_text(value + "\n")


def setting(phone: ShellPhone, name: str) -> str | None:
    path = phone.folder / f"settings.global.{name}"
    return path.read_text().rstrip("\n") if path.exists() else None


def journal(phone: ShellPhone) -> list[dict[str, Any]]:
    (told,) = of(phone.verb("status", "--home", phone.home)[1], "journal")
    entries: list[dict[str, Any]] = told["entries"]
    return entries


def looked(phone: ShellPhone, *lines: str, look: str = "true", name: str = "job-1") -> list[dict[str, Any]]:
    """The events of a job that prepares by `lines` and runs the script `look`."""
    tool = phone.script("look", look)
    return phone.carry_out(phone.job(name, lines, step(program=str(tool))))


def before(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = of(events, "prepared")[0]["set"]
    return told


def warnings(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
    return [(event["code"], event["text"]) for event in of(events, "warning")]


def test_a_file_is_set_while_the_job_runs_and_put_back(phone: ShellPhone) -> None:
    knob = phone.put("/sys/knob", "schedutil\n")
    events = looked(phone, "set-file /sys/knob performance", look=f"cat {knob}")
    assert (phone.home / "jobs/job-1/outputs.txt").read_text() == "performance\n"
    assert before(events) == [{"key": "/sys/knob", "old": "schedutil", "new": "performance"}]
    assert knob.read_text() == "schedutil\n"
    assert (journal(phone), warnings(events)) == ([], [])


def test_what_is_so_already_is_left_alone(phone: ShellPhone) -> None:
    settings(phone, low_power="0")
    knob = phone.put("/sys/knob", "performance\n")
    os.utime(knob, (1, 1))
    asked = ["set-pair doze", "ask dumpsys", "ask x", "expect 0", "do false", "undo false"]
    phone.stub("dumpsys", "echo 0")
    events = looked(phone, "set-file /sys/knob performance", "set-setting global low_power 0", *asked)
    assert (before(events), warnings(events)) == ([], [])
    assert knob.stat().st_mtime == 1
    assert [call for call in phone.called() if "put" in call] == []


def test_a_setting_that_was_not_there_is_deleted_again(phone: ShellPhone) -> None:
    settings(phone, brightness="80")
    lines = ["set-setting global stay_on 7", "set-setting global brightness 120"]
    events = looked(phone, *lines, look='cat "${0%/*}"/settings.global.*')
    assert (phone.home / "jobs/job-1/outputs.txt").read_text() == "120\n7\n"
    assert [(one["key"], one["old"], one["new"]) for one in before(events)] == [
        ("global/stay_on", None, "7"),
        ("global/brightness", "80", "120"),
    ]
    assert (setting(phone, "stay_on"), setting(phone, "brightness")) == (None, "80")
    assert phone.called()[-2:] == ["settings put global brightness 80", "settings delete global stay_on"]


def test_a_pair_is_done_and_undone(phone: ShellPhone) -> None:
    phone.stub("cmd", 'case "$3" in *abled) exit 0 ;; esac; echo disabled')
    pair = ["set-pair fixed performance", "ask cmd", "ask power", "ask get", "expect enabled"]
    pair += ["do cmd", "do power", "do set enabled", "undo cmd", "undo power", "undo set $(disabled)"]
    events = looked(phone, *pair)
    assert before(events) == [{"key": "fixed performance", "old": "disabled", "new": "enabled"}]
    assert phone.called() == ["cmd power get", "cmd power set enabled", "cmd power set $(disabled)"]


def test_what_is_refused_is_a_warning_and_leaves_no_note(phone: ShellPhone) -> None:
    phone.stub("settings", 'case $1 in get) echo 1 ;; *) echo "Permission Denial" >&2; exit 255 ;; esac')
    phone.stub("cmd", "exit 3")
    knob = phone.put("/sys/knob", "old\n")
    lines = ["set-setting global airplane 0", "set-file /sys/nothing 1", "set-file /sys/knob new"]
    lines += ["set-pair wifi", "do cmd", "do wifi", "undo cmd", "undo back"]
    events = looked(phone, *lines)
    assert [code for code, _ in warnings(events)] == ["pin-failed"] * 3
    assert [text for _, text in warnings(events)] == [
        "global/airplane: refused with status 255",
        "/sys/nothing: it cannot be read",
        "wifi: refused with status 3",
    ]
    assert [one["key"] for one in before(events)] == ["/sys/knob"]
    assert (knob.read_text(), journal(phone)) == ("old\n", [])
    assert "cmd back" not in phone.called()


def test_a_setting_with_several_lines_is_not_touched(phone: ShellPhone) -> None:
    phone.stub("settings", "case $1 in get) echo one; echo two ;; esac")
    events = looked(phone, "set-setting global odd 1")
    assert warnings(events) == [("pin-failed", "global/odd: what it was cannot be noted")]
    assert phone.called() == ["settings get global odd"]


def test_the_same_thing_set_twice_is_put_back_in_order(phone: ShellPhone) -> None:
    knob = phone.put("/sys/knob", "a\n")
    seen = looked(phone, "set-file /sys/knob b", "set-file /sys/knob c")
    assert [(one["old"], one["new"]) for one in before(seen)] == [("a", "b"), ("b", "c")]
    assert knob.read_text() == "a\n"


def test_what_somebody_else_set_meanwhile_is_told_as_lost(phone: ShellPhone) -> None:
    knob = phone.put("/sys/knob", "a\n")
    events = looked(phone, "set-file /sys/knob b", look=f"echo thief >{knob}")
    assert of(events, "prepared")[1]["lost"] == [{"key": "/sys/knob", "wanted": "b", "found": "thief"}]
    assert knob.read_text() == "a\n"


@pytest.mark.parametrize("world", ["dash", "mksh"])
def test_as_root_through_su(world: str, tmp_path: Path) -> None:
    """Not under busybox: its own `su` needs no PATH and hides the stub."""
    phone = ShellPhone(find_world(world), tmp_path)
    phone.stub("su", 'shift; exec sh -c "$@"')
    knob = phone.put("/sys/knob", "old\n")
    events = looked(phone, "as-root 1", "set-file /sys/knob new", "as-root 1", "set-file /sys/k;touch new")
    assert [one["key"] for one in before(events)] == ["/sys/knob"]
    assert warnings(events) == [("pin-failed", "/sys/k;touch: as root only plain paths are written")]
    assert phone.called()[1] == f"su -c cat >{knob}"
    assert knob.read_text() == "old\n"


def test_killed_between_the_note_and_the_setting(phone: ShellPhone) -> None:
    settings(phone, stay_on="3")
    gate = Gate(phone.folder / "gate")
    os.mkfifo(phone.folder / "never")
    body = f'if [ "$1" = put ] && [ "$4" = 7 ]; then echo up >{gate.path}; read x <{phone.folder}/never; fi'
    phone.stub("settings", body + SETTINGS)
    answer = phone.start(phone.job("job-1", ["set-setting global stay_on 7"], step(program="/bin/true")))
    gate.read()
    assert [entry["label"] for entry in journal(phone)] == ["global/stay_on"]
    kill(answer["pid"])
    settings(phone, stay_on="3")
    for entries in (1, 0):
        restored = phone.verb("restore", "--home", phone.home)[1][0]
        assert (len(restored["entries"]), setting(phone, "stay_on")) == (entries, "3")
    for pid in phone.processes():
        kill(pid)


def test_a_note_cut_short_at_any_byte_was_never_acted_on(phone: ShellPhone) -> None:
    whole = b"=label\n=argv\n=settings\n=put\n=global\n=x\n=.\n.\n"
    notes = phone.home / "journal"
    notes.mkdir()
    for at in range(0, len(whole) - 1, 5):
        (notes / f"{at:04}").write_bytes(whole[:at])
    assert journal(phone) == []
    phone.stub("settings", "")
    assert phone.verb("restore", "--home", phone.home)[1][0]["entries"] == []
    assert (phone.called(), list(notes.iterdir())) == ([], [])
    (notes / "0008").write_bytes(whole)
    undo = ["settings", "put", "global", "x", "."]
    assert journal(phone) == [{"label": "label", "path": "label", "old": ".", "undo": undo}]
    phone.verb("restore", "--home", phone.home)
    assert phone.called() == ["settings put global x ."]


def test_what_cannot_be_put_back_stays_for_the_next(phone: ShellPhone) -> None:
    settings(phone, a="1", b="1")
    stuck = 'if [ "$1 $3 $4" = "put a 1" ] && [ ! -e "$CALLS.cured" ]; then exit 1; fi'
    phone.stub("settings", stuck + SETTINGS)
    events = looked(phone, "set-setting global a 2", "set-setting global b 2")
    assert warnings(events) == [("not-restored", "global/a: settings ended with status 1")]
    assert events[-1]["restored"] is False
    assert (setting(phone, "a"), setting(phone, "b")) == ("2", "1")
    assert [entry["label"] for entry in journal(phone)] == ["global/a"]
    failed = phone.verb("restore", "--home", phone.home)[1][0]["failed"]
    assert [(one["label"], one["why"]) for one in failed] == [("global/a", "settings ended with status 1")]
    Path(f"{phone.calls}.cured").touch()
    assert phone.verb("restore", "--home", phone.home)[1][0]["failed"] == []
    assert (setting(phone, "a"), journal(phone)) == ("1", [])


def test_a_file_that_is_gone_is_told_once(phone: ShellPhone) -> None:
    knob = phone.put("/sys/knob", "a\n")
    events = looked(phone, "set-file /sys/knob b", look=f"rm {knob}")
    assert warnings(events) == [("not-restored", "/sys/knob: gone")]
    assert (journal(phone), knob.exists()) == ([], False)


def test_waiting_for_the_cable_to_be_pulled(phone: ShellPhone) -> None:
    asked = '[ -e "$CALLS.asked" ] || { : >"$CALLS.asked"; echo asked >"$CALLS.gate"; }'
    phone.stub("dumpsys", f'echo "  AC powered: false"; echo "  USB powered: true"; {asked}')
    gate = Gate(Path(f"{phone.calls}.gate"))
    job = phone.job("job-1", ["await-unplugged 30"], step(program="/bin/true"))
    phone.start(job)
    gate.read()
    assert b'"ev":"waiting"' in (job / "events.jsonl").read_bytes()
    phone.stub("dumpsys", 'echo "  AC powered: false"; echo "  USB powered: false"')
    events = phone.finish(job)
    assert [event["ev"] for event in events][1:4] == ["prepared", "waiting", "step"]
    assert (of(events, "waiting")[0]["for"], events[-1]["code"]) == ("unplugged", None)


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ("USB powered: true", "it is still plugged in after 0 s"),
        ("garbage \x1b[0m", "dumpsys battery does not say whether it is plugged in"),
    ],
)
def test_a_cable_that_stays_ends_the_job(phone: ShellPhone, says: str, why: str) -> None:
    phone.stub("dumpsys", f"echo '{says}'")
    knob = phone.put("/sys/knob", "a\n")
    job = phone.job("job-1", ["set-file /sys/knob b", "await-unplugged 0"], step(program="/bin/true"))
    events = phone.carry_out(job)
    assert (events[-1]["code"], events[-1]["message"], events[-1]["steps_done"]) == ("timeout", why, 0)
    assert (of(events, "step"), knob.read_text()) == ([], "a\n")


def test_the_governors_are_told_before_and_after(phone: ShellPhone) -> None:
    for name, governor in (("policy0", "schedutil"), ("policy4", 'odd "one"')):
        phone.put(f"/sys/devices/system/cpu/cpufreq/{name}/scaling_governor", governor + "\n")
    phone.put("/sys/devices/system/cpu/cpufreq/policy7/related_cpus", "7\n")  # its governor nobody may read
    told = {event["when"]: event["pins"] for event in of(looked(phone), "prepared")}
    pins = {"governor": {"policy0": "schedutil", "policy4": 'odd "one"'}}
    assert told == {"before": pins, "after": pins}


def test_the_journal_in_the_words_of_the_python_agent(phone: ShellPhone) -> None:
    notes = phone.home / "journal"
    notes.mkdir()
    kinds = {
        "0001": "=/sys/knob\n=file\n=/x/sys/knob\n=schedutil\n.\n",
        "0002": "=global/a\n=argv\n=settings\n=delete\n=global\n=a\n.\n",
        "0003": "=doze\n=argv\n=dumpsys\n=deviceidle\n=enable\n.\n",
    }
    for name, text in kinds.items():
        (notes / name).write_text(text)
    told = [(entry["path"], entry["old"]) for entry in journal(phone)]
    assert told == [("/sys/knob", "schedutil"), ("global/a", None), ("doze", None)]
