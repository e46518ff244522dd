"""What every setting of a device has to work with: the journal, root's help where it is given without asking."""

import errno
import os

from . import files, programs

DENIED = (errno.EACCES, errno.EPERM, errno.EROFS)


class NotSet(Exception):
    """A setting that was not made: `code` is pin-failed, needs-root or needs-reboot; the message says why."""

    def __init__(self, code, message):
        Exception.__init__(self, message)
        self.code = code


def may_be_written(path):
    """Tell whether a file's mode lets anybody write it at all; one that is gone is left to whoever opens it."""
    try:
        return bool(os.stat(path).st_mode & 0o222)
    except OSError:
        return True


class Scene(object):
    """One job's device: `job` (its id), `root`, `journal`, `warn(code, text)`, `pause(seconds, text)`, `at` (ns)."""

    def __init__(self, job, root, journal, warn, pause, at):
        self.job = job
        self.root = root
        self.journal = journal
        self.warn = warn
        self.pause = pause
        self.at = at

    def write(self, path, old, new):
        """Set a file of the device (its path with the root) from `old` to `new`, as root if need be. Raises NotSet."""
        try:
            if may_be_written(path):
                self.journal.set(self.job, path, old, new, self.at, self.root)
                return
        except OSError as error:
            if error.errno not in DENIED:
                raise NotSet("pin-failed", "%s: %s" % (path, error.strerror or error))
        try:
            self.journal.set(self.job, path, old, new, self.at, self.root, as_root=True)
        except programs.NeedsRoot as refused:
            raise NotSet("needs-root", "%s: %s" % (path, refused))
        except OSError as error:
            raise NotSet("pin-failed", "%s: %s" % (path, error.strerror or error))

    def perform(self, name, old, new, **command):
        """Run a command as root by the journal; return (entry, what it said). Raises NotSet."""
        command.update(root=self.root, as_root=True)
        try:
            return self.journal.perform(self.job, name, old, new, self.at, command)
        except programs.NeedsRoot as refused:
            raise NotSet("needs-root", str(refused))
        except OSError as error:
            raise NotSet("pin-failed", "%s: %s" % (command["do"][0], error.strerror or error))


class Held(object):
    """A setting that shall hold to the job's end: `read()` returns what it is now, to be compared with `wanted`."""

    def __init__(self, key, path, wanted, read):
        self.key = key
        self.path = path
        self.wanted = wanted
        self.read = read

    @classmethod
    def file(cls, key, path, wanted):
        """A file that shall hold `wanted`."""
        return cls(key, path, wanted, lambda: files.read_text(path))

    def lost(self):
        """Return {key, path, wanted, found} where it no longer holds, else None."""
        found = self.read()
        if found == self.wanted:
            return None
        return {"key": self.key, "path": self.path, "wanted": self.wanted, "found": found}
