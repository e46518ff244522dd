"""The start gate in simulated time: how long it waits is the board's doing, never the clock's."""

import unittest

import bench
import load

gate = load.module("gate")
thermal = load.module("thermal")


class Board(object):
    """A board that cools towards `ambient`, degC a second by the distance; `waits` are where the gate slept to."""

    def __init__(self, start, ambient=25.0, rate=0.01, zones=("cpu",)):
        self.now_ns = 10**12
        self.temperature = start
        self.ambient = ambient
        self.rate = rate
        self.zones = zones
        self.events = []
        self.looks = 0
        self.wakes = 0

    def read(self):
        self.looks += 1
        return dict.fromkeys(self.zones, self.temperature)

    def now(self):
        return self.now_ns

    def wait(self, until_ns):
        self.wakes += 1
        target_ns = min(until_ns, self.now_ns + 7 * 10**9)  # somebody follows the job and wakes it now and then
        while self.now_ns < target_ns:
            step_ns = min(10**8, target_ns - self.now_ns)
            self.temperature += (self.ambient - self.temperature) * self.rate * step_ns / 1e9
            self.now_ns += step_ns

    def emit(self, ev, **fields):
        self.events.append(dict(fields, ev=ev))

    def pass_gate(self, **asked):
        asked.setdefault("start_max_c", 45)
        state = gate.Gate(asked, self.read, self.now, self.wait, self.emit).run()
        self.end = self.events[-1]
        self.waiting = self.events[:-1]
        return state


class Waiting(unittest.TestCase):
    def test_far_below_the_limit_it_begins_at_once(self):
        board = Board(40.0)
        self.assertEqual(board.pass_gate(), "passed")
        self.assertEqual((board.waiting, board.wakes, board.end["waited_s"]), ([], 0, 0.0))

    def test_hot_it_waits_until_it_is_cool_and_says_for_how_long(self):
        board = Board(60.0)
        self.assertEqual(board.pass_gate(), "passed")
        self.assertLess(board.end["celsius"], 45.0)
        self.assertAlmostEqual(board.end["waited_s"], 60.0, delta=15.0)  # 45 is reached after ln(35/20)/0.01 = 56 s
        first = board.waiting[0]
        self.assertEqual(
            (first["for"], first["celsius"], first["target_c"], first["eta_s"]), ("temperature", 60.0, 45.0, None)
        )
        told = [one for one in board.waiting if one["eta_s"] is not None]
        for one in told:
            self.assertLess(one["slope"], 0)
        self.assertLess(told[-1]["eta_s"], told[0]["eta_s"])
        self.assertIn("wanted 45 and steady", first["text"])

    def test_a_longer_cooling_takes_longer(self):
        waited = []
        for rate in (0.02, 0.01, 0.002):
            board = Board(60.0, rate=rate)
            board.pass_gate()
            waited.append(board.end["waited_s"])
        self.assertEqual(waited, sorted(waited))
        self.assertGreater(waited[2], 3 * waited[1])

    def test_below_the_limit_and_still_moving_is_not_steady(self):
        board = Board(44.5, ambient=43.8, rate=0.05)
        self.assertEqual(board.pass_gate(), "passed")
        self.assertGreater(board.end["waited_s"], gate.SLOPE_SPAN_S)
        self.assertLessEqual(abs(board.end["slope"]), 0.5)
        strict = Board(44.5, ambient=43.8, rate=0.05)
        strict.pass_gate(slope_c_per_min=0.1)
        self.assertGreater(strict.end["waited_s"], board.end["waited_s"])

    def test_a_board_that_never_cools_is_begun_all_the_same(self):
        board = Board(60.0, ambient=58.0)
        self.assertEqual(board.pass_gate(limit_s=300), "timeout")
        self.assertAlmostEqual(board.end["waited_s"], 300.0, delta=0.1)
        self.assertGreater(board.end["celsius"], 57.0)
        self.assertLess(board.looks, 200)

    def test_without_a_sensor_there_is_no_gate(self):
        board = Board(60.0, zones=())
        self.assertEqual(board.pass_gate(), "no-sensor")
        self.assertEqual((board.looks, board.end["celsius"]), (gate.FAILURES, None))

    def test_limits_by_zone_and_zones_ignored(self):
        self.assertEqual(Board(60.0, zones=("cpu", "gpu")).pass_gate(start_max_c={"tj": 45}), "no-sensor")
        board = Board(60.0, zones=("hot", "cpu"))
        board.pass_gate(start_max_c={"cpu": 70, "tj": 10})
        self.assertEqual((board.end["zone"], board.end["target_c"], board.end["waited_s"]), ("cpu", 70.0, 0.0))
        self.assertEqual(Board(60.0, zones=("hot",)).pass_gate(ignore_zones=["hot"]), "no-sensor")

    def test_what_ends_the_wait_goes_through(self):
        board = Board(60.0)

        def stop(until_ns):
            raise KeyboardInterrupt()

        board.wait = stop
        with self.assertRaises(KeyboardInterrupt):
            board.pass_gate()


class Zones(bench.HomeCase):
    def zone(self, number, name, text):
        self.put("/sys/class/thermal/thermal_zone%d/type" % number, name + "\n")
        if text is not None:
            self.put("/sys/class/thermal/thermal_zone%d/temp" % number, text)

    def test_live_zones_alone(self):
        for number, (name, text) in enumerate(
            [
                ("CPU-therm", "41500\n"),
                ("GPU-therm", "-256000\n"),
                ("PMIC-Die", "100000\n"),
                ("cv0", None),
                ("x", ""),
                ("odd", "999000\n"),
            ]
        ):
            self.zone(number, name, text)
        self.zone(9, "CPU-therm", "43000\n")
        self.assertEqual(thermal.celsius(self.root), {"CPU-therm": 43.0})

    def test_no_zones(self):
        self.assertEqual(thermal.celsius(self.root), {})


if __name__ == "__main__":
    unittest.main()
