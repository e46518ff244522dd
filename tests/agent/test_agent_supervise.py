"""The supervisor with a child that plays every part: what becomes of the job, whatever the child does."""

import errno
import os
import sys
import unittest

import bench
import load

journal = load.module("journal")
publish = load.module("publish")
supervise = load.module("supervise")

GOVERNOR = "/sys/devices/system/cpu/cpufreq/policy0/scaling_governor"


class SuperviseCase(bench.HomeCase):
    """Runs jobs in this process, the stand-in as child."""

    def run_job(self, job, clock=None, event_file=publish.EventFile):
        """Run a job to its end; return (the end's code, events)."""
        clock = clock or bench.StillClock()
        code = self.run_supervisor(job, clock, event_file)
        self.assertEqual(bench.lease.Lease(self.home, clock).look(), {"state": "free"})
        return code, self.events(job)

    def run_supervisor(self, job, clock, event_file):
        """Run a job to its end; return the end's code."""
        held = bench.lease.Lease(self.home, clock)
        held.acquire("tester", job.id, job.spec["lease_s"])
        book = journal.Journal(self.home)
        with Log(job.path("log.txt")):
            return supervise.Supervisor(job, held, book, bench.STANDIN, clock, event_file=event_file).run()


class Log(object):
    """Context: stdout and stderr are a job's log, as a detached supervisor has it."""

    def __init__(self, path):
        self._path = path

    def __enter__(self):
        sys.stdout.flush()
        sys.stderr.flush()
        self._kept = [os.dup(1), os.dup(2)]
        log = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.close(log)

    def __exit__(self, *error):
        sys.stdout.flush()
        sys.stderr.flush()
        for fd, kept in enumerate(self._kept, 1):
            os.dup2(kept, fd)
            os.close(kept)


class Faulty(publish.EventFile):
    """A bug of ours: what is told of the pins after the run fails."""

    def emit(self, ev, **fields):
        if fields.get("when") == "after":
            raise ValueError("a bug")
        return super(Faulty, self).emit(ev, **fields)


class Good(SuperviseCase):
    def test_a_bug_after_the_last_step_does_not_leave_the_device_set_up(self):
        self.put(GOVERNOR, "ondemand")
        code, events = self.run_job(self.job("ok", prepare={"governor": "performance"}), event_file=Faulty)
        self.assertEqual((self.get(GOVERNOR), journal.Journal(self.home).entries()), ("ondemand", []))
        self.assertEqual((code, events[-1]["message"], events[-1]["restored"]), ("internal", "ValueError: a bug", True))

    def test_the_stream_of_a_good_job(self):
        job = self.job({"play": "ok", "pass": "fidelity"}, "ok")
        code, events = self.run_job(job)
        self.assertIsNone(code)
        names = [event["ev"] for event in events]
        self.assertEqual(names[:3], ["hello", "facts", "prepared"])
        self.assertEqual(names[-2:], ["prepared", "end"])
        one_step = ["step", "loaded", "first", "ready", "plan", "phase", "went", "samples", "block", "done"]
        self.assertEqual(names[3:13], one_step)
        self.assertEqual(names[13:22], [name for name in one_step if name != "plan"])
        self.assertEqual([event["step"] for event in events[3:22] if "step" in event], [0] * 9 + [1] * 9)
        end = events[-1]
        self.assertEqual((end["code"], end["steps_done"], end["restored"]), (None, 2, True))
        self.assertEqual(job.state({"state": "free"}), "finished")
        self.assertFalse(os.path.exists(job.path("live.sock")))
        self.assertFalse(os.path.exists(job.path("pad")))

    def test_the_go_carries_the_steps_orders(self):
        job = self.job(
            {"play": "ok", "min_time_s": 2.5, "min_iterations": 7},
            {"play": "ok", "pass": "soak", "seconds": 10, "idle_s": 3},
        )
        events = self.run_job(job)[1]
        first, second = [event["go"] for event in bench.of(events, "went")]
        self.assertEqual((first["min_time_s"], first["min_iterations"], first["max_iterations"]), (2.5, 7, None))
        self.assertEqual((second["seconds"], second["idle_s"]), (10, 3))

    def test_a_childs_own_done_is_the_outcome(self):
        events = self.run_job(self.job("ok"))[1]
        self.assertEqual(bench.outcomes(events), [("ok", None)])

    def test_noise_on_the_pipe_and_on_stdout_is_not_in_the_stream(self):
        job = self.job("noise", "huge")
        events = self.run_job(job)[1]
        self.assertEqual(bench.outcomes(events), [("ok", None)] * 2)
        self.assertEqual(len([event for event in events if event["ev"] == "samples" and event["step"] == 1]), 64)
        with open(job.path("log.txt")) as log:
            text = log.read()
        self.assertIn("EB1 is not a frame", text)
        self.assertIn("something odd", text)
        self.assertGreater(len(text), 1 << 21)

    def test_environment_affinity_and_group_are_the_childs(self):
        cpu = sorted(os.sched_getaffinity(0))[0]
        job = self.job("environment", variants=[{"env": {"COLOUR": "blue"}}], prepare={"affinity": str(cpu)})
        events = self.run_job(job)[1]
        seen = bench.of(events, "seen")[0]
        self.assertEqual((seen["cpus"], seen["colour"]), ([cpu], "blue"))
        self.assertNotEqual(seen["group"], os.getpgrp())

    def test_the_supervisor_never_wakes_by_a_timer(self):
        clock = bench.StillClock()
        self.run_job(self.job("ok", limits={"load_s": 60}), clock)
        self.assertTrue(clock.waits)
        grace_ns = int(load.module("step").CLOSED_PIPE_GRACE_S * 1e9)
        self.assertGreaterEqual(min(until for until in clock.waits if until) - clock.now_ns, grace_ns)


