"""Loads behind a virtual meter, whatever kind of current flows: constant ones, curves over energy, recorded files.

A load is piecewise constant. It is asked for its present segment, for the instant or the delivered energy at which
the next segment begins, and it is told how much energy it has taken. What a segment is belongs to the kind of current:
``virtual.loads`` has three phases, ``virtual.dc`` has one direct current.
"""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any, Generic, TypeVar

from wattproof.errors import InvalidValue, StorageError
from wattproof.virtual.base import NEVER, SECOND

S = TypeVar("S")


class Load(ABC, Generic[S]):
    """Something that draws current. Instances are shared between meters and never change."""

    __slots__ = ("text",)
    text: str

    @abstractmethod
    def segment(self, elapsed: int, delivered: int) -> S:
        """The segment ``elapsed`` ns after the load was set, with ``delivered`` energy units taken."""

    def next_time(self, elapsed: int) -> int:
        """Elapsed ns at which the next segment begins, ``NEVER`` without one."""
        return NEVER

    def next_energy(self, delivered: int) -> int:
        """Delivered energy units at which the next segment begins, ``NEVER`` without one."""
        return NEVER

    def stretch(self, elapsed: int) -> tuple[S, int]:
        """The segment ``elapsed`` ns after the load was set, whatever was taken, and the elapsed ns of the next one."""
        return self.segment(elapsed, 0), self.next_time(elapsed)


class Constant(Load[S]):
    """The same for ever; ``constant:W`` and ``none``."""

    __slots__ = ("_segment",)

    def __init__(self, text: str, segment: S) -> None:
        self.text = text
        self._segment = segment

    def segment(self, elapsed: int, delivered: int) -> S:
        return self._segment


class Curve(Load[S]):
    """A car that takes less as it fills: segment ``n`` holds until ``limits[n]`` are delivered, the last for ever."""

    __slots__ = ("_limits", "_segments")

    def __init__(self, text: str, limits: Sequence[int], segments: Sequence[S]) -> None:
        self.text = text
        self._limits = limits
        self._segments = segments

    def segment(self, elapsed: int, delivered: int) -> S:
        return self._segments[bisect_right(self._limits, delivered)]

    def next_energy(self, delivered: int) -> int:
        index = bisect_right(self._limits, delivered)
        return self._limits[index] if index < len(self._limits) else NEVER


class Recorded(Load[S]):
    """Rows of a file, each holding until the next, the last for ever."""

    __slots__ = ("_segments", "_starts")

    def __init__(self, text: str, starts: list[int], segments: list[S]) -> None:
        self.text = text
        self._starts = starts
        self._segments = segments

    def __len__(self) -> int:
        return len(self._starts)

    def segment(self, elapsed: int, delivered: int) -> S:
        return self._segments[max(bisect_right(self._starts, elapsed) - 1, 0)]

    def next_time(self, elapsed: int) -> int:
        index = bisect_right(self._starts, elapsed)
        return self._starts[index] if index < len(self._starts) else NEVER

    def stretch(self, elapsed: int) -> tuple[S, int]:
        starts = self._starts
        index = bisect_right(starts, elapsed)
        return self._segments[max(index - 1, 0)], starts[index] if index < len(starts) else NEVER


def number(text: str, what: str, low: Decimal | int, high: Decimal | int) -> Decimal:
    """A decimal number within limits. Raises ``InvalidValue`` that begins with ``what``."""
    try:
        value = Decimal(text.strip())
    except InvalidOperation:
        raise InvalidValue(f"{what}: {text!r} is not a number: write {low} to {high}") from None
    if not value.is_finite() or not low <= value <= high:
        raise InvalidValue(f"{what}: {text} is out of range: write {low} to {high}")
    return value


#: Limits of a column of a load file and what one unit of it is inside.
Column = tuple[Decimal | int, Decimal | int, int]
_TIME: Column = (0, 10**10, SECOND)
#: Bytes of a load file at most.
LONGEST = 32 << 20


