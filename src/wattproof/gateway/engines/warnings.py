"""What an AC meter's own values say is wrong, for the meter's log (g13-api.md 51, 5.2; abb-meters.md 3.9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from wattproof.gateway.engines.books import EVENT, QUALITY, Books, Part
from wattproof.gateway.engines.scales import scaled
from wattproof.gateway.records import Value
from wattproof.meters.abb.statusword import BITS

#: A value in thousandths of its unit, and the nominal voltage in V.
Wrong = Callable[[int, int], bool]


def _missing(value: int, nominal: int) -> bool:
    """Below 20 % of the nominal voltage."""
    return value < nominal * 200


def _negative(value: int, nominal: int) -> bool:
    return value < 0


def _off(value: int, nominal: int) -> bool:
    """Outside 45 to 65 Hz."""
    return not 45_000 <= value <= 65_000


#: Bits of the status word by the quantity that sets them: U1 to U3 missing, negative power of the elements and in all,
#: frequency; the log that each goes to (AD-29).
WATCHED: Mapping[int, tuple[int, Wrong, str]] = MappingProxyType(
    {
        69: (0, _missing, QUALITY), 72: (1, _missing, QUALITY), 75: (2, _missing, QUALITY),
        93: (4, _negative, EVENT), 94: (5, _negative, EVENT), 95: (6, _negative, EVENT), 96: (7, _negative, EVENT),
        170: (8, _off, QUALITY),
    }
)  # fmt: skip


class Warnings(Part):
    """Entries that begin when a value is wrong and end when it is right again; only with `Facts.nominal`."""

    name = "warnings"

    def __init__(self, books: Books) -> None:
        super().__init__()
        self._books = books
        self._present: set[int] = set()

    def read(self, values: Mapping[int, Value], at: int) -> None:
        """New values."""
        nominal = self._books.facts.nominal
        if nominal is None:
            return
        for id in WATCHED.keys() & values.keys():
            number = scaled(values[id], -3)
            bit, wrong, log = WATCHED[id]
            if number is None or wrong(number, nominal) == (bit in self._present):
                continue
            self.changed = True
            self._present ^= {bit}
            (self._books.begin if bit in self._present else self._books.end)(log, BITS[bit].code, at)

    def save(self) -> Any:
        return sorted(self._present)

    def restore(self, data: Any) -> None:
        self._present = set(data)
