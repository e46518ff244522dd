"""The flags of `trtexec`, which release knows which, and what it says when one is wrong."""

from __future__ import annotations

from dataclasses import dataclass, field

from edgebench.mock.jetson.trtexec.dialects import Dialect, Number

Shapes = dict[str, tuple[int, ...]]

ALWAYS = [
    "onnx",
    "saveEngine",
    "loadEngine",
    "fp16",
    "int8",
    "best",
    "calib",
    "minShapes",
    "optShapes",
    "maxShapes",
    "minShapesCalib",
    "optShapesCalib",
    "maxShapesCalib",
    "inputIOFormats",
    "outputIOFormats",
    "minTiming",
    "avgTiming",
    "safe",
    "noBuilderCache",
    "timingCacheFile",
    "noTF32",
    "device",
    "useDLACore",
    "allowGPUFallback",
    "plugins",
    "shapes",
    "loadInputs",
    "iterations",
    "warmUp",
    "duration",
    "sleepTime",
    "exposeDMA",
    "useSpinWait",
    "threads",
    "useCudaGraph",
    "verbose",
    "avgRuns",
    "percentile",
    "dumpOutput",
    "dumpProfile",
    "exportTimes",
    "exportOutput",
    "exportProfile",
    "help",
]
BETWEEN: dict[str, tuple[Number, Number]] = {
    "workspace": ((), (10,)),
    "batch": ((), (10,)),
    "maxBatch": ((), (10,)),
    "model": ((), (10,)),
    "deploy": ((), (10,)),
    "output": ((), (10,)),
    "uff": ((), (10,)),
    "explicitBatch": ((), (10,)),
    "streams": ((), (8, 6)),
    "infStreams": ((8, 6), ()),
    "buildOnly": ((), (10,)),
    "skipInference": ((8, 6), ()),
    "noDataTransfers": ((7, 2), ()),
    "refit": ((7, 2), ()),
    "separateProfileRun": ((8,), ()),
    "sparsity": ((8,), ()),
    "timeDeserialize": ((8,), ()),
    "strictTypes": ((8,), (8, 5)),
    "profilingVerbosity": ((8, 2), ()),
    "dumpLayerInfo": ((8, 2), ()),
    "exportLayerInfo": ((8, 2), ()),
    "idleTime": ((8, 2), ()),
    "memPoolSize": ((8, 4), ()),
    "directIO": ((8, 2), ()),
    "layerPrecisions": ((8, 4), ()),
    "precisionConstraints": ((8, 4), ()),
    "builderOptimizationLevel": ((8, 6), ()),
    "stronglyTyped": ((9,), ()),
}
"""Flag -> the first release that knows it, and the first that does not any more; () for none."""

WORDS = {
    "onnx": "=<file>               ONNX model",
    "saveEngine": "=<file>         Save the serialized engine",
    "loadEngine": "=<file>         Load a serialized engine",
    "fp16": "                      Enable fp16 precision, in addition to fp32 (default = disabled)",
    "int8": "                      Enable int8 precision, in addition to fp32 (default = disabled)",
    "calib": "=<file>              Read INT8 calibration cache file",
    "workspace": "=N               Set workspace size in megabytes (default = 16)",
    "memPoolSize": "=poolspec       Specify the size constraints of the designated memory pool(s) in MiB.",
    "useDLACore": "=N              Select DLA core N for layers that support DLA (default = none)",
    "iterations": "=N              Run at least N inference iterations (default = 10)",
    "warmUp": "=N                  Run for N milliseconds to warmup before measuring performance (default = 200)",
    "duration": "=N                Run performance measurements for at least N seconds wallclock time (default = 3)",
    "exposeDMA": "                 Serialize DMA transfers to and from device (default = disabled).",
    "exportTimes": "=<file>        Write the timing results in a json file (default = disabled)",
}


