"""CSV: cells between commas, semicolons or tabs, quoted as in RFC 4180. Source: verifier specification, 0.5, row n.

Cells stay bytes: a record is hashed as it stands in the file. A quote counts only at the beginning of a cell. A row
whose quotes do not fit is unreadable by itself: reading goes on with the next line.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from wattproof.signed import recognise
from wattproof.signed.limits import Limits
from wattproof.signed.sources import rows
from wattproof.signed.sources.lines import Overlong, lines
from wattproof.signed.sources.rows import Columns, Row
from wattproof.signed.sources.source import Reader

_DELIMITERS = (b",", b";", b"\t")
_BOM = b"\xef\xbb\xbf"
_SHOWN = 200
_MOST_CELLS = 4096


@dataclass(frozen=True, slots=True)
class Layout:
    """How a table is written: what stands between cells (nothing: one column), its columns, whether a header does."""

    delimiter: bytes
    columns: Columns
    header: bool
    nature: bool = False


class Malformed(ValueError):
    """A row whose quotes do not fit."""


class Cells:
    """Takes the lines of one row, one after the other, until its quotes are closed."""

    def __init__(self, delimiter: bytes) -> None:
        self._delimiter = delimiter
        self.cells: list[bytes] = []
        self._open: list[bytes] | None = None  # pieces of the cell whose quote is not closed

    def add(self, line: bytes) -> bool:
        """Whether the row is complete. Raises :class:`Malformed`."""
        at = 0
        if self._open is not None:
            at = self._quoted(line, 0)
            if at < 0:
                return False
        elif b'"' not in line:
            bare = line.rstrip(b"\r\n")
            self.cells = bare.split(self._delimiter, _MOST_CELLS) if self._delimiter else [bare]
            return True
        while True:
            if line[at : at + 1] == b'"':
                self._open = []
                at = self._quoted(line, at + 1)
                if at < 0:
                    return False
            else:
                end = line.find(self._delimiter, at) if self._delimiter else -1
                if end < 0:
                    self.cells.append(line[at:].rstrip(b"\r\n"))
                    return True
                self.cells.append(line[at:end])
                at = end + 1
            if at > len(line):
                return True
            if len(self.cells) > _MOST_CELLS:
                raise Malformed(f"more than {_MOST_CELLS} cells")

    def _quoted(self, line: bytes, at: int) -> int:
        """Reads on inside quotes: the place behind the delimiter, beyond the line at its end, -1 if they stay open."""
        pieces = self._open
        assert pieces is not None  # noqa: S101 (add() opened it)
        while True:
            end = line.find(b'"', at)
            if end < 0:
                pieces.append(line[at:])
                return -1
            pieces.append(line[at:end])
            at = end + 1
            if line[at : at + 1] != b'"':
                break
            pieces.append(b'"')
            at += 1
        self.cells.append(b"".join(pieces))
        self._open = None
        if self._delimiter and line[at : at + 1] == self._delimiter:
            return at + 1
        if line[at:].strip(b"\r\n"):
            raise Malformed("text behind a closing quote")
        return len(line) + 1


def split(line: bytes, delimiter: bytes) -> list[bytes] | None:
    """The cells of a row on one line; ``None`` if it is none."""
    cells = Cells(delimiter)
    try:
        return cells.cells if cells.add(line) else None
    except Malformed:
        return None


def records(reader: Reader, delimiter: bytes, limits: Limits) -> Iterator[list[bytes] | Row]:
    """Every row that is not blank: its cells, or why it cannot be read."""
    source = lines(reader, limits.row)
    again: deque[bytes] = deque()
    first = True
    while True:
        line = again.popleft() if again else next(source, b"")
        if not line:
            return
        if first and not isinstance(line, Overlong):
            line, first = line.removeprefix(_BOM), False
        if isinstance(line, Overlong):
            yield rows.broken("F-SIZE", rows.too_long(limits), line.decode("utf-8", "replace"))
            continue
        if not line.strip():
            continue
        cells, taken, size = Cells(delimiter), [line], len(line)
        code, trouble = "F-FORMAT", ""
        try:
            while not cells.add(taken[-1]):
                following = again.popleft() if again else next(source, b"")
                if not following or isinstance(following, Overlong):
                    trouble = "a quote is not closed"
                    again.extendleft([following] if following else [])
                    break
                taken.append(following)
                size += len(following)
                if size > limits.row:
                    code, trouble = "F-SIZE", f"a quote is not closed within the {limits.row} bytes of a row"
                    break
        except Malformed as error:
            trouble = str(error)
        if trouble:
            again.extendleft(reversed(taken[1:]))
            yield rows.broken(code, trouble, line[:_SHOWN].decode("utf-8", "replace"))
        else:
            yield cells.cells


def layout(head: bytes) -> Layout | None:
    """How a table that begins like this is written; ``None`` if it is none."""
    body = head.removeprefix(_BOM).lstrip()
    line, _, rest = body.partition(b"\n")
    counts = {delimiter: _outside(line, delimiter) for delimiter in _DELIMITERS}
    for delimiter in sorted(_DELIMITERS, key=lambda each: -counts[each]):
        if counts[delimiter]:
            found = _layout(line, rest, delimiter)
            if found is not None:
                return found
    return _layout(line, rest, b"")


def _outside(line: bytes, delimiter: bytes) -> int:
    """How often a character stands outside double quotes."""
    return sum(part.count(delimiter) for part in line.split(b'"')[::2])


def _layout(line: bytes, rest: bytes, delimiter: bytes) -> Layout | None:
    cells = split(line, delimiter)
    if cells is None:
        return None
    names = [cell.decode("utf-8", "replace") for cell in cells]
    found = rows.columns(names)
    if found is not None:
        if not rest.strip():
            return None  # one line alone is no header
        if found.record is None:
            second = split(rest.partition(b"\n")[0], delimiter)
            at = _first_record(second or [], header=True)
            if at is None:
                return None
            found = Columns(at, found.keys, found.transaction, found.context, found.encoding, found.twice)
        nature = found.context is not None and rows.normal(names[found.context]) == "nature"
        return Layout(delimiter, found, True, nature)
    at = _first_record(cells)
    return Layout(delimiter, Columns(at), False) if at is not None else None


def _first_record(cells: list[bytes], *, header: bool = False) -> int | None:
    """The column of the first cell that rows g to k or o recognise."""
    for at, cell in enumerate(cells):
        body = recognise.stripped(cell)
        if body and (recognise.names_record(body) or (header and body[:1] == b"{") or recognise.inner(body)):
            return at
    return None


def read(reader: Reader, how: Layout, limits: Limits) -> Iterator[Row]:
    """The rows of a table, its header left out."""
    found = how.columns
    notes = rows.twice(found)
    skip = how.header

    def text(cells: list[bytes], at: int | None) -> str | None:
        return cells[at].decode("utf-8", "replace") if at is not None and at < len(cells) else None

    for cells in records(reader, how.delimiter, limits):
        if isinstance(cells, Row):
            yield cells
            continue
        if skip:
            skip = False
            continue
        if found.record is None or found.record >= len(cells):
            yield rows.broken("F-FORMAT", f"the row has only {len(cells)} cells")
            continue
        yield rows.row(
            cells[found.record],
            [text(cells, at) for at in found.keys],
            text(cells, found.transaction),
            text(cells, found.context),
            text(cells, found.encoding),
            nature=how.nature,
            findings=notes,
        )
