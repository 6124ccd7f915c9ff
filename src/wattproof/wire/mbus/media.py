"""Media: what kind of meter it is, in the header of a telegram and in fixed data (EN 13757-3, device types)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

ELECTRICITY = 0x02

#: Medium byte of variable data.
MEDIA: Mapping[int, str] = MappingProxyType(
    {
        0x00: "other",
        0x01: "oil",
        0x02: "electricity",
        0x03: "gas",
        0x04: "heat, outlet",
        0x05: "steam",
        0x06: "warm water",
        0x07: "water",
        0x08: "heat cost allocator",
        0x09: "compressed air",
        0x0A: "cooling, outlet",
        0x0B: "cooling, inlet",
        0x0C: "heat, inlet",
        0x0D: "heat and cooling",
        0x0E: "bus or system",
        0x0F: "unknown",
        0x10: "irrigation water",
        0x11: "water data logger",
        0x12: "gas data logger",
        0x13: "gas converter",
        0x14: "calorific value",
        0x15: "hot water",
        0x16: "cold water",
        0x17: "dual register water",
        0x18: "pressure",
        0x19: "A/D converter",
        0x1A: "smoke detector",
        0x1B: "room sensor",
        0x1C: "gas detector",
        0x20: "breaker, electricity",
        0x21: "valve",
        0x25: "customer unit",
        0x28: "waste water",
        0x29: "garbage",
        0x2A: "carbon dioxide",
        0x30: "service tool",
        0x31: "communication controller",
        0x32: "unidirectional repeater",
        0x33: "bidirectional repeater",
        0x36: "radio converter, system side",
        0x37: "radio converter, meter side",
        0x38: "bus converter, meter side",
    }
)

#: Four medium bits of fixed data.
FIXED_MEDIA = (
    *("other", "oil", "electricity", "gas", "heat", "steam", "hot water", "water", "heat cost allocator", "reserved"),
    *("gas, mode 2", "heat, mode 2", "hot water, mode 2", "water, mode 2", "heat cost allocator, mode 2", "reserved"),
)


def medium_name(medium: int) -> str:
    """The name of a medium byte; codes without one are reserved."""
    return MEDIA.get(medium, f"reserved {medium:02X}")
