"""Readings of a meter as the store takes them: numbers in a row, whose layout is known (gateway/records.py)."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from wattproof.gateway.records import Group, Readings, Value
from wattproof.gateway.store.base import Store
from wattproof.model.values import Quality

_LETTERS = {Quality.GOOD: "g", Quality.ESTIMATED: "e", Quality.INVALID: "i", Quality.MISSING: "m"}


class Layouts:
    """The layouts of one meter's readings. A quantity keeps its exponent while it has no number."""

    def __init__(self, store: Store, serial: str) -> None:
        self._store = store
        self._serial = serial
        self._exponents: dict[int, int] = {}
        self._known: dict[tuple[tuple[int, ...], tuple[int, ...]], int] = {}

    async def readings(self, group: Group, ids: Collection[int], values: Mapping[int, Value], time: int) -> Readings:
        """A row of one group; ids without a value are missing. Raises ``StorageError``."""
        columns = tuple(sorted(ids))
        exponents = self._exponents
        numbers: list[int | None] = []
        letters = []
        for id in columns:
            value = values.get(id)
            if value is None:
                numbers.append(None)
                letters.append("m")
                continue
            if value.mantissa is not None:
                exponents[id] = value.exponent
            numbers.append(value.mantissa)
            letters.append(_LETTERS[value.quality])
        key = columns, tuple(exponents.get(id, 0) for id in columns)
        layout = self._known.get(key)
        if layout is None:
            layout = self._known[key] = await self._store.layout(dict(zip(*key, strict=True)))
        qualities = "".join(letters)
        return Readings(self._serial, group, time, layout, tuple(numbers), qualities if qualities.strip("g") else None)
