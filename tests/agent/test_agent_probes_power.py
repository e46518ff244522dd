import ctypes
import os
import unittest

from sensor_tree import MISSING, TreeTest, module, ordinary_user

hwmon, ina3221, nvml, rapl = [module("probes." + name) for name in ("hwmon", "ina3221", "nvml", "rapl")]
registry, totals, steps = [module("probes." + name) for name in ("registry", "totals", "steps")]

NANO = "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0"
XAVIER = "sys/bus/i2c/drivers/ina3221x/1-004%d/iio:device%d"
ORIN = "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon4"
POWERCAP = "sys/class/powercap"


def iio(rails):
    files = {}
    for channel, (name, millivolts, milliamps, milliwatts) in enumerate(rails):
        files["rail_name_%d" % channel] = name
        files["in_voltage%d_input" % channel] = millivolts
        files["in_current%d_input" % channel] = milliamps
        files["in_power%d_input" % channel] = milliwatts
    return files


def mainline(rails, shunt=None):
    files = {"name": "ina3221", "in7_label": "sum of shunt voltages", "in7_input": 1, "curr4_input": 9999}
    for channel, (name, millivolts, milliamps) in enumerate(rails, 1):
        if name:
            files["in%d_label" % channel] = name
        if shunt:
            files["shunt%d_resistor" % channel] = shunt
        files["in%d_input" % channel] = millivolts
        files["curr%d_input" % channel] = milliamps
        files["in%d_input" % (channel + 3)] = 40
    return files


class Iio(TreeTest):
    def setUp(self):
        TreeTest.setUp(self)
        self.rails = [("POM_5V_IN", 5280, 480, 2534), ("POM_5V_GPU", 5280, 8, 42), ("POM_5V_CPU", 5280, 160, 844)]
        self.put(iio(self.rails), NANO)

    def test_milliwatts_become_microwatts_and_the_input_rail_is_the_total(self):
        probe = ina3221.find(self.root)
        self.assertEqual(probe.read(), (2534000, 42000, 844000))
        source = probe.source
        self.assertEqual(source["columns"], ["POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"])
        self.assertEqual((source["total"], source["scope"], source["unit"]), (["POM_5V_IN"], "module", "uW"))
        self.assertEqual((source["state"], source["kind"]), ("ok", "instantaneous"))

    def test_open_files_show_new_content(self):
        probe = ina3221.find(self.root)
        self.put({"in_power0_input": -42}, NANO)
        self.assertEqual(probe.read()[0], -42000)

    def test_one_bad_column_leaves_the_others(self):
        probe = ina3221.find(self.root)
        for content in (b"", b"garbage\n", b"9" * 60, b"\xff\xfe\x00", b"1 2\n"):
            self.put({"in_power1_input": content}, NANO)
            self.assertEqual(probe.read(), (2534000, MISSING, 844000))

    def test_rails_that_open_and_never_read_leave_the_choice_to_another_source(self):
        self.put({"in_power%d_input" % channel: "" for channel in range(3)}, NANO)
        source = ina3221.find(self.root).source
        self.assertEqual(source["state"], "unavailable")
        self.assertIn("open and cannot be read (POM_5V_IN, POM_5V_GPU, POM_5V_CPU)", source["why"])

    def test_the_step_is_learnt_from_the_currents_seen(self):
        probe = ina3221.find(self.root)
        self.assertIsNone(probe.source["resolution_w"])
        for milliamps in (488, 504, 480, 520, 528):
            self.put({"in_current0_input": milliamps}, NANO)
            probe.read()
        self.assertAlmostEqual(probe.source["resolution_w"], 0.008 * 5.280, places=4)

    def test_the_declared_step_stands_until_it_is_learnt(self):
        probe = ina3221.find(self.root, {"lsb_mw": ["40"]})
        self.assertEqual(probe.source["resolution_w"], 0.04)
        for milliamps in (488, 504, 480, 520, 528):
            self.put({"in_current0_input": milliamps}, NANO)
            probe.read()
        self.assertAlmostEqual(probe.source["resolution_w"], 0.008 * 5.280, places=4)

    def test_a_constant_current_teaches_no_step(self):
        probe = ina3221.find(self.root)
        for _ in range(300):
            probe.read()
        self.assertIsNone(probe.source["resolution_w"])

    def test_agx_xavier_adds_its_six_rails_of_two_chips(self):
        self.root = self.path("xavier")
        self.put(iio([("GPU", 19000, 20, 380), ("CPU", 19000, 20, 381), ("SOC", 19000, 40, 760)]), XAVIER % (0, 0))
        self.put(iio([("CV", 19000, 0, 0), ("VDDRQ", 19000, 20, 390), ("SYS5V", 5000, 200, 1000)]), XAVIER % (1, 1))
        source = ina3221.find(self.root).source
        self.assertEqual(source["total"], ["GPU", "CPU", "SOC", "CV", "VDDRQ", "SYS5V"])
        self.assertEqual(source["scope"], "rails")

    def test_files_for_root_only_are_unavailable_with_the_remedy(self):
        for channel in range(3):
            self.forbid("%s/in_power%d_input" % (NANO, channel))
        with ordinary_user():
            source = ina3221.find(self.root).source
        self.assertEqual(source["state"], "unavailable")
        self.assertIn("permission", source["why"])
        self.assertIn("chmod a+r " + self.path(NANO), source["why"])


