"""What takes root on this device, command by command, and the sudoers drop-in that allows exactly that and no more.

Nothing in it has a wildcard. What a user may have root write or restore lies where only root writes, so that the
permission to run these commands is no permission to run others.
"""

import glob
import os
import re

from . import fan, files, jetsonclocks, powermode, prepare, programs, rails
from .probes import tegrastats
from .setting import may_be_written

USER = re.compile(r"(#[0-9]+|[A-Za-z_][A-Za-z0-9_.-]{0,31})\Z")
ALIAS = re.compile(r"[A-Z][A-Z0-9_]*\Z")
"""A user who is called so would be read as a sudoers alias (ALL is one)."""

PLAIN = re.compile(r"[A-Za-z0-9_./+@%~:=,#*?\[\]!^-]+\Z")
SPECIAL = re.compile(r"([:=,#*?\[\]!^])")
"""What sudoers(5) wants a backslash before, in a command's arguments: its own marks, and those of patterns.

A backslash is not let through at all: sudo 1.9 takes an escaped one for the pattern's own, and it never matches."""

HEAD = """# edgebench: what its agent runs as root on this device, for the user %s.
# Each command is allowed as it stands here and in no other form. Made by `edgebench devices setup --sudoers`;
# make it anew after a new release of the system or of edgebench, and where a boot has dealt other hwmon numbers.
"""


def commands(root):
    """Return [(why, argv)] of every command that takes root here, in the order of use; [] where there is none.

    On the machine itself without those whose program others than root may change: that would be any command.
    """
    found = []
    for argv in _power_mode(root):
        found.append(("the power mode", argv))
    for argv in _clocks(root):
        found.append(("the clocks", argv))
    for path in sorted(glob.glob(files.under(root, prepare.POLICIES))):
        found.extend(("the clock governor", argv) for argv in _writing(root, path))
    for path in _fan_files(root):
        found.extend(("the fan", argv) for argv in _writing(root, path))
    for argv in _rails(root):
        found.append(("the power rails' files", argv))
    program = programs.find(root, "tegrastats")
    if program:
        found.append(("what tegrastats tells root alone", [program, "--interval", str(tegrastats.INTERVAL_MS)]))
    return found if root != "/" else [(why, argv) for why, argv in found if changeable(argv[0]) is None]


def changeable(path):
    """Return what of a path (itself, a folder above it, what it links to) others than root may change, else None."""
    for part in (path, os.path.realpath(path)):
        before = None
        while part != before:
            told = os.stat(part)
            groups = told.st_mode & 0o020 and told.st_gid != 0
            if told.st_uid != 0 or told.st_mode & 0o002 or groups:
                return part
            before, part = part, os.path.dirname(part)
    return None


def _power_mode(root):
    program = programs.find(root, "nvpmodel")
    if program is None:
        return []
    modes = [[program, "-m", str(mode["id"])] for mode in powermode.modes(root)]
    return [[program, "-q"], [program, "-p", "--verbose"]] + modes


def _clocks(root):
    program = jetsonclocks.find(root)
    if program is None:
        return []
    store = files.under(root, jetsonclocks.STORE)
    return [[program, "--show"], [program, "--store", store], [program], [program, "--restore", store]]


def _fan_files(root):
    found = fan.find(root)
    return [path for path in (found.pwm, found.control, found.enable) if path] if found else []


def _writing(root, path):
    """The command that writes a file, where we may not write it ourselves."""
    tee = programs.find(root, "tee")
    ours = may_be_written(path) and os.access(path, os.W_OK, effective_ids=os.access in os.supports_effective_ids)
    return [[tee, path]] if tee and not ours else []


def _rails(root):
    chmod = programs.find(root, "chmod")
    return [argv for pair in rails.ways(root, chmod) for argv in pair] if chmod else []


def sudoers_text(user, allowed):
    """Return the text of a drop-in for `user` (a name, or "#UID") that allows [(why, argv)] without a password.

    Raises ValueError for a user or a command that cannot be written down without doubt; sudoers(5).
    """
    if not USER.match(user) or ALIAS.match(user):
        raise ValueError("%r cannot be named in a sudoers file; give its number, as #1000" % user)
    lines = [HEAD % user]
    before = None
    for why, argv in allowed:
        if why != before:
            lines.append("# %s\n" % why)
            before = why
        lines.append("%s ALL=(root) NOPASSWD: %s\n" % (user, command_text(argv)))
    return "".join(lines)


def command_text(argv):
    """Return one command as sudoers has it: every word escaped, `""` for "no arguments". Raises ValueError."""
    for word in argv:
        if not PLAIN.match(word):
            raise ValueError("%r cannot be written in a sudoers file" % word)
    if not argv[0].startswith("/"):
        raise ValueError("%r is no whole path of a program" % argv[0])
    words = [SPECIAL.sub(r"\\\1", word) for word in argv]
    return " ".join(words) if len(words) > 1 else words[0] + ' ""'
