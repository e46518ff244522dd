import os
import unittest

from sensor_tree import MISSING, TreeTest, module, ordinary_user
from test_agent_probes_power import NANO, ORIN, iio, mainline

gpu, ina3221, meminfo, totals = [module("probes." + name) for name in ("gpu", "ina3221", "meminfo", "totals")]
sampler = module("sampler")

DEVFREQ = "sys/class/devfreq/"
TEGRA = {"proc/device-tree/compatible": b"nvidia,p3768-0000+p3767-0005\0nvidia,tegra234\0"}


class Gpu(TreeTest):
    def node(self, name, of_node=None, load=None, now=624750000, most=1020000000, least=306000000):
        files = {"cur_freq": now, "max_freq": most, "min_freq": least}
        if of_node:
            files["device/of_node/name"] = of_node.encode("ascii") + b"\0"
        if load is not None:
            files["device/load"] = load
        self.put(files, DEVFREQ + name)

    def test_the_node_is_known_by_its_device_tree_name(self):
        self.node("13e10000.vi", "vi", 999, now=1)
        self.node("17000000.gpu", "ga10b", 843)
        probe = gpu.find(self.root)
        self.assertEqual(probe.source["columns"], ["load.permille", "kHz", "max.kHz", "min.kHz"])
        self.assertEqual(probe.read(), (843, 624750, 1020000, 306000))

    def test_thor_has_clocks_and_no_load(self):
        self.node("gpu-nvd-0", now=1)
        self.node("gpu-gpc-0", now=1575000000)
        self.assertEqual(gpu.find(self.root).read(), (MISSING, 1575000, 1020000, 306000))

    def test_jetpack_4_has_them_in_folders_of_its_own(self):
        files = {"load": 512, "devfreq/57000000.gpu/cur_freq": 921600000, "devfreq/57000000.gpu/max_freq": 921600000}
        self.put(files, "sys/devices/gpu.0")
        self.assertEqual(gpu.find(self.root).read(), (512, 921600, 921600, MISSING))

    def test_a_node_that_comes_late_is_found(self):
        self.put(TEGRA)
        probe = gpu.find(self.root)
        self.assertEqual((probe.source["state"], probe.read()), ("ok", (MISSING,) * 4))
        self.node("17000000.gpu", "gpu", 100)
        values = [probe.read() for _ in range(gpu.LOOK_AGAIN)]
        self.assertEqual(values[-1], (100, 624750, 1020000, 306000))

    def test_a_gated_gpu_is_missing_this_time(self):
        self.node("17000000.gpu", "gpu")
        self.put({"device/load": b""}, DEVFREQ + "17000000.gpu")
        self.assertEqual(gpu.find(self.root).read()[0], MISSING)

    def test_none(self):
        self.assertEqual(gpu.find(self.root).source["state"], "unsupported")
        self.node("1d84000.ufshc", "ufshc", 1)
        self.assertEqual(gpu.find(self.root).source["state"], "unsupported")


class MemoryController(TreeTest):
    def test_clocks_by_release(self):
        for at, path in enumerate(reversed(gpu.EMC_HZ), 1):
            self.put({path: at * 1600000000})
            self.assertEqual(gpu.find_emc(self.root).read(), (at * 1600000,))

    def test_root_only_none_and_unknown(self):
        self.assertEqual(gpu.find_emc(self.root).source["state"], "unsupported")
        self.put(TEGRA)
        self.put({gpu.EMC_HZ[0]: 5})
        os.chmod(self.path("sys/kernel/debug"), 0o700)
        with ordinary_user():
            source = gpu.find_emc(self.root).source
        self.assertEqual((source["state"], "root only" in source["why"]), ("unavailable", True))


