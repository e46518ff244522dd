"""Everything that can be asked of a board, set in order, told where it cannot be, checked at the end, put back."""

import os
import unittest

import jetson_tree
import load
import sensor_tree

prepare = load.module("prepare")
setting = load.module("setting")

RAIL = "/sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/"


def is_root():
    return os.geteuid() == 0


class Preparing(jetson_tree.JetsonCase):
    def setUp(self):
        super(Preparing, self).setUp()
        self.put("/sys/devices/pwm-fan/target_pwm", "80\n")

    def prepared(self, power=False, **asked):
        asked = {key.replace("_", "-"): value for key, value in asked.items()}
        preparation = prepare.Preparation("job", self.root, asked, self.book(), self.warn, self.pause)
        preparation.apply(7, power=power)
        return preparation

    def test_all_of_it_in_the_right_order_and_back(self):
        before = self.prepared().pins()
        cpu = sorted(os.sched_getaffinity(0))[0]
        done = self.prepared(
            clocks="max", fan="max", governor="performance", power_mode="5W", affinity=cpu, temperature_gate="off"
        )
        keys = [one["key"] for one in done.done]
        self.assertEqual(keys, ["power-mode", "governor", "clocks", "fan", "affinity"])
        self.assertEqual((self.warnings, done.lost()), ([], []))
        self.assertEqual(
            done.pins(),
            {
                "power_mode": {"id": 1, "name": "5W"},
                "clocks_locked": True,
                "governor": {"policy0": "performance"},
                "fan": {"pwm": 255, "rpm": None, "profile": None},
                "affinity": [cpu],
            },
        )
        self.assertEqual(self.book().restore()[1], [])
        self.assertEqual(self.prepared().pins(), before)
        self.assertEqual(before["power_mode"], {"id": 0, "name": "MAXN"})

    def test_what_does_not_hold_is_found(self):
        cpu = sorted(os.sched_getaffinity(0))[0]
        done = self.prepared(clocks="max", fan="max", governor="schedutil", power_mode="5W", affinity=cpu)
        self.put("state/mode", "0\n")
        self.put(jetson_tree.GOVERNOR, "powersave\n")
        self.put(jetson_tree.GPU + "/min_freq", "76800000\n")
        self.put("/sys/devices/pwm-fan/target_pwm", "0\n")
        lost = {one["key"]: one["found"] for one in done.lost()}
        self.assertEqual(
            lost, {"power-mode": {"id": 0, "name": "MAXN"}, "governor": "powersave", "clocks": "default", "fan": "0"}
        )

    def test_sudo_refused_is_told_of_each_and_the_run_goes_on(self):
        self.refuse_sudo()
        done = self.prepared(clocks="max", power_mode="5W", governor="performance")
        self.assertEqual([code for code, _ in self.warnings], ["needs-root", "needs-root"])
        for _, text in self.warnings:
            self.assertIn("could not be pinned: sudo: a password is required", text)
        self.assertEqual([one["key"] for one in done.done], ["governor"])

    def test_a_mode_that_takes_a_reboot_ends_it_before_anything_is_set(self):
        rail = self.put(RAIL + "in_power0_input", "1\n")
        os.chmod(rail, 0)
        with self.assertRaises(setting.NotSet) as refused:
            self.prepared(power=True, governor="performance", power_mode="15W")
        self.assertEqual(refused.exception.code, "needs-reboot")
        self.assertEqual(os.stat(rail).st_mode & 0o777, 0)
        self.assertEqual((self.get(jetson_tree.GOVERNOR), self.book().entries()), ("schedutil\n", []))

    def test_a_mode_that_is_not_there_is_told_with_those_that_are(self):
        self.prepared(power_mode="30W")
        self.assertEqual(self.warnings[0][0], "pin-failed")
        self.assertIn("MAXN (0), 5W (1), 15W (2)", self.warnings[0][1])

    def test_clocks_found_locked_are_told_though_nothing_was_asked(self):
        self.put(jetson_tree.POLICY + "/scaling_min_freq", "1479000")
        self.put(jetson_tree.GPU + "/min_freq", "921600000")
        self.assertTrue(self.prepared().pins()["clocks_locked"])
        self.assertEqual([code for code, _ in self.warnings], ["clocks-locked"])

    def test_an_unknown_key_and_bad_cpus_are_told(self):
        done = self.prepared(colour="blue", affinity="4096")
        self.assertEqual([code for code, _ in self.warnings], ["pin-failed"] * 2)
        self.assertIsNone(done.cpus)

    @unittest.skipIf(is_root(), "root may write everything")
    def test_a_governor_that_only_root_may_write(self):
        self.forbid(jetson_tree.GOVERNOR)
        self.check_governor_by_tee()

    def test_a_governor_whose_write_is_refused_is_set_by_tee(self):
        def refuse(path, value):
            raise PermissionError(13, "Permission denied")

        self.book = lambda: jetson_tree.journal.Journal(self.home, write=refuse)
        self.check_governor_by_tee()

    def check_governor_by_tee(self):
        self.prepared(governor="performance")
        self.assertEqual((self.get(jetson_tree.GOVERNOR), self.warnings), ("performance", []))
        self.assertEqual(self.book().restore()[1], [])
        self.assertEqual(self.get(jetson_tree.GOVERNOR), "schedutil")
        self.assertEqual(self.asked(), ["/usr/bin/tee " + jetson_tree.GOVERNOR] * 2)

    def test_a_value_that_even_root_may_not_write(self):
        def refuse(path, value):
            raise PermissionError(13, "Permission denied")

        self.book = lambda: jetson_tree.journal.Journal(self.home, write=refuse)
        self.put("state/tee-fails", "")
        self.prepared(governor="warp")
        self.assertEqual(self.warnings[0][0], "pin-failed")
        self.assertIn("tee: Invalid argument", self.warnings[0][1])
        self.assertEqual(self.book().entries(), [])

    def test_no_jetson_has_no_pins_of_one(self):
        for name in ("nvpmodel", "jetson_clocks"):
            os.unlink(self.path("/usr/bin/" + name))
        os.unlink(self.path("/sys/devices/pwm-fan/target_pwm"))
        self.assertEqual(self.prepared().pins(), {"governor": {"policy0": "schedutil"}, "affinity": None})


