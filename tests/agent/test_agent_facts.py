"""Facts of machines that are trees of files here: boards as their kernels show themselves, and an empty one."""

import os
import unittest

import bench
import load

facts = load.module("facts")
runtimes = load.module("runtimes")

NANO = {
    "/proc/device-tree/model": "NVIDIA Jetson Nano Developer Kit\0",
    "/proc/device-tree/compatible": "nvidia,p3450-0000\0nvidia,jetson-nano\0nvidia,tegra210\0",
    "/etc/nv_tegra_release": "# R32 (release), REVISION: 7.1, GCID: 29818004, BOARD: t210ref, EABI: aarch64\n",
    "/etc/machine-id": "0123456789abcdef0123456789abcdef\n",
    "/etc/os-release": 'NAME="Ubuntu"\nID=ubuntu\nVERSION_ID="18.04"\nPRETTY_NAME="Ubuntu 18.04.6 LTS"\n',
    "/proc/cpuinfo": "processor\t: 0\nmodel name\t: ARMv8 Processor rev 1 (v8l)\nCPU part\t: 0xd07\n\n"
    "processor\t: 1\nmodel name\t: ARMv8 Processor rev 1 (v8l)\nCPU part\t: 0xd07\n",
    "/proc/meminfo": "MemTotal:        4059712 kB\nMemAvailable:    3000000 kB\nSwapTotal:       2029856 kB\n",
    "/proc/loadavg": "0.52 0.58 0.59 1/389 12345\n",
    "/proc/uptime": "1234.56 4000.00\n",
    "/proc/sys/kernel/osrelease": "4.9.253-tegra\n",
    "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor": "schedutil\n",
    "/sys/devices/system/cpu/cpufreq/policy0/cpuinfo_max_freq": "1479000\n",
}


class Boards(bench.HomeCase):
    def collect(self, tree):
        for path, text in tree.items():
            self.put(path, text)
        return facts.collect(self.root, self.home, [])

    def test_a_jetson_nano(self):
        found = self.collect(NANO)
        self.assertEqual(found["board"]["model"], "NVIDIA Jetson Nano Developer Kit")
        self.assertEqual(found["board"]["compatible"][-1], "nvidia,tegra210")
        self.assertEqual((found["board"]["l4t"], found["kernel"]), ("32.7.1", "4.9.253-tegra"))
        self.assertEqual(found["os"], {"id": "ubuntu", "version": "18.04", "name": "Ubuntu 18.04.6 LTS"})
        self.assertEqual((found["cpu"]["model"], found["cpu"]["parts"]), ("ARMv8 Processor rev 1 (v8l)", ["0xd07"]))
        self.assertEqual(found["cpu"]["governors"], {"policy0": "schedutil"})
        self.assertEqual(found["cpu"]["max_khz"], {"policy0": 1479000})
        self.assertEqual(found["memory_kib"], {"total": 4059712, "available": 3000000, "swap": 2029856})
        self.assertEqual((found["loadavg"], found["uptime_s"]), ([0.52, 0.58, 0.59], 1234.56))
        self.assertEqual(found["is_virtual"], {"likely": False, "hints": []})

    def test_the_machine_id_itself_never_leaves(self):
        found = self.collect(NANO)
        self.assertEqual(len(found["machine_id"]), 16)
        self.assertNotIn("0123456789abcdef", repr(found))
        self.put("/etc/machine-id", "another")
        self.assertNotEqual(facts.machine_id(self.root), found["machine_id"])

    def test_an_empty_machine_has_nulls_and_not_zeros(self):
        found = self.collect({})
        for key in ("os", "machine_id", "boot_id", "loadavg", "uptime_s"):
            self.assertIsNone(found[key], key)
        self.assertEqual(found["memory_kib"], {"total": None, "available": None, "swap": None})
        self.assertEqual((found["cpu"]["turbo"], found["cpu"]["smt"], found["cpu"]["model"]), (None, None, None))
        self.assertEqual(found["board"].pop("compatible"), [])
        self.assertIs(found["board"].pop("kernel_tegra"), False)
        self.assertEqual(set(found["board"].values()), {None})
        self.assertEqual((found["gpu"], found["power_mode"]), (None, None))
        for key in ("software", "tools", "clocks"):
            self.assertEqual(set(found[key].values()), {None}, key)
        self.assertGreater(found["disk_free_bytes"], 0)

    def test_a_board_tells_its_power_mode_and_where_its_tools_are(self):
        self.put(
            "/usr/sbin/nvpmodel",
            "#!/bin/sh\necho 'NVPM WARN: fan mode is not set!'\necho 'NV Power Mode: MAXN'\necho 0\n",
        )
        tool = os.path.join(self.root, "usr/sbin/nvpmodel")
        self.assertIsNone(self.collect(NANO)["tools"]["nvpmodel"])
        os.chmod(tool, 0o755)
        found = self.collect({})
        self.assertEqual((found["tools"]["nvpmodel"], found["tools"]["trtexec"]), (tool, None))
        self.assertEqual(found["power_mode"], {"id": 0, "name": "MAXN"})
        self.assertEqual(found["gpu"], {"name": "GM20B", "sm": "5.3", "dla": 0})

    def test_turbo_and_smt(self):
        self.put("/sys/devices/system/cpu/intel_pstate/no_turbo", "1\n")
        self.put("/sys/devices/system/cpu/smt/active", "1\n")
        self.assertIs(facts.turbo(self.root), False)
        self.assertIs(facts.cpu(self.root, "")["smt"], True)

    def test_boost_where_there_is_no_pstate_driver(self):
        self.put("/sys/devices/system/cpu/cpufreq/boost", "1\n")
        self.assertIs(facts.turbo(self.root), True)

    def test_a_virtual_machine(self):
        found = self.collect({"/proc/cpuinfo": "flags\t\t: fpu hypervisor\n", "/sys/class/dmi/id/sys_vendor": "QEMU\n"})
        self.assertEqual(found["is_virtual"], {"likely": True, "hints": ["cpu flag hypervisor", "sys_vendor: qemu"]})

    def test_this_machine(self):
        found = facts.collect("/", self.home, [])
        self.assertEqual(found["machine"], os.uname().machine)
        self.assertEqual(sorted(found["tools"]), sorted(facts.TOOLS))
        self.assertGreater(found["memory_kib"]["total"], 1000)
        self.assertEqual(found["python"]["version"][0], 3)