class Mainline(TreeTest):
    def test_power_is_the_product_and_sums_of_shunts_are_no_rails(self):
        self.put(mainline([("VDD_IN", 5000, 1000), ("VDD_CPU_GPU_CV", 5000, -8), ("VDD_SOC", 4992, 200)], 5000), ORIN)
        probe = ina3221.find(self.root)
        self.assertEqual(probe.source["columns"], ["VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"])
        self.assertEqual(probe.read(), (5000000, -40000, 998400))
        self.assertEqual(probe.source["total"], ["VDD_IN"])
        self.assertAlmostEqual(probe.source["resolution_w"], 40e-6 / 5e-3 * 5.0)

    def test_unlabelled_rails_are_recorded_and_the_total_says_why_not(self):
        self.put(mainline([("", 5000, 1000), ("", 5000, 500), ("", 5000, 100)]), ORIN)
        probe = ina3221.find(self.root)
        self.assertEqual((probe.source["state"], probe.source["columns"]), ("ok", ["ch1", "ch2", "ch3"]))
        self.assertEqual(probe.read(), (5000000, 2500000, 500000))
        self.assertIsNone(probe.source["total"])
        self.assertEqual(probe.source["total_why"], "no whitelisted total rail; set total_rails in the profile")

    def test_the_profiles_total_rails_win(self):
        self.put(mainline([("", 5000, 1000), ("", 5000, 500), ("", 5000, 100)]), ORIN)
        self.assertEqual(ina3221.find(self.root, {"total_rails": ["ch1"]}).source["total"], ["ch1"])
        source = ina3221.find(self.root, {"total_rails": ["VDD_IN"]}).source
        self.assertIsNone(source["total"])
        self.assertIn("VDD_IN", source["total_why"])

    def test_an_only_rail_is_the_total(self):
        self.put(mainline([("", 5000, 1000)]), ORIN)
        self.put({"in2_enable": 0, "in2_input": 0, "curr2_input": 0}, ORIN)
        self.assertEqual(ina3221.find(self.root).source["total"], ["ch1"])

    def test_agx_orin_leaves_out_unconnected_channels_and_the_child_rail(self):
        first = [("VDD_GPU_SOC", 19600, 20), ("VDD_CPU_CV", 19600, 20), ("VIN_SYS_5V0", 5000, 200)]
        self.put(mainline(first, 2000), ORIN)
        second = [("NC", 0, 0), ("VDDQ_VDD2_1V8AO", 5000, 100), ("NC", 0, 0)]
        self.put(mainline(second, 2000), ORIN.replace("0040", "0041").replace("hwmon4", "hwmon2"))
        source = ina3221.find(self.root).source
        self.assertEqual(source["columns"], ["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0", "VDDQ_VDD2_1V8AO"])
        self.assertEqual(source["total"], ["VDD_GPU_SOC", "VDD_CPU_CV", "VIN_SYS_5V0"])

    def test_a_chip_seen_in_the_class_folder_only(self):
        self.put(mainline([("VDD_IN", 5000, 1000)]), "sys/class/hwmon/hwmon1")
        self.assertEqual(ina3221.find(self.root).read(), (5000000,))

    def test_a_chip_seen_by_its_driver_and_in_the_class_folder_counts_once(self):
        device = "sys/devices/platform/i2c/i2c-1/1-0040"
        self.put(mainline([("VDD_IN", 5000, 1000)]), device + "/hwmon/hwmon4")
        for link, target in (("sys/bus/i2c/drivers/ina3221/1-0040", device),
                             ("sys/class/hwmon/hwmon4", device + "/hwmon/hwmon4")):  # fmt: skip
            os.makedirs(os.path.dirname(self.path(link)))
            os.symlink(self.path(target), self.path(link))
        self.assertEqual(ina3221.find(self.root).source["columns"], ["VDD_IN"])

    def test_thors_input_is_on_the_companion(self):
        self.put(mainline([("VDD_GPU", 19600, -20), ("VDD_CPU_SOC_MSS", 19600, 40)]), "sys/class/hwmon/hwmon1")
        self.put({"name": "ina238", "label": "VIN", "power1_input": 19800000}, "sys/class/hwmon/hwmon3")
        probe = ina3221.find(self.root)
        self.assertEqual(probe.source["columns"], ["VDD_GPU", "VDD_CPU_SOC_MSS", "VIN"])
        self.assertEqual(probe.read(), (-392000, 784000, 19800000))
        self.assertEqual((probe.source["total"], probe.source["scope"]), (["VIN"], "input"))

    def test_forbidden_rails_take_the_total_away(self):
        self.put(mainline([("VDD_IN", 5000, 1000), ("VDD_SOC", 5000, 500)]), ORIN)
        self.forbid(ORIN + "/curr1_input")
        with ordinary_user():
            source = ina3221.find(self.root).source
        self.assertEqual((source["columns"], source["total"]), (["VDD_SOC"], None))
        self.assertIn("permission", source["total_why"])