class Rails(jetson_tree.JetsonCase):
    """Files that only root may read: as an ordinary user, for root may read everything."""

    def setUp(self):
        super(Rails, self).setUp()
        self.files = [RAIL + name for name in ("in_current0_input", "in_power0_input", "rail_name_0")]
        for path in self.files:
            self.put(path, "1\n")
            os.chmod(self.path(path), 0o000)
        self.put(RAIL + "buffer", "")
        if is_root():
            for folder, _, names in os.walk(self.top):
                for path in [folder] + [os.path.join(folder, name) for name in names]:
                    os.chown(path, sensor_tree.NOBODY, -1)
            os.chmod(self.top, 0o755)
            os.seteuid(sensor_tree.NOBODY)
            self.addCleanup(os.seteuid, 0)

    def prepared(self):
        preparation = prepare.Preparation("job", self.root, {}, self.book(), self.warn)
        preparation.apply(7, power=True)

    def modes(self):
        return [os.stat(self.path(path)).st_mode & 0o777 for path in self.files]

    def test_opened_for_the_job_and_closed_again(self):
        self.prepared()
        self.assertEqual((self.modes(), self.warnings), ([0o444] * 3, []))
        self.assertEqual(self.book().restore()[1], [])
        self.assertEqual([mode & 0o077 for mode in self.modes()], [0, 0, 0])
        whole = " ".join(self.files)
        self.assertEqual(self.asked(), ["/usr/bin/chmod a+r " + whole, "/usr/bin/chmod go-r " + whole])

    def test_a_group_that_may_read_them_still_may_afterwards(self):
        os.chmod(self.path(self.files[0]), 0o040)  # not our group's
        self.prepared()
        self.assertEqual((self.modes(), self.warnings), ([0o444] * 3, []))
        self.assertEqual(self.book().restore()[1], [])
        self.assertEqual([mode & 0o077 for mode in self.modes()], [0o040, 0, 0])

    def test_without_sudo_nothing_changes_and_it_is_told(self):
        self.refuse_sudo()
        self.prepared()
        self.assertEqual((self.modes(), [code for code, _ in self.warnings]), ([0] * 3, ["rails-closed"]))


if __name__ == "__main__":
    unittest.main()
