"""Where the points of ABB meters are among the records of a readout (abb-meters.md 1.12, 1.13).

Records are found by what they mean: number, quantity, phase, qualifiers. So the scale may be any (a current comes as
1 mA or as 0.01 A, AD-06), and so may the form (net energies are integers or BCD, AD-07). The unit of an energy comes
from the subunit (AD-04). Codes that no table has are no points (AD-30).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from decimal import Decimal
from functools import cache
from types import MappingProxyType
from typing import NamedTuple

from wattproof.drivers.mbus.names import plain, raw_of
from wattproof.meters.abb.points import FLAGS, LEVELS, POINTS, PORT_NUMBERS, PREVIOUS, Point
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.rows import Row
from wattproof.model.readings import Reading
from wattproof.model.values import Quality
from wattproof.wire.mbus.abb import MAKER
from wattproof.wire.mbus.declarations import Declaration
from wattproof.wire.mbus.dib import DataField, Dib, Function
from wattproof.wire.mbus.headers import Header
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.vife import Qualifier

#: The states of all outputs in one number; each has a record of its own.
OUTPUTS = ROWS[154]
#: VIF of the words of flags, of an input's and of an output's level, and of the end of a period.
FLAG_VIFS = {"ERRORS": "FF 26", "WARNINGS": "FF 27", "INFORMATION": "FF 28", "ALARMS": "FF 29"}
INPUT, OUTPUT, PERIOD_END = "FD 1B", "FD 1A", "ED 6B"


class Sense(NamedTuple):
    """What a record means, apart from form and scale."""

    storage: int
    tariff: int
    subunit: int
    function: Function
    quantity: str
    phase: str | None
    qualifiers: tuple[Qualifier, ...]

    @classmethod
    def of(cls, header: Header) -> Sense:
        dib = header.dib
        return cls(dib.storage, dib.tariff, dib.subunit, dib.function, header.quantity, header.phase, header.qualifiers)


def declared(chain: str, *, storage: int = 0, subunit: int = 0, field: DataField = DataField.INT8) -> Sense:
    """The sense of a record of these VIF and VIFE bytes."""
    declaration = Declaration(Dib(field, storage=storage, subunit=subunit), bytes.fromhex(chain), MAKER)
    return Sense.of(declaration.header())


@cache
def sense_of_row(row: Row) -> Sense | None:
    """The sense of a quantity's record, ``None`` if no telegram has it."""
    if not row.record:
        return None
    dib, _, vib = row.record.partition("/")
    return Sense.of(Declaration.parse(dib, vib, MAKER).header())


def _level(point: Point) -> Sense:
    port = int(point.name[-1])
    return declared(INPUT if point.name.startswith("INPUT") else OUTPUT, subunit=port)


def _senses() -> Iterator[tuple[Point, Sense]]:
    for group, points in POINTS.items():
        for point in points:
            found = None if point.row is None or point.row is OUTPUTS else sense_of_row(point.row)
            if found is not None and group not in ("previous", "harmonics"):
                yield point, found
            elif found is not None and group == "previous":
                yield point, found._replace(storage=1)
    yield from ((point, declared(FLAG_VIFS[point.name], field=DataField.INT64)) for point in FLAGS)
    yield from ((point, _level(point)) for point in LEVELS)
    yield PREVIOUS[0], declared(PERIOD_END, storage=1, field=DataField.BCD12)


#: The record of each point that has one in the standard readout.
SENSES: Mapping[Point, Sense] = MappingProxyType(dict(_senses()))
OUTPUT_SENSES = {port: declared(OUTPUT, subunit=port) for port in PORT_NUMBERS}
#: Quantities by the sense of their record, for what is recorded over time.
ROWS_BY_SENSE: Mapping[Sense, Row] = MappingProxyType(
    {sense: row for row in ROWS.values() if row.type != "u16[16]" and (sense := sense_of_row(row)) is not None}
)


def needed(points: Iterable[Point]) -> set[Sense]:
    """The records that have these points."""
    found = {SENSES[point] for point in points if point in SENSES}
    return found | ({*OUTPUT_SENSES.values()} if any(point.row is OUTPUTS for point in points) else set())


def by_sense(records: Iterable[Record]) -> dict[Sense, Record]:
    """The records of a readout by what they mean; of two that mean the same the first."""
    found: dict[Sense, Record] = {}
    for record in records:
        found.setdefault(Sense.of(record.header), record)
    return found


def reading_of(point: Point, records: Mapping[Sense, Record], time: datetime) -> Reading | None:
    """A point's reading; ``None`` if the meter sends no record of it."""
    if point.row is OUTPUTS:
        return _outputs(point, records, time)
    sense = SENSES.get(point)
    record = None if sense is None else records.get(sense)
    if record is None:
        return None
    value = plain(record.value)
    return _reading(point, value, record.quality, time, raw_of(record))


def _outputs(point: Point, records: Mapping[Sense, Record], time: datetime) -> Reading | None:
    """Bit n-1 is output n; ports that are inputs count as 0."""
    found = {port: record for port, sense in OUTPUT_SENSES.items() if (record := records.get(sense)) is not None}
    if not found:
        return None
    good = [port for port, record in found.items() if record.quality is Quality.GOOD]
    mask = sum((found[port].content != 0) << port - 1 for port in good)
    quality = Quality.GOOD if good else Quality.MISSING
    return _reading(point, Decimal(mask) if good else None, quality, time, mask)


def missing(point: Point, time: datetime) -> Reading:
    """The reading of a point that the meter does not have."""
    return _reading(point, None, Quality.MISSING, time, None)


def _reading(
    point: Point, value: Decimal | str | bytes | None, quality: Quality, time: datetime, raw: int | str | None
) -> Reading:
    quantity = point.quantity
    return Reading(point.full_name, quantity.name, value, quantity.unit.symbol, quantity.obis, quality, time, raw)
