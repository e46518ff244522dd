"""What the supervisor knows of each variant's pace, and what it makes of the job's plan with it."""

from . import budget

LOAD_FAILURES = frozenset(
    (
        "load-failed",
        "bad-input",
        "shape-mismatch",
        "unsupported-op",
        "runtime-missing",
        "unsupported-precision",
        "delegate-failed",
        "engine-mismatch",
        "build-failed",
    )
)
"""Codes after which no other step of the same variant can succeed."""

HOPELESS_AFTER = 2
"""Failures in a row, without any success, after which a variant is given up."""


class Pace(object):
    """One variant: its times so far (ns), how its steps went, and why the rest of them is `hopeless` (or None)."""

    def __init__(self):
        self.load_ns = None
        self.one_ns = None
        self.spent_ns = 0
        self.finished = 0
        self.ok = 0
        self.failed = 0
        self.told = False
        self.hopeless = None


class Planner(object):
    """Plans the steps of a job as their variants become known; `emit(ev, **fields)` tells of a plan."""

    def __init__(self, steps, max_time_s, now, emit):
        self._steps = steps
        self._max_time_s = max_time_s
        self._now = now
        self._emit = emit
        self._paces = {}
        self._began_ns = None

    def pace(self, index):
        """Return the Pace of the variant of step `index`."""
        return self._paces.setdefault(self._steps[index].get("variant", 0), Pace())

    def begin(self, index):
        """Note that step `index` starts."""
        self._began_ns = self._now()

    def fits(self, index):
        """Tell whether step `index`, not yet loaded, still fits into what its variant may take."""
        pace = self.pace(index)
        if self._builds(index):
            return True  # what comes before measuring takes nothing of its time
        if pace.failed and self._max_time_s is not None and pace.spent_ns / 1e9 >= self._max_time_s:
            return False  # a hang has used it up, and may well come again
        if pace.one_ns is None:
            return True
        return self._plan(index, self.pace(index), in_hand=False)["steps"][0] is not None

    def ready(self, index, wall_ns, event):
        """Take the child's `ready`; return (go, planned seconds). Emits `plan` when the variant is new.

        A program that loads the model only when it is told to go says so, `loads_later`, and how long that took before.
        """
        pace = self.pace(index)
        later = bool(event.get("loads_later"))
        first_ns = int(event.get("first_ns") or 1)
        pace.load_ns = int(event.get("load_ns") or 0) if later else max(0, wall_ns - first_ns)
        if pace.one_ns is None:
            pace.one_ns = first_ns
        plan = self._plan(index, pace, in_hand=not later)
        if not pace.told:
            pace.told = True
            kept = sum(1 for go in plan["steps"] if go is not None)
            others_s, others = self._others(index, pace)
            self._emit(
                "plan",
                eta_s=round(plan["eta_s"] + others_s, 3),
                steps=kept + others,
                reduced=plan["reduced"],
                variant=self._steps[index].get("variant", 0),
            )
        go = plan["steps"][0] or budget.go(self._steps[index])
        return go, self._working_s(go, pace, event)

    def _working_s(self, go, pace, event):
        """Seconds that a step should take after its first inference: what its limit is made of.

        A pass without a duration may run every input and load the model once more.
        """
        planned_s = budget.busy_s(go, pace.one_ns / 1e9)
        if event.get("loads_later"):
            planned_s += (pace.load_ns + pace.one_ns) / 1e9
        if "min_time_s" not in go and "seconds" not in go:
            planned_s += (pace.load_ns + (event.get("files") or 1) * pace.one_ns) / 1e9
        return planned_s

    def heard(self, index, event):
        """Learn the pace from a `block` event: the steady time of an iteration replaces the first one."""
        if event.get("ev") == "block" and event.get("median_ns"):
            self.pace(index).one_ns = int(event["median_ns"])

    def _builds(self, index):
        return self._steps[index]["pass"] == "build"

    def ended(self, index, done):
        """Note how step `index` went: `done` has outcome and code."""
        pace = self.pace(index)
        if self._builds(index):
            if done.get("outcome") != "ok":
                pace.hopeless = "its engine was not built: %s" % done.get("code")
            return
        pace.spent_ns += self._now() - self._began_ns
        if done.get("outcome") == "ok":
            pace.ok += 1
            pace.finished += self._steps[index]["pass"] == "invocation"
            return
        pace.failed += 1
        if done.get("code") in LOAD_FAILURES:
            pace.hopeless = "an earlier step failed: %s" % done["code"]
        elif not pace.ok and pace.failed >= HOPELESS_AFTER:
            pace.hopeless = "the first %d steps failed: %s" % (pace.failed, done.get("code"))

    def _plan(self, index, pace, in_hand):
        variant = self._steps[index].get("variant", 0)
        left = [self._steps[at] for at in range(index, len(self._steps)) if not self._builds(at)]
        left = [step for step in left if step.get("variant", 0) == variant]
        running_ns = self._now() - self._began_ns if in_hand else 0
        spent_s = (pace.spent_ns + running_ns) / 1e9
        return budget.plan(left, pace.one_ns, pace.load_ns, self._max_time_s, spent_s, in_hand, pace.finished)

    def _others(self, index, known):
        """Return (seconds, steps) that the other variants have left, an unknown one taken to be like this one."""
        seconds, count = 0.0, 0
        mine = self._steps[index].get("variant", 0)
        for variant in {step.get("variant", 0) for step in self._steps[index:]} - {mine}:
            at = next(i for i, step in enumerate(self._steps) if i >= index and step.get("variant", 0) == variant)
            pace = self.pace(at)
            if pace.one_ns is None:
                pace = Pace()
                pace.one_ns, pace.load_ns = known.one_ns, known.load_ns
            plan = self._plan(at, pace, in_hand=False)
            seconds += plan["eta_s"]
            count += sum(1 for go in plan["steps"] if go is not None)
        return seconds, count
