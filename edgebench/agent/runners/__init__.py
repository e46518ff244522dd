"""Runtimes on the device, imported only inside a child process.

A **runner** is a small object, made with (variant, home, jobdir):

    import_runtime()   imports the runtime
    load()             file -> ready to run
    facts()            {"runtime", "version", "effective": {"accelerator", "providers", "threads"}}
    inputs, outputs    lists of Spec as declared, known after `load`
    bind(feeds)        takes the next iteration's inputs, {name: array}
    run()              one inference; returns the outputs, a sequence of arrays in the model's order
    settle(outputs)    the inputs never change and these were the outputs: prepare what can be reused
    placement(feeds)   (source, {accelerator's name: [node names]}), may load the model again; ends this runner's use

A runner that knows more of an accelerator has as well:

    compute_ns()       the accelerator's own time of the last run, copies left out, in ns
    device_kib()       {name in memory.DEFINITIONS: KiB} of memory outside the process's own; {} before `load`
    layers(feeds)      the fields of a `layers` event; asked before `placement`

All of them raise failures.Failure, or what the runtime raises.
"""

import importlib
import os
from collections import namedtuple

from ..failures import Failure

RUNNERS = ("onnxruntime", "tensorrt", "tflite")

Spec = namedtuple("Spec", "name dtype shape type scale")
Spec.__new__.__defaults__ = (None,)
Spec.__doc__ = """One input or output as the runtime declares it.

`dtype` is numpy's name (None: numpy has none for it, `type` is the runtime's word), `shape` a list of whole numbers,
names or None; anything but a number is free. `scale` is (scale, zero point) of a quantised value, else None.
"""


def count_threads():
    """Return the number of threads of this process, or None where the system does not show them."""
    tasks = "/proc/self/task"
    return len(os.listdir(tasks)) if os.path.isdir(tasks) else None


def open_runner(variant, home, jobdir):
    """Return the runner of a variant's backend. Raises Failure runtime-missing where the agent has none."""
    name = variant["backend"]
    if name not in RUNNERS:
        known = ", ".join(RUNNERS)
        raise Failure("runtime-missing", "the agent has no runner for %s; it has %s" % (name, known), "import")
    return importlib.import_module("." + name, __name__).Runner(variant, home, jobdir)
