import json
import os
import random
import select
import signal
import subprocess
import sys
import unittest

from sensor_tree import MISSING, TreeTest, module

sampler, base, protocol = [module(name) for name in ("sampler", "probes.base", "protocol")]

SECOND = 10**9


class FakeTime(object):
    """A clock that jumps to whatever is waited for; looking at it takes `read_ns`.

    At `end_ns` the wait reports ``stop``. `late_ns` is how much later than asked a wait returns.
    """

    def __init__(self, end_s, read_ns=0, late_ns=0):
        self.now = 0
        self.waits = 0
        self._end = int(end_s * SECOND)
        self._read = read_ns
        self._late = late_ns

    def monotonic_ns(self):
        self.now += self._read
        return self.now

    def wait(self, readers, until_ns):
        self.waits += 1
        if until_ns is None or until_ns >= self._end:
            self.now = self._end
            return readers
        self.now = max(self.now, until_ns + self._late)
        return []


class Stop(object):
    readers = ["stop"]

    def asked(self, readable):
        return "stop" in readable


class Recorder(object):
    """Takes events as the emitter does."""

    def __init__(self):
        self.events = []

    def __call__(self, ev, **fields):
        self.events.append(dict(fields, ev=ev))

    def of(self, ev):
        return [event for event in self.events if event["ev"] == ev]

    def column(self, source, name):
        values = []
        for event in self.of("reading"):
            if event["source"] == source:
                column = protocol.unpack_ints(event["packed"][event["columns"].index(name)])
                assert len(column) == event["rows"]
                values += column
        return values


def counting_probe(name="power:x", value=7):
    return base.Probe(base.describe(name, "instantaneous", "rails", "uW", ["a", "b"]), [lambda: value, lambda: MISSING])


def run(time, groups, **options):
    record = Recorder()
    sampler.Sampler(record, groups, time, Stop(), cpu_s=lambda: time.now / 1e11, **options).run()
    return record


def group(hz, seed=1, jitter=sampler.JITTER, *probes):
    return sampler.Group([sampler.Track(probe) for probe in probes], int(SECOND / hz), random.Random(seed), jitter)


