"""Special readouts: what a meter has stored, asked for by a SND_UD (abb-meters.md 1.14).

Data begin at the stored time nearest to the one that is asked for, and go back from there.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from functools import lru_cache, partial
from types import MappingProxyType
from typing import TYPE_CHECKING

from wattproof.metering.clock import Stamp
from wattproof.metering.dates import DAY_SECONDS, seconds_of
from wattproof.metering.demand import Cell, Entry
from wattproof.metering.harmonics import ORDERS
from wattproof.metering.intervals import Period
from wattproof.metering.load_profile import Channel, Row, Status
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.rows import GOLD, PLATINUM
from wattproof.meters.abb.virtual.gauges import DISTORTIONS, GAUGES, SPECTRA
from wattproof.meters.abb.virtual.mbus.fields import (
    ERROR,
    GOOD,
    QUANTITIES,
    Field,
    Form,
    declared,
    made,
    moment,
    plain,
    stored,
)
from wattproof.meters.abb.virtual.mbus.readouts import (
    STAMP,
    Listed,
    Page,
    Readout,
    Streamed,
    form_of,
    pack,
    previous_groups,
)
from wattproof.meters.abb.virtual.recorder import COUNTERS
from wattproof.meters.abb.virtual.refusals import Missing
from wattproof.wire.mbus import abb
from wattproof.wire.mbus.dib import DataField, Dib, Function
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.requests import CURRENT_PHASES, VOLTAGE_PHASES, Request

if TYPE_CHECKING:
    from wattproof.meters.abb.virtual.meter import AbbMeter

#: Quantities by the name under which their load profile is asked for; of several, the first channel counts.
PROFILES: Mapping[str, Sequence[int]] = MappingProxyType(
    {
        "active_energy_import": (1,),
        "reactive_energy_import": (21,),
        "active_energy_export": (2,),
        "reactive_energy_export": (22,),
        "apparent_energy_import": (33,),
        "apparent_energy_export": (34,),
        **{f"input_{port}": (id,) for port, id in enumerate(COUNTERS, 1)},
        "current": (70, 73, 76, 81),
        "voltage": (69, 72, 75, 78, 79, 80),
        "thd_voltage": tuple(range(59, 65)),
        "thd_current": tuple(range(65, 69)),
        "power_factor": (82, 71, 74, 77),
    }
)
#: Bits of a row's status as ``FF FE`` has them.
_INTERVAL_BITS = (
    (Status.CLOCK_CHANGED, 0x10),
    (Status.BAD, 0x08),
    (Status.POWER_FAILURE, 0x04),
    (Status.SHORT, 0x02),
    (Status.LONG, 0x01),
)
ABSENT = Missing.ABSENT.record_status
_MINUTES, _HOURS = declared("01", "FD A5"), declared("01", "FD A6")
_SUB_INTERVAL = declared("01", "FF AB")
#: Minutes from which on an interval is told in hours: the byte is signed.
_LONG = 120
#: End of a period of demand, ``ED EB FF F0``.
_PERIOD_END = made(Dib(DataField.BCD12), bytes.fromhex("ED EB FF 70"))
_NEVER = Moment(2000, 1, 1, 0, 0, 0)


def latest(moment: Moment | None) -> int | None:
    """The last second that is asked for: of a date its end; ``None`` without a moment. Seconds since 2000.

    Raises ``ValueError`` for a moment that does not exist.
    """
    if moment is None:
        return None
    day = date(moment.year or 0, moment.month or 0, moment.day or 0)
    start = seconds_of(day.year, day.month, day.day)
    if moment.hour is None:
        return start + DAY_SECONDS
    return start + (moment.hour * 60 + (moment.minute or 0)) * 60 + (moment.second or 0)


def _newest(stamps: Sequence[int], until: int | None) -> int:
    """How many of the stored times, oldest first, stand before those that come after ``until``."""
    if until is None:
        return len(stamps)
    return next((number for number in range(len(stamps), 0, -1) if stamps[number - 1] <= until), 0)


def _interval(milliseconds: int, mode: int) -> Record:
    minutes = milliseconds // 60_000
    form, value = (_MINUTES, minutes) if minutes < _LONG else (_HOURS, minutes // 60)
    return form.show((value, GOOD), mode)


# load profile


def _profile(meter: AbbMeter, request: Request) -> Readout:
    until = latest(request.value if isinstance(request.value, Moment) else None)
    recorder = meter.body.recorder
    wanted = PROFILES[str(request.subject)] if request.name == "load_profile" else ()
    for number, (quantity, channel) in enumerate(zip(recorder.quantities, recorder.channels, strict=True), 1):
        if channel is not None and quantity is not None and (quantity in wanted or number == request.subject):
            kept = copy.deepcopy(channel)
            make = partial(profile_pages, kept, quantity, until, meter.record_status)
            return Streamed(meter, make)
    return Streamed(meter, lambda: iter([[_MINUTES.show((None, ABSENT), meter.record_status)]]))


def profile_pages(channel: Channel, quantity: int, until: int | None, mode: int) -> Iterator[Page]:
    """The interval, then pairs of time stamp and value, newest first."""
    last = len(channel)
    while last and until is not None and channel.row(last - 1).stamp.seconds > until:
        last -= 1

    def groups() -> Iterator[Sequence[Record]]:
        yield [_interval(channel.interval, mode)]
        for number in range(last - 1, -1, -1):
            yield profile_row(channel.row(number), quantity, mode)

    return pack(groups())


def profile_row(row: Row, quantity: int, mode: int) -> list[Record]:
    """Time stamp and value of one interval; of an array of harmonics the orders from 2 on."""
    bits = sum(bit for status, bit in _INTERVAL_BITS if row.status & status)
    status = ABSENT if not row.status & Status.EXISTS else ERROR if row.status & Status.BAD else GOOD
    found = [stored(STAMP, 1).show((moment(row.stamp), GOOD), mode)]
    if isinstance(row.value, int):
        return [*found, _of_interval(quantity, None, bits).show((row.value if status == GOOD else None, status), mode)]
    for order, value in zip(ORDERS, row.value[1:], strict=False):
        found.append(_of_interval(quantity, order, bits).show((value if status == GOOD else None, status), mode))
    return found


@lru_cache(maxsize=1024)
def _of_interval(quantity: int, order: int | None, bits: int) -> Form:
    """The form of a value of an interval: storage number 1, and what was abnormal."""
    form = form_of(quantity)
    chain = form.declaration.chain if order is None else harmonic_chain(quantity, order)
    if bits:
        chain = bytes((*chain[:-1], chain[-1] | 0x80, 0xFF, 0xFE, bits))
    return stored(made(form.declaration.dib, chain), 1)


# previous values and logs


def _previous(meter: AbbMeter, request: Request) -> Readout:
    previous = meter.body.recorder.previous
    rows, columns = list(previous.table), previous.columns
    first = _newest([row.stamp.seconds for row in rows], latest(_asked(request)))

    def pages() -> Iterator[Page]:
        for number in range(first - 1, -1, -1):
            yield from pack(previous_groups(rows[number], columns, len(rows) - number, meter.record_status))

    return Streamed(meter, pages)


_EVENTS = {name: declared("02", f"FF F9 {entry | 0x80:02X}") for name, (_, entry) in abb.LOGS.items()}
_BEGIN, _DURATION = declared("0E", "ED B9"), declared("04", "A0")
#: Place of a log among those of the body.
LOG_NUMBERS = {"system": 0, "event": 1, "net_quality": 2}
#: Entries in one telegram.
ENTRIES = 5


def _log(meter: AbbMeter, request: Request) -> Readout:
    """Entry by entry back in time, from the one nearest to the moment that is asked for, or so many entries before (-)
    or behind it as the offset says."""
    name = str(request.subject)
    entries = list(meter.body.watch.logs[LOG_NUMBERS[name]].rows())
    nearest = _newest([entry.stamp.seconds for entry in entries], latest(_asked(request))) - 1
    first = min(nearest + request.offset, len(entries) - 1)

    def pages() -> Iterator[Page]:
        mode = meter.record_status
        records: list[Record] = []
        for number in range(first, -1, -1):
            entry = entries[number]
            records += (
                _EVENTS[name].show((entry.code, GOOD), mode),
                _BEGIN.show((moment(entry.stamp), GOOD), mode),
                _DURATION.show((entry.duration, GOOD), mode),
            )
            if len(records) == 3 * ENTRIES:
                yield records
                records = []
        if records:
            yield records

    return Streamed(meter, pages)


def _asked(request: Request) -> Moment | None:
    return request.value if isinstance(request.value, Moment) else None


# demand


def _demand(meter: AbbMeter, request: Request) -> Readout:
    """From the period of the date back; the running one has storage number 0."""
    body, mode = meter.body, meter.record_status
    demand, until = body.recorder.demand, latest(_asked(request))
    periods = [*((row.stamp, row.cells) for row in demand.table), (body.stamp, demand.cells())]
    begins = [_begin(demand.period, demand.table[0].stamp.seconds) if demand.table else demand.started.seconds]
    begins += [row.stamp.seconds for row in demand.table]
    first = next((n for n in range(len(periods) - 1, -1, -1) if until is None or begins[n] < until), -1)
    if not demand.entries:
        first = -1
    entries, interval, sub_interval = demand.entries, demand.interval, demand.sub_interval

    def pages() -> Iterator[Page]:
        head = [_interval(interval, mode), _SUB_INTERVAL.show((sub_interval // 60_000, GOOD), mode)]
        if first < 0:
            yield head
        for number in range(first, -1, -1):
            end, cells = periods[number]
            yield from pack(demand_groups(entries, cells, end, len(periods) - 1 - number, mode), head)

    return Streamed(meter, pages)


def _begin(period: Period, end: int) -> int:
    """When a period began that ended at a moment (s since 2000) and had none before it."""
    day = (end - 1) // DAY_SECONDS
    while not period.ends(day - 1):
        day -= 1
    return day * DAY_SECONDS


def demand_groups(
    entries: Sequence[Entry], cells: Sequence[Cell], end: Stamp, number: int, mode: int
) -> Iterator[Sequence[Record]]:
    """One period: values with their times, at last its end. ``number``: 0 the running one, 1 the last, ..."""
    stamp = stored(STAMP, number)
    for entry, cell in zip(entries, cells, strict=True):
        form = demand_form(entry, number)
        if cell.status:
            yield [form.show((cell.value, GOOD), mode), stamp.show((moment(cell.stamp), GOOD), mode)]
        else:
            yield [form.show((None, ABSENT), mode), stamp.show((_NEVER, GOOD), mode)]
    yield [stored(_PERIOD_END, number).show((moment(end), GOOD), mode)]


@lru_cache(maxsize=4096)
def demand_form(entry: Entry, number: int) -> Form:
    """Maximum or minimum, storage number, and which level: ``FF F9 Dn``. An energy is sent as its power, an input as
    counts an hour."""
    declaration = form_of(entry.quantity).declaration
    dib, chain = declaration.dib, declaration.chain
    width = dib.field
    if entry.quantity in COUNTERS:
        chain = bytes((*chain[:-1], chain[-1] | 0x80, 0x22))
    elif entry.quantity not in GAUGES and entry.quantity not in DISTORTIONS:
        width, chain = DataField.INT32, bytes((0x29 | chain[0] & 0x80, *chain[1:]))
    level = 0x50 | entry.level | (8 if entry.sliding else 0)
    function = Function.MAXIMUM if entry.maximum else Function.MINIMUM
    block = Dib(width, function, number, dib.tariff, dib.subunit)
    return made(block, bytes((*chain[:-1], chain[-1] | 0x80, 0xFF, 0xF9, level)))


# harmonics

_CURRENTS = dict(zip(CURRENT_PHASES, (65, 66, 67, 68), strict=True))
_VOLTAGES = dict(zip(VOLTAGE_PHASES, (59, 60, 61, 62, 63, 64), strict=True))
#: The array of harmonics that belongs to a distortion.
_ARRAYS = dict(zip(DISTORTIONS, SPECTRA, strict=True))


def harmonic_chain(array: int, order: int) -> bytes:
    """Codes of one order: ``... FF F8 8h``."""
    chain = ROWS[array].vib
    return bytes((*chain[:-1], order))


def _harmonic(array: int, order: int) -> Field:
    form = made(form_of(array).declaration.dib, harmonic_chain(array, order))
    return Field(form, lambda meter: plain(meter.body.harmonic(array, order)), array)


@lru_cache(maxsize=32)
def harmonic_fields(distortion: int) -> Sequence[Field]:
    """One telegram: the distortion, then orders 2 to 16."""
    array = _ARRAYS[distortion]
    return (QUANTITIES[distortion], *(_harmonic(array, order) for order in ORDERS))


def _harmonics(meter: AbbMeter, request: Request) -> Readout | None:
    places = _CURRENTS if request.name == "current_harmonics" else _VOLTAGES
    wanted = places.values() if request.value is None else [places.get(int(str(request.value)), 0)]
    telegrams = [harmonic_fields(id) for id in wanted if id in meter.body.ids]
    return Listed(meter, telegrams) if telegrams else None


#: What answers a request, and the level from which on a meter has it.
_READOUTS: Mapping[str, tuple[int, Callable[[AbbMeter, Request], Readout | None]]] = MappingProxyType(
    {
        "load_profile": (PLATINUM, _profile),
        "load_profile_channel": (PLATINUM, _profile),
        "demand": (GOLD, _demand),
        "previous_values": (GOLD, _previous),
        "current_harmonics": (PLATINUM, _harmonics),
        "voltage_harmonics": (PLATINUM, _harmonics),
        "log": (GOLD, _log),
    }
)


def special_readout(meter: AbbMeter, request: Request) -> Readout | None:
    """What a request asks to read out; ``None`` if the meter has no such thing."""
    level, make = _READOUTS[request.name]
    return make(meter, request) if meter.body.variant.level >= level else None
