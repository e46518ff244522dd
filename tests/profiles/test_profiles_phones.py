"""Which profile a phone's properties speak for, and what the phones' profiles say."""

from __future__ import annotations

import re

import pytest

from edgebench.profiles import load_profile, match_profile

PHONES = [
    ("oneplus-7t", {"model": "HD1903", "device": "OnePlus7T"}, "msmnile"),
    ("oneplus-7t", {"model": "HD1907"}, "msmnile"),
    ("oneplus-7t", {"device": "OnePlus7T"}, None),
    # a car's head unit has the same chip
    ("generic-android", {"model": "HU-1", "device": "msmnile_gvmq"}, "msmnile"),
    # a name is no proof where the chip is another
    ("generic-android", {"model": "HD1903"}, "mt6989"),
    ("pixel-8", {"model": "Pixel 8", "device": "shiba"}, "zuma"),
    ("generic-android", {"model": "Pixel 8 Pro", "device": "husky"}, "zuma"),
    ("generic-android", {}, None),
]


@pytest.mark.parametrize(("name", "product", "platform"), PHONES)
def test_phones(name: str, product: dict[str, str], platform: str | None) -> None:
    properties = {f"ro.product.{key}": value for key, value in product.items()}
    properties |= {"ro.board.platform": platform} if platform else {}
    assert match_profile({"system": "Android", "properties": properties}) == name


def test_a_board_never_gets_a_phones_profile() -> None:
    assert match_profile({"system": "Linux", "properties": {"ro.product.device": "shiba"}}) == "generic-linux"


def test_a_jetsons_words_do_not_make_a_phone_one() -> None:
    facts = {"system": "Android", "board": {"model": "x", "compatible": ["nvidia,p3448-0000", "nvidia,tegra210"]}}
    assert match_profile(facts) == "generic-android"


@pytest.mark.parametrize("name", ["oneplus-7t", "pixel-8"])
def test_masks_of_clusters_are_those_of_their_cores(name: str) -> None:
    profile = load_profile(name)
    assert isinstance(profile.cpu.clusters, tuple)
    for cluster in profile.cpu.clusters:
        first, _, last = cluster.cores.partition("-")
        assert int(cluster.mask, 16) == sum(1 << cpu for cpu in range(int(first), int(last or first) + 1))
    big = sum(int(cluster.mask, 16) for cluster in profile.cpu.clusters[1:])
    assert int(str(profile.cpu.default_mask), 16) == big


@pytest.mark.parametrize("name", ["oneplus-7t", "pixel-8", "generic-android"])
def test_every_gauge_is_calibrated_and_every_pattern_of_rails_is_one(name: str) -> None:
    power = load_profile(name).power
    assert power.calibrate
    for rail in power.total_rails:
        re.compile(rail.removeprefix("subsystem:"))
