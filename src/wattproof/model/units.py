"""Units of measurement with their DLMS codes.

Codes: COSEM Blue Book (IEC 62056-6-2), table "enumerated values for physical units". A unit that the table lacks
carries 254 ("other"), a bare number 255 ("no unit").
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType

from wattproof.errors import UnknownName

OTHER = 254
UNITLESS = 255


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit: its English name, its symbol and its DLMS code (0..255)."""

    name: str
    symbol: str
    dlms: int

    def __str__(self) -> str:
        return self.symbol


NONE = Unit("", "", UNITLESS)
YEAR = Unit("year", "a", 1)
MONTH = Unit("month", "mo", 2)
WEEK = Unit("week", "wk", 3)
DAY = Unit("day", "d", 4)
HOUR = Unit("hour", "h", 5)
MINUTE = Unit("minute", "min", 6)
SECOND = Unit("second", "s", 7)
DEGREE = Unit("degree", "°", 8)
CELSIUS = Unit("degree Celsius", "°C", 9)
CURRENCY = Unit("local currency", "currency", 10)
METRE = Unit("metre", "m", 11)
METRE_PER_SECOND = Unit("metre per second", "m/s", 12)
CUBIC_METRE = Unit("cubic metre", "m³", 13)
CUBIC_METRE_PER_HOUR = Unit("cubic metre per hour", "m³/h", 15)
LITRE = Unit("litre", "l", 19)
KILOGRAM = Unit("kilogram", "kg", 20)
PASCAL = Unit("pascal", "Pa", 23)
BAR = Unit("bar", "bar", 24)
JOULE = Unit("joule", "J", 25)
JOULE_PER_HOUR = Unit("joule per hour", "J/h", 26)
WATT = Unit("watt", "W", 27)
VOLT_AMPERE = Unit("volt-ampere", "VA", 28)
VAR = Unit("volt-ampere reactive", "var", 29)
WATT_HOUR = Unit("watt hour", "Wh", 30)
VOLT_AMPERE_HOUR = Unit("volt-ampere hour", "VAh", 31)
VAR_HOUR = Unit("volt-ampere reactive hour", "varh", 32)
AMPERE = Unit("ampere", "A", 33)
VOLT = Unit("volt", "V", 35)
OHM = Unit("ohm", "Ω", 38)
HERTZ = Unit("hertz", "Hz", 44)
PULSE_PER_WATT_HOUR = Unit("pulses per watt hour", "1/Wh", 45)
PULSE_PER_VAR_HOUR = Unit("pulses per volt-ampere reactive hour", "1/varh", 46)
PULSE_PER_VOLT_AMPERE_HOUR = Unit("pulses per volt-ampere hour", "1/VAh", 47)
VOLT_SQUARED_HOUR = Unit("volt squared hour", "V²h", 48)
AMPERE_SQUARED_HOUR = Unit("ampere squared hour", "A²h", 49)
KELVIN = Unit("kelvin", "K", 52)
PERCENT = Unit("percent", "%", 56)
AMPERE_HOUR = Unit("ampere hour", "Ah", 57)
DECIBEL_MILLIWATT = Unit("decibel-milliwatt", "dBm", 70)
DECIBEL = Unit("decibel", "dB", 72)
BIT_PER_SECOND = Unit("bit per second", "bit/s", OTHER)
FAHRENHEIT = Unit("degree Fahrenheit", "°F", OTHER)
GRAM = Unit("gram", "g", OTHER)
BYTE = Unit("byte", "B", OTHER)

UNITS: tuple[Unit, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Unit))

#: Other spellings in makers' documents; the meaning is the same, only the glyphs differ.
SPELLINGS = MappingProxyType(
    {
        "Pct": PERCENT,
        "VAr": VAR,
        "VAR": VAR,
        "VArh": VAR_HOUR,
        "VARh": VAR_HOUR,
        "bps": BIT_PER_SECOND,
        "Secs": SECOND,
        "sec": SECOND,
        "C": CELSIUS,
        "Ohm": OHM,
        "ohm": OHM,
        "\u2126": OHM,
        "m3": CUBIC_METRE,
        "m3/h": CUBIC_METRE_PER_HOUR,
    }
)

#: Decimal prefixes (SI brochure, table 7) as powers of ten.
PREFIXES = MappingProxyType({"G": 9, "M": 6, "k": 3, "m": -3, "µ": -6, "u": -6})

_BY_SYMBOL = {unit.symbol: unit for unit in reversed(UNITS)} | dict(SPELLINGS)
_BY_DLMS = {unit.dlms: unit for unit in UNITS if unit.dlms != OTHER}


def by_symbol(symbol: str) -> Unit:
    """The unit written ``symbol`` ("Wh", "°C", "Pct"); upper and lower case matter. Raises ``UnknownName``.

    "C" is the degree Celsius of SunSpec model definitions: the table has no coulomb, which no meter here counts.
    """
    try:
        return _BY_SYMBOL[symbol]
    except KeyError:
        raise UnknownName(f"no unit is written {symbol!r}; known are {', '.join(sorted(_BY_SYMBOL))}") from None


def by_dlms(code: int) -> Unit:
    """The unit of a DLMS code; 254 ("other") names none. Raises ``UnknownName``."""
    try:
        return _BY_DLMS[code]
    except KeyError:
        raise UnknownName(f"DLMS unit code {code} is not in the table of units") from None


def prefixed(symbol: str) -> tuple[Unit, int]:
    """Unit and power of ten of a symbol that may carry a prefix: "kWh" is watt hours times 10^3.

    Raises ``UnknownName``.
    """
    if symbol in _BY_SYMBOL:
        return _BY_SYMBOL[symbol], 0
    if symbol[:1] in PREFIXES and symbol[1:] in _BY_SYMBOL and len(symbol) > 1:
        return _BY_SYMBOL[symbol[1:]], PREFIXES[symbol[0]]
    return by_symbol(symbol), 0
