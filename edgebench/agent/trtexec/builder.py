"""The trtexec way of building an engine, as `build.py` asks for one."""

import os
import sys

from .. import board, software
from ..failures import Failure
from . import argv, tool

PRECISIONS = {"fp16": "FP16", "int8": "Int8"}


class Builder(object):
    """Builds a variant's .onnx by one run of trtexec."""

    def __init__(self, variant, home, jobdir, root):
        self._variant = variant
        self._home = home
        self._jobdir = jobdir
        self._root = root
        self._tool = None

    def version(self):
        """Return TensorRT's version: the packages' where trtexec does not contradict it, else trtexec's own."""
        self._tool = tool.find(self._root, self._jobdir)
        return version_of(self._tool, self._root)

    def gpu(self):
        """Return {"name", "sm"} by the device tree; unknown is None."""
        found = board.gpu(self._root, board.describe(self._root, software.packages(self._root))) or {}
        return {"name": found.get("name"), "sm": found.get("sm")}

    def build(self, part, progress):
        """Build into `part`; see `build.py`."""
        engine = self._variant["engine"]
        model = os.path.join(self._home, self._variant["model"])
        arguments = argv.build(model, part, engine, self._tool.known)
        told = []

        def heard(pid, mark, at):
            if mark not in told and mark not in ("banner", "start", "end", "loaded", "imported"):
                told.append(mark)
                progress(None, mark)

        said, _ = tool.run(self._tool, arguments, self._jobdir, sys.stdin.buffer, heard, "build-failed", self._root)
        self._refuse_emulated(engine.get("flags") or {}, said)
        return {
            "arguments": arguments[2:],
            "workspace_mib": argv.workspace_of(engine.get("flags"), self._tool.known),
            "notes": dict(said.notes),
            "gpu": {"name": said.facts.get("gpu"), "sm": said.facts.get("sm")},
        }

    def _refuse_emulated(self, flags, said):
        """A precision that the GPU has not is built all the same, in another one: that is no engine of it."""
        line = said.notes.get("slow-precision", "")
        for name, word in PRECISIONS.items():
            asked = flags.get(name) and (word in line or (name == "fp16" and "Half2" in line))
            if asked:
                capability = self.gpu()["sm"] or said.facts.get("sm")
                gpu = "sm_%s" % capability.replace(".", "") if capability else "this GPU"
                raise Failure("unsupported-precision", "%s has no %s: %s" % (gpu, name, line), "build")


def version_of(found, root):
    """Return the version of a Trtexec: the installed library's full one where it begins like trtexec's own."""
    installed = software.versions(root, software.packages(root)).get("tensorrt")
    own = found.version
    if own is None:
        return installed or "unknown"
    return installed if installed and (installed + ".").startswith(own + ".") else own
