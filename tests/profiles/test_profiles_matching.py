"""Which profile a device's facts speak for; the device trees are those of real boards."""

from __future__ import annotations

import pytest

from edgebench.profiles import match_profile


def facts(model: str | None, *compatible: str) -> dict:
    return {"board": {"model": model, "compatible": list(compatible)}}


BOARDS = [
    (
        "jetson-nano",
        facts("NVIDIA Jetson Nano Developer Kit", "nvidia,p3449-0000-b00+p3448-0000-b00", "nvidia,tegra210"),
    ),
    ("jetson-nano", facts("NVIDIA Jetson Nano Developer Kit", "nvidia,jetson-nano", "nvidia,tegra210")),
    (
        "jetson-nano-2gb",
        facts("NVIDIA Jetson Nano 2GB Developer Kit", "nvidia,p3542-0000+p3448-0003", "nvidia,tegra210"),
    ),
    ("jetson-nano-2gb", facts("NVIDIA Jetson Nano 2GB Developer Kit", "nvidia,jetson-nano", "nvidia,tegra210")),
    ("jetson-agx-orin-32gb", facts("NVIDIA Jetson AGX Orin 32GB", "nvidia,tegra234")),
    ("jetson-agx-orin", facts("NVIDIA Jetson AGX Orin Developer Kit", "nvidia,tegra234")),
    ("generic-linux", facts("jetson_tx1", "nvidia,p2371-2180", "nvidia,tegra210")),
    ("generic-linux", facts("quill", "nvidia,p2771-0000", "nvidia,tegra186")),
    ("generic-linux", facts("Jetson-AGX", "nvidia,p2972-0000", "nvidia,tegra194")),
    ("jetson-xavier-nx", facts("NVIDIA Jetson Xavier NX Developer Kit", "nvidia,p3509+p3668-0001", "nvidia,tegra194")),
    ("jetson-agx-orin", facts("NVIDIA Orin Jetson-Small Developer Kit", "nvidia,tegra234")),
    ("jetson-agx-orin", facts("Jetson AGX Orin Developer Kit", "nvidia,p3737-0000+p3701-0005", "nvidia,tegra234")),
    ("jetson-orin-nano", facts("a carrier of ours", "nvidia,p3768-0000+p3767-0005", "nvidia,tegra234")),
    # an Orin NX module on the Orin Nano's carrier is no Orin Nano, whatever its model says
    (
        "generic-linux",
        facts("NVIDIA Jetson Orin Nano Developer Kit", "nvidia,p3768-0000+p3767-0000", "nvidia,tegra234"),
    ),
    ("jetson-orin-nano-4gb", facts("NVIDIA Jetson Orin Nano", "nvidia,p3768-0000+p3767-0004", "nvidia,tegra234")),
    ("jetson-agx-orin-32gb", facts("Jetson AGX Orin", "nvidia,p3737-0000+p3701-0004", "nvidia,tegra234")),
    ("jetson-thor", facts("NVIDIA Jetson AGX Thor Developer Kit", "nvidia,p4071-0000+p3834-0008", "nvidia,tegra264")),
    ("raspberry-pi-4", facts("Raspberry Pi 4 Model B Rev 1.4", "raspberrypi,4-model-b", "brcm,bcm2711")),
    ("generic-linux", facts("Raspberry Pi 400 Rev 1.0", "raspberrypi,400", "brcm,bcm2711")),
    ("raspberry-pi-5", facts("Raspberry Pi 5 Model B Rev 1.0", "raspberrypi,5-model-b", "brcm,bcm2712")),
    ("generic-linux", facts("ThinkPad X1")),
    ("generic-linux", facts(None)),
    ("generic-linux", {}),
]


@pytest.mark.parametrize(("profile", "seen"), BOARDS)
def test_a_board_is_known_by_what_it_is(profile, seen):
    assert match_profile(seen) == profile


def test_the_agents_own_word_for_module_and_chip_counts():
    seen = {"board": {"model": "a carrier of ours", "compatible": [], "soc": "tegra210", "module": "p3448-0003"}}
    assert match_profile(seen) == "jetson-nano-2gb"
    seen["board"]["module"] = "p3448-0002"
    assert match_profile(seen) == "jetson-nano"


def test_module_before_chip_and_model_before_model_alone(tmp_path):
    head = 'schema = 1\nfamily = "jetson"\ntransport = "ssh"\n[match]\n'
    (tmp_path / "a-by-model.toml").write_text(head + 'model_regex = "Jetson Thing"\n')
    (tmp_path / "b-by-chip.toml").write_text(head + 'soc = ["tegra999"]\nmodel_regex = "Jetson Thing"\n')
    (tmp_path / "c-by-module.toml").write_text(head + 'soc = ["tegra999"]\nmodule = ["p9999-0001"]\n')
    assert match_profile(facts("Jetson Thing"), tmp_path) == "a-by-model"
    assert match_profile(facts("Jetson Thing", "nvidia,tegra999"), tmp_path) == "b-by-chip"
    assert match_profile(facts("Jetson Thing", "nvidia,p9999-0001", "nvidia,tegra999"), tmp_path) == "c-by-module"
    assert match_profile(facts("another", "nvidia,tegra999"), tmp_path) == "generic-linux"


def test_a_model_alone_does_not_beat_the_chip():
    assert match_profile(facts("Jetson Nano", "nvidia,tegra234")) == "generic-linux"


def test_the_users_profiles_match_too(tmp_path):
    (tmp_path / "lab-board.toml").write_text(
        'schema = 1\nfamily = "linux"\ntransport = "ssh"\n[match]\nmodel_regex = "^Lab Board"\n'
    )
    assert match_profile(facts("Lab Board 3"), tmp_path) == "lab-board"
    assert match_profile(facts("Lab Board 3")) == "generic-linux"
