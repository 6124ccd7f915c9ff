"""What stands between two readings of a gauge: time-weighted sums, and energies integrated from power (10.4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from wattproof.gateway.engines.books import Books, Part
from wattproof.gateway.engines.readings import ROUND, Sum, Sums
from wattproof.gateway.engines.scales import (
    ACTIVE_POWER,
    APPARENT_EXPORT,
    APPARENT_IMPORT,
    APPARENT_POWER,
    ENERGY_EXPONENT,
    GUARD,
    REACTIVE_EXPORT,
    REACTIVE_IMPORT,
    REACTIVE_POWER,
    exponent_of,
    scaled,
)
from wattproof.gateway.records import Value
from wattproof.metering.rounding import nearest
from wattproof.model.values import Quality

#: ms in an hour.
HOUR = 3_600_000
#: What an energy's last digit is, as power in its inner unit x ms.
_UNIT = HOUR * 10 ** (ENERGY_EXPONENT - exponent_of(REACTIVE_POWER) + GUARD)


class Averages(Part):
    """``sums`` by id, of the gauges that anybody averages (:meth:`follow`)."""

    name = "averages"

    def __init__(self, books: Books) -> None:
        super().__init__()
        self._books = books
        self.sums: dict[int, Sums] = {}

    def follow(self, ids: Iterable[int]) -> None:
        """Average these from now on, and forget all others."""
        self.sums = {id: self.sums.get(id) or Sums() for id in sorted(set(ids))}
        self.changed = True

    def read(self, id: int, value: Value, wanted: int) -> None:
        """A reading of a gauge; what nobody averages is let go."""
        sums = self.sums.get(id)
        number = None if sums is None else scaled(value, exponent_of(id) - GUARD)
        if sums is None or number is None or (sums.points and value.time <= sums.points[-1].time):
            return
        sums.add(value.time, number, self._books.facts.hold, wanted)
        self.changed = True

    def at(self, id: int, moment: int) -> tuple[int, int]:
        """Sum and time measured until a moment."""
        sums = self.sums.get(id)
        return (0, 0) if sums is None else sums.at(moment, self._books.facts.hold)

    def turn_back(self, at: int) -> None:
        """The host's clock was set back."""
        for sums in self.sums.values():
            sums.turn_back(at)
        self.changed = True

    def save(self) -> Any:
        return [[id, [list(point) for point in sums.points]] for id, sums in self.sums.items()]

    def restore(self, data: Any) -> None:
        self.sums = {}
        for id, points in data:
            self.sums[id] = Sums()
            self.sums[id].points = [Sum(*point) for point in points]


def mean(before: tuple[int, int], after: tuple[int, int], guard: int = GUARD) -> int | None:
    """The average between two sums, rounded to what is shown; ``None`` if nothing was measured."""
    measured = after[1] - before[1]
    grown = (after[0] - before[0]) % ROUND
    if grown >= ROUND // 2:
        grown -= ROUND
    return nearest(grown, measured * 10**guard) if measured > 0 else None


class Integrals(Part):
    """Energies from power, where the meter has none: each as a sum of power x ms that only grows.

    A power counts from its reading until the next one, at most for the time that a gauge holds.
    """

    name = "integrals"

    def __init__(self, books: Books) -> None:
        super().__init__()
        self._books = books
        #: Thousandths of an hour's worth, and the rest of power x ms.
        self._sums: dict[int, tuple[int, int]] = dict.fromkeys(sorted(books.facts.integrated), (0, 0))
        #: Time, reactive, apparent and active power of the last reading that had all that is needed.
        self._last: tuple[int, int, int, int] | None = None

    def read(self, values: Mapping[int, Value]) -> dict[int, Value]:
        """New powers; the energies as they stand then, estimated. Nothing where a power is missing."""
        if not self._sums:
            return {}
        needed = [REACTIVE_POWER] if REACTIVE_IMPORT in self._sums else []
        needed += [APPARENT_POWER, ACTIVE_POWER] if APPARENT_IMPORT in self._sums else []
        if not all(id in values for id in needed):
            return {}
        powers = {id: scaled(values[id], exponent_of(id) - GUARD) for id in needed}
        if None in powers.values():
            return {}
        moment = max(values[id].time for id in needed)
        if self._last is not None and moment <= self._last[0]:
            return {}
        self._count(moment)
        reactive, apparent, active = (powers.get(id) or 0 for id in (REACTIVE_POWER, APPARENT_POWER, ACTIVE_POWER))
        self._last, self.changed = (moment, reactive, apparent, active), True
        return {id: self._value(id, moment) for id in self._sums}

    def _count(self, moment: int) -> None:
        if self._last is None:
            return
        since, reactive, apparent, active = self._last
        stretch = min(moment - since, self._books.facts.hold)
        grown = {
            REACTIVE_IMPORT: max(reactive, 0),
            REACTIVE_EXPORT: max(-reactive, 0),
            APPARENT_IMPORT: apparent if active >= 0 else 0,
            APPARENT_EXPORT: apparent if active < 0 else 0,
        }
        for id, (whole, rest) in self._sums.items():
            more, rest = divmod(rest + abs(grown[id]) * stretch, _UNIT)
            self._sums[id] = whole + more, rest

    def _value(self, id: int, moment: int) -> Value:
        return Value(self._sums[id][0], ENERGY_EXPONENT, moment, Quality.ESTIMATED)

    def turn_back(self, at: int) -> None:
        """The host's clock was set back."""
        if self._last is not None and self._last[0] > at:
            self._last, self.changed = (at, *self._last[1:]), True

    def save(self) -> Any:
        sums = [[id, *counted] for id, counted in self._sums.items()]
        return {"sums": sums, "last": self._last and list(self._last)}

    def restore(self, data: Any) -> None:
        self._sums |= {id: (whole, rest) for id, whole, rest in data["sums"] if id in self._sums}
        self._last = tuple(data["last"]) if data["last"] else None
