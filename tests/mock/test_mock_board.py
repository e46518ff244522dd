import os

import numpy as np
import pytest

from edgebench.mock.body import Heat
from edgebench.mock.cells import Cell
from edgebench.mock.forms import FORMS
from edgebench.mock.sysfs import FakeBoard
from edgebench.mock.workload import Constant, Ramp, Schedule, Square

IIO = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0"
HOT = Heat(ambient_c=25, ohm_c_per_w=10, tau_s=5, trip_c=80)


def text(folder, path):
    return (folder / path).read_text().strip()


def found(folder, pattern):
    return sorted(str(path.relative_to(folder)) for path in folder.glob(pattern))


class TestWorkload:
    def test_square_has_its_duty_on_the_millisecond_grid(self):
        seconds = np.arange(100_000) / 1000
        watts = Square(7.0, 3.5, 0.010, 0.6).watts(seconds)
        assert watts.mean() == pytest.approx(0.6 * 7 + 0.4 * 3.5)
        assert list(watts[:10]) == [7.0] * 6 + [3.5] * 4

    def test_schedule_is_idle_when_it_is_over(self):
        schedule = Schedule(((1.0, Constant(5.0)), (2.0, Ramp(4.0, 8.0, 2.0))), idle_w=1.5)
        assert list(schedule.watts(np.array([0.0, 0.999, 1.0, 2.0, 3.0, 9.0]))) == [5.0, 5.0, 4.0, 6.0, 1.5, 1.5]


class TestTruth:
    def test_energy_of_a_known_load(self, tmp_path):
        load = Schedule(((10.0, Constant(2.0)), (20.0, Square()), (10.0, Ramp(2.0, 6.0, 10.0))), idle_w=2.0)
        with FakeBoard(tmp_path, load=load) as board:
            board.advance(40)
            assert board.truth(0, 10).joules == pytest.approx(20, rel=1e-3)
            assert board.truth(10, 30).mean_watts == pytest.approx(5.6, rel=1e-3)
            assert board.truth(30, 40).joules == pytest.approx(40, rel=2e-3)
            parts = sum(board.truth(at, at + 0.0037).joules for at in np.arange(0, 37, 0.0037))
            assert parts == pytest.approx(board.truth(0, 37).joules, rel=1e-3)

    def test_the_size_of_the_steps_does_not_matter(self, tmp_path):
        joules = []
        for name, step in (("a", 0.0373), ("b", 0.1), ("c", 5.0)):
            with FakeBoard(tmp_path / name, load=Schedule(((9.0, Square()),))) as board:
                while board.monotonic_ns() - board.start_ns < 9_000_000_000:
                    board.advance(step)
                joules.append(board.truth(0, 9).joules)
        assert joules == pytest.approx([joules[0]] * 3, rel=2e-3)

    def test_the_future_is_not_known(self, tmp_path):
        with FakeBoard(tmp_path) as board:
            board.advance(1)
            with pytest.raises(ValueError, match="knows nothing"):
                board.truth(0, 1.5)
            with pytest.raises(ValueError, match="backwards"):
                board.advance(-1)

    def test_a_seed_is_a_board(self, tmp_path):
        readings = []
        for name, seed in (("a", 1), ("b", 1), ("c", 2)):
            with FakeBoard(tmp_path / name, seed=seed, load=Schedule(((9.0, Square()),))) as board:
                board.advance(3.21)
                readings.append((board.truth(0, 3).joules, text(tmp_path / name, f"{IIO}/in_power0_input")))
        assert readings[0] == readings[1] != readings[2]