class Bad(SuperviseCase):
    def done(self, *steps, **spec):
        return bench.of(self.run_job(self.job(*steps, **spec))[1], "done")

    def test_a_crash_is_the_steps_and_not_the_jobs(self):
        first, second = self.done("segv", "ok")
        self.assertEqual((first["code"], first["signal"]), ("crashed", "SIGSEGV"))
        self.assertEqual(second["outcome"], "ok")

    def test_sigkill_without_evidence_is_a_crash(self):
        self.put("/proc/vmstat", "nr_free_pages 1\noom_kill 3\n")
        self.assertEqual(self.done("sigkill")[0]["code"], "crashed")

    def test_sigkill_with_the_kernels_evidence_is_oom(self):
        vmstat = self.put("/proc/vmstat", "nr_free_pages 1\noom_kill 3\n")
        done = self.done({"play": "sigkill", "vmstat": vmstat})[0]
        self.assertEqual((done["code"], done["signal"]), ("oom", "SIGKILL"))

    def test_memory_error_is_oom(self):
        self.assertEqual(self.done("memory_error")[0]["code"], "oom")

    def test_a_childs_error_is_the_outcome(self):
        done = self.done("run_failed")[0]
        self.assertEqual((done["code"], done["message"]), ("internal", "lost the thread"))

    def test_ending_quietly_without_a_result_is_a_failure(self):
        self.assertEqual(self.done("silent_exit")[0]["code"], "crashed")

    def test_status_0_without_a_result_is_a_failure(self):
        self.assertEqual(self.done("no_result")[0]["code"], "crashed")

    def test_a_crash_after_the_result_keeps_it_and_is_told(self):
        events = self.run_job(self.job("segv_late"))[1]
        self.assertEqual(bench.outcomes(events), [("ok", None)])
        warning = bench.of(events, "warning")[0]
        self.assertEqual((warning["code"], warning["step"]), ("bad-exit", 0))
        self.assertIn("SIGSEGV", warning["text"])

    def test_a_program_that_cannot_be_started(self):
        self.addCleanup(setattr, bench, "STANDIN", bench.STANDIN)
        bench.STANDIN = [os.path.join(self.top, "no-such-python")]
        self.assertEqual(self.done("ok")[0]["code"], "internal")

    def test_a_load_failure_skips_the_rest(self):
        events = self.run_job(self.job("load_failed", "ok", "ok"))[1]
        self.assertEqual(bench.outcomes(events), [("failed", "load-failed"), ("skipped", None), ("skipped", None)])
        phases = [event["phase"] for event in bench.of(events, "step")]
        self.assertEqual(phases, ["start", "skipped", "skipped"])

    def test_a_load_failure_spares_another_variant(self):
        job = self.job("load_failed", {"play": "ok", "variant": 1}, "ok", variants=[{}, {}])
        self.assertEqual([code for code, _ in bench.outcomes(self.run_job(job)[1])], ["failed", "ok", "skipped"])

    def test_two_failures_without_a_success_end_it(self):
        outcomes = [done["outcome"] for done in self.done("segv", "run_failed", "ok")]
        self.assertEqual(outcomes, ["failed", "failed", "skipped"])

    def test_failures_after_a_success_do_not(self):
        outcomes = [done["outcome"] for done in self.done("ok", "segv", "segv", "ok")]
        self.assertEqual(outcomes, ["ok", "failed", "failed", "ok"])

    def test_a_bug_of_ours_still_restores_and_ends(self):
        self.put(GOVERNOR, "ondemand\n")
        job = self.job({"variant": 5}, prepare={"governor": "performance"})
        code, events = self.run_job(job)
        self.assertEqual(code, "internal")
        self.assertEqual((events[-1]["ev"], events[-1]["restored"]), ("end", True))
        self.assertEqual(self.get(GOVERNOR), "ondemand")


