"""Memory as /proc tells it, from a tree of files and from this process."""

import os
import shutil
import tempfile
import unittest

from child_harness import module

memory, gpu_memory = module("memory"), module("gpu_memory")

STATUS = "Name:\tpython3\nVmPeak:\t  999 kB\nVmHWM:\t   70368 kB\nVmRSS:\t   70364 kB\nThreads:\t3\n"
ROLLUP = "5607f8343000-7ffd rollup\nRss:  70364 kB\nPss:  54321 kB\nPss_Dirty:  100 kB\nSwap:  12 kB\nSwapPss: 6 kB\n"
MEMINFO = "MemTotal: 4051048 kB\nMemFree: 100 kB\nMemAvailable: 2000000 kB\nHugePages_Total: 0\n"


class Sink(object):
    """Takes events."""

    def __init__(self):
        self.events = []

    def emit(self, ev, **fields):
        self.events.append(dict(fields, ev=ev))


class TreeTest(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp(prefix="edgebench-memory-")
        self.addCleanup(shutil.rmtree, self.root)

    def write(self, path, text):
        """Write a file under the root."""
        whole = os.path.join(self.root, path)
        if not os.path.isdir(os.path.dirname(whole)):
            os.makedirs(os.path.dirname(whole))
        with open(whole, "w") as file:
            file.write(text)

    def test_a_process(self):
        self.write("proc/12/status", STATUS)
        self.write("proc/12/smaps_rollup", ROLLUP)
        kib = memory.process_kib(self.root, 12)
        self.assertEqual(kib, {"VmHWM": 70368, "VmRSS": 70364, "Pss": 54321, "Swap": 12})

    def test_a_process_that_has_just_ended_tells_nothing(self):
        pid = os.fork()
        if not pid:
            os._exit(0)
        os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
        self.addCleanup(os.waitpid, pid, 0)
        self.assertEqual(memory.process_kib("/", pid), {})

    def test_a_kernel_without_rollup_gives_no_pss(self):
        self.write("proc/12/status", STATUS)
        self.assertEqual(memory.process_kib(self.root, 12), {"VmHWM": 70368, "VmRSS": 70364})

    def test_without_a_high_water_mark_getrusage_serves_under_its_own_name(self):
        kib = memory.process_kib(self.root)
        self.assertEqual(list(kib), ["ru_maxrss"])
        self.assertGreater(kib["ru_maxrss"], 1000)

    def test_available(self):
        self.assertEqual(memory.system_kib(self.root), {})
        self.write("proc/meminfo", MEMINFO)
        self.assertEqual(memory.system_kib(self.root), {"MemAvailable": 2000000})

    def test_the_dip_of_the_system_is_the_least_seen(self):
        self.write("proc/meminfo", MEMINFO)
        sink = Sink()
        meter = memory.Meter(sink, self.root)
        self.write("proc/meminfo.new", MEMINFO.replace("2000000", "1500000"))
        os.rename(os.path.join(self.root, "proc/meminfo.new"), os.path.join(self.root, "proc/meminfo"))
        meter.finish()
        (event,) = sink.events
        self.assertEqual((event["stage"], event["kib"]), ("system", {"before": 2000000, "min": 1500000}))

    def test_swap_and_the_gpus_share_of_the_pool_are_followed_too(self):
        board = MEMINFO + "SwapTotal: 2000 kB\nSwapFree: 1500 kB\nNvMapMemUsed: 40 kB\n"
        self.write("proc/meminfo", board)
        sink = Sink()
        meter = memory.Meter(sink, self.root)
        self.write("proc/meminfo.new", board.replace("1500 kB", "400 kB").replace("40 kB", "900 kB"))
        os.rename(os.path.join(self.root, "proc/meminfo.new"), os.path.join(self.root, "proc/meminfo"))
        meter.finish()
        kib, definitions = sink.events[0]["kib"], sink.events[0]["definitions"]
        self.assertEqual((kib["SwapUsed.before"], kib["SwapUsed.max"]), (500, 1600))
        self.assertEqual((kib["NvMapMemUsed.before"], kib["NvMapMemUsed.max"]), (40, 900))
        self.assertEqual(set(definitions), set(kib))

    def test_a_meminfo_that_goes_away_is_no_error(self):
        self.write("proc/meminfo", MEMINFO)
        sink = Sink()
        meter = memory.Meter(sink, self.root)
        os.remove(os.path.join(self.root, "proc/meminfo"))
        meter.finish()
        self.assertEqual(sink.events[0]["kib"]["min"], 2000000)

    def test_nvmap_lists_the_process_by_its_number(self):
        self.assertIsNone(gpu_memory.nvmap_kib(self.root, 4321))
        table = "CLIENT                        PROCESS      PID        SIZE\n"
        table += "user                          gnome-shell 1234      5000K\nuser   python3 4321 123456K\n"
        table += "user  my prog 4321 44K\nuser python3 4321 lotsK\nuser python3 4321 9M\ntotal    128500K\n"
        self.write("sys/kernel/debug/nvmap/iovmm/clients", table)
        self.assertEqual(gpu_memory.nvmap_kib(self.root, 4321), 123500)
        self.assertIsNone(gpu_memory.nvmap_kib(self.root, 99))

    def test_a_mark_holds_what_nvmap_says_of_us(self):
        self.write("proc/self/status", STATUS)
        self.write("sys/kernel/debug/nvmap/iovmm/clients", "user python3 %d 77K\n" % os.getpid())
        sink = Sink()
        memory.Meter(sink, self.root).mark("peak")
        self.assertEqual(sink.events[0]["kib"], {"VmHWM": 70368, "VmRSS": 70364, "nvmap": 77})

    def test_a_kernel_without_available_tells_no_dip(self):
        sink = Sink()
        memory.Meter(sink, self.root).finish()
        self.assertEqual(sink.events, [])


@unittest.skipUnless(os.path.exists("/proc/self/status"), "needs Linux's /proc")
class OwnProcessTest(unittest.TestCase):
    def test_the_peak_follows_what_is_touched_and_stays(self):
        before = memory.process_kib()
        block = b"x" * (64 << 20)
        during = memory.process_kib()
        del block
        after = memory.process_kib()
        self.assertGreater(during["VmHWM"] - before["VmRSS"], 60 << 10)
        # the kernel keeps these counts per CPU and adds them up now and then: exact to some hundred KiB
        self.assertGreater(after["VmHWM"], during["VmHWM"] - (1 << 10))
        self.assertLess(after["VmRSS"], during["VmRSS"] - (60 << 10))

    def test_a_mark_says_what_its_figures_mean(self):
        sink = Sink()
        meter = memory.Meter(sink)
        meter.mark("baseline")
        meter.finish()
        mark = sink.events[0]
        self.assertEqual((mark["ev"], mark["stage"]), ("memory", "baseline"))
        self.assertEqual(set(mark["definitions"]), set(mark["kib"]))
        self.assertIn("peak", mark["definitions"]["VmHWM"])


class FakeNvml(object):
    """A libnvidia-ml with one GPU and a table of (pid, bytes); `code` is what the table's call returns."""

    def __init__(self, table, code=0):
        self._table = table
        self._code = code

    def nvmlInit_v2(self):  # noqa: N802
        return 0

    def nvmlDeviceGetCount_v2(self, count):  # noqa: N802
        count._obj.value = 1
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, index, handle):  # noqa: N802
        return 0

    def nvmlDeviceGetComputeRunningProcesses_v3(self, device, count, rows):  # noqa: N802
        for row, (pid, used) in zip(rows, self._table):  # noqa: B905
            row.pid, row.used = pid, used
        count._obj.value = len(self._table)
        return self._code


