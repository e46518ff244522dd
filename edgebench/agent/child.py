"""The process that runs one step: loads one variant, says it is ready, and on `go` runs one pass.

Started by the supervisor with the path of a step file::

    {"pass": NAME, "index": I, "variant": {...}, "step": {...}, "home": DIR, "jobdir": DIR, "root": "/",
     "fd": N, "nonce": HEX}

Events go to the descriptor `fd`, commands come as JSON lines on stdin. Exit status 0 after a `done`
event, or 1 after an `error` event.
"""

import faulthandler
import json
import os
import signal
import sys
import traceback

from .emitter import Emitter
from .failures import Failure, Stage
from .session import Session

PR_SET_PDEATHSIG = 1
RAW_CHARS = 1500


def die_with_parent():
    """Ask the kernel to kill this process when its parent dies; elsewhere the closed pipes end it at the next event."""
    if not sys.platform.startswith("linux"):
        return
    try:
        import ctypes
    except ImportError:  # a Python built without libffi
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def passes_for(variant):
    """Return {name: pass} for a variant: its runtime is loaded here, or a program runs it in a process of its own."""
    if (variant.get("engine") or {}).get("way") == "trtexec":
        from .trtexec import passes
    else:
        from . import passes
    return passes.PASSES


def run_step(config, emitter, commands):
    """Run the pass of a step file's content. Raises Failure."""
    name = config["pass"]
    with Stage("start"):
        passes = passes_for(config["variant"])
    if name not in passes:
        raise Failure("internal", "no pass is called %s; known: %s" % (name, ", ".join(sorted(passes))), "start")
    with Stage("start"):
        passes[name](Session(config, emitter, commands))
    # told before the runtime is taken down: a crash in that does not undo what was measured
    emitter.emit("done", outcome="ok", code=None, message=None, signal=None)


def main(path):
    """Run the step file at `path` and return the exit status: 0, or 1 after an `error` event."""
    with open(path, encoding="utf-8") as file:
        config = json.load(file)
    die_with_parent()
    faulthandler.enable()
    os.environ.update(config["variant"].get("env") or {})
    emitter = Emitter(config["fd"], config["nonce"])
    try:
        run_step(config, emitter, sys.stdin.buffer)
    except Failure as failure:
        traceback.print_exc()
        if failure.raw:
            emitter.emit("warning", code=failure.code, text="the tool printed: %s" % failure.raw[-RAW_CHARS:])
        emitter.emit("error", code=failure.code, message=failure.message, stage=failure.stage)
        return 1
    except BrokenPipeError:
        return 1
    return 0
