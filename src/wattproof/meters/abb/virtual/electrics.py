"""What a meter makes of a segment of its source: powers in whole mW, mvar and mVA, once a segment (3.2, 3.4, 3.14).

Floats are used between the integers of the source and those of the result, and nowhere after.
"""

from __future__ import annotations

import cmath
from collections.abc import Sequence
from functools import lru_cache
from math import cos, pi, radians, sin, tan
from typing import NamedTuple

from wattproof.metering.energy import Rates
from wattproof.metering.harmonics import MOST, ORDERS, WHOLE, root
from wattproof.metering.rounding import nearest
from wattproof.meters.abb.virtual.sources import VOLTS, Segment, Terminals, Watts

#: Numbers of the sums of energy: direction x 12 + kind x 4 + phase, phase 0 = total.
ACTIVE, REACTIVE, APPARENT = 0, 4, 8
EXPORT = 12
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
#: Places where harmonics are measured, and whose parts make them up.
PLACES = {
    **{place: (number,) for number, place in enumerate(HARMONIC_PLACES)},
    "u12": (0, 1),
    "u23": (1, 2),
    "u13": (0, 2),
    "in": (3, 4, 5),
}
NO_ORDERS = (0,) * len(ORDERS)
Harmonics = tuple[tuple[int, ...], ...]
NO_HARMONICS: Harmonics = ()
#: Measured segments that are remembered.
CACHE = 512
_MEGA = 10**6
#: Active, reactive and apparent power, each total, L1, L2, L3.
Powers = tuple[int, int, int, int, int, int, int, int, int, int, int, int]
#: Half a turn in thousandths of a degree, and radians in one of these.
HALF_TURN = 180_000
_RADIAN = pi / HALF_TURN


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

    @property
    def plain(self) -> bool:
        """Whether voltages and currents are seen as they are."""
        return self.voltage == self.current == (1, 1) and not (self.reversed or self.lost)


class Measured:
    """One segment as the meter sees it, on the primary side.

    ``u`` (mV), ``i`` (uA) and ``phi`` (thousandths of a degree) by phase; ``powers`` by the numbers of the sums without
    direction: active (mW), reactive (mvar), apparent (mVA), each of them total, L1, L2, L3; ``frequency`` (mHz);
    ``rates``: what each sum of energy grows by in a ms; ``warnings``: bits 0..8 of the status word.
    """

    __slots__ = ("frequency", "i", "phi", "powers", "rates", "u", "warnings", "wiring")

    def __init__(
        self,
        wiring: Wiring,
        u: Sequence[int],
        i: Sequence[int],
        phi: Sequence[int],
        powers: Powers,
        frequency: int,
    ) -> None:
        self.wiring, self.frequency = wiring, frequency
        self.u, self.i, self.phi, self.powers = u, i, phi, powers
        least = MISSING_BELOW * wiring.voltage[0] // wiring.voltage[1]
        if min(powers) >= 0 and min(u) >= least and SLOWEST <= frequency <= FASTEST:
            self.rates: Rates = tuple(enumerate(powers))
            self.warnings = 0
        else:
            self.rates = _rates(powers)
            self.warnings = _warnings(u, powers, frequency, least)

    @property
    def phases(self) -> int:
        return self.wiring.phases

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
        angle = order * (VOLTAGE_ANGLES[phase] - self.phi[phase] / 1000)
        return cmath.rect(self.i[phase] * share, radians(angle)) if share else 0j

    def _share(self, place: int, order: int) -> float:
        if order == 1:
            return 1.0
        return self.wiring.harmonics[place][order - 2] / WHOLE if self.wiring.harmonics else 0.0

    def spectrum(self, place: str) -> tuple[int, ...]:
        """Orders 2 to 16 at u1..u3, i1..i3, u12, u23, u13 or in, 0.1 % of the fundamental there; of nothing there are
        none."""
        parts = self.wiring.harmonics
        if not parts or place not in PLACES:
            return NO_ORDERS
        sources = PLACES[place]
        if len(sources) == 1:
            number = sources[0]
            return parts[number] if (self.u[number] if number < 3 else self.i[number - 3]) else NO_ORDERS

        def there(order: int = 1) -> float:
            if place == "in":
                return self.neutral_current(order)
            return self.line_voltage(sources[0], sources[1], order)

        whole = there()
        if whole < 1:
            return NO_ORDERS
        return tuple(
            min(half_up(there(order) * WHOLE / whole), MOST) if any(parts[n][order - 2] for n in sources) else 0
            for order in ORDERS
        )


def _totals(p: Sequence[int], q: Sequence[int], s: Sequence[int]) -> Powers:
    """Powers of one or three phases with their totals; that of the apparent power is the root of P^2 + Q^2."""
    if len(p) == 1:
        return p[0], p[0], 0, 0, q[0], q[0], 0, 0, s[0], s[0], 0, 0
    active, reactive = p[0] + p[1] + p[2], q[0] + q[1] + q[2]
    apparent = root(active * active + reactive * reactive)
    return active, p[0], p[1], p[2], reactive, q[0], q[1], q[2], apparent, s[0], s[1], s[2]


def _rates(powers: Powers) -> Rates:
    """What is negative goes to export; apparent power where the active one goes."""
    return tuple(
        [(n, rate) if rate >= 0 else (n + EXPORT, -rate) for n, rate in enumerate(powers[:APPARENT])]
        + [
            (n + APPARENT if powers[n] >= 0 else n + APPARENT + EXPORT, rate)
            for n, rate in enumerate(powers[APPARENT:])
        ]
    )


