"""The verbs for boards, run for real: a mode set between jobs, a restore that takes a reboot."""

import json
import os
import unittest

import bench
import jetson_tree


class SetMode(jetson_tree.JetsonCase):
    def set_mode(self, mode, *more):
        return self.verb("set-mode", mode, "--home", self.home, "--root", self.root, *more)

    def restore(self, *more):
        status, events = self.verb("restore", "--home", self.home, *more)
        self.assertEqual(status, 0)
        said = bench.of(events, "restored")[0]
        return [one["path"] for one in said["entries"]], [one["why"] for one in said["failed"]]

    def test_a_mode_that_can_be_set_live_is_left_to_the_jobs(self):
        status, events = self.set_mode("5W")
        said = bench.of(events, "mode")[0]
        self.assertEqual((status, said["mode"]["name"], said["before"]["name"]), (0, "5W", "MAXN"))
        self.assertEqual((said["live"], said["refused"]), (True, None))
        self.assertEqual((self.get("state/mode"), self.restore()), ("0\n", ([], [])))

    def test_a_reboot_must_be_allowed(self):
        status, events = self.set_mode("15W")
        self.assertEqual((status, events[-1]["code"]), (1, "needs-reboot"))
        self.assertIn("15W (2) takes a reboot", events[-1]["message"])
        self.assertEqual(self.restore(), ([], []))

    def test_a_reboot_and_the_way_back(self):
        events = self.set_mode("15W", "--allow-reboot")[1]
        self.assertEqual([event["ev"] for event in events], ["rebooting", "mode", "end"])
        self.assertEqual((events[0]["mode"], events[1]["live"]), ({"id": 2, "name": "15W"}, False))
        self.reboot()
        self.put("state/reboots", "0\n")
        restored, failed = self.restore()
        self.assertEqual(restored, [])
        self.assertIn("devices restore NAME --allow-reboot", failed[0])
        self.assertIn("restarts now", self.restore("--allow-reboot")[1][0])
        self.reboot()
        self.assertEqual(self.restore(), (["power mode"], []))
        self.assertEqual(self.get("state/mode"), "0\n")

    def test_a_refusal_is_told_and_is_no_failure(self):
        self.refuse_sudo()
        status, events = self.set_mode("5W", "--allow-reboot")
        refused = bench.of(events, "mode")[0]["refused"]
        self.assertEqual((status, refused["code"]), (0, "needs-root"))

    def test_modes(self):
        said = self.verb("modes", "--root", self.root)[1][0]
        self.assertEqual([mode["name"] for mode in said["modes"]], ["MAXN", "5W", "15W"])
        self.assertEqual(said["current"], {"id": 0, "name": "MAXN"})

    def test_not_while_a_job_measures(self):
        job = self.job({"play": "hang"})
        self.start(job)
        follower = self.following(job)
        bench.until(follower, b'"hang"')
        status, events = self.set_mode("5W")
        self.assertEqual((status, events[-1]["code"]), (1, "device-locked"))
        self.verb("stop", job.folder)


class Killed(jetson_tree.JetsonCase):
    def test_what_a_killed_session_had_set_is_put_back(self):
        prepare = {"power-mode": "5W", "clocks": "max", "governor": "performance"}
        job = self.job({"play": "hang"}, prepare=prepare)
        pid = self.start(job)["pid"]
        bench.until(self.following(job), b'"hang"')
        self.assertEqual(self.get("state/mode"), "1\n")
        os.kill(pid, 9)
        self.assertTrue(bench.lease.Lease(self.home, bench.real_clock.Clock()).wait(20))
        status = self.verb("status", "--home", self.home)[1]
        entries = bench.of(status, "journal")[0]["entries"]
        self.assertEqual([one["path"].replace(self.root, "") for one in entries],
                         ["power mode", jetson_tree.GOVERNOR, "clock setting"])  # fmt: skip
        events = self.verb("restore", "--home", self.home)[1]
        self.assertEqual(len(bench.of(events, "restored")[0]["entries"]), 3, json.dumps(events))
        self.assertEqual((self.get("state/mode"), self.get(jetson_tree.GOVERNOR).strip()), ("0\n", "schedutil"))
        self.assertEqual(self.get(jetson_tree.GPU + "/min_freq"), "76800000\n")

    def test_the_next_job_puts_it_back_first(self):
        job = self.job({"play": "hang"}, prepare={"power-mode": "5W"})
        pid = self.start(job)["pid"]
        bench.until(self.following(job), b'"hang"')
        os.kill(pid, 9)
        self.assertTrue(bench.lease.Lease(self.home, bench.real_clock.Clock()).wait(20))
        after = self.job("ok", name="job-2")
        self.start(after)
        self.follow(after)
        events = self.events(after)
        self.assertIn("1 settings; 1 put back", bench.of(events, "warning")[0]["text"])
        self.assertEqual(bench.of(events, "prepared")[0]["pins"]["power_mode"]["name"], "MAXN")


