"""Reading a counter of which one does not know whether to believe it (peers: evcc, Home Assistant).

A counter that falls has been read wrongly, has rolled over, was reset, or belongs to another meter now. Only what it
counted is booked, nothing is booked twice, and what was booked is never taken back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from itertools import pairwise
from typing import Any, NamedTuple

#: Readings within which a glitch is over.
PATIENCE = 3
#: How much longer than another a step of a counter may be that counts evenly.
EVEN = 4
HOUR = 3_600_000


class Verdict(Enum):
    """What a reading says about its counter."""

    FIRST = "first"  #: nothing to compare with
    COUNTED = "counted"  #: it grew, or stands
    SUSPECT = "suspect"  #: it fell or jumped: wait
    GLITCH = "glitch"  #: the readings before were wrong, this one goes on where the last good one was
    ROLLED_OVER = "rolled over"  #: it went through its end to 0
    RESET = "reset"  #: it counts from a lower value on: what it grew since the first reading of it
    JUMPED = "jumped"  #: it counts from a value that it cannot have counted to, likewise
    REPLACED = "replaced"  #: another meter answers


class Booking(NamedTuple):
    """What is booked of a reading, and why."""

    verdict: Verdict
    amount: int = 0


@dataclass(slots=True)
class Counter:
    """One counter.

    :param modulus: where it rolls over, in its own units.
    :param most: the most that it can count in an hour, ``None`` if unknown: then it may grow by any amount, and rolls
        over if that takes less than a hundredth of its range.
    :param slack: how far it may be ahead of that: its step, and what readings are late.

    ``last`` is the last reading that was believed, ``suspects`` those since then that were not.
    """

    modulus: int
    most: int | None = None
    last: int | None = None
    at: int = 0
    identity: str | None = None
    suspects: list[int] = field(default_factory=list)
    #: The reading before a roll-over, while it can still turn out to have been a glitch, and the readings since then.
    before: int | None = None
    since: int = 0
    #: What was booked too much and is made up for by what comes.
    owed: int = 0
    slack: int = 1

    def read(self, value: int, at: int = 0, identity: str | None = None) -> Booking:
        """A reading at a time (ms): what to book. ``identity`` is whatever tells one meter from another.

        >>> counter = Counter(1000)
        >>> [counter.read(value).verdict.value for value in (990, 995, 5, 8, 0, 9)]
        ['first', 'counted', 'rolled over', 'counted', 'suspect', 'glitch']
        """
        if self.last is None:
            return self._believe(Verdict.FIRST, value, at, identity)
        if identity is not None and self.identity is not None and identity != self.identity:
            return self._believe(Verdict.REPLACED, value, at, identity)
        reach = self._reach(at)
        grown = value - self.last
        if self.before is not None and not 0 <= grown <= reach and 0 <= value - self.before <= reach:
            return self._take_back(value, at, identity)
        if grown >= 0 and (self.most is None or grown <= reach) and not self._wrapped_back(grown, reach):
            verdict = Verdict.GLITCH if self.suspects else Verdict.COUNTED
            return self._believe(verdict, value, at, identity, grown)
        if grown < 0 and grown % self.modulus <= reach:
            before = self.last
            booking = self._believe(Verdict.ROLLED_OVER, value, at, identity, grown % self.modulus)
            self.before, self.since = before, 1
            return booking
        self.suspects.append(value)
        if len(self.suspects) < PATIENCE:
            return Booking(Verdict.SUSPECT)
        if grown >= 0 and self._races(reach):
            return self._believe(Verdict.COUNTED, value, at, identity, grown)
        verdict = Verdict.RESET if grown < 0 else Verdict.JUMPED
        return self._believe(verdict, value, at, identity, self._since_then(reach))

    def _reach(self, at: int) -> int:
        """How far it can have counted since the last good reading."""
        if self.most is None:
            return self.modulus // 100
        return -(-self.most * max(at - self.at, 0) // HOUR) + self.slack

    def _races(self, reach: int) -> bool:
        """It did not jump once, it goes on and on, evenly and faster than it can: then it can, as a simulated meter
        whose hours are short."""
        readings = [self.last or 0, *self.suspects]
        steps = [after - before for before, after in pairwise(readings)]
        return readings[-1] - readings[1] > reach and max(steps) <= EVEN * min(steps)

    def _since_then(self, reach: int) -> int:
        """What it grew while it was not believed. Where it began is not known, so its first reading counts for
        nothing. A suspect from which it cannot have come here was a glitch beside the reset, unless it counts evenly.
        """
        value = self.suspects[-1]
        even = [after - before for before, after in pairwise(self.suspects)]
        if 0 <= max(even) <= EVEN * min(even):
            return value - self.suspects[0]
        steps = (value - suspect for suspect in self.suspects)
        return next(step for step in steps if step >= 0 and (self.most is None or step <= reach))

    def _wrapped_back(self, grown: int, reach: int) -> bool:
        """A growth of nearly the whole range soon after a roll-over is none."""
        return self.before is not None and grown > reach

    def _take_back(self, value: int, at: int, identity: str | None) -> Booking:
        """It had not rolled over: what was booked for that counts against what it has grown."""
        before = self.before or 0
        self.owed += (self.last or 0) - before + self.modulus
        return self._believe(Verdict.GLITCH, value, at, identity, value - before)

    def _believe(self, verdict: Verdict, value: int, at: int, identity: str | None, grown: int = 0) -> Booking:
        self.last, self.at = value, at
        self.since += 1
        if verdict is not Verdict.COUNTED or self.since >= PATIENCE:
            self.before = None
        if identity is not None:
            self.identity = identity
        self.suspects.clear()
        amount = max(grown - self.owed, 0)
        self.owed -= grown - amount
        return Booking(verdict, amount)

    def save(self) -> dict[str, Any]:
        """Plain data of everything."""
        return {name: getattr(self, name) for name in self.__slots__} | {"suspects": list(self.suspects)}

    @classmethod
    def restore(cls, data: dict[str, Any]) -> Counter:
        """The counter of :meth:`save`."""
        return cls(**{**data, "suspects": list(data["suspects"])})