def _warnings(u: Sequence[int], powers: Powers, frequency: int, least: int) -> int:
    bits = 0 if SLOWEST <= frequency <= FASTEST else 0x100
    if min(u) < least:
        bits |= sum(1 << phase for phase, voltage in enumerate(u) if voltage < least)
    if min(powers[:REACTIVE]) < 0:
        bits |= sum(0x10 << phase for phase in range(3) if powers[phase + 1] < 0)
        bits |= 0x80 if powers[0] < 0 else 0
    return bits


def measure_anew(segment: Segment, wiring: Wiring) -> Measured:
    """What the meter sees of a segment that will hardly come again."""
    frequency = segment.frequency if wiring.frequency is None else wiring.frequency
    if isinstance(segment, Watts):
        return _of_watts(segment, wiring, frequency)
    return _of_terminals(segment, wiring, frequency)


#: The same for segments that come again. Meters that see the same share the result.
measure = lru_cache(maxsize=CACHE)(measure_anew)


def _of_watts(segment: Watts, wiring: Wiring, frequency: int) -> Measured:
    """The power is divided in whole mW, the remainder on L1; current and reactive power follow from it."""
    phases, lost, turn = wiring.phases, wiring.lost, -1 if wiring.reversed else 1
    size, rest = divmod(abs(segment.power), phases)
    sign = turn if segment.power >= 0 else -turn
    angle = segment.angle * _RADIAN
    cosine, tangent = cos(angle), tan(angle)
    lag = segment.angle + (HALF_TURN if sign < 0 else 0)
    numerator, denominator = wiring.voltage[0] * wiring.current[0], wiring.voltage[1] * wiring.current[1]
    voltage = nearest(VOLTS * wiring.voltage[0], wiring.voltage[1])
    factor = wiring.current[0] / wiring.current[1] * _MEGA / VOLTS / cosine
    u, i, phi = [voltage] * phases, [half_up(size * factor)] * phases, [lag] * phases
    share = nearest(size * numerator, denominator)
    p = [sign * share] * phases
    q = [half_up(sign * share * tangent)] * phases
    s = [half_up(share / cosine)] * phases
    if rest:
        first = nearest((size + rest) * numerator, denominator)
        i[0] = half_up((size + rest) * factor)
        p[0], q[0], s[0] = sign * first, half_up(sign * first * tangent), half_up(first / cosine)
    if 0 < lost <= phases:
        for values in (u, i, phi, p, q, s):
            values[lost - 1] = 0
    return Measured(wiring, u, i, phi, _totals(p, q, s), frequency)


def _of_terminals(segment: Terminals, wiring: Wiring, frequency: int) -> Measured:
    """Powers by phase from voltage, current and angle."""
    u: Sequence[int] = segment.voltages
    i: Sequence[int] = segment.currents
    phi: Sequence[int] = segment.angles
    if wiring.phases == 1:
        u, i, phi = u[:1], i[:1], phi[:1]
    if min(i) < 0 or not wiring.plain:
        u, i, phi = _seen(u, i, phi, wiring)
    if len(u) == 1:
        p, q, s = _powers(u[0], i[0], phi[0])
        return Measured(wiring, u, i, phi, (p, p, 0, 0, q, q, 0, 0, s, s, 0, 0), frequency)
    p1, q1, s1 = _powers(u[0], i[0], phi[0])
    p2, q2, s2 = _powers(u[1], i[1], phi[1])
    p3, q3, s3 = _powers(u[2], i[2], phi[2])
    p, q = p1 + p2 + p3, q1 + q2 + q3
    s = root(p * p + q * q)
    return Measured(wiring, u, i, phi, (p, p1, p2, p3, q, q1, q2, q3, s, s1, s2, s3), frequency)


def _powers(voltage: int, current: int, angle: int) -> tuple[int, int, int]:
    """mW, mvar, mVA of mV, uA (0 or more) and thousandths of a degree, rounded half away from zero."""
    apparent, turn = voltage * current / _MEGA, angle * _RADIAN
    active, reactive = apparent * cos(turn), apparent * sin(turn)
    return (
        int(active + 0.5) if active >= 0 else -int(0.5 - active),
        int(reactive + 0.5) if reactive >= 0 else -int(0.5 - reactive),
        int(apparent + 0.5),
    )


def _seen(
    voltages: Sequence[int], currents: Sequence[int], angles: Sequence[int], wiring: Wiring
) -> tuple[Sequence[int], Sequence[int], Sequence[int]]:
    """Voltages, currents (0 or more) and angles behind transformers, with what is reversed or lost."""
    u = [nearest(voltage * wiring.voltage[0], wiring.voltage[1]) for voltage in voltages]
    i = [nearest(abs(current) * wiring.current[0], wiring.current[1]) for current in currents]
    phi = [
        angle + HALF_TURN if (current < 0) != wiring.reversed else angle
        for current, angle in zip(currents, angles, strict=True)
    ]
    if 0 < wiring.lost <= len(u):
        u[wiring.lost - 1] = i[wiring.lost - 1] = phi[wiring.lost - 1] = 0
    return u, i, phi


def half_up(value: float) -> int:
    """Rounded half away from zero."""
    return int(value + 0.5) if value >= 0 else -int(0.5 - value)


def turned(angle: int) -> int:
    """An angle in thousandths of a degree brought to -180 < angle <= 180."""
    angle %= 2 * HALF_TURN
    return angle - 2 * HALF_TURN if angle > HALF_TURN else angle


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
    current = round(segment.power * _MEGA / (phases * VOLTS * cos(segment.angle * _RADIAN)))
    return Terminals((VOLTS,) * 3, (current,) * 3, (segment.angle,) * 3, segment.frequency)
