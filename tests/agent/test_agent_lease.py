"""The lease: one holder, told to others, gone with its process."""

import os
import signal
import unittest

import bench

Lease, Locked = bench.lease.Lease, bench.lease.Locked


class LeaseOfADevice(bench.HomeCase):
    def setUp(self):
        super(LeaseOfADevice, self).setUp()
        self.clock = bench.StillClock()

    def lease(self):
        return Lease(self.home, self.clock)

    def test_the_second_is_refused_and_told_who_and_how_long(self):
        first = self.lease()
        first.acquire("alice", "job-1", 60)
        self.addCleanup(first.release)
        self.clock.now_ns += 20 * 10**9
        with self.assertRaises(Locked) as caught:
            self.lease().acquire("bob", "job-2", 60)
        self.assertEqual(caught.exception.lease["holder"], "alice")
        told = self.lease().look()
        self.assertEqual((told["state"], told["job"], told["pid"]), ("held", "job-1", os.getpid()))
        self.assertEqual(told["remaining_s"], 40.0)

    def test_past_its_end_it_is_still_held_with_nothing_left(self):
        first = self.lease()
        first.acquire("alice", "job-1", 60)
        self.addCleanup(first.release)
        self.clock.now_ns += 61 * 10**9
        self.assertEqual(self.lease().look()["remaining_s"], 0.0)

    def test_released_it_is_free_again(self):
        first = self.lease()
        first.acquire("alice", "job-1", 60)
        first.release()
        first.release()
        self.assertEqual(self.lease().look(), {"state": "free"})
        self.assertFalse(os.path.exists(os.path.join(self.home, "lease.json")))
        second = self.lease()
        second.acquire("bob", "job-2", 60)
        second.release()

    def test_a_dead_holders_lease_is_free_whatever_its_file_says(self):
        reader, writer = os.pipe()
        holder = os.fork()
        if holder == 0:
            self.lease().acquire("alice", "job-1", 10**6)
            os.write(writer, b"held")
            signal.pause()
        self.assertEqual(os.read(reader, 4), b"held")
        self.assertEqual(self.lease().look()["state"], "held")
        os.kill(holder, signal.SIGKILL)
        os.waitpid(holder, 0)
        os.close(reader)
        os.close(writer)
        self.assertTrue(os.path.exists(os.path.join(self.home, "lease.json")))
        self.assertEqual(self.lease().look(), {"state": "free"})

    def test_waiting(self):
        self.assertTrue(self.lease().wait(1))
        first = self.lease()
        first.acquire("alice", "job-1", 60)
        self.assertFalse(self.lease().wait(0.005))
        first.release()
        self.assertTrue(self.lease().wait(1))
        self.assertEqual(signal.getitimer(signal.ITIMER_REAL)[0], 0.0)

    def test_looking_takes_nothing_from_anybody(self):
        first = self.lease()
        first.acquire("alice", "job-1", 60)
        for _ in range(3):
            self.lease().look()
        with self.assertRaises(Locked):
            self.lease().acquire("bob", "job-2", 60)
        first.release()


if __name__ == "__main__":
    unittest.main()
