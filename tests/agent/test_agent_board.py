"""Boards by their device trees, with every trap that real ones set; releases by file, package and kernel."""

import json
import os
import random
import unittest

import bench
import load

board = load.module("board")

TREE = "/proc/device-tree/"
SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "data", "jetson")

THOR = "nvidia,p4071-0000+p3834-0008\0nvidia,p3834-0008\0nvidia,tegra264\0"
NANO_2GB = "nvidia,p3542-0000+p3448-0003\0nvidia,jetson-nano\0nvidia,tegra210\0"
ORIN_NX = "nvidia,p3768-0000+p3767-0001\0nvidia,p3767-0001\0nvidia,tegra234\0"
XAVIER_NX = "nvidia,p3509-0000+p3668-0001\0nvidia,tegra194\0"
PI_5 = "raspberrypi,5-model-b\0brcm,bcm2712\0"


class Boards(bench.HomeCase):
    def described(self, packages=None, **tree):
        """Describe a board whose device tree has these files; `kernel`, `release`, `eeprom` are those outside of it."""
        outside = {
            "kernel": "/proc/sys/kernel/osrelease",
            "release": "/etc/nv_tegra_release",
            "eeprom": "/sys/bus/i2c/devices/0-0050/eeprom",
        }
        for name, text in tree.items():
            self.put(outside.get(name, TREE + name.replace("nvidia_", "nvidia,").replace("serial_", "serial-")), text)
        return board.describe(self.root, packages or {})

    def test_the_chip_is_the_last_entry_and_the_module_no_carrier(self):
        for compatible, soc, module in (
            (THOR, "tegra264", "p3834-0008"),
            (NANO_2GB, "tegra210", "p3448-0003"),
            (ORIN_NX, "tegra234", "p3767-0001"),
            (XAVIER_NX, "tegra194", "p3668-0001"),
            (PI_5, "bcm2712", None),
            ("nvidia,p3450-0000\0nvidia,jetson-nano\0nvidia,tegra210\0", "tegra210", None),
        ):
            found = self.described(compatible=compatible)
            self.assertEqual((found["soc"], found["module"]), (soc, module))
            self.assertNotIn("", found["compatible"])

    def test_the_model_is_shown_and_decides_nothing(self):
        found = self.described(model="quill\0", compatible="nvidia,p2771-0000\0nvidia,tegra186\0")
        self.assertEqual((found["model"], found["soc"], found["module"]), ("quill", "tegra186", None))
        found = self.described(model="NVIDIA Orin Jetson-Small Developer Kit\0", compatible="nvidia,tegra234\0")
        self.assertEqual((found["model"], board.gpu(self.root, found)["sm"]), (found["model"], "8.7"))

    def test_older_trees_name_the_module_elsewhere(self):
        old = {"compatible": "nvidia,quill\0nvidia,tegra186\0"}
        self.assertIsNone(self.described(**old)["module"])
        self.assertEqual(self.described(nvidia_boardids="3310:1000\0", **old)["module"], "p3310-1000")
        name = "/dvs/hardware/nvidia/platform/t210/porg/kernel-dts/tegra210-p3448-0000-p3449-0000-b00.dts\0"
        self.assertEqual(
            self.described(nvidia_dtsfilename=name, compatible="nvidia,tegra210\0")["module"], "p3448-0000"
        )

    def test_where_no_tree_says_it_the_modules_memory_does(self):
        eeprom = "\x02\x00" + "\0" * 18 + "699-13834-0008-400 G.5\0\0\0\0\0\0\0" + "1421234567890"
        found = self.described(compatible="acme,carrier\0nvidia,tegra264\0", eeprom=eeprom)
        self.assertEqual(found["module"], "p3834-0008")
        self.assertNotIn("1421234567890", repr(found))

    def test_a_pcs_memory_module_is_no_jetson(self):
        self.assertIsNone(self.described(eeprom="\x23\x11\x0c" + "\0" * 60)["module"])

    def test_the_serial_number_stays_at_home(self):
        found = self.described(serial_number="1421234567890\0")
        self.assertEqual(len(found["serial_hash"]), 16)
        self.assertNotIn("1421234567890", repr(found))
        self.assertNotEqual(self.described(serial_number="1421234567891\0")["serial_hash"], found["serial_hash"])

    def test_the_release_of_a_file_of_a_package_or_at_least_of_the_kernel(self):
        packages = {"nvidia-l4t-core": "35.4.1-20230801124926"}
        found = self.described(packages, kernel="5.10.120-tegra\n")
        self.assertEqual((found["l4t"], found["jetpack"], found["kernel_tegra"]), ("35.4.1", "5.1.2", True))
        found = self.described(kernel="6.8.12-tegra\n")
        self.assertEqual((found["l4t"], found["jetpack"]), (None, "7"))
        found = self.described(packages, release="# R39 (release), REVISION: 2.0, GCID: 1, BOARD: generic\n")
        self.assertEqual((found["l4t"], found["jetpack"]), ("39.2.0", "7.2"))

    def test_a_kernel_of_others_says_nothing(self):
        for kernel in ("6.8.0-45-generic", "", "tegra"):
            self.assertIsNone(board.kernel_jetpack(kernel))
        for kernel, expected in (("4.9.337-tegra", "4"), ("5.15.148-tegra", "6"), ("6.8.12-1021-tegra", "7")):
            self.assertEqual(board.kernel_jetpack(kernel), expected)


