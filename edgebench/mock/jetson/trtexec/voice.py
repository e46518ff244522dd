"""How `trtexec` speaks: a stamp of whole seconds, a level, and two streams: warnings and errors go to stderr."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

Level = Literal["I", "W", "E", "V"]


class Voice:
    """Prints lines. `stamp` gives the local time as "07/14/2023-11:52:09".

    Source: samples/common/logging.h: `severity >= kINFO ? cout : cerr`; banners carry no stamp and go to cout.
    """

    def __init__(
        self, out: Callable[[str], None], err: Callable[[str], None], stamp: Callable[[], str], verbose: bool = False
    ) -> None:
        self._out, self._err, self._stamp = out, err, stamp
        self.verbose = verbose

    def info(self, text: str = "") -> None:
        """A line of the tool."""
        self._line("I", text)

    def warn(self, text: str) -> None:
        """A warning of the tool."""
        self._line("W", text)

    def fail(self, text: str) -> None:
        """An error of the tool."""
        self._line("E", text)

    def trt(self, text: str, level: Level = "I") -> None:
        """A line of the library."""
        self._line(level, f"[TRT] {text}")

    def raw(self, text: str) -> None:
        """Text as it is, on stdout."""
        self._out(text)

    def death(self, text: str) -> None:
        """Text as it is, on stderr."""
        self._err(text)

    def _line(self, level: Level, text: str) -> None:
        if level == "V" and not self.verbose:
            return
        (self._out if level in "IV" else self._err)(f"[{self._stamp()}] [{level}] {text}\n")


def number(value: float) -> str:
    """A float as a C++ stream prints it: six significant digits."""
    return f"{value:.6g}"
