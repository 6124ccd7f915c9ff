"""What flows through a virtual meter: piecewise constant voltages, currents and angles (abb-meters.md 3.14).

A segment says what is at the terminals, in whole mV, uA, thousandths of a degree and mHz; where the form of ``--load``
gives watts, a segment holds those, so that the power is exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from wattproof.virtual import curves
from wattproof.virtual.curves import Column, Constant, Loads, Recorded

#: Nominal supply: 230.0 V, 50.00 Hz.
VOLTS, HERTZ = 230_000, 50_000
DEGREE = 1000
#: The largest power of a load, W.
MOST_WATTS = 10_000_000
#: The angle of the curves: the current lags by 18 degrees.
CURVE_ANGLE = 18 * DEGREE


class Terminals(NamedTuple):
    """Three phases as they are: voltages, currents, angles by which the current lags; frequency."""

    voltages: tuple[int, int, int]
    currents: tuple[int, int, int]
    angles: tuple[int, int, int]
    frequency: int = HERTZ


class Watts(NamedTuple):
    """An active power (mW, negative = export), equally on the phases at nominal voltage, with one angle."""

    power: int
    angle: int = 0
    frequency: int = HERTZ


Segment = Terminals | Watts
Load = curves.Load[Segment]

NOTHING = Terminals((VOLTS,) * 3, (0, 0, 0), (0, 0, 0))


class Daily(curves.Load[Segment]):
    """The same every day by the meter's clock, one segment an hour."""

    __slots__ = ("hours",)

    def __init__(self, text: str, watts: tuple[int, ...]) -> None:
        self.text = text
        self.hours = tuple(Watts(power * 1000, CURVE_ANGLE) for power in watts)

    def segment(self, elapsed: int, delivered: int) -> Segment:
        """Without a clock it is always midnight; a meter takes :attr:`hours`."""
        return self.hours[0]


DAY = (300, 280, 260, 250, 250, 300, 600, 900, 700, 500, 450, 450,
       600, 550, 500, 500, 650, 1200, 1800, 1600, 1300, 900, 600, 400)  # fmt: skip
PV = (300, 280, 260, 250, 250, 300, 500, 500, -300, -1300, -2150, -2750,
      -2900, -2950, -2700, -2100, -1150, 200, 1400, 1500, 1300, 900, 600, 400)  # fmt: skip


def constant(text: str, microwatts: int) -> Constant[Segment]:
    """So many uW in total, phi 0, in whole mW."""
    return Constant(text, Watts(round(microwatts / 1000)))


_COLUMNS: Mapping[str, Column] = {
    "w": (-MOST_WATTS, MOST_WATTS, 1000),
    **{f"u{number}": (0, 1000, 1000) for number in (1, 2, 3)},
    **{f"i{number}": (-20_000, 20_000, 1_000_000) for number in (1, 2, 3)},
    **{f"phi{number}": (-360, 360, DEGREE) for number in (1, 2, 3)},
    "hz": (0, 100, 1000),
}


def _check(header: set[str]) -> str | None:
    mixed = "w" in header and len(header - {"t", "w", "hz"})
    return "column w is the total power and cannot stand beside columns of phases" if mixed else None


def _row(cells: Mapping[str, int]) -> Segment:
    hertz = cells.get("hz", HERTZ)
    if "w" in cells:
        return Watts(cells["w"], 0, hertz)
    voltages, currents, angles = (
        (cells.get(f"{name}1", default), cells.get(f"{name}2", default), cells.get(f"{name}3", default))
        for name, default in (("u", VOLTS), ("i", 0), ("phi", 0))
    )
    return Terminals(voltages, currents, angles, hertz)


def recorded(text: str, content: str) -> Recorded[Segment]:
    """A load from the content of a file: column ``t`` in meter seconds, ``w`` or ``u1`` ... ``hz``."""
    return curves.recorded(
        text, content, _COLUMNS, _row, _check, "t and w, or t and any of u1..u3, i1..i3, phi1..phi3, hz"
    )


LOADS: Loads[Segment] = Loads(
    nothing=Constant("none", NOTHING),
    constant=constant,
    most=MOST_WATTS,
    curves={"day": Daily("curve:day", DAY), "pv": Daily("curve:pv", PV)},
    recorded=recorded,
)
#: What flows unless something else is said.
DEFAULT = "curve:day"


def parse_load(text: str, read_text: Callable[[str], str] | None = None) -> Load:
    """The load that ``--load`` names; see :meth:`wattproof.virtual.curves.Loads.parse`."""
    return LOADS.parse(text, read_text)
