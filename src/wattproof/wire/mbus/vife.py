"""What qualifies a value: combinable VIFE, record status, object actions (EN 13757-3, tables 15 to 19).

The codes 28 to 38 are as the standard has them: 28 and 29 for input, 2A and 2B for output pulses, 2C per litre, up to
38. A code without a row is kept as the qualifier ``unknown``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wattproof.model.units import NONE, Unit
from wattproof.wire.mbus.vif import TIMES, Kind


@dataclass(frozen=True, slots=True)
class Vife:
    """One code.

    ``shift``: powers of ten that the value is multiplied by. ``unit`` and ``kind`` replace those of the VIF where the
    value is no longer the quantity itself, but a duration, a count or a date of it. ``phase``: it only names the phase.
    """

    name: str
    shift: int = 0
    unit: Unit | None = None
    kind: Kind | None = None
    phase: str | None = None


@dataclass(frozen=True, slots=True)
class Qualifier:
    """A qualifier of one record. ``number``: what it counts, or the code where the name is ``unknown``."""

    name: str
    number: int | None = None

    def __str__(self) -> str:
        return self.name if self.number is None else f"{self.name} {self.number}"


Rows = Iterator[tuple[int, Vife]]


def _names(first: int, *names: str) -> Rows:
    return ((first + index, Vife(name)) for index, name in enumerate(names))


def _limits() -> Rows:
    """40 to 5F: how often, when and how long the value was beyond a limit. Bits: u upper, f last, b end, nn unit."""
    for upper in (0, 1):
        limit = ("lower", "upper")[upper]
        yield 0x40 | upper << 3, Vife(f"{limit} limit")
        yield 0x41 | upper << 3, Vife(f"exceeds of {limit} limit", unit=NONE, kind=Kind.UNSIGNED)
        for last in (0, 1):
            which = ("first", "last")[last]
            for end in (0, 1):
                name = f"{('begin', 'end')[end]} of {which} exceed of {limit} limit"
                yield 0x42 | upper << 3 | last << 2 | end, Vife(name, unit=NONE, kind=Kind.MOMENT)
            for index, unit in enumerate(TIMES):
                name = f"duration of {which} exceed of {limit} limit"
                yield 0x50 | upper << 3 | last << 2 | index, Vife(name, unit=unit)
        yield 0x68 | upper << 2, Vife(f"during exceed of {limit} limit")


def _occurrences() -> Rows:
    """60 to 6F: how long and when the value was there the first or the last time."""
    for last in (0, 1):
        which = ("first", "last")[last]
        for index, unit in enumerate(TIMES):
            yield 0x60 | last << 2 | index, Vife(f"duration of {which}", unit=unit)
        for end in (0, 1):
            name = f"{('begin', 'end')[end]} of {which}"
            yield 0x6A | last << 2 | end, Vife(name, unit=NONE, kind=Kind.MOMENT)


#: Combinable VIFE, extension bit masked (table 15).
COMBINABLE: Mapping[int, Vife] = MappingProxyType(
    dict(
        [
            *_names(0x20, "per second", "per minute", "per hour", "per day", "per week", "per month", "per year"),
            *_names(0x27, "per revolution", "per pulse of input 0", "per pulse of input 1"),
            *_names(0x2A, "per pulse of output 0", "per pulse of output 1", "per litre", "per cubic metre"),
            *_names(0x2E, "per kilogram", "per kelvin", "per kilowatt hour", "per gigajoule", "per kilowatt"),
            *_names(0x33, "per kelvin litre", "per volt", "per ampere", "times second", "times second per volt"),
            *_names(0x38, "times second per ampere"),
            (0x39, Vife("start of", unit=NONE, kind=Kind.MOMENT)),
            *_names(0x3A, "uncorrected", "positive contributions", "absolute of negative contributions"),
            *_names(0x3D, "other units", "base conditions", "OBIS declaration"),
            *_limits(),
            (0x69, Vife("leakage")),
            (0x6D, Vife("overflow")),
            *_occurrences(),
            *((0x70 + n, Vife(f"times 10^{n - 6}", shift=n - 6)) for n in range(8)),
            *((0x78 + n, Vife(f"additive constant 10^{n - 3}")) for n in range(4)),
            (0x7D, Vife("times 10^3", shift=3)),
            (0x7E, Vife("future value")),
        ]
    )
)

#: Codes behind the VIFE FC (table 16).
COMBINABLE_SECOND: Mapping[int, Vife] = MappingProxyType(
    {
        0x01: Vife("phase L1", phase="L1"),
        0x02: Vife("phase L2", phase="L2"),
        0x03: Vife("phase L3", phase="L3"),
        0x04: Vife("neutral", phase="N"),
        0x05: Vife("phases L1-L2", phase="L1-L2"),
        0x06: Vife("phases L2-L3", phase="L2-L3"),
        0x07: Vife("phases L3-L1", phase="L1-L3"),
        0x08: Vife("quadrant 1"),
        0x09: Vife("quadrant 2"),
        0x0A: Vife("quadrant 3"),
        0x0B: Vife("quadrant 4"),
        0x0C: Vife("delta of import and export"),
        0x10: Vife("absolute of all contributions"),
        0x11: Vife("unsigned", kind=Kind.UNSIGNED),
        0x12: Vife("bits", kind=Kind.UNSIGNED),
        0x13: Vife("to the meter"),
        0x14: Vife("from the meter"),
    }
)
NEXT_IS_SECOND, NEXT_IS_MANUFACTURER = 0x7C, 0x7F

#: Codes below 20 that qualify and are no status, in later editions of the standard.
PROFILES: Mapping[int, Vife] = MappingProxyType(
    {
        0x12: Vife("average"),
        0x13: Vife("inverse compact profile", kind=Kind.BYTES),
        0x14: Vife("relative deviation"),
        0x1D: Vife("standard conform content", kind=Kind.BYTES),
        0x1E: Vife("compact profile with registers", kind=Kind.BYTES),
        0x1F: Vife("compact profile", kind=Kind.BYTES),
    }
)

#: Last VIFE of a record from the meter: record status (table 17). Codes without a row are reserved.
STATUS: Mapping[int, str] = MappingProxyType(
    {
        0x00: "none",
        0x01: "too many DIFE",
        0x02: "storage number not implemented",
        0x03: "unit number not implemented",
        0x04: "tariff not implemented",
        0x05: "function not implemented",
        0x06: "data class not implemented",
        0x07: "data size not implemented",
        0x0B: "too many VIFE",
        0x0C: "illegal VIF group",
        0x0D: "illegal VIF exponent",
        0x0E: "VIF/DIF mismatch",
        0x0F: "unimplemented action",
        0x15: "no data available",
        0x16: "data overflow",
        0x17: "data underflow",
        0x18: "data error",
        0x1C: "premature end of record",
    }
)
NO_DATA, DATA_ERROR = 0x15, 0x18

#: Last VIFE of a record to the meter: what it shall do with the object (table 18).
ACTIONS: Mapping[int, str] = MappingProxyType(
    {
        0x00: "write",
        0x01: "add",
        0x02: "subtract",
        0x03: "or",
        0x04: "and",
        0x05: "exclusive or",
        0x06: "and not",
        0x07: "clear",
        0x08: "add entry",
        0x09: "delete entry",
        0x0B: "freeze",
        0x0C: "add to readout list",
        0x0D: "delete from readout list",
    }
)
WRITE, CLEAR, FREEZE = 0x00, 0x07, 0x0B
