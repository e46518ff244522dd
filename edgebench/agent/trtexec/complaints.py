"""Why TensorRT would not: its own error lines as one closed code and one sentence. Pure.

The words are TensorRT's and its ONNX parser's (onnx-tensorrt, ModelImporter.cpp and Status.hpp) from 7 to 11, as they
stand in the open issues of NVIDIA/TensorRT and its users. They serve both ways: trtexec prints them, the Python
module's logger is given them.
"""

import re

LOWER_WORKSPACE = "; a smaller workspace (--option workspace=MiB) or fewer programs on the board leave it more memory"

PARSING = re.compile(r"While parsing node number (-?\d+) \[(\S+)(?: -> \"([^\"]*)\")?")
NODE_NAME = re.compile(r"^name: \"([^\"]*)\"")
IN_NODE = re.compile(r"In node (-?\d+)(?: with name: (\S*))?(?: and operator: (\S+))? \((\w+)\)")
NO_IMPORTER = re.compile(r"No importer registered for op: (\S+)")
NO_PLUGIN = re.compile(r"could not find plugin:? (\S+)|(Plugin not found)|Cannot find plugin: (\S+?),", re.IGNORECASE)
NO_KERNEL = re.compile(r"Could not find any implementation for node (.*?)\.?\)?\.?$")
PLACE = re.compile(r"^(?:Error\[\d+\]:? )?\[\w+\.cpp::[^\]]*\] ")
"""Where in its own sources TensorRT was: nothing that a user could use."""
STATUS = re.compile(r"^\[(\d+)\] (.*)")
PARSER_CODES = {
    "2": "oom",
    "3": "load-failed",
    "7": "unsupported-op",
    "8": "unsupported-op",
    "9": "unsupported-op",
    "10": "unsupported-op",
    "11": "unsupported-precision",
    "12": "unsupported-op",
    "13": "unsupported-op",
}
"""ErrorCode of NvOnnxParser.h; the others say that the graph is not right, which is no fault of an operator's."""

MISMATCH = (
    (re.compile(r"expecting library version (\S+) got (\S+?),"),
     "the engine was built by TensorRT {1}, this is {0}: build it here from its .onnx"),
    (re.compile(r"expecting compute (\S+) got compute (\S+?),"),
     "the engine was built for a GPU of compute capability {1}, this one has {0}: build it here from its .onnx"),
    (re.compile(r"Current Version: (\d+), Serialized Engine Version: (\d+)"),
     "the engine was written by another TensorRT (format {1}, this one reads {0}): build it here from its .onnx"),
    (re.compile(r"MagicTagRead|Magic tag does not match", re.IGNORECASE),
     "the file is no engine of this TensorRT, but of an older or newer one, or no engine at all"),
    (re.compile(r"Version tag does not match|stdVersionRead|safeVersionRead|not compatible with this version of"
                r"|incompatible serialization version|Core engine deserialization failure|incompatible device"
                r"|built on a different platform|Platform mismatch", re.IGNORECASE),
     "the engine was built by another TensorRT or for another GPU: build it here from its .onnx"),
)  # fmt: skip

CASES = (
    ("delegate-failed", re.compile(r"Cannot create DLA engine|dlaEngineCount > 0|numEngines\(\)|Code \d+: DLA\b"
                                   r"|DLA.*not available|not supported on DLA|no DLA", re.IGNORECASE)),
    ("runtime-missing", re.compile(r"error while loading shared libraries|Could not load library libnv|no CUDA-capable"
                                   r"|driver version is insufficient|CUDA (initialization )?(failure|error)\D*\b35\b"
                                   r"|Unable to open library: libnv", re.IGNORECASE)),
    ("oom", re.compile(r"out of memory|OutOfMemory|OOM error|could not be allocated|bad_alloc|Cannot allocate memory"
                       r"|NvMapMemAlloc|cudaErrorMemoryAllocation|Cuda failure: 2\b", re.IGNORECASE)),
    ("unsupported-precision", re.compile(r"support requested on hardware (that lacks|without)|unsupported data ?type"
                                         r"|platform does not (support|have fast)|does not support (FP16|INT8|BF16|FP8)"
                                         r"|Network has (INT8|FP16|FP8|BF16).*not supported", re.IGNORECASE)),
    ("shape-mismatch", re.compile(r"does not satisfy any optimization profile|min ~ max range"
                                  r"|not in the range.*profile|Invalid dimensions|invalid shape"
                                  r"|Static model does not take explicit shapes|profileMinDims|Dimension mismatch",
                                  re.IGNORECASE)),
    ("bad-input", re.compile(r"Cannot find input tensor|Invalid tensor names|Input.*size mismatch|Cannot open file"
                             r"|Unexpected file size|calibrat\w+ (failure|failed)|Calibration failure", re.IGNORECASE)),
    ("disk-full", re.compile(r"No space left on device|Disk quota exceeded", re.IGNORECASE)),
    ("unparsed-output", re.compile(r"^Unknown option:", re.IGNORECASE)),
    ("load-failed", re.compile(r"failed to deserialize|Error opening engine file|could not open|Could not parse ONNX"
                               r"|Failed to parse ONNX model from file|corrupt", re.IGNORECASE)),
)  # fmt: skip