class Runtimes(bench.HomeCase):
    def install(self, folder, module, metadata):
        os.makedirs(os.path.join(folder, module))
        with open(os.path.join(folder, module, "__init__.py"), "w") as out:
            out.write("raise SystemExit('imported')\n")
        os.makedirs(os.path.join(folder, metadata))

    def test_found_without_importing_in_homes_runtimes_and_in_given_folders(self):
        own = os.path.join(self.home, "runtimes", "ort-1.10")
        self.install(own, "onnxruntime", "onnxruntime_gpu-1.10.0.dist-info")
        given = os.path.join(self.top, "elsewhere")
        self.install(given, "ai_edge_litert", "ai_edge_litert-2.0.2.dist-info")
        found = facts.collect(self.root, self.home, [given, own])["runtimes"]
        found = [one for one in found if one["where"]]
        self.assertEqual(
            [(one["where"], one["name"], one["distribution"], one["version"]) for one in found],
            [
                ("ort-1.10", "onnxruntime", "onnxruntime-gpu", "1.10.0"),
                ("elsewhere", "tflite", "ai-edge-litert", "2.0.2"),
            ],
        )

    def test_the_older_tflite_is_the_same_backend(self):
        folder = os.path.join(self.top, "old")
        self.install(folder, "tflite_runtime", "tflite_runtime-2.13.0.dist-info")
        (found,) = runtimes.find([("old", folder)])
        self.assertEqual((found["name"], found["module"], found["version"]), ("tflite", "tflite_runtime", "2.13.0"))

    def test_a_runtime_without_metadata_has_no_version(self):
        folder = os.path.join(self.top, "bare")
        self.install(folder, "ncnn", "unrelated")
        found = runtimes.find([("bare", folder)])
        self.assertEqual([(one["name"], one["version"]) for one in found], [("ncnn", None)])

    def test_a_package_without_metadata_tells_its_version_in_its_own_text(self):
        folder = os.path.join(self.top, "dist-packages")
        self.install(folder, "tensorrt", "unrelated")
        with open(os.path.join(folder, "tensorrt", "__init__.py"), "a") as out:
            out.write('# TensorRT\n__version__ = "8.2.1.8"\n')
        (found,) = runtimes.find([(None, folder)])
        self.assertEqual((found["name"], found["version"]), ("tensorrt", "8.2.1.8"))

    def test_metadata_without_the_module_is_no_runtime(self):
        folder = os.path.join(self.top, "left")
        os.makedirs(os.path.join(folder, "onnxruntime-1.10.0.dist-info"))
        self.assertEqual(runtimes.find([("left", folder), ("none", os.path.join(self.top, "none"))]), [])


if __name__ == "__main__":
    unittest.main()
