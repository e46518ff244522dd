"""What trtexec writes into files, read: times, profile, outputs. Pure; every reader raises ValueError for other text.

Sources: NVIDIA/TensorRT, samples/common/sampleReporting.cpp and sampleInference.cpp, releases 6 to 11.

Times are differences of `cudaEventElapsedTime` since the first event, in float32 milliseconds, printed with six digits.
So a start is known to 1e-6 of the time since then (0.1 ms after 10 s, 1 ms after 100 s), a duration to float32's step
at that time (1 us after 10 s, 4 us after a minute, 0.06 ms after ten): `resolution_ns`.
"""

import json
import math
import re
from array import array
from collections import namedtuple

CHUNK = 1 << 20
ROW = re.compile(r"\{[^{}]*\}")
PAIR = re.compile(r'"([A-Za-z0-9]+)"\s*:\s*([-+.\w]+)')
START_KEYS = ("startH2dMs", "startInMs", "startComputeMs")
NS_PER_MS = 10**6
LONGEST_MS = 1e12

Times = namedtuple("Times", "starts_ns durations_ns computes_ns whole")
Times.__doc__ = """Inferences in order: start after the first CUDA event, copies in and out included, compute alone; ns.

`whole` says that a duration spans the gaps between the copies and the kernels as well (`endToEndMs`, up to 8.2); later
releases give their sum alone. One inference after the other (``--exposeDMA``), the gaps are microseconds.
"""


def rows(source):
    """Yield {key: float} of every object in an array of flat objects; `source` is a text file. Raises ValueError."""
    rest, opened, closed = "", False, False
    while True:
        piece = source.read(CHUNK)
        rest += piece
        opened = opened or rest.lstrip().startswith("[")
        if not opened and rest.strip():
            raise ValueError("this is no array")
        end = 0
        for found in ROW.finditer(rest):
            end = found.end()
            yield {key: _float(value) for key, value in PAIR.findall(found.group())}
        rest = rest[end:]
        if not piece:
            closed = rest.rstrip().endswith("]")
            break
    if not opened or not closed:
        raise ValueError("the array is cut short")


def _float(text):
    try:
        return float(text)
    except ValueError:
        return None


def read_times(source):
    """Return the Times of an export; `source` is a text file."""
    starts, durations, computes, wholes = array("q"), array("q"), array("q"), set()
    for row in rows(source):
        start = next((row[key] for key in START_KEYS if row.get(key) is not None), None)
        whole = row.get("endToEndMs")
        latency = row.get("latencyMs") if whole is None else whole
        starts.append(_ns(start))
        durations.append(_ns(latency))
        computes.append(_ns(row.get("computeMs")))
        wholes.add(whole is not None)
    if len(wholes) > 1:
        raise ValueError("some inferences have endToEndMs and some have not")
    return Times(starts, durations, computes, wholes == {True})


def _ns(ms):
    if ms is None or not 0 <= ms <= LONGEST_MS:  # a NaN fails as well
        raise ValueError("an inference has the time %s" % ms)
    return round(ms * NS_PER_MS)


def leading_warmups(count, warmups, timed):
    """Return how many of `count` exported inferences are warm-up, told apart by what the log counts.

    Old releases export warm-up and timed inferences, newer the timed ones alone. Before 8 an explicit batch is counted
    as 0 queries of both. Raises ValueError where export and log contradict one another.
    """
    if not warmups or not timed:
        return 0
    if count == timed:
        return 0
    if count == warmups + timed:
        return warmups
    raise ValueError("%d inferences were exported, the log counts %d and %d of warm-up" % (count, timed, warmups))


def resolution_ns(end_ns):
    """Return how finely a duration is known that ended `end_ns` after the first event: float32's step there, in ns."""
    exponent = math.frexp(max(end_ns, 1) / NS_PER_MS)[1]
    return max(1, round(2.0 ** (exponent - 24) * NS_PER_MS))


def read_profile(text):
    """Return (iterations, [{"name", "ms"}] in order) of a profile's export; names are not escaped in it."""
    count, layers, escaped = None, [], []
    for line in text.splitlines():
        found = re.match(r'^\s*,?\s*\{ "name" : "(.*)", "timeMs" : ([^,]*), "averageMs" : ([^,]*),', line)
        counted = re.match(r'^\s*,?\s*\{ "count" : (\d+) \}', line)
        if counted:
            count = int(counted.group(1))
        elif found:
            average = _float(found.group(3))
            if average is None or not 0 <= average <= LONGEST_MS:
                raise ValueError("a layer has the time %s" % found.group(3))
            layers.append({"name": found.group(1), "ms": average})
        elif line.strip() not in ("[", "]", ""):
            escaped.append(line)
    if count is None or escaped or not text.rstrip().endswith("]"):
        raise ValueError("this is no profile of trtexec")
    return count, layers


def read_layers(text):
    """Return (layers, bindings) of a layer export: layers as they stand there, text or dict; bindings are names."""
    told = json.loads(text)
    if isinstance(told, dict) and isinstance(told.get("Layers"), list):
        bindings = told.get("Bindings") or []
        return told["Layers"], [one for one in bindings if isinstance(one, str)]
    raise ValueError("this is no layer information of trtexec")


OUTPUT = re.compile(r'\{ "name" : "(.*)"\s*\n\s*, "dimensions" : "([^"\n]*)"\s*\n\s*, "values" : \[')
VALUE = re.compile(r"[^,\s\]]+")


def read_outputs(text):
    """Return [(name, dims, array of float)] of an output export; names are not escaped in it.

    Six digits of each value are there: enough for PSNR, not for comparing bits.
    """
    from .speech import dims_of

    found = []
    if not text.lstrip().startswith("[") or not text.rstrip().endswith("]"):
        raise ValueError("this is no output of trtexec")
    for head in OUTPUT.finditer(text):
        end = text.find("]", head.end())
        if end < 0:
            raise ValueError("the values of %s are cut short" % head.group(1))
        dims = dims_of(head.group(2).strip())
        values = array("d", (float(value.group()) for value in VALUE.finditer(text, head.end(), end)))
        size = 1
        for dim in dims or []:
            size *= dim
        if dims is None or min(dims + [0]) < 0 or size != len(values):
            raise ValueError("output %s has %d values, its shape is %s" % (head.group(1), len(values), head.group(2)))
        found.append((head.group(1), dims, values))
    if not found:
        raise ValueError("there is no output")
    return found
