"""Raw files of inputs for trtexec, as the engine's bindings take them; written once for all steps of a variant.

Needs numpy. trtexec's bindings are not always the file's types: TensorRT before 10 has no int64 (int32 instead), and
trtexec lets inputs of int8 and float64 be float32 (samples/common/sampleEngines.cpp). It reads one set of values a
process, so of several input files the first is run.
"""

import os
from collections import OrderedDict

import numpy

from .. import inputs
from ..failures import Failure, Stage
from ..runners import Spec

OLD_WIDE = {"int64": "int32", "uint64": "int32", "float64": "float32", "int8": "float32"}
WIDE = {"float64": "float32", "int8": "float32"}


def specs_of(told):
    """Return the Specs of [{"name", "dtype", "shape"}] as a variant's engine has them."""
    return [Spec(one["name"], _known(one["dtype"]), list(one["shape"]), one["dtype"]) for one in told]


def _known(dtype):
    """Return numpy's name of a type, None where numpy has none (bfloat16)."""
    try:
        return numpy.dtype(dtype).name
    except TypeError:
        return None


def discovered(bindings):
    """Return the Specs of {name: dims} that trtexec told; it tells no types, and float32 is what nearly all are."""
    return [Spec(name, "float32", dims, "float32") for name, dims in bindings.items()]


def bound_type(dtype, major):
    """Return numpy's name of what a binding holds for an input of `dtype`; `major` of TensorRT's version or None."""
    return (OLD_WIDE if (major or 0) < 10 else WIDE).get(dtype, dtype)


def first_sample(specs, variant, home):
    """Return ({name: array} that is fed, how many input files there are). Raises Failure."""
    if variant.get("states"):
        raise Failure("bad-input", "trtexec cannot feed an output back as the next input (--state)", "input")
    with Stage("feed"):
        samples = inputs.open_samples(specs, variant, home)
        return OrderedDict((spec.name, samples[0][spec.name]) for spec in specs), len(samples)


def write(feeds, jobdir, mark, major):
    """Write each array raw into the job's folder; return {name: file name}. Raises Failure disk-full."""
    written = OrderedDict()
    for at, (name, array) in enumerate(feeds.items()):
        file = "trtexec-%s-in%d.bin" % (mark, at)
        with Stage("outputs"):
            array.astype(bound_type(array.dtype.name, major), copy=False).tofile(os.path.join(jobdir, file))
        written[name] = file
    return written
