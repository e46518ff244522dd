"""The build step under its supervisor: no ready and go, a limit of its own, a variant without an engine given up."""

import json
import os
import stat
import sys
import unittest

import bench
import child_harness
import load
from test_agent_supervise import SuperviseCase
from test_agent_trtexec_passes import alive

planner = load.module("planner")

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = {"play": "build", "pass": "build"}


class Building(SuperviseCase):
    def test_a_build_comes_first_and_the_rest_follows(self):
        code, events = self.run_job(self.job(BUILD, {"play": "ok", "pass": "fidelity"}, "ok"))
        self.assertIsNone(code)
        self.assertEqual(bench.outcomes(events), [("ok", None)] * 3)
        self.assertEqual([event["step"] for event in bench.of(events, "engine")], [0])
        self.assertEqual(bench.of(events, "plan")[0]["steps"], 2)

    def test_a_build_that_fails_keeps_its_code_and_gives_the_variant_up(self):
        steps = ({"play": "build_failed", "pass": "build"}, "ok", {"play": "ok", "variant": 1})
        events = self.run_job(self.job(*steps, variants=[{}, {}]))[1]
        self.assertEqual(bench.outcomes(events), [("failed", "oom"), ("skipped", None), ("ok", None)])
        done = bench.of(events, "done")
        self.assertEqual(done[0]["message"], "out of memory; less workspace")
        self.assertEqual(done[1]["message"], "its engine was not built: oom")

    def test_a_built_engine_that_does_not_load_gives_the_variant_up_too(self):
        events = self.run_job(self.job(BUILD, "segv", "segv", "ok"))[1]
        self.assertEqual([outcome for outcome, _ in bench.outcomes(events)], ["ok", "failed", "failed", "skipped"])

    def test_its_limit_is_its_own(self):
        job = self.job({"play": "hang", "ready": False, "pass": "build", "limit_s": 77}, limits={"load_s": 5})
        clock = self.hanging(job)
        began = clock.now_ns
        done = bench.of(self.run_job(job, clock)[1], "done")[0]
        self.assertEqual((done["code"], done["message"]), ("timeout", "it was not built within 77 s"))
        self.assertEqual(min(until for until in clock.waits if until) - began, 77 * 10**9)

    def hanging(self, job):
        """A clock that jumps once the child hangs, and stands still again once its kill is awaited."""
        jumped = []

        def hangs(until_ns):
            with open(job.path("events.jsonl"), "rb") as source:
                said = b'"hang"' in source.read()
            if said and not jumped:
                jumped.append(until_ns)
                return True
            return False

        return bench.StillClock(hangs)


class Planning(unittest.TestCase):
    def plan(self, max_time_s, build_ns):
        steps = [{"pass": "build"}, {"pass": "invocation", "min_time_s": 10, "min_iterations": 3}]
        now, told = [0], []
        plan = planner.Planner(steps, max_time_s, lambda: now[0], lambda ev, **fields: told.append(fields))
        self.assertTrue(plan.fits(0))
        plan.begin(0)
        now[0] += build_ns
        plan.ended(0, {"outcome": "ok"})
        plan.begin(1)
        self.assertTrue(plan.fits(1))
        return plan.ready(1, 10**9, {"first_ns": 10**7}), told

    def test_the_time_of_a_build_is_not_the_variants(self):
        (go, _), told = self.plan(60, 3000 * 10**9)
        self.assertEqual(go["min_time_s"], 10)
        self.assertIsNone(told[0]["reduced"])
        self.assertEqual(told[0]["steps"], 1)

    def test_a_program_that_loads_after_its_go_is_planned_with_that(self):
        steps = [{"pass": "invocation", "min_time_s": 1, "min_iterations": 3} for _ in range(3)]
        told = []
        plan = planner.Planner(steps, None, lambda: 0, lambda ev, **fields: told.append(fields))
        plan.begin(0)
        word = {"first_ns": 10**8, "load_ns": 4 * 10**9, "loads_later": True}
        _, planned_s = plan.ready(0, 5 * 10**6, word)
        self.assertAlmostEqual(planned_s, 1 + 4 + 0.1)
        self.assertAlmostEqual(told[0]["eta_s"], 3 * (1 + 4 + 0.1))


