"""Faults and controls of the meter itself: the rows of the tables "Meter" and "Controls" (abb-meters.md 3.13).

Those of the link and of the two protocols stand with the faces.
"""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal

from wattproof.metering.dates import seconds_of
from wattproof.metering.harmonics import ORDERS
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.virtual.electrics import HARMONIC_PLACES, Harmonics
from wattproof.virtual.faults import Choice, Count, Flag, Number, Row, Switch, Text, Whole

SOURCE = "3.13"
INVALID = "invalid"
#: Bits of the status word that nothing but a fault sets.
STATUS_BITS = frozenset({3, 9, *range(40, 51)})
_LONGEST = 31_536_000
_METER = "s meter"


class _StatusBit:
    """One of the bits that only a fault sets."""

    limits = "3, 9, 40..50"

    def read(self, value: object) -> object:
        number = Whole(0, 63).read(value)
        if number not in STATUS_BITS:
            raise ValueError
        return number


class _Doing:
    """Something that is done, not left."""

    limits = "true"

    def read(self, value: object) -> object:
        if value is not True and value != "true":
            raise ValueError
        return True


class _Quantity:
    """An id of the table of quantities."""

    limits = "id of a quantity"

    def read(self, value: object) -> object:
        number = Whole(1, 241).read(value)
        if number not in ROWS:
            raise ValueError
        return number


def _clock(text: str) -> object:
    """Seconds since 2000-01-01 of a local date and time, or ``invalid``."""
    if text == INVALID:
        return text
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None or not 2000 <= moment.year <= 2099:
        raise ValueError
    return seconds_of(*moment.timetuple()[:6])


def _harmonics(text: str) -> object:
    """``u1:3=50,i2:5=120`` as orders 2 to 16 of u1..u3, i1..i3; nothing named is 0."""
    found = {place: [0] * len(ORDERS) for place in HARMONIC_PLACES}
    for part in filter(None, text.split(",")):
        match = re.fullmatch(r"\s*([ui][123]):(\d{1,2})=(\d{1,4})\s*", part)
        if match is None or int(match[2]) not in ORDERS or int(match[3]) > 1000:
            raise ValueError
        found[match[1]][int(match[2]) - ORDERS.start] = int(match[3])
    parts: Harmonics = tuple(tuple(orders) for orders in found.values())
    return parts if any(map(any, parts)) else ()


def _flag(name: str, description: str, *, once: bool = False) -> Row:
    return Row(name, Flag(), True, description, SOURCE, once=once)


METER_FAULTS: tuple[Row, ...] = (
    _flag("refuse-writes", "M-Bus acknowledges without effect, COSEM answers SET and ACTION with 3."),
    _flag("activate-fails", "Activation of the calendar gives result 1; passive tables keep what was written."),
    Row("image-fails", Choice(("verify", "activate")), "verify", "The image ends with status 4 or 7.", SOURCE),
    Row("power-cut", Number(0, _LONGEST, _METER), Decimal(10), "Supply off for this long.", SOURCE, once=True),
    Row("clock-back", Number(1, _LONGEST, _METER), Decimal(3600), "Clock set back.", SOURCE, once=True),
    Row("clock-forward", Number(1, _LONGEST, _METER), Decimal(3600), "Clock set forward.", SOURCE, once=True),
    _flag("clock-lost", "Date and time not set; ends with a clock write.", once=True),
    Row("clock-drift", Whole(-100_000, 100_000, "ppm"), 20_000, "The clock gains or loses.", SOURCE),
    _flag("overflow", "Energy registers stand 10 units before their end.", once=True),
    Row("counter-glitch", Count(), 1, "Energies read 0 in the next N answers that contain them.", SOURCE),
    Row("counter-jump", Whole(1, 10**9, "Wh"), 10**6, "Active import and its tariff += value.", SOURCE, once=True),
    _flag("frozen", "Instantaneous values and energies keep what they show; counting goes on inside."),
    Row("noise", Number(0, 100, "%"), Decimal(1), "Each second has voltages and currents of its own.", SOURCE),
    Row("phase-lost", Whole(1, 3), 1, "Voltage and current of the phase 0.", SOURCE),
    _flag("reverse", "All currents reversed."),
    Row("status-bit", _StatusBit(), 40, "This bit of the status word is set.", SOURCE),
    _flag("log-full", "All three logs are filled.", once=True),
)
#: What replaces a value, on either face; the table of M-Bus has them.
VALUE_FAULTS: tuple[Row, ...] = (
    Row("status-15", _Quantity(), 1, "The quantity is sent as 0 with status 15; COSEM: undefined.", SOURCE),
    Row("status-18", _Quantity(), 1, "The quantity is sent as 0 with status 18; COSEM: temporary failure.", SOURCE),
)
_SWITCH = Switch()
METER_CONTROLS: tuple[Row, ...] = (
    Row("load", Text("none, constant:W, curve[:NAME], csv:FILE"), "curve:day", "new source from now on", "3.14"),
    Row("power", _SWITCH, True, "supply", SOURCE),
    Row("clock", Text("local date and time, invalid", ".+", _clock), None, "as a clock write", SOURCE),
    *(Row(f"input-{port}", _SWITCH, False, f"level at port {port}", SOURCE) for port in range(1, 5)),
    Row("frequency", Number(0, 100, "Hz"), Decimal(50), "mains", SOURCE),
    Row("harmonics", Text("u1:3=50,i2:5=120; 0..1000", ".*", _harmonics), "", "0.1 % of the fundamental", "3.4"),
    Row("front-key", Choice(("closed", "password", "open")), "open", "write access level", "1.15"),
    Row("default", _Doing(), True, "factory settings, registers kept", SOURCE),
    Row("step", Number(0, _LONGEST, _METER), None, "advance by this time at once", SOURCE),
)
