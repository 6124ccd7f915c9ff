"""Direct current behind a virtual meter, in exact integers, and the loads that draw it.

Units: millivolt, microampere, nanowatt, nanosecond; energy therefore in nanowatt-nanoseconds, 3.6 * 10^21 to the Wh.
Voltage times current is exact in these units, and so is energy: one long step and many short ones give the same
integer (D-310).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import NamedTuple

from wattproof.virtual import curves
from wattproof.virtual.curves import Column, Constant, Curve, Loads, Recorded
from wattproof.virtual.physics import nearest

#: Energy units (nanowatt-nanoseconds) in a watt hour.
WATT_HOUR = 3600 * 10**18
#: Nominal voltage of a charger without load, mV.
VOLTS = 400_000
#: The largest power that a load may ask for, W: twice what the largest meter carries at 1000 V.
MOST_WATTS = 3_000_000


class Segment(NamedTuple):
    """Voltage (mV) and current (uA, negative = export), constant until the next segment; temperatures of the two
    sensors in tenths of a degree Celsius, ``None`` where the load says nothing of them."""

    voltage: int
    current: int
    first: int | None = None
    second: int | None = None

    @property
    def power(self) -> int:
        """Power in nanowatts, negative = export."""
        return self.voltage * self.current

    @property
    def idle(self) -> Segment:
        """The same with nothing drawn."""
        return self._replace(current=0)

    @property
    def turned(self) -> Segment:
        """The same with the current reversed."""
        return self._replace(current=-self.current)

    def limited(self, amperes: int) -> Segment:
        """The same with at most ``amperes`` in either direction."""
        most = amperes * 1_000_000
        return self._replace(current=max(-most, min(self.current, most)))


#: A load of direct current.
Load = curves.Load[Segment]


def constant(text: str, microwatts: int) -> Constant[Segment]:
    """``microwatts`` at 400 V, negative = export."""
    return Constant(text, Segment(VOLTS, nearest(microwatts * 1000, VOLTS)))


@dataclass(frozen=True, slots=True)
class Stage:
    """One stage of a charging curve: until ``until`` Wh are delivered, so many volts and amperes."""

    until: int
    volts: int
    amperes: int


#: Constant current, constant voltage, taper, end (dmed4.md 14.4).
DC = (
    Stage(200, 400, 25),
    Stage(24_000, 400, 250),
    Stage(36_000, 410, 150),
    Stage(44_000, 415, 75),
    Stage(50_000, 420, 25),
)
FULL = Segment(420_000, 0)


def curve(name: str, stages: tuple[Stage, ...]) -> Curve[Segment]:
    """A charging curve by delivered energy."""
    segments = [Segment(stage.volts * 1000, stage.amperes * 1_000_000) for stage in stages]
    return Curve(f"curve:{name}", [stage.until * WATT_HOUR for stage in stages], [*segments, FULL])


_COLUMNS: Mapping[str, Column] = {
    "v": (0, Decimal("42949672.95"), 1000),
    "a": (Decimal("-429496.7295"), Decimal("429496.7295"), 1_000_000),
    "t1": (-60, 200, 10),
    "t2": (-60, 200, 10),
}


def _row(cells: Mapping[str, int]) -> Segment:
    return Segment(cells.get("v", VOLTS), cells.get("a", 0), cells.get("t1"), cells.get("t2"))


def recorded(text: str, content: str) -> Recorded[Segment]:
    """A load from the content of a file: ``t`` meter seconds, ``v`` volts, ``a`` amperes (negative = export),
    ``t1``, ``t2`` degrees Celsius."""
    return curves.recorded(text, content, _COLUMNS, _row, lambda header: None, "t and any of v, a, t1, t2")


LOADS: Loads[Segment] = Loads(
    nothing=Constant("none", Segment(VOLTS, 0)),
    constant=constant,
    most=MOST_WATTS,
    curves={"dc": curve("dc", DC)},
    recorded=recorded,
)


def parse_load(text: str, read_text: Callable[[str], str] | None = None) -> Load:
    """The load that ``--load`` names; see :meth:`wattproof.virtual.curves.Loads.parse`."""
    return LOADS.parse(text, read_text)


@dataclass(slots=True)
class Counters:
    """Energy and hours of a meter in both directions, integrated in closed form.

    ``power`` (nW, negative = export) has flowed since ``at``. Totals only grow here; where a counter rolls over is a
    matter of how it is shown. ``cycle`` and ``cycle_export`` count while ``charging``. ``powered`` and ``working`` are
    nanoseconds with supply and with power. ``reverse``: exports are counted; else what flows back is only shown.
    """

    at: int
    reverse: bool = True
    imported: int = 0
    exported: int = 0
    cycle: int = 0
    cycle_export: int = 0
    powered: int = 0
    working: int = 0
    power: int = 0
    charging: bool = False
    supplied: bool = True

    def integrate(self, now: int) -> None:
        """Count what flowed until ``now``."""
        elapsed = now - self.at
        if elapsed > 0:
            energy = self.power * elapsed
            if energy > 0:
                self.imported += energy
                self.cycle += energy if self.charging else 0
            elif energy and self.reverse:
                self.exported -= energy
                self.cycle_export -= energy if self.charging else 0
            if self.supplied:
                self.powered += elapsed
                self.working += elapsed if energy else 0
        self.at = now
