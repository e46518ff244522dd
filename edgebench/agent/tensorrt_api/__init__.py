"""TensorRT's Python module, 8.0 to 10: what changed between its releases is known here and nowhere else.

Every function takes the module as `trt`, its first argument. What TensorRT logs is kept by a `Log`: it gives no reasons
otherwise, a call that failed returns None or False.
"""

import importlib
import os
import sys

from ..failures import Failure

OLDEST = (8, 0)


def import_tensorrt(variant, home):
    """Return the module `tensorrt`, from the variant's `runtime_path` where it has one.

    Raises ImportError, or Failure runtime-missing for a release before 8.0.
    """
    if variant.get("runtime_path"):
        sys.path.insert(0, os.path.join(home, variant["runtime_path"]))
    trt = importlib.import_module("tensorrt")
    if release_of(trt) < OLDEST:
        text = "TensorRT %s is older than 8.0, whose Python module is the oldest that edgebench drives" % version_of(
            trt
        )
        raise Failure("runtime-missing", text, "import")
    return trt


def version_of(trt):
    """Return TensorRT's full version, "8.2.1.8"."""
    return str(trt.__version__)


def release_of(trt):
    """Return (major, minor) of a module."""
    numbers = [int(part) for part in version_of(trt).split(".")[:2] if part.isdigit()]
    return tuple(numbers + [0, 0])[:2]


def made(trt, kind, log):
    """Return `kind(log)`, a Builder or Runtime. Raises Failure delegate-failed where TensorRT finds no GPU.

    The constructor then says `TypeError: factory function returned nullptr`, and the log why.
    """
    try:
        return kind(log)
    except TypeError as error:
        why = log.find(r"CUDA init|[Cc]uda") or log.last_error or str(error)
        text = "TensorRT %s finds no GPU to work on: %s" % (version_of(trt), why)
        raise Failure("delegate-failed", text, "load") from error
