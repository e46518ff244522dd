"""Rooflines reckoned by hand: ridges, sides, least times, live clocks, measured roofs, unsupported precisions."""

from __future__ import annotations

import pytest
import small_models as models
from onnx import helper

from edgebench.artifacts.traffic import Layer, Value
from edgebench.controller.boards import find_board
from edgebench.controller.calibrations import Calibration, Peak, Rate, load_calibration, save_calibration
from edgebench.controller.devices import DeviceEntry, save_device
from edgebench.controller.inspecting import inspect_model
from edgebench.controller.roofline import Board, layer_bound, least_ms
from edgebench.controller.roofs import Roof, roofs_of
from edgebench.errors import ConfigError, DeviceLost, UnknownName, UsageError
from edgebench.mock.sysfs import FakeBoard
from edgebench.profiles import load_profile

NANO = load_profile("jetson-nano")


@pytest.fixture
def config(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEBENCH_CONFIG", str(tmp_path / "config"))
    return tmp_path


def product(path, n=512):
    """One matrix product n x n by n x n: 2 n^3 operations on 3 n^2 numbers."""
    ends = [models.tensor("x", [n, n])], [models.tensor("y", [n, n])]
    return models.save(
        path, [helper.make_node("MatMul", ["x", "w"], ["y"], name="m")], *ends, [models.weight("w", n, n)]
    )


def roofline(path, board, precision=None):
    return inspect_model(path, {}, None, board, precision).roofline


def test_a_product_on_a_nano_by_hand(tmp_path):
    found = roofline(product(tmp_path / "m.onnx"), Board(name="jetson-nano", profile=NANO))
    fp32 = found.precisions[0]
    assert (fp32.precision, fp32.gops, fp32.gbs) == ("fp32", 235.9, 25.6)
    assert fp32.ridge == pytest.approx(235.9 / 25.6)
    assert fp32.intensity == pytest.approx(2 * 512**3 / (3 * 512**2 * 4))
    assert fp32.side == "compute"
    assert fp32.bound_ms == pytest.approx(2 * 512**3 / 235.9e9 * 1000)
    assert fp32.layers_ms == fp32.bound_ms
    fp16 = found.precisions[1]
    assert (fp16.precision, fp16.intensity) == ("fp16", pytest.approx(2 * fp32.intensity))


def test_int8_on_a_nano_is_unsupported_and_has_no_time(tmp_path):
    found = roofline(product(tmp_path / "m.onnx"), Board(name="jetson-nano", profile=NANO))
    (int8,) = [one for one in found.precisions if one.precision == "int8"]
    assert (int8.bound_ms, int8.gops) == (None, None)
    assert "sm_53" in int8.why
    with pytest.raises(UnknownName) as caught:
        roofline(product(tmp_path / "m.onnx"), Board(name="jetson-nano", profile=NANO), "int8")
    assert "sm_53" in caught.value.hint


def test_a_layer_that_only_moves_is_bound_by_memory():
    roof = Roof("fp32", 100.0, 10.0, "", None)
    value = Value(1_000_000, 32, True)
    layer = Layer("add", "Add", (), 0, 1_000_000, (value, value), (), (value,), True)
    found = layer_bound(layer, roof)
    assert (found.side, found.bytes) == ("memory", 12e6)
    assert found.bound_ms == pytest.approx(1.2)
    assert layer_bound(layer, Roof("fp32", 0.5, 10.0, "", None)).side == "compute"
    assert least_ms(1e9, 0, roof) == pytest.approx(10.0)


def test_the_live_clock_scales_the_roof():
    facts = {"clocks": {"gpu_max_mhz": 460.8, "emc_max_mhz": 800.0}, "power_mode": {"id": 1, "name": "5W"}}
    (fp32, fp16) = roofs_of("n", NANO, None, facts).roofs
    assert (fp32.gops, fp32.gbs) == (pytest.approx(235.9 / 2), pytest.approx(12.8))
    assert fp16.gops == pytest.approx(471.9 / 2)
    assert fp32.ridge == pytest.approx(235.9 / 25.6)


def test_a_clock_that_cannot_be_read_is_told_and_the_profiles_counts():
    found = roofs_of("n", NANO, None, {"clocks": {"gpu_max_mhz": 640.0, "emc_max_mhz": None}})
    assert (found.clock_mhz, found.memory_mhz) == (640.0, 1600.0)
    assert "root alone" in found.clocks
    assert "not asked" in roofs_of("n", NANO, None, None).clocks


def test_a_board_that_was_not_asked_is_reckoned_at_its_highest_mode():
    found = roofs_of("o", load_profile("jetson-orin-nano"), None, None)
    assert (found.clock_mhz, found.memory_mhz) == (1020, 3199)
    assert found.roofs[0].gops == pytest.approx(2089, rel=0.001)


def test_a_cpu_is_scaled_by_its_own_clock():
    facts = {"cpu": {"max_khz": {"policy0": 1200000, "policy4": None}}}
    assert roofs_of("pi", load_profile("raspberry-pi-5"), None, facts).roofs[0].gops == pytest.approx(76.8)


def calibration(**more):
    rate = Rate(value=50.0, lo=49.0, hi=51.0, size=1024)
    given = {
        "device": "localhost",
        "device_id": "me",
        "date": "2026-11-21T12:00:00+00:00",
        "backend": "onnxruntime",
        "runtime": "onnxruntime 1.31.1",
        "accelerator": "cpu",
        "compute": [Peak(precision="fp32", peak=rate)],
        "bandwidth": Rate(value=10.0, size=64),
    }
    return Calibration(**(given | more))


def test_what_was_measured_stands_where_nothing_is_declared(tmp_path):
    board = Board(name="localhost", profile=load_profile("localhost"), calibration=calibration())
    found = roofline(product(tmp_path / "m.onnx"), board)
    (fp32,) = found.precisions
    assert (fp32.gops, fp32.gbs, fp32.measured) == (50.0, 10.0, True)
    assert "measured 2026-11-21 by onnxruntime 1.31.1" in fp32.source
    assert any("no strict bound" in note for note in found.notes)


def test_a_cpus_measured_roof_is_not_a_gpus(tmp_path):
    found = roofs_of("nano", NANO, calibration(), None)
    assert not any(roof.measured for roof in found.roofs)
    on_gpu = roofs_of("nano", NANO, calibration(accelerator="cuda"), None)
    assert [(roof.precision, roof.measured) for roof in on_gpu.roofs] == [("fp32", True), ("fp16", False)]


def test_where_nothing_is_known_the_way_to_know_is_told(tmp_path):
    board = Board(name="localhost", profile=load_profile("localhost"))
    with pytest.raises(UsageError) as caught:
        roofline(product(tmp_path / "m.onnx"), board)
    assert "devices calibrate localhost" in caught.value.hint


def test_unset_axes_ask_for_their_shape(tmp_path):
    path = models.convolution(tmp_path / "m.onnx", height="H", width="W")
    with pytest.raises(UsageError) as caught:
        roofline(path, Board(name="jetson-nano", profile=NANO))
    assert "--shape x=" in caught.value.hint


def test_a_calibration_of_the_cpu_says_nothing_of_a_gpu_and_that_is_told(tmp_path):
    path = product(tmp_path / "m.onnx")
    found = roofline(path, Board(name="nano", profile=NANO, calibration=calibration(accelerator="cpu")))
    assert not any(one.measured for one in found.precisions)
    assert any("calibrated on cpu" in note and "calibrate nano --accelerator cuda" in note for note in found.notes)
    plain = roofline(path, Board(name="nano", profile=NANO))
    assert not any("calibrated on" in note for note in plain.notes)


def test_a_calibration_is_kept_and_belongs_to_one_unit(config):
    save_calibration(calibration())
    assert load_calibration("localhost") == calibration()
    assert load_calibration("localhost", "me") == calibration()
    assert load_calibration("localhost", "another") is None
    assert load_calibration("nano") is None
    (config / "config" / "calibrations" / "localhost.json").write_text("{")
    with pytest.raises(ConfigError) as caught:
        load_calibration("localhost")
    assert "devices calibrate localhost" in caught.value.hint


def test_a_profiles_name_is_a_board_that_nobody_asked(config):
    board = find_board("jetson-xavier-nx")
    assert (board.name, board.facts, board.profile.name) == ("jetson-xavier-nx", None, "jetson-xavier-nx")
    with pytest.raises(UnknownName) as caught:
        find_board("jetson-nan0")
    assert "jetson-nano" in caught.value.hint


def test_a_simulated_board_is_asked_for_its_clocks_and_stays_simulated(config):
    root = config / "root"
    FakeBoard(root, "iio")
    folder = root / "sys/class/devfreq/57000000.gpu"
    folder.mkdir(parents=True)
    (folder / "max_freq").write_text("640000000\n")
    entry = DeviceEntry(
        "mock-nano", transport="local", profile="jetson-nano", root=str(root), home=str(config / "home")
    )
    save_device(entry)
    found = roofline(product(config / "m.onnx"), find_board("mock-nano"))
    assert (found.simulated, found.live, found.clock_mhz) == (True, True, 640.0)
    assert found.precisions[0].gops == pytest.approx(235.9 * 640 / 921.6)


def test_a_device_that_does_not_answer_leaves_its_profile(config):
    save_device(DeviceEntry("gone", profile="jetson-nano", transport="ssh", host="127.0.0.1", port=1, user="x"))

    def nobody(place):
        raise DeviceLost(place.name, "no route to host")

    board = find_board("gone", nobody)
    assert (board.facts, board.profile.name) == (None, "jetson-nano")
    assert "its clocks were not asked" in board.notes[0]
