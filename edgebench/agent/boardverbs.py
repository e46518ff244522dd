"""Verbs for boards alone: their power mode set between jobs, what they need root for."""

import os
import pwd

from . import clock as agent_clock
from . import powermode, privileges
from .journal import Journal
from .lease import Lease
from .prepare import no_pause
from .setting import NotSet, Scene


def set_mode(options, say):
    """`set-mode MODE --home H --root R [--allow-reboot]`: set a mode that takes a reboot, which no job could outlive.

    One that can be set live is tried and put back: jobs set it themselves (`live`). `rebooting` {mode, before} comes
    before the board goes down; `mode` {mode, before, live, refused} ends it, `refused` {code, message} where it could
    not be set. Raises NotSet for a mode that takes a reboot which is not allowed,
    Locked where a job holds the device.
    """
    lease = Lease(options.home, agent_clock.Clock())
    lease.hold()
    try:
        _set_mode(options, say)
    finally:
        lease.release()


def _set_mode(options, say):
    def warn(code, text):
        say.emit("warning", code=code, text=text)

    before = powermode.current(options.root)
    scene = Scene("set-mode", options.root, Journal(options.home), warn, no_pause, agent_clock.monotonic_ns())
    mode, refused, going = None, None, []

    def rebooting(mode):
        going.append(mode)
        say.emit("rebooting", mode=mode, before=before)

    try:
        mode = powermode.change(scene, options.path, options.allow_reboot, rebooting)
    except NotSet as why:
        if why.code == "needs-reboot":
            raise
        refused = {"code": why.code, "message": str(why)}
    if not going:
        scene.journal.restore()
    say.emit("mode", mode=mode, before=before, live=mode is not None and not going, refused=refused)


def list_modes(options, say):
    """`modes --root R`: the board's power modes, as `modes` {modes, current}."""
    say.emit("modes", modes=powermode.modes(options.root), current=powermode.current(options.root))


def privileges_needed(options, say):
    """`privileges --root R [--user U]`: what takes root, as `privileges` {user, text, commands [{why, argv}]}.

    `text` is a sudoers drop-in, null where nothing here takes root. Without U it is for who we are. Raises ValueError.
    """
    user = options.user or _own_name()
    needed = privileges.commands(options.root)
    text = privileges.sudoers_text(user, needed) if needed else None
    say.emit("privileges", user=user, text=text, commands=[{"why": why, "argv": argv} for why, argv in needed])


def _own_name():
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return "#%d" % os.geteuid()
