"""A phone in simulated time and a sampler of the shell's kind: what would be read, against what was true."""

from dataclasses import dataclass, replace

import numpy as np

from edgebench.mock.phone.forms import FORMS
from edgebench.mock.phone.loads import Work
from edgebench.mock.phone.physics import PhoneBody
from edgebench.mock.workload import Constant, Schedule, Square
from edgebench.stats.distributions import student_t
from edgebench.stats.energy import Trace, measure_window
from edgebench.stats.per_item import Sensor, per_item

JITTER = 0.3
GUARD_S = 2.0
"""Between an idle and what is measured lies the start of a process."""
CLOCK_NS = 10_000_000
"""/proc/uptime counts in steps of 10 ms."""
LOCKED = Square(7.0, 3.5, 0.010, 0.6)
"""A load whose period is a whole part of any round sampling interval."""


@dataclass(frozen=True)
class Inferring:
    """The power of a phone whose tool infers: `Work` as the tool sets it, above idle."""

    work: Work
    idle_w: float

    def watts(self, seconds):
        return self.idle_w + self.work.drawn(seconds, 0.0)


@dataclass(frozen=True)
class Errors:
    """Signed relative errors of one run, and whether the net figure's interval held the truth (None: there is none)."""

    gross: float
    net: float
    covered: bool | None


def loaded_phone(form, seed, idle_s, load_s, wave=None):
    """A phone that idles, infers on its GPU (or draws `wave`), and idles again; kept cool."""
    cool = replace(FORMS[form], heat=replace(FORMS[form].heat, trip_c=95.0))
    period_s = 0.008 + 0.010 * np.random.default_rng((seed, 8)).random()
    wave = wave or Inferring(Work("gpu", cool.speeds["gpu"].watts, period_s), cool.idle_w)
    idle = Constant(cool.idle_w)
    return PhoneBody(cool, seed=seed, load=Schedule(((idle_s, idle), (load_s, wave), (idle_s, idle)), cool.idle_w))


def sampled(body, read, seconds, rate_hz, rng, jitter=JITTER):
    """(t_ns, values) of `read()` at jittered times; stamped right before, as the shell's sampler does."""
    times, values = [], []
    end_ns = body.now_ns() + round(seconds * 1e9)
    body.advance(float(rng.uniform(0, 1 / rate_hz)))
    while body.now_ns() < end_ns:
        times.append(body.now_ns() // CLOCK_NS * CLOCK_NS)
        values.append(read())
        gap_ns = round(float(rng.uniform(1 - jitter, 1 + jitter)) / rate_hz * 1e9)
        body.advance_ns(min(gap_ns, max(end_ns - body.now_ns(), 1)))
    return np.array(times, dtype=np.int64), np.array(values, dtype=np.float64)


def gauge_watts(body):
    """Watts from the gauge, its unit and sign known, as calibration finds them."""
    form = body.gauge.form

    def read():
        reading = body.reading()
        return reading.counts * form.amps * form.sign * reading.microvolts / 1e6

    return read


def rails_joules(body):
    """Joules of all counters together."""
    return lambda: sum(body.counters()) / 1e6


def run(form, seed, *, source, rate_hz, load_s, idle_s, jitter=JITTER, wave=None):
    """One run between its idles: the product's estimators against the truth of the same windows."""
    body = loaded_phone(form, seed, idle_s + GUARD_S, load_s, wave)
    start = body.now_ns()
    total_s = 2 * (idle_s + GUARD_S) + load_s
    accumulates = source == "rails"
    read = rails_joules(body) if accumulates else gauge_watts(body)
    t_ns, values = sampled(body, read, total_s - 0.01, rate_hz, np.random.default_rng((seed, 7)), jitter)
    trace = Trace("accumulating" if accumulates else "instantaneous", t_ns, values)
    begin_s, end_s = idle_s + GUARD_S, idle_s + GUARD_S + load_s
    before, busy, after = (
        tuple(start + round(at * 1e9) for at in edges)
        for edges in ((GUARD_S, idle_s), (begin_s, end_s), (end_s + GUARD_S, total_s - GUARD_S))
    )
    gauge = body.gauge.form
    step_w = 0.0 if accumulates else gauge.step * gauge.amps * body.battery.open_volts
    sensor = Sensor(resolution_watts=step_w, clock_s=CLOCK_NS / 1e9)
    windows = [measure_window(trace, *window) for window in (busy, before, after)]
    found = per_item(*windows, items=1000.0, sensor=sensor)
    truth = body.truth_of_rails if accumulates else body.truth
    gross_j = truth(*busy).joules  # of 1000 items: mJ each
    idle_w = (truth(*before).mean_watts + truth(*after).mean_watts) / 2
    net_j = gross_j - idle_w * load_s
    return Errors(
        found.gross.mj_per_item / gross_j - 1, found.net.mj_per_item / net_j - 1, _covers(found.net, net_j, windows)
    )


def _covers(net, truth, windows):
    """Whether the stated uncertainty of an absolute figure, at 95 %, holds the truth; None where none is stated."""
    if net.u_mj_per_item is None:
        return None
    return abs(net.mj_per_item - truth) <= student_t(0.975, windows[0].blocks - 1) * net.u_mj_per_item
