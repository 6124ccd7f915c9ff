"""Names of records that any meter sends, made of what the record itself says, so that they stay the same.

::

    QUANTITY[.PLACE][.QUALIFIER]...[.max|.min|.error][.sSTORAGE][.tTARIFF][.uSUBUNIT][.nCOUNT]

    energy                 the present total
    energy.s1              the same at the last due date (storage number 1)
    power.max.t2.u1        highest power, tariff 2, subunit 1
    current.l1             phase L1
    volume.per_second      a value with a qualifier of the standard
    voltage.manufacturer_vife_1  one with a qualifier that only its maker knows
    energy.n2              a second record of which all of this is equal
    record.12              the twelfth record: its quantity is in no table

Numbers that are 0 are left out. Records without a name of their own are counted in the order of the readout, which a
meter does not change.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from fnmatch import fnmatchcase

from wattproof.errors import UnknownName
from wattproof.model.readings import Reading
from wattproof.model.units import Unit
from wattproof.model.values import Quality, Scaled
from wattproof.wire.mbus.dib import Function
from wattproof.wire.mbus.fixed import FixedData
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.values import Content

ALL = "all"
_FUNCTIONS = {Function.MAXIMUM: "max", Function.MINIMUM: "min", Function.ERROR: "error"}
_SEPARATORS = re.compile(r"[^a-z0-9]+")
#: Quantities that say nothing: a record of one is known by its place alone.
NAMELESS = frozenset({"unknown", "manufacturer_specific", "reserved", "any"})


def _slug(text: str) -> str:
    return _SEPARATORS.sub("_", text.lower()).strip("_")


def name_of(record: Record, position: int) -> str:
    """The name of a record, ``position`` counted from 1; without the count that tells equal ones apart."""
    header = record.header
    if header.quantity in NAMELESS:
        return f"record.{position}"
    dib = header.dib
    parts = [
        header.quantity,
        _slug(header.phase or ""),
        *(_slug(str(qualifier)) for qualifier in header.qualifiers),
        _FUNCTIONS.get(dib.function, ""),
        *(f"{letter}{number}" for letter, number in zip("stu", (dib.storage, dib.tariff, dib.subunit), strict=True)
          if number),
    ]  # fmt: skip
    return ".".join(part for part in parts if part)


def named(records: Iterable[Record]) -> dict[str, Record]:
    """The records of one readout by their names, in their order."""
    found: dict[str, Record] = {}
    counts: dict[str, int] = {}
    for position, record in enumerate(records, 1):
        name = name_of(record, position)
        counts[name] = count = counts.get(name, 0) + 1
        found[name if count == 1 else f"{name}.n{count}"] = record
    return found


def chosen(names: Iterable[str], wanted: Iterable[str], who: str) -> list[str]:
    """The names that ``wanted`` asks for, in that order, each once: names, patterns such as ``energy*``, ``all``.

    Upper and lower case are the same. Raises ``UnknownName`` for one that the meter did not send.
    """
    known = {name.casefold(): name for name in names}
    found: dict[str, None] = {}
    for text in wanted:
        pattern = "*" if text.casefold() == ALL else text.strip().casefold()
        matching = [name for key, name in known.items() if fnmatchcase(key, pattern)]
        if not matching:
            raise UnknownName(f"{who} has sent no record {text!r}; it has {', '.join(known.values()) or 'none at all'}")
        found.update(dict.fromkeys(matching))
    return list(found)


def plain(value: Scaled | Moment | str | bytes | None) -> Decimal | str | bytes | None:
    """A record's value as a reading has it: an exact number, a text, bytes; a time as ISO 8601 without a zone."""
    if isinstance(value, Scaled):
        return value.decimal
    if isinstance(value, Moment):
        moment = value.datetime
        if moment is None:
            return str(value)
        return moment.date().isoformat() if value.hour is None else moment.isoformat(timespec="seconds")
    return value


def raw_of(record: Record) -> int | str:
    """What lay on the wire before scale and meaning: the number sent, else the data bytes."""
    content: Content = record.content
    return content if isinstance(content, int) else record.data.hex()


def reading_of(name: str, record: Record, time: datetime) -> Reading:
    """A record as a reading."""
    value = plain(record.value)
    return Reading(name, record.quantity, value, record.unit.symbol, None, record.quality, time, raw_of(record))


def details_of(record: Record) -> dict[str, object]:
    """What else a record says: for JSON."""
    return {
        "function": record.function.name.lower(),
        "storage": record.storage,
        "tariff": record.tariff,
        "subunit": record.subunit,
        "phase": record.phase,
        "qualifiers": [str(qualifier) for qualifier in record.qualifiers],
        "problem": record.problem or None,
        "record": record.raw.hex(),
    }


def fixed_readings(data: FixedData, time: datetime) -> list[Reading]:
    """The two counters of an older meter: ``counter.1`` and ``counter.2``."""
    readings = []
    for number, (value, unit) in enumerate(data.counters, 1):
        readings.append(_fixed(f"counter.{number}", value, unit, data.data[number - 1], time))
    return readings


def _fixed(name: str, value: Scaled | None, unit: Unit, data: bytes, time: datetime) -> Reading:
    quality = Quality.INVALID if value is None else Quality.GOOD
    number = None if value is None else value.decimal
    return Reading(name, "counter", number, unit.symbol, None, quality, time, data.hex())
