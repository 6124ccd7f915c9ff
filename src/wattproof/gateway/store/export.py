"""Readings, load profiles and signed records as tables for other programs, streamed from the store.

Rows come in parts, as tuples of plain values; ``export_files.py`` writes them as CSV or Parquet. Values are exact: a
mantissa and an exponent until they are written.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from wattproof.gateway.quantities import NUMBERS
from wattproof.gateway.records import Kind, Series
from wattproof.gateway.store.base import Reader


class Is(Enum):
    """What is in a column."""

    TIME = "UTC milliseconds"
    CIVIL = "civil seconds"
    TEXT = "text"
    WHOLE = "whole number"
    FLAG = "true or false"
    VALUE = "mantissa and exponent, or nothing"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is exported: of which meters (none: of all) and between which times (UTC ms, both inclusive). ``now``: the
    time of the export, where progress ends if no last time is given."""

    now: int
    serials: tuple[str, ...] = ()
    first: int | None = None
    last: int | None = None


#: A part: its rows, and which share of everything is then done, 0 to 1.
Part = tuple[list[tuple[Any, ...]], float]


@dataclass(frozen=True, slots=True)
class Export:
    """One table."""

    columns: tuple[tuple[str, Is], ...]
    parts: Callable[[Reader, Wanted], AsyncIterator[Part]]


async def _readings(reader: Reader, wanted: Wanted) -> AsyncIterator[Part]:
    ids = await reader.quantities()
    described = {id: _described(id) for id in ids}
    serials = await _serials(reader, wanted)
    for number, serial in enumerate(serials):
        share = _Share(wanted, number, len(serials))
        async for batch in reader.reading_batches(serial, ids, wanted.first or 0, _last(wanted)):
            rows = [
                (
                    value.time,
                    serial,
                    *described[id][:2],
                    None if value.mantissa is None else (value.mantissa, value.exponent),
                    described[id][2],
                    value.quality.value,
                )
                for _, values in batch
                for id, value in values.items()
            ]
            yield rows, share.at(batch[-1][0])


async def _profiles(reader: Reader, wanted: Wanted) -> AsyncIterator[Part]:
    serials = await _serials(reader, wanted)
    for number, serial in enumerate(serials):
        found = [one for one in await reader.series(serial, former=True) if one.kind is Kind.PROFILE]
        channels = sorted({one.channel for one in found})
        for place, channel in enumerate(channels):
            share = _Share(wanted, number * len(channels) + place, len(serials) * len(channels))
            held = [one for one in found if one.channel == channel]
            batches = reader.row_batches(serial, Kind.PROFILE, channel, first=wanted.first, last=wanted.last)
            async for batch in batches:
                rows = []
                for row in batch:
                    id, exponent = _column(held, row.time)
                    name, _, unit = _described(id)
                    mantissa = row.values[0]
                    value = None if mantissa is None else (mantissa, exponent)
                    rows.append((row.time, row.local, serial, channel, name, value, unit, row.status, row.estimated))
                yield rows, share.at(batch[-1].time)


async def _records(reader: Reader, wanted: Wanted) -> AsyncIterator[Part]:
    serials: Sequence[str | None] = wanted.serials or (None,)
    keys: dict[str, str] = {}
    for number, serial in enumerate(serials):
        share = _Share(wanted, number, len(serials))
        async for batch in reader.signed_batches(serial=serial, first=wanted.first, last=wanted.last):
            rows = []
            for one in batch:
                if one.serial not in keys:
                    seen = await reader.keys(one.serial)
                    keys[one.serial] = seen[0].key.hex() if seen else ""
                encoding, data = _written(one.data)
                found = (one.time, one.session, one.serial, one.role, one.format, one.signature, one.overall)
                rows.append((*found, keys[one.serial], encoding, data))
            yield rows, share.at(batch[-1].time)


def _written(data: bytes) -> tuple[str, str]:
    """A record as text if it is one, else in Base64."""
    from base64 import b64encode

    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        return "base64", b64encode(data).decode()
    return "utf-8", text


def _described(id: int) -> tuple[str, str, str]:
    """Name, OBIS code and unit of a quantity."""
    known = NUMBERS.get(id)
    return (str(id), "", "") if known is None else (known.name.lower(), known.obis or "", known.unit.symbol)


def _column(held: Sequence[Series], time: int) -> tuple[int, int]:
    """Quantity and exponent of a profile at a time: of the series that held then."""
    one = next((one for one in reversed(held) if one.time <= time and one.columns), held[0])
    id, exponent = one.columns[0]
    return id, exponent


def _last(wanted: Wanted) -> int:
    return 2**62 if wanted.last is None else wanted.last


async def _serials(reader: Reader, wanted: Wanted) -> list[str]:
    return list(wanted.serials) or [meter.serial for meter in await reader.meters(active=False)]


class _Share:
    """Which share is done, from the time that has been reached in one of several equal parts."""

    def __init__(self, wanted: Wanted, number: int, of: int) -> None:
        self._end = wanted.now if wanted.last is None else min(wanted.last, wanted.now)
        self._begin = wanted.first
        self._number, self._of = number, of

    def at(self, time: int) -> float:
        if self._begin is None:
            self._begin = time - 1
        done = (time - self._begin) / max(self._end - self._begin, 1)
        return (self._number + min(max(done, 0.0), 1.0)) / self._of


EXPORTS = {
    "readings": Export(
        (
            ("time", Is.TIME),
            ("serial", Is.TEXT),
            ("quantity", Is.TEXT),
            ("obis", Is.TEXT),
            ("value", Is.VALUE),
            ("unit", Is.TEXT),
            ("quality", Is.TEXT),
        ),
        _readings,
    ),
    "profiles": Export(
        (
            ("time", Is.TIME),
            ("local", Is.CIVIL),
            ("serial", Is.TEXT),
            ("channel", Is.WHOLE),
            ("quantity", Is.TEXT),
            ("value", Is.VALUE),
            ("unit", Is.TEXT),
            ("status", Is.WHOLE),
            ("estimated", Is.FLAG),
        ),
        _profiles,
    ),
    "records": Export(
        (
            ("time", Is.TIME),
            ("session", Is.TEXT),
            ("serial", Is.TEXT),
            ("role", Is.TEXT),
            ("format", Is.TEXT),
            ("signature", Is.TEXT),
            ("overall", Is.TEXT),
            ("public_key", Is.TEXT),
            ("encoding", Is.TEXT),
            ("data", Is.TEXT),
        ),
        _records,
    ),
}
