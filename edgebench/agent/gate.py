"""The start gate of a board: measuring begins when it is cool and steady, however long that takes.

Never after a fixed time: it is cool where every zone with a limit is below it, and steady where the one nearest to its
limit hardly moves. A board far below its limits begins at once. (A phone's gate has the same rule, on the host.)
"""

from collections import deque

DEFAULT_SLOPE_C_PER_MIN = 0.5
DEFAULT_LIMIT_S = 1200.0
POLL_S = (2.0, 30.0)
"""Between two looks: an eighth of what is still expected, within these."""

SLOPE_WINDOW_S = 60.0
SLOPE_SPAN_S = 10.0
FAR_C = 2.0
FAILURES = 3


class Gate(object):
    """The gate of one job.

    `asked`: {"start_max_c": degC or {zone: degC}, "slope_c_per_min", "limit_s", "ignore_zones"}; `read()` returns
    {zone: degC}, `now()` nanoseconds, `wait(until_ns)` sleeps at most so long, `emit(ev, **fields)` tells.
    """

    def __init__(self, asked, read, now, wait, emit):
        self._limits = asked["start_max_c"]
        self._ignored = frozenset(asked.get("ignore_zones") or ())
        self._steady = float(asked.get("slope_c_per_min") or DEFAULT_SLOPE_C_PER_MIN)
        self._limit_s = float(asked.get("limit_s") or DEFAULT_LIMIT_S)
        self._read = read
        self._now = now
        self._wait = wait
        self._emit = emit
        self._past = {}

    def run(self):
        """Wait; emit `waiting` at every look that must wait and `gate` at the end. Returns the gate's state.

        passed, timeout, or no-sensor where three looks in a row found no temperature that has a limit. Whatever
        `wait` raises goes through.
        """
        began_ns = self._now()
        failures, last = 0, None
        while True:
            known = self._known(self._read())
            waited_s = (self._now() - began_ns) / 1e9
            failures = 0 if known else failures + 1
            if known:
                last = self._seen(known)
                if self._passes(last):
                    return self._end("passed", last, waited_s)
            if failures >= FAILURES:
                return self._end("no-sensor", last, waited_s)
            if waited_s >= self._limit_s:
                return self._end("timeout", last, waited_s)
            if known:
                self._emit("waiting", text=_told(last), **dict(last, **{"for": "temperature"}))
            self._pause(min(_patience(last), self._limit_s - waited_s))

    def _end(self, state, last, waited_s):
        view = last or {}
        fields = {key: view.get(key) for key in ("zone", "celsius", "target_c", "slope")}
        self._emit("gate", state=state, waited_s=round(waited_s, 3), **fields)
        return state

    def _pause(self, seconds):
        """Sleep; whoever follows the job may wake us earlier, and that is no reason to look."""
        until_ns = self._now() + int(seconds * 1e9)
        while self._now() < until_ns:
            self._wait(until_ns)

    def _known(self, celsius):
        """Return {zone: (degC, limit)} of the zones that count."""
        if isinstance(self._limits, dict):
            limits = self._limits
        else:
            limits = {zone: self._limits for zone in celsius if zone not in self._ignored}
        return {zone: (celsius[zone], float(limits[zone])) for zone in limits if zone in celsius}

    def _seen(self, known):
        """This look, of the zone that is nearest to its limit or furthest beyond."""
        now_s = self._now() / 1e9
        for zone, (celsius, _) in known.items():
            past = self._past.setdefault(zone, deque())
            past.append((now_s, celsius))
            while past[0][0] < now_s - SLOPE_WINDOW_S:
                past.popleft()
        zone = max(sorted(known), key=lambda one: known[one][0] - known[one][1])
        celsius, target = known[zone]
        slope = slope_of(self._past[zone])
        falling = slope is not None and slope < -0.01 and celsius > target
        eta_s = 60.0 * (celsius - target) / -slope if falling else None
        return {"zone": zone, "celsius": celsius, "target_c": target, "slope": slope, "eta_s": eta_s}

    def _passes(self, look):
        if look["celsius"] > look["target_c"]:
            return False
        if look["celsius"] <= look["target_c"] - FAR_C:
            return True
        return look["slope"] is not None and abs(look["slope"]) <= self._steady


def slope_of(past):
    """Return degC a minute of a straight line through [(s, degC)], None of too short a time."""
    if len(past) < 2 or past[-1][0] - past[0][0] < SLOPE_SPAN_S:
        return None
    mean_t = sum(t for t, _ in past) / len(past)
    mean_c = sum(c for _, c in past) / len(past)
    spread = sum((t - mean_t) ** 2 for t, _ in past)
    return 60.0 * sum((t - mean_t) * (c - mean_c) for t, c in past) / spread


def _patience(look):
    if look is None or look["eta_s"] is None:
        return POLL_S[0]
    return min(max(look["eta_s"] / 8, POLL_S[0]), POLL_S[1])


def _told(look):
    text = "waiting until it is cool: %s is %.1f degC, wanted %g and steady"
    text = text % (look["zone"], look["celsius"], look["target_c"])
    return text if look["eta_s"] is None else "%s; about %.0f s to go" % (text, look["eta_s"])
