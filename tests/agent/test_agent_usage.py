"""What a process used, window by window."""

import os
import unittest

from child_harness import module

usage = module("usage")
clock = module("clock")


def burn(cpu_ns):
    """Use the CPU for `cpu_ns` of this process's time."""
    until = usage.snapshot()[1] + cpu_ns
    while usage.snapshot()[1] < until:
        pass


class UsageTest(unittest.TestCase):
    def test_windows_add_up_and_what_is_between_them_does_not_count(self):
        used = usage.Usage()
        windows = []
        for _ in range(2):
            used.open()
            burn(20 * 10**6)
            windows.append(used.close())
            burn(40 * 10**6)
        for name in usage.COUNTERS:
            self.assertEqual(used.total[name], windows[0][name] + windows[1][name])
        self.assertTrue(40 * 10**6 <= used.total["cpu_ns"] < 80 * 10**6)
        self.assertLessEqual(sum(window["wall_ns"] for window in windows), used.total["wall_ns"])

    def test_touched_pages_are_faults(self):
        used = usage.Usage()
        used.open()
        block = b"x" * (8 << 20)
        window = used.close()
        del block
        # huge pages fault once for 512 small ones
        self.assertGreaterEqual(window["minor_faults"], 2)

    def test_a_blocking_wait_is_a_voluntary_switch(self):
        read, write = os.pipe()
        used = usage.Usage()
        used.open()
        begun = clock.monotonic_ns()
        clock.Clock().wait([read], begun + 5 * 10**6)
        window = used.close()
        os.close(read)
        os.close(write)
        self.assertGreaterEqual(window["voluntary"], 1)
        self.assertGreaterEqual(window["wall_ns"], 5 * 10**6)
        self.assertLess(window["cpu_ns"], window["wall_ns"])


if __name__ == "__main__":
    unittest.main()
