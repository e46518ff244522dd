"""Profiles as files: what ships loads, what is misspelt is refused by name, what the user writes comes first."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from edgebench.errors import ConfigError, UnknownName
from edgebench.profiles import list_profiles, load_profile
from edgebench.profiles.catalog import shipped_folder

MINIMAL = 'schema = 1\nfamily = "linux"\ntransport = "ssh"\n'


@pytest.fixture
def own(tmp_path):
    def write(name: str, text: str) -> Path:
        (tmp_path / f"{name}.toml").write_text(text)
        return tmp_path

    return write


@pytest.mark.parametrize("name", list_profiles())
def test_every_shipped_profile_loads_under_its_own_name(name):
    profile = load_profile(name)
    assert profile.name == name
    assert profile.match.always or profile.match.host or profile.match.soc or profile.match.getprop


def test_there_are_profiles_for_the_boards_that_we_name():
    assert {"jetson-nano", "jetson-thor", "raspberry-pi-5", "generic-linux", "localhost"} <= set(list_profiles())


def test_what_the_probes_of_a_nano_are_told():
    assert load_profile("jetson-nano").probe_options() == {
        "total_rails": ["POM_5V_IN"],
        "lsb_mw": ["42"],
        "ignore_zones": ["PMIC-Die"],
    }


def test_what_the_probes_of_boards_with_less_are_told():
    thor = load_profile("jetson-thor").probe_options()
    assert thor["total_rails_fallback"] == ["VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0"]
    assert load_profile("raspberry-pi-4").probe_options()["external_required"] == ["raspberry-pi-4"]


def test_the_total_of_a_board_is_a_list_of_rails_that_do_not_overlap():
    options = load_profile("jetson-agx-orin").probe_options()
    assert "VDDQ_VDD2_1V8AO" not in options["total_rails"]  # a part of VIN_SYS_5V0
    assert options["ignore_cdevs"] == ["hot-surface-alert", "pwm-fan"]


def test_numbered_power_modes_have_names():
    assert load_profile("jetson-nano").modes.names == {0: "MAXN", 1: "5W"}


def test_what_is_not_known_is_none_and_never_zero():
    assert load_profile("pixel-8").memory.bandwidth_gbs is None
    assert load_profile("localhost").compute == ()


def test_the_users_file_comes_first(own):
    folder = own("jetson-nano", 'extends = "jetson-nano"\n[power]\ntotal_rails = ["MY_RAIL"]\n')
    profile = load_profile("jetson-nano", folder)
    assert profile.power.total_rails == ("MY_RAIL",)
    assert profile.power.detail_rails == ("POM_5V_GPU", "POM_5V_CPU")  # the rest of the table stays
    assert profile.memory.bandwidth_gbs == 25.6


def test_a_new_profile_extends_another_and_lists_are_replaced(own):
    folder = own("nano-headless", 'extends = "jetson-nano"\n[[compute]]\nunit = "cpu"\nfp32_gops = 1.0\n')
    profile = load_profile("nano-headless", folder)
    assert profile.name == "nano-headless"
    assert [unit.unit for unit in profile.compute] == ["cpu"]
    assert "nano-headless" in list_profiles(folder)


def test_extends_in_a_circle_is_refused(own):
    own("a", 'extends = "b"\n')
    with pytest.raises(ConfigError, match="circle"):
        load_profile("a", own("b", 'extends = "a"\n'))


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        (MINIMAL + "[powr]\n", "unknown key 'powr'", "`power`"),
        (MINIMAL + "[power]\ntotal_rail = []\n", r"\[power\] unknown key 'total_rail'", "`total_rails`"),
        (MINIMAL + '[[compute]]\nunit = "gpu"\nfp23_gops = 1\n', r"\[compute\] unknown key 'fp23_gops'", "fp"),
        (MINIMAL + "[power.fit]\nslop = 1.0\noffset_w = 0.0\n", r"\[power.fit\] unknown key 'slop'", "`slope`"),
        (MINIMAL + "[memory]\nbandwidth_gbs = 0\n", "memory.bandwidth_gbs", None),
        (MINIMAL + "[memory]\nbus_bits = 'wide'\n", "memory.bus_bits", None),
        (MINIMAL + '[match]\nmodel_regex = "("\n', "model_regex", None),
        (MINIMAL + "[modes]\nnames = 1\n", "modes.names", None),
        ("schema = 2\n" + MINIMAL.partition("\n")[2], "schema", None),
        ('family = "linux"\ntransport = "ssh"\n', "schema", None),
        (MINIMAL + 'name = "other"\n', "name must be 'mine'", None),
        (MINIMAL + "extends = 3\n", "extends must be", None),
        ("schema = \n", "mine.toml", "mend"),
    ],
)
def test_a_wrong_file_is_refused_with_its_place(own, text, message, hint):
    with pytest.raises(ConfigError, match=message) as caught:
        load_profile("mine", own("mine", text))
    assert "mine.toml" in caught.value.message
    assert hint is None or hint in (caught.value.hint or "")


@pytest.mark.parametrize("name", ["jetson-nan", "../jetson-nano", "", "x/y"])
def test_an_unknown_name_is_refused(name, tmp_path):
    with pytest.raises(UnknownName) as caught:
        load_profile(name, tmp_path)
    if name == "jetson-nan":
        assert caught.value.hint == "did you mean `jetson-nano`?"


def test_extending_what_is_not_there_names_the_nearest(own):
    with pytest.raises(UnknownName) as caught:
        load_profile("mine", own("mine", 'extends = "jetson-nanoo"\n'))
    assert "jetson-nano" in (caught.value.hint or "")


def test_an_installed_package_has_its_profiles_inside(tmp_path):
    package = tmp_path / "site-packages" / "edgebench" / "profiles"
    shutil.copytree(shipped_folder(), package / "data")
    assert shipped_folder(package) == package / "data"
    assert shipped_folder().name in ("device_profiles", "data")