class Detached(bench.HomeCase):
    """A supervisor in the background, for real."""

    def test_a_cut_link_does_not_end_a_build(self):
        gate = os.path.join(self.top, "gate")
        os.mkfifo(gate)
        job = self.job(dict(BUILD, gate=gate), "ok")
        self.assertEqual(self.start(job)["ev"], "started")
        follower = self.following(job)
        bench.until(follower, b"timing kernels")
        follower.kill()  # as a link that breaks: nobody listens any more
        follower.wait()
        with open(gate, "w") as out:
            out.write("go on\n")
        self.assertEqual(self.follow(job)[0], 0)
        events = self.events(job)
        self.assertEqual(bench.outcomes(events), [("ok", None)] * 2)
        self.assertEqual(bench.of(events, "engine")[0]["key"], "ab")
        self.assertEqual((events[-1]["ev"], events[-1]["code"]), ("end", None))


@unittest.skipUnless(child_harness.have("numpy"), "the passes of trtexec need numpy")
class Killed(bench.HomeCase):
    """A real supervisor with real children and a program that plays trtexec."""

    def setUp(self):
        bench.HomeCase.setUp(self)
        self.bin = os.path.join(self.root, "usr/src/tensorrt/bin")
        os.makedirs(self.bin)
        os.makedirs(os.path.join(self.home, "artifacts"))
        path = os.path.join(self.bin, "trtexec")
        with open(os.path.join(HERE, "trtexec_double.py")) as source, open(path, "w") as out:
            out.write("#!%s\n" % sys.executable + source.read())
        os.chmod(path, os.stat(path).st_mode | stat.S_IXUSR)
        with open(os.path.join(self.home, "artifacts", "m.onnx"), "w") as model:
            model.write("affine")

    def set(self, **settings):
        with open(os.path.join(self.bin, "settings.json"), "w") as out:
            json.dump(dict({"dialect": "8.2", "sm": "5.3"}, **settings), out)

    def trt_job(self, name):
        engine = {"way": "trtexec", "artifact": "ab", "prebuilt": False, "flags": {}, "profile": {},
                  "inputs": [{"name": "x", "dtype": "float32", "shape": [1, 4]}]}  # fmt: skip
        variant = {"backend": "tensorrt", "model": "artifacts/m.onnx", "accelerator": "cuda", "engine": engine}
        steps = [{"pass": "build", "limit_s": 60}, {"pass": "fidelity"},
                 {"pass": "invocation", "min_time_s": 0, "min_iterations": 5}]  # fmt: skip
        return self.job(*steps, variants=[variant], name=name)

    def begin(self, job):
        """Start a job with the agent's own children; return the supervisor's process id."""
        answer = self.verb("start", job.folder)[1][0]
        self.assertEqual(answer["ev"], "started", answer)
        return answer["pid"]

    def test_a_supervisor_killed_while_it_builds_leaves_no_half_engine_and_no_trtexec(self):
        self.set(hang="build")
        job = self.trt_job("job-1")
        pid = self.begin(job)
        bench.until(self.following(job), b'"ev":"progress"')
        marker = os.path.join(self.bin, "pid")
        while not os.path.exists(marker) or not os.path.getsize(marker):
            os.sched_yield()
        with open(marker) as source:
            program = int(source.read())
        os.kill(pid, 9)
        self.assertFalse(alive(pid))
        self.assertFalse(alive(program))
        folder = os.path.join(self.home, "engines")
        self.assertEqual([name for name in os.listdir(folder) if not name.endswith(".part")], [])
        self.set()
        again = self.trt_job("job-2")
        self.begin(again)
        self.assertEqual(self.follow(again)[0], 0)
        events = self.events(again)
        self.assertEqual(bench.outcomes(events), [("ok", None)] * 3, bench.of(events, "error"))
        self.assertFalse(bench.of(events, "engine")[0]["cached"])
        third = self.trt_job("job-3")
        self.begin(third)
        self.assertEqual(self.follow(third)[0], 0)
        self.assertTrue(bench.of(self.events(third), "engine")[0]["cached"])


if __name__ == "__main__":
    unittest.main()
