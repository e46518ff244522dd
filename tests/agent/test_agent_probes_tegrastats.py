import json
import os
import random
import select
import signal
import subprocess
import sys
import unittest

from sensor_tree import MISSING, module, ordinary_user
from tegra_tool import ToolTest

registry, probe, steps = [module("probes." + name) for name in ("registry", "tegrastats", "steps")]
sampler, protocol = module("sampler"), module("protocol")

NANO = ("RAM 717/3964MB (lfb 140x4MB) SWAP 5/1982MB (cached 0MB) CPU [18%@102,off] EMC_FREQ 2%@204 GR3D_FREQ 3%@76 "
        "PLL@26C POM_5V_IN {0}/999 POM_5V_GPU 0/0 POM_5V_CPU 126/126")  # fmt: skip
BARE = "RAM 1689/3825MB (lfb 339x4MB) CPU [3%@345,off] GR3D_FREQ 0% PLL@50.5C"


class Fallback(ToolTest):
    def found(self, *lines, **options):
        self.tool(lines)
        one = probe.find(self.root, options)
        if one.stream is not None:
            self.addCleanup(one.stream.close)
        return one

    now_ns = 0

    def receive(self, stream, now_ns=None):
        """What comes next, received a second after the last."""
        self.now_ns = self.now_ns + 10**9 if now_ns is None else now_ns
        self.assertTrue(select.select([stream.fd], [], [], 20)[0], "nothing comes")
        return stream.receive(self.now_ns)

    def test_rails_and_total_are_those_of_the_first_line_that_has_any(self):
        one = self.found(BARE, NANO.format(1057))
        source = one.source
        self.assertEqual((source["state"], source["kind"], source["unit"]), ("ok", "instantaneous", "uW"))
        self.assertEqual(source["columns"], ["POM_5V_IN", "POM_5V_GPU", "POM_5V_CPU"])
        self.assertEqual((source["total"], source["scope"]), (["POM_5V_IN"], "module"))
        self.assertEqual(self.asked(), ["--interval", "101"])

    def test_a_row_is_the_newest_line_in_microwatts_and_what_the_engines_do(self):
        one = self.found(NANO.format(1057))
        self.say(NANO.format(1015))
        self.assertEqual(self.receive(one.stream), [(1015000, 0, 126000), (30, 76000, 20, 204000, 734208, 5120, 4096)])
        self.assertIsNone(one.stream.receive(0))
        os.write(self.more, (NANO.format(1) + "\n" + NANO.format(2) + "\n").encode("ascii"))
        self.assertEqual(self.receive(one.stream)[0][0], 2000)

    def test_a_flood_gives_no_more_rows_than_a_sensor_could(self):
        one = self.found(NANO.format(1057))
        taken = 0
        for at in range(100):
            self.say(NANO.format(1000 + at))
            taken += self.receive(one.stream, 10**15 + at * 10**6) is not None
        self.assertEqual(taken, 5)

    def test_a_line_in_pieces_is_one_line(self):
        one = self.found(NANO.format(1057))
        os.write(self.more, NANO.format(1234)[:40].encode("ascii"))
        self.assertIsNone(self.receive(one.stream))
        os.write(self.more, (NANO.format(1234)[40:] + "\n").encode("ascii"))
        self.assertEqual(self.receive(one.stream)[0][0], 1234000)

    def test_a_line_without_an_end_is_not_kept_for_ever(self):
        one = self.found(NANO.format(1057))
        for _ in range(8):
            os.write(self.more, b"x" * 16384)
            self.receive(one.stream)
        self.say("")
        self.say(NANO.format(77))
        while True:
            rows = self.receive(one.stream)
            if rows:
                break
        self.assertEqual(rows[0][0], 77000)

    def test_garbage_between_gives_no_row_and_a_rail_gone_is_missing(self):
        one = self.found(NANO.format(1057))
        self.say("Segmentation fault")
        self.assertIsNone(self.receive(one.stream))
        self.say("POM_5V_CPU 7/7")
        self.assertEqual(self.receive(one.stream)[0], (MISSING, MISSING, 7000))

    def test_boards_without_rails_say_so(self):
        one = self.found(BARE, BARE, BARE)
        self.assertEqual((one.source["state"], one.source["why"]), ("unsupported", probe.NO_RAILS))
        self.wait_for_death()

    def test_garbled_absent_dead_and_forbidden(self):
        self.assertEqual(probe.find(self.root).source["state"], "unsupported")
        garbled = self.found("what", "is", "this").source
        self.assertEqual(garbled["state"], "unavailable")
        self.assertIn("what is no line of its: 'this'", garbled["why"])
        self.tool(["cannot open /dev/x"], then="exit 3")
        dead = probe.find(self.root).source
        self.assertEqual(dead["state"], "unavailable")
        self.assertEqual(dead["why"], "tegrastats ended with exit status 3; its last line: 'cannot open /dev/x'")
        self.tool([])
        self.put({"usr/bin/tegrastats": "#!/nowhere/sh\n"})
        source = probe.find(self.root).source
        self.assertEqual(source["state"], "unavailable")
        self.assertIn("cannot start", source["why"])

    def test_a_silent_one_is_given_up_and_ended(self):
        self.tool([])
        source = probe.find(self.root, patience_s=0.05).source
        self.assertEqual((source["state"], source["why"]), ("unavailable", "tegrastats printed nothing in 0.05 s"))

    def test_where_it_dies_meanwhile_the_source_says_why(self):
        self.tool([NANO.format(1057)], then='read line < "%s/more"; echo "$line"; exit 7' % self.folder)
        one = probe.find(self.root)
        self.say("no more")
        while one.stream.fd is not None:
            self.receive(one.stream)
        self.assertEqual(one.source["state"], "unavailable")
        self.assertEqual(one.source["why"], "tegrastats ended with exit status 7; its last line: 'no more'")

    def test_a_hole_in_the_record_is_told(self):
        one = self.found(NANO.format(1057))
        self.say(NANO.format(1000))
        self.receive(one.stream, 10**12)
        one.stream.look(10**12 + 9 * 10**9)
        self.assertEqual(one.source["state"], "ok")
        one.stream.look(10**12 + 11 * 10**9)
        self.assertEqual(one.source["why"], "no line with rails from tegrastats for 11 s")
        self.wait_for_death()

    def test_as_root_where_it_cannot_be_had_otherwise(self):
        self.put({"usr/bin/sudo": '#!/bin/sh\n[ "$1" = -n ] && shift\nAS_ROOT=yes exec "$@"\n'})
        os.chmod(self.path("usr/bin/sudo"), 0o755)
        line = NANO.format(1057)
        self.tool([], then='[ "$AS_ROOT" ] || exit 1; echo "%s"; exec cat "%s/more"' % (line, self.folder))
        os.chmod(self.folder, 0o777)
        for name in os.listdir(self.folder):
            os.chmod(os.path.join(self.folder, name), 0o666)
        with ordinary_user():
            one = probe.find(self.root)
        self.assertEqual(one.source["state"], "ok", one.source["why"])
        one.stream.close()
        self.wait_for_death()

    def test_a_sudo_that_asks_for_a_password_is_no_answer(self):
        self.put({"usr/bin/sudo": "#!/bin/sh\necho 'sudo: a password is required'\nexit 1\n"})
        os.chmod(self.path("usr/bin/sudo"), 0o755)
        self.tool(["tegrastats: Permission denied"], then="exit 2")
        os.chmod(self.folder, 0o777)
        for name in os.listdir(self.folder):
            os.chmod(os.path.join(self.folder, name), 0o666)
        with ordinary_user():
            source = probe.find(self.root).source
        self.assertEqual(source["state"], "unavailable")
        self.assertIn("Permission denied", source["why"])

    def test_the_registry_takes_it_where_no_rail_file_can_be_read(self):
        self.put({"rail_name_0": "POM_5V_IN", "in_power0_input": 5}, "sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0")
        self.forbid("sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power0_input")
        self.tool([NANO.format(1057)])
        os.chmod(self.folder, 0o777)
        for name in os.listdir(self.folder):
            os.chmod(os.path.join(self.folder, name), 0o666)
        with ordinary_user():
            found = registry.find_power(self.root)
        self.addCleanup(found[0].stream.close)
        names = [(one.source["name"], one.source["state"]) for one in found]
        self.assertEqual(names, [("power:tegrastats", "ok"), ("power:ina3221", "unavailable")])


