"""Rows of profiles, previous values and demand as items of JSON, fast (g13-api.md 69, 73, 77)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from wattproof.gateway.engines.failing import invalid
from wattproof.gateway.engines.scales import demand_exponent
from wattproof.gateway.records import Kind, Row
from wattproof.gateway.store.base import Reader
from wattproof.metering.dates import DAY_SECONDS, civil, seconds_of
from wattproof.metering.demand import NOTHING


class ProfileItem(Struct, forbid_unknown_fields=True):
    """An item of #73. An answer has tens of thousands, so they are no dictionaries that are checked again."""

    status: int
    timestamp: str
    value: str | list[str] | None


#: Makes items of a batch of rows.
Render = Callable[[Sequence[Row]], list[Any]]


def moment_text(seconds: int) -> str:
    """Civil seconds as text.

    >>> moment_text(0)
    '2000-01-01T00:00:00'
    """
    days, rest = divmod(seconds, DAY_SECONDS)
    return _date(days) + _time(rest)


@lru_cache(maxsize=1024)
def _date(days: int) -> str:
    year, month, day = civil(days)
    return f"{year:04d}-{month:02d}-{day:02d}T"


@lru_cache(maxsize=4096)
def _time(rest: int) -> str:
    return f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"


def seconds_in(text: Any) -> int:
    """Civil seconds of a local time as text. Raises ``CommandFailed``."""
    try:
        moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S")  # noqa: DTZ007 - local time has no zone here
    except (TypeError, ValueError):
        raise invalid("invalid datetime") from None
    return seconds_of(*moment.timetuple()[:6])


def number_text(exponent: int) -> Callable[[int | None], str | None]:
    """How numbers with this exponent are written: plain digits, with the zeros of their resolution."""
    if exponent >= 0:
        factor = 10**exponent
        return lambda mantissa: None if mantissa is None else str(mantissa * factor)
    digits = -exponent

    def write(mantissa: int | None) -> str | None:
        if mantissa is None:
            return None
        sign, text = ("-", str(-mantissa)) if mantissa < 0 else ("", str(mantissa))
        if len(text) <= digits:
            text = text.zfill(digits + 1)
        return f"{sign}{text[:exponent]}.{text[exponent:]}"

    return write


def profile_items(exponent: int) -> Render:
    """Items of #73."""
    write = number_text(exponent)

    def render(batch: Sequence[Row]) -> list[Any]:
        return [
            ProfileItem(
                row.status, _date(row.local // DAY_SECONDS) + _time(row.local % DAY_SECONDS), write(row.values[0])
            )
            for row in batch
        ]

    return render


def previous_items(exponents: Sequence[int]) -> Render:
    """Items of #69."""
    writers = [number_text(exponent) for exponent in exponents]

    def render(row: Row) -> Any:
        cells = zip(row.statuses, writers, row.values, strict=True)
        return {"values": [[status, write(value)] for status, write, value in cells], "time": moment_text(row.local)}

    return lambda batch: [render(row) for row in batch]


def demand_items(quantities: Sequence[int]) -> Render:
    """Items of #77."""
    writers = [number_text(demand_exponent(id)) for id in quantities]

    def render(row: Row) -> Any:
        cells = [
            [status, NOTHING if value is None else write(value), moment_text(local), level]
            for write, (status, value, local, level) in zip(writers, row.values, strict=True)
        ]
        return {"values": cells, "time": moment_text(row.local)}

    return lambda batch: [render(row) for row in batch]


class Window(NamedTuple):
    """Which rows are wanted: local civil seconds, both included, and how many from the first on."""

    first: int | None
    last: int | None
    most: int | None


def window(arguments: Mapping[str, Any], most: int | None = None) -> Window:
    """What the path asks for. Raises ``CommandFailed``: ``invalid datetime``, ``invalid count``."""
    first, last = (None if (text := arguments.get(name)) is None else seconds_in(text) for name in ("from", "to"))
    return Window(first, last, count_in(arguments.get("count"), most))


def count_in(value: Any, most: int | None) -> int | None:
    """How many rows are asked for. Raises ``CommandFailed``."""
    if value is None:
        return None
    count = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if isinstance(count, bool) or not isinstance(count, int) or count < 1 or (most is not None and count > most):
        raise invalid("invalid count")
    return count


class Stored(Struct, frozen=True):
    """Rows of the store that an answer has: whoever has a reader makes the items of them. So a year of rows costs the
    process that polls nothing.

    ``first``, ``last``, ``most`` as in :class:`Window`. ``columns``: exponents; of a demand the ids of its quantities.
    ``held``: only so many of the newest rows are served."""

    serial: str
    kind: Kind
    channel: int
    first: int | None
    last: int | None
    most: int | None
    columns: tuple[int, ...]
    held: int | None = None

    @property
    def render(self) -> Render:
        """Makes their items."""
        match self.kind:
            case Kind.PROFILE:
                return profile_items(self.columns[0])
            case Kind.PREVIOUS:
                return previous_items(self.columns)
            case _:
                return demand_items(self.columns)


async def items(reader: Reader, stored: Stored) -> AsyncIterator[list[Any]]:
    """Items in parts, oldest first. Estimates are not served."""
    serial, kind, channel, left = stored.serial, stored.kind, stored.channel, stored.most
    oldest = None if stored.held is None else await oldest_of(reader, serial, kind, channel, stored.held)
    render = stored.render
    async with _batches(reader, serial, kind, channel, first=stored.first, last=stored.last, local=True) as batches:
        async for batch in batches:
            found = [row for row in batch if not row.estimated and (oldest is None or row.time >= oldest)][:left]
            if found:
                yield render(found)
            if left is not None:
                left -= len(found)
                if not left:
                    break


async def unfolded(parts: AsyncIterator[Any], reader: Reader) -> AsyncIterator[Any]:
    """The parts of an answer with the items that stored rows are: the head, then lists."""
    head = await anext(parts, None)
    if head is not None:
        yield head
    async for part in parts:
        if isinstance(part, list):
            yield part
            continue
        async for made in items(reader, msgspec.convert(part, Stored)):
            yield made


async def oldest_of(reader: Reader, serial: str, kind: Kind, channel: int, held: int) -> int | None:
    """The time of the oldest of the newest ``held`` rows."""
    async with _batches(reader, serial, kind, channel, count=held) as batches:
        async for batch in batches:
            return batch[0].time
    return None


@asynccontextmanager
async def _batches(
    reader: Reader, serial: str, kind: Kind, channel: int, **limits: Any
) -> AsyncIterator[AsyncIterator[list[Row]]]:
    """Batches of rows that need not be read to their end."""
    batches = reader.row_batches(serial, kind, channel, **limits)
    try:
        yield batches
    finally:
        close = getattr(batches, "aclose", None)
        if close is not None:
            await close()