def recorded(
    text: str,
    content: str,
    columns: Mapping[str, Column],
    row: Callable[[Mapping[str, int]], S],
    check: Callable[[set[str]], str | None],
    expected: str,
) -> Recorded[S]:
    """A load from the content of a file: a header line, the column ``t`` in meter seconds, and some of ``columns``.

    ``row`` makes a segment of one line; ``check`` says what is wrong with a choice of columns; ``expected`` are the
    columns in words. Raises ``InvalidValue`` naming the line and the column.
    """
    try:
        return _recorded(text, csv.reader(io.StringIO(content)), columns, row, check, expected)
    except csv.Error as error:
        raise InvalidValue(f"load {text}: this is no table: {error}") from None


def _recorded(
    text: str,
    lines: Any,
    columns: Mapping[str, Column],
    row: Callable[[Mapping[str, int]], S],
    check: Callable[[set[str]], str | None],
    expected: str,
) -> Recorded[S]:
    header = [name.strip().lower() for name in next(lines, [])]
    unknown = [name for name in header if name != "t" and name not in columns]
    if "t" not in header or unknown or len(set(header)) != len(header) or len(header) < 2:
        has = ", ".join(header) or "nothing"
        raise InvalidValue(f"load {text}: the first line must name the columns {expected} once; it has {has}")
    wrong = check(set(header))
    if wrong:
        raise InvalidValue(f"load {text}: {wrong}")
    starts: list[int] = []
    segments: list[S] = []
    for line in lines:
        where = f"load {text}, line {lines.line_num}"
        if not "".join(line).strip():
            continue
        if len(line) != len(header):
            raise InvalidValue(f"{where}: {len(line)} columns, the first line has {len(header)}")
        cells: dict[str, int] = {}
        for name, cell in zip(header, line, strict=True):
            low, high, unit = _TIME if name == "t" else columns[name]
            if cell.strip():
                cells[name] = int((number(cell, f"{where}, column {name}", low, high) * unit).to_integral_value())
        start = cells.pop("t", None)
        if start is None or (starts and start <= starts[-1]) or (not starts and start != 0):
            raise InvalidValue(f"{where}: column t must begin with 0 and ascend")
        starts.append(start)
        segments.append(row(cells))
    if not starts:
        raise InvalidValue(f"load {text}: no rows after the first line")
    return Recorded(text, starts, segments)


def read_limited(path: str) -> str:
    """The text of a file of at most `LONGEST` bytes. Raises ``InvalidValue``, ``OSError``, ``UnicodeDecodeError``."""
    with Path(path).open("rb") as file:
        data = file.read(LONGEST + 1)
    if len(data) > LONGEST:
        raise InvalidValue(f"load csv:{path}: a load has at most {LONGEST >> 20} MiB")
    return data.decode("utf-8-sig")


def read_file(path: str) -> str:
    """The text of a load file. Raises ``InvalidValue``, and ``StorageError`` if it cannot be read."""
    try:
        return read_limited(path)
    except UnicodeDecodeError:
        raise InvalidValue(f"load csv:{path}: the file is not UTF-8 text") from None
    except FileNotFoundError:
        raise InvalidValue(f"load csv:{path}: no such file") from None
    except OSError as error:
        raise StorageError(f"load csv:{path}: cannot be read: {error.strerror}") from error


@dataclass(frozen=True, slots=True)
class Loads(Generic[S]):
    """The loads of one kind of current: what ``--load`` can name. ``most``: the largest power in watts."""

    nothing: Load[S]
    constant: Callable[[str, int], Load[S]]
    most: int
    curves: Mapping[str, Load[S]]
    recorded: Callable[[str, str], Load[S]]

    def parse(self, text: str, read_text: Callable[[str], str] | None = None) -> Load[S]:
        """The load of a text: ``none``, ``constant:W``, ``curve[:NAME]``, ``csv:FILE``.

        Raises ``InvalidValue`` for everything else, ``StorageError`` if the file cannot be read.
        """
        form, _, rest = text.partition(":")
        if text == "none":
            return self.nothing
        if form == "constant" and rest:
            watts = number(rest, f"load {text}", -self.most, self.most)
            return self.constant(text, int((watts * 1_000_000).to_integral_value()))
        name = rest or next(iter(self.curves))
        if form == "curve" and name in self.curves and text != "curve:":
            return self.curves[name]
        if form == "csv" and rest:
            return self.recorded(text, (read_text or read_file)(rest))
        known = ", curve:".join(self.curves)
        raise InvalidValue(f"no load {text!r}: write none, constant:W, curve:{known} or csv:FILE")
