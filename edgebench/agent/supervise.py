"""The supervisor: carries one job out from preparing to restoring, whoever follows it or not."""

import os
import platform
import sys
import traceback

from . import clock as agent_clock
from . import evidence, facts, protocol, thermal
from .gate import Gate
from .planner import Planner
from .prepare import Preparation
from .process import Process
from .publish import DiskFull, EventFile, Followers
from .setting import NotSet
from .step import Step
from .watch import Ended, Watch

DEFAULT_LOAD_S = 300.0
DEFAULT_BUILD_S = 3600.0
SAMPLER_GRACE_S = 10.0
DISK_FULL = ("disk-full", "no room is left on the device")


class Supervisor(object):
    """Runs `job` (jobs.Job) under a `lease` that is held already; `argv` starts the agent's own verbs.

    Implements what a Step calls its scene. stdout and stderr are the job's log.
    """

    def __init__(self, job, lease, journal, argv, clock, event_file=EventFile):
        self.job = job
        self._spec = job.spec
        self._lease = lease
        self._journal = journal
        self._argv = list(argv)
        self._clock = clock
        self.root = self._spec.get("root") or "/"
        limits = self._spec.get("limits") or {}
        self.load_s = float(limits.get("load_s") or DEFAULT_LOAD_S)
        self._max_time_s = limits.get("max_time_s")
        self.log_path = job.path("log.txt")
        self.events = event_file(job.folder, self._spec["nonce"], clock)
        self.watch = None
        self._prepared = None
        self._steps_done = 0
        self._sampler = None
        self._gate = self._spec.get("gate")

    def log_size(self):
        """Return the size of the job's log in bytes."""
        try:
            return os.path.getsize(self.log_path)
        except OSError:
            return 0

    def run(self, ready=lambda: None):
        """Carry the job out; always restores, writes `end` and gives the lease back. Returns the end's code.

        `ready()` is called once the job can be followed and stopped. Raises OSError where it
        cannot begin (FileExistsError: it has run before).
        """
        try:
            os.chdir(self.job.folder)
            followers = Followers()
            self.events.on_write = followers.wake
            try:
                self.events.open()
                with Watch(self._clock, followers, self.events.relay, self._lease.expires_ns) as self.watch:
                    ready()
                    return self._guarded()
            finally:
                self.events.close()
                self._lease.release()
                followers.close()
        finally:
            self._lease.release()

    def _guarded(self):
        code, message = None, None
        try:
            self._carry_out()
        except Ended as ended:
            code, message = ended.code, ended.message
        except DiskFull:
            code, message = DISK_FULL
        except Exception as error:  # noqa: BLE001 - a bug of ours must not leave the device set up
            traceback.print_exc()
            code, message = "internal", "%s: %s" % (type(error).__name__, error)
        return self._finish(code, message)

    def _carry_out(self):
        self._hello()
        leftovers, stuck = self._journal.restore()
        if leftovers or stuck:
            text = "a session that died had left %d settings; %d put back" % (
                len(leftovers) + len(stuck),
                len(leftovers),
            )
            self.events.emit("warning", code="leftovers", text=text)
        self._prepare()
        self._start_sampler()
        steps = self._spec["steps"]
        planner = Planner(steps, self._max_time_s, self.watch.now, self.events.emit)
        for index in range(len(steps)):
            self._step(planner, index)

    def _hello(self):
        self.events.emit(
            "hello",
            protocol=protocol.PROTOCOL,
            agent=os.path.splitext(os.path.basename(sys.argv[0]))[0],
            python=platform.python_version(),
            clock=agent_clock.describe(),
            job=self.job.id,
            lease_s=self._spec["lease_s"],
        )
        runtime_paths = [self._absolute(one.get("runtime_path")) for one in self._spec["variants"]]
        self.events.emit("facts", facts=facts.collect(self.root, self.job.home, [p for p in runtime_paths if p]))

    def _absolute(self, path):
        return os.path.join(self.job.home, path) if path else None

    def _prepare(self):
        asked = self._spec.get("prepare") or {}
        self._prepared = Preparation(self.job.id, self.root, asked, self._journal, self._warn, self._pause)
        try:
            self._prepared.apply(self._clock.monotonic_ns(), power=self._wants_power())
        except NotSet as refused:
            raise Ended(refused.code, "power-mode=%s: %s" % (asked.get("power-mode"), refused))
        finally:
            self.events.emit("prepared", when="before", set=self._prepared.done, pins=self._prepared.pins())

    def _wants_power(self):
        return (self._spec.get("telemetry") or {}).get("power") not in (None, "off")

    def _pause(self, seconds, text):
        """Wait because the device needs it, served and stoppable all the while."""
        self.events.emit("waiting", text=text, **{"for": "boot"})
        until_ns = self.watch.now() + int(seconds * 1e9)
        while self.watch.now() < until_ns:
            self.watch.wait(until_ns)

    def _pass_gate(self):
        """Wait until the device is cool, before anything is measured (an engine's build heats it) and once a job."""
        asked, self._gate = self._gate, None
        if (self._spec.get("prepare") or {}).get("temperature-gate") == "off":
            self.events.emit("gate", state="skipped", celsius=None, waited_s=0.0)
            return
        Gate(asked, lambda: thermal.celsius(self.root), self.watch.now, self.watch.wait, self.events.emit).run()

    def _warn(self, code, text):
        self.events.emit("warning", code=code, text=text)

    def _start_sampler(self):
        telemetry = self._spec.get("telemetry")
        if not telemetry:
            return
        config = dict(telemetry, root=self.root, nonce=self._spec["nonce"], job_pid=os.getpid())
        if "total_rails" in config:
            config["probes"] = dict(config.get("probes") or {}, total_rails=config.pop("total_rails"))
        try:
            self._sampler = Process(self._argv + ["sample"], self.job.path("sampler.json"), config)
        except OSError as error:
            self._warn("sampler-failed", "cannot start the sampler: %s" % error)
        self.watch.helper = self._sampler

    def _step(self, planner, index):
        step = self._spec["steps"][index]
        told = {key: step.get(key, 0) for key in ("variant", "round", "order")}
        why = self._why_not(planner, index)
        phase = "start" if why is None else "skipped"
        self.events.emit("step", step=index, phase=phase, **dict(told, **{"pass": step["pass"]}))
        if why is not None:
            self.events.emit("done", step=index, outcome="skipped", code=None, message=why, signal=None)
            return
        if step["pass"] != "build" and self._gate is not None:
            self._pass_gate()
        planner.begin(index)
        limit_s = float(step.get("limit_s") or DEFAULT_BUILD_S) if step["pass"] == "build" else None
        done = Step(self, planner, index, limit_s).run(lambda: self._child(index))
        planner.ended(index, done)
        self._steps_done += done.get("outcome") == "ok"

    def _why_not(self, planner, index):
        """Return why a step is not tried, or None."""
        pace = planner.pace(index)
        if pace.hopeless is not None:
            return pace.hopeless
        return None if planner.fits(index) else "does not fit into --max-time"

    def _child(self, index):
        step = self._spec["steps"][index]
        variant = self._spec["variants"][step.get("variant", 0)]
        config = {
            "nonce": self._spec["nonce"],
            "index": index,
            "pass": step["pass"],
            "home": self.job.home,
            "jobdir": self.job.folder,
            "root": self.root,
            "step": step,
            "variant": variant,
        }
        path = self.job.path("step-%d.json" % index)
        return Process(self._argv + ["child"], path, config, variant.get("env"), self._prepared.cpus)

    def _finish(self, code, message):
        """Stop the sampler, say how the pins held, restore, end. Returns the end's code.

        The device is restored even when the disk takes no more events, or what is told before that fails.
        """
        self.watch.closing = True
        if code == DISK_FULL[0]:
            self.events.use_pad()
        whole = True
        for tell in (self._stop_sampler, self._pins_after):
            try:
                whole = self._told(tell) and whole
            except Exception as error:  # noqa: BLE001 - as in _guarded
                traceback.print_exc()
                code, message = code or "internal", message or "%s: %s" % (type(error).__name__, error)
        stuck = self._journal.restore()[1]
        text = "; ".join("%s: %s" % (entry["path"], why) for entry, why in stuck)
        if stuck:
            whole = self._told(lambda: self._warn("not-restored", text)) and whole
        if not whole and code is None:
            code, message = DISK_FULL
        end = {"steps_done": self._steps_done, "code": code, "message": message, "restored": not stuck}
        if not self._told(lambda: self.events.emit("end", **end)):
            self._told(lambda: self.events.emit("end", **dict(end, code=DISK_FULL[0], message=DISK_FULL[1])))
        return code

    def _told(self, tell):
        """Do what writes events; return False where the disk is full, the pad then being free."""
        try:
            tell()
        except DiskFull:
            self.events.use_pad()
            return False
        return True

    def _stop_sampler(self):
        sampler = self._sampler
        if sampler is None:
            return
        try:
            early = sampler.exited()
            sampler.hang_up()
            if not self.watch.until_exit(sampler, SAMPLER_GRACE_S):
                self._warn("sampler-failed", "the sampler did not stop and was killed")
                sampler.kill()
                self.watch.until_exit(sampler, SAMPLER_GRACE_S)
            if sampler.fd is not None:
                for event in sampler.drain():
                    self.events.relay(event)
        finally:
            self.watch.helper = None
            if sampler.exited():
                sampler.reap()
        if early:
            words = evidence.last_words(self.log_path, 0).strip().splitlines()
            self._warn("sampler-failed", "the sampler ended early: %s" % (words[-1] if words else "no reason given"))

    def _pins_after(self):
        if self._prepared is not None:
            self.events.emit("prepared", when="after", pins=self._prepared.pins(), lost=self._prepared.lost())
