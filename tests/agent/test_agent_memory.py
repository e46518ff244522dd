"""Memory as /proc tells it, from a tree of files and from this process."""

import os
import shutil
import tempfile
import unittest

from child_harness import module

memory = module("memory")

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

    def test_a_kernel_without_rollup_gives_no_pss(self):
        self.write("proc/12/status", STATUS)
        self.assertEqual(memory.process_kib(self.root, 12), {"VmHWM": 70368, "VmRSS": 70364})

    def test_without_a_high_water_mark_getrusage_serves_under_its_own_name(self):
        kib = memory.process_kib(self.root)
        self.assertEqual(list(kib), ["ru_maxrss"])
        self.assertGreater(kib["ru_maxrss"], 1000)

    def test_available(self):
        self.assertIsNone(memory.available_kib(self.root))
        self.write("proc/meminfo", MEMINFO)
        self.assertEqual(memory.available_kib(self.root), 2000000)

    def test_the_dip_of_the_system_is_the_least_seen(self):
        self.write("proc/meminfo", MEMINFO)
        sink = Sink()
        meter = memory.Meter(sink, self.root)
        self.write("proc/meminfo.new", MEMINFO.replace("2000000", "1500000"))
        os.rename(os.path.join(self.root, "proc/meminfo.new"), os.path.join(self.root, "proc/meminfo"))
        meter.finish()
        (event,) = sink.events
        self.assertEqual((event["stage"], event["kib"]), ("system", {"before": 2000000, "min": 1500000}))

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


if __name__ == "__main__":
    unittest.main()
