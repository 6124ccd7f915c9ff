"""The shape of a quantity's row, and short forms for the usual ones (abb-meters.md 1.12)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

from wattproof.model.obis import Obis
from wattproof.model.quantities import Kind, Quantity
from wattproof.model.units import NONE, PERCENT, Unit

#: Functionality of a meter, by the first digit of the second group of its type label (3.1). Each has what the lower
#: ones have.
IRON, STEEL, BRONZE, SILVER, GOLD, PLATINUM = range(6)
LEVELS = ("Iron", "Steel", "Bronze", "Silver", "Gold", "Platinum")
#: How well a row is known.
V, S, I = "verified", "stated", "inferred"  # noqa: E741 - the marks of the specification
COUNTER, GAUGE, SETTING, STATE, TEXT, TIME = (
    Kind.COUNTER,
    Kind.GAUGE,
    Kind.SETTING,
    Kind.STATE,
    Kind.TEXT,
    Kind.TIME,
)
#: Ends of names that say where on the meter a quantity is measured.
PLACES = {
    "L1_L2": "L1-L2",
    "L2_L3": "L2-L3",
    "L1_L3": "L1-L3",
    "L1": "L1",
    "L2": "L2",
    "L3": "L3",
    "NEUTRAL": "N",
}
#: What a meter with one element does not have.
POLYPHASE = frozenset(PLACES.values()) - {"L1"}


@dataclass(frozen=True)
class Row:
    """One quantity.

    ``type``: u8..u64, i16..i64, bool, enum, text, ``u16[16]`` (an array), date-time, or table for what has a shape of
    its own. ``record``: DIB and VIB of its M-Bus record as sent with a record status, ``""`` if no telegram has it.
    ``level``: the functionality from which on a meter has it.
    """

    id: int
    name: str
    kind: Kind
    class_id: int
    logical_name: str
    attribute: int
    type: str
    scale: int
    unit: Unit
    record: str
    level: int
    mark: str

    @cached_property
    def phase(self) -> str | None:
        """``L1``, ``L2``, ``L3``, ``N``, ``L1-L2`` and so on; ``None``: of the whole meter."""
        return next((place for end, place in PLACES.items() if self.name.endswith(f"_{end}")), None)

    @property
    def mark_of_name(self) -> str:
        """How well its place in the COSEM object model is known: no public description of that side exists."""
        return I

    @property
    def level_name(self) -> str:
        return LEVELS[self.level]

    @cached_property
    def ln(self) -> bytes:
        """The logical name, six bytes."""
        return Obis.parse(self.logical_name).to_bytes()

    @cached_property
    def quantity(self) -> Quantity:
        return Quantity(self.name.lower(), self.kind, self.unit, self.logical_name, self.phase)

    @cached_property
    def limits(self) -> tuple[int, int] | None:
        """The least and the largest number that its type can hold; ``None``: it is no such number."""
        if not re.fullmatch("[iu][0-9]+", self.type):
            return None
        bits, signed = int(self.type[1:]), self.type[0] == "i"
        return -(1 << bits - 1) if signed else 0, (1 << bits - signed) - 1

    def holds(self, value: int) -> bool:
        """Whether its type can hold a number."""
        return self.limits is None or self.limits[0] <= value <= self.limits[1]

    @cached_property
    def dib(self) -> bytes:
        """Data information block of the record; empty without one."""
        return bytes.fromhex(self.record.partition("/")[0])

    @cached_property
    def vib(self) -> bytes:
        """Value information block, its last byte with the extension bit of a following record status."""
        return bytes.fromhex(self.record.partition("/")[2])


def register(
    kind: Kind, id: int, name: str, ln: str, type: str, scale: int, unit: Unit, record: str, level: int, mark: str
) -> Row:
    """Attribute 2 of a register, class 3, whose attribute 3 gives scaler and unit."""
    return Row(id, name, kind, 3, ln, 2, type, scale, unit, record, level, mark)


def counter(id: int, name: str, ln: str, type: str, scale: int, unit: Unit, record: str, level: int, mark: str) -> Row:
    """A register that only grows."""
    return register(COUNTER, id, name, ln, type, scale, unit, record, level, mark)


def gauge(id: int, name: str, ln: str, type: str, scale: int, unit: Unit, record: str, level: int, mark: str) -> Row:
    """A register that goes up and down."""
    return register(GAUGE, id, name, ln, type, scale, unit, record, level, mark)


def data(
    kind: Kind, id: int, name: str, ln: str, type: str, record: str, level: int, mark: str, *, scale: int = 0,
    unit: Unit = NONE,
) -> Row:  # fmt: skip
    """Attribute 2 of a data object, class 1. Scale and unit are agreed, not sent."""
    return Row(id, name, kind, 1, ln, 2, type, scale, unit, record, level, mark)


def table(
    id: int, name: str, class_id: int, ln: str, attribute: int, level: int, mark: str, *, type: str = "table",
    record: str = "", kind: Kind = SETTING,
) -> Row:  # fmt: skip
    """An attribute with a shape of its own."""
    return Row(id, name, kind, class_id, ln, attribute, type, 0, NONE, record, level, mark)


def distortion(id: int, name: str, ln: str, record: str) -> Row:
    """The total harmonic distortion of one voltage or current (3.4)."""
    return gauge(id, name, ln, "u16", -1, PERCENT, record, PLATINUM, S)


def spectrum(id: int, name: str, ln: str, record: str) -> Row:
    """The harmonics of one voltage or current as an array; order 2 is its second element (AD-22)."""
    return data(GAUGE, id, name, ln, "u16[16]", record, PLATINUM, S, scale=-1, unit=PERCENT)
