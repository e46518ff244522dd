"""Power rails that only root may read (the INA3221 of JetPack 4), opened for everybody while a job runs."""

import glob
import os

from . import files, programs
from .setting import NotSet

CHIPS = "/sys/bus/i2c/drivers/ina3221x/*/iio:device*"
NAMES = ("rail_name_*", "in_voltage*_input", "in_current*_input", "in_power*_input")


def rail_files(root):
    """Return the files of every rail, with the root, sorted."""
    found = []
    for chip in glob.glob(files.under(root, CHIPS)):
        for name in NAMES:
            found.extend(glob.glob(os.path.join(chip, name)))
    return sorted(found)


def closed(root):
    """Return the files of rails that we may not read."""
    return [path for path in rail_files(root) if _is_denied(path)]


def _is_denied(path):
    try:
        if not os.stat(path).st_mode & 0o444:
            return True  # nobody's by its mode, though root (on a simulated board: we) could read it all the same
        os.close(os.open(path, os.O_RDONLY))
    except PermissionError:
        return True
    except OSError:
        return False
    return False


def open_rails(scene):
    """Make closed rails readable, by the journal; return the files opened. Raises NotSet (tegrastats is left then)."""
    shut = closed(scene.root)
    if not shut:
        return []
    chmod = programs.find(scene.root, "chmod")
    if chmod is None:
        raise NotSet("needs-root", "there is no chmod on this device")
    said = scene.perform(
        "readable power rails", None, "a+r", do=[chmod, "a+r"] + shut, undo=[chmod, "go-r"] + shut, volatile=True
    )[1]
    if said.code != 0 or closed(scene.root):
        why = said.text.strip() or "chmod said nothing"
        raise NotSet("pin-failed", "the rails' files are still closed: %s" % why)
    return shut