class Resolution(unittest.TestCase):
    def learn(self, step, readings):
        found = None
        for reading in readings:
            found = step.learn(reading)
            if found is not None:
                break
        return found

    def test_declared(self):
        self.assertEqual(steps.JumpStep(["42"]).learn([1057]), 0.042)
        self.assertEqual(steps.JumpStep(["390"]).learn([1, 2, 3, 4]), 0.78)

    def test_estimated_from_the_jumps_of_a_rail_of_42_mw_steps(self):
        rng = random.Random(2)
        readings = []
        for _ in range(200):
            milliamps, millivolts = 8 * rng.randint(22, 30), 5280 + 8 * rng.randint(-1, 1)
            readings.append([milliamps * millivolts // 1000])
        found = self.learn(steps.JumpStep(), readings)
        self.assertTrue(0.038 <= found <= 0.1, found)

    def test_a_constant_rail_teaches_nothing(self):
        self.assertIsNone(self.learn(steps.JumpStep(), [[1057]] * 300))


class Sampling(ToolTest):
    """The sampler as the supervisor starts it, on this source."""

    def start(self, **config):
        self.receiving, sending = os.pipe()
        self.put({"config.json": json.dumps(dict({"root": self.root, "fd": sending, "nonce": "beef", "seed": 3,
                                                  "power": "tegrastats"}, **config))})  # fmt: skip
        code = "import importlib, sys; sys.exit(importlib.import_module(%r).main(sys.argv[1]))" % sampler.__name__
        self.process = subprocess.Popen(
            [sys.executable, "-c", code, self.path("config.json")],
            stdin=subprocess.PIPE,
            pass_fds=[sending],
            start_new_session=True,
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in sys.path if path)),
        )
        os.close(sending)
        self.addCleanup(self.process.wait)
        self.addCleanup(self.process.stdin.close)
        self.addCleanup(os.close, self.receiving)
        self.reader = protocol.FrameReader("beef")

    def events(self, enough):
        events = []
        while not enough(events):
            self.assertTrue(select.select([self.receiving], [], [], 20)[0], "the sampler says nothing")
            data = os.read(self.receiving, 65536)
            if not data:
                break
            events += self.reader.feed(data)
        return events

    def announced(self):
        return self.events(lambda events: any(event.get("name") == "zram" for event in events))

    def test_rows_are_stamped_on_receipt_and_it_ends_with_the_sampler(self):
        self.tool([NANO.format(1057)])
        self.start()
        self.announced()
        before = module("clock").monotonic_ns()
        for milliwatts in (1000, 2000):
            self.say(NANO.format(milliwatts))
        self.say(NANO.format(3000))
        self.process.stdin.close()
        events = self.events(lambda events: False)
        self.wait_for_death()
        rows = [event for event in events if event.get("source") == "power:tegrastats"]
        times = [t for event in rows for t in protocol.unpack_ints(event["packed"][0])]
        watts = [uw for event in rows for uw in protocol.unpack_ints(event["packed"][1])]
        self.assertTrue(all(before < t for t in times))
        self.assertEqual(times, sorted(times))
        self.assertTrue(set(watts) <= {1000000, 2000000, 3000000}, watts)
        self.assertEqual(events[-1]["ev"], "sampler")

    def test_it_does_not_outlive_a_killed_sampler(self):
        self.tool([NANO.format(1057)])
        self.start()
        self.announced()
        self.process.send_signal(signal.SIGKILL)
        self.wait_for_death()

    def test_its_death_is_told_and_the_other_sources_go_on(self):
        self.put({"proc/meminfo": "MemAvailable: 5 kB"})
        # its output ends before it does, so that the sampler can know when we do
        self.tool([NANO.format(1057)], then='read line < "%s/more"; exec >&- 2>&-; exit 7' % self.folder)
        self.start(slow_hz=20.0)
        self.announced()
        self.say("end")
        self.wait_for_death()
        self.process.stdin.close()
        events = self.events(lambda events: False)
        told = [event for event in events if event["ev"] == "source" and event["name"] == "power:tegrastats"]
        self.assertEqual([event["state"] for event in told], ["unavailable"])
        self.assertIn("exit status 7", told[0]["why"])
        self.assertTrue([event for event in events if event.get("source") == "meminfo"])

    def test_looking_at_the_sensors_leaves_none_running(self):
        self.tool([NANO.format(1057)])
        command = module("main").__name__
        code = "import runpy; runpy.run_module(%r, run_name='__main__', alter_sys=True)" % command
        argv = [
            sys.executable,
            "-c",
            code,
            "sensors",
            "--root",
            self.root,
            "--power",
            "tegrastats",
            "--home",
            self.root,
        ]
        env = dict(os.environ, PYTHONPATH=os.pathsep.join(path for path in sys.path if path))
        done = subprocess.run(argv, stdout=subprocess.PIPE, env=env, timeout=60)  # noqa: PLW1510
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"power:tegrastats", done.stdout)
        self.wait_for_death()


if __name__ == "__main__":
    unittest.main()