class Supply(TreeTest):
    def test_the_input_voltage_is_read_along_with_the_power(self):
        self.put(iio([("POM_5V_IN", 4712, 2000, 9424), ("POM_5V_GPU", 4700, 8, 38)]), NANO)
        supply = ina3221.find(self.root).companions[0]
        self.assertEqual((supply.source["name"], supply.source["unit"]), ("supply", "mV"))
        self.assertEqual((supply.source["columns"], supply.read()), (["POM_5V_IN"], (4712,)))
        events = []
        config = {"root": self.root, "power": "ina3221"}
        groups, _ = sampler.build_groups(config, None, lambda ev, **fields: events.append(fields), {})
        self.assertEqual([track.probe.source["name"] for track in groups[0].tracks], ["power:ina3221", "supply"])
        self.assertIn("supply", [event["name"] for event in events])

    def test_without_a_total_there_is_no_input(self):
        self.put(mainline([("", 5000, 1000), ("", 5000, 500)]), ORIN)
        self.assertEqual(ina3221.find(self.root).companions, [])

    def test_alarms(self):
        self.assertEqual(ina3221.find_alarms(self.root).source["state"], "unsupported")
        self.put(mainline([("VDD_IN", 5000, 1000), ("NC", 0, 0)]), ORIN)
        self.put({"curr1_max_alarm": 0, "curr1_crit_alarm": 1, "curr2_crit_alarm": 1}, ORIN)
        probe = ina3221.find_alarms(self.root)
        self.assertEqual((probe.source["columns"], probe.read()), (["VDD_IN.max", "VDD_IN.crit"], (0, 1)))


class Trouble(TreeTest):
    def test_rails_that_fail_for_ever_are_missing_and_never_zero(self):
        self.put(mainline([("VDD_IN", 5000, 1000), ("VDD_SOC", 5000, 200)]), ORIN)
        os.remove(self.path(ORIN + "/curr1_input"))
        self.failing(ORIN + "/curr1_input")
        probe = ina3221.find(self.root)
        for _ in range(50):
            self.assertEqual(probe.read(), (MISSING, 1000000))

    def test_without_its_companion_thor_falls_back_to_three_rails(self):
        rails = ["VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0"]
        self.put(mainline([(name, 19600, 40) for name in rails]), "sys/class/hwmon/hwmon1")
        options = {"total_rails": ["VIN"], "total_rails_fallback": rails}
        source = ina3221.find(self.root, options).source
        self.assertEqual((source["total"], source["scope"]), (rails, "rails"))
        self.put({"name": "ina238", "label": "VIN", "power1_input": 19800000}, "sys/class/hwmon/hwmon3")
        source = ina3221.find(self.root, options).source
        self.assertEqual((source["total"], source["scope"]), (["VIN"], "input"))

    def test_an_incomplete_fallback_leaves_the_reason_of_the_declared(self):
        total, why, _ = totals.choose(["A"], ["VIN"], ["A", "B"])
        self.assertEqual((total, "VIN" in why), (None, True))

    def test_boards_by_their_rails(self):
        # reference table of boards; the carrier's and child rails never count
        boards = {
            "TX2 NX": (["VDD_IN", "VDD_CPU_GPU", "VDD_SOC"], ["VDD_IN"], "module"),
            "TX2": (["VDD_SYS_GPU", "VDD_SYS_SOC", "VDD_IN", "VDD_SYS_CPU", "VDD_MUX"], ["VDD_IN"], "module"),
            "Xavier NX": (["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"], ["VDD_IN"], "module"),
            "AGX Xavier": (
                ["GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"], ["GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"], "rails"),
        }  # fmt: skip
        for board, (columns, total, scope) in boards.items():
            self.assertEqual(totals.choose(columns), (total, None, scope), board)


class Zram(TreeTest):
    def test_devices_are_added_up(self):
        self.assertEqual(meminfo.find_zram(self.root).source["state"], "unsupported")
        for number in range(2):
            self.put({"mm_stat": "4096000 1024 2048000 0 1 2 3"}, "sys/block/zram%d" % number)
        probe = meminfo.find_zram(self.root)
        self.assertEqual(probe.read(), (8000, 4000))
        self.put({"mm_stat": "4096000"}, "sys/block/zram1")
        self.assertEqual(probe.read(), (MISSING, MISSING))


if __name__ == "__main__":
    unittest.main()
