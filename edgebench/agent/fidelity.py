"""What a variant made of its input, saved for the host to hold against a reference.

Needs numpy: import this module only once the runtime has been imported.
"""

import hashlib
import os

import numpy

from .failures import Failure, Stage


def sha256_of(path):
    """Return the SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


def save(jobdir, name, feeds, outputs):
    """Save inputs and outputs, {name: array} each, as `name` in the job's folder; return the `outputs` event's fields.

    Names may be odd, so the file's members are in0, in1... and out0, out1..., named in that order by `inputs` and
    `outputs` of the event. Raises Failure bad-input where an output is no array of numbers, disk-full.
    """
    odd = sorted(n for n, array in outputs.items() if not hasattr(array, "dtype") or array.dtype.kind not in "biufc")
    if odd:
        raise Failure("internal", "not arrays of numbers, so not saved: %s" % ", ".join(odd), "outputs")
    members = {}
    for prefix, arrays in (("in", feeds), ("out", outputs)):
        members.update(("%s%d" % (prefix, at), array) for at, array in enumerate(arrays.values()))
    path = os.path.join(jobdir, name)
    with Stage("outputs"):
        numpy.savez(path, **members)
        size = os.path.getsize(path)
        sha256 = sha256_of(path)
    return {"path": name, "sha256": sha256, "bytes": size, "inputs": list(feeds), "outputs": list(outputs)}
