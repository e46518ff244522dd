"""The doctor before a Jetson: what it is, which wheels fit, whether TensorRT and root are there; none for others."""

from __future__ import annotations

import sys

import pytest

from edgebench.controller import check_board
from edgebench.controller.check import check_device, sensor
from edgebench.controller.devices import DeviceEntry
from edgebench.controller.recipes import GPU_RECIPES, how_to_bring, jetpack_wheels
from edgebench.controller.session import DeviceSession
from edgebench.controller.view import SilentView

NVPMODEL = "#!/bin/sh\n[ \"$1\" = -q ] && printf 'NV Power Mode: MAXN\\n0\\n' || echo 'POWER_MODEL: ID=0 NAME=MAXN'\n"
SUDO = '#!/bin/sh\n[ "$MODE" = open ] && exit 0\necho "sudo: a password is required" >&2; exit 1\n'
NANO = {
    "proc/device-tree/model": "NVIDIA Jetson Nano Developer Kit\0",
    "proc/device-tree/compatible": "nvidia,p3449-0000-b00+p3448-0000-b00\0nvidia,jetson-nano\0nvidia,tegra210\0",
    "proc/sys/kernel/osrelease": "4.9.337-tegra\n",
    "etc/nv_tegra_release": "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref, EABI: aarch64\n",
    "var/lib/dpkg/status": "Package: tensorrt\nStatus: install ok installed\nVersion: 8.2.1.8-1+cuda10.2\n",
    "usr/local/cuda/version.txt": "CUDA Version 10.2.300\n",
    "usr/sbin/nvpmodel": NVPMODEL,
    "usr/bin/sudo": SUDO,
    "usr/src/tensorrt/bin/trtexec": "#!/bin/sh\n",
}


@pytest.fixture
def checked(tmp_path, monkeypatch):
    """Checks a board whose files these are; {finding: Finding}."""
    monkeypatch.setenv("EDGEBENCH_CONFIG", str(tmp_path / "config"))

    def check(files: dict[str, str], profile: str | None = "jetson-nano"):
        root = tmp_path / "root"
        for name, text in files.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
            path.chmod(0o755)
        entry = DeviceEntry("nano", transport="local", profile=profile, root=str(root), home=str(tmp_path / "home"))
        report = check_device(entry, DeviceSession(entry, SilentView()))
        return {one.name: one for one in report.findings}

    return check


def test_a_nano_from_board_to_root(checked):
    found = checked(NANO)
    assert found["board"].text == "NVIDIA Jetson Nano Developer Kit, module p3448-0000, tegra210, GM20B (sm_53)"
    assert found["jetpack"].text == "JetPack 4.6.1 (L4T 32.7.1); CUDA 10.2.300, no cuDNN, TensorRT 8.2.1.8"
    assert (found["nvpmodel"].state, found["nvpmodel"].text) == ("ok", "MAXN (id 0)")
    assert found["tensorrt"].state == "ok"
    assert "trtexec" in found["tensorrt"].text
    assert "python3-libnvinfer" in found["tensorrt"].todo
    gpu = found["onnxruntime on the GPU"]
    assert gpu.state == "missing"
    assert "1.10.0 is for the CPU only" in gpu.text
    assert "vendor's own index only" in gpu.todo
    assert "http" not in gpu.todo
    root = found["root"]
    assert (root.state, "the power mode" in root.text) == ("missing", True)
    assert "devices setup nano --sudoers" in root.todo


def test_sudo_that_asks_nothing_is_ok(checked):
    found = checked(NANO | {"usr/bin/sudo": "#!/bin/sh\nexit 0\n"})
    assert found["root"].state == "ok"


def test_a_board_whose_tree_names_no_module_is_not_sure(checked):
    found = checked(NANO | {"proc/device-tree/compatible": "nvidia,jetson-nano\0nvidia,tegra210\0"})
    assert (found["board"].state, "module unknown" in found["board"].text) == ("unknown", True)


