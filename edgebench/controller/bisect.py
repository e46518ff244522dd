"""The smallest part of a graph that an accelerator refuses or gets wrong, found by trying parts.

Nothing here knows of models or devices: operators are numbers, and `judge` says what became of a part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "refused", "wrong", "undecided"]
Kind = Literal["nothing", "culprit", "everything", "flaky", "undecided"]


@dataclass(frozen=True, order=True)
class Cut:
    """Operators first..last, both included."""

    first: int
    last: int

    @property
    def size(self) -> int:
        """How many operators."""
        return self.last - self.first + 1


@dataclass(frozen=True)
class Verdict:
    """What became of a part on the device; `undecided`: something else than the part was in the way."""

    state: State
    code: str | None = None
    message: str | None = None

    @property
    def failed(self) -> bool:
        """Whether the accelerator refused the part or got it wrong."""
        return self.state in ("refused", "wrong")


@dataclass(frozen=True)
class Trial:
    """One part tried."""

    cut: Cut
    verdict: Verdict


@dataclass(frozen=True)
class Finding:
    """How the search ended.

    `nothing`: the whole graph runs and is right. `culprit`: `cut` is the smallest failing part that was found, no part
    of it that was tried fails; `more`: whether what follows it fails too by itself, None where that was not tried.
    `everything`: whatever was tried fails, so that no operator is to blame. `flaky`: the same part was judged
    differently when it was tried again. `undecided`: the last trial could not be judged.
    """

    kind: Kind
    trials: tuple[Trial, ...]
    cut: Cut | None = None
    verdict: Verdict | None = None
    more: bool | None = None


Judge = Callable[[Cut], Verdict]


class _Undecided(Exception):
    """A trial could not be judged."""


def expected_trials(operators: int) -> int:
    """How many parts will be tried where one operator is refused wherever it stands: the most, for planning."""
    return 4 + max(operators - 1, 0).bit_length()


def bisect(kinds: Sequence[str], can: Callable[[Cut], bool], judge: Judge) -> Finding:
    """Search a graph whose operators are of these `kinds`, in the order in which they run.

    `can` tells which parts can be cut out at all. What is sought is what is wrong with the whole: where that is
    refused, parts that merely come out wrong count as running. Beginnings of the graph are halved between one that is
    judged ok and one that fails, which finds the first failing one where failures stay (longer beginnings hold what
    fails); where they do not, it still ends at a beginning that fails while the one before it does not. That one is
    shrunk from its front, tried again, and what follows it is tried by itself. At most 4 + ceil(log2 n) trials where
    the culprit is one operator. What `judge` raises passes through.
    """
    return _Search(kinds, can, judge).run()


class _Search:
    def __init__(self, kinds: Sequence[str], can: Callable[[Cut], bool], judge: Judge) -> None:
        self._kinds = kinds
        self._can = can
        self._judge = judge
        self._trials: list[Trial] = []
        self._known: dict[Cut, Verdict] = {}
        self._sought: tuple[State, ...] = ("refused", "wrong")

    def run(self) -> Finding:
        try:
            return self._run()
        except _Undecided:
            last = self._trials[-1]
            return Finding("undecided", tuple(self._trials), last.cut, last.verdict)

    def _run(self) -> Finding:
        whole = Cut(0, len(self._kinds) - 1)
        if not self._fails(whole):
            return Finding("nothing", tuple(self._trials), verdict=self._known[whole])
        if self._known[whole].state == "refused":
            self._sought = ("refused",)
        smallest = self._shrunk(self._first_failing(whole))
        verdict = self._known[smallest]
        again = self._try(smallest)
        if again.state != verdict.state:
            return Finding("flaky", tuple(self._trials), smallest, again)
        more = self._rest_fails(smallest, whole)
        everything = more is True and smallest.first == 0 and self._another_fails(smallest)
        return Finding("everything" if everything else "culprit", tuple(self._trials), smallest, verdict, more)

    def _first_failing(self, whole: Cut) -> Cut:
        """The beginning that fails while the next shorter one that can be cut does not."""
        right, failing = -1, whole.last
        while (middle := self._between(right, failing, lambda end: Cut(0, end))) is not None:
            if self._fails(Cut(0, middle)):
                failing = middle
            else:
                right = middle
        return Cut(0, failing)

    def _shrunk(self, failing: Cut) -> Cut:
        """The same end, with as late a front as still fails."""
        latest = next((at for at in range(failing.last, 0, -1) if self._can(Cut(at, failing.last))), 0)
        if latest == 0 or self._fails(Cut(latest, failing.last)):
            return Cut(latest, failing.last)
        bad, good = 0, latest
        while (front := self._between(bad, good, lambda at: Cut(at, failing.last))) is not None:
            if self._fails(Cut(front, failing.last)):
                bad = front
            else:
                good = front
        return Cut(bad, failing.last)

    def _between(self, low: int, high: int, cut_at: Callable[[int], Cut]) -> int | None:
        """The place nearest to the middle of low and high, neither of them, at which can be cut."""
        middle = (low + high) // 2
        for away in range(high - low):
            for place in dict.fromkeys((middle - away, middle + away)):
                if low < place < high and self._can(cut_at(place)):
                    return place
        return None

    def _rest_fails(self, found: Cut, whole: Cut) -> bool | None:
        """Whether what follows the culprit fails by itself: then there is another one."""
        rest = Cut(found.last + 1, whole.last)
        if not rest.size or not self._can(rest):
            return None
        verdict = self._try(rest)
        return None if verdict.state == "undecided" else verdict.failed

    def _another_fails(self, found: Cut) -> bool:
        """Whether an operator of another kind fails as well, all by itself."""
        blamed = set(self._kinds[found.first : found.last + 1])
        others = [at for at, kind in enumerate(self._kinds) if kind not in blamed and self._can(Cut(at, at))]
        if not others:
            return False
        other = Cut(others[-1], others[-1])
        return (self._known.get(other) or self._try(other)).failed

    def _fails(self, cut: Cut) -> bool:
        verdict = self._known.get(cut) or self._try(cut)
        if verdict.state == "undecided":
            raise _Undecided
        return verdict.state in self._sought

    def _try(self, cut: Cut) -> Verdict:
        verdict = self._judge(cut)
        self._trials.append(Trial(cut, verdict))
        self._known.setdefault(cut, verdict)
        return verdict
