"""The 64-bit status word of ABB meters and its names (abb-meters.md 3.9; g13-api.md 5.2, 5.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wattproof.meters.abb.records import Category

#: Alarm k is information bit 12 + k.
FIRST_ALARM, ALARMS = 13, 25


@dataclass(frozen=True, slots=True)
class Bit:
    """One bit: its class and its name."""

    number: int
    category: Category
    name: str

    @property
    def code(self) -> int:
        """The code of its log entries."""
        return self.number + _OFFSETS[self.category]


_OFFSETS = {Category.ERROR: 0, Category.WARNING: 1000, Category.INFORMATION: 2000}
_WARNINGS = (
    *("U1 Missing", "U2 Missing", "U3 Missing", "Phase Conn Neutral"),
    *("NEG_POW Element1", "NEG_POW Element2", "NEG_POW Element3", "Neg Tot Pow"),
    *("Frequency", "External Input", "Date Not Set", "Time Not SET"),
)
_ERRORS = ("Audit Log", "Program CRC", "Persistent Storage", *(f"ABB Specific Str {n}" for n in range(1, 9)))

BITS: Mapping[int, Bit] = MappingProxyType(
    {
        bit.number: bit
        for bit in (
            *(Bit(number, Category.WARNING, name) for number, name in enumerate(_WARNINGS)),
            *(Bit(FIRST_ALARM + k, Category.INFORMATION, f"Alarm{k + 1} Active") for k in range(ALARMS)),
            *(Bit(number, Category.ERROR, name) for number, name in enumerate(_ERRORS, 40)),
            Bit(54, Category.INFORMATION, "Pulses Merged"),
            Bit(55, Category.INFORMATION, "Powerfail"),
        )
    }
)
BY_CODE: Mapping[int, Bit] = MappingProxyType({bit.code: bit for bit in BITS.values()})


@dataclass(frozen=True, slots=True)
class StatusFlags:
    """What is active in the status word. ``alarms``: their numbers from 1 on, ``unknown``: bits without a name."""

    word: int

    def names(self, category: Category) -> tuple[str, ...]:
        """Names of the active bits of one class, lowest bit first."""
        return tuple(bit.name for bit in self._active() if bit.category is category)

    def _active(self) -> list[Bit]:
        return [bit for number, bit in BITS.items() if self.word >> number & 1]

    @property
    def alarms(self) -> tuple[int, ...]:
        return tuple(k + 1 for k in range(ALARMS) if self.word >> FIRST_ALARM + k & 1)

    @property
    def unknown(self) -> tuple[int, ...]:
        return tuple(number for number in range(64) if self.word >> number & 1 and number not in BITS)

    def as_dict(self) -> dict[str, object]:
        return {
            "errors": [*self.names(Category.ERROR)],
            "warnings": [*self.names(Category.WARNING)],
            "informationflags": [*self.names(Category.INFORMATION)],
        }