@dataclass(frozen=True)
class Options:
    """Arguments as `--name=value`; `unknown` are those that this release does not know."""

    given: dict[str, str]
    unknown: tuple[tuple[str, str], ...] = ()
    shapes: Shapes = field(default_factory=dict)
    """What inference shall be given, where told."""
    profile: tuple[Shapes, Shapes, Shapes] = field(default_factory=lambda: ({}, {}, {}))
    """What an engine shall be built for: at least, best, at most."""

    def has(self, name: str) -> bool:
        """Whether a flag was given."""
        return name in self.given

    def text(self, name: str) -> str:
        """A flag's value, "" where it was not given."""
        return self.given.get(name, "")

    def number(self, name: str, default: float) -> float:
        """A flag's value as a number."""
        return float(self.given.get(name, default))

    @property
    def fp16(self) -> bool:
        """Whether half precision may be used."""
        return self.has("fp16") or self.has("best")

    @property
    def int8(self) -> bool:
        """Whether 8-bit precision may be used."""
        return self.has("int8") or self.has("best")

    @property
    def builds_only(self) -> bool:
        """Whether nothing shall be inferred."""
        return self.has("buildOnly") or self.has("skipInference")

    @property
    def dla(self) -> int | None:
        """The core of the accelerator that was asked for."""
        return int(self.given["useDLACore"]) if self.has("useDLACore") else None


class Wrong(Exception):
    """A value that cannot be; the message is the tool's."""


NUMBERS = (
    *("iterations", "warmUp", "duration", "sleepTime", "streams", "infStreams", "batch", "maxBatch", "minTiming"),
    *("avgTiming", "workspace", "device", "useDLACore", "avgRuns", "builderOptimizationLevel", "idleTime"),
)


def parse(argv: tuple[str, ...], dialect: Dialect) -> Options:
    """Read arguments as this release does. Raises `Wrong`."""
    known = known_flags(dialect)
    given: dict[str, str] = {}
    unknown: list[tuple[str, str]] = []
    for argument in argv:
        name, _, value = argument.partition("=")
        if name == "-h" or (name.startswith("--") and name[2:] in known):
            given[name.lstrip("-").replace("h", "help", 1) if name == "-h" else name[2:]] = value
        else:
            unknown.append((name, value))
    for name in NUMBERS:
        if name in given and not _is_number(given[name]):
            raise Wrong("stof" if name == "duration" else "stoi")
    if "saveEngine" in given and "loadEngine" in given and not dialect.since(8, 6):
        raise Wrong("Incompatible load and save engine options selected")
    low, best, high = (_shapes(given.get(name, "")) for name in ("minShapes", "optShapes", "maxShapes"))
    if (low or high) and not (low and best and high):
        raise Wrong("Must specify only --optShapes or all of --minShapes, --optShapes, --maxShapes")
    shapes = _shapes(given.get("shapes", ""))
    if not best and shapes:
        best = shapes
    profile = (low or best, best, high or best)
    if "help" not in given and "onnx" not in given and "loadEngine" not in given:
        raise Wrong("Model missing or format not recognized")
    return Options(given, tuple(unknown), shapes or best, profile)


def known_flags(dialect: Dialect) -> set[str]:
    """The flags of that release."""
    return {*ALWAYS, *(name for name, (first, gone) in BETWEEN.items()
                       if dialect.since(*first) and not (gone and dialect.since(*gone)))}  # fmt: skip


def _shapes(text: str) -> Shapes:
    """`name:1x3x8x8,...`, split at the last colon of each."""
    found: Shapes = {}
    for part in text.split(",") if text else ():
        name, _, dims = part.rpartition(":")
        try:
            found[name.replace("'", "")] = tuple(int(dim) for dim in dims.split("x"))
        except ValueError as error:
            raise Wrong("stoi") from error
    return found


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def usage(dialect: Dialect) -> str:
    """What `--help` prints; the real one is longer."""
    rows = [f"  --{name}{WORDS.get(name, '')}" for name in sorted(known_flags(dialect))]
    return "\n".join(["=== Options ===", *rows]) + "\n"