def test_without_a_release_file_the_kernel_tells_the_first_number(checked):
    files = {name: text for name, text in NANO.items() if name != "etc/nv_tegra_release"}
    found = checked(files)["jetpack"]
    assert found.state == "unknown"
    assert "JetPack 4 (L4T unknown)" in found.text


def test_tensorrts_libraries_without_tools_say_what_to_install(checked):
    files = {name: text for name, text in NANO.items() if "trtexec" not in name}
    found = checked(files)["tensorrt"]
    assert (found.state, "libnvinfer-bin" in found.todo) == ("missing", True)


def test_other_machines_are_not_asked_for_nvidias_things(checked):
    found = checked({"proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0"}, "raspberry-pi-5")
    assert not {"board", "jetpack", "tensorrt", "nvpmodel", "onnxruntime on the GPU", "root"} & set(found)


@pytest.mark.parametrize(
    ("jetpack", "word", "todo"),
    [
        ("4.6.1", "cp36", "vendor's own index"),
        ("5.1.2", "1.19.2", "vendor's own index"),
        ("6.2", "cp310", "vendor's own index"),
        ("7.0", "onnxruntime-gpu 1.31.1", "--runtime onnxruntime-gpu"),
    ],
)
def test_each_jetpack_has_its_wheels(jetpack, word, todo):
    found = jetpack_wheels(jetpack)
    assert word in found.text
    assert todo in found.todo("nano")
    assert ("vendor" in found.todo("nano")) == (found.gpu is None)


def test_an_unknown_jetpack_has_none():
    assert jetpack_wheels(None) is None
    assert jetpack_wheels("3.3") is None


def test_the_gpus_runtime_is_brought_only_where_it_is_asked_for():
    wheels = GPU_RECIPES["onnxruntime-gpu"].wheels((3, 8), "nano")
    assert wheels.module == "onnxruntime"
    assert "numpy==1.24.4" in wheels.requirements
    assert "tflite" in how_to_bring("tflite", (3, 8), "nano")[0]


def test_a_provider_that_is_there_is_ok():
    class Session:
        facts = {"board": {"soc": "tegra234", "jetpack": "6.2"}}  # noqa: RUF012
        entry = DeviceEntry("orin")

    found = check_board.gpu_providers(Session, ["TensorrtExecutionProvider", "CPUExecutionProvider"])
    assert (found.state, found.text) == ("ok", "built with Tensorrt")
    assert found.todo.startswith("`--accelerator tensorrt`")
    assert check_board.gpu_providers(Session, ["CPUExecutionProvider"]).state == "missing"
    assert "none is installed" in check_board.gpu_providers(Session, None).text


def test_a_gpus_wheel_beside_the_cpus_is_tried_itself(checked, tmp_path):
    tag = "cp" + "".join(map(str, sys.version_info[:2]))
    for name, version, provider in (("onnxruntime", "9.9.0", "CPU"), ("onnxruntime_gpu", "9.1.0", "CUDA")):
        folder = tmp_path / "home" / "runtimes" / f"{name.replace('_', '-')}-{version}-{tag}"
        (folder / f"{name}-{version}.dist-info").mkdir(parents=True)
        (folder / "onnxruntime").mkdir()
        text = f"__version__ = '{version}'\nget_available_providers = lambda: ['{provider}ExecutionProvider']\n"
        (folder / "onnxruntime" / "__init__.py").write_text(text)
    found = checked(NANO)
    assert found["onnxruntime"].text.endswith(f"9.9.0-{tag}; CPU")
    assert found["onnxruntime-gpu"].text.endswith(f"9.1.0-{tag}; CUDA")
    assert found["onnxruntime on the GPU"].state == "ok"


def test_rails_that_are_roots_alone_are_opened_by_a_run():
    source = {"name": "power:ina3221", "state": "unavailable", "why": "permission: /x is readable by root only"}
    found = sensor("power:ina3221", source)
    assert (found.state, "see root below" in found.todo) == ("unknown", True)
    assert "docs/linux.md" in sensor("power:rapl", source).todo
