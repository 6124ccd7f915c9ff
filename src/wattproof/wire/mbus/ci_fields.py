"""The CI field: what stands behind it, in both directions (EN 13757-3, table 1; abb-meters.md 1.7)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from wattproof.errors import InvalidValue

APPLICATION_RESET, SYNCHRONISE = 0x50, 0x54
DATA_SEND, DATA_SEND_MSB = 0x51, 0x55
SELECT, SELECT_MSB = 0x52, 0x56
APPLICATION_ERROR, ALARM_STATUS = 0x70, 0x71
VARIABLE, VARIABLE_MSB, FIXED, FIXED_MSB = 0x72, 0x76, 0x73, 0x77
SHORT_HEADER, NO_HEADER = 0x7A, 0x78

#: The rate that a meter shall take, in bit/s.
BAUD_RATES: Mapping[int, int] = MappingProxyType(
    {0xB8: 300, 0xB9: 600, 0xBA: 1200, 0xBB: 2400, 0xBC: 4800, 0xBD: 9600, 0xBE: 19200, 0xBF: 38400}
)

#: To the meter.
COMMANDS: Mapping[int, str] = MappingProxyType(
    {
        APPLICATION_RESET: "application reset",
        DATA_SEND: "data send",
        DATA_SEND_MSB: "data send, most significant byte first",
        SELECT: "selection",
        SELECT_MSB: "selection, most significant byte first",
        SYNCHRONISE: "synchronise",
        **{ci: f"set baud rate {rate}" for ci, rate in BAUD_RATES.items()},
    }
)

#: From the meter.
ANSWERS: Mapping[int, str] = MappingProxyType(
    {
        APPLICATION_ERROR: "application error",
        ALARM_STATUS: "alarm status",
        VARIABLE: "variable data",
        VARIABLE_MSB: "variable data, most significant byte first",
        FIXED: "fixed data",
        FIXED_MSB: "fixed data, most significant byte first",
        SHORT_HEADER: "variable data, short header",
        NO_HEADER: "variable data, no header",
    }
)


def baud_rate_ci(rate: int) -> int:
    """The CI field that sets this rate. Raises ``InvalidValue`` for a rate that M-Bus does not have."""
    for ci, known in BAUD_RATES.items():
        if known == rate:
            return ci
    raise InvalidValue(f"M-Bus has no rate of {rate} bit/s; rates: {', '.join(map(str, BAUD_RATES.values()))}")
