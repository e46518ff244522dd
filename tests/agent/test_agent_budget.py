"""The budget: iterations are cut first, never under three, then invocations; nothing else is."""

import random
import unittest

import load

budget = load.module("budget")
planner = load.module("planner")

MS = 10**6
S = 10**9


def invocations(count, min_time_s=10, min_iterations=100):
    return [{"pass": "invocation", "min_time_s": min_time_s, "min_iterations": min_iterations}] * count


SOAK = {"pass": "soak", "seconds": 60, "idle_s": 30}


class Plan(unittest.TestCase):
    def test_nothing_is_cut_when_all_fits(self):
        told = budget.plan(invocations(6) + [SOAK], 10 * MS, 1 * S, 600, 5)
        self.assertIsNone(told["reduced"])
        self.assertAlmostEqual(told["eta_s"], 6 * 10 + 120 + 6 * 1.01)
        self.assertEqual([go["min_iterations"] for go in told["steps"][:6]], [100] * 6)
        self.assertEqual(told["steps"][6], {"seconds": 60, "idle_s": 30})

    def test_without_a_limit_nothing_is_ever_cut(self):
        told = budget.plan(invocations(10, 60, 2000), 10 * S, 5 * S, None, 10**6)
        self.assertIsNone(told["reduced"])
        self.assertEqual(told["steps"][0]["min_iterations"], 2000)

    def test_iterations_are_cut_first(self):
        # 100 iterations of 1 s in each of 6 do not fit into 300 s; 5 loads of 0 + 1 s leave 295 s, 49 for each
        told = budget.plan(invocations(6), 1 * S, 0, 300, 0)
        self.assertEqual(told["reduced"], {"min_iterations": [49, 100]})
        self.assertLessEqual(told["eta_s"], 300)
        self.assertNotIn(None, told["steps"])

    def test_invocations_are_cut_when_three_iterations_do_not_fit(self):
        # one is 3 x 20 s, each more of them 20 s more for its own first: 60 + 80 + 80 <= 230
        told = budget.plan(invocations(6), 20 * S, 0, 230, 0)
        self.assertEqual(told["reduced"]["invocations"], [3, 6])
        self.assertEqual([go and go["min_iterations"] for go in told["steps"]], [3, 3, 3, None, None, None])
        self.assertNotIn("over_s", told["reduced"])

    def test_one_invocation_remains_however_slow_it_is(self):
        told = budget.plan(invocations(6), 500 * S, 0, 100, 0)
        self.assertEqual([go is not None for go in told["steps"]], [True] + [False] * 5)
        self.assertEqual(told["steps"][0]["min_iterations"], 3)
        self.assertAlmostEqual(told["reduced"]["over_s"], 1400)

    def test_no_more_is_started_once_one_is_finished_and_nothing_fits(self):
        told = budget.plan(invocations(2), 50 * S, 0, 100, 90, in_hand=False, finished=1)
        self.assertEqual(told["steps"], [None, None])

    def test_soak_and_paced_are_never_cut(self):
        paced = {"pass": "paced", "seconds": 60, "fps": 30, "idle_s": 30}
        told = budget.plan(invocations(6) + [SOAK, paced], 100 * MS, 1 * S, 100, 0)
        self.assertEqual((told["steps"][-2]["seconds"], told["steps"][-1]["seconds"]), (60, 60))
        self.assertEqual(told["steps"][-1]["fps"], 30)
        self.assertGreater(told["reduced"]["over_s"], 0)

    def test_a_slow_first_inference_does_not_cut_the_time(self):
        # the first may be slow for once; iterations fall to the floor, the time of an invocation does not
        told = budget.plan(invocations(6), 3 * S, 0, 120, 0)
        self.assertEqual(told["steps"][0]["min_time_s"], 10)

    def test_an_order_asking_for_less_than_three_keeps_it(self):
        told = budget.plan(invocations(1, 1, 1), 50 * S, 0, 10, 0)
        self.assertEqual(told["steps"][0]["min_iterations"], 1)

    def test_properties_of_any_plan(self):
        rng = random.Random(7)
        for _ in range(2000):
            self.check(rng)

    def check(self, rng):
        count, first_ns, load_ns = rng.randint(1, 10), int(10 ** rng.uniform(5, 10.5)), int(10 ** rng.uniform(5, 10.5))
        steps = invocations(count, rng.choice([1, 10, 60]), rng.choice([30, 100, 2000]))
        steps += [SOAK] * rng.randint(0, 1)
        limit, spent = rng.uniform(10, 2000), rng.uniform(0, 100)
        told = budget.plan(steps, first_ns, load_ns, limit, spent)
        kept = [go for go in told["steps"][:count] if go is not None]
        self.assertEqual(kept, told["steps"][: len(kept)])
        self.assertGreaterEqual(len(kept), 1)
        for at, go in enumerate(kept):
            step = steps[at]
            self.assertTrue(3 <= go["min_iterations"] <= step["min_iterations"])
            self.assertTrue(0 < go["min_time_s"] <= step["min_time_s"])
        over = (told["reduced"] or {}).get("over_s", 0)
        self.assertLessEqual(spent + told["eta_s"], limit + over + 0.001)
        more = budget.plan(steps, first_ns, load_ns, limit * 2, spent)
        self.assertGreaterEqual(more["eta_s"], told["eta_s"] - 1e-6)
        if over and len(kept) > 1:
            self.fail("over the limit with invocations to spare: %r" % (told,))