class Limits(SuperviseCase):
    def hanging(self, job):
        """A clock that jumps to the end of each wait once the child hangs, until it has been killed.

        How long a kill takes is the kernel's affair: the wait for that is never jumped over.
        """
        grace_ns = int(load.module("step").KILL_GRACE_S * 1e9)

        def hangs(until_ns):
            if until_ns - clock.now_ns <= grace_ns:
                return False
            with open(job.path("events.jsonl"), "rb") as source:
                text = source.read()
            return text.count(b'"hang"') > text.count(b'"ev":"done"')

        clock = bench.StillClock(hangs)
        return clock

    def test_hanging_before_ready_ends_at_the_load_limit(self):
        job = self.job({"play": "hang", "ready": False}, "ok", limits={"load_s": 45})
        clock = self.hanging(job)
        began = clock.now_ns
        events = self.run_job(job, clock)[1]
        self.assertEqual(bench.outcomes(events), [("failed", "timeout"), ("ok", None)])
        self.assertEqual(min(until for until in clock.waits if until) - began, 45 * 10**9)

    def test_hanging_after_go_ends_at_three_times_the_plan(self):
        job = self.job({"play": "hang", "min_time_s": 4})
        clock = self.hanging(job)
        began = clock.now_ns
        done = bench.of(self.run_job(job, clock)[1], "done")[0]
        self.assertEqual(done["code"], "timeout")
        self.assertIn(began + (3 * 4 + 30) * 10**9, clock.waits)
        self.assertIn("42 s", done["message"])

    def test_a_closed_pipe_is_not_waited_on_for_long(self):
        job = self.job("closes_pipe", "ok")
        grace_ns = int(load.module("step").CLOSED_PIPE_GRACE_S * 1e9)
        jumped = []

        def short_once(until_ns):
            """Only after the pipe has closed is a wait as short as this."""
            if until_ns - clock.now_ns <= grace_ns and not jumped:
                jumped.append(until_ns)
                return True
            return False

        clock = bench.StillClock(short_once)
        events = self.run_job(job, clock)[1]
        self.assertEqual(bench.outcomes(events), [("failed", "timeout"), ("ok", None)])
        self.assertIn("closed its pipe", bench.of(events, "done")[0]["message"])

    def test_the_lease_ends_the_job_and_restores(self):
        self.put(GOVERNOR, "ondemand\n")
        job = self.job("hang", "ok", lease_s=20, prepare={"governor": "performance"})
        code, events = self.run_job(job, self.hanging(job))
        self.assertEqual((code, events[-1]["code"], events[-1]["restored"]), ("timeout", "timeout", True))
        self.assertEqual(bench.outcomes(events), [("failed", "timeout")])
        self.assertEqual(self.get(GOVERNOR), "ondemand")

    def test_max_time_reduces_and_then_skips(self):
        slow = {"play": "ok", "first_ns": 2 * 10**9, "median_ns": 2 * 10**9}
        job = self.job(slow, slow, slow, limits={"max_time_s": 9.0, "load_s": 60})
        events = self.run_job(job)[1]
        plan = bench.of(events, "plan")[0]
        self.assertEqual(plan["reduced"]["invocations"], [1, 3])
        self.assertEqual(bench.of(events, "went")[0]["go"]["min_iterations"], 4)


class Device(SuperviseCase):
    def test_the_governor_is_set_and_put_back(self):
        self.put(GOVERNOR, "ondemand\n")
        events = self.run_job(self.job("ok", prepare={"governor": "performance"}))[1]
        before, after = bench.of(events, "prepared")
        self.assertEqual([(one["old"], one["new"]) for one in before["set"]], [("ondemand", "performance")])
        self.assertEqual(before["pins"]["governor"], {"policy0": "performance"})
        self.assertEqual((after["when"], after["lost"]), ("after", []))
        self.assertEqual(self.get(GOVERNOR), "ondemand")
        self.assertEqual(journal.Journal(self.home).entries(), [])

    def test_a_lost_pin_is_seen(self):
        path = self.put(GOVERNOR, "ondemand\n")
        self.put("/proc/vmstat", "oom_kill 0\n")
        job = self.job({"play": "sigkill", "vmstat": path}, prepare={"governor": "performance"})
        after = bench.of(self.run_job(job)[1], "prepared")[1]
        self.assertEqual([one["wanted"] for one in after["lost"]], ["performance"])

    def test_what_cannot_be_set_is_a_warning(self):
        job = self.job("ok", prepare={"governor": "performance", "affinity": "4096", "fan": "max"})
        events = self.run_job(job)[1]
        self.assertEqual([one["code"] for one in bench.of(events, "warning")], ["pin-failed"] * 3)
        self.assertEqual(bench.outcomes(events), [("ok", None)])

    def test_leftovers_are_put_back_first(self):
        path = self.put(GOVERNOR, "performance")
        os.makedirs(self.home)
        with self.assertRaises(KeyboardInterrupt):
            journal.Journal(self.home, write=dies).set("dead", path, "powersave", "performance", 1)
        events = self.run_job(self.job("ok", prepare={"governor": "performance"}))[1]
        self.assertEqual(bench.of(events, "warning")[0]["code"], "leftovers")
        self.assertEqual(bench.of(events, "prepared")[0]["set"][0]["old"], "powersave")
        self.assertEqual(self.get(GOVERNOR), "powersave")


