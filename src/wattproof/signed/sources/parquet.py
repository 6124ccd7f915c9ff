"""Parquet, through pyarrow: only the columns that count, a few rows at a time. Source: 0.5, row d."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from typing import Any, BinaryIO

import pyarrow
import pyarrow.parquet

from wattproof.signed import recognise
from wattproof.signed.limits import Limits
from wattproof.signed.sources import rows
from wattproof.signed.sources.rows import Columns, Row
from wattproof.signed.sources.source import Refused, Unreadable, said

#: Rows of a batch: few, as each may be as long as a row may be.
_MOST_ROWS, _BATCH = 256, 8 * 1024 * 1024
#: Bytes of the footer that are allotted to its texts and lists.
_FOOTER = 64 * 1024 * 1024
_BUFFER = 256 * 1024


def read(file: BinaryIO, limits: Limits, start: int = 0, stop: int | None = None) -> Iterator[Row]:
    """The rows of a Parquet file, or those from ``start`` to before ``stop``.

    Raises :class:`.source.Refused` if it is damaged.
    """
    with _damage_refused():
        yield from _read(file, limits, start, stop)


def transactions(file: BinaryIO, limits: Limits) -> Iterator[str | None]:
    """What the transaction column says in every row, ``None`` without such a column. Raises as :func:`read` does."""
    with _damage_refused():
        parquet = _opened(file)
        found = _columns(parquet, limits)
        if found.transaction is None:
            yield from repeat(None, int(parquet.metadata.num_rows))
            return
        for cells in _cells(parquet, [found.transaction]):
            yield rows.row(None, transaction=_text(cells, found.transaction)).transaction


def shape(file: BinaryIO) -> tuple[int, int]:
    """The number of rows, and bytes of a row on average, not compressed. Raises as :func:`read` does."""
    with _damage_refused():
        parquet = _opened(file)
        return int(parquet.metadata.num_rows), max(1, _mean(parquet))


@contextmanager
def _damage_refused() -> Iterator[None]:
    try:
        yield
    except (Refused, Unreadable):
        raise
    except Exception as error:  # whatever the library makes of damaged input
        raise Refused("F-FORMAT", f"the Parquet file is damaged: {said(error)}") from None


def _opened(file: BinaryIO) -> Any:
    return pyarrow.parquet.ParquetFile(
        file,
        buffer_size=_BUFFER,
        pre_buffer=False,
        memory_map=False,
        thrift_string_size_limit=_FOOTER,
        thrift_container_size_limit=1_000_000,
    )


def _columns(parquet: Any, limits: Limits) -> Columns:
    """The columns that count. Raises :class:`.source.Refused` if none holds records."""
    schema = parquet.schema_arrow
    usable = [at for at, field in enumerate(schema) if _is_flat(field.type)]
    found = rows.columns([schema.field(at).name if at in set(usable) else "" for at in range(len(schema))])
    if found is not None and found.record is not None and _is_text(schema.field(found.record).type):
        return found
    texts = [at for at in usable if _is_text(schema.field(at).type)]
    at = _first_record(parquet, texts, limits)
    if at is None:
        raise Refused("F-FORMAT", "no column of the Parquet file holds records of signed meter values")
    return Columns(at) if found is None else _with_record(found, at)


def _text(cells: dict[int, Any], at: int | None) -> str | None:
    value = cells.get(at) if at is not None else None
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return None if value is None else str(value)


def _read(file: BinaryIO, limits: Limits, start: int, stop: int | None) -> Iterator[Row]:
    parquet = _opened(file)
    found = _columns(parquet, limits)
    notes = rows.twice(found)
    names = parquet.schema_arrow.names
    nature = found.context is not None and rows.normal(names[found.context]) == "nature"
    for cells in _cells(parquet, found.positions, start, stop):
        content = _content(cells[found.record if found.record is not None else -1])
        if content is not None and len(content) > limits.row:
            yield rows.broken("F-SIZE", rows.too_long(limits), content[:200].decode("utf-8", "replace"))
            continue
        yield rows.row(
            content,
            [_key(cells.get(at), limits) for at in found.keys],
            _text(cells, found.transaction),
            _text(cells, found.context),
            _text(cells, found.encoding),
            nature=nature,
            findings=notes,
        )


def _with_record(found: Columns, at: int) -> Columns:
    return Columns(at, found.keys, found.transaction, found.context, found.encoding, found.twice)


def _is_text(kind: Any) -> bool:
    types = pyarrow.types
    if types.is_dictionary(kind):
        kind = kind.value_type
    tests = (types.is_string, types.is_large_string, types.is_binary, types.is_large_binary, types.is_fixed_size_binary)
    return any(test(kind) for test in tests)


def _is_flat(kind: Any) -> bool:
    return _is_text(kind) or pyarrow.types.is_integer(kind)


def _content(value: Any) -> bytes | None:
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return value if isinstance(value, bytes) else None


def _key(value: Any, limits: Limits) -> str | bytes | None:
    if not isinstance(value, (str, bytes)) or len(value) > limits.row:
        return None
    if isinstance(value, bytes) and value.isascii():
        return value.decode("ascii")
    return value


def _cells(parquet: Any, positions: list[int], start: int = 0, stop: int | None = None) -> Iterator[dict[int, Any]]:
    """The cells of every row by the position of their column, from row ``start`` to before ``stop``."""
    names = [parquet.schema_arrow.field(at).name for at in positions]
    size = max(1, min(_MOST_ROWS, _BATCH // max(1, _mean(parquet))))
    order: list[int] | None = None
    wanted = list(dict.fromkeys(names))
    for group, first in _row_groups(parquet, start, stop):  # one by one: what is damaged in one hides no row before it
        for batch in parquet.iter_batches(batch_size=size, row_groups=[group], columns=wanted, use_threads=False):
            begin, first = first, first + batch.num_rows
            if first <= start:
                continue
            begin, batch = max(begin, start), batch.slice(max(0, start - begin))
            batch = batch if stop is None else batch.slice(0, stop - begin)
            if order is None:
                order = _order(batch.schema.names, parquet.schema_arrow.names, positions)
            columns = [batch.column(at).to_pylist() for at in order]
            for values in zip(*columns, strict=True):
                yield dict(zip(positions, values, strict=True))
            if stop is not None and first >= stop:
                return


def _row_groups(parquet: Any, start: int, stop: int | None) -> Iterator[tuple[int, int]]:
    """The groups of rows that hold these rows, each with the number of rows before it."""
    metadata = parquet.metadata
    first = 0
    for number in range(metadata.num_row_groups):
        begin, first = first, first + int(metadata.row_group(number).num_rows)
        if first > start and (stop is None or begin < stop):
            yield number, begin


def _order(read: list[str], names: list[str], positions: list[int]) -> list[int]:
    """Where the wanted columns are among those that were read: of several with one name, the one of its rank."""
    found = []
    for at in positions:
        rank = names[:at].count(names[at])
        found.append([place for place, name in enumerate(read) if name == names[at]][rank])
    return found


def _mean(parquet: Any) -> int:
    """Bytes of a row on average, at most over the groups of rows."""
    metadata = parquet.metadata
    groups = (metadata.row_group(number) for number in range(metadata.num_row_groups))
    return max((int(group.total_byte_size) // max(1, int(group.num_rows)) for group in groups), default=0)


def _first_record(parquet: Any, positions: list[int], limits: Limits) -> int | None:
    """The first text column whose first cell that is not null is recognised."""
    for at in positions:
        for cells in _cells(parquet, [at]):
            content = _content(cells[at])
            if content is not None:
                body = recognise.stripped(content[: limits.row])
                if recognise.is_recognised(body) or recognise.inner(body) is not None:
                    return at
                break
    return None