class Samples(unittest.TestCase):
    def test_every_captured_release_line(self):
        with open(os.path.join(SAMPLES, "nv_tegra_release.txt")) as source:
            lines = [line for line in source if "REVISION" in line]
        found = [board.l4t(line) for line in lines]
        self.assertEqual(found, ["32.7.2", "32.7.3", "32.7.1", "38.2.0", "38.4.0"])
        self.assertEqual([board.jetpack(one) for one in found], ["4.6.2", "4.6.3", "4.6.1", "7.0", "7.1"])

    def test_every_captured_device_tree(self):
        with open(os.path.join(SAMPLES, "device_tree.json")) as source:
            trees = json.load(source)
        for tree in trees:
            release, short = tree.get("l4t"), tree.get("compat_soc")
            if release:
                self.assertIsNotNone(board.jetpack(release), tree["board"])
            if short:
                self.assertIn(short, board.GPUS, tree["board"])
        (thor,) = [tree for tree in trees if "Thor" in tree["board"]]
        compatible = [part for part in thor["compatible"].split("\0") if part]
        self.assertEqual(board.soc_of(compatible), "tegra264")

    def test_nonsense_is_no_release(self):
        for text in (None, "", "REVISION:", "# R36", "garbage R REVISION: x", "# R36 (release), REVISION: x.y"):
            self.assertIsNone(board.l4t(text))
        for release in (None, "21.5", "x", ""):
            self.assertIsNone(board.jetpack(release))
        self.assertEqual(board.jetpack("36.99.1"), "6")

    def test_no_text_makes_it_fail(self):
        dice = random.Random(20261121)
        words = ["# R", "36", " (release), ", "REVISION: ", "4.3", ".", ",", "\0", "p3448-0000", "-", "\n", "R"]
        for _ in range(2000):
            text = "".join(dice.choice(words) for _ in range(dice.randrange(12)))
            release = board.l4t(text)
            self.assertTrue(release is None or board.RELEASE.search(text), text)
            board.jetpack(release)
            board.kernel_jetpack(text)
            board.package_l4t(text)


class Gpus(bench.HomeCase):
    def test_accelerators_beside_the_gpu_belong_to_the_module(self):
        for soc, module, expected in (
            ("tegra210", "p3448-0000", 0),
            ("tegra194", "p3668-0001", 2),
            ("tegra234", "p3701-0005", 2),
            ("tegra234", "p3767-0000", 2),
            ("tegra234", "p3767-0001", 1),
            ("tegra234", "p3767-0005", 0),
            ("tegra234", None, None),
        ):
            self.assertEqual(board.dlas(soc, module), expected, module)

    def test_a_board_without_a_cuda_gpu_has_none(self):
        self.assertIsNone(board.gpu(self.root, {"soc": "bcm2712", "module": None}))

    def test_a_card_has_a_name_and_nobody_reads_its_capability_from_a_file(self):
        self.put("/proc/driver/nvidia/gpus/0000:01:00.0/information", "Model: \t\t NVIDIA H200\nIRQ:   \t 12\n")
        found = board.gpu(self.root, {"soc": None, "module": None})
        self.assertEqual(found, {"name": "NVIDIA H200", "sm": None, "dla": 0})

    def test_clocks_of_the_present_power_mode(self):
        self.assertEqual(board.clocks(self.root), {"gpu_max_mhz": None, "emc_max_mhz": None})
        self.put("/sys/class/devfreq/57000000.gpu/max_freq", "640000000\n")
        self.put("/sys/kernel/debug/bpmp/debug/clk/emc/max_rate", "3199000000\n")
        self.put("/sys/kernel/nvpmodel_emc_cap/emc_iso_cap", "2133000000\n")
        self.assertEqual(board.clocks(self.root), {"gpu_max_mhz": 640.0, "emc_max_mhz": 2133.0})
        self.put("/sys/kernel/nvpmodel_emc_cap/emc_iso_cap", "0\n")
        self.put("/sys/class/devfreq/57000000.gpu/max_freq", "fast\n")
        self.assertEqual(board.clocks(self.root), {"gpu_max_mhz": None, "emc_max_mhz": 3199.0})

    def test_what_the_memory_runs_at_now_is_no_highest_clock(self):
        self.put("/sys/kernel/debug/clk/override.emc/clk_rate", "204000000\n")
        self.assertIsNone(board.clocks(self.root)["emc_max_mhz"])
        self.put("/sys/kernel/debug/tegra_bwmgr/emc_max_rate", "1600000000\n")
        self.assertEqual(board.clocks(self.root)["emc_max_mhz"], 1600.0)


if __name__ == "__main__":
    unittest.main()
