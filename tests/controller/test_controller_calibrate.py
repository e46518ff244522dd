"""Peaks measured: which sizes are tried, which counts, what is said when nothing runs; and this machine, for real."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import msgspec
import numpy as np
import onnxruntime as ort
import pytest

from edgebench.artifacts import count, workloads
from edgebench.controller.calibrate import SETTINGS, Measured, _arithmetic, _memory, calibrate
from edgebench.controller.devices import DeviceEntry
from edgebench.controller.roofs import roofs_of
from edgebench.controller.view import SilentView
from edgebench.errors import DeviceUnfit, UsageError
from edgebench.report.calibration_view import calibration_lines


@dataclass
class Machine:
    """A machine of known rates in the place of a bench: `gops(edge)`, `gbs(mib)`."""

    work: Path
    gops: object = lambda edge: 10.0
    gbs: object = lambda mib: 5.0
    available_kib: int = 64 * 1024 * 1024
    tried: list = field(default_factory=list)

    @property
    def device(self):
        return SimpleNamespace(facts={"memory_kib": {"available": self.available_kib}})

    def told(self, text):
        pass

    def seconds(self, path, span):
        self.tried.append(path.stem)
        kind, size, *_ = path.stem.split("-")
        if kind == "product":
            rate = self.gops(int(size))
            work = workloads.PRODUCTS * 2 * int(size) ** 3
        else:
            rate = self.gbs(int(size))
            arrays = {"addition": 3, "copy": 2}[kind] * workloads.PASSES + 1
            work = arrays * int(size) * 2**20
        return None if rate is None else Measured(work / rate / 1e9, None, None)


def test_arithmetic_counts_at_its_best_size_and_ends_when_size_gains_nothing(tmp_path):
    rates = {128: 100.0, 256: 800.0, 512: 1000.0, 1024: 900.0, 2048: 950.0, 4096: 9900.0}
    machine = Machine(tmp_path, gops=rates.get)
    found = _arithmetic(machine, "fp32", tuple(rates))
    assert (found.peak.value, found.peak.size) == (pytest.approx(1000.0), 512)
    assert [rate.size for rate in found.tried] == [128, 256, 512, 1024, 2048]


def test_one_size_that_gains_nothing_does_not_end_it(tmp_path):
    rates = {128: 10.0, 256: 8.0, 512: 20.0}
    assert _arithmetic(Machine(tmp_path, gops=rates.get), "fp32", tuple(rates)).peak.size == 512


def test_no_size_is_tried_that_would_take_too_long(tmp_path):
    machine = Machine(tmp_path, gops=lambda edge: 0.1)
    found = _arithmetic(machine, "fp32", (128, 256, 512, 1024))
    assert [rate.size for rate in found.tried] == [128, 256]  # 512 would take 10 s


def test_memory_counts_at_its_largest_array_and_leaves_the_device_room(tmp_path):
    machine = Machine(tmp_path, gbs={16: 40.0, 64: 12.0, 256: 9.0}.get)
    assert [rate.value for rate in _memory(machine, "copy", workloads.copies, (16, 64, 256))] == pytest.approx(
        [40, 12, 9]
    )
    machine.available_kib = 512 * 1024
    assert [rate.size for rate in _memory(machine, "addition", workloads.additions, (16, 64, 256))] == [16]


def test_what_does_not_run_has_no_rate(tmp_path):
    machine = Machine(tmp_path, gops=lambda edge: None)
    assert _arithmetic(machine, "fp32", (128, 256)) is None
    assert machine.tried == ["product-128-fp32"]


def test_the_interval_of_a_rate_turns_round():
    rate = Measured(2.0, 1.0, 4.0).rate(8e9, 3)
    assert (rate.value, rate.lo, rate.hi, rate.size) == (4.0, 2.0, 8.0, 3)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_products_are_what_the_counts_say_and_stay_in_range(tmp_path, precision):
    path = tmp_path / "p.onnx"
    work = workloads.matrix_products(path, 64, precision)
    assert count(path).flops == work
    dtype = {"fp32": np.float32, "fp16": np.float16}[precision]
    draw = np.random.default_rng(1)
    feeds = {name: draw.uniform(0, 2 / 64, (64, 64)).astype(dtype) for name in ("x", "w")}
    (got,) = ort.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, feeds)
    assert np.isfinite(got).all()
    assert 0 < got.mean() < 1


@pytest.mark.parametrize(
    ("write", "inputs", "expected"), [(workloads.additions, ("x", "w"), 9.0), (workloads.copies, ("x",), 1.0)]
)
def test_arrays_are_passed_over_as_often_as_counted(tmp_path, write, inputs, expected):
    path = tmp_path / "a.onnx"
    elements = 1000
    per_pass = len(inputs) + 1
    assert write(path, elements) == (per_pass * workloads.PASSES + 1) * 4 * elements
    feeds = dict.fromkeys(inputs, np.ones((1, elements), np.float32))
    (got,) = ort.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, feeds)
    assert got.item() == expected


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("EDGEBENCH_CONFIG", str(tmp_path / "config"))
    return DeviceEntry("localhost", profile="localhost", transport="local", home=str(tmp_path / "home"))


SHORT = msgspec.structs.replace(SETTINGS, invocations=1, min_time_s=0.02, min_iterations=3)


def test_this_machine(here):
    said = []
    found = calibrate(here, SilentView(), said.append, settings=SHORT, edges=(64,), array_mib=(1,))
    (fp32,) = found.compute
    assert (fp32.precision, fp32.peak.size, found.bandwidth.size) == ("fp32", 64, 1)
    assert 0.01 < fp32.peak.value < 1e5
    assert 0.01 < found.bandwidth.value < 1e5
    assert found.runtime == f"onnxruntime {ort.__version__}"
    assert (found.accelerator, found.simulated, found.date[:2]) == ("cpu", False, "20")
    assert len([line for line in said if "its figure is kept" not in line]) == 3
    assert roofs_of("localhost", None, found, None).roofs[0].gops == fp32.peak.value


def test_an_accelerator_that_is_not_there_is_the_runs_own_word(here):
    with pytest.raises(DeviceUnfit) as caught:
        calibrate(
            here, SilentView(), lambda text: None, accelerator="cuda", settings=SHORT, edges=(64,), array_mib=(1,)
        )
    assert "localhost" in caught.value.message
    assert "cuda" in caught.value.message.lower()


def test_a_busy_device_is_called_busy():
    rate = {"value": 10.0, "lo": 9.0, "hi": 11.0, "size": 64.0}
    found = {"device": "d", "simulated": True, "runtime": "r 1", "accelerator": "cpu", "power_mode": "5W",
             "date": "now", "bandwidth": rate | {"value": 5.0, "lo": None},
             "compute": [{"precision": "fp32", "peak": rate}], "foreign_load": 0.5}  # fmt: skip
    lines = calibration_lines(found)
    assert lines[0] == "d, simulated: r 1 on cpu, power mode 5W, now"
    assert lines[1] == "  memory  5 GB/s, arrays of 64 MiB"
    assert "10 GFLOP/s (9 to 11), products of 64 x 64; ridge 2.0" in lines[2]
    assert "50%" in lines[3]
    assert len(calibration_lines(found | {"foreign_load": 0.01})) == 3


@pytest.mark.parametrize("how", [{"accelerator": "tensorrt"}, {"backend": "tensorrt", "accelerator": "cuda"}])
def test_what_fuses_the_passes_is_refused_before_the_device_is_touched(how):
    def connect(place):
        raise AssertionError("nobody is called")

    with pytest.raises(UsageError, match="one pass of many") as refused:
        calibrate(DeviceEntry("board", host="board"), SilentView(), print, connect=connect, **how)
    assert "--accelerator cuda" in str(refused.value.hint)
