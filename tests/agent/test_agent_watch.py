"""Where the supervisor sleeps, and how a start treats a holder that is about to let go."""

import os
import signal
import unittest

import bench
import load

watch = load.module("watch")
detach = load.module("detach")

S = 10**9


class NoFollowers(object):
    """Nobody follows; `stop` is whether somebody asked to stop."""

    def __init__(self):
        self.stop = False

    def readers(self):
        return []

    def serve(self, ready):
        return self.stop


class Sleeping(unittest.TestCase):
    def setUp(self):
        self.clock = bench.StillClock(lambda until_ns: True)
        self.followers = NoFollowers()
        self.watch = watch.Watch(self.clock, self.followers, None, self.clock.now_ns + 100 * S)
        self.watch.__enter__()
        self.addCleanup(self.watch.__exit__)

    def test_until_the_time_asked_for(self):
        began = self.clock.now_ns
        self.assertFalse(self.watch.wait(began + 7 * S))
        self.assertEqual(self.clock.now_ns, began + 7 * S)

    def test_not_past_the_lease(self):
        began = self.clock.now_ns
        with self.assertRaises(watch.Ended) as caught:
            self.watch.wait(began + 500 * S)
        self.assertEqual((caught.exception.code, self.clock.now_ns), ("timeout", began + 100 * S))

    def test_while_closing_neither_lease_nor_stop_nor_signal_matters(self):
        self.watch.closing = self.followers.stop = True
        os.kill(os.getpid(), signal.SIGTERM)
        began = self.clock.now_ns
        for seconds in (500, 600):
            self.watch.wait(began + seconds * S)
        self.assertEqual(self.clock.now_ns, began + 600 * S)

    def test_signals_end_it(self):
        for number in watch.SIGNALS:
            os.kill(os.getpid(), number)
            with self.assertRaises(watch.Ended) as caught:
                self.watch.wait()
            self.assertEqual(caught.exception.code, "interrupted")

    def test_a_pipe_that_can_be_read(self):
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        os.write(writer, b"x")
        os.close(writer)
        self.assertTrue(self.watch.wait(None, reader))

    def test_handlers_are_put_back(self):
        inner = watch.Watch(self.clock, self.followers, None, None)
        before = signal.getsignal(signal.SIGTERM)
        with inner:
            self.assertIsNot(signal.getsignal(signal.SIGTERM), before)
        self.assertIs(signal.getsignal(signal.SIGTERM), before)


class HeldOnce(object):
    """A lease that another job holds until somebody waits for it."""

    def __init__(self, job):
        self._job = job
        self.waited = False

    def acquire(self, holder, job, lease_s):
        if not self.waited:
            raise bench.lease.Locked({"job": self._job, "holder": "other", "pid": 1, "expires_ns": 5 * S})

    def wait(self, seconds):
        self.waited = True
        return True


class Taking(bench.HomeCase):
    def test_a_holder_that_has_told_its_end_is_waited_for(self):
        other, mine = self.job("ok", name="other"), self.job("ok", name="mine")
        with open(other.path("events.jsonl"), "wb") as out:
            out.write(bench.protocol.frame(bench.NONCE, 0, {"ev": "end"}))
        self.assertEqual(detach._take(mine, HeldOnce("other"), bench.StillClock())["ev"], "started")

    def test_one_that_still_works_is_not(self):
        self.job("ok", name="other")
        lease = HeldOnce("other")
        answer = detach._take(self.job("ok", name="mine"), lease, bench.StillClock())
        self.assertEqual((answer["ev"], answer["holder"], lease.waited), ("locked", "other", False))


if __name__ == "__main__":
    unittest.main()
