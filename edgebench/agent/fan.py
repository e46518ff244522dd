"""The fan: left alone unless asked, looked at always.

JetPack 4 has /sys/devices/pwm-fan (target_pwm, temp_control), later ones a hwmon named pwmfan. There pwm1_enable=0 is a
fan that stands, not one set by hand: the speed is written first and enabling follows, and putting back goes the other
way round (devices.md 1.5).
"""

import glob
import os
import re

from . import files
from .setting import Held, NotSet

OLD = "/sys/devices/pwm-fan"
HWMON = "/sys/class/hwmon/hwmon*"
SERVICE = "nvfancontrol"
FULL = 255
PROFILES = (
    ("/var/lib/nvfancontrol/status", re.compile(r"PROFILE\s*[:=\s]\s*([\w-]+)", re.I)),
    ("/etc/nvfancontrol.conf", re.compile(r"^\s*FAN_DEFAULT_PROFILE\s+([\w-]+)", re.M)),
)


class Fan(object):
    """Where a fan is set and seen, paths with the root; `enable` and `control` null where there is no such file."""

    def __init__(self, pwm, rpm, enable=None, control=None):
        self.pwm = pwm
        self.rpm = rpm
        self.enable = enable
        self.control = control


def find(root):
    """Return the board's Fan, None where it has none that is known."""
    old = files.under(root, OLD)
    if os.path.exists(os.path.join(old, "target_pwm")):
        control = os.path.join(old, "temp_control")
        rpm = os.path.join(old, "rpm_measured")
        return Fan(os.path.join(old, "target_pwm"), rpm, control=control if os.path.exists(control) else None)
    for folder in sorted(glob.glob(files.under(root, HWMON))):
        if files.read_text(os.path.join(folder, "name")) == "pwmfan" and os.path.exists(os.path.join(folder, "pwm1")):
            enable = os.path.join(folder, "pwm1_enable")
            return Fan(os.path.join(folder, "pwm1"), _rpm(root, folder), enable if os.path.exists(enable) else None)
    return None


def _rpm(root, folder):
    """The file of the speed: in the fan's own hwmon, else in that of the tachometer."""
    own = os.path.join(folder, "fan1_input")
    others = [os.path.join(other, "rpm") for other in sorted(glob.glob(files.under(root, HWMON)))]
    return next((path for path in [own] + others if os.path.exists(path)), own)


def look(root):
    """Return {"pwm", "rpm", "profile"} of the fan as it is now, each null where it is not told; None without a fan."""
    fan = find(root)
    if fan is None:
        return None
    return {"pwm": _number(fan.pwm), "rpm": _number(fan.rpm), "profile": profile(root)}


def profile(root):
    """Return the name of nvfancontrol's profile, None where there is none to be read."""
    for path, pattern in PROFILES:
        named = pattern.search(files.read_text(files.under(root, path)) or "")
        if named:
            return named.group(1)
    return None


def _number(path):
    try:
        return int(files.read_text(path) or "")
    except ValueError:
        return None


def is_governed(root):
    """Tell whether the board's own service sets the fan."""
    names = glob.glob(files.under(root, "/proc/[0-9]*/comm"))
    return any(files.read_text(name) == SERVICE for name in names)


def parse_speed(value):
    """Return the PWM value (0..255) of "max" or a percentage as "40" or "40%". Raises NotSet."""
    if value == "max":
        return FULL
    try:
        percent = float(value[:-1] if value.endswith("%") else value)
    except ValueError:
        percent = -1.0
    if not 0 <= percent <= 100:
        raise NotSet("pin-failed", "max, auto and a percentage are known")
    return round(FULL * percent / 100)


def apply(scene, value):
    """Set the fan to "max" or a percentage, or give it back to the board ("auto"); return [Held]. Raises NotSet."""
    speed = None if value == "auto" else parse_speed(value)
    fan = find(scene.root)
    if fan is None:
        raise NotSet("pin-failed", "this board has no fan that can be set")
    if speed is None:
        return _give_back(scene, fan)
    _write(scene, fan.pwm, str(speed))
    for path, manual in ((fan.control, "0"), (fan.enable, "1")):
        if path is not None:
            _write(scene, path, manual)
    if is_governed(scene.root):
        scene.warn("fan-governed", "the service %s runs on this board and may set the fan again" % SERVICE)
    return [Held.file("fan", fan.pwm, str(speed))]


def _give_back(scene, fan):
    if fan.control is not None:
        _write(scene, fan.control, "1")
        return [Held.file("fan", fan.control, "1")]
    if not is_governed(scene.root):
        scene.warn("fan-governed", "nothing on this board sets the fan: it stays as it is")
    return []


def _write(scene, path, value):
    old = files.read_text(path)
    if old is None:
        raise NotSet("pin-failed", "%s cannot be read, so it could not be put back" % path)
    if old != value:
        scene.write(path, old, value)
