"""Token buckets: so many a second, and some more at once after a quiet time (g13-api.md 9.4)."""

from __future__ import annotations

from collections import OrderedDict

#: Names remembered at the same time; whoever is forgotten begins with a full bucket.
REMEMBERED = 8192


class Buckets:
    """One bucket for each name, filled with ``rate`` a second up to ``burst``. ``now`` is in milliseconds."""

    def __init__(self, rate: float, burst: float, *, remembered: int = REMEMBERED) -> None:
        self.rate, self.burst = rate, burst
        self._remembered = remembered
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, name: str, now: int) -> bool:
        """Take one; whether there was one."""
        held = self._held(name, now)
        if held < 1:
            return False
        self._buckets[name] = (held - 1, now)
        self._buckets.move_to_end(name)
        while len(self._buckets) > self._remembered:
            self._buckets.popitem(last=False)
        return True

    def give_back(self, name: str, now: int) -> None:
        """What was taken was not needed."""
        if name in self._buckets:
            self._buckets[name] = (min(self._held(name, now) + 1, self.burst), now)

    def wait(self, name: str, now: int) -> int:
        """Seconds until there is one, rounded up, at least 1."""
        lacking = 1 - self._held(name, now)
        return max(1, -int(-lacking // self.rate))

    def _held(self, name: str, now: int) -> float:
        held, since = self._buckets.get(name, (self.burst, now))
        return min(self.burst, held + (now - since) * self.rate / 1000)
