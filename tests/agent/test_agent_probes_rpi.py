import os
import random
import unittest

from sensor_tree import MISSING, TreeTest, module

rpi, registry, sensorless = [module("probes." + name) for name in ("rpi", "registry", "sensorless")]

# as a Raspberry Pi 5 prints it (tests/agent/data/pmic_read_adc_pi5.txt)
with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "pmic_read_adc_pi5.txt")) as captured:
    PMIC = captured.read()
UNKNOWN = 'error=1 error_msg="Command not registered"'


class FirmwareTest(TreeTest):
    def firmware(self, **answers):
        """A vcgencmd that answers from files, which may change; it ends with 0 whatever it says."""
        for name, text in answers.items():
            self.put({name: text}, "answers")
        self.put({"usr/bin/vcgencmd": '#!/bin/sh\ncat "%s/$1" 2>/dev/null || echo \'%s\'\n'
                  % (self.path("answers"), UNKNOWN)})  # fmt: skip
        os.chmod(self.path("usr/bin/vcgencmd"), 0o755)


class Pmic(FirmwareTest):
    def test_currents_and_voltages_are_paired_and_added_up(self):
        self.firmware(pmic_read_adc=PMIC)
        probe = rpi.find_power(self.root)
        source = probe.source
        self.assertEqual(len(source["columns"]), 12)
        self.assertNotIn("EXT5V", source["columns"])
        self.assertEqual((source["total"], source["scope"], source["max_hz"]), (source["columns"], "rails", 2))
        self.assertEqual(source["rate_hz"], 2.0)
        self.assertIn("USB devices", source["excluded"])
        by_name = dict(zip(source["columns"], probe.read()))  # noqa: B905
        self.assertEqual(by_name["VDD_CORE"], round(1.4288 * 0.9065925 * 1e6))
        self.assertAlmostEqual(sum(by_name.values()) / 1e6, 2.948, places=3)
        self.assertEqual(probe.companions[0].read(), (5057,))

    def test_several_readings_on_one_line(self):
        self.firmware(pmic_read_adc="A_A current(0)=0.5A A_V volt(1)=2.0V   B_A current(2)=1.0A B_V volt(3)=-0.1V")
        probe = rpi.find_power(self.root)
        self.assertEqual((probe.source["columns"], probe.read()), (["A", "B"], (1000000, -100000)))
        self.assertEqual(probe.companions, [])

    def test_a_rail_that_is_gone_or_an_answer_that_fails_is_missing(self):
        self.firmware(pmic_read_adc="A_A current(0)=0.5A A_V volt(1)=2.0V\nEXT5V_V volt(9)=4.9V")
        probe = rpi.find_power(self.root)
        for text in ("A_A current(0)=0.5A", "", UNKNOWN, "A_A current(0)=9999999999.5A A_V volt(1)=2.0V", "\udcff\x00"):
            self.put({"pmic_read_adc": text.encode("utf-8", "replace")}, "answers")
            self.assertEqual(probe.read(), (MISSING,))
            self.assertEqual(probe.companions[0].read(), (MISSING,))

    def test_mutilated_answers_never_raise(self):
        rng = random.Random(7)
        for _ in range(2000):
            text = list(PMIC)
            for _ in range(rng.randint(1, 40)):
                at = rng.randrange(len(text))
                text[at : at + rng.randint(0, 9)] = rng.choice("A_V()=.-0123456789 \n\x00\u0663") * rng.randint(0, 9)
            for microwatts in rpi.rails_uw("".join(text)).values():
                self.assertLess(abs(microwatts), 2**61)

    def test_other_boards_say_so_with_status_0(self):
        self.firmware()
        source = rpi.find_power(self.root).source
        self.assertEqual((source["state"], source["why"]), ("unsupported", rpi.NO_METER))

    def test_a_firmware_that_may_not_be_asked_is_unavailable(self):
        self.put({"usr/bin/vcgencmd": '#!/bin/sh\necho "Can\'t open device file: /dev/vcio" >&2\nexit 255\n'})
        os.chmod(self.path("usr/bin/vcgencmd"), 0o755)
        source = rpi.find_power(self.root).source
        self.assertEqual(source["state"], "unavailable")
        self.assertIn("/dev/vcio", source["why"])

    def test_the_registry_chooses_it(self):
        self.firmware(pmic_read_adc=PMIC)
        self.assertEqual(registry.find_power(self.root)[0].source["name"], "power:rpi5-pmic")
        self.assertEqual(registry.find_power(self.root, "rpi5-pmic")[0].source["state"], "ok")