def dies(path, value):
    raise KeyboardInterrupt


class Telemetry(SuperviseCase):
    def test_the_samplers_events_are_the_jobs(self):
        job = self.job("ok", telemetry={"power": "auto", "power_hz": 7, "total_rails": ["VDD_IN"]})
        events = self.run_job(job)[1]
        source = bench.of(events, "source")[0]
        self.assertNotIn("step", source)
        self.assertEqual((source["config"]["power_hz"], source["config"]["root"]), (7, self.root))
        self.assertEqual(source["config"]["probes"], {"total_rails": ["VDD_IN"]})
        self.assertEqual(len(bench.of(events, "sampler")), 1)
        self.assertEqual(bench.of(events, "warning"), [])

    def test_a_sampler_that_dies_is_told_and_the_run_goes_on(self):
        job = self.job({"play": "ok"}, "ok", telemetry={"dies": True})
        events = self.run_job(job)[1]
        self.assertEqual(bench.outcomes(events), [("ok", None)] * 2)
        warning = bench.of(events, "warning")[0]
        self.assertEqual(warning["code"], "sampler-failed")
        self.assertIn("the sensor bit me", warning["text"])

    def test_a_sampler_that_does_not_stop_is_killed_and_told(self):
        job = self.job("ok", telemetry={"stubborn": True})
        jumped = []

        def refused_once(until_ns):
            with open(job.path("events.jsonl"), "rb") as source:
                refused = b"will-not-go" in source.read()
            jumped.extend([until_ns] if refused else [])
            return len(jumped) == 1

        code, events = self.run_job(job, bench.StillClock(refused_once))
        self.assertEqual((code, bench.outcomes(events)), (None, [("ok", None)]))
        self.assertIn("did not stop", bench.of(events, "warning")[0]["text"])


class SmallDisk(object):
    """A disk with room for `room` bytes of events, and for what the pad holds once the pad is gone."""

    def __init__(self, room, pad):
        self._room = room
        self._pad = pad
        self._padded = True

    def event_file(self, folder, nonce, clock):
        return publish.EventFile(folder, nonce, clock, write=self.write)

    def write(self, fd, data):
        if len(data) == publish.PAD_BYTES:
            return os.write(fd, data)
        if self._padded and not os.path.exists(self._pad):
            self._padded = False
            self._room += publish.PAD_BYTES
        kept = data[: self._room]
        self._room -= os.write(fd, kept) if kept else 0
        if len(kept) < len(data):
            raise OSError(errno.ENOSPC, "No space left on device")
        return len(kept)


class FullDisk(SuperviseCase):
    def test_a_disk_full_at_any_byte_still_has_its_end(self):
        self.put(GOVERNOR, "ondemand\n")
        whole = self.job("ok", prepare={"governor": "performance"})
        self.run_job(whole)
        size = os.path.getsize(whole.path("events.jsonl"))
        for room in range(1, size - 200, size // 10):
            job = self.job("ok", prepare={"governor": "performance"}, name="job-full-%d" % room)
            disk = SmallDisk(room, job.path("pad"))
            try:
                code = self.run_supervisor(job, bench.StillClock(), disk.event_file)
            finally:
                self.assertEqual(self.get(GOVERNOR), "ondemand")
            self.assertEqual(code, "disk-full")
            self.check_stream(job)

    def check_stream(self, job):
        reader = bench.protocol.FrameReader(bench.NONCE)
        with open(job.path("events.jsonl"), "rb") as source:
            events = reader.feed(source.read())
        self.assertTrue(reader.ended)
        self.assertEqual((events[-1]["code"], events[-1]["restored"]), ("disk-full", True))
        self.assertLessEqual(reader.damaged + reader.noise, 2)
        if bench.of(events, "prepared"):
            self.assertEqual((events[-2]["ev"], events[-2].get("when")), ("prepared", "after"))


if __name__ == "__main__":
    unittest.main()
