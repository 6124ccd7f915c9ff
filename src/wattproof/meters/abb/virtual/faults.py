"""Faults and controls of virtual ABB meters: the closed tables of abb-meters.md 3.13."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from wattproof.metering.dates import seconds_of
from wattproof.metering.harmonics import ORDERS
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.virtual.electrics import HARMONIC_PLACES, Harmonics
from wattproof.virtual.faults import Choice, Count, Flag, Number, Row, Switch, Table, Text, Whole, join
from wattproof.virtual.framefaults import link_rows

SOURCE = "3.13"
#: Largest harmonic of the control, 0.1 %.
MOST_HARMONIC = 1000
_METER = "s meter"
_YEAR = 31_536_000


def _flag(name: str, effect: str, *, once: bool = False) -> Row:
    return Row(name, Flag(), True, effect, SOURCE, once=once)


def _count(name: str, default: object, effect: str) -> Row:
    return Row(name, Count(), default, effect, SOURCE)


def _whole(name: str, low: int, high: int, unit: str, default: int, effect: str, *, once: bool = False) -> Row:
    return Row(name, Whole(low, high, unit), default, effect, SOURCE, once=once)


def _choice(name: str, words: tuple[str, ...], default: str, effect: str) -> Row:
    return Row(name, Choice(words), default, effect, SOURCE)


@dataclass(frozen=True, slots=True)
class QuantityId:
    """The id of a quantity that one M-Bus record shows."""

    limits: str = "id of a quantity (models abb)"

    def read(self, value: object) -> object:
        found = Whole(1, max(ROWS)).read(value)
        if found not in ROWS:
            raise ValueError
        return found


@dataclass(frozen=True, slots=True)
class StatusBit:
    """A bit of the status word that nothing else sets (3.9)."""

    limits: str = "3, 9, 40..50"

    def read(self, value: object) -> object:
        found = Whole(3, 50).read(value)
        if found not in (3, 9, *range(40, 51)):
            raise ValueError
        return found


@dataclass(frozen=True, slots=True)
class Doing:
    """Something that is done, not left."""

    limits: str = "true"

    def read(self, value: object) -> object:
        if value is not True and value != "true":
            raise ValueError
        return True


_LOGICAL_NAME = re.compile(r"(\d{1,3})-(\d{1,3}):(\d{1,3})\.(\d{1,3})\.(\d{1,3})(?:\.(\d{1,3}))?/(\d{1,3})")


def _access_result(text: str) -> object:
    """``LN/CODE`` as it was written, all parts within a byte."""
    found = _LOGICAL_NAME.fullmatch(text)
    if found is None or any(int(part) > 255 for part in found.groups() if part is not None):
        raise ValueError
    return text


def _exception(text: str) -> object:
    """``STATE/SERVICE`` as it was written, two bytes."""
    if any(int(part) > 255 for part in text.split("/")):
        raise ValueError
    return text


MBUS = (
    _flag("fcb-stuck", "A toggled FCB is not noticed: every REQ_UD2 gets the same telegram, with values read anew."),
    _flag("fcb-ignored", "Every REQ_UD2 gets the next telegram, repeated ones too."),
    _flag("access-stuck", "The access number does not grow."),
    _flag("endless", "The last telegram ends with 1F and the readout starts again."),
    _whole("application-error", 0, 9, "code", 8, "Every REQ_UD2 is answered with CI 70 and this code."),
    Row("status-15", QuantityId(), 1, "The quantity is sent as zero with status 15; COSEM: result 4.", SOURCE),
    Row("status-18", QuantityId(), 1, "The quantity is sent as zero with status 18; COSEM: result 2.", SOURCE),
    _flag("raw-type", "CI 73 (fixed structure) instead of 72, from the first two energies."),
    _flag("unselectable", "A selection is never acknowledged."),
)
COSEM = (
    _count("dm", "all", "SNRM is answered DM."),
    _count("frmr", 1, "The next N I frames are answered FRMR."),
    _count("rnr", 1, "The next N I frames are answered RNR."),
    _count("wrong-ns", 1, "The next N I frames are answered with N(S) + 1."),
    _count("lost-segment", 1, "The second segment of the next N segmented answers is left out."),
    _choice("aare-reject", ("1", "2", "11", "13", "14"), "13", "Every AARQ is rejected with this diagnostic."),
    Row(
        "access-result",
        Text("LN/CODE", _LOGICAL_NAME.pattern, _access_result),
        "1-0:1.8.0/2",
        "GET, SET and ACTION of the object give this result.",
        SOURCE,
    ),
    Row(
        "exception",
        Text("STATE/SERVICE", "[0-9]{1,3}/[0-9]{1,3}", _exception),
        "1/1",
        "Every confirmed request is answered D8.",
        SOURCE,
    ),
    _count("bad-block", 1, "The next N data blocks carry block number + 1."),
    _flag("wrong-invoke", "The invoke id of answers is changed."),
    _flag("wrong-length", "Wrapper: the length field is one too high."),
)
METER = (
    _flag("refuse-writes", "M-Bus: acknowledged, no effect; COSEM: SET and ACTION result 3. The access level stays."),
    _flag("activate-fails", "The calendar is not activated (result 1); passive tables keep what was written."),
    _choice("image-fails", ("verify", "activate"), "verify", "The image transfer ends with status 4 or 7."),
    Row("power-cut", Number(0, _YEAR, _METER), Decimal(10), "Supply off for this long (3.7).", SOURCE, once=True),
    _whole("clock-back", 1, _YEAR, _METER, 3600, "The clock is set back as by a client.", once=True),
    _whole("clock-forward", 1, _YEAR, _METER, 3600, "The clock is set forward as by a client.", once=True),
    _flag("clock-lost", "Date and time not set, until the clock is written.", once=True),
    _whole("clock-drift", -100_000, 100_000, "ppm", 20_000, "The clock gains or loses."),
    _flag("overflow", "Every energy register is set to 10^12 - 10 units, then rolls over (3.3).", once=True),
    _count("counter-glitch", 1, "Energies read 0 in the next N answers that contain them."),
    _whole("counter-jump", 1, 10**9, "Wh", 10**6, "Active import total and active tariff += value.", once=True),
    _flag("frozen", "Instantaneous values and energies keep what they show; counting goes on inside."),
    Row("noise", Number(0, 100, "%"), Decimal(1), "U and I vary each meter second by so much (normal).", SOURCE),
    _whole("phase-lost", 1, 3, "", 1, "U and I of the phase are 0."),
    _flag("reverse", "All currents reversed."),
    Row("status-bit", StatusBit(), 40, "This bit of the status word is set (3.9).", SOURCE),
    _flag("log-full", "All three logs are filled with 500 entries.", once=True),
)
FAULTS: Table = join("fault", link_rows(SOURCE), MBUS, COSEM, METER)

#: What ``clock`` is when date and time count as not set.
INVALID = "invalid"


def local_time(text: str) -> object:
    """Seconds since 2000-01-01 00:00 of a local time without offset, or :data:`INVALID`. Raises ``ValueError``."""
    if text == INVALID:
        return text
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is not None or moment.microsecond or not 2000 <= moment.year <= 2099:
        raise ValueError
    return seconds_of(moment.year, moment.month, moment.day, moment.hour, moment.minute, moment.second)


def harmonics(text: str) -> Harmonics:
    """``u1:3=50,i2:5=120`` as orders 2 to 16 of u1..u3, i1..i3 in 0.1 %; nothing for an empty text.

    >>> [list(orders)[:4] for orders in harmonics("u1:3=50,i2:5=120")[:2]]
    [[0, 50, 0, 0], [0, 0, 0, 0]]
    """
    found = {place: [0] * len(ORDERS) for place in HARMONIC_PLACES}
    for part in filter(None, text.split(",")):
        where, _, value = part.partition("=")
        place, _, order = where.partition(":")
        if place not in found or int(order) not in ORDERS or not 0 <= int(value) <= MOST_HARMONIC:
            raise ValueError
        found[place][int(order) - ORDERS.start] = int(value)
    return tuple(tuple(orders) for orders in found.values()) if any(map(any, found.values())) else ()


def harmonics_text(parts: Harmonics) -> str:
    """The reverse of :func:`harmonics`."""
    return ",".join(
        f"{place}:{order}={value}"
        for place, orders in zip(HARMONIC_PLACES, parts, strict=False)
        for order, value in zip(ORDERS, orders, strict=True)
        if value
    )


_HARMONICS = r"([ui][123]:\d{1,2}=\d{1,4}(,[ui][123]:\d{1,2}=\d{1,4})*)?"
_SWITCH = Switch()
#: Words of the write access levels (1.15).
ACCESS: Mapping[str, int] = {"closed": 1, "password": 2, "open": 3}

CONTROLS: Table = Table(
    "control",
    (
        Row("load", Text("none, constant:W, curve[:NAME], csv:FILE"), "curve:day", "new source from now on", "3.14"),
        Row("power", _SWITCH, True, "supply; false then true is a power failure of that length", SOURCE),
        Row(
            "clock",
            Text("local date and time, invalid", ".+", local_time),
            None,
            "as a clock write; invalid as clock-lost",
            SOURCE,
        ),
        *(Row(f"input-{port}", _SWITCH, False, f"level at port {port}", SOURCE) for port in range(1, 5)),
        Row("frequency", Number(0, 100, "Hz"), Decimal(50), "mains", SOURCE),
        Row(
            "harmonics",
            Text("list such as u1:3=50,i2:5=120; orders 2..16, 0..1000", _HARMONICS, harmonics),
            "",
            "0.1 % of the fundamental",
            SOURCE,
        ),
        Row("front-key", Choice(tuple(ACCESS)), "open", "write access level, as by the keys of the meter", "1.15"),
        Row("default", Doing(), True, "factory settings, registers kept", SOURCE),
        Row("step", Number(0, _YEAR, _METER), None, "the meter advances at once, all events in their order", SOURCE),
    ),
)
