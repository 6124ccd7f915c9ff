"""Units of M-Bus beyond those of :mod:`wattproof.model.units`. Codes: COSEM Blue Book; 254 where it has none."""

from __future__ import annotations

from wattproof.model.units import OTHER, Unit

CURRENCY = Unit("local currency", "currency", 10)
CURRENCY_PER_KILOWATT_HOUR = Unit("local currency per kilowatt hour", "currency/kWh", OTHER)
KILOGRAM_PER_KILOWATT_HOUR = Unit("kilogram per kilowatt hour", "kg/kWh", OTHER)
KILOGRAM_PER_HOUR = Unit("kilogram per hour", "kg/h", OTHER)
TONNE = Unit("tonne", "t", OTHER)
CALORIE = Unit("calorie", "cal", OTHER)
CUBIC_METRE_PER_MINUTE = Unit("cubic metre per minute", "m³/min", OTHER)
CUBIC_METRE_PER_SECOND = Unit("cubic metre per second", "m³/s", OTHER)
CUBIC_FOOT = Unit("cubic foot", "ft³", OTHER)
GALLON = Unit("US gallon", "gal", OTHER)
GALLON_PER_MINUTE = Unit("US gallon per minute", "gal/min", OTHER)
GALLON_PER_HOUR = Unit("US gallon per hour", "gal/h", OTHER)
BIT_TIME = Unit("bit time", "bit times", OTHER)
ALLOCATOR_UNIT = Unit("heat cost allocator unit", "HCA", OTHER)
LITRE_PER_HOUR = Unit("litre per hour", "l/h", OTHER)
