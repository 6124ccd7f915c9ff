"""Files that an export is written to: CSV, and Parquet through pyarrow."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, TextIO

from wattproof.errors import InvalidValue, StorageError, UsageError
from wattproof.gateway.store.export import Is
from wattproof.io.journal import sync_directory
from wattproof.metering.zones import EPOCH_MS
from wattproof.model.values import to_decimal

#: Decimal numbers in Parquet: digits in all, and behind the point. A mantissa of 64 bits has 19 digits.
DIGITS, PLACES = 38, 9
#: Rows of a row group.
GROUP = 100_000
Columns = Sequence[tuple[str, Is]]


class File(Protocol):
    """What takes the rows."""

    def add(self, rows: list[tuple[Any, ...]]) -> None:
        """Append rows."""


class CSVFile:
    """RFC 4180, UTF-8, names in the first line; times in ISO 8601, civil ones without a zone."""

    def __init__(self, stream: TextIO, columns: Columns) -> None:
        self._rows = csv.writer(stream)
        self._rows.writerow([name for name, _ in columns])
        self._shown = [_SHOWN.get(kind) for _, kind in columns]

    def add(self, rows: list[tuple[Any, ...]]) -> None:
        """Append rows."""
        shown = self._shown
        self._rows.writerows(
            [
                "" if value is None else value if show is None else show(value)
                for value, show in zip(row, shown, strict=True)
            ]
            for row in rows
        )


def _instant(time: int) -> str:
    return datetime.fromtimestamp(time // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{time % 1000:03}Z"


def _civil(seconds: int) -> str:
    return datetime.fromtimestamp(seconds + EPOCH_MS // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _number(value: tuple[int, int]) -> str:
    return format(to_decimal(*value), "f")


_SHOWN: dict[Is, Callable[[Any], str]] = {
    Is.TIME: _instant,
    Is.CIVIL: _civil,
    Is.VALUE: _number,
    Is.FLAG: lambda flag: "true" if flag else "false",
}


#: What a cell of a Parquet column is made of, where it is not the value itself; civil times are since 1970 there.
_CELLS: dict[Is, Callable[[Any], Any]] = {
    Is.VALUE: lambda value: to_decimal(*value),
    Is.CIVIL: lambda seconds: seconds + EPOCH_MS // 1000,
}


class ParquetFile:
    """Parquet with exact decimals and UTC timestamps. Needs pyarrow."""

    def __init__(self, stream: Any, columns: Columns) -> None:
        import pyarrow
        import pyarrow.parquet

        kinds = {
            Is.TIME: pyarrow.timestamp("ms", "UTC"),
            Is.CIVIL: pyarrow.timestamp("s"),
            Is.TEXT: pyarrow.string(),
            Is.WHOLE: pyarrow.int32(),
            Is.FLAG: pyarrow.bool_(),
            Is.VALUE: pyarrow.decimal128(DIGITS, PLACES),
        }
        self._arrow = pyarrow
        self._columns = columns
        self._schema = pyarrow.schema([(name, kinds[kind]) for name, kind in columns])
        self._file = pyarrow.parquet.ParquetWriter(stream, self._schema, compression="zstd")
        self._waiting: list[tuple[Any, ...]] = []

    def add(self, rows: list[tuple[Any, ...]]) -> None:
        """Append rows."""
        self._waiting += rows
        while len(self._waiting) >= GROUP:
            self._write(self._waiting[:GROUP])
            del self._waiting[:GROUP]

    def flush(self) -> None:
        """Nothing more comes."""
        if self._waiting:
            self._write(self._waiting)
            self._waiting.clear()

    def close(self) -> None:
        """Let go of the file; it is whole if it was flushed."""
        self._file.close()

    def _write(self, rows: list[tuple[Any, ...]]) -> None:
        columns = []
        for (_, kind), field, values in zip(self._columns, self._schema, zip(*rows, strict=True), strict=True):
            make = _CELLS.get(kind)
            cells = values if make is None else [None if value is None else make(value) for value in values]
            try:
                columns.append(self._arrow.array(cells, field.type))
            except self._arrow.ArrowInvalid as error:
                raise InvalidValue(
                    f"a number does not fit {DIGITS} digits, {PLACES} of them decimal: {error}"
                ) from error
        self._file.write_batch(self._arrow.record_batch(columns, schema=self._schema))


@contextmanager
def parquet(path: Path, columns: Columns) -> Iterator[File]:
    """A Parquet file: whole and synced under its name at the end, or not there at all.

    Raises:
        UsageError: pyarrow is not installed.
        StorageError: it cannot be written.
    """
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "Parquet needs pyarrow: install the extra (pip install 'wattproof[analytics]'), or export CSV"
        ) from error
    with _beside(path) as beside, beside.open("wb") as stream:
        with closing(ParquetFile(stream, columns)) as file:
            yield file
            file.flush()
        _sync(stream)


@contextmanager
def table(path: Path, columns: Columns) -> Iterator[File]:
    """A CSV file: whole and synced under its name at the end, or not there at all. Raises ``StorageError``."""
    with _beside(path) as beside, beside.open("w", encoding="utf-8", newline="") as stream:
        yield CSVFile(stream, columns)
        _sync(stream)


FORMATS = {"csv": table, "parquet": parquet}


def _sync(stream: Any) -> None:
    stream.flush()
    os.fsync(stream.fileno())


@contextmanager
def _beside(path: Path) -> Iterator[Path]:
    beside = path.with_name(path.name + ".new")
    try:
        yield beside
        beside.replace(path)
        sync_directory(path.parent)
    except OSError as error:
        raise StorageError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        beside.unlink(missing_ok=True)