class TestHeat:
    def test_warms_towards_ambient_plus_resistance_times_power(self, tmp_path):
        with FakeBoard(tmp_path, load=Schedule(((999.0, Constant(6.0)),)), heat=Heat(tau_s=10, ohm_c_per_w=5)) as board:
            start = board.celsius
            board.advance(10)
            target = 25 + 5 * 6
            assert board.celsius == pytest.approx(target + (start - target) * np.exp(-1), abs=0.1)
            board.advance(100)
            assert board.celsius == pytest.approx(target, abs=0.1)
            assert int(text(tmp_path, "sys/class/thermal/thermal_zone0/temp")) == pytest.approx(target * 1000, abs=150)

    def test_too_hot_lowers_the_clock_and_the_power_and_tells_it(self, tmp_path):
        with FakeBoard(tmp_path, load=Schedule(((40.0, Constant(7.0)),)), heat=HOT) as board:
            state, alert, surface = (f"sys/class/thermal/cooling_device{index}/cur_state" for index in range(3))
            assert [text(tmp_path, path) for path in (state, alert, surface)] == ["0", "0", "0"]
            board.advance(30)
            assert board.throttle_level > 0
            assert [text(tmp_path, path) for path in (alert, surface)] == ["1", "1"]
            assert text(tmp_path, state) == str(board.throttle_level)
            frequency = int(text(tmp_path, "sys/devices/system/cpu/cpufreq/policy0/scaling_cur_freq"))
            assert frequency == round(1_479_000 * board.clock_share)
            assert board.truth(25, 30).mean_watts < 0.95 * board.truth(0, 3).mean_watts
            board.advance(60)
            assert (board.throttle_level, text(tmp_path, state)) == (0, "0")

    def test_intel_counts_its_lowerings(self, tmp_path):
        with FakeBoard(tmp_path, "rapl", load=Schedule(((40.0, Constant(7.0)),)), heat=HOT) as board:
            path = "sys/devices/system/cpu/cpu2/thermal_throttle/core_throttle_count"
            assert text(tmp_path, path) == "0"
            board.advance(40)
            assert int(text(tmp_path, path)) >= 1


class TestForms:
    @pytest.mark.parametrize("form", FORMS)
    def test_every_form_lives(self, tmp_path, form):
        with FakeBoard(tmp_path, form, load=Schedule(((5.0, Square()),))) as board:
            board.advance(6)
            assert text(tmp_path, "proc/stat").startswith("cpu  ")

    def test_an_unknown_form(self, tmp_path):
        with pytest.raises(ValueError, match="there are iio"):
            FakeBoard(tmp_path, "toaster")

    def test_iio_shows_milliwatts_in_its_steps(self, tmp_path):
        with FakeBoard(tmp_path, "iio", load=Schedule(((99.0, Constant(6.0)),))) as board:
            board.advance(2)
            volts, amps, power = (
                int(text(tmp_path, f"{IIO}/in_{kind}0_input")) for kind in ("voltage", "current", "power")
            )
            assert (volts % 8, amps % 8) == (0, 0)
            assert power == round(volts * amps / 1000)
            assert power / 1000 == pytest.approx(board.truth(1.999, 2).mean_watts, abs=0.1)

    def test_hwmon_has_no_power_and_numbers_move_between_boots(self, tmp_path):
        numbers = set()
        for seed in range(6):
            with FakeBoard(tmp_path / str(seed), "hwmon", seed=seed):
                (folder,) = found(tmp_path / str(seed), "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon*")
                numbers.add(folder[-1])
                assert text(tmp_path / str(seed), f"{folder}/in7_label") == "sum of shunt voltages"
        assert len(numbers) > 1
        assert not found(tmp_path, "**/power*")

    def test_thors_gated_rail_reads_one_step_below_zero_at_times(self, tmp_path):
        readings = set()
        with FakeBoard(tmp_path, "thor") as board:
            (folder,) = found(tmp_path, "sys/bus/i2c/drivers/ina3221/2-0040/hwmon/hwmon*")
            for _ in range(100):
                board.advance(0.01)
                volts, amps = (int(text(tmp_path, f"{folder}/{name}1_input")) for name in ("in", "curr"))
                readings.add(volts * amps // 1000)
        assert readings == {-392, 0, 392}

    def test_rapl_wraps(self, tmp_path):
        path = "sys/class/powercap/intel-rapl:0/energy_uj"
        with FakeBoard(tmp_path, "rapl", load=Schedule(((99.0, Constant(5.0)),))) as board:
            before = int(text(tmp_path, path))
            board.advance(10)
            after = int(text(tmp_path, path))
            wrap = int(text(tmp_path, "sys/class/powercap/intel-rapl:0/max_energy_range_uj")) + 1
            assert after < before
            assert after + wrap - before == pytest.approx(board.truth(0, 10).joules * 1e6, abs=2)

    def test_identity_ends_with_nul(self, tmp_path):
        with FakeBoard(tmp_path, "iio"):
            compatible = (tmp_path / "proc/device-tree/compatible").read_bytes()
            assert compatible.split(b"\0")[-2:] == [b"nvidia,tegra210", b""]


class TestCells:
    def test_an_open_reader_sees_new_content_of_any_length(self, tmp_path):
        cell = Cell(tmp_path / "a/value", 10000)
        reader = os.open(tmp_path / "a/value", os.O_RDONLY)
        for value in (9, -392000, 0, 262143328850, 7):
            cell.set(value)
            assert os.pread(reader, 64, 0) == b"%d\n" % value
        os.close(reader)
        cell.close()
