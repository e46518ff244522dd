"""Failures of a child, each under one of the closed codes, with the stage and the runtime's own words."""

import errno
import re

OOM = re.compile(
    r"failed to allocate|out of memory|bad_alloc|bad allocation|cannot allocate memory|memory allocation failure"
    r"|resource ?exhausted|cudaErrorMemoryAllocation",
    re.IGNORECASE,
)
UNSUPPORTED_OP = re.compile(
    r"NOT_IMPLEMENTED|is not a registered function/op|Could not find an implementation|No Op registered for"
    r"|unresolved custom op|Select TensorFlow op|Didn't find op for builtin|builtin_code out of range",
    re.IGNORECASE,
)
UNSUPPORTED_PRECISION = re.compile(
    r"(unsupported|not supported).{0,40}data ?type|data ?type.{0,60}(unsupported|not supported)"
    r"|tensor\((bfloat16|float16|float8\w*|float4\w*|u?int4|u?int2)\)",
    re.IGNORECASE,
)
SHAPE = re.compile(
    r"invalid dimensions|invalid rank|dimension mismatch|shape mismatch|incompatible dimensions|mismatched dimensions"
    r"|attempting to broadcast|input shape:\{|cannot be reshaped",
    re.IGNORECASE,
)
INPUT = re.compile(r"INVALID_ARGUMENT|unexpected input data type|required inputs", re.IGNORECASE)

# By stage, looked through in order; what none of them knows gets the code that its stage stands for.
RUNNING = ((OOM, "oom"), (UNSUPPORTED_OP, "unsupported-op"), (SHAPE, "shape-mismatch"), (INPUT, "bad-input"))
KNOWN = {
    "load": ((OOM, "oom"), (UNSUPPORTED_PRECISION, "unsupported-precision"), (UNSUPPORTED_OP, "unsupported-op")),
    "build": ((OOM, "oom"), (UNSUPPORTED_PRECISION, "unsupported-precision"), (UNSUPPORTED_OP, "unsupported-op")),
    "first": RUNNING,
    "run": RUNNING,
}
OUR_BUGS = (TypeError, LookupError, AttributeError, NameError, AssertionError)
STAGES = {
    "import": "runtime-missing",
    "load": "load-failed",
    "build": "build-failed",
    "input": "bad-input",
    "first": "crashed",
    "run": "crashed",
}


class Failure(Exception):
    """A step that cannot go on: a closed `code`, the `stage` it happened in, a message of one line.

    `raw`: what a program printed that nothing here can read; its end is kept with the row.
    """

    def __init__(self, code, message, stage, raw=None):
        Exception.__init__(self, message)
        self.code = code
        self.message = message
        self.stage = stage
        self.raw = raw


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
    if stage != "import" and isinstance(error, OUR_BUGS):
        return "internal"
    text = str(error)
    for pattern, code in KNOWN.get(stage, ()):
        if pattern.search(text):
            return code
    return STAGES.get(stage, "internal")


class Stage(object):
    """Context: what is raised inside becomes a Failure of that stage.

    A Failure passes as it is, and so does BrokenPipeError: the supervisor is gone, and nobody is left to tell.
    """

    def __init__(self, name):
        self.name = name

    def __enter__(self):
        return self

    def __exit__(self, kind, error, trace):
        if not isinstance(error, Exception) or isinstance(error, (Failure, BrokenPipeError)):
            return False
        raise Failure(classify(error, self.name), first_line(error), self.name) from error
