"""What trtexec prints, read: pure, over the dialects of TensorRT 6 to 11.

A line is ``[MM/DD/YYYY-HH:MM:SS] [I] text`` (several dates may precede one another, text pasted elsewhere may have lost
them); the last one is a banner, ``&&&& PASSED TensorRT.trtexec [TensorRT v8201] # trtexec --...``. Before 7.2 a banner
has no version. Sources: NVIDIA/TensorRT, samples/trtexec/trtexec.cpp, samples/common/sampleReporting.cpp,
sampleInference.cpp and sampleDevice.cpp of releases 7.0 to 11.
"""

import re
from collections import OrderedDict

BANNER = re.compile(
    r"^&&&& (RUNNING|PASSED|FAILED|WAIVED) TensorRT\.trtexec(?: \[TensorRT v([\d.]{1,32})\])?(?: \[b(\d{1,9})\])?"
)
PREFIX = re.compile(r"^(?:\[\d\d/\d\d/\d{4}-\d\d:\d\d:\d\d\] ?)*(?:\[([VIWEF])\] ?)?(.*)$")
START = re.compile(r"^Starting inference( threads)?$")
LOADED = re.compile(r"^Loaded engine size: ")
IMPORTED = re.compile(r"\[MemUsageChange\] Init CUDA: ")
END = re.compile(r"^(Warmup completed |=== Trace details|=== Performance summary|The e2e network timing is not)")
QUERIES = re.compile(r"^(?:Warmup completed|Timing trace has) (\d{1,15}) queries over [\d.]+")
FIGURES = re.compile(r"^(Latency|End-to-End Host Latency|Enqueue Time|H2D Latency|GPU Compute Time|D2H Latency): (.*)$")
NUMBER = r"([-+]?[\d.]+(?:e[-+]?\d+)?)"
STATISTIC = re.compile(r"(min|max|mean|median|percentile\(\s*([\d.]+)%\))\s*=?\s*" + NUMBER + " ms")
THROUGHPUT = re.compile("^[Tt]hroughput: " + NUMBER + " qps")
OLD_SECTION = re.compile(r"^(Host [Ll]atency|Enqueue Time|GPU Compute)$")
OLD_STATISTIC = re.compile("^(min|max|mean|median|percentile): " + NUMBER + r" ms(?: at ([\d.]+)%)?")
BINDING = re.compile(r"^(?:Created )?([Ii]nput|[Oo]utput) binding for (.+) with dimensions (\S*?)(?: is created\.)?$")
LOADED_INPUT = re.compile(r"^Using values loaded from (.+) for input (.+)$")
MANAGED = re.compile(r"TensorRT-managed allocation in (.+?): .*now: CPU \d+, GPU (\d{1,9}) \(MiB\)")
CONTEXT = re.compile(r"^Created execution context with device memory size: " + NUMBER + " MiB")
FACTS = OrderedDict(
    (
        ("version", re.compile(r"^TensorRT version: ([\d.]+)")),
        ("gpu", re.compile(r"^Selected Device: (.+)$")),
        ("sm", re.compile(r"^Compute Capability: ([\d.]+)$")),
        ("built_s", re.compile(r"^Engine built in " + NUMBER + " sec")),
        ("loaded_s", re.compile(r"^Engine (?:loaded|deserialized) in " + NUMBER + " sec")),
    )
)
NOTES = (
    ("unstable", re.compile(r"GPU compute time is unstable")),
    ("enqueue-bound", re.compile(r"[Tt]hroughput may be bound by Enqueue Time")),
    ("copy-bound", re.compile(r"[Tt]hroughput may be bound by (?:host-to-device|device-to-host) transfers")),
    ("small-workspace", re.compile(r"Some tactics do not have sufficient workspace memory")),
    ("low-memory", re.compile(r"Device memory is insufficient to use tactic|insufficient memory on requested size")),
    ("slow-precision", re.compile(r"support requested on hardware without native")),
    ("other-device", re.compile(r"Using an engine plan file across different models of devices")),
)
MARKS = (("start", START), ("end", END), ("loaded", LOADED), ("imported", IMPORTED))
PROGRESS = (
    ("parsing the network", re.compile(r"Start parsing network model|^=== Model Options")),
    (
        "timing kernels",
        re.compile(r"timing cache in use|Detected \d+ inputs|Finished parsing network"),
    ),
    ("assembling the engine", re.compile(r"Engine generation completed|Total Host Persistent Memory")),
    ("saving the engine", re.compile(r"^Engine built in|^Created engine with size")),
)


