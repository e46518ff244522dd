"""Which wheels fit a device, by its facts; the real pip decides between wheels in a folder of the test's."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from device_bench import make_wheel

from edgebench.controller.recipes import RECIPES
from edgebench.controller.runtimes import find_runtime, runtime_environment
from edgebench.controller.wheels import fetch, pip_command, platform_tags, wheel_target
from edgebench.errors import DeviceUnfit


def facts(version=(3, 6, 9), glibc="2.27", machine="aarch64", **changes):
    python = {"version": list(version), "implementation": "CPython", "libc": "glibc", "libc_version": glibc, "bits": 64}
    return {"system": "Linux", "machine": machine, "python": {**python, **changes}}


@pytest.fixture
def only_this_folder(tmp_path, monkeypatch):
    """pip's own settings, as a user has them: this folder and no index."""
    wheels, into = tmp_path / "wheels", tmp_path / "into"
    wheels.mkdir()
    into.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return wheels, into


def test_a_jetson_nano_takes_manylinux_up_to_its_glibc():
    target = wheel_target(facts(), "nano")
    assert (target.tag, target.abi) == ("cp36", "cp36m")
    assert target.platforms[0] == "manylinux_2_27_aarch64"
    assert "manylinux2014_aarch64" in target.platforms
    assert not [tag for tag in target.platforms if "_28_" in tag or "2010" in tag]


def test_the_abi_has_no_m_from_python_3_8_on():
    assert wheel_target(facts((3, 7, 5)), "nx").abi == "cp37m"
    assert wheel_target(facts((3, 8, 10), "2.31"), "nx").abi == "cp38"
    assert wheel_target(facts((3, 12, 3), "2.39"), "thor").abi == "cp312"


def test_x86_goes_back_to_manylinux1():
    tags = platform_tags("x86_64", "2.17")
    assert tags[:2] == ["manylinux_2_17_x86_64", "manylinux2014_x86_64"]
    assert tags[-3:] == ["manylinux_2_5_x86_64", "manylinux1_x86_64", "linux_x86_64"]


def test_a_32_bit_python_on_a_64_bit_kernel_takes_32_bit_wheels():
    assert wheel_target(facts(bits=32), "pi").platforms[0] == "manylinux_2_27_armv7l"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"libc": "musl", "libc_version": None}, "musl"),
        ({"implementation": "PyPy"}, "PyPy"),
        ({"libc": None}, "unknown"),
    ],
)
def test_what_no_wheel_fits_is_said(changes, message):
    with pytest.raises(DeviceUnfit, match=message):
        wheel_target(facts(**changes), "board")


def test_the_command_is_plain_pip_for_the_device_and_asks_nobody():
    command = pip_command(
        wheel_target(facts(), "nano"), RECIPES["onnxruntime"].wheels((3, 6), "nano").requirements, "there"
    )
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert {"--only-binary=:all:", "--no-input"} <= set(command)
    assert command[-2:] == ["onnxruntime==1.10.0", "numpy==1.19.5"]
    assert command[command.index("--python-version") + 1] == "3.6"


def test_pip_takes_the_newest_that_the_device_can_load(only_this_folder):
    wheels, into = only_this_folder
    code = {"onnxruntime/__init__.py": ""}
    for version, tag in [
        ("1.10.0", "cp36-cp36m-manylinux_2_17_aarch64.manylinux2014_aarch64"),
        ("1.10.1", "cp36-cp36m-manylinux_2_27_aarch64"),
        ("1.11.0", "cp36-cp36m-manylinux_2_28_aarch64"),  # glibc too new
        ("1.12.0", "cp38-cp38-manylinux2014_aarch64"),  # another Python
        ("1.13.0", "cp36-cp36m-manylinux2014_x86_64"),  # another machine
    ]:
        make_wheel(wheels, "onnxruntime", version, code, tag=tag)
    found = fetch(wheel_target(facts(), "nano"), ["onnxruntime"], into, "nano")
    assert [wheel.version for wheel in found] == ["1.10.1"]
    assert found[0].bytes == found[0].path.stat().st_size


def test_dependencies_come_too_and_are_left_where_they_have_no_wheel(only_this_folder):
    wheels, into = only_this_folder
    make_wheel(wheels, "onnxruntime", "1.10.0", {"onnxruntime/__init__.py": ""}, needs=["numpy", "helper"])
    make_wheel(wheels, "numpy", "1.19.5", {"numpy/__init__.py": ""})
    found = fetch(wheel_target(facts(), "nano"), ["onnxruntime", "numpy"], into, "nano")
    assert [wheel.distribution for wheel in found] == ["numpy", "onnxruntime"]
    make_wheel(wheels, "helper", "1.0", {"helper.py": ""})
    found = fetch(wheel_target(facts(), "nano"), ["onnxruntime", "numpy"], into, "nano")
    assert [wheel.distribution for wheel in found] == ["helper", "numpy", "onnxruntime"]


def test_pips_own_words_where_there_is_no_wheel(only_this_folder):
    _, into = only_this_folder
    with pytest.raises(DeviceUnfit, match=r"pip finds no onnxruntime for cp36.*No matching distribution") as caught:
        fetch(wheel_target(facts(), "nano"), ["onnxruntime"], into, "nano")
    assert "PIP_FIND_LINKS" in (caught.value.hint or "")


def found_in(*runtimes, version=(3, 6, 9)):
    named = [{"name": "onnxruntime", "version": number, "where": where} for number, where in runtimes]
    return find_runtime({"python": {"version": list(version)}, "runtimes": named}, "onnxruntime")


def test_a_job_takes_the_newest_that_was_brought_for_this_python():
    brought = found_in(
        ("1.4.0", None),
        ("1.9.0", "onnxruntime-1.9.0-cp36"),
        ("1.10.0", "onnxruntime-1.10.0-cp36"),
        ("1.19.2", "onnxruntime-1.19.2-cp38"),
    )
    assert brought is not None
    assert (brought.version, brought.path) == ("1.10.0", "runtimes/onnxruntime-1.10.0-cp36")


def test_else_the_interpreters_own():
    own = found_in(("1.4.0", None), ("1.19.2", "onnxruntime-1.19.2-cp38"))
    assert own is not None
    assert (own.version, own.path) == ("1.4.0", None)
    assert found_in(("1.19.2", "onnxruntime-1.19.2-cp38")) is None
    assert found_in((None, None)) is None


def test_old_numpy_on_arm_is_told_its_core():
    assert runtime_environment(facts()) == {"OPENBLAS_CORETYPE": "ARMV8"}
    assert runtime_environment(facts((3, 8, 10))) == {}
    assert runtime_environment(facts(machine="x86_64")) == {}
