"""What a variant made of its input, saved for the host to hold against a reference.

Needs numpy: import this module only once the runtime has been imported.
"""

import os

import numpy

from . import files
from .failures import Stage


def is_numbers(array):
    """Tell whether an output is an array of numbers (not a sequence, a map or text)."""
    return getattr(array, "dtype", None) is not None and array.dtype.kind in "biufc"


def save(jobdir, name, feeds, outputs):
    """Save inputs and outputs, {name: array} each, as `name` in the job's folder; return the `outputs` event's fields.

    Names may be odd, so the file's members are in0, in1... and out0, out1..., named in that order by `inputs` and
    `outputs` of the event; `skipped` names the outputs that are no arrays of numbers. Raises Failure disk-full.
    """
    skipped = [key for key, array in outputs.items() if not is_numbers(array)]
    kept = [key for key in outputs if key not in skipped]
    members = {"in%d" % at: array for at, array in enumerate(feeds.values())}
    members.update(("out%d" % at, outputs[key]) for at, key in enumerate(kept))
    path = os.path.join(jobdir, name)
    with Stage("outputs"):
        numpy.savez(path, **members)
        size = os.path.getsize(path)
        sha256 = files.sha256_of(path)
    return {
        "path": name,
        "sha256": sha256,
        "bytes": size,
        "inputs": list(feeds),
        "outputs": kept,
        "skipped": skipped,
    }
