"""When which readings of a meter are due, and what a bus does that cannot keep up: decisions only (g13-api.md 11.1).

Readings are taken on a grid of the gateway's time, so that a load profile finds one near each of its boundaries. Each
meter has its own place on the grid, so that many meters are not asked in the same moment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from wattproof.gateway.records import Group

SECOND = 10**9
DAY = 86400.0
#: Seconds between two readings of a group, by what is spoken on the bus.
PERIODS: Mapping[str, Mapping[Group, float]] = {
    "network": {Group.LIVE: 1.0, Group.ENERGY: 15.0, Group.STATIC: DAY},
    "line": {Group.LIVE: 5.0, Group.ENERGY: 15.0, Group.STATIC: DAY},
    "mbus": {Group.LIVE: 60.0, Group.ENERGY: 60.0, Group.STATIC: DAY},
}
#: Meters of one grid lie at most so far apart (s): a row takes a reading at most 5 s from its boundary (10.3).
SPREAD = 3.0
#: The share of its time that a bus may be polled; above it all intervals of the bus grow.
FULL = 0.9
_SMOOTHING = 0.2
_GOLDEN = 0.6180339887498949


@dataclass(slots=True)
class Poll:
    """The readings of one group of a meter. ``due``: nanoseconds of the clock's ``now``; ``cost``: seconds of the bus
    that one reading takes, as far as is known."""

    group: Group
    ids: frozenset[int]
    period: float
    phase: float = 0.0
    due: int = 0
    cost: float | None = None
    skipped: int = 0
    latest: int = 0

    def schedule(self, now: int, time: int, stretch: float = 1.0) -> None:
        """Choose the next moment. ``time``: the gateway's time at ``now``, both nanoseconds."""
        if stretch > 1.0:
            self.due = max(self.due + round(self.period * stretch * SECOND), now)
            return
        period = round(self.period * SECOND)
        since = (time - round(self.phase * SECOND)) % period
        following = now + period - since
        if self.due and following - self.due > period + period // 2:
            self.skipped += (following - self.due) // period - 1
        self.due = following

    def taken(self, seconds: float) -> None:
        """A reading took so long."""
        self.cost = seconds if self.cost is None else self.cost + _SMOOTHING * (seconds - self.cost)

    @property
    def load(self) -> float:
        """The share of the bus's time that it needs."""
        return 0.0 if self.cost is None else self.cost / self.period


def polls_of(groups: Mapping[Group, frozenset[int]], periods: Mapping[Group, float], index: int) -> list[Poll]:
    """The polls of the meter number ``index`` on the gateway, all at the same place of their grids."""
    live = min(periods[group] for group in groups if group is not Group.STATIC) if _polled(groups) else DAY
    place = index * _GOLDEN % 1.0
    phase = place * min(live, SPREAD)
    # Where many readings fit into the spread, the rarer ones are not all taken in the same one.
    steps = int(SPREAD / live) if live < SPREAD else 0
    later = index % (steps + 1) * live
    polls = []
    for group, ids in sorted(groups.items()):
        if ids:
            shift = later if periods[group] > live else 0.0
            polls.append(Poll(group, ids, periods[group], phase + shift))
    return polls


def _polled(groups: Mapping[Group, frozenset[int]]) -> bool:
    return any(group is not Group.STATIC for group in groups)


@dataclass(slots=True)
class Load:
    """How much of its time a bus is polled, and how far its intervals are stretched."""

    stretch: float = 1.0
    share: float = field(default=0.0)

    def weigh(self, polls: Iterable[Poll]) -> float:
        """Take stock of all polls of the bus; the factor on all its intervals."""
        self.share = sum(poll.load for poll in polls)
        self.stretch = max(1.0, self.share / FULL)
        return self.stretch
