import os
import subprocess
import sys
import unittest

from sensor_tree import MISSING, TreeTest, module, ordinary_user

base, cpufreq, load, meminfo = [module("probes." + name) for name in ("base", "cpufreq", "load", "meminfo")]
thermal, throttle, registry = [module("probes." + name) for name in ("thermal", "throttle", "registry")]

THERMAL = "sys/class/thermal"
CPU = "sys/devices/system/cpu"


class Thermal(TreeTest):
    def zone(self, number, kind, temp):
        self.put({"type": kind, "temp": temp}, "%s/thermal_zone%d" % (THERMAL, number))

    def test_zones_in_order_without_placeholders(self):
        self.zone(10, "cpu-thermal", 45500)
        self.zone(2, "gpu-thermal", -256000)
        self.zone(3, "PMIC-Die", 100000)
        self.zone(4, "cpu-thermal", -5000)
        probe = thermal.find(self.root)
        self.assertEqual(probe.source["columns"], ["gpu-thermal", "cpu-thermal", "cpu-thermal#2"])
        self.assertEqual(probe.read(), (MISSING, -5000, 45500))

    def test_a_zone_that_fails_to_read_is_missing_this_time(self):
        self.zone(0, "cpu-thermal", 45500)
        self.put({"type": "gpu-thermal"}, THERMAL + "/thermal_zone1")
        self.failing(THERMAL + "/thermal_zone1/temp")
        self.assertEqual(thermal.find(self.root).read(), (45500, MISSING))

    def test_ignored_by_the_profile(self):
        self.zone(0, "cpu-thermal", 45500)
        self.zone(1, "odd", 1)
        self.assertEqual(thermal.find(self.root, {"ignore_zones": ["odd"]}).source["columns"], ["cpu-thermal"])

    def test_none_and_forbidden(self):
        self.assertEqual(thermal.find(self.root).source["state"], "unsupported")
        self.zone(0, "cpu-thermal", 45500)
        self.forbid(THERMAL + "/thermal_zone0/temp")
        with ordinary_user():
            self.assertEqual(thermal.find(self.root).source["state"], "unavailable")


class Cpufreq(TreeTest):
    def test_policies(self):
        for policy, khz in ((0, 1800000), (4, 2400000)):
            files = {"scaling_cur_freq": khz, "scaling_max_freq": 2500000}
            self.put(files, "%s/cpufreq/policy%d" % (CPU, policy))
        probe = cpufreq.find(self.root)
        self.assertEqual(probe.source["columns"], ["policy0", "policy4", "policy0.max", "policy4.max"])
        self.assertEqual(probe.read(), (1800000, 2400000, 2500000, 2500000))

    def test_old_kernels_have_a_folder_a_cpu(self):
        self.put({"scaling_cur_freq": 900000}, CPU + "/cpu3/cpufreq")
        probe = cpufreq.find(self.root)
        self.assertEqual((probe.source["columns"], probe.read()), (["cpu3"], (900000,)))

    def test_none(self):
        self.assertEqual(cpufreq.find(self.root).source["state"], "unsupported")


class Throttle(TreeTest):
    def device(self, number, kind, state):
        self.put({"type": kind, "cur_state": state}, "%s/cooling_device%d" % (THERMAL, number))

    def test_only_what_slows_something_down_counts(self):
        kinds = ["cpufreq-cpu0", "thermal-cpufreq-0", "devfreq-17000000.gpu", "cpu-throttle-alert", "Processor",
                 "hot-surface-alert", "pwm-fan", "intel_powerclamp"]  # fmt: skip
        for number, kind in enumerate(kinds):
            self.device(number, kind, number)
        probe = throttle.find(self.root)
        self.assertEqual((probe.source["columns"], probe.read()), (kinds[:5], (0, 1, 2, 3, 4)))
        self.assertNotIn("Processor", throttle.find(self.root, {"ignore_cdevs": ["Processor"]}).source["columns"])

    def test_a_fan_alone_is_no_evidence(self):
        self.device(0, "pwm-fan", 3)
        self.assertEqual(throttle.find(self.root).source["state"], "unsupported")

    def test_intel_counters(self):
        for cpu, package, core in ((0, 0, 5), (1, 0, 7), (2, 1, 1)):
            self.put({"topology/physical_package_id": package, "thermal_throttle/core_throttle_count": core,
                      "thermal_throttle/package_throttle_count": 10 + package}, "%s/cpu%d" % (CPU, cpu))  # fmt: skip
        probe = throttle.find_counts(self.root)
        self.assertEqual((probe.source["columns"], probe.read()), (["core", "package"], (13, 21)))
        self.put({"thermal_throttle/core_throttle_count": b""}, CPU + "/cpu1")
        self.assertEqual(probe.read(), (MISSING, 21))

    def test_overcurrent_counters(self):
        self.put({"name": "soctherm_oc", "oc1_event_cnt": 0, "oc3_event_cnt": 27}, "sys/class/hwmon/hwmon3")
        probe = throttle.find_overcurrent(self.root)
        self.assertEqual((probe.source["columns"], probe.read()), (["oc1", "oc3"], (0, 27)))


