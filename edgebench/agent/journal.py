"""What was set on the device and how to undo it, written down before it is set.

``journal.jsonl`` in the home folder: one JSON line {"id", "job", "path", "old", "new", "at"} a setting. It exists only
while something is set; a supervisor that died leaves it for the next one, which puts everything back first.
"""

import errno
import json
import os

from . import files


def write_setting(path, value):
    """Write a kernel setting; never creates a file. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    try:
        files.write_all(fd, value.encode("utf-8"))
    finally:
        os.close(fd)


class Journal(object):
    """The journal of one home folder; `write(path, value)` does the setting (tests give their own)."""

    def __init__(self, home, write=write_setting):
        self._home = home
        self._path = os.path.join(home, "journal.jsonl")
        self._write = write

    def entries(self):
        """Return the entries, oldest first; a line cut short by a crash was never acted on and is left out."""
        try:
            with open(self._path, "rb") as source:
                lines = source.read().split(b"\n")
        except OSError:
            return []
        found = []
        for line in lines:
            try:
                entry = json.loads(line.decode("utf-8"))
            except ValueError:
                continue
            if isinstance(entry, dict) and "path" in entry and "old" in entry:
                found.append(entry)
        return found

    def set(self, job, path, old, new, at):
        """Note that `path` goes from `old` to `new`, make the note durable, then set it. Raises OSError, and
        then nothing is noted."""
        entry = {"id": len(self.entries()) + 1, "job": job, "path": path, "old": old, "new": new, "at": at}
        new_file = not os.path.exists(self._path)
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # A leading newline ends a line that a crash may have cut short.
            files.write_all(fd, b"\n" + json.dumps(entry, sort_keys=True).encode("utf-8") + b"\n")
            os.fsync(fd)
        finally:
            os.close(fd)
        if new_file:
            files.sync_folder(self._home)
        try:
            self._write(path, new)
        except OSError:
            self._keep([other for other in self.entries() if other != entry])
            raise

    def restore(self):
        """Put back every old value, newest first; return (entries put back, [(entry, why)] that could not be).

        What could not be put back stays in the journal for the next try, unless its path is gone.
        """
        entries = self.entries()
        restored, failed, kept = [], [], []
        for entry in reversed(entries):
            try:
                self._write(entry["path"], entry["old"])
            except OSError as error:
                failed.append((entry, error.strerror or str(error)))
                if error.errno != errno.ENOENT:
                    kept.insert(0, entry)
            else:
                restored.append(entry)
        self._keep(kept)
        return restored, failed

    def _keep(self, entries):
        if not os.path.exists(self._path):
            return
        try:
            self._replace(entries)
        except OSError as error:
            if not files.is_full(error):
                raise
            # No room for the shorter journal: the longer one does no harm, restoring twice is restoring.

    def _replace(self, entries):
        if not entries:
            os.unlink(self._path)
        else:
            part = self._path + ".part"
            with open(part, "w") as out:
                out.write("".join(json.dumps(entry, sort_keys=True) + "\n" for entry in entries))
                out.flush()
                os.fsync(out.fileno())
            os.replace(part, self._path)
        files.sync_folder(self._home)
