"""Electricity behind a virtual meter, in exact integers.

Voltage, current and power are constant between two instants, so energy grows linearly and is integrated in closed
form: one long step and many short ones give the same integer. Units: millivolt, microampere, microwatt, parts per
million of power factor, nanoseconds; energy therefore in microwatt-nanoseconds (10^-15 J), 3.6 * 10^18 to the Wh.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import NamedTuple

from wattproof.metering import rounding

#: Energy units (microwatt-nanoseconds) in a watt hour.
WATT_HOUR = 3600 * 10**15
#: Parts of a power factor of 1.
UNITY = 1_000_000
#: Division rounded half away from zero.
nearest = rounding.nearest


def crossing(distance: int, rate: int) -> int:
    """The first whole nanosecond at which something growing by ``rate`` a nanosecond has covered ``distance``."""
    return -(-distance // rate)


class Phase(NamedTuple):
    """One phase as the meter sees it: mV, uA (both >= 0), uW (signed), power factor in ppm (negative: capacitive)."""

    voltage: int
    current: int
    power: int
    factor: int

    @property
    def apparent(self) -> int:
        """Apparent power in microvolt-amperes."""
        return nearest(self.voltage * self.current, 1000)

    @property
    def reactive(self) -> int:
        """Reactive power in microvar; negative when the power factor is."""
        rest = self.apparent**2 - self.power**2
        size = isqrt(rest) if rest > 0 else 0
        return -size if self.factor < 0 else size


class Segment(NamedTuple):
    """The three phases and the mains frequency (mHz), constant until the next segment."""

    phases: tuple[Phase, Phase, Phase]
    frequency: int = 50_000

    @property
    def power(self) -> int:
        """Total active power in microwatts."""
        a, b, c = self.phases
        return a.power + b.power + c.power


DEAD = Phase(0, 0, 0, 0)


def phase(voltage: int, current: int, factor: int) -> Phase:
    """A phase with the power that follows from voltage (mV), current (uA, negative = reversed) and factor (ppm)."""
    power = nearest(voltage * current * abs(factor), 1000 * UNITY)
    return Phase(voltage, abs(current), power, factor)


def three(a: Phase, b: Phase, c: Phase, frequency: int = 50_000) -> Segment:
    """A segment of three phases."""
    return Segment((a, b, c), frequency)


def idle(segment: Segment) -> Segment:
    """The same supply with nothing drawn: the contactor is open."""
    a, b, c = segment.phases
    return Segment((Phase(a.voltage, 0, 0, 0), Phase(b.voltage, 0, 0, 0), Phase(c.voltage, 0, 0, 0)), segment.frequency)


def reversed_(segment: Segment) -> Segment:
    """All currents reversed."""
    a, b, c = (one._replace(power=-one.power) for one in segment.phases)
    return Segment((a, b, c), segment.frequency)


def without(segment: Segment, number: int) -> Segment:
    """The same with phase ``number`` (1..3) dead."""
    a, b, c = (DEAD if index == number else one for index, one in enumerate(segment.phases, 1))
    return Segment((a, b, c), segment.frequency)


def started(segment: Segment, threshold: int) -> Segment:
    """What the meter makes of a segment: a phase below the start threshold (uA) has no power (BD-31)."""
    a, b, c = (
        one if one.current >= threshold and one.current else one._replace(power=0, factor=0) for one in segment.phases
    )
    return Segment((a, b, c), segment.frequency)


def shaken(segment: Segment, factors: tuple[float, ...]) -> Segment:
    """Voltages and currents multiplied by six factors (u1, i1, u2, i2, u3, i3); power follows."""
    shaken_phases = []
    for index, one in enumerate(segment.phases):
        on_voltage = round(max(factors[2 * index], 0.0) * UNITY)
        on_current = round(max(factors[2 * index + 1], 0.0) * UNITY)
        shaken_phases.append(
            Phase(
                nearest(one.voltage * on_voltage, UNITY),
                nearest(one.current * on_current, UNITY),
                nearest(one.power * on_voltage * on_current, UNITY * UNITY),
                one.factor,
            )
        )
    a, b, c = shaken_phases
    return Segment((a, b, c), segment.frequency)


@dataclass(slots=True)
class Energy:
    """Two registers fed by the same import: one for ever, one resettable, both with all their hidden digits.

    ``rate`` is the imported power in microwatts (never negative: backstop), valid since ``at``; ``overflow`` is where
    the registers roll over to zero; ``imported`` only grows and drives the pulse outputs.
    """

    total: int
    resettable: int
    overflow: int
    at: int
    rate: int = 0
    imported: int = 0

    def integrate(self, now: int) -> None:
        """Count what was imported until ``now``."""
        if self.rate and now > self.at:
            grown = self.rate * (now - self.at)
            self.imported += grown
            self.total = (self.total + grown) % self.overflow
            self.resettable = (self.resettable + grown) % self.overflow
        self.at = now

    def run(self, now: int, power: int) -> None:
        """From ``now`` on the total active power is ``power`` (uW, signed)."""
        self.integrate(now)
        self.rate = max(power, 0)

    def add(self, amount: int) -> None:
        """Both registers jump by ``amount``."""
        self.total = (self.total + amount) % self.overflow
        self.resettable = (self.resettable + amount) % self.overflow

    def next_digit(self, digit: int) -> int | None:
        """The instant at which a register shows its next ``digit`` (energy units); ``None`` while nothing flows."""
        if not self.rate:
            return None
        distance = digit - max(self.total % digit, self.resettable % digit)
        return self.at + crossing(distance, self.rate)