class Knowing(unittest.TestCase):
    def setUp(self):
        self.now_ns = 0
        self.told = []
        steps = [dict(step, variant=at % 2) for at, step in enumerate(invocations(6))]
        self.plans = planner.Planner(steps, 60, lambda: self.now_ns, lambda ev, **fields: self.told.append(fields))

    def ready(self, index, first_ns, wall_ns):
        self.plans.begin(index)
        self.now_ns += wall_ns
        return self.plans.ready(index, wall_ns, {"first_ns": first_ns})

    def test_a_plan_is_told_once_a_variant(self):
        for index in range(4):
            self.ready(index, 10 * MS, 1 * S)
        self.assertEqual([plan["variant"] for plan in self.told], [0, 1])
        self.assertEqual(self.told[0]["steps"], 6)
        self.assertAlmostEqual(self.told[0]["eta_s"], 6 * 10 + 5 * 1, places=1)

    def test_the_steady_pace_replaces_the_first(self):
        go, planned_s = self.ready(0, 5 * S, 6 * S)
        self.assertLess(go["min_iterations"], 100)
        self.plans.heard(0, {"ev": "block", "median_ns": 5 * MS})
        self.plans.ended(0, {"outcome": "ok"})
        self.assertEqual(self.ready(2, 5 * S, 6 * S)[0]["min_iterations"], 100)

    def test_a_pass_without_a_duration_may_load_again_and_run_every_input(self):
        told = []
        plans = planner.Planner([{"pass": "fidelity"}], 60, lambda: 0, lambda ev, **fields: told.append(ev))
        plans.begin(0)
        planned_s = plans.ready(0, 101 * S, {"first_ns": 1 * S, "files": 7})[1]
        self.assertGreaterEqual(planned_s, 100 + 7)

    def test_what_was_spent_is_the_variants_own(self):
        self.ready(0, 10 * MS, 1 * S)
        self.now_ns += 58 * S
        self.plans.ended(0, {"outcome": "ok"})
        self.assertFalse(self.plans.fits(2) and self.ready(2, 10 * MS, 3 * S)[0]["min_time_s"] > 1)
        self.assertTrue(self.plans.fits(1))
        self.assertEqual(self.ready(1, 10 * MS, 1 * S)[0]["min_time_s"], 10)


if __name__ == "__main__":
    unittest.main()
