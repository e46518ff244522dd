"""jetson_clocks: what is locked, locking in the right order, and putting back."""

import os
import unittest

import jetson_tree
import load

jetsonclocks = load.module("jetsonclocks")
setting = load.module("setting")

SHOW_R28 = """SOC family:tegra210  Machine:jetson_tx1
Online CPUs: 0-3
cpu0: Gonvernor=interactive MinFreq=1734000 MaxFreq=1734000 CurrentFreq=1734000
cpu10: Online=1 Governor=schedutil MinFreq=115200 MaxFreq=2201600 CurrentFreq=2201600 IdleStates: WFI=1 c7=1 \n\
GPU MinFreq=998400000 MaxFreq=998400000 CurrentFreq=998400000
EMC MinFreq=12750000 MaxFreq=1600000000 CurrentFreq=1600000000 FreqOverride=1
Fan: speed=255
"""
STORED = "/usr/bin/jetson_clocks --store /root/.edgebench_clocks.conf"
RESTORED = "/usr/bin/jetson_clocks --restore /root/.edgebench_clocks.conf"
SET = "/usr/bin/jetson_clocks"
LEAST = jetson_tree.POLICY + "/scaling_min_freq"


class Clocks(jetson_tree.JetsonCase):
    def apply(self, value="max"):
        return jetsonclocks.apply(self.scene(), value)

    def refusal(self, value="max"):
        with self.assertRaises(setting.NotSet) as refused:
            self.apply(value)
        return refused.exception.code, str(refused.exception)

    def test_show_in_the_words_of_every_release(self):
        found = jetsonclocks.parse_show(SHOW_R28)
        self.assertEqual(found, [(1734000, 1734000), (115200, 2201600), (998400000, 998400000)])
        self.assertEqual(jetsonclocks.parse_show("Error: Run this script as root"), [])

    def test_stored_locked_and_put_back(self):
        held = self.apply()
        self.assertTrue(jetsonclocks.locked(self.root))
        self.assertEqual([one.lost() for one in held], [None])
        self.put(LEAST, "102000\n")
        self.assertEqual(held[0].lost()["found"], "default")
        self.assertEqual(self.book().restore()[1], [])
        self.assertEqual(self.get(LEAST), "102000\n")
        self.assertEqual(self.get(jetson_tree.GPU + "/min_freq"), "76800000\n")
        self.assertEqual(self.asked(), [STORED, SET, RESTORED])

    def test_an_older_store_is_written_over(self):
        self.put("/root/.edgebench_clocks.conf", "of last year")
        self.apply()
        self.assertIn("102000", self.get("/root/.edgebench_clocks.conf"))

    def test_clocks_locked_already_are_told_and_left(self):
        self.put(LEAST, "1479000\n")
        self.put(jetson_tree.GPU + "/min_freq", "921600000\n")
        held = self.apply()
        self.assertEqual([code for code, _ in self.warnings], ["clocks-locked"])
        self.assertEqual((self.asked(), self.book().entries(), held[0].lost()), ([], [], None))
        self.assertEqual((self.apply("default"), len(self.warnings)), ([], 2))

    def test_clocks_that_move_are_the_default(self):
        held = self.apply("default")
        self.assertEqual((self.warnings, self.asked(), held[0].lost()), ([], [], None))

    def test_a_clock_that_cannot_move_says_nothing(self):
        self.put(jetson_tree.POLICY + "/cpuinfo_min_freq", "1479000")
        self.put(jetson_tree.POLICY + "/cpuinfo_max_freq", "1479000")
        self.put(LEAST, "1479000")
        self.assertFalse(jetsonclocks.locked(self.root))

    def test_without_sysfs_root_is_asked(self):
        for name in ("scaling_max_freq",):
            os.unlink(self.path(jetson_tree.POLICY + "/" + name))
        os.unlink(self.path(jetson_tree.GPU + "/max_freq"))
        self.assertFalse(jetsonclocks.locked(self.root))
        self.refuse_sudo()
        self.assertIsNone(jetsonclocks.locked(self.root))

    def test_the_first_minute_after_boot_is_waited_for(self):
        self.put("/proc/uptime", "12.50 3.00")
        self.apply()
        self.assertEqual(self.pauses, [47.5])

    def test_what_can_go_wrong(self):
        self.assertIn("max and default", self.refusal("fast")[1])
        self.put("state/stiff", "")
        self.assertIn("still move", self.refusal()[1])
        self.refuse_sudo()
        self.assertEqual(self.refusal(), ("needs-root", "sudo: a password is required"))
        os.unlink(self.path("/usr/bin/jetson_clocks"))
        self.assertIn("no jetson_clocks", self.refusal()[1])

    def test_a_store_that_fails_locks_nothing(self):
        os.mkdir(self.path("/root/.edgebench_clocks.conf"))
        self.assertIn("could not be stored", self.refusal()[1])
        self.assertEqual((self.book().entries(), len(self.asked())), ([], 1))

    def test_what_a_session_stored_and_could_not_put_back_is_not_stored_over(self):
        self.apply()
        stored = self.get("/root/.edgebench_clocks.conf")
        for path in (jetson_tree.POLICY + "/scaling_max_freq", jetson_tree.GPU + "/max_freq"):
            os.rename(self.path(path), self.path(path) + ".gone")  # now only root could tell that they are locked
        self.refuse_sudo()
        self.assertEqual(len(self.book().restore()[1]), 1)
        os.unlink(self.path("state/no-sudo"))
        self.program("jetson_clocks", jetson_tree.JETSON_CLOCKS.replace("MinFreq", "Min"))
        self.assertIsNone(jetsonclocks.locked(self.root))
        self.put("state/stiff", "")
        self.apply()
        self.assertEqual(self.get("/root/.edgebench_clocks.conf"), stored)
        self.assertEqual((self.book().restore()[1], self.get(LEAST)), ([], "102000\n"))

    def test_a_reboot_undoes_it_alone(self):
        self.apply()
        self.reboot()
        self.assertEqual((len(self.book().restore()[0]), self.asked()), (1, [STORED, SET]))


if __name__ == "__main__":
    unittest.main()
