"""The verbs as the host calls them: real processes, a detached supervisor, links that break, kill -9."""

import json
import os
import shutil
import signal
import subprocess
import unittest

import bench
import load

GOVERNOR = "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor"
DEEP = "a-folder-of-a-long-name-" * 4


def kinds(events):
    return [event["ev"] for event in events]


class Verbs(bench.HomeCase):
    def hang(self, name="job-1", **spec):
        """Start a job whose child hangs; return (job, start's answer, a descriptor that ends when the child dies)."""
        fifo = os.path.join(self.top, name + ".fifo")
        os.mkfifo(fifo)
        reader = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(reader, True)
        self.addCleanup(os.close, reader)
        job = self.job({"play": "hang", "fifo": fifo}, name=name, **spec)
        answer = self.start(job)
        self.addCleanup(self.verb, "stop", job.folder)
        follower = self.following(job)
        self.seen = bench.until(follower, b'"hang"')
        self.follower = follower
        return job, answer, reader

    def test_a_job_from_start_to_discard(self):
        job = self.job("ok", {"play": "ok", "pass": "soak", "seconds": 1})
        self.assertEqual(self.status("job")[0]["state"], "new")
        answer = self.start(job)
        self.assertEqual(answer["ev"], "started")
        code, data = self.follow(job)
        self.assertEqual(code, 0)
        reader = bench.protocol.FrameReader(bench.NONCE)
        events = reader.feed(data)
        self.assertEqual(bench.outcomes(events), [("ok", None)] * 2)
        self.assertTrue(reader.ended)
        told = self.status("job")[0]
        self.assertEqual((told["state"], told["host"], told["nonce"]), ("finished", {"run_id": "job-1"}, bench.NONCE))
        self.assertEqual(told["bytes"], len(data))
        self.assertEqual(kinds(self.verb("discard", job.folder)[1]), ["discarded", "end"])
        self.assertFalse(os.path.exists(job.folder))
        self.assertEqual(self.verb("discard", job.folder)[0], 0)

    def test_a_file_that_vanishes_meanwhile_does_not_stop_a_discard(self):
        job = self.job("ok")
        calls = []

        def racing(folder):
            calls.append(folder)
            if len(calls) == 1:
                raise FileNotFoundError("pad")
            shutil.rmtree(folder)

        job.discard({"state": "free"}, remove=racing)
        self.assertEqual((len(calls), os.path.exists(job.folder)), (2, False))

    def status(self, kind):
        return bench.of(self.verb("status", "--home", self.home)[1], kind)

    def test_follow_goes_on_from_any_byte(self):
        job = self.job("ok")
        self.start(job)
        whole = self.follow(job)[1]
        for offset in (1, len(whole) // 2, len(whole)):
            code, rest = self.follow(job, offset)
            self.assertEqual(rest, whole[offset:])
            self.assertEqual(code, 0 if b'"ev":"end"' in rest else 3)

    def test_jobs_one_after_the_other_never_meet(self):
        for name in ("job-1", "job-2", "job-3"):
            job = self.job("ok", name=name)
            self.assertEqual(self.start(job)["ev"], "started")
            self.assertEqual(self.follow(job)[0], 0)

    def test_stop_without_a_socket(self):
        job, _, _ = self.hang()
        os.unlink(job.path("live.sock"))
        self.assertEqual(self.verb("stop", job.folder)[1][0]["state"], "finished")
        self.assertEqual(self.events(job)[-1]["code"], "interrupted")

    def test_stop_of_what_does_not_run_says_so(self):
        job = self.job("ok")
        self.assertEqual(self.verb("stop", job.folder)[1][0]["state"], "new")

    def test_starting_again_is_no_second_run(self):
        job, answer, _ = self.hang()
        self.assertEqual(os.getsid(answer["pid"]), os.getpgid(answer["pid"]))
        self.assertNotEqual(os.getsid(answer["pid"]), os.getsid(0))
        again = self.start(job)
        self.assertEqual((again["ev"], again["again"], again["pid"]), ("started", True, answer["pid"]))

    def test_stop_kills_the_child_and_ends_the_stream(self):
        path = self.put(GOVERNOR, "ondemand\n")
        job, _, child = self.hang(prepare={"governor": "performance"})
        self.assertEqual(self.get(GOVERNOR), "performance")
        self.assertEqual([e["path"] for e in self.status("journal")[0]["entries"]], [path])
        code, events = self.verb("stop", job.folder)
        self.assertEqual((code, events[0]["state"]), (0, "finished"))
        os.read(child, 64)
        self.assertEqual(os.read(child, 64), b"")
        self.assertEqual(self.get(GOVERNOR), "ondemand")
        events = self.events(job)
        self.assertEqual((events[-1]["code"], bench.outcomes(events)), ("interrupted", [("failed", "interrupted")]))
        self.assertEqual(self.follower.wait(), 0)

    def test_a_terminated_supervisor_restores(self):
        self.put(GOVERNOR, "ondemand\n")
        job, answer, _ = self.hang(prepare={"governor": "performance"})
        os.kill(answer["pid"], signal.SIGTERM)
        self.assertEqual(self.follower.wait(), 0)
        self.verb("await-lease", "--home", self.home, "--seconds", "30")
        self.assertEqual((self.events(job)[-1]["code"], self.get(GOVERNOR)), ("interrupted", "ondemand"))

    def test_kill_9_of_the_supervisor(self):
        self.put(GOVERNOR, "ondemand\n")
        job, answer, child = self.hang(prepare={"governor": "performance"})
        os.kill(answer["pid"], signal.SIGKILL)
        os.read(child, 64)
        self.assertEqual(os.read(child, 64), b"")  # the child is dead too
        self.assertEqual(self.follower.wait(), 3)
        self.assertEqual((self.status("job")[0]["state"], self.status("lease")[0]["state"]), ("dead", "free"))
        self.assertEqual(self.get(GOVERNOR), "performance")
        after = self.job("ok", name="job-2")
        self.start(after)
        self.assertEqual(self.follow(after)[0], 0)
        self.assertEqual(self.get(GOVERNOR), "ondemand")
        self.assertEqual(bench.of(self.events(after), "warning")[0]["code"], "leftovers")

    def test_restore_after_kill_9(self):
        path = self.put(GOVERNOR, "ondemand\n")
        _, answer, child = self.hang(prepare={"governor": "performance"})
        os.kill(answer["pid"], signal.SIGKILL)
        os.read(child, 64)
        os.read(child, 64)
        code, events = self.verb("restore", "--home", self.home)
        self.assertEqual((code, [e["path"] for e in events[0]["entries"]]), (0, [path]))
        self.assertEqual(self.get(GOVERNOR), "ondemand")
        self.assertEqual(self.verb("restore", "--home", self.home)[1][0]["entries"], [])

    def test_a_held_device_refuses_and_force_takes_it(self):
        self.put(GOVERNOR, "ondemand\n")
        job, answer, _ = self.hang(prepare={"governor": "performance"})
        other = self.job("ok", name="job-2")
        locked = self.start(other)
        self.assertEqual((locked["ev"], locked["holder"], locked["pid"]), ("locked", "tester", answer["pid"]))
        self.assertTrue(0 < locked["remaining_s"] <= 600)
        self.assertEqual(other.state(self.status("lease")[0]), "new")
        code, events = self.verb("restore", "--home", self.home)
        self.assertEqual((code, kinds(events), events[1]["code"]), (1, ["locked", "end"], "device-locked"))
        self.assertEqual(self.verb("discard", job.folder)[0], 1)
        code, events = self.verb("restore", "--home", self.home, "--force")
        self.assertEqual((code, kinds(events)), (0, ["stopped", "restored", "end"]))
        self.assertEqual((self.events(job)[-1]["code"], self.get(GOVERNOR)), ("interrupted", "ondemand"))

    def test_force_ends_a_supervisor_that_does_not_answer(self):
        self.put(GOVERNOR, "ondemand\n")
        job, answer, _ = self.hang(prepare={"governor": "performance"})
        os.unlink(job.path("live.sock"))
        events = self.verb("restore", "--home", self.home, "--force")[1]
        self.assertEqual(bench.of(events, "stopped")[0]["how"], "killed")
        self.assertEqual(self.get(GOVERNOR), "ondemand")

    def test_waiting_for_the_lease_ends_with_it(self):
        job, _, _ = self.hang()
        argv = load.command() + ["await-lease", "--home", self.home, "--seconds", "60", "--nonce", "ab"]
        waiting = subprocess.Popen(argv, stdout=subprocess.PIPE, env=load.environment(), cwd=self.top)
        self.addCleanup(bench.close_all, waiting)
        self.verb("stop", job.folder)
        self.assertIn(b'"state":"free"', waiting.stdout.read())

    def test_waiting_gives_up_in_time(self):
        self.hang()
        events = self.verb("await-lease", "--home", self.home, "--seconds", "0.01")[1]
        self.assertEqual(events[0]["state"], "held")

    def test_a_home_deeper_than_a_sockets_name_may_be_long(self):
        self.home = os.path.join(self.top, DEEP, DEEP)
        job = self.job("ok")
        self.assertGreater(len(job.path("live.sock")), 108)
        self.start(job)
        self.assertEqual(self.follow(job)[0], 0)

    def test_bad_jobs_are_refused_with_a_reason(self):
        job = self.job("ok")
        with open(job.path("job.json"), "w") as out:
            json.dump({"protocol": 99}, out)
        code, events = self.verb("start", job.folder)
        self.assertEqual(code, 1)
        self.assertIn("protocol 99", events[-1]["message"])
        code, events = self.verb("start", os.path.join(self.home, "jobs", "nowhere"))
        self.assertIn("job.json", events[-1]["message"])
        code, events = self.verb("discard", self.top)
        self.assertEqual((code, os.path.isdir(self.top)), (1, True))

    def test_a_supervisor_that_cannot_begin_says_why(self):
        job = self.job("ok")
        os.mkdir(job.path("live.sock"))
        code, events = self.verb("start", job.folder)
        self.assertEqual((code, events[-1]["code"]), (1, "internal"))
        self.assertIn("live.sock", events[-1]["message"])
        self.assertEqual(self.status("lease")[0]["state"], "free")

    def test_facts_and_burn(self):
        code, events = self.verb("facts", "--home", self.home, "--root", self.root)
        self.assertEqual((code, kinds(events)), (0, ["facts", "end"]))
        edges = bench.of(self.verb("burn", "--seconds", "0.02")[1], "burn")
        self.assertGreaterEqual(edges[1]["t"] - edges[0]["t"], 20 * 10**6)

    def test_wrong_command_lines(self):
        for arguments in (["dance"], ["start"], ["facts"]):
            argv = load.command() + arguments
            done = subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=load.environment())
            self.assertEqual((done.returncode, done.stdout), (2, b""))


if __name__ == "__main__":
    unittest.main()
