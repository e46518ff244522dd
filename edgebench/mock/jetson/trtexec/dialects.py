"""What differs between the releases of `trtexec` that a JetPack brings along.

Sources: NVIDIA/TensorRT samples/common (sampleReporting.cpp, sampleInference.cpp, sampleOptions.cpp, logging.h) at
their 8.2, 8.5 and 10.x states, and logs that users published of 7.1, 8.2.1, 8.5.2, 10.3 and 10.9.
"""

from __future__ import annotations

from dataclasses import dataclass

Number = tuple[int, ...]


@dataclass(frozen=True)
class Dialect:
    """One release, by its full version ("8.2.1.8")."""

    version: str

    @property
    def number(self) -> Number:
        """(major, minor, patch)."""
        parts = tuple(int(part) for part in self.version.split("."))
        return (*parts, 0, 0, 0)[:3]

    def since(self, *number: int) -> bool:
        """Whether this release is that one or a later one."""
        return self.number >= number

    @property
    def banner(self) -> str:
        """The name of the test with the version as one number; releases before 8 tell none."""
        major, minor, patch = self.number
        if major < 8:
            return "TensorRT.trtexec"
        packed = major * 1000 + minor * 100 + patch if major < 10 else major * 10000 + minor * 100 + patch
        return f"TensorRT.trtexec [TensorRT v{packed}]"

    @property
    def short(self) -> str:
        """The version as the log gives it."""
        return ".".join(map(str, self.number))

    @property
    def tag(self) -> int:
        """The version of its serialized engines; seen of 8.2, 8.4, 8.5, 10.9 and 10.11, the others are guesses."""
        known = (((10, 11), 240), ((10,), 239), ((8, 6), 237), ((8, 5), 232), ((8, 4), 213), ((8, 2), 205), ((8,), 200))
        return next((tag for number, tag in known if self.since(*number)), 96)

    @property
    def end_to_end(self) -> bool:
        """Whether it tells the time from a query's first copy to its last; gone since 8.4."""
        return not self.since(8, 4)

    @property
    def exports_warmup(self) -> bool:
        """Whether exported times begin with those of the warm-up."""
        return not self.since(8, 5)

    @property
    def percentiles(self) -> tuple[float, ...]:
        """Percentiles of the summary unless told otherwise."""
        return (90.0, 95.0, 99.0) if self.since(8, 5) else (99.0,)

    @property
    def medians(self) -> bool:
        """Whether a layer's median is in its profile."""
        return self.since(8, 5)

    @property
    def layer_last(self) -> bool:
        """Whether the layer's name is the last column of the profile's table."""
        return self.since(8, 6)

    @property
    def warns_of_unstable_times(self) -> bool:
        """Whether a spread of more than 1 % is told."""
        return self.since(8, 4)

    @property
    def loads_late(self) -> bool:
        """Whether an engine's file is read first and understood only when inference is set up."""
        return self.since(8, 5)
