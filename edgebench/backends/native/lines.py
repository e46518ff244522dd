"""What tools print, line by line: without the prefixes of loggers; numbers that are numbers; bounded excerpts."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

MOST_CHARS = 1 << 20
LONGEST_LINE = 2000
EXCERPT = 1500
MESSAGE = 400

_LOGCAT = re.compile(r"\d\d-\d\d \d\d:\d\d:\d\d\.\d+ +\d+ +\d+ ([VDIWEF]) +[^:]{1,64}: ?")
_PYTHON = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[,.\d]* ([A-Z]+) [\w.]+: ?")
_LEVEL = re.compile(r"(VERBOSE|DEBUG|INFO|WARNING|WARN|ERROR|FATAL): ?")
_SOURCE = re.compile(r"\[[\w./+-]{1,200}:\d+\] ?")
_LETTERS = {"V": "VERBOSE", "D": "DEBUG", "I": "INFO", "W": "WARN", "E": "ERROR", "F": "FATAL"}
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]+")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")


@dataclass(frozen=True)
class Line:
    """One line without its prefixes: `level` as the logger named it ("" for none), `logger` "logcat", "level" or ""."""

    text: str
    level: str = ""
    logger: str = ""

    @property
    def is_error(self) -> bool:
        """Whether the logger called it an error."""
        return self.level in ("ERROR", "FATAL")


def lines_of(text: str) -> list[Line]:
    """The lines that say something, at most the last mebibyte of them, each at most 2000 characters."""
    return [line for line in map(_line, text[-MOST_CHARS:].splitlines()) if line.text]


def _line(raw: str) -> Line:
    rest, level, logger = raw[:LONGEST_LINE].strip(), "", ""
    for pattern, name in ((_LOGCAT, "logcat"), (_PYTHON, "level"), (_LEVEL, "level")):
        found = pattern.match(rest)
        if found:
            level, logger, rest = _LETTERS.get(found[1], found[1]), logger or name, rest[found.end() :]
    found = _SOURCE.match(rest)
    text = _CONTROL.sub("?", rest[found.end() :] if found else rest)
    return Line(text.strip(), level.replace("WARNING", "WARN"), logger)


def number(text: str | None) -> float | None:
    """A finite number that is not negative, else None: `nan`, `-3`, `1e999` and words are none."""
    if text is None or not _NUMBER.fullmatch(text.strip()):
        return None
    value = float(text)
    return value if math.isfinite(value) and value >= 0 else None


def count(text: str | None) -> int | None:
    """A whole number from 1 to 10^12, else None."""
    if text is None or not re.fullmatch(r"[0-9]{1,13}", text.strip()):
        return None
    value = int(text)
    return value if 1 <= value <= 10**12 else None


def excerpt(text: str) -> str | None:
    """The end of what was said, as it was, at most 1500 characters; None of nothing."""
    return text.strip()[-EXCERPT:] or None


def message(*parts: str) -> str:
    """Lines of a tool as one message, each once, at most 400 characters."""
    said = "; ".join(dict.fromkeys(part.strip() for part in parts if part.strip()))
    return said if len(said) <= MESSAGE else said[: MESSAGE - 3] + "..."
