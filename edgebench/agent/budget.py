"""How much of the plan fits: `--max-time` cuts iterations first (never under 3), then invocations.

Pure. Soak, paced, memory and fidelity passes are never cut (measurement.md, section 3).
"""

FLOOR = 3
"""Iterations that an invocation has at the least."""

SMALL_PASS_ITERATIONS = 5
"""Allowance for passes that are not timed by the clock (memory, fidelity), in inferences."""


def plan(steps_left, first_ns, load_ns, max_time_s, spent_s, in_hand=True, finished=0):
    """Plan what is left of one variant.

    `steps_left` are job steps in order; with `in_hand` the first of them is loaded already and its load is in
    `spent_s`. `first_ns` is the best known time of one inference, `load_ns` of starting and loading a process;
    `finished` counts invocations done. Returns {"eta_s", "steps", "reduced"}: `steps` has for each step its
    ``go`` (what the child is told) or None where it does not fit any more; `reduced` is null or says what was cut
    and, as `over_s`, by how much the rest is still longer than allowed.
    """
    one_s, load_s = first_ns / 1e9, load_ns / 1e9
    loads = [0.0 if in_hand and at == 0 else load_s + one_s for at in range(len(steps_left))]
    fixed_s = sum(loads[at] + busy_s(step, one_s) for at, step in enumerate(steps_left) if not _flexible(step))
    flexible = [at for at, step in enumerate(steps_left) if _flexible(step)]
    room_s = None if max_time_s is None else max_time_s - spent_s - fixed_s
    least = 0 if finished or not flexible else 1
    if flexible and flexible[0] == 0 and in_hand:
        least = 1
    kept = _kept(flexible, loads, one_s, room_s, least)
    goes = [None if _flexible(step) else go(step) for step in steps_left]
    _fill(goes, steps_left, kept, loads, one_s, room_s)
    eta_s = sum(loads[at] + busy_s(what, one_s) for at, what in enumerate(goes) if what is not None)
    over_s = 0.0 if max_time_s is None else spent_s + eta_s - max_time_s
    return {"eta_s": eta_s, "steps": goes, "reduced": _reduced(steps_left, goes, flexible, over_s)}


def _flexible(step):
    return step["pass"] == "invocation"


def go(step):
    """Return what the child of a step is told when nothing is cut."""
    return {key: step[key] for key in step if key not in ("pass", "variant", "round", "order")}


def busy_s(step, one_s):
    """Seconds that a step (or its ``go``) works after its first inference, uncut."""
    if "min_time_s" in step:
        return max(float(step["min_time_s"]), step.get("min_iterations", FLOOR) * one_s)
    if "seconds" in step:
        return max(float(step["seconds"]), one_s) + 2 * float(step.get("idle_s") or 0.0)
    return max(SMALL_PASS_ITERATIONS, step.get("iterations", 0)) * one_s


def _kept(flexible, loads, one_s, room_s, least):
    """Return the invocations that fit with the floor of iterations each."""
    if room_s is None:
        return flexible
    count = len(flexible)
    while count > least and sum(loads[at] for at in flexible[:count]) + count * FLOOR * one_s > room_s:
        count -= 1
    return flexible[:count]


def _fill(goes, steps, kept, loads, one_s, room_s):
    """Give every kept invocation its share: what it asks for, or an equal part of what is left."""
    left_s = None if room_s is None else room_s - sum(loads[at] for at in kept)
    asked_s = sum(busy_s(steps[at], one_s) for at in kept)
    for at in kept:
        goes[at] = dict(go(steps[at]), max_iterations=None)
        if left_s is None or asked_s <= left_s:
            continue
        share_s = max(left_s / len(kept), FLOOR * one_s)
        wanted = int(steps[at].get("min_iterations", FLOOR))
        fitting = int(share_s / one_s) if one_s > 0 else wanted
        goes[at]["min_time_s"] = min(float(steps[at]["min_time_s"]), share_s)
        goes[at]["min_iterations"] = max(min(wanted, FLOOR), min(wanted, fitting))


def _reduced(steps, goes, flexible, over_s):
    kept = [at for at in flexible if goes[at] is not None]
    cut = {}
    if len(kept) < len(flexible):
        cut["invocations"] = [len(kept), len(flexible)]
    for key in ("min_time_s", "min_iterations"):
        changed = [at for at in kept if goes[at].get(key, 0) < steps[at].get(key, 0)]
        if changed:
            cut[key] = [goes[changed[0]][key], steps[changed[0]][key]]
    if over_s > 0.001:  # less is rounding
        cut["over_s"] = over_s
    return cut or None
