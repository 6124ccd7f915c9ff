"""Cuts JSON lines and Parquet files into pieces that can be judged apart from each other, and reads one piece.

Rows of one transaction that follow each other are judged together (0.5), so that no cut falls between them. Cutting
reads a file once and keeps nothing of it.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, Literal, TypeAlias

from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.sources import lines
from wattproof.signed.sources.source import Place, Reader, Refused, Source, Unreadable, from_file
from wattproof.signed.sources.unwrap import seekable_rows, some_rows
from wattproof.signed.units import Unit

#: Bytes of a piece: some thousand records, a part of a second of work.
SIZE = 1024 * 1024
_CHUNK = 256 * 1024
_END = sys.maxsize  # of Parquet files, which may have more rows than they say

#: Is told the source of a row, its container, and the row.
Seen: TypeAlias = "Callable[[str, str, Any], object]"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a file that is judged as one: bytes of JSON lines, rows of Parquet, or all of any other file.

    ``start`` and ``stop`` count bytes (JSON lines) or rows (Parquet); ``before`` rows come first in the file.
    ``size`` is its share of the bytes of the file, ``file`` tells files of a run apart.
    """

    name: str
    kind: Literal["JSONL", "PARQUET", "WHOLE"] = "WHOLE"
    start: int = 0
    stop: int = 0
    before: int = 0
    size: int = 0
    file: int = 0


def cut(name: str, file: BinaryIO, size: int = SIZE, limits: Limits = DEFAULT) -> Iterator[Piece]:
    """The pieces of an open file, in their order; of one that cannot be read, those that will fail when it is read."""
    source = from_file(file)
    total = source.size or 0
    place = Place(name, name, limits=limits)
    found = _whole
    try:
        kind = seekable_rows(source, place) if total > size else None
        found = _lines if kind == "JSONL" else _rows if kind == "PARQUET" else _whole
    except Exception:  # noqa: S110 (whoever reads the file finds the same, and says so)
        pass
    yield from found(name, source, size, limits)


def _whole(name: str, source: Source, size: int, limits: Limits) -> Iterator[Piece]:
    yield Piece(name, size=source.size or 0)


def units(
    piece: Piece, file: BinaryIO, broke: Callable[[], object], limits: Limits = DEFAULT, seen: Seen | None = None
) -> Iterator[list[Unit]]:
    """The units of a piece of JSON lines or Parquet, one row or transaction at a time.

    ``broke`` is called when the file is damaged in this piece: nothing is read behind that place. ``seen`` is told
    every row of a transaction, as in :class:`.source.Place`.
    """
    place = Place(piece.name, piece.name, limits=limits, seen=seen)
    if piece.kind == "PARQUET":
        from wattproof.signed.sources import parquet

        source = from_file(file)
        rows = parquet.read(source.file(source.size or 0), limits, piece.start, piece.stop)
        yield from some_rows(rows, place, "PARQUET", piece.before, broke)
    else:
        part = _Part(file, piece.start, piece.stop)
        rows = lines.read(part, limits, first=piece.start == 0)
        yield from some_rows(rows, place, "JSONL", piece.before, broke)


def content(piece: Piece, file: BinaryIO, limits: Limits = DEFAULT) -> Iterator[bytes]:
    """Bytes that are the same for two pieces only if the same is in them. Raises :class:`.source.Unreadable`."""
    if piece.kind == "PARQUET":
        from wattproof.signed.sources import parquet

        source = from_file(file)
        try:
            for row in parquet.read(source.file(source.size or 0), limits, piece.start, piece.stop):
                yield repr(row).encode("utf-8", "surrogatepass") + b"\0"
        except Refused as refused:
            yield str(refused).encode("utf-8", "replace")
        return
    part: Reader = _Part(file, piece.start, piece.stop) if piece.kind == "JSONL" else from_file(file).reader()
    while data := part.read(_CHUNK):
        yield data


class _Part:
    """Some bytes of a file."""

    def __init__(self, file: BinaryIO, start: int, stop: int) -> None:
        self._file = file
        self._at = start
        self._stop = stop

    def read(self, size: int, /) -> bytes:
        try:
            self._file.seek(self._at)
            data = self._file.read(max(0, min(size, self._stop - self._at)))
        except OSError as error:
            raise Unreadable(error.strerror or str(error)) from error
        self._at += len(data)
        return data


# -- JSON lines -----------------------------------------------------------------------------------------------------


def _lines(name: str, source: Source, size: int, limits: Limits) -> Iterator[Piece]:
    total = source.size or 0
    start = at = before = count = 0
    last = b""  # the last line that is not blank
    try:
        for end, line in _ends(source.reader(), limits.row):
            text = line.removeprefix(lines.BOM) if at == 0 else line
            if (text and not text.isspace()) or len(line) > limits.row:
                if count and at - start >= size and _apart(last, line, limits):
                    yield Piece(name, "JSONL", start, at, before, at - start)
                    start, before, count = at, before + count, 0
                count += 1
                last = text
            at = end
    except Exception:  # whoever reads the rest finds the same, and says so
        at = total
    if at > start:
        yield Piece(name, "JSONL", start, at, before, at - start)


def _ends(reader: Reader, most: int) -> Iterator[tuple[int, bytes]]:
    """Every line, of a longer one than ``most`` bytes the beginning, with the place behind it."""
    at = 0
    rest = b""
    dropped = 0  # bytes of a long line that are not kept
    while chunk := reader.read(_CHUNK):
        found = (rest + chunk).split(b"\n")
        rest = found.pop()
        for line in found:
            at += dropped + len(line) + 1
            dropped = 0
            yield at, line
        if len(rest) > most + 1:
            dropped += len(rest) - (most + 1)
            rest = rest[: most + 1]
    if rest or dropped:
        yield at + dropped + len(rest), rest


def _apart(one: bytes, other: bytes, limits: Limits) -> bool:
    """Whether two lines that follow each other are judged apart."""
    transaction = _transaction(one, limits)
    return transaction is None or transaction != _transaction(other, limits)


def _transaction(line: bytes, limits: Limits) -> str | None:
    body = line.strip()
    return lines.parse(body, limits).transaction if len(line) <= limits.row else None


# -- Parquet --------------------------------------------------------------------------------------------------------


def _rows(name: str, source: Source, size: int, limits: Limits) -> Iterator[Piece]:
    from wattproof.signed.sources import parquet

    total = source.size or 0
    start = count = 0
    try:
        file = source.file(total)
        count, row = parquet.shape(file)
        many = max(1, size // row)
        last: str | None = None
        for number, transaction in enumerate(parquet.transactions(file, limits)):
            if number - start >= many and (transaction is None or transaction != last):
                yield Piece(name, "PARQUET", start, number, start, _share(total, start, number, count))
                start = number
            last = transaction
    except Exception:  # whoever reads the rest finds the same, and says so
        if not start:
            yield Piece(name, size=total)
            return
    yield Piece(name, "PARQUET", start, _END, start, _share(total, start, count, count))


def _share(total: int, start: int, stop: int, count: int) -> int:
    """The bytes of some rows. (A damaged file may have more rows than it says.)"""
    count = max(count, 1)
    return total * min(stop, count) // count - total * min(start, count) // count