class Rapl(TreeTest):
    def domain(self, domain, name, energy, limit=1000000):
        files = {"name": name, "energy_uj": energy, "max_energy_range_uj": limit}
        self.put(files, POWERCAP + "/" + domain)

    def test_packages_are_the_total_without_parts_and_psys(self):
        self.domain("intel-rapl:0", "package-0", 100)
        self.domain("intel-rapl:0:0", "core", 60)
        self.domain("intel-rapl:1", "package-1", 200)
        self.domain("intel-rapl:2", "psys", 900, 5000)
        self.domain("intel-rapl-mmio:0", "package-0", 101)
        probe = rapl.find(self.root)
        self.assertEqual((probe.source["columns"], probe.read()), (["package-0", "package-1", "psys"], (100, 200, 900)))
        self.assertEqual(probe.source["total"], ["package-0", "package-1"])
        self.assertEqual(probe.source["wrap"], [1000001, 1000001, 5001])
        self.assertEqual((probe.source["kind"], probe.source["unit"]), ("accumulating", "uJ"))

    def test_root_only_counters_are_unavailable_with_the_remedy(self):
        self.domain("intel-rapl:0", "package-0", 100)
        self.forbid(POWERCAP + "/intel-rapl:0/energy_uj")
        with ordinary_user():
            source = rapl.find(self.root).source
        self.assertEqual(source["state"], "unavailable")
        self.assertIn("chmod a+r", source["why"])

    def test_none(self):
        self.assertEqual(rapl.find(self.root).source["state"], "unsupported")


class Hwmon(TreeTest):
    def test_power_of_one_chip(self):
        self.put({"name": "acme", "power1_input": 5000000, "power1_label": "PPT"}, "sys/class/hwmon/hwmon7")
        probe = hwmon.find(self.root)
        self.assertEqual((probe.source["columns"], probe.read()), (["acme/PPT"], (5000000,)))
        self.assertEqual(probe.source["total"], ["acme/PPT"])

    def test_energy_is_preferred_and_sockets_hold_their_cores(self):
        files = {"name": "amd_energy", "energy1_label": "Ecore000", "energy1_input": 5, "energy2_label": "Esocket0"}
        self.put(dict(files, energy2_input=50, power1_input=1), "sys/class/hwmon/hwmon0")
        probe = hwmon.find(self.root)
        self.assertEqual((probe.source["kind"], probe.read()), ("accumulating", (5, 50)))
        self.assertEqual(probe.source["total"], ["amd_energy/Esocket0"])

    def test_averages_are_windowed(self):
        files = {"name": "acme", "power1_average": 7000000, "power1_average_interval": 500}
        self.put(files, "sys/class/hwmon/hwmon0")
        source = hwmon.find(self.root).source
        self.assertEqual((source["kind"], source["window_s"]), ("windowed", 0.5))

    def test_chips_keep_their_columns_when_numbers_move(self):
        for numbers in ((1, 2), (9, 0)):
            self.root = self.path("boot%d" % numbers[0])
            for number, chip in zip(numbers, ("beta", "alpha")):  # noqa: B905
                self.put({"name": chip, "power1_input": number}, "sys/class/hwmon/hwmon%d" % number)
            probe = hwmon.find(self.root)
            self.assertEqual(probe.source["columns"], ["alpha/power1", "beta/power1"])
            self.assertEqual(probe.read(), (numbers[1], numbers[0]))
            self.assertIsNone(probe.source["total"])


class FakeNvml(object):
    """A libnvidia-ml with `millijoules` and `milliwatts` a GPU; None: the call is refused (code 3)."""

    def __init__(self, millijoules, milliwatts, init=0):
        self._figures = {nvml.ENERGY: millijoules, nvml.POWER: milliwatts}
        self._init = init

    def nvmlInit_v2(self):  # noqa: N802
        return self._init

    def nvmlDeviceGetCount_v2(self, count):  # noqa: N802
        count._obj.value = len(self._figures[nvml.POWER])
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index, handle):  # noqa: N802
        handle._obj.value = index.value + 1
        return 0

    def _figure(self, name, device, value):
        figure = self._figures[name][device.value - 1]
        if figure is None:
            return 3
        value._obj.value = figure
        return 0

    def nvmlDeviceGetTotalEnergyConsumption(self, device, value):  # noqa: N802
        assert isinstance(value._obj, ctypes.c_ulonglong)
        return self._figure(nvml.ENERGY, device, value)

    def nvmlDeviceGetPowerUsage(self, device, value):  # noqa: N802
        assert isinstance(value._obj, ctypes.c_uint)
        return self._figure(nvml.POWER, device, value)