EMPTY_WORDS = re.compile(
    r"^(Engine set up failed|Parsing model failed|Engine creation failed|Failed to create engine|Inference set up fail"
    r"|Failed to parse onnx file|Error occurred during inference|--- (Begin|End) node|Engine could not be created"
    r"|Building engine failed|Network And Config setup failed)",
    re.IGNORECASE,
)


class Complaint(object):
    """A closed `code` and a `message` of one sentence that names what it is about."""

    def __init__(self, code, message):
        self.code = code
        self.message = message


def complaint_of(lines, fallback):
    """Return the Complaint of a failed TensorRT.

    `lines`: [(severity "W", "E", "F" or None, text)] in order, as `speech.Said` keeps them; `fallback`: the code where
    nothing of them is known ("build-failed", "load-failed", "crashed").
    """
    errors = [text for severity, text in lines if severity in ("E", "F")]
    loose = [text for severity, text in lines if severity is None]
    spoken = errors + loose
    for judge in (_mismatch, _node):
        found = judge(spoken)
        if found is not None:
            return found
    found = _case(errors) or _case(loose)
    warnings = [text for severity, text in lines if severity == "W"]
    if found is None or found.code == "load-failed":
        found = _kernel(spoken, warnings) or found
    return found or Complaint(fallback, _first(errors) or _first(loose) or "it said nothing of why")


def _mismatch(spoken):
    for pattern, words in MISMATCH:
        for text in spoken:
            found = pattern.search(text)
            if found and "timing cache" not in text.lower():
                return Complaint("engine-mismatch", words.format(*found.groups()))
    return None


def _node(spoken):
    """The parser's complaint of one node: which one, which operator, and what its status code makes of it."""
    where, name, status, why = None, None, None, None
    for text in spoken:
        parsing, importer, said = PARSING.search(text), NO_IMPORTER.search(text), STATUS.match(text)
        if parsing and where is None:
            where = parsing.groups()
        named, inside = NODE_NAME.match(text), IN_NODE.search(text)
        if named and where and name is None:
            name = named.group(1)
        if inside:
            where = where or (inside.group(1), inside.group(3) or "", None)
            name = name or inside.group(2)
            why = why or text[inside.end() :].strip(" :")
        if importer:
            return _unsupported(importer.group(1).rstrip("."), where, name, "TensorRT's parser has no importer for it")
        if said and where:
            status, why = status or said.group(1), why or said.group(2)
        status, why = _plugin(text, where, status, why)
    if where is None:
        return None
    why = why or _first([text for text in spoken if "Assertion" in text]) or "the parser does not say why"
    if status is None and "UNSUPPORTED" in why.upper():
        status = "8"
    code = PARSER_CODES.get(status, "build-failed")
    if code == "unsupported-op":
        return _unsupported(where[1], where, name, why)
    return Complaint(code, "%s: %s" % (_place(where[1], where, name), why))


def _plugin(text, where, status, why):
    """A plugin that is not there is an operator that is not supported, whatever the parser's status calls it."""
    missing = NO_PLUGIN.search(text)
    if not missing or not where:
        return status, why
    said = STATUS.match(text)
    return "8", said.group(2) if said else text


def _unsupported(op, where, name, why):
    return Complaint("unsupported-op", "TensorRT does not take the operator %s: %s" % (_place(op, where, name), why))


def _place(op, where, name):
    number = where[0] if where else None
    called = name or (where[2] if where else None)
    place = [op or "?"]
    if called:
        place.append("(node %s)" % called)
    elif number not in (None, "-1"):
        place.append("(node number %s)" % number)
    return " ".join(place)


def _case(spoken):
    for code, pattern in CASES:
        for text in spoken:
            if pattern.search(text):
                said = PLACE.sub("", text)
                return Complaint(code, said + LOWER_WORKSPACE if code == "oom" else said)
    return None


def _kernel(spoken, warnings):
    """No kernel for a node: for lack of memory where the builder had to leave kernels out for that, else as it is."""
    for text in spoken:
        found = NO_KERNEL.search(text)
        if not found:
            continue
        node = found.group(1).strip()
        if any(CASE_OOM.search(one) or "insufficient" in one for one in warnings):
            words = "the builder had no memory for any kernel of node %s" % node
            return Complaint("oom", words + LOWER_WORKSPACE)
        return Complaint("build-failed", "TensorRT has no kernel for node %s as it was told to build it" % node)
    return None


CASE_OOM = dict(CASES)["oom"]


def _first(lines):
    return next((text for text in lines if text.strip() and not EMPTY_WORDS.match(text)), None)