class Throttled(FirmwareTest):
    def test_now_and_since_boot(self):
        self.firmware(get_throttled="throttled=0x50000")
        probe = rpi.find_throttle(self.root)
        by_name = dict(zip(probe.source["columns"], probe.read()))  # noqa: B905
        self.assertEqual([name for name, state in by_name.items() if state], ["under-voltage.since", "throttled.since"])
        self.put({"get_throttled": "throttled=0x5000d"}, "answers")
        now = [state for name, state in zip(probe.source["columns"], probe.read()) if "." not in name]  # noqa: B905
        self.assertEqual(now, [1, 0, 1, 1])

    def test_garbage_and_absence(self):
        self.assertEqual(rpi.find_throttle(self.root).source["state"], "unsupported")
        self.firmware(get_throttled="throttled=none")
        self.assertEqual(rpi.find_throttle(self.root).source["state"], "unavailable")
        self.put({"get_throttled": "throttled=0x0"}, "answers")
        probe = rpi.find_throttle(self.root)
        self.put({"get_throttled": "throttled=0xfffffffff"}, "answers")
        self.assertEqual(probe.read(), (MISSING,) * 8)


class Temperature(FirmwareTest):
    def test_where_no_zone_tells_it(self):
        self.firmware(measure_temp="temp=48.8'C")
        probe = rpi.find_temperature(self.root)
        self.assertEqual((probe.source["columns"], probe.read()), (["soc"], (48800,)))
        self.assertEqual(probe.source["name"], "thermal")
        self.put({"measure_temp": "temp=x'C"}, "answers")
        self.assertEqual(probe.read(), (MISSING,))

    def test_a_thermal_zone_comes_first(self):
        self.firmware(measure_temp="temp=48.8'C")
        self.put({"type": "cpu-thermal", "temp": 45000}, "sys/class/thermal/thermal_zone0")
        self.assertEqual(rpi.find_temperature(self.root).source["columns"], ["cpu-thermal"])


class Sensorless(FirmwareTest):
    def power(self, wanted="auto", **options):
        source = registry.find_power(self.root, wanted, options)[0].source
        return source["state"], source["why"]

    def test_boards_that_measure_no_power(self):
        # without ever starting a tool of theirs
        self.put({"usr/bin/tegrastats": "#!/bin/sh\ntouch '%s'\n" % self.path("started")})
        os.chmod(self.path("usr/bin/tegrastats"), 0o755)
        nano = b"nvidia,p3542-0000+p3448-0003\0nvidia,jetson-nano\0nvidia,tegra210\0"
        self.put({"proc/device-tree/compatible": nano})
        self.assertEqual(self.power(), ("unsupported", sensorless.MODULES["p3448-0003"]))
        self.assertEqual(self.power("tegrastats")[0], "unsupported")
        self.assertFalse(os.path.exists(self.path("started")))
        self.put({"proc/device-tree/compatible": b"raspberrypi,4-model-b\0brcm,bcm2711\0",
                  "proc/device-tree/model": b"Raspberry Pi 4 Model B Rev 1.4\0"})  # fmt: skip
        self.assertEqual(self.power(), ("unsupported", sensorless.MODELS[0][1]))

    def test_declared_by_the_profile(self):
        state, why = self.power(external_required=["my-board"])
        self.assertEqual(state, "unsupported")
        self.assertIn("my-board", why)
        self.assertIn("--power-csv", why)

    def test_a_sensor_that_somebody_added_is_taken_all_the_same(self):
        self.put({"proc/device-tree/model": b"Raspberry Pi 4 Model B Rev 1.4\0"})
        self.put({"name": "ina226", "power1_input": 5000000}, "sys/class/hwmon/hwmon3")
        self.assertEqual(self.power(), ("ok", None))


if __name__ == "__main__":
    unittest.main()
