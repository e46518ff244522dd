"""The event file and those who follow it: no follower, however slow or dead, holds a run up."""

import errno
import os
import select
import socket
import unittest

import bench
import load

publish = load.module("publish")
follow = load.module("follow")


class Publishing(bench.HomeCase):
    def setUp(self):
        super(Publishing, self).setUp()
        os.chdir(self.top)
        self.followers = publish.Followers()
        self.addCleanup(lambda: self.followers.close())

    def peer(self):
        """A follower, served once."""
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(peer.close)
        peer.connect("live.sock")
        self.serve()
        return peer

    def serve(self):
        return self.followers.serve(select.select(self.followers.readers(), [], [], 0)[0])

    def test_a_new_follower_is_woken_at_once(self):
        self.assertEqual(self.peer().recv(16), b".")

    def test_one_that_never_reads_is_no_burden(self):
        slow, quick = self.peer(), self.peer()
        for _ in range(10**4):
            self.followers.wake()
            quick.recv(4096)
        self.assertEqual(slow.recv(1), b".")
        self.assertEqual(len(self.followers.readers()), 3)

    def test_the_dead_are_let_go(self):
        peer = self.peer()
        before = len(self.followers.readers())
        peer.close()
        self.assertFalse(self.serve())
        self.assertEqual(len(self.followers.readers()), before - 1)
        self.followers.wake()

    def test_asking_to_stop(self):
        peer = self.peer()
        self.assertFalse(self.serve())
        peer.sendall(b"stop")
        self.assertTrue(self.serve())

    def test_closing_hangs_up_and_takes_the_name_away(self):
        peer = self.peer()
        self.followers.close()
        self.assertEqual((peer.recv(16), peer.recv(16)), (b".", b""))
        self.assertFalse(os.path.exists("live.sock"))

    def test_a_dead_supervisors_name_is_taken_over(self):
        self.followers.close()
        with open("live.sock", "w"):
            pass
        self.followers = publish.Followers()
        self.assertEqual(self.peer().recv(1), b".")


class Events(bench.HomeCase):
    def open(self, **more):
        os.makedirs(self.home, exist_ok=True)
        events = publish.EventFile(self.home, bench.NONCE, bench.StillClock(), **more)
        self.addCleanup(events.close)
        events.open()
        return events

    def test_a_job_runs_once(self):
        self.open()
        with self.assertRaises(FileExistsError):
            publish.EventFile(self.home, bench.NONCE, bench.StillClock()).open()

    def test_every_event_wakes(self):
        events = self.open()
        woken = []
        events.on_write = lambda: woken.append(os.path.getsize(os.path.join(self.home, "events.jsonl")))
        events.emit("phase", name="one")
        events.relay({"ev": "phase", "t": 7, "name": "two"})
        self.assertEqual(len(set(woken)), 2)

    def test_the_pad_is_real_room(self):
        self.open()
        pad = os.stat(os.path.join(self.home, "pad"))
        self.assertGreaterEqual(pad.st_blocks * 512, publish.PAD_BYTES)

    def test_no_room_to_begin_leaves_a_job_that_can_be_started_later(self):
        def full(fd, data):
            raise OSError(errno.ENOSPC, "No space left on device")

        with self.assertRaises(OSError):
            self.open(write=full)
        self.assertEqual(os.listdir(self.home), [])
        self.open()


class HasEnd(unittest.TestCase):
    def test_only_a_whole_frame_of_the_job_ends_it(self):
        line = bench.protocol.frame("ab", 7, {"ev": "end"})
        quoted = bench.protocol.frame("ab", 7, {"ev": "warning", "text": '"ev":"end"'})
        self.assertTrue(bench.jobs.has_end(line, "ab"))
        for other in (line[:-9] + b"\n", quoted, b'"ev":"end"\n'):
            self.assertFalse(bench.jobs.has_end(other, "ab"))
        self.assertFalse(bench.jobs.has_end(line, "cd"))


if __name__ == "__main__":
    unittest.main()
