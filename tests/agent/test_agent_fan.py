"""The fan in both generations: never off by our doing, put back the other way round."""

import os
import unittest

import jetson_tree
import load

fan = load.module("fan")
setting = load.module("setting")

HWMON = "/sys/class/hwmon/hwmon3"


class FanCase(jetson_tree.JetsonCase):
    def setUp(self):
        super(FanCase, self).setUp()
        self.order = []

    def scene(self):
        def write(path, value):
            self.order.append((os.path.basename(path), value))
            journal.write_setting(path, value)

        journal = jetson_tree.journal
        return setting.Scene("job", self.root, self.book(write=write), self.warn, self.pause, 7)

    def restore(self):
        del self.order[:]
        scene = self.scene()
        failed = scene.journal.restore()[1]
        self.assertEqual(failed, [])


class Old(FanCase):
    def setUp(self):
        super(Old, self).setUp()
        for name, value in (("target_pwm", 80), ("temp_control", 1), ("rpm_measured", 1400)):
            self.put("/sys/devices/pwm-fan/" + name, "%d\n" % value)

    def test_set_by_hand_and_put_back(self):
        held = fan.apply(self.scene(), "max")
        self.assertEqual(self.order, [("target_pwm", "255"), ("temp_control", "0")])
        self.assertEqual(fan.look(self.root), {"pwm": 255, "rpm": 1400, "profile": None})
        self.put("/sys/devices/pwm-fan/target_pwm", "90")
        self.assertEqual((held[0].lost()["wanted"], held[0].lost()["found"]), ("255", "90"))
        self.restore()
        self.assertEqual(self.order, [("temp_control", "1"), ("target_pwm", "80")])

    def test_given_back_to_the_board(self):
        self.put("/sys/devices/pwm-fan/temp_control", "0\n")
        fan.apply(self.scene(), "auto")
        self.assertEqual(self.order, [("temp_control", "1")])
        self.restore()
        self.assertEqual(self.order, [("temp_control", "0")])

    def test_root_is_asked_where_a_plain_write_is_refused(self):
        self.order = None
        for name in ("target_pwm", "temp_control"):
            path = self.path("/sys/devices/pwm-fan/" + name)
            os.unlink(path)
            self.put("/sys/devices/pwm-fan/%s" % name, "1")

        def refuse(path, value):
            raise PermissionError(13, "Permission denied")

        scene = setting.Scene("job", self.root, self.book(write=refuse), self.warn, self.pause, 7)
        fan.apply(scene, "50%")
        self.assertEqual(self.get("/sys/devices/pwm-fan/target_pwm"), "128")
        self.assertEqual(self.asked(), ["/usr/bin/tee /sys/devices/pwm-fan/target_pwm",
                                        "/usr/bin/tee /sys/devices/pwm-fan/temp_control"])  # fmt: skip
        self.assertEqual(self.book(write=refuse).restore()[1], [])
        self.assertEqual(self.get("/sys/devices/pwm-fan/target_pwm"), "1")


class New(FanCase):
    def setUp(self):
        super(New, self).setUp()
        self.put("/sys/class/hwmon/hwmon1/name", "ina3221\n")
        self.put("/sys/class/hwmon/hwmon2/name", "pwm_tach\n")
        self.put("/sys/class/hwmon/hwmon2/rpm", "2100\n")
        for name, value in (("name", "pwmfan"), ("pwm1", "60"), ("pwm1_enable", "0")):
            self.put("%s/%s" % (HWMON, name), value + "\n")
        self.put("/etc/nvfancontrol.conf", "<FAN 1>\n FAN_PROFILE cool {\n }\n\tFAN_DEFAULT_PROFILE quiet\n")

    def test_the_speed_is_written_before_it_is_enabled(self):
        fan.apply(self.scene(), "40")
        self.assertEqual(self.order, [("pwm1", "102"), ("pwm1_enable", "1")])
        self.assertEqual(fan.look(self.root), {"pwm": 102, "rpm": 2100, "profile": "quiet"})
        self.restore()
        self.assertEqual(self.order, [("pwm1_enable", "0"), ("pwm1", "60")])
        self.assertEqual(self.warnings, [])

    def test_the_boards_own_service_is_told(self):
        self.put("/proc/812/comm", "nvfancontrol\n")
        fan.apply(self.scene(), "max")
        self.assertEqual([code for code, _ in self.warnings], ["fan-governed"])
        del self.warnings[:]
        self.assertEqual((fan.apply(self.scene(), "auto"), self.warnings), ([], []))

    def test_auto_with_nobody_to_govern_is_told(self):
        fan.apply(self.scene(), "auto")
        self.assertEqual(([code for code, _ in self.warnings], self.order), (["fan-governed"], []))

    def test_a_profile_chosen_since_goes_before_the_default(self):
        self.put("/var/lib/nvfancontrol/status", "FAN1:FAN_PROFILE:cool\n")
        self.assertEqual(fan.profile(self.root), "cool")

    def test_after_a_reboot_the_name_may_be_another_chips(self):
        fan.apply(self.scene(), "max")
        self.reboot()
        self.put(HWMON + "/pwm1", "another chip's")
        self.restore()
        self.assertEqual((self.order, self.book().entries()), ([], []))


class Fanless(FanCase):
    def test_a_board_without_a_fan(self):
        self.assertIsNone(fan.look(self.root))
        with self.assertRaises(setting.NotSet):
            fan.apply(self.scene(), "max")

    def test_speeds(self):
        self.assertEqual([fan.parse_speed(text) for text in ("max", "0", "100%", "33.3%")], [255, 0, 255, 85])
        for text in ("", "%", "101", "-1", "fast", "nan"):
            with self.assertRaises(setting.NotSet):
                fan.parse_speed(text)


if __name__ == "__main__":
    unittest.main()
