"""What the supervisor's tests share: a home with jobs in it, a clock that tests move, verbs run for real."""

import json
import os
import select
import shutil
import subprocess
import sys
import tempfile
import unittest

import load

HERE = os.path.dirname(os.path.abspath(__file__))
STANDIN = [sys.executable, os.path.join(HERE, "standin.py")]
NONCE = "00c0ffee"

protocol = load.module("protocol")
jobs = load.module("jobs")
journal = load.module("journal")
lease = load.module("lease")
real_clock = load.module("clock")


class StillClock(object):
    """A clock that stands still unless `jumps` says so: then, with nothing to read, it goes where the wait would end.

    `jumps(until_ns)` is asked before every wait that has an end; without it, waits last until something can be read.
    """

    def __init__(self, jumps=lambda until_ns: False):
        self.now_ns = 10**12
        self.waits = []
        self._jumps = jumps

    def monotonic_ns(self):
        return self.now_ns

    def wait(self, readers, until_ns):
        self.waits.append(until_ns)
        jumping = until_ns is not None and self._jumps(until_ns)
        ready = select.select(readers, [], [], 0 if jumping else None)[0]
        if not ready and jumping:
            self.now_ns = max(self.now_ns, until_ns)
        return ready


class HomeCase(unittest.TestCase):
    """A test with a home folder on a fake device root; the working directory is put back."""

    def setUp(self):
        self.top = tempfile.mkdtemp(prefix="ebtest-")
        self.home = os.path.join(self.top, "home")
        self.root = os.path.join(self.top, "root")
        os.makedirs(self.root)
        before = os.getcwd()
        self.addCleanup(shutil.rmtree, self.top, True)
        self.addCleanup(os.chdir, before)

    def put(self, path, text):
        """Write a file of the fake device."""
        full = os.path.join(self.root, path.lstrip("/"))
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w") as out:
            out.write(text)
        return full

    def get(self, path):
        """Read a file of the fake device."""
        with open(os.path.join(self.root, path.lstrip("/"))) as source:
            return source.read()

    def job(self, *steps, **spec):
        """Make a job of `steps`, each a dict or the name of a part of the stand-in; return its Job."""
        name = spec.pop("name", "job-1")
        folder = os.path.join(self.home, "jobs", name)
        os.makedirs(folder)
        whole = {
            "protocol": 1,
            "job": name,
            "nonce": NONCE,
            "holder": "tester",
            "lease_s": 600,
            "root": self.root,
            "host": {"run_id": name},
            "variants": [{"backend": "none"}],
            "steps": [self.step(step) for step in steps],
            "limits": {"max_time_s": None, "load_s": 60},
            "prepare": {},
        }
        whole.update(spec)
        with open(os.path.join(folder, "job.json"), "w") as out:
            json.dump(whole, out)
        return jobs.Job(folder).checked()

    @staticmethod
    def step(play):
        """Return a whole step: an invocation unless told otherwise."""
        given = play if isinstance(play, dict) else {"play": play}
        step = {"pass": "invocation", "variant": 0, "round": 1, "order": 0, "min_time_s": 1, "min_iterations": 30}
        step.update(given)
        return step

    def events(self, job):
        """Return the job's events; the stream must be whole."""
        reader = protocol.FrameReader(job.spec["nonce"])
        with open(job.path("events.jsonl"), "rb") as source:
            events = reader.feed(source.read())
        self.assertEqual((reader.damaged, reader.noise), (0, 0))
        return events

    def verb(self, *arguments, **more):
        """Run a verb; return (exit status, its events). The stream must be whole and have its end."""
        nonce = more.pop("nonce", "feed")
        argv = load.command() + list(arguments) + ["--nonce", nonce]
        done = subprocess.run(
            argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=load.environment(), cwd=self.top, timeout=60
        )
        reader = protocol.FrameReader(nonce)
        events = reader.feed(done.stdout)
        self.assertTrue(reader.ended, (done.stdout, done.stderr))
        self.assertEqual((reader.damaged, reader.noise), (0, 0))
        return done.returncode, events

    def start(self, job):
        """Start a job with the stand-in as its child; return the answer."""
        return self.verb("start", job.folder, "--command", json.dumps(STANDIN))[1][0]

    def follow(self, job, offset=0):
        """Run `follow` to its end; return (exit status, bytes)."""
        argv = load.command() + ["follow", job.folder, "--from", str(offset)]
        done = subprocess.run(argv, stdout=subprocess.PIPE, env=load.environment(), cwd=self.top, timeout=60)
        return done.returncode, done.stdout

    def following(self, job):
        """Start `follow`; return the process, its stdout a pipe."""
        argv = load.command() + ["follow", job.folder]
        process = subprocess.Popen(argv, stdout=subprocess.PIPE, env=load.environment(), cwd=self.top)
        self.addCleanup(close_all, process)
        return process


def close_all(process):
    """End a process and its pipes."""
    process.kill()
    process.wait()
    process.stdout.close()


def until(process, mark):
    """Read a follower's lines up to the one that holds `mark`; return them."""
    lines = []
    for line in process.stdout:
        lines.append(line)
        if mark in line:
            return lines
    raise AssertionError("%r never came: %r" % (mark, lines))


def of(events, ev):
    """Return the events named `ev`."""
    return [event for event in events if event["ev"] == ev]


def outcomes(events):
    """Return (outcome, code) of every step, in order."""
    return [(event["outcome"], event["code"]) for event in of(events, "done")]