class Intervals(unittest.TestCase):
    def times(self, **options):
        time = FakeTime(60, **options.pop("time", {}))
        record = run(time, [group(10, options.get("seed", 1), options.get("jitter", 0.3), counting_probe())])
        return record.column("power:x", "t")

    def gaps(self, times):
        return [after - before for before, after in zip(times, times[1:])]  # noqa: B905

    def test_they_vary_by_30_percent_around_the_rate(self):
        gaps = self.gaps(self.times())
        self.assertGreaterEqual(min(gaps), 0.07 * SECOND)
        self.assertLessEqual(max(gaps), 0.13 * SECOND)
        self.assertLess(min(gaps), 0.075 * SECOND)
        self.assertGreater(max(gaps), 0.125 * SECOND)
        self.assertAlmostEqual(len(gaps), 600, delta=15)

    def test_the_phase_against_a_10_ms_loop_is_spread_evenly(self):
        phases = [time % 10000000 for time in self.times()]
        for part in range(4):
            share = sum(1 for phase in phases if part <= phase // 2500000 < part + 1) / len(phases)
            self.assertAlmostEqual(share, 0.25, delta=0.06)
        self.assertEqual(len({time % 10000000 for time in self.times(jitter=0.0)}), 1)

    def test_a_seed_draws_the_same_times_again(self):
        self.assertEqual(self.times(seed=5), self.times(seed=5))
        self.assertNotEqual(self.times(seed=5), self.times(seed=6))

    def test_missed_times_are_skipped_not_made_up_for(self):
        gaps = self.gaps(self.times(time={"late_ns": 450000000}))
        self.assertGreater(min(gaps), 0.07 * SECOND)
        self.assertLess(len(gaps), 150)

    def test_a_reading_is_stamped_with_the_middle_of_its_read(self):
        record = run(FakeTime(0.5, read_ns=1000), [group(10, 1, 0.0, counting_probe())])
        first = record.column("power:x", "t")[0]
        self.assertEqual(first % 1000, 500)


class Flow(unittest.TestCase):
    def test_rows_come_at_least_every_flush_and_none_is_lost(self):
        record = run(FakeTime(22), [group(10, 1, 0.3, counting_probe())], flush_s=5.0)
        readings = record.of("reading")
        self.assertEqual(len(readings), 5)
        self.assertEqual(readings[0]["columns"], ["t", "a", "b"])
        times = record.column("power:x", "t")
        self.assertEqual(times, sorted(times))
        self.assertEqual(set(record.column("power:x", "a")), {7})
        self.assertEqual(set(record.column("power:x", "b")), {MISSING})
        self.assertEqual(sum(event["rows"] for event in readings), len(times))

    def test_slow_sources_share_their_wake_ups(self):
        time = FakeTime(10)
        record = run(time, [group(1, 1, 0.3, counting_probe("slow1"), counting_probe("slow2"))])
        self.assertEqual(record.column("slow1", "t"), record.column("slow2", "t"))
        self.assertAlmostEqual(time.waits, 11, delta=3)

    def test_own_cost_is_told(self):
        record = run(FakeTime(20, read_ns=1000), [group(10, 1, 0.3, counting_probe())], flush_s=5.0)
        last = record.of("sampler")[-1]
        self.assertEqual(len(record.of("sampler")), 4)
        self.assertAlmostEqual(last["wall_ns"], 20 * SECOND, delta=SECOND // 100)
        self.assertAlmostEqual(last["cpu_ns"], last["wall_ns"] // 100, delta=SECOND // 1000)
        self.assertEqual(last["reads"], len(record.column("power:x", "t")))
        self.assertEqual(last["read_ns"], last["reads"] * 1000)

    def test_with_nothing_to_read_it_waits_once_and_ends(self):
        time = FakeTime(60)
        record = run(time, [])
        self.assertEqual((time.waits, [event["ev"] for event in record.events]), (1, ["sampler"]))

    def test_a_resolution_learnt_later_is_announced_once_more(self):
        probe = counting_probe()
        track = sampler.Track(probe)
        probe.source["resolution_w"] = 0.04
        groups = [sampler.Group([track], SECOND // 10, random.Random(1))]
        sources = run(FakeTime(20), groups, flush_s=5.0).of("source")
        self.assertEqual([source["resolution_w"] for source in sources], [0.04])


class Groups(TreeTest):
    def build(self, **config):
        record = Recorder()
        groups, _ = sampler.build_groups(dict(config, root=self.root), random.Random(1), record, {})
        return groups, record

    def test_every_source_is_announced_and_only_working_ones_are_read(self):
        self.put({"name": "acme", "power1_input": 5}, "sys/class/hwmon/hwmon7")
        groups, record = self.build(power="auto", power_hz=500.0, slow_hz=2.0)
        states = {source["name"]: source["state"] for source in record.of("source")}
        self.assertEqual(states["power:hwmon"], "ok")
        self.assertEqual(states["thermal"], "unsupported")
        self.assertEqual([len(one.tracks) for one in groups], [1])
        # no faster than the chip renews its reading
        self.assertEqual([source["rate_hz"] for source in record.of("source") if source["state"] == "ok"], [50])

    def test_power_off(self):
        self.put({"proc/meminfo": "MemAvailable: 5 kB"})
        groups, record = self.build(power=None)
        self.assertEqual([track.probe.source["name"] for one in groups for track in one.tracks], ["meminfo"])
        self.assertEqual(record.events[0]["why"], "power was switched off for this run")


class Cost(TreeTest):
    def test_20_files_at_10_hz_take_less_than_2_percent_of_a_core(self):
        for chip in range(3):
            files = {"name": "ina3221"}
            for channel in (1, 2, 3):
                files.update({"in%d_input" % channel: 5000, "curr%d_input" % channel: 1000 + 8 * chip})
            self.put(files, "sys/class/hwmon/hwmon%d" % chip)
            self.put({"type": "zone", "temp": 45000}, "sys/class/thermal/thermal_zone%d" % chip)
        self.put({"proc/meminfo": "MemAvailable: 5 kB", "proc/stat": "cpu  1 2 3 4 5 6 7 8"})
        record = Recorder()
        config = {"root": self.root, "power": "auto", "power_hz": 10.0, "slow_hz": 1.0}
        groups, _ = sampler.build_groups(config, random.Random(1), record, {})
        self.assertEqual(len(groups[0].tracks[0].probe.read()), 9)
        # the board's 60 s pass at once, the CPU time is real
        sampler.Sampler(record, groups, FakeTime(60), Stop()).run()
        cost = record.of("sampler")[-1]
        self.assertGreater(cost["reads"], 700)
        self.assertGreater(cost["cpu_ns"], 0)
        self.assertLess(cost["cpu_ns"] / cost["wall_ns"], 0.02)


class Process(TreeTest):
    """The sampler as the supervisor starts it."""

    def setUp(self):
        TreeTest.setUp(self)
        self.put({"name": "acme", "power1_input": 5000000}, "sys/class/hwmon/hwmon7")
        self.receiving, sending = os.pipe()
        self.put({"config.json": json.dumps({"root": self.root, "fd": sending, "nonce": "beef", "power": "auto",
                                             "power_hz": 50.0, "slow_hz": 1.0, "seed": 3})})  # fmt: skip
        code = "import importlib, sys; sys.exit(importlib.import_module(%r).main(sys.argv[1]))" % sampler.__name__
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, self.path("config.json")],
            stdin=subprocess.PIPE,
            pass_fds=[sending],
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in sys.path if path)),
        )
        os.close(sending)
        self.addCleanup(self.process.stdin.close)
        self.addCleanup(self.end)

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def events_until(self, reader, enough):
        events = []
        while not enough(events):
            self.assertTrue(select.select([self.receiving], [], [], 20)[0], "the sampler says nothing")
            data = os.read(self.receiving, 65536)
            if not data:
                break
            events += reader.feed(data)
        return events

    def finish(self, reader):
        events = self.events_until(reader, lambda events: False)
        os.close(self.receiving)
        self.assertEqual(self.process.wait(), 0)
        self.assertEqual((reader.noise, reader.damaged), (0, 0))
        return events

    def started(self):
        reader = protocol.FrameReader("beef")
        self.events_until(reader, lambda events: any(event.get("name") == "meminfo" for event in events))
        return reader

    def test_end_of_stdin_flushes_and_ends(self):
        reader = self.started()
        self.process.stdin.close()
        events = self.finish(reader)
        self.assertEqual(events[-1]["ev"], "sampler")
        self.assertEqual([event["source"] for event in events if event["ev"] == "reading"][:1], ["power:hwmon"])

    def test_sigterm_flushes_and_ends(self):
        reader = self.started()
        self.process.send_signal(signal.SIGTERM)
        events = self.finish(reader)
        self.assertEqual(events[-1]["ev"], "sampler")

    def test_a_supervisor_that_is_gone_ends_it_quietly(self):
        self.started()
        os.close(self.receiving)
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(), 0)


if __name__ == "__main__":
    unittest.main()