class Job(jetson_tree.JetsonCase):
    def run_job(self, *steps, **spec):
        job = self.job(*steps, **spec)
        self.start(job)
        self.follow(job)
        return self.events(job)

    def zone(self, text):
        self.put("/sys/class/thermal/thermal_zone0/type", "CPU-therm\n")
        self.put("/sys/class/thermal/thermal_zone0/temp", text)

    def test_a_mode_that_takes_a_reboot_ends_the_job_by_name(self):
        events = self.run_job("ok", prepare={"power-mode": "15W"})
        self.assertEqual([event["ev"] for event in events],
                         ["hello", "facts", "prepared", "prepared", "end"])  # fmt: skip
        end = events[-1]
        self.assertEqual((end["code"], end["steps_done"], end["restored"]), ("needs-reboot", 0, True))
        self.assertIn("power-mode=15W: the mode 15W (2) takes a reboot", end["message"])

    def test_what_was_lost_is_told_after_the_run(self):
        events = self.run_job("ok", prepare={"power-mode": "5W", "fan": "max"})
        before, after = bench.of(events, "prepared")
        self.assertEqual((before["pins"]["power_mode"]["name"], after["lost"]), ("5W", []))
        self.assertIn("fan=max could not be pinned", bench.of(events, "warning")[0]["text"])
        self.assertEqual((self.get("state/mode"), events[-1]["restored"]), ("0\n", True))

    def test_the_gate_is_passed_before_the_first_measuring_step(self):
        self.zone("30000\n")
        events = self.run_job("ok", "ok", gate={"start_max_c": 45})
        names = [event["ev"] for event in events]
        self.assertEqual(names.count("gate"), 1)
        self.assertLess(names.index("gate"), names.index("loaded"))
        gate = bench.of(events, "gate")[0]
        self.assertEqual((gate["state"], gate["celsius"], gate["zone"]), ("passed", 30.0, "CPU-therm"))

    def test_a_gate_that_was_turned_off(self):
        self.zone("90000\n")
        events = self.run_job("ok", gate={"start_max_c": 45}, prepare={"temperature-gate": "off"})
        self.assertEqual(bench.of(events, "gate")[0]["state"], "skipped")
        self.assertEqual(bench.of(events, "warning"), [])
        self.assertEqual(bench.outcomes(events), [("ok", None)])

    def test_a_stop_while_it_waits_for_cold_restores(self):
        self.zone("90000\n")
        job = self.job("ok", gate={"start_max_c": 45}, prepare={"power-mode": "5W"})
        self.start(job)
        bench.until(self.following(job), b'"waiting"')
        self.assertEqual(self.get("state/mode"), "1\n")
        self.verb("stop", job.folder)
        events = self.events(job)
        self.assertEqual(
            (events[-1]["code"], events[-1]["restored"], self.get("state/mode")), ("interrupted", True, "0\n")
        )
        self.assertEqual(bench.of(events, "waiting")[0]["for"], "temperature")

    def test_a_board_that_has_just_started_is_waited_for(self):
        self.put("/proc/uptime", "59.5 1.0\n")
        events = self.run_job("ok", prepare={"clocks": "max"})
        self.assertEqual(bench.of(events, "waiting")[0]["for"], "boot")
        self.assertTrue(bench.of(events, "prepared")[0]["pins"]["clocks_locked"])


if __name__ == "__main__":
    unittest.main()
