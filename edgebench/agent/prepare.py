"""Preparing the device: power mode, governor, clocks, fan (journalled), the children's CPUs; and whether they held."""

import glob
import os

from . import fan, files, jetsonclocks, powermode, rails
from .setting import Held, NotSet, Scene

POLICIES = "/sys/devices/system/cpu/cpufreq/policy*/scaling_governor"
ELSEWHERE = ("temperature-gate",)
"""Keys of `prepare` that others see to."""


def governors(root):
    """Return {policy: governor} of every cpufreq policy, {} where there are none."""
    found = {}
    for path in sorted(glob.glob(files.under(root, POLICIES))):
        found[os.path.basename(os.path.dirname(path))] = files.read_text(path)
    return found


def parse_cpus(text):
    """Return the set of CPUs of a list as "0-3,6". Raises ValueError."""
    cpus = set()
    for part in str(text).split(","):
        first, dash, last = part.strip().partition("-")
        cpus.update(range(int(first), int(last if dash else first) + 1))
    if not cpus:
        raise ValueError("no CPU in %r" % text)
    return cpus


def no_pause(seconds, text):
    """Go on at once."""


class Preparation(object):
    """What a job asked to be set.

    `warn(code, text)` hears of what could not be, `pause(seconds, text)` waits. Nothing ends the job but a power mode
    that takes a reboot.
    """

    def __init__(self, job, root, asked, journal, warn, pause=no_pause):
        self._job = job
        self._root = root
        self._asked = asked
        self._journal = journal
        self._warn = warn
        self._pause = pause
        self._held = []
        self.done = []
        self.cpus = None

    def apply(self, now_ns, power=False):
        """Set everything asked; `done` lists what was set: [{key, path, old, new}].

        `power`: readings of power are wanted, and rails that only root may read are to be opened. Raises NotSet with
        code needs-reboot for a power mode that takes one: nothing has been set then.
        """
        scene = Scene(self._job, self._root, self._journal, self._warn, self._pause, now_ns)
        unknown = sorted(set(self._asked) - {key for key, _ in SETTINGS} - set(ELSEWHERE))
        for key in unknown:
            self._warn("pin-failed", "%s=%s: the agent cannot set it" % (key, self._asked[key]))
        for key, setting in SETTINGS:
            if key in self._asked:
                self._set(scene, key, setting)
        if power:
            self._open_rails(scene)
        if "clocks" not in self._asked and jetsonclocks.find(self._root) and jetsonclocks.locked(self._root):
            self._warn(*jetsonclocks.LOCKED)

    def _set(self, scene, key, setting):
        value = self._asked[key]
        before = self._journal.entries()
        try:
            held = setting(self, scene, str(value))
        except NotSet as why:
            if why.code == "needs-reboot":
                raise
            self._warn(why.code, "%s=%s could not be pinned: %s" % (key, value, why))
            held = []
        self._held.extend(held)
        for entry in [one for one in self._journal.entries() if one not in before]:
            self.done.append({"key": key, "path": entry["path"], "old": entry["old"], "new": entry["new"]})

    def _open_rails(self, scene):
        try:
            rails.open_rails(scene)
        except NotSet as why:
            self._warn("rails-closed", "the power rails' own files could not be opened: %s" % why)

    def _power_mode(self, scene, value):
        mode = powermode.change(scene, value)
        return [Held("power-mode", None, mode, lambda: powermode.current(self._root))]

    def _governor(self, scene, value):
        paths = sorted(glob.glob(files.under(self._root, POLICIES)))
        if not paths:
            raise NotSet("pin-failed", "this machine has no cpufreq policy")
        held, refused = [], []
        for path in paths:
            old = files.read_text(path)
            try:
                if old is not None and old != value:
                    scene.write(path, old, value)
                held.append(Held.file("governor", path, value))
            except NotSet as why:
                refused.append(why)
        if refused:
            others = "; %d more likewise" % (len(refused) - 1) if len(refused) > 1 else ""
            self._warn(refused[0].code, "governor=%s could not be pinned: %s%s" % (value, refused[0], others))
        return held

    def _clocks(self, scene, value):
        return jetsonclocks.apply(scene, value)

    def _fan(self, scene, value):
        return fan.apply(scene, value)

    def _affinity(self, scene, value):
        try:
            cpus = parse_cpus(value)
            allowed = os.sched_getaffinity(0)
            if not cpus <= allowed:
                raise ValueError("CPUs %s are not there" % sorted(cpus - allowed))
        except ValueError as error:
            raise NotSet("pin-failed", str(error))
        self.cpus = cpus
        self.done.append({"key": "affinity", "path": None, "old": None, "new": sorted(cpus)})
        return [Held("affinity", None, sorted(cpus), lambda: sorted(cpus & os.sched_getaffinity(0)))]

    def pins(self):
        """Return what can be pinned, as it is now: {governor: {policy: name}, affinity: [cpu...] or null}.

        Boards that have them give power_mode {id, name}, clocks_locked (bool) and fan {pwm, rpm, profile}, too.
        """
        found = {"governor": governors(self._root), "affinity": sorted(self.cpus) if self.cpus else None}
        if jetsonclocks.find(self._root):
            found["clocks_locked"] = jetsonclocks.locked(self._root)
        for key, value in (("power_mode", powermode.current(self._root)), ("fan", fan.look(self._root))):
            if value is not None:
                found[key] = value
        return found

    def lost(self):
        """Return the settings asked for that no longer hold: [{key, path, wanted, found}]."""
        return [lost for lost in (held.lost() for held in self._held) if lost]


SETTINGS = (
    ("power-mode", Preparation._power_mode),
    ("governor", Preparation._governor),
    ("clocks", Preparation._clocks),
    ("fan", Preparation._fan),
    ("affinity", Preparation._affinity),
)
"""In the order in which they must be made: another power mode resets the clocks."""
