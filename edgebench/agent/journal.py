"""What was set on the device and how to undo it, written down before it is set.

``journal.jsonl`` in the home folder: one JSON line a setting. It exists only while something is set; a supervisor that
died leaves it for the next one, which puts everything back first. Every line has {"id", "job", "path", "old", "new",
"at"}, and is one of two kinds:

- a file: `path` is written, by tee as root where "as_root" is true;
- a command: `path` names what it is ("power mode"), "do" set it and "undo" puts it back, both argv, "as_root" or not.
  "holds" {"argv", "pattern"} asks the device whether the old state is there: before undoing, which is then not
  needed, and after it, when exit statuses tell nothing. "reboot": its undoing restarts the device, and is left alone
  until somebody allows that.

"boot" is the device's boot id where a reboot undoes the setting by itself; "root" is where the device's paths begin.
"""

import errno
import json
import os
import re

from . import files, programs

COMMAND_LIMIT_S = 60.0
BOOT_ID = "/proc/sys/kernel/random/boot_id"
REBOOT_WHY = "it takes a reboot of the device: `edgebench devices restore NAME --allow-reboot` does it"
LEAVE, TELL, DO = "leave", "tell", "do"
"""What `restore` makes of an entry whose undoing takes a reboot."""


class StillSet(Exception):
    """An undo that ended and did not put back the old state; the message says what the program said."""


class Left(Exception):
    """An entry that is not to be undone now."""


def write_setting(path, value):
    """Write a kernel setting; never creates a file. Raises OSError."""
    fd = os.open(path, os.O_WRONLY | os.O_TRUNC)
    try:
        files.write_all(fd, value.encode("utf-8"))
    finally:
        os.close(fd)


def run_command(root, argv, answer, as_root):
    """Run a command of the device. Raises NeedsRoot, OSError."""
    if as_root:
        return programs.run_as_root(root, argv, answer, COMMAND_LIMIT_S)
    return programs.run(argv, answer, COMMAND_LIMIT_S)


def boot_of(root):
    """Return the id of the device's present boot, None where it is not told."""
    return files.read_text(files.under(root, BOOT_ID))


class Journal(object):
    """The journal of one home folder.

    `write(path, value)` does a setting, `run(root, argv, answer, as_root)` a command (tests give their own).
    """

    def __init__(self, home, write=write_setting, run=run_command):
        self.home = home
        self._path = os.path.join(home, "journal.jsonl")
        self._write = write
        self._run = run

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

    def set(self, job, path, old, new, at, root=None, as_root=False):
        """Note that `path` goes from `old` to `new`, make the note durable, then set it.

        `root`: where the device's tree begins, for what a reboot of it undoes. Raises OSError, or NeedsRoot with
        `as_root`; then nothing is noted.
        """
        entry = {"job": job, "path": path, "old": old, "new": new, "at": at}
        if root is not None:
            entry.update(root=root, boot=boot_of(root))
        if as_root:
            entry["as_root"] = True
        self._note(entry)
        try:
            self._write_value(entry, new)
        except (OSError, programs.NeedsRoot):
            self.forget(entry)
            raise

    def perform(self, job, name, old, new, at, command):
        """Note a command, make the note durable, then run its `do`; return (entry, what it said).

        `command`: {"root", "do", "undo", "as_root"} and, as they apply, "answer" (text on the stdin of `do`), "holds",
        "reboot", "volatile" (a reboot undoes it). Raises OSError and NeedsRoot, and then nothing is noted; whoever
        finds that nothing was set calls `forget(entry)`.
        """
        entry = {"job": job, "path": name, "old": old, "new": new, "at": at}
        entry.update({key: value for key, value in command.items() if key not in ("answer", "volatile")})
        if command.get("volatile"):
            entry["boot"] = boot_of(command["root"])
        self._note(entry)
        try:
            return entry, self._run(command["root"], command["do"], command.get("answer"), command.get("as_root"))
        except (OSError, programs.NeedsRoot):
            self.forget(entry)
            raise

    def forget(self, entry):
        """Take an entry out of the journal: what it tells of is not set."""
        self._keep([other for other in self.entries() if other != entry])

    def restore(self, reboot=LEAVE):
        """Put back every old state, newest first; return (entries put back, [(entry, why)] that could not be).

        What could not be put back stays in the journal for the next try, unless its path is gone. What takes a reboot
        is left alone unseen, told as a failure or done; its entry stays until the device is found as it was.
        """
        entries = self.entries()
        restored, failed, kept = [], [], []
        for entry in reversed(entries):
            try:
                self._undo(entry, reboot)
            except Left:
                kept.insert(0, entry)
            except (OSError, programs.NeedsRoot, StillSet) as error:
                failed.append((entry, getattr(error, "strerror", None) or str(error)))
                if getattr(error, "errno", None) != errno.ENOENT or "undo" in entry:
                    kept.insert(0, entry)
            else:
                restored.append(entry)
        self._keep(kept)
        return restored, failed

    def _undo(self, entry, reboot):
        """Put one entry's old state back, if it is not there already. Raises OSError, NeedsRoot, StillSet, Left."""
        boot = entry.get("boot")
        if boot and boot_of(entry["root"]) not in (None, boot):
            return  # the device has been restarted since, and names in /sys may stand for other parts now
        if "undo" in entry:
            self._undo_command(entry, reboot)
        else:
            self._write_value(entry, entry["old"])

    def _undo_command(self, entry, reboot):
        if self._holds(entry):
            return
        if entry.get("reboot") and reboot != DO:
            raise Left() if reboot == LEAVE else StillSet(REBOOT_WHY)
        answer = "YES\n" if entry.get("reboot") else None
        said = self._run(entry["root"], entry["undo"], answer, entry.get("as_root"))
        if entry.get("reboot"):
            raise StillSet("the device restarts now; the next session finds out whether it is as it was")
        is_back = self._holds(entry) if entry.get("holds") else said.code == 0
        if not is_back:
            raise StillSet("%s: %s" % (" ".join(entry["undo"]), _last_words(said)))

    def _holds(self, entry):
        """Tell whether the device says that the old state is there."""
        asked = entry.get("holds")
        if not asked:
            return False
        for as_root in (False, True):
            try:
                said = self._run(entry["root"], asked["argv"], None, as_root)
            except (OSError, programs.NeedsRoot):
                continue
            if re.search(asked["pattern"], said.text):
                return True
            if said.code == 0:
                return False
        return False

    def _write_value(self, entry, value):
        if not entry.get("as_root"):
            self._write(entry["path"], value)
            return
        if not os.path.exists(entry["path"]):
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))  # tee would make a file of it
        tee = programs.find(entry["root"], "tee")
        if tee is None:
            raise programs.NeedsRoot("there is no tee on this device")
        said = self._run(entry["root"], [tee, entry["path"]], value, True)
        if said.code != 0:
            raise OSError(errno.EIO, _last_words(said))

    def _note(self, entry):
        """Write an entry and its number down, durably."""
        entry["id"] = len(self.entries()) + 1
        new_file = not os.path.exists(self._path)
        fd = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            # A leading newline ends a line that a crash may have cut short.
            files.write_all(fd, b"\n" + json.dumps(entry, sort_keys=True).encode("utf-8") + b"\n")
            os.fsync(fd)
        finally:
            os.close(fd)
        if new_file:
            files.sync_folder(self.home)

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
        files.sync_folder(self.home)


def _last_words(said):
    """Return a program's last line, or how it ended where it said nothing."""
    lines = said.text.strip().splitlines()
    if lines:
        return lines[-1].strip()
    return "it did not end in time" if said.code is None else "exit status %d" % said.code
