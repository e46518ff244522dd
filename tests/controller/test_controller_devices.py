"""The user's devices.toml: read strictly, written without losing what people wrote, names that cannot hurt."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from edgebench.controller.add_device import new_entry
from edgebench.controller.devices import (
    NAME,
    DeviceEntry,
    load_devices,
    remove_device,
    save_device,
    select_device,
    select_devices,
)
from edgebench.controller.session import DeviceSession
from edgebench.controller.spec import Settings
from edgebench.controller.view import SilentView
from edgebench.errors import ConfigError, UnknownName, UsageError

HOSTILE = ["", ".", "..", "../x", "a/b", "a b", "-x", "@lab", "a\nb", "[x]", "ä", "x" * 64, "a;b", "$(x)", "a\0b"]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "config" / "devices.toml"


def entries(*made: DeviceEntry) -> dict[str, DeviceEntry]:
    return {entry.name: entry for entry in made}


def test_what_is_saved_is_read_again(file):
    made = DeviceEntry(
        "b.1-x",
        profile="jetson-nano",
        host="10.0.0.2",
        port=2222,
        user="me",
        key="~/.ssh/k y",
        python="/usr/bin/python3.8",
        home="/data/eb",
        labels=("lab", 'quote"d'),
        simulated=True,
    )
    save_device(made, file)
    assert load_devices(file)["b.1-x"] == made


def test_comments_and_other_devices_are_kept(file):
    file.parent.mkdir()
    before = '# mine\n[a]\nhost = "h"  # upstairs\n\n# the old one\n[b]\nhost = "i"\n'
    file.write_text(before)
    save_device(DeviceEntry("c", host="j"), file)
    text = file.read_text()
    assert text.startswith(before.rstrip("\n"))
    remove_device("c", file)
    assert file.read_text().strip() == before.strip()


def test_removing_what_is_not_there_changes_nothing(file):
    save_device(DeviceEntry("nano", host="h"), file)
    before = file.read_bytes()
    with pytest.raises(UnknownName) as caught:
        remove_device("nan", file)
    assert caught.value.hint == "did you mean `nano`?"
    assert file.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('[x]\nhots = "h"\n', "unknown key 'hots'", "`host`"),
        ('[x]\nhost = "h"\ntransport = "shh"\n', "unknown transport", "`ssh`"),
        ('[x]\nhost = "h"\nport = "22"\n', "port must be a number", None),
        ('[x]\nhost = "h"\nport = true\n', "port must be a number", None),
        ("[x]\n", "has no host", "host ="),
        ("x = 1\n", "is not a device", r"[jetson-nano]"),
        ('["../x"]\nhost = "h"\n', "is not a device", None),
        ("[x\n", "devices.toml", "mend"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(file, text, message, hint):
    file.parent.mkdir()
    file.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        load_devices(file)
    assert "devices.toml" in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


def test_a_profile_name_stands_for_the_only_real_device_that_has_it():
    real, fake = DeviceEntry("n1", profile="jetson-nano", host="h"), DeviceEntry("m", profile="jetson-nano", root="/x")
    assert select_devices(["jetson-nano"], entries(real, fake)) == [real]
    with pytest.raises(UnknownName):
        select_devices(["jetson-nano"], entries(fake))
    with pytest.raises(UnknownName) as caught:
        select_devices(["jetson-nano"], entries(real, DeviceEntry("n2", profile="jetson-nano", host="i")))
    assert "n1, n2" in (caught.value.hint or "")


def test_a_label_of_several_is_not_one_device():
    both = entries(DeviceEntry("a", host="h", labels=("lab",)), DeviceEntry("b", host="i", labels=("lab",)))
    assert [entry.name for entry in select_devices(["@lab", "a"], both)] == ["a", "b"]
    with pytest.raises(UsageError, match="names 2 devices: a, b"):
        select_device("@lab", both)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_no_devices(name):
    with pytest.raises(UsageError):
        new_entry("user@host", (), name=name or " ")


@given(st.text(max_size=40))
def test_no_target_makes_an_entry_that_the_file_would_refuse(target):
    try:
        entry = new_entry(target, ())
    except UsageError:
        return
    assert NAME.fullmatch(entry.name)
    assert entry.host
    assert not entry.host.startswith("-")


@pytest.mark.parametrize(
    ("target", "name", "host", "port", "user"),
    [
        ("me@nano.lab.example", "nano", "nano.lab.example", None, "me"),
        ("me@192.168.1.20:2222", "192.168.1.20", "192.168.1.20", 2222, "me"),
        ("alias", "alias", "alias", None, None),
        ("me@[fe80::1]:22", "fe80--1", "fe80::1", 22, "me"),
    ],
)
def test_targets_are_what_ssh_users_type(target, name, host, port, user):
    entry = new_entry(target, ())
    assert (entry.name, entry.host, entry.port, entry.user) == (name, host, port, user)


def test_a_written_file_is_plain_toml(file):
    save_device(DeviceEntry("nano", host="h", labels=("a",)), file)
    assert tomllib.loads(file.read_text()) == {"nano": {"transport": "ssh", "host": "h", "labels": ["a"]}}


# what a session knows of its device's profile


def test_probes_are_told_what_the_profile_says(monkeypatch, tmp_path):
    monkeypatch.setenv("EDGEBENCH_CONFIG", str(tmp_path))
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "mine.toml").write_text('extends = "jetson-nano"\n[power]\nignore_rails = ["NC"]\n')
    session = DeviceSession(DeviceEntry("nano", profile="mine", host="h"), SilentView())
    assert session.probe_options == {
        "total_rails": ["POM_5V_IN"],
        "lsb_mw": ["42"],
        "ignore_rails": ["NC"],
        "ignore_zones": ["PMIC-Die"],
    }


def test_a_device_without_a_profile_tells_its_probes_nothing():
    assert DeviceSession(DeviceEntry("x", host="h"), SilentView()).probe_options == {}


def test_sources_are_asked_for_once(tmp_path):
    with DeviceSession(DeviceEntry("here", transport="local", home=str(tmp_path)), SilentView()) as session:
        first = session.sources(Settings())
        assert {source["name"].partition(":")[0] for source in first} >= {"power", "thermal", "load"}
        assert session.sources(Settings()) is first
        assert session.sources(Settings(power="off")) is not first
