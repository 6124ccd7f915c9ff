"""What telegrams of the standard readout look like: headers, records, order (abb-meters.md 1.7 to 1.13).

The statements about vectors are held against the telegrams of the meter: what a decoder has to find in captured frames
is what a meter has to send.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wattproof.conformance.abb.common import CAPTURE, MANUAL, expect, row, several
from wattproof.conformance.abb.mbus import MbusSide
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.engine import Failed, Need, NotApplicable
from wattproof.meters.abb.mbus.binding import ROWS_BY_SENSE, Sense, declared
from wattproof.meters.abb.rows import Row
from wattproof.wire.mbus.dib import DataField
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.requests import Request
from wattproof.wire.mbus.telegrams import Telegram
from wattproof.wire.mbus.values import Invalid

#: Modes of record status.
NEVER, NOT_OK, ALWAYS = 0, 1, 2
#: Record status: no data; data error.
NO_DATA, DATA_ERROR = 0x15, 0x18
#: Quantities whose form may differ: net energies (AD-07) and currents (AD-06).
NET = frozenset((*range(13, 17), *range(29, 33), *range(41, 45)))
CURRENTS = frozenset((70, 73, 76, 81))
#: Codes of which nobody knows what they mean (AD-30): FF 2D and FF F9 0A.
UNKNOWN = frozenset((bytes.fromhex("FF2D"), bytes.fromhex("FFF90A")))
#: Flags words and levels of ports, in their order: error, warning, information, alarm; input and output n.
FLAGS = tuple(declared(f"FF 2{code}", field=DataField.INT64) for code in (6, 7, 8, 9))
INPUTS, OUTPUTS = (tuple(declared(vif, subunit=n) for n in range(1, 5)) for vif in ("FD 1B", "FD 1A"))
_LEVELS = frozenset((*INPUTS, *OUTPUTS))
ELEMENTS, BESIDE_CLOCK = "FF 2D", "FF F9 0A"

_FIRST = (1, 9, 10, 11, 12, 2, 85, 86, 87, 88, 189, 141, 143, 142, 144, *FLAGS, 146, BESIDE_CLOCK, 139, 138)
_PORTS = (*OUTPUTS, *INPUTS, 55, 56, 57, 58, 51, 52, 53, 54)
_REACTIVE = (21, 17, 18, 19, 20), (22, 89, 90, 91, 92)
_SUMS = (171, 172, 173, 174, 175, 176, 177, 178, 122, 113, 84, 83, 33, 34)
_ANGLES = (108, 105, 106, 107, 158, 161, 164, 159, 162, 165)
#: Telegrams in their order (1.13), without previous values: an A41, and meters with three phases.
SINGLE: tuple[tuple[object, ...], ...] = (
    _FIRST,
    (152, 151, 96, 100, 104, 69, 70, 170, 82, 108, 158, 159, 169, *_REACTIVE[0], *_REACTIVE[1], ELEMENTS),
    _PORTS,
    (*_SUMS, 13, 29, 41),
)
THREE: tuple[tuple[object, ...], ...] = (
    _FIRST,
    (152, 96, 93, 94, 95, 100, 97, 98, 99, 104, 101, 102, 103, 69, 72, 75, 78, 79, 80, 70, 73, 76, 81, 170),
    (151, 82, 71, 74, 77, *_ANGLES, 169, 160, 163, 166, *_REACTIVE[0]),
    (*_REACTIVE[1], ELEMENTS, *_PORTS),
    _SUMS,
    (3, 4, 5, 23, 24, 25, 35, 36, 37, 6, 7, 8, 26, 27, 28, 38, 39, 40),
    (13, 14, 15, 16, 29, 30, 31, 32, 41, 42, 43, 44),
)
#: L of telegrams that are complete, by their number, with a record status always sent.
LENGTHS = {len(SINGLE): {2: 0xEA, 3: 0x94, 4: 0xCF}, len(THREE): {2: 0xFC, 5: 0xA4, 6: 0xF7, 7: 0xCE}}


def known(records: Sequence[Record]) -> Iterator[tuple[Record, Row]]:
    """The records of quantities, each with its row. Levels of ports are none."""
    for record in records:
        sense = Sense.of(record.header)
        found = ROWS_BY_SENSE.get(sense)
        if found is not None and sense not in _LEVELS:
            yield record, found


def _dib(record: Record) -> bytes:
    """DIF and DIFE as they were sent."""
    encoded = record.header.encoded
    end = next(at for at, octet in enumerate(encoded) if not octet & 0x80) + 1
    return encoded[:end]


def _vib(record: Record) -> bytes:
    """VIF and VIFE without record status, the last extension bit cleared."""
    vib = record.header.encoded[len(_dib(record)) :]
    if record.status is not None:
        vib = vib[:-1]
    return vib[:-1] + bytes((vib[-1] & 0x7F,))


async def numbers(meter: Abb) -> str:
    remarks = []
    count = 0
    for record, found in known(await meter.mbus.records()):
        sent, wanted = _dib(record), found.dib
        if sent != wanted and found.id in NET and sent[0] & 0x0F == DataField.BCD12 and sent[1:] == wanted[1:]:
            remarks.append("net energies as BCD (AD-07)")
        else:
            expect(sent == wanted, f"{found.name} comes with DIB {sent.hex(' ')}, not {wanted.hex(' ')}")
        count += 1
    expect(count, "no record of the readout is one of 1.12")
    return several([f"{count} records", *remarks]) or ""


async def codes(meter: Abb) -> str:
    """VIF and VIFE are those of 1.12; what no table has is one of the two that nobody knows."""
    remarks = []
    for record, found in known(await meter.mbus.records()):
        wanted = found.vib[:-1] + bytes((found.vib[-1] & 0x7F,))
        sent = _vib(record)
        if found.id in CURRENTS and sent != wanted:
            expect(sent[:1] == b"\xfd" and sent[1] & 0x70 == 0x50, f"{found.name} comes with VIB {sent.hex(' ')}")
            remarks.append("currents in 1 mA (AD-06)" if sent[1] & 0x7F == 0x59 else f"currents with {sent[1]:02X}")
            continue
        expect(sent == wanted, f"{found.name} comes with VIB {sent.hex(' ')}, not {wanted.hex(' ')}")
    strangers = {_vib(record) for record in await meter.mbus.records() if not record.header.known}
    others = [vib.hex(" ") for vib in strangers - UNKNOWN]
    expect(not others, f"codes that no table has: {', '.join(others)}")
    return several(remarks) or ""


async def texts(meter: Abb) -> str:
    """Texts are sent last character first: the type designation begins with the family."""
    found = {found.id: record.value for record, found in known(await meter.mbus.records())}
    kind, firmware = (value if isinstance(value, str) else "" for value in (found.get(138), found.get(139)))
    expect(kind[:1] in ("A", "B"), f"the type designation reads {kind!r}")
    expect(firmware and firmware.isprintable(), f"the firmware version reads {firmware!r}")
    return f"{kind}, {firmware}"


async def ends(meter: Abb) -> str | None:
    telegrams = await meter.mbus.standard()
    remarks = []
    for number, telegram in enumerate(telegrams, 1):
        mark = telegram.body.tail.lstrip(b"\x2f")
        wanted = b"\x0f" if number == len(telegrams) else b"\x1f"
        expect(mark[:1] == wanted, f"telegram {number} of {len(telegrams)} ends with {mark[:1].hex() or 'nothing'}")
        if len(mark) > 1:
            remarks.append(f"{len(mark) - 1} bytes behind the end of telegram {number}")
    return several(remarks)


async def decimals(meter: Abb) -> None:
    count = 0
    for record in await meter.mbus.records():
        if record.header.dib.field.decimal and not record.status:
            expect(not isinstance(record.content, Invalid), f"{record.quantity} is no decimal number: {record.problem}")
            count += 1
    expect(count, "no record of the readout is a decimal number")


async def date_time(meter: Abb) -> str:
    """Six bytes of BCD: second, minute, hour, day, month, year."""
    for telegram in await meter.mbus.standard():
        for record in telegram:
            if record.quantity == "date_time" and not record.storage:
                field = record.header.dib.field
                expect(field is DataField.BCD12, f"date and time have data field {field.name}")
                if record.status:
                    return f"record status {record.status:02X}"
                expect(
                    isinstance(record.content, Moment) and record.content.exact, f"{record.data.hex(' ')} is no time"
                )
                return str(record.content)
    raise NotApplicable("the meter has no clock")


async def absent(meter: Abb) -> str:
    """A record with the status "no data" or "data error" says zero."""
    count = 0
    for record in await meter.mbus.records():
        if record.status in (NO_DATA, DATA_ERROR) and record.quantity != "date_time" and record.header.known:
            expect(not any(record.data), f"{record.quantity} has status {record.status:02X} and {record.data.hex(' ')}")
            count += 1
    return f"{count} records without data"


async def previous(meter: Abb) -> str:
    """The newest previous values: storage number 1, first their time."""
    telegrams = await meter.mbus.standard()
    last = telegrams[-1].records
    if not last or any(not record.storage for record in last):
        raise NotApplicable("the last telegram holds no previous values: no period has ended, or the meter has none")
    expect(last[0].quantity == "date_time", f"previous values begin with {last[0].quantity}, not with their time")
    expect({record.storage for record in last} == {1}, "previous values of the readout have another storage than 1")
    value = last[0].value
    return str(value)


async def order(meter: Abb) -> str:
    telegrams = await meter.mbus.standard()
    items = [_items(telegram) for telegram in telegrams]
    single = not any(72 in told for told in items)
    table = SINGLE if single else THREE
    place = -1
    for number, told in enumerate(items, 1):
        if not told:
            continue
        place = next((n for n in range(place + 1, len(table)) if _within(told, table[n])), -1)
        if place < 0:
            raise Failed(f"telegram {number} holds {_words(told)}: not a telegram of 1.13 in its order")
        length = len(telegrams[number - 1].encode()) + 3
        wanted = LENGTHS[len(table)].get(place + 1)
        complete = len(told) == len(table[place]) and all(record.status is not None for record in telegrams[number - 1])
        if wanted is not None and complete:
            expect(length == wanted, f"telegram {number} has L = {length:02X}, not {wanted:02X}")
    return f"{len(telegrams)} telegrams as {'single phase' if single else 'three phase'} meters send them"


def _items(telegram: Telegram) -> list[object]:
    """Its records as the tables above name them; previous values are none of them."""
    found: list[object] = []
    for record in telegram:
        sense = Sense.of(record.header)
        quantity = ROWS_BY_SENSE.get(sense)
        if sense in _LEVELS or sense in FLAGS:
            found.append(sense)
        elif quantity is not None:
            found.append(quantity.id)
        elif not record.header.known:
            found.append(_vib(record).hex(" ").upper())
        elif record.storage == 1:
            continue
        else:
            found.append(str(sense))
    return found


def _within(told: Sequence[object], table: Sequence[object]) -> bool:
    """Whether these stand in this telegram, in its order."""
    left = iter(table)
    return all(item in left for item in told)


def _words(told: Sequence[object]) -> str:
    return ", ".join(str(item) for item in told[:4]) + (" ..." if len(told) > 4 else "")


async def status_modes(meter: Abb) -> str | None:
    """How record status is sent: always, never, when not OK; put back to what was found."""
    side = meter.mbus
    told = [record.status for record in await side.records()]
    found = NEVER if set(told) == {None} else ALWAYS if None not in told else NOT_OK
    try:
        always = await _statuses(side, ALWAYS, len(told))
        expect(None not in always, "in mode 2 not every record has its status")
        never = await _statuses(side, NEVER, len(told))
        expect(set(never) == {None}, "in mode 0 records have their status")
        when_bad = await _statuses(side, NOT_OK, len(told))
        expect(0 not in when_bad, "in mode 1 records that are OK have their status")
        expect(any(always) == any(when_bad), "in mode 1 no record has its status, and some are not OK")
    finally:
        await side.command(Request("set_status_mode", found))
    return None if any(always) else "all records are OK"


async def _statuses(side: MbusSide, mode: int, count: int) -> list[int | None]:
    """The record status of all records in a mode."""
    await side.command(Request("set_status_mode", mode))
    sent = [record.status for telegram in await side.read() for record in telegram]
    expect(len(sent) == count, f"in mode {mode} the readout has {len(sent)} records, not {count}")
    return sent


ROWS = (
    row("A-033", "Storage, tariff and unit are sent in as few DIFE as 1.12 has", CAPTURE, Need.READ, numbers, "AD-07"),
    row("A-034", "Texts are sent last character first", CAPTURE, Need.READ, texts),
    row("A-035", "1F ends a telegram that others follow, 0F the last one", CAPTURE, Need.READ, ends),
    row("A-036", "Energies are decimal digits", CAPTURE, Need.READ, decimals),
    row("A-037", "Date and time are six BCD bytes", CAPTURE, Need.READ, date_time),
    row("A-043", "Chains of VIF and VIFE are those of 1.12", CAPTURE, Need.READ, codes, "AD-06, AD-30"),
    row("A-044", "What has status 15 or 18 is sent as zero", CAPTURE, Need.READ, absent),
    row("A-060", "The readout ends with the newest previous values, storage number 1", CAPTURE, Need.READ, previous),
    row("A-071", "Records stand in the telegrams and in the order of 1.13", MANUAL, Need.READ, order,
        "borders of telegrams 3 and 4 are inferred"),
    row("A-072", "Record status is sent never, when not OK, or always", MANUAL, Need.WRITE, status_modes),
)  # fmt: skip
