"""What a meter makes of a segment of its source: powers in whole mW, mvar and mVA, once a segment (3.2, 3.4, 3.14).

Floats are used between the integers of the source and those of the result, and nowhere after.
"""

from __future__ import annotations

import cmath
from functools import lru_cache
from math import cos, radians, sin, tan
from typing import NamedTuple

from wattproof.metering.harmonics import MOST, ORDERS, WHOLE, root
from wattproof.metering.rounding import nearest
from wattproof.meters.abb.virtual.sources import VOLTS, Segment, Terminals, Watts

#: Numbers of the sums of energy: kind x 8 + direction x 4 + phase, phase 0 = total.
ACTIVE, REACTIVE, APPARENT = 0, 8, 16
EXPORT = 4
ENERGIES = 24
#: The sum behind them: ms in which something was measured.
TIME = ENERGIES
#: Angles of the voltages, degrees.
VOLTAGE_ANGLES = (0, -120, 120)
#: Below a fifth of the nominal voltage a phase is missing (3.9), in mV at the terminals.
MISSING_BELOW = VOLTS // 5
SLOWEST, FASTEST = 45_000, 65_000
#: Places whose harmonics the source gives.
HARMONIC_PLACES = ("u1", "u2", "u3", "i1", "i2", "i3")
Harmonics = tuple[tuple[int, ...], ...]
NO_HARMONICS: Harmonics = ()
_MEGA = 10**6


class Wiring(NamedTuple):
    """How the meter is connected, and what lies between it and the source.

    ``voltage`` and ``current`` are transformer ratios as numerator and denominator; ``lost`` a phase without voltage
    and current, 0 for none; ``frequency`` (mHz) one that replaces the source's; ``harmonics`` orders 2 to 16 of u1..u3,
    i1..i3 in 0.1 %.
    """

    phases: int = 3
    voltage: tuple[int, int] = (1, 1)
    current: tuple[int, int] = (1, 1)
    reversed: bool = False
    lost: int = 0
    frequency: int | None = None
    harmonics: Harmonics = NO_HARMONICS


class Measured:
    """One segment as the meter sees it, on the primary side.

    ``u`` (mV), ``i`` (uA) and ``phi`` (degrees) by phase; ``p``, ``q``, ``s`` (mW, mvar, mVA): total, then phases;
    ``frequency`` (mHz); ``rates``: what each sum grows by in a ms; ``warnings``: bits 0..8 of the status word.
    """

    __slots__ = ("frequency", "i", "p", "phases", "phi", "q", "rates", "s", "u", "warnings", "wiring")

    def __init__(
        self,
        wiring: Wiring,
        u: tuple[int, ...],
        i: tuple[int, ...],
        phi: tuple[float, ...],
        powers: list[tuple[int, int, int]],
        frequency: int,
    ) -> None:
        self.wiring, self.phases = wiring, wiring.phases
        self.u, self.i, self.phi, self.frequency = u, i, phi, frequency
        active, reactive, apparent = zip(*powers, strict=True)
        p, q = sum(active), sum(reactive)
        self.p, self.q = (p, *active), (q, *reactive)
        self.s = (apparent[0] if len(apparent) == 1 else root(p * p + q * q), *apparent)
        self.rates = self._rates()
        self.warnings = self._warnings()

    def _rates(self) -> tuple[tuple[int, int], ...]:
        found = [(TIME, 1)]
        for phase, (p, q, s) in enumerate(zip(self.p, self.q, self.s, strict=True)):
            if p:
                found.append((phase, p) if p > 0 else (EXPORT + phase, -p))
            if q:
                found.append((REACTIVE + phase, q) if q > 0 else (REACTIVE + EXPORT + phase, -q))
            if s:
                found.append((APPARENT + phase if p >= 0 else APPARENT + EXPORT + phase, s))
        return tuple(found)

    def _warnings(self) -> int:
        numerator, denominator = self.wiring.voltage
        least, p = MISSING_BELOW * numerator // denominator, self.p
        bits = 0 if SLOWEST <= self.frequency <= FASTEST else 0x100
        for phase, voltage in enumerate(self.u):
            if voltage < least:
                bits |= 1 << phase
            if p[phase + 1] < 0:
                bits |= 0x10 << phase
        return bits | 0x80 if p[0] < 0 else bits

    # between the phases

    def line_voltage(self, first: int, second: int, order: int = 1) -> float:
        """Between two phases (0..2), mV; of a harmonic, if an order is given."""
        return abs(self._voltage(first, order) - self._voltage(second, order))

    def neutral_current(self, order: int = 1) -> float:
        """In the neutral, uA; of a harmonic, if an order is given."""
        return abs(sum(self._current(phase, order) for phase in range(self.phases)))

    def _voltage(self, phase: int, order: int) -> complex:
        share = self._share(phase, order)
        return cmath.rect(self.u[phase] * share, radians(order * VOLTAGE_ANGLES[phase])) if share else 0j

    def _current(self, phase: int, order: int) -> complex:
        share = self._share(3 + phase, order)
        angle = order * (VOLTAGE_ANGLES[phase] - self.phi[phase])
        return cmath.rect(self.i[phase] * share, radians(angle)) if share else 0j

    def _share(self, place: int, order: int) -> float:
        if order == 1:
            return 1.0
        return self.wiring.harmonics[place][order - 2] / WHOLE if self.wiring.harmonics else 0.0

    def harmonic(self, place: str, order: int) -> int:
        """0.1 % of the fundamental at u1..u3, i1..i3, u12, u23, u13 or in; a harmonic of nothing is nothing."""
        if not self.wiring.harmonics:
            return 0
        if place in HARMONIC_PLACES:
            number = HARMONIC_PLACES.index(place)
            there = self.u[number] if number < 3 else self.i[number - 3]
            return self.wiring.harmonics[number][order - 2] if there else 0
        if place == "in":
            whole, part = self.neutral_current(), self.neutral_current(order)
        else:
            first, second = int(place[1]) - 1, int(place[2]) - 1
            whole, part = self.line_voltage(first, second), self.line_voltage(first, second, order)
        return min(round(part * WHOLE / whole), MOST) if whole >= 1 else 0

    def spectrum(self, place: str) -> tuple[int, ...]:
        """All orders from 2 on."""
        return tuple(self.harmonic(place, order) for order in ORDERS)


