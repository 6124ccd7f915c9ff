"""The source in front of a meter as time passes: which segment holds now, and until when (abb-meters.md 3.14)."""

from __future__ import annotations

import random

from wattproof.metering.clock import Clock
from wattproof.metering.dates import DAY, HOUR, SECOND
from wattproof.metering.dst import FAR
from wattproof.metering.intervals import next_boundary
from wattproof.meters.abb.virtual.electrics import Measured, Wiring, measure, shaken
from wattproof.meters.abb.virtual.sources import Daily, Load, Segment
from wattproof.virtual.base import NEVER

#: Nanoseconds in a millisecond: loads count the former, meters the latter.
MILLI = 1_000_000
#: Factors for the voltages and currents of three phases.
_FACTORS = 6


class Supply:
    """``load`` since ``since`` (ms), seen through ``wiring``; ``noise`` in percent, drawn from ``seed``.

    ``edge`` is the ms at which the next segment begins.
    """

    __slots__ = ("edge", "load", "noise", "seed", "since", "wiring")

    def __init__(self, load: Load, wiring: Wiring, seed: int) -> None:
        self.load, self.wiring, self.seed = load, wiring, seed
        self.since, self.noise, self.edge = 0, 0.0, FAR

    def hang(self, load: Load, now: int) -> None:
        """Another source from now on."""
        self.load, self.since = load, now

    def measure(self, clock: Clock, now: int) -> Measured:
        """What is measured from ``now`` until ``edge``."""
        segment = self._segment(clock, now)
        if self.noise:
            second = now // SECOND
            self.edge = min(self.edge, (second + 1) * SECOND)
            return measure(self._shake(segment, second), self.wiring)
        return measure(segment, self.wiring)

    def _segment(self, clock: Clock, now: int) -> Segment:
        load = self.load
        if isinstance(load, Daily):
            standard = clock.standard(now)
            self.edge = max(clock.when(next_boundary(clock.summer, standard, HOUR)), now + 1)
            return load.hours[clock.summer.local(standard) % DAY // HOUR]
        segment, edge = load.stretch((now - self.since) * MILLI)
        self.edge = FAR if edge >= NEVER else self.since - -edge // MILLI
        return segment

    def _shake(self, segment: Segment, second: int) -> Segment:
        """Each second has deviates of its own, whoever asks in which order."""
        draw = random.Random(self.seed << 40 | second).gauss
        return shaken(segment, tuple(1 + draw(0, self.noise / 100) for _ in range(_FACTORS)), self.wiring.phases)
