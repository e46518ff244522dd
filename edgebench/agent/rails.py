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


def ways(root, chmod):
    """Return [(argv that opens closed files, argv that closes them as they were)]; a group that may read keeps that."""
    found = []
    shut = [(path, bool(os.stat(path).st_mode & 0o040)) for path in closed(root)]
    for back, is_shared in (("go-r", False), ("o-r", True)):
        paths = [path for path, shared in shut if shared == is_shared]
        if paths:
            found.append(([chmod, "a+r"] + paths, [chmod, back] + paths))
    return found


def open_rails(scene):
    """Make closed rails readable, by the journal. Raises NotSet (tegrastats is left then)."""
    if not closed(scene.root):
        return
    chmod = programs.find(scene.root, "chmod")
    if chmod is None:
        raise NotSet("needs-root", "there is no chmod on this device")
    for do, undo in ways(scene.root, chmod):
        said = scene.perform("readable power rails", None, "a+r", do=do, undo=undo, volatile=True)[1]
        if said.code != 0:
            raise NotSet("pin-failed", _still(said))
    if closed(scene.root):
        raise NotSet("pin-failed", _still(said))


def _still(said):
    return "the rails' files are still closed: %s" % (said.text.strip() or "chmod said nothing")
