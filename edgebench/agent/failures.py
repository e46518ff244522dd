"""Failures of a child, each under one of the closed codes, with the stage and the runtime's own words."""

import errno
import re

OOM = re.compile(
    r"failed to allocate|out of memory|bad_alloc|bad allocation|cannot allocate memory|memory allocation failure"
    r"|resource ?exhausted|cudaErrorMemoryAllocation",
    re.IGNORECASE,
)
UNSUPPORTED_OP = re.compile(
    r"NOT_IMPLEMENTED|is not a registered function/op|Could not find an implementation|No Op registered for",
    re.IGNORECASE,
)
UNSUPPORTED_PRECISION = re.compile(
    r"(unsupported|not supported|no support).{0,60}(data ?type|bfloat16|float16|float8|float4|int4)"
    r"|(data ?type|bfloat16|float16|float8|float4|int4).{0,60}(unsupported|not supported|no support)",
    re.IGNORECASE,
)
SHAPE = re.compile(
    r"invalid dimensions|invalid rank|dimension mismatch|shape mismatch|incompatible dimensions|mismatched dimensions"
    r"|attempting to broadcast|input shape:\{|cannot be reshaped",
    re.IGNORECASE,
)
INPUT = re.compile(r"unexpected input data type|invalid feed input name|required inputs|missing input", re.IGNORECASE)

# Looked through in order; what none of them knows gets the code that its stage stands for.
KNOWN = (
    (OOM, "oom"),
    (UNSUPPORTED_PRECISION, "unsupported-precision"),
    (UNSUPPORTED_OP, "unsupported-op"),
    (SHAPE, "shape-mismatch"),
    (INPUT, "bad-input"),
)
STAGES = {
    "import": "runtime-missing",
    "load": "load-failed",
    "input": "bad-input",
    "first": "crashed",
    "run": "crashed",
}


class Failure(Exception):
    """A step that cannot go on: a closed `code`, the `stage` it happened in, a message of one line."""

    def __init__(self, code, message, stage):
        Exception.__init__(self, message)
        self.code = code
        self.message = message
        self.stage = stage


def first_line(error):
    """Return the first line that says something of an exception or text, else the exception's class."""
    for line in str(error).splitlines():
        if line.strip():
            return line.strip()
    return type(error).__name__


def classify(error, stage):
    """Return the closed code of `error`, met in `stage` (one of STAGES; any other is our own: ``internal``)."""
    if isinstance(error, MemoryError):
        return "oom"
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "disk-full"
    if isinstance(error, OSError) and error.errno == errno.ENOMEM:
        return "oom"
    if stage not in STAGES:
        return "internal"
    if stage in ("load", "first", "run"):
        text = str(error)
        for pattern, code in KNOWN:
            if pattern.search(text):
                return code
    return STAGES[stage]


class Stage(object):
    """Context: what is raised inside becomes a Failure of that stage; a Failure passes as it is."""

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if error is None or not isinstance(error, Exception) or isinstance(error, Failure):
            return False
        raise Failure(classify(error, self.name), first_line(error), self.name) from error
