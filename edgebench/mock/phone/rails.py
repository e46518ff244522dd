"""Energy counters of a simulated phone's rails, as the on-device power monitor of Pixels keeps them."""

from __future__ import annotations

from edgebench.mock.phone.forms import PhoneForm

CACHE_MS = 50
"""The real driver answers from a cache for up to 50 ms."""
CHANNELS = 8


class Rails:
    """Counters in uWs. Together they count `form.rails_share` of the phone's energy, whatever charges it."""

    def __init__(self, form: PhoneForm) -> None:
        self._form = form
        self._joules = [40.0 + 7.0 * index for index in range(len(form.rails))]
        self._before = 0.0
        self._shown = [0] * len(form.rails)
        self.shown_ms = -CACHE_MS

    def live(self, joules: float, idle_joules: float, kinds: dict[str, float]) -> None:
        """Count what the phone drew up to `joules` since its start, `idle_joules` of the difference being idle."""
        drawn = (joules - self._before) * self._form.rails_share
        self._before = joules
        idle = min(idle_joules * self._form.rails_share, drawn)
        for index, share in enumerate(self._shares(kinds)):
            self._joules[index] += idle * self._form.rails[index].idle + (drawn - idle) * share

    def _shares(self, kinds: dict[str, float]) -> list[float]:
        """How what is above idle spreads over the rails."""
        total = sum(kinds.values())
        if not total:
            return [rail.idle for rail in self._form.rails]
        return [sum(rail.busy.get(kind, 0.0) * watts for kind, watts in kinds.items()) / total
                for rail in self._form.rails]  # fmt: skip

    def counts(self, now_ms: int) -> list[int]:
        """The counters as a reader sees them at that millisecond."""
        if now_ms - self.shown_ms >= CACHE_MS:
            self._shown = [int(joules * 1e6) for joules in self._joules]
            self.shown_ms = now_ms
        return self._shown