class NvmlTest(unittest.TestCase):
    def test_the_table_of_processes(self):
        library = FakeNvml([(5, 2048), (7, 512 << 20), (8, gpu_memory.NOT_AVAILABLE)])
        self.assertEqual(gpu_memory.nvml_kib(7, lambda name: library), 512 << 10)
        self.assertIsNone(gpu_memory.nvml_kib(6, lambda name: library))
        self.assertIsNone(gpu_memory.nvml_kib(8, lambda name: library))

    def test_absence_and_refusal(self):
        def none(name):
            raise OSError("cannot open shared object file")

        self.assertIsNone(gpu_memory.nvml_kib(7, none))
        self.assertIsNone(gpu_memory.nvml_kib(7, lambda name: object()))
        self.assertIsNone(gpu_memory.nvml_kib(7, lambda name: FakeNvml([(7, 1 << 20)], code=3)))

    @unittest.skipUnless(os.path.exists("/proc/self/status"), "needs Linux's /proc")
    def test_it_is_asked_at_the_peak_alone(self):
        sink = Sink()
        meter = memory.Meter(sink, nvml_kib=lambda pid: 1000 if pid == os.getpid() else None)
        for stage in ("loaded", "peak"):
            meter.mark(stage)
        meter.finish()
        self.assertEqual([event["kib"].get("NVML") for event in sink.events], [None, 1000, None])


if __name__ == "__main__":
    unittest.main()