class Load(TreeTest):
    def test_shares_of_the_machine(self):
        self.put({"proc/stat": "cpu  100 20 30 1000 50 4 6 7 90 0\ncpu0 1 2 3"})
        probe = load.find(self.root)
        self.assertEqual(probe.source["columns"], ["busy", "total", "steal", "own"])
        self.assertEqual(probe.read(), (160, 1217, 7, MISSING))

    def test_garbage_is_missing(self):
        self.put({"proc/stat": "cpu  100 20 30 1000 50 4 6 7 0 0", "proc/loadavg": "0.25 1 2"})
        probes = [load.find(self.root), load.find_loadavg(self.root)]
        self.assertEqual(probes[1].read(), (250,))
        for content in (b"", b"cpu\n", b"cpu a b c d e f g h", b"nan", b"inf", b"intr 1 2 3 4 5 6 7 8 9"):
            self.put({"proc/stat": content, "proc/loadavg": content})
            self.assertEqual(probes[0].read(), (MISSING,) * 4)
            self.assertEqual(probes[1].read(), (MISSING,))

    def test_the_jobs_tree_with_ended_and_living_children(self):
        def process(pid, ticks, children):
            self.put({"stat": "%d (py (x) y) S 1 1 1 0 -1 0 0 0 0 0 %d %d %d %d 20 0" % ((pid,) + ticks),
                      "task/%d/children" % pid: children}, "proc/%d" % pid)  # fmt: skip

        process(10, (1, 2, 30, 40), "11 12 ")
        process(11, (100, 200, 0, 0), "13 ")
        process(13, (1000, 0, 0, 0), "")
        self.put({"proc/stat": "cpu  9 0 0 0 0 0 0 0"})
        # 12 has just ended
        self.assertEqual(load.find(self.root, {"job_pid": 10}).read()[3], 1373)
        self.assertEqual(load.find(self.root, {"job_pid": 99}).read()[3], MISSING)

    @unittest.skipUnless(os.path.exists("/proc/self/task"), "needs Linux")
    def test_a_real_child_burning_cpu_is_the_jobs_own(self):
        probe = load.find("/", {"job_pid": os.getpid()})
        before = probe.read()[3]
        child = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "import sys, time\nwhile time.process_time() < 0.2: pass\nprint(1, flush=True)\nsys.stdin.read()",
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self.addCleanup(child.stdout.close)
        self.addCleanup(child.wait)
        self.addCleanup(child.stdin.close)
        child.stdout.readline()
        burnt = probe.read()[3] - before
        self.assertGreaterEqual(burnt, 0.18 * probe.source["tick_hz"])


class Memory(TreeTest):
    def test_fields(self):
        self.put({"proc/meminfo": "MemTotal: 100 kB\nMemAvailable:   2900000 kB\nSwapFree: 5 kB"})
        probe = meminfo.find(self.root)
        self.assertEqual(probe.read(), (2900000, 5))
        self.put({"proc/meminfo": "MemAvailable:\nSwapFree: x kB"})
        self.assertEqual(probe.read(), (MISSING, MISSING))


class Files(TreeTest):
    def test_a_pipe_posing_as_a_sensor_does_not_hang(self):
        self.put({"type": "cpu-thermal"}, THERMAL + "/thermal_zone0")
        os.mkfifo(self.path(THERMAL + "/thermal_zone0/temp"))
        self.assertEqual(thermal.find(self.root).read(), (MISSING,))

    def test_integers(self):
        self.assertEqual(base.parse_int(b" -12\n", 1000), -12000)
        for data in (b"", b"\n", b"1.5", b"0x10", b"9" * 30, b"\xff"):
            self.assertEqual(base.parse_int(data), MISSING)
        self.assertEqual(base.parse_int(b"%d" % (2**60), 1000), MISSING)

    def test_missing_survives_packing_beside_any_reading(self):
        protocol = module("protocol")
        values = [base.LIMIT - 1, MISSING, -base.LIMIT + 1, MISSING, 0]
        self.assertEqual(protocol.unpack_ints(protocol.pack_ints(values)), values)

    def test_an_empty_machine_has_only_absent_probes(self):
        for probe in registry.find_slow(self.root):
            self.assertEqual((probe.source["state"], probe.read()), ("unsupported", ()))
            self.assertTrue(probe.source["why"])


if __name__ == "__main__":
    unittest.main()