def dotted(number):
    """Return a banner's version dotted: 8201 is 8.2.1, 100300 is 10.3.0; one with dots stays as it is."""
    if "." in number:
        return number
    value = int(number)
    if len(number) > 4:
        return "%d.%d.%d" % (value // 10000, value // 100 % 100, value % 100)
    return "%d.%d.%d" % (value // 1000, value // 100 % 10, value % 100)


def major_of(version):
    """Return the first number of a version, or None of None or of no version."""
    head = (version or "").split(".")[0]
    return int(head) if head.isdigit() else None


class Said(object):
    """All that was understood of one trtexec's text; give it every line by `take`.

    status       "PASSED", "FAILED", ... of the last banner; None where it has not come
    known        whether this is trtexec at all: its RUNNING banner has come
    facts        version, gpu, sm, built_s, loaded_s (text)
    figures      {"Latency": {"min", "mean", "median", "99%": ms}, ...}, throughput (queries/s)
    warmups, timed    queries before and in the timed trace, None where not said
    inputs, outputs   {name: [dims]} of the bindings, in order, where they are told
    fed          {input: file} that were loaded
    notes        {code: line}
    memory       {"managed": MiB of device memory, "context": MiB} where told
    lines        [(severity or None, text)] of warnings, errors and lines without a severity, for `complaints`
    """

    KEPT = 2000

    def __init__(self):
        self.status = None
        self.known = False
        self.facts = {}
        self.figures = {}
        self.throughput = None
        self.warmups = None
        self.timed = None
        self.inputs = OrderedDict()
        self.outputs = OrderedDict()
        self.fed = {}
        self.notes = OrderedDict()
        self.memory = {}
        self.lines = []
        self._section = None

    def take(self, line):
        """Read one line (text without its newline); return a mark or None.

        Marks: "banner", "imported" (CUDA is up), "loaded" (the engine is read), "start" and "end" of the inferences,
        and the words of PROGRESS.
        """
        line = line.rstrip("\r\n")
        banner = BANNER.match(line)
        if banner:
            self._banner(*banner.groups())
            return "banner" if banner.group(1) == "RUNNING" else None
        severity, text = PREFIX.match(line).groups()
        text = text.strip()
        if text.startswith("[TRT] "):
            text = text[6:]
        if severity in (None, "W", "E", "F") and text and len(self.lines) < self.KEPT:
            self.lines.append((severity, text))
        self._note(text)
        self._fact(text)
        self._binding(text)
        self._figure(text)
        return self._mark(text)

    @property
    def version(self):
        """The version as fully as it was told, or None."""
        return self.facts.get("version")

    def _banner(self, status, version, build):
        if status == "RUNNING":
            self.known = True
        self.status = status
        if version:
            told = dotted(version)
            full = "%s.%s" % (told, build) if build and told.count(".") == 2 else told
            if len(full) > len(self.facts.get("version", "")):
                self.facts["version"] = full

    def _note(self, text):
        for code, pattern in NOTES:
            if pattern.search(text):
                self.notes.setdefault(code, text.lstrip("* "))

    def _fact(self, text):
        for name, pattern in FACTS.items():
            found = pattern.match(text)
            if found and not self.facts.get(name):
                self.facts[name] = found.group(1)
        managed, context = MANAGED.search(text), CONTEXT.match(text)
        if managed:
            self.memory["managed"] = int(managed.group(2))
        if context:
            self.memory["context"] = float(context.group(1))

    def _binding(self, text):
        binding, loaded = BINDING.match(text), LOADED_INPUT.match(text)
        if binding:
            kind, name, dims = binding.groups()
            shape = dims_of(dims)
            if shape is not None:
                (self.inputs if kind.lower() == "input" else self.outputs)[name] = shape
        if loaded:
            self.fed[loaded.group(2)] = loaded.group(1)

    def _figure(self, text):
        queries = QUERIES.match(text)
        if queries:
            count = int(queries.group(1))
            if text.startswith("Warmup"):
                self.warmups = count
            else:
                self.timed = count
            return
        found = THROUGHPUT.match(text)
        if found:
            self.throughput = number(found.group(1))
            return
        figures = FIGURES.match(text)
        if figures:
            self.figures[figures.group(1)] = statistics(figures.group(2))
            return
        self._old_figure(text)

    def _old_figure(self, text):
        """Before 7.2: a section's name, then one statistic a line."""
        section, one = OLD_SECTION.match(text), OLD_STATISTIC.match(text)
        if section:
            self._section = {"host latency": "Latency", "gpu compute": "GPU Compute Time"}.get(
                text.lower(), "Enqueue Time"
            )
        elif one and self._section:
            name, value, at = one.groups()
            self.figures.setdefault(self._section, {})["%s%%" % at if at else name] = number(value)

    @staticmethod
    def _mark(text):
        for words, pattern in MARKS + PROGRESS:
            if pattern.search(text):
                return words
        return None


def number(text):
    """Return a number of the tool's as float, None where it is none ("1.2.3", "-")."""
    try:
        return float(text)
    except ValueError:
        return None


def statistics(text):
    """Return {"min", "max", "mean", "median", "99%"...: ms} of a summary line; the equal signs may be lost."""
    found = {}
    for name, at, value in STATISTIC.findall(text):
        found["%s%%" % at if at else name] = number(value)
    return found


def dims_of(text):
    """Return [1, 3, 224, 224] of "1x3x224x224", [] of a scalar's "", None of anything else."""
    parts = text.split("x") if text else []
    if not all(re.match(r"-?\d{1,18}$", part) for part in parts):
        return None
    return [int(part) for part in parts]


def read(text):
    """Return the Said of a whole text."""
    said = Said()
    for line in text.splitlines():
        said.take(line)
    return said
