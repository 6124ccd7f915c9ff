"""The source in front of a meter as time passes: which segment holds now, and until when (abb-meters.md 3.14)."""

from __future__ import annotations

import hashlib
import struct
from math import cos, log, sin, sqrt, tau

from wattproof.metering.clock import Clock
from wattproof.metering.dates import DAY, HOUR, SECOND
from wattproof.metering.dst import FAR
from wattproof.metering.intervals import next_boundary
from wattproof.meters.abb.virtual.electrics import CACHE, Measured, Wiring, measure, measure_anew, shaken
from wattproof.meters.abb.virtual.sources import Daily, Load, Segment
from wattproof.virtual.base import NEVER
from wattproof.virtual.curves import Recorded

#: Nanoseconds in a millisecond: loads count the former, meters the latter.
MILLI = 1_000_000
_PAIR = struct.Struct("<QQ")
_RANGE = 2**64


class Supply:
    """``load`` since ``since`` (ms), seen through ``wiring``; ``noise`` in percent, drawn from ``seed``.

    ``edge`` is the ms at which the next segment begins.
    """

    __slots__ = ("_measure", "edge", "load", "noise", "seed", "since", "wiring")

    def __init__(self, load: Load, wiring: Wiring, seed: int) -> None:
        self.wiring, self.seed = wiring, seed
        self.noise, self.edge = 0.0, FAR
        self.hang(load, 0)

    def hang(self, load: Load, now: int) -> None:
        """Another source from now on."""
        self.load, self.since = load, now
        self._measure = measure_anew if isinstance(load, Recorded) and len(load) > CACHE else measure

    def measure(self, clock: Clock, now: int) -> Measured:
        """What is measured from ``now`` until ``edge``."""
        segment = self._segment(clock, now)
        if self.noise:
            second = now // SECOND
            self.edge = min(self.edge, (second + 1) * SECOND)
            return measure_anew(self._shake(segment, second), self.wiring)
        return self._measure(segment, self.wiring)

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
        size = self.noise / 100
        return shaken(segment, tuple(1 + size * deviate for deviate in deviates(self.seed, second)), self.wiring.phases)


def deviates(seed: int, number: int) -> list[float]:
    """Six normal deviates that belong to a number: Box and Muller's pairs, from a hash of seed and number."""
    draw = hashlib.blake2b(b"%d:%d" % (seed, number), digest_size=48).digest()
    found: list[float] = []
    for radius, turn in _PAIR.iter_unpack(draw):
        size, angle = sqrt(-2 * log((radius + 1) / _RANGE)), tau * turn / _RANGE
        found += (size * cos(angle), size * sin(angle))
    return found
