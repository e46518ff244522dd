"""What TensorRT says while it works: kept for the reasons of failures, printed into the job's log."""

import re
import sys
from collections import deque

from ..trtexec.complaints import EMPTY_WORDS

KEPT = 4000
LETTERS = ("F", "E", "W", "I")
"""TensorRT's severities 0 to 3 as trtexec prints them; 4 is what nobody asked for."""
REPEATED = re.compile(r"Internal Error \((Assertion engine != nullptr|Engine deserialization failed)")
"""Errors that only repeat that the errors before them happened."""


def print_line(text):
    """Print to the job's log; an exception must not reach TensorRT, whose threads it would end."""
    try:
        sys.stderr.write(text)
    except (OSError, ValueError):
        pass  # a full disk is told by whoever writes what is needed


def make_log(trt, hear=None):
    """Return a Log, a TensorRT logger. `hear(text)` gets what is said for information.

    TensorRT keeps the first logger that it is given for the whole process: make one.
    """

    class Log(trt.ILogger):
        """Keeps errors and warnings as `lines`: (letter of LETTERS, text), oldest first."""

        def __init__(self):
            trt.ILogger.__init__(self)
            self.lines = deque(maxlen=KEPT)

        def log(self, severity, msg):
            """Take a message; TensorRT calls it, from whatever thread."""
            if int(severity) >= len(LETTERS):
                return
            letter = LETTERS[int(severity)]
            if letter != "I":
                self.lines.extend((letter, line) for line in msg.splitlines() if line.strip())
            elif hear is not None:
                hear(msg)
            print_line("[TensorRT] [%s] %s\n" % (letter, msg))

        def find(self, pattern, letters="FEW"):
            """Return the first line of these severities that `pattern` is found in, or None."""
            found = (text.strip() for letter, text in self.lines if letter in letters and re.search(pattern, text))
            return next(found, None)

        @property
        def last_error(self):
            """The last error that says more than that something failed, or None."""
            told = [text.strip() for letter, text in self.lines if letter in "FE"]
            telling = [line for line in told if not REPEATED.search(line) and not EMPTY_WORDS.match(line)]
            return (telling or told or [None])[-1]

    return Log()
