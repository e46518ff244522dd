"""What a phone answered to the script of `commands.py`, cut apart again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from edgebench.phones.commands import Ask


@dataclass(frozen=True)
class Answer:
    """One command's output and exit code; `code` None: the stream ended before it did."""

    text: str = ""
    code: int | None = None


@dataclass(frozen=True)
class Answers:
    """Answers by a command's name. A command without one counts as unknown there."""

    by_name: Mapping[str, Answer] = field(default_factory=dict)

    def text(self, ask: Ask) -> str:
        """What it printed, "" where it failed to start or was never reached."""
        answer = self.by_name.get(ask.name, Answer())
        return "" if answer.code in (None, 126, 127) else answer.text

    def lines(self, ask: Ask) -> dict[str, list[str] | None]:
        """Path -> lines of each file that is there, None where it cannot be read."""
        found: dict[str, list[str] | None] = {}
        for line in self.text(ask).splitlines():
            path, there, value = line[1:].partition("\t")
            if line.startswith("!"):
                found[line[1:]] = None
            elif line.startswith("=") and there:
                found[path] = [*(found.get(path) or []), value]
        return found

    def firsts(self, ask: Ask) -> dict[str, str | None]:
        """Path -> its first line, None where it cannot be read."""
        return {path: (lines[0] if lines else None) for path, lines in self.lines(ask).items()}


def cut_apart(text: str, nonce: str) -> Answers:
    """The answers between the marks of `nonce`; what stands outside of them is dropped."""
    found: dict[str, Answer] = {}
    for part in text.split(f"\n{nonce} begin ")[1:]:
        name, _, rest = part.partition("\n")
        body, ended, after = rest.rpartition(f"\n{nonce} end ")
        code = after.split("\n", 1)[0].strip()
        found[name.strip()] = Answer(body, int(code)) if ended and code.isdecimal() and code.isascii() else Answer(rest)
    return Answers(found)
