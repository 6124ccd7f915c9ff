"""Instantaneous values by the ids of the table of quantities: how each is read off a measured segment (3.2, 3.4).

A gauge is read as a whole number in an inner unit, which is divided to the raw value that is shown; averages are taken
of the inner numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import atan2, degrees
from types import MappingProxyType

from wattproof.metering.rounding import nearest
from wattproof.meters.abb.virtual.electrics import ACTIVE, APPARENT, REACTIVE, VOLTAGE_ANGLES, Measured, half_up, turned

Read = Callable[[Measured], int]


@dataclass(frozen=True, slots=True)
class Gauge:
    """``read`` gives the inner number, ``divisor`` makes the raw value of it."""

    read: Read
    divisor: int = 1

    def show(self, measured: Measured) -> int:
        """The raw value, in units of the row's scale."""
        return nearest(self.read(measured), self.divisor)


def _voltage(phase: int) -> Gauge:
    return Gauge(lambda measured: measured.u[phase], 100)


def _line_voltage(first: int, second: int) -> Gauge:
    return Gauge(lambda measured: half_up(measured.line_voltage(first, second)), 100)


def _current(phase: int) -> Gauge:
    return Gauge(lambda measured: measured.i[phase], 10_000)


def _power(number: int) -> Gauge:
    return Gauge(lambda measured: measured.powers[number], 10)


def _factor(phase: int) -> Gauge:
    def read(measured: Measured) -> int:
        apparent = measured.powers[APPARENT + phase]
        return nearest(1000 * measured.powers[phase], apparent) if apparent else 0

    return Gauge(read)


def _power_angle(phase: int) -> Gauge:
    return Gauge(
        lambda measured: half_up(10 * degrees(atan2(measured.powers[REACTIVE + phase], measured.powers[phase])))
    )


def _voltage_angle(phase: int) -> Gauge:
    return Gauge(lambda measured: 10 * VOLTAGE_ANGLES[phase])


def _current_angle(phase: int) -> Gauge:
    return Gauge(lambda measured: nearest(turned(1000 * VOLTAGE_ANGLES[phase] - measured.phi[phase]), 100))


def _quadrant(phase: int) -> Gauge:
    """1 to 4 by the signs of P and Q, 0 without current."""

    def read(measured: Measured) -> int:
        flows = measured.i[phase - 1] if phase else any(measured.i)
        if not flows:
            return 0
        p, q = measured.powers[phase], measured.powers[REACTIVE + phase]
        if q >= 0:
            return 1 if p >= 0 else 2
        return 4 if p >= 0 else 3

    return Gauge(read)


def _frequency() -> Gauge:
    return Gauge(lambda measured: measured.frequency, 10)


#: Values that a segment has at once.
GAUGES: Mapping[int, Gauge] = MappingProxyType(
    {
        **{69 + 3 * phase: _voltage(phase) for phase in range(3)},
        **{70 + 3 * phase: _current(phase) for phase in range(3)},
        **{71 + 3 * phase: _factor(phase + 1) for phase in range(3)},
        78: _line_voltage(0, 1),
        79: _line_voltage(1, 2),
        80: _line_voltage(0, 2),
        81: Gauge(lambda measured: half_up(measured.neutral_current()), 10_000),
        82: _factor(0),
        **{
            first + place: _power(kind + phase)
            for first, kind in ((93, ACTIVE), (97, REACTIVE), (101, APPARENT))
            for place, phase in enumerate((1, 2, 3, 0))
        },
        **{number: _power_angle(phase) for number, phase in zip(range(105, 109), (1, 2, 3, 0), strict=True)},
        **{158 + 3 * phase: _voltage_angle(phase) for phase in range(3)},
        **{159 + 3 * phase: _current_angle(phase) for phase in range(3)},
        **{160 + 3 * phase: _quadrant(phase + 1) for phase in range(3)},
        169: _quadrant(0),
        170: _frequency(),
    }
)
#: Currents, which the A41 and A42 send in mA (AD-06).
CURRENTS = frozenset({70, 73, 76, 81})
#: Where harmonics are taken, in the order of their ids.
_PLACES = ("u1", "u2", "u3", "u12", "u23", "u13", "i1", "i2", "i3", "in")
#: Ids of total harmonic distortions and of arrays of harmonics, and where they are taken.
DISTORTIONS: Mapping[int, str] = MappingProxyType(dict(zip(range(59, 69), _PLACES, strict=True)))
SPECTRA: Mapping[int, str] = MappingProxyType(dict(zip(range(179, 189), _PLACES, strict=True)))
