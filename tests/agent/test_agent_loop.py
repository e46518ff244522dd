"""The measuring loops against a clock that only moves when something is done."""

import gc
import sys
import unittest

from child_harness import module, only

loop = module("loop")
protocol = module("protocol")
clock = module("clock")

MS = 10**6
S = 10**9


class FakeClock(object):
    """Counts its reads; each costs `tick` ns; `sleep` moves it, `oversleep` ns too far."""

    def __init__(self, tick=0, oversleep=0):
        self.now = 5 * S
        self.reads = 0
        self.tick = tick
        self.oversleep = oversleep
        self.slept = []

    def __call__(self):
        self.reads += 1
        self.now += self.tick
        return self.now

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += int(seconds * 1e9) + self.oversleep


class Work(object):
    """An inference that takes the given times (ns) in turn, the last one for ever."""

    def __init__(self, fake, *times):
        self._fake = fake
        self._times = list(times)
        self.runs = 0
        self.gc_on = None

    def __call__(self):
        self._fake.now += self._times[min(self.runs, len(self._times) - 1)]
        self.gc_on = gc.isenabled()
        self.runs += 1
        return [self.runs]


class Events(object):
    """Takes events instead of an emitter."""

    def __init__(self):
        self.events = []

    def emit(self, ev, **fields):
        self.events.append(dict(fields, ev=ev))


def nothing(_):
    """Do nothing between iterations."""


def nothing_at_all():
    """Be an inference that costs nothing."""


def durations(events):
    """Return all durations of the samples events."""
    return [ns for event in only(events, "samples") for ns in protocol.unpack_ints(event["duration_ns"])]


