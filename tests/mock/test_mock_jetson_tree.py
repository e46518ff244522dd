"""The tree of a simulated board, read by the agent's own probes and facts, in simulated time."""

import os

import pytest

from edgebench.agent import facts
from edgebench.agent.probes import base, registry
from edgebench.mock.jetson.boards import BOARDS
from edgebench.mock.jetson.faults import parse_fault
from edgebench.mock.jetson.hardware import Hardware
from edgebench.mock.phone.loads import Work

JETSONS = [name for name, board in BOARDS.items() if board.is_jetson]
RAILS = {
    "jetson-nano": ["POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"],
    "jetson-xavier-nx": ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"],
    "jetson-orin-nano": ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"],
    "jetson-agx-orin": ["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "VDDQ_VDD2_1V8AO"],
    "jetson-thor": ["VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0", "VIN"],
}


@pytest.fixture
def made(tmp_path):
    """Makes boards of a name with faults, and lets go of them."""
    boards = []

    def make(name, *faults, **how):
        hardware = Hardware(BOARDS[name], tmp_path / str(len(boards)), faults=map(parse_fault, faults), **how)
        boards.append(hardware)
        return hardware

    yield make
    for hardware in boards:
        hardware.close()


def seen(hardware):
    return facts.collect(str(hardware.root), str(hardware.root), [])


def slow(hardware, name):
    probes = {probe.source["name"]: probe for probe in registry.find_slow(str(hardware.root))}
    probe = probes[name]
    return dict(zip(probe.source["columns"], probe.read(), strict=True))


def power(hardware):
    return registry.find_power(str(hardware.root))[0]


@pytest.mark.parametrize("name", JETSONS)
def test_the_agent_knows_what_it_is(made, name):
    hardware = made(name)
    found, board = seen(hardware), BOARDS[name]
    assert (found["board"]["soc"], found["board"]["module"]) == (board.soc, board.module)
    assert (found["board"]["l4t"], found["board"]["jetpack"]) == (board.release.l4t, board.release.jetpack)
    assert found["gpu"]["sm"] == board.gpu.sm
    assert found["software"]["tensorrt"] == board.release.tensorrt
    assert found["software"]["cudnn"] == board.release.cudnn
    assert found["memory_kib"]["total"] == board.memory_kib


def test_the_device_tree_ends_its_words_with_nul(made):
    folder = made("jetson-thor").root / "proc/device-tree"
    assert (folder / "compatible").read_bytes().endswith(b"nvidia,tegra264\0")
    assert (folder / "model").read_bytes().endswith(b"Developer Kit\0")
    assert not (folder / "nvidia,dtsfilename").exists()


@pytest.mark.parametrize("name", RAILS)
def test_its_rails_are_found(made, name):
    probe = power(made(name, "rails-readable"))
    assert probe.source["columns"] == RAILS[name]
    assert probe.ok


@pytest.mark.parametrize("name", ["jetson-nano-2gb", "raspberry-pi-4"])
def test_a_board_without_a_power_monitor_says_so(made, name):
    assert power(made(name)).source["state"] == "unsupported"


@pytest.mark.parametrize("name", BOARDS)
def test_clocks_temperatures_and_memory_are_there(made, name):
    hardware = made(name)
    hardware.board.advance(1.0)
    assert slow(hardware, "thermal")
    assert set(slow(hardware, "cpufreq").values()) <= set(BOARDS[name].cpu_khz)
    assert slow(hardware, "meminfo")


def test_load_moves_rails_clocks_and_the_gpu(made):
    hardware = made("jetson-nano", "rails-readable")
    node = hardware.root / "sys/class/devfreq/57000000.gpu"
    hardware.board.advance(1.0)
    before = power(hardware).read()[0]
    assert (node / "cur_freq").read_text() == "76800000\n"
    hardware.work("a test", Work("gpu", 3.0))
    hardware.board.advance(1.0)
    assert power(hardware).read()[0] - before == pytest.approx(3.0e6, rel=0.05)
    assert (node / "cur_freq").read_text() == "921600000\n"
    assert int((hardware.root / "sys/devices/gpu.0/load").read_text()) == 600
    hardware.forget("a test")
    hardware.board.advance(1.0)
    assert power(hardware).read()[0] == pytest.approx(before, abs=0.1e6)


def test_a_smaller_mode_lowers_clocks_and_watts(made):
    hardware = made("jetson-nano")
    hardware.work("a test", Work("gpu", 4.0))
    hardware.board.advance(5.0)
    hardware.clocks.set_mode(BOARDS["jetson-nano"].mode_of(1))
    hardware.board.advance(5.0)
    full, small = hardware.board.truth(0.5, 5.0).mean_watts, hardware.board.truth(6.0, 10.0).mean_watts
    idle = BOARDS["jetson-nano"].draw.idle
    assert (small - idle) / (full - idle) == pytest.approx((640.0 / 921.6) ** 2, rel=0.02)
    assert (hardware.root / "sys/devices/system/cpu/online").read_text() == "0-1\n"
    assert hardware.share("gpu") == pytest.approx(640.0 / 921.6)


def test_locked_clocks_cost_watts_when_idle(made):
    hardware = made("jetson-orin-nano")
    hardware.board.advance(5.0)
    hardware.clocks.lock()
    hardware.board.advance(5.0)
    rise = hardware.board.truth(6.0, 10.0).mean_watts - hardware.board.truth(0.5, 5.0).mean_watts
    assert rise == pytest.approx(BOARDS["jetson-orin-nano"].draw.locked, rel=0.05)


def test_a_fan_cools(made):
    temperatures = []
    for pwm in ("0", "255"):
        hardware = made("jetson-nano")
        hardware.knobs.set("/sys/devices/pwm-fan/temp_control", "0")
        hardware.knobs.set("/sys/devices/pwm-fan/target_pwm", pwm)
        hardware.work("a test", Work("gpu", 5.0))
        hardware.board.advance(300.0)
        temperatures.append(hardware.board.celsius)
    assert temperatures[0] - temperatures[1] > 5.0


def test_what_is_held_shows_in_meminfo(made):
    hardware = made("jetson-orin-nano")
    hardware.board.advance(1.0)
    before = seen(hardware)["memory_kib"]["available"]
    hardware.hold("a test", 500_000, of_gpu=True)
    hardware.board.advance(1.0)
    assert before - seen(hardware)["memory_kib"]["available"] == 500_000
    assert "NvMapMemUsed:     500000 kB" in (hardware.root / "proc/meminfo").read_text()
    assert "NvMapMemUsed" not in (made("jetson-nano").root / "proc/meminfo").read_text()


def test_zram_is_a_nanos_swap(made):
    text = (made("jetson-nano").root / "proc/swaps").read_text()
    assert [line.split()[0] for line in text.splitlines()[1:]] == [f"/dev/zram{cpu}" for cpu in range(4)]


class TestFaults:
    """What each does to the tree."""

    def test_hot_it_throttles_and_tells_when(self, made):
        hardware = made("jetson-orin-nano", "throttle@5s")
        hardware.work("a test", Work("gpu", 9.0))
        hardware.board.advance(4.0)
        assert not hardware.board.throttled_at_ns
        for _ in range(100):
            hardware.board.advance(0.2)
        first = hardware.board.throttled_at_ns[0] - hardware.board.start_ns
        assert 5.0e9 < first < 15.0e9
        states = slow(hardware, "throttle")
        assert states["gpu-throttle-alert"] == 1
        assert hardware.share("gpu") < 0.9

    def test_a_dead_sensor(self, made):
        found = slow(made("jetson-orin-nano", "sensor-dead"), "thermal")
        assert found["gpu-thermal"] is base.MISSING
        assert found["cpu-thermal"] is not base.MISSING

    def test_rails_below_zero(self, made):
        hardware = made("jetson-nano", "rails-negative", "rails-readable")
        hardware.board.advance(1.0)
        probe = power(hardware)
        values = dict(zip(probe.source["columns"], probe.read(), strict=True))
        assert values["POM_5V_GPU"] < 0 < values["POM_5V_IN"]

    def test_rails_that_never_read(self, made):
        probe = power(made("jetson-orin-nano", "rails-eagain"))
        assert (probe.source["state"], probe.read()) == ("unavailable", ())

    def test_a_board_that_begins_warm_cools_down(self, made):
        hardware = made("jetson-nano", "warm")
        hardware.board.advance(1.0)
        assert hardware.board.celsius > 60
        hardware.board.advance(600.0)
        assert hardware.board.celsius < 40

    def test_roots_rails_have_no_permission_and_chmod_gives_it(self, made):
        hardware = made("jetson-nano")
        path = hardware.root / "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power0_input"
        assert path.stat().st_mode & 0o777 == 0
        assert hardware.access.change(path, "a+r")
        assert path.stat().st_mode & 0o777 == 0o444
        assert hardware.access.change(path, "go-r")
        assert (path.stat().st_mode & 0o777, hardware.access.mode(path)) == (0, 0o400)
        assert int(hardware.access.read(path)) > 0

    def test_a_brown_out_sags_and_counts(self, made):
        hardware = made("jetson-orin-nano", "brown-out@3s")
        hardware.work("a test", Work("gpu", 8.0))
        folder = next((hardware.root / "sys/bus/i2c/drivers/ina3221/1-0040/hwmon").iterdir())
        hardware.board.advance(2.0)
        assert int((folder / "in1_input").read_text()) > 4900
        hardware.board.advance(2.0)
        assert int((folder / "in1_input").read_text()) < 4600
        assert slow(hardware, "overcurrent")["oc1"] == 1

    def test_a_storm_of_over_current(self, made):
        hardware = made("jetson-orin-nano", "oc-storm")
        for _ in range(20):
            hardware.board.advance(0.5)
        assert slow(hardware, "overcurrent")["oc3"] == pytest.approx(10 * 27_390 / 3600, abs=1)

    def test_numbers_move_with_a_boot(self, made):
        hardware = made("jetson-orin-nano", "hwmon-shuffled")
        driver = hardware.root / "sys/bus/i2c/drivers/ina3221/1-0040/hwmon"
        before, probe = os.listdir(driver), power(hardware)  # noqa: PTH208
        hardware.reboot()
        hardware.board.advance(1.0)
        assert os.listdir(driver) != before  # noqa: PTH208
        assert power(hardware).source["columns"] == probe.source["columns"]
        assert int((driver / os.listdir(driver)[0] / "in1_input").read_text()) > 4000  # noqa: PTH208

    def test_clocks_left_locked(self, made):
        hardware = made("jetson-nano", "clocks-left-locked")
        folder = hardware.root / "sys/devices/system/cpu/cpufreq/policy0"
        assert (folder / "scaling_min_freq").read_text() == (folder / "scaling_max_freq").read_text()


def test_a_reboot_frees_the_clocks_and_begins_uptime_anew(made):
    hardware = made("jetson-nano")
    uptime = lambda: float((hardware.root / "proc/uptime").read_text().split()[0])  # noqa: E731
    boot = (hardware.root / "proc/sys/kernel/random/boot_id").read_text()
    assert uptime() > 2000
    hardware.clocks.lock()
    hardware.reboot()
    hardware.board.advance(0.2)
    assert 60 < uptime() < 120
    assert not hardware.clocks.are_locked
    assert (hardware.root / "proc/sys/kernel/random/boot_id").read_text() != boot


def test_the_seed_decides(made):
    readings = []
    for seed in (1, 1, 2):
        hardware = made("jetson-orin-nano", seed=seed)
        hardware.board.advance(2.0)
        readings.append((tuple(power(hardware).read()), hardware.uptime_s))
    assert readings[0] == readings[1] != readings[2]


def test_files_of_root_are_not_for_writing(made):
    hardware = made("jetson-nano")
    path = hardware.root / "sys/devices/system/cpu/cpufreq/policy0/scaling_governor"
    assert path.stat().st_mode & 0o222 == 0
    with pytest.raises(OSError, match="Invalid argument"):
        hardware.knobs.set("/sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "fastest")
    hardware.knobs.set("/sys/devices/system/cpu/cpufreq/policy0/scaling_governor", "performance")
    assert path.read_text() == "performance\n"
