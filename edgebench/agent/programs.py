"""Programs of the board's vendor: found below the device's root, run with a limit, as root only if sudo asks nothing.

Nobody is ever asked for a password: `sudo -n` refuses instead, and that refusal is an answer (`NeedsRoot`).
"""

import os
import signal
import subprocess

from . import files

FOLDERS = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/bin", "/usr/src/tensorrt/bin", "/opt/vc/bin")
"""Where they lie on the images of the boards; a shell over SSH often has no /usr/sbin on its PATH."""

PASSWORD_WORDS = ("password is required", "a terminal is required", "no tty present", "not in the sudoers",
                  "may not run sudo", "is not allowed to execute")  # fmt: skip
DEFAULT_S = 30.0
LAST_WORDS_S = 1.0


class NeedsRoot(Exception):
    """It takes root, and sudo would ask for a password or refuses; the message is sudo's own."""


class Said(object):
    """What a program said: `code` (exit status, None: it did not end within its limit), `out`, `err` (text)."""

    def __init__(self, code, out, err):
        self.code = code
        self.out = out
        self.err = err

    @property
    def text(self):
        """Both streams, for words that may stand in either."""
        return self.out + ("\n" if self.out and self.err else "") + self.err


def find(root, name, path=None):
    """Return the path of a program below `root`, or None. On the machine itself PATH (or `path`) is searched, too.

    It comes last: a `tee` of the user's own (conda has one) shall not be what runs as root.
    """
    folders = list(FOLDERS)
    if root == "/":
        folders += (os.environ.get("PATH", "") if path is None else path).split(os.pathsep)
    for folder in folders:
        candidate = os.path.join(files.under(root, folder), name) if folder else None
        if candidate and os.path.isfile(candidate) and os.access(candidate, os.X_OK):
            return candidate
    return None


def run(argv, answer=None, limit_s=DEFAULT_S, kill=os.killpg):
    """Run a program to its end with `answer` (text) on its stdin, else nothing there. Raises OSError.

    At its limit (seconds) it is killed with all that it started, or left behind where it runs as root: `kill(group,
    signal)` refuses then.
    """
    process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               start_new_session=True)  # fmt: skip
    try:
        out, err = process.communicate((answer or "").encode("utf-8"), limit_s)
        code = process.returncode
    except subprocess.TimeoutExpired:
        out, err = _give_up(process, kill)
        code = None
    return Said(code, out.decode("utf-8", "replace"), err.decode("utf-8", "replace"))


def _give_up(process, kill):
    """End a program that is late; return what it said (bytes), nothing of one that goes on all the same."""
    try:
        kill(process.pid, signal.SIGKILL)
    except OSError:
        pass  # root's, or it has just ended
    try:
        return process.communicate(timeout=LAST_WORDS_S)
    except subprocess.TimeoutExpired:
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()
        return b"", b""


def run_as_root(root, argv, answer=None, limit_s=DEFAULT_S):
    """Run a program as root: as it is where we are root, else through `sudo -n`. Raises NeedsRoot, OSError.

    `argv` are the device's own paths below `root`.
    """
    if root == "/" and os.geteuid() == 0:
        return run(argv, answer, limit_s)
    sudo = find(root, "sudo")
    if sudo is None:
        raise NeedsRoot("there is no sudo on this device")
    said = run([sudo, "-n"] + list(argv), answer, limit_s)
    if said.code != 0 and any(words in said.err for words in PASSWORD_WORDS):
        raise NeedsRoot(said.err.strip().splitlines()[-1])
    return said