@lru_cache(maxsize=512)
def measure(segment: Segment, wiring: Wiring) -> Measured:
    """What the meter sees of a segment. Meters that see the same share the result."""
    frequency = segment.frequency if wiring.frequency is None else wiring.frequency
    if isinstance(segment, Watts):
        return _of_watts(segment, wiring, frequency)
    return _of_terminals(segment, wiring, frequency)


def _of_watts(segment: Watts, wiring: Wiring, frequency: int) -> Measured:
    """The power is divided in whole mW, the remainder on L1; current and reactive power follow from it."""
    phases = wiring.phases
    sign = -1 if segment.power < 0 else 1
    share, rest = divmod(abs(segment.power), phases)
    angle = radians(segment.angle / 1000)
    cosine, tangent = cos(angle), tan(angle)
    backwards = (sign < 0) != wiring.reversed
    turn = -1 if wiring.reversed else 1
    scale = wiring.voltage[0] * wiring.current[0], wiring.voltage[1] * wiring.current[1]
    u, i, phi, powers = [], [], [], []
    for phase in range(phases):
        if wiring.lost == phase + 1:
            u.append(0)
            i.append(0)
            phi.append(0.0)
            powers.append((0, 0, 0))
            continue
        size = share + rest if phase == 0 else share
        power = turn * sign * nearest(size * scale[0], scale[1])
        apparent = size / cosine
        u.append(nearest(VOLTS * wiring.voltage[0], wiring.voltage[1]))
        i.append(_scaled(apparent * _MEGA / VOLTS, wiring.current))
        phi.append(turned(segment.angle / 1000, backwards))
        powers.append((power, half_up(power * tangent), half_up(apparent * scale[0] / scale[1])))
    return Measured(wiring, tuple(u), tuple(i), tuple(phi), powers, frequency)


def _of_terminals(segment: Terminals, wiring: Wiring, frequency: int) -> Measured:
    u, i, phi, powers = [], [], [], []
    for phase in range(wiring.phases):
        voltage, current = segment.voltages[phase], segment.currents[phase]
        backwards = (current < 0) != wiring.reversed
        if wiring.lost == phase + 1:
            voltage = current = 0
        voltage = nearest(voltage * wiring.voltage[0], wiring.voltage[1])
        current = nearest(abs(current) * wiring.current[0], wiring.current[1])
        lag = turned(segment.angles[phase] / 1000, backwards)
        apparent = voltage * current / _MEGA
        angle = radians(lag)
        u.append(voltage)
        i.append(current)
        phi.append(lag)
        powers.append((half_up(apparent * cos(angle)), half_up(apparent * sin(angle)), half_up(apparent)))
    return Measured(wiring, tuple(u), tuple(i), tuple(phi), powers, frequency)


def half_up(value: float) -> int:
    """Rounded half away from zero."""
    return int(value + 0.5) if value >= 0 else -int(0.5 - value)


def _scaled(value: float, ratio: tuple[int, int]) -> int:
    return half_up(value * ratio[0] / ratio[1])


def turned(angle: float, backwards: bool) -> float:
    """An angle brought to -180 < angle <= 180, of the opposite current if ``backwards``."""
    angle = (angle + 180 if backwards else angle) % 360
    return angle - 360 if angle > 180 else angle


def shaken(segment: Segment, factors: tuple[float, ...], phases: int) -> Terminals:
    """Voltages and currents multiplied by six factors (u1, i1, u2, i2, u3, i3)."""
    if isinstance(segment, Watts):
        segment = as_terminals(segment, phases)
    (a, b, c), (d, e, f) = (
        (half_up(value * max(factors[2 * k + odd], 0.0)) for k, value in enumerate(values))
        for odd, values in enumerate((segment.voltages, segment.currents))
    )
    return segment._replace(voltages=(a, b, c), currents=(d, e, f))


def as_terminals(segment: Watts, phases: int) -> Terminals:
    """The voltages and currents that give so many watts."""
    current = round(segment.power * _MEGA / (phases * VOLTS * cos(radians(segment.angle / 1000))))
    return Terminals((VOLTS,) * 3, (current,) * 3, (segment.angle,) * 3, segment.frequency)
