"""Rows of profiles, previous values and demand as items of JSON, fast (g13-api.md 69, 73, 77)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, NamedTuple

from wattproof.gateway.engines.failing import invalid
from wattproof.gateway.engines.scales import demand_exponent
from wattproof.gateway.records import Kind, Row
from wattproof.gateway.store.base import Reader
from wattproof.metering.dates import DAY_SECONDS, civil, seconds_of
from wattproof.metering.demand import NOTHING

#: Items of one part of a streamed answer.
PART = 2_000
Render = Callable[[Row], Any]


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
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        raise invalid("invalid datetime") from None
    if moment.tzinfo is not None or not 2000 <= moment.year <= 2099 or len(text) != 19:
        raise invalid("invalid datetime")
    return seconds_of(*moment.timetuple()[:6])


def number_text(exponent: int) -> Callable[[int | None], str | None]:
    """How numbers with this exponent are written: plain digits, with the zeros of their resolution."""
    if exponent >= 0:
        factor = 10**exponent
        return lambda mantissa: None if mantissa is None else str(mantissa * factor)
    unit, digits = 10**-exponent, -exponent

    def write(mantissa: int | None) -> str | None:
        if mantissa is None:
            return None
        if mantissa < 0:
            return f"-{-mantissa // unit}.{-mantissa % unit:0{digits}d}"
        return f"{mantissa // unit}.{mantissa % unit:0{digits}d}"

    return write


def profile_item(exponent: int) -> Render:
    """Items of #73."""
    write = number_text(exponent)

    def render(row: Row) -> Any:
        days, rest = divmod(row.local, DAY_SECONDS)
        return {"status": row.status, "timestamp": _date(days) + _time(rest), "value": write(row.values[0])}

    return render


def previous_item(exponents: tuple[int, ...]) -> Render:
    """Items of #69."""
    writers = [number_text(exponent) for exponent in exponents]

    def render(row: Row) -> Any:
        cells = zip(row.statuses, writers, row.values, strict=True)
        return {"values": [[status, write(value)] for status, write, value in cells], "time": moment_text(row.local)}

    return render


def demand_item(quantities: tuple[int, ...]) -> Render:
    """Items of #77."""
    writers = [number_text(demand_exponent(id)) for id in quantities]

    def render(row: Row) -> Any:
        cells = [
            [status, NOTHING if value is None else write(value), moment_text(local), level]
            for write, (status, value, local, level) in zip(writers, row.values, strict=True)
        ]
        return {"values": cells, "time": moment_text(row.local)}

    return render


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


async def items(
    reader: Reader, serial: str, kind: Kind, channel: int, wanted: Window, render: Render, oldest: int | None = None
) -> AsyncIterator[list[Any]]:
    """Items in parts, oldest first; rows that ended before ``oldest`` (UTC ms) are not served."""
    first, last, count = wanted
    part: list[Any] = []
    left = -1 if count is None or oldest is None else count
    limit = count if oldest is None else None
    rows = reader.rows(serial, kind, channel, first=first, last=last, count=limit, local=True)
    async for row in rows:
        if oldest is not None and row.time < oldest:
            continue
        if not left:
            break
        left -= 1
        part.append(render(row))
        if len(part) == PART:
            yield part
            part = []
    if part:
        yield part


async def oldest_of(reader: Reader, serial: str, kind: Kind, channel: int, held: int) -> int | None:
    """The time of the oldest of the newest ``held`` rows."""
    found: int | None = None
    async for row in reader.rows(serial, kind, channel, count=held):
        found = row.time if found is None else found
    return found