class Nvml(unittest.TestCase):
    def test_the_energy_counter_is_preferred(self):
        probe = nvml.find("/", load=lambda name: FakeNvml([123456789012], [70000]))
        self.assertEqual(probe.read(), (123456789012000,))
        self.assertEqual((probe.source["kind"], probe.source["total"]), ("accumulating", ["gpu0"]))

    def test_power_is_a_window_of_a_second(self):
        probe = nvml.find("/", load=lambda name: FakeNvml([None, 5], [70000, 30000]))
        self.assertEqual(probe.read(), (70000000, 30000000))
        self.assertEqual((probe.source["kind"], probe.source["window_s"]), ("windowed", 1.0))
        self.assertIsNone(probe.source["total"])

    def test_absence_is_clean(self):
        def no_library(name):
            raise OSError("%s: cannot open shared object file" % name)

        self.assertEqual(nvml.find("/", load=no_library).source["state"], "unsupported")
        self.assertEqual(nvml.find("/", load=lambda name: object()).source["state"], "unsupported")
        self.assertEqual(nvml.find("/", load=lambda name: FakeNvml([], [])).source["state"], "unsupported")
        self.assertEqual(nvml.find("/", load=lambda name: FakeNvml([None], [None])).source["state"], "unsupported")
        self.assertEqual(nvml.find("/elsewhere").source["state"], "unsupported")

    def test_a_refusing_driver_is_unavailable(self):
        source = nvml.find("/", load=lambda name: FakeNvml([1], [1], init=9)).source
        self.assertEqual((source["state"], source["why"]), ("unavailable", "nvmlInit_v2 failed with code 9"))


class Choice(TreeTest):
    def rapl_and_hwmon(self):
        self.put({"name": "package-0", "energy_uj": 7, "max_energy_range_uj": 99}, POWERCAP + "/intel-rapl:0")
        self.put({"name": "acme", "power1_input": 5}, "sys/class/hwmon/hwmon7")

    def chosen(self, wanted):
        return [(probe.source["name"], probe.source["state"]) for probe in registry.find_power(self.root, wanted)]

    def test_order_of_trust(self):
        self.rapl_and_hwmon()
        self.assertEqual(self.chosen("auto"), [("power:rapl", "ok")])
        self.put(iio([("POM_5V_IN", 5280, 480, 2534)]), NANO)
        self.assertEqual(self.chosen("auto"), [("power:ina3221", "ok")])
        self.assertEqual(self.chosen("hwmon"), [("power:hwmon", "ok")])

    def test_a_preferred_source_that_is_forbidden_is_told_beside_the_chosen(self):
        self.rapl_and_hwmon()
        self.forbid(POWERCAP + "/intel-rapl:0/energy_uj")
        with ordinary_user():
            self.assertEqual(self.chosen("auto"), [("power:hwmon", "ok"), ("power:rapl", "unavailable")])

    def test_nothing_off_and_unknown(self):
        self.assertEqual(self.chosen("auto"), [("power", "unsupported")])
        self.assertEqual(self.chosen("off"), [("power", "unavailable")])
        self.assertEqual(self.chosen(None), [("power", "unavailable")])
        self.assertEqual(self.chosen("rapl"), [("power:rapl", "unavailable")])
        self.assertEqual(self.chosen("sunlight"), [("power:sunlight", "unavailable")])


class Totals(unittest.TestCase):
    def test_parents_and_children_are_never_added(self):
        thor = ["VDD_GPU", "VDD_CPU_SOC_MSS", "VIN_SYS_5V0", "VIN"]
        self.assertEqual(totals.choose(thor), (["VIN"], None, "input"))
        self.assertEqual(totals.choose(thor[:3])[0], None)
        self.assertEqual(totals.choose(thor[:3], thor[:3]), (thor[:3], None, "rails"))
        self.assertEqual(totals.choose([])[0], None)


class Steps(unittest.TestCase):
    def test_shunt_and_voltage_give_the_step(self):
        self.assertAlmostEqual(steps.CurrentStep(None, lambda: 19600, 2000).watts(), 0.392)
        self.assertIsNone(steps.CurrentStep(None, lambda: MISSING, 2000).watts())
        self.assertIsNone(steps.CurrentStep(None, None, 2000).watts())


if __name__ == "__main__":
    unittest.main()