class MeasureTest(unittest.TestCase):
    def measure(self, times, limits, between=nothing, **more):
        """Run the loop and return (work, clock, events)."""
        fake, sink = FakeClock(), Events()
        work = Work(fake, *times)
        self.done = loop.measure(work, between, limits, loop.Recorder(sink, items=2, **more), fake)
        return work, fake, sink.events

    def test_runs_until_both_minima_are_reached(self):
        work, _, _ = self.measure([10 * MS], loop.Limits(1 * S, 30, None))
        self.assertEqual(work.runs, 100)
        work, _, _ = self.measure([10 * MS], loop.Limits(S // 10, 30, None))
        self.assertEqual(work.runs, 30)
        self.assertEqual(self.done, 30)

    def test_the_maximum_wins(self):
        work, _, _ = self.measure([10 * MS], loop.Limits(1 * S, 30, 3))
        self.assertEqual(work.runs, 3)

    def test_every_duration_is_kept_in_order(self):
        times = [3 * MS, 1 * MS, 900 * MS, 2 * MS]
        _, _, events = self.measure(times, loop.Limits(0, 4, None))
        self.assertEqual(durations(events), times)

    def test_two_clock_reads_an_iteration(self):
        few = self.measure([1000], loop.Limits(0, 10, None))[1].reads
        many = self.measure([1000], loop.Limits(0, 1010, None))[1].reads
        self.assertEqual(many - few, 2 * 1000)

    def test_blocks_end_after_their_time_or_when_full(self):
        _, _, events = self.measure([300 * MS], loop.Limits(6 * S, 1, None), block_ns=1 * S)
        self.assertEqual([event["n"] for event in only(events, "block")], [4, 4, 4, 4, 4])
        _, _, events = self.measure([1 * MS], loop.Limits(0, 10, None), capacity=4)
        self.assertEqual([event["n"] for event in only(events, "samples")], [4, 4, 2])
        self.assertEqual(durations(events), [1 * MS] * 10)

    def test_a_block_tells_items_span_and_median(self):
        _, _, events = self.measure([4 * MS, 1 * MS, 3 * MS, 2 * MS], loop.Limits(0, 4, None))
        (block,) = only(events, "block")
        self.assertEqual((block["n"], block["items"], block["median_ns"]), (4, 8, 2500000))
        self.assertEqual(block["t1"] - block["t0"], 10 * MS)
        self.assertGreaterEqual(block["major_faults"], 0)

    def test_time_between_iterations_is_not_in_a_sample(self):
        fake, sink = FakeClock(), Events()

        def between(_):
            fake.now += 50 * MS

        work = Work(fake, 1 * MS)
        loop.measure(work, between, loop.Limits(0, 5, None), loop.Recorder(sink, 1), fake)
        self.assertEqual(durations(sink.events), [1 * MS] * 5)

    def test_files_are_counted_round_across_blocks(self):
        _, _, events = self.measure([1 * MS], loop.Limits(0, 7, None), capacity=4, files=3)
        files = [at for event in only(events, "samples") for at in protocol.unpack_ints(event["file"])]
        self.assertEqual(files, [0, 1, 2, 0, 1, 2, 0])

    def test_one_file_is_not_told(self):
        _, _, events = self.measure([1 * MS], loop.Limits(0, 2, None))
        self.assertNotIn("file", only(events, "samples")[0])

    def test_the_collector_is_off_inside_and_back_after(self):
        self.assertTrue(gc.isenabled())
        work, _, _ = self.measure([1000], loop.Limits(0, 2, None))
        self.assertFalse(work.gc_on)
        self.assertTrue(gc.isenabled())

    def test_the_collector_is_back_after_a_failure(self):
        def broken():
            raise RuntimeError("kernel failed")

        with self.assertRaises(RuntimeError):
            loop.measure(broken, nothing, loop.Limits(0, 2, None), loop.Recorder(Events(), 1))
        self.assertTrue(gc.isenabled())

    def test_outputs_are_let_go_before_the_next_inference(self):
        alive = []

        class Output(object):
            def __init__(self):
                alive.append(1)

            def __del__(self):
                alive.pop()

        most = []

        def run():
            most.append(len(alive))
            return [Output()]

        loop.measure(run, nothing, loop.Limits(0, 5, None), loop.Recorder(Events(), 1))
        self.assertEqual(most, [0] * 5)


class CostTest(unittest.TestCase):
    def test_an_iteration_calls_the_clock_twice_the_inference_and_what_is_between_and_nothing_else(self):
        def calls(count):
            """Return the number of Python calls that a measurement of `count` iterations makes."""
            made = []
            recorder = loop.Recorder(Events(), 1)
            recorder.flush = nothing
            before = sys.getprofile()
            # what a library runs when its objects are let go happens to fall into our time, but is not of our making
            ours = {loop.measure.__code__.co_filename, nothing.__code__.co_filename}

            def profile(frame, event, arg):
                if event == "call" and frame.f_code.co_filename in ours:
                    made.append(event)

            sys.setprofile(profile)
            try:
                loop.measure(nothing_at_all, nothing, loop.Limits(0, count, None), recorder, FakeClock())
            finally:
                sys.setprofile(before)
            return len(made)

        self.assertEqual(calls(1010) - calls(10), 4 * 1000)


class PaceTest(unittest.TestCase):
    def pace(self, times, fps, slots, oversleep=0):
        """Run the paced loop; return (result, events, clock)."""
        fake, sink = FakeClock(tick=1000, oversleep=oversleep), Events()
        recorder = loop.Recorder(sink, 1, paced=True)
        result = loop.pace(Work(fake, *times), nothing, fps, slots, recorder, fake, fake.sleep)
        return result, sink.events, fake

    def released(self, events):
        """Return all release times."""
        return [ns for event in only(events, "samples") for ns in protocol.unpack_ints(event["released_ns"])]

    def test_frames_on_time_are_on_the_grid_without_drift(self):
        result, events, _ = self.pace([5 * MS], 30, 90)
        self.assertEqual(result, loop.Paced(90, 0, 90))
        released = self.released(events)
        self.assertEqual([ns - released[0] for ns in released], [int(k * 1e9 / 30) for k in range(90)])

    def test_a_frame_starts_at_or_after_its_release_by_less_than_the_spin(self):
        _, events, _ = self.pace([5 * MS], 50, 20)
        starts = [ns for event in only(events, "samples") for ns in protocol.unpack_ints(event["start_ns"])]
        for at, release in enumerate(self.released(events)):
            self.assertTrue(0 <= starts[at] - release < loop.SPIN_NS)

    def test_a_late_frame_misses_and_the_next_stays_on_the_grid(self):
        # frame 1 takes 1.5 periods: it misses, release 2 is left out, frame 3 is on its release
        result, events, _ = self.pace([5 * MS, 15 * MS, 5 * MS], 100, 6)
        self.assertEqual(result, loop.Paced(6, 2, 5))
        released = self.released(events)
        self.assertEqual([(ns - released[0]) // (10 * MS) for ns in released], [0, 1, 3, 4, 5])

    def test_always_too_slow_misses_every_slot(self):
        result, _, _ = self.pace([25 * MS], 100, 30)
        self.assertEqual((result.slots, result.missed, result.iterations), (30, 30, 10))

    def test_the_last_frame_can_miss_too(self):
        result, _, _ = self.pace([5 * MS, 5 * MS, 35 * MS], 100, 3)
        self.assertEqual(result, loop.Paced(3, 1, 3))

    def test_missed_is_told_by_block_too(self):
        result, events, _ = self.pace([15 * MS], 100, 1000)
        self.assertEqual(sum(event["missed"] for event in only(events, "block")), result.missed)
        self.assertGreater(len(only(events, "block")), 1)

    def test_waiting_sleeps_nearly_all_and_spins_the_rest(self):
        fake = FakeClock(tick=10)
        start = fake.now
        loop.wait_until(start + 20 * MS, fake, fake.sleep)
        self.assertEqual(len(fake.slept), 1)
        self.assertAlmostEqual(fake.slept[0], 0.02 - loop.SPIN_NS / 1e9, places=6)
        self.assertTrue(0 <= fake.now - (start + 20 * MS) <= 10)

    def test_a_short_wait_is_spun_alone(self):
        fake = FakeClock(tick=10)
        deadline = fake.now + loop.SPIN_NS
        loop.wait_until(deadline, fake, fake.sleep)
        self.assertEqual((fake.slept, fake.now >= deadline), ([], True))

    def test_a_deadline_that_has_passed_is_not_waited_for(self):
        fake = FakeClock(tick=10)
        loop.wait_until(fake.now - 1, fake, fake.sleep)
        self.assertEqual(fake.slept, [])


class MedianTest(unittest.TestCase):
    def test_midpoint_rule(self):
        self.assertEqual(loop.median([3]), 3)
        self.assertEqual(loop.median([9, 1, 5]), 5)
        self.assertEqual(loop.median([10, 1, 4, 2]), 3)


if __name__ == "__main__":
    unittest.main()
