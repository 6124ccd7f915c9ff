"""What a row takes of a quantity at the moment at which it ends (g13-api.md 10.3)."""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from wattproof.gateway.engines.averages import Averages, mean
from wattproof.gateway.engines.books import Books
from wattproof.gateway.engines.counters import Counters
from wattproof.gateway.engines.readings import Point
from wattproof.gateway.engines.registers import Registers
from wattproof.gateway.engines.scales import REGISTERS
from wattproof.gateway.records import Kind, Row
from wattproof.metering.clock import Stamp


class Taken(NamedTuple):
    """A number for a row, and whether it is one of that moment: else it is the last good one, or ``None``."""

    value: int | None
    good: bool


class Measured:
    """Readings as rows see them. ``wanted`` is the earliest moment at which an open row ends."""

    def __init__(self, books: Books, counters: Counters, averages: Averages, registers: Registers) -> None:
        self._books = books
        self.counters, self.averages, self.registers = counters, averages, registers

    def has(self, id: int) -> bool:
        """Whether meter or engine have a quantity."""
        facts = self._books.facts
        return id in facts.counters or id in facts.gauges or id in facts.derived

    def ready(self, ids: Collection[int], moment: int, late: int) -> bool:
        """Whether what ends at ``moment`` can be closed at ``late``: no nearer reading can come any more."""
        return late >= moment + self._books.facts.patience or all(self._passed(id, moment) for id in ids)

    def _passed(self, id: int, moment: int) -> bool:
        sums = self.averages.sums.get(id)
        if sums is not None:
            return sums.passed(moment)
        track = self.counters.tracks.get(self._books.facts.source(id))
        return track is not None and track.passed(moment)

    def near(self, id: int, moment: int) -> Point | None:
        """The reading of a counter nearest to a moment, ``None`` without one near enough."""
        track = self.counters.tracks.get(self._books.facts.source(id))
        return None if track is None else track.nearest(moment, self._books.facts.reach)

    def start(self, id: int, moment: int) -> tuple[int, int] | tuple[()]:
        """What an average needs of the moment at which its interval begins; nothing of a register."""
        return () if id in REGISTERS else self.averages.at(id, moment)

    def take(self, id: int, moment: int, start: tuple[int, ...]) -> Taken:
        """The reading of a register nearest to a moment, or the average of a gauge since ``start``."""
        if id not in REGISTERS:
            found = mean((start[0], start[1]), self.averages.at(id, moment)) if start else None
            return Taken(found, found is not None)
        return self._shown(id, self.near(id, moment), moment)

    def take_since(self, id: int, moment: int) -> Taken:
        """The first reading of a register that was made at a moment or later."""
        track = self.counters.tracks.get(self._books.facts.source(id))
        return self._shown(id, None if track is None else track.after(moment), moment)

    def _shown(self, id: int, point: Point | None, moment: int) -> Taken:
        if point is not None:
            return Taken(self.registers.at(id, point), True)
        track = self.counters.tracks.get(self._books.facts.source(id))
        last = None if track is None else track.before(moment)
        return Taken(None if last is None else self.registers.at(id, last), False)


class Ordering:
    """Times of the rows of a series: they grow, also where the host's clock was set back."""

    __slots__ = ("last",)

    def __init__(self) -> None:
        self.last = 0

    def row(
        self, serial: str, kind: Kind, channel: int, moment: int, stamp: Stamp, status: int,
        values: tuple[object, ...], statuses: tuple[int, ...] = (),
    ) -> Row:  # fmt: skip
        """A row that ended at ``moment``."""
        self.last = max(moment, self.last + 1)
        return Row(serial, kind, channel, self.last, stamp.seconds, status, values, statuses)
