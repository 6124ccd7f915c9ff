"""What a value is: the tables of value information fields (EN 13757-3, tables 10, 12, 13 and 14; abb-meters.md 1.10).

A row says quantity, unit and power of ten; the number in a record times 10 ** ``exponent`` is in ``unit``. Ranges of
codes whose low bits count powers of ten are written once, by :func:`powers`. A code without a row is no error: its
record decodes to the raw number under the quantity ``unknown``.

The codes FB and the later ones of FD are not covered by telegrams of real meters in the tests; codes that later
editions of the standard withdrew (feet, gallons, degrees Fahrenheit) are here because meters still send them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from wattproof.model import units as u
from wattproof.wire.mbus import units as m


class Kind(Enum):
    """How the data bytes of a record are read; the data field of the DIF gives the size."""

    NUMBER = "number"  # types A, B, H
    UNSIGNED = "unsigned number"  # type C instead of B: counters, flags, addresses
    DATE = "date"  # type G
    MOMENT = "date and time"  # types F, G, I, J by size
    BYTES = "bytes"  # types K, L, M and containers
    DURATION = "duration in BCD"  # ABB only


@dataclass(frozen=True, slots=True)
class Vif:
    """One code: what is measured, in which unit, times which power of ten."""

    quantity: str
    unit: u.Unit = u.NONE
    exponent: int = 0
    kind: Kind = Kind.NUMBER


Rows = Iterator[tuple[int, Vif]]
TIMES = (u.SECOND, u.MINUTE, u.HOUR, u.DAY)
LONG_TIMES = (u.HOUR, u.DAY, u.MONTH, u.YEAR)


def powers(first: int, last: int, quantity: str, unit: u.Unit, exponent: int) -> Rows:
    """Codes whose low bits count powers of ten, from ``exponent`` at the first."""
    return ((code, Vif(quantity, unit, exponent + code - first)) for code in range(first, last + 1))


def per_unit(first: int, quantity: str, units: Sequence[u.Unit] = TIMES) -> Rows:
    """Codes whose low bits choose the unit."""
    return ((first + index, Vif(quantity, unit)) for index, unit in enumerate(units))


def one(code: int, quantity: str, unit: u.Unit = u.NONE, exponent: int = 0, kind: Kind = Kind.NUMBER) -> Rows:
    """A single code."""
    yield code, Vif(quantity, unit, exponent, kind)


def table(*rows: Rows) -> Mapping[int, Vif]:
    """One table by code. A code that stands twice is a mistake of ours."""
    found: dict[int, Vif] = {}
    for row in rows:
        for code, vif in row:
            if code in found:
                raise ValueError(f"code {code:02X} stands twice")
            found[code] = vif
    return found


#: The first VIF byte, extension bit masked (table 10).
PRIMARY = table(
    powers(0x00, 0x07, "energy", u.WATT_HOUR, -3),
    powers(0x08, 0x0F, "energy", u.JOULE, 0),
    powers(0x10, 0x17, "volume", u.CUBIC_METRE, -6),
    powers(0x18, 0x1F, "mass", u.KILOGRAM, -3),
    per_unit(0x20, "on_time"),
    per_unit(0x24, "operating_time"),
    powers(0x28, 0x2F, "power", u.WATT, -3),
    powers(0x30, 0x37, "power", u.JOULE_PER_HOUR, 0),
    powers(0x38, 0x3F, "volume_flow", u.CUBIC_METRE_PER_HOUR, -6),
    powers(0x40, 0x47, "volume_flow", m.CUBIC_METRE_PER_MINUTE, -7),
    powers(0x48, 0x4F, "volume_flow", m.CUBIC_METRE_PER_SECOND, -9),
    powers(0x50, 0x57, "mass_flow", m.KILOGRAM_PER_HOUR, -3),
    powers(0x58, 0x5B, "flow_temperature", u.CELSIUS, -3),
    powers(0x5C, 0x5F, "return_temperature", u.CELSIUS, -3),
    powers(0x60, 0x63, "temperature_difference", u.KELVIN, -3),
    powers(0x64, 0x67, "external_temperature", u.CELSIUS, -3),
    powers(0x68, 0x6B, "pressure", u.BAR, -3),
    one(0x6C, "date", kind=Kind.DATE),
    one(0x6D, "date_time", kind=Kind.MOMENT),
    one(0x6E, "heat_cost_allocation", m.ALLOCATOR_UNIT),
    one(0x6F, "reserved"),
    per_unit(0x70, "averaging_duration"),
    per_unit(0x74, "actuality_duration"),
    one(0x78, "fabrication_number"),
    one(0x79, "enhanced_identification"),
    one(0x7A, "bus_address", kind=Kind.UNSIGNED),
    one(0x7E, "any"),
    one(0x7F, "manufacturer_specific"),
)

#: Codes behind FD (table 12): electricity, identification, clocks, counters.
FD = table(
    powers(0x00, 0x03, "credit", m.CURRENCY, -3),
    powers(0x04, 0x07, "debit", m.CURRENCY, -3),
    one(0x08, "access_number", kind=Kind.UNSIGNED),
    one(0x09, "medium", kind=Kind.UNSIGNED),
    one(0x0A, "manufacturer", kind=Kind.UNSIGNED),
    one(0x0B, "parameter_set_identification"),
    one(0x0C, "model_version"),
    one(0x0D, "hardware_version"),
    one(0x0E, "firmware_version"),
    one(0x0F, "software_version"),
    one(0x10, "customer_location"),
    one(0x11, "customer"),
    one(0x12, "access_code_user"),
    one(0x13, "access_code_operator"),
    one(0x14, "access_code_system_operator"),
    one(0x15, "access_code_developer"),
    one(0x16, "password", kind=Kind.BYTES),
    one(0x17, "error_flags", kind=Kind.UNSIGNED),
    one(0x18, "error_mask", kind=Kind.UNSIGNED),
    one(0x19, "security_key", kind=Kind.BYTES),
    one(0x1A, "digital_output", kind=Kind.UNSIGNED),
    one(0x1B, "digital_input", kind=Kind.UNSIGNED),
    one(0x1C, "baud_rate", u.BIT_PER_SECOND, kind=Kind.UNSIGNED),
    one(0x1D, "response_delay", m.BIT_TIME, kind=Kind.UNSIGNED),
    one(0x1E, "retries", kind=Kind.UNSIGNED),
    one(0x1F, "remote_control", kind=Kind.UNSIGNED),
    one(0x20, "first_storage_number", kind=Kind.UNSIGNED),
    one(0x21, "last_storage_number", kind=Kind.UNSIGNED),
    one(0x22, "storage_block_size", kind=Kind.UNSIGNED),
    one(0x23, "tariff_and_subunit_descriptor", kind=Kind.UNSIGNED),
    per_unit(0x24, "storage_interval"),
    per_unit(0x28, "storage_interval", (u.MONTH, u.YEAR)),
    one(0x2A, "operator_data"),
    one(0x2B, "second_of_time", u.SECOND, kind=Kind.UNSIGNED),
    per_unit(0x2C, "duration_since_readout"),
    one(0x30, "start_of_tariff", kind=Kind.MOMENT),
    per_unit(0x31, "duration_of_tariff", (u.MINUTE, u.HOUR, u.DAY)),
    per_unit(0x34, "period_of_tariff", (*TIMES, u.MONTH, u.YEAR)),
    one(0x3A, "dimensionless"),
    one(0x3B, "wireless_container", kind=Kind.BYTES),
    per_unit(0x3C, "transmission_period"),
    powers(0x40, 0x4F, "voltage", u.VOLT, -9),
    powers(0x50, 0x5F, "current", u.AMPERE, -12),
    one(0x60, "reset_counter"),
    one(0x61, "cumulation_counter"),
    one(0x62, "control_signal", kind=Kind.UNSIGNED),
    one(0x63, "day_of_week", kind=Kind.UNSIGNED),
    one(0x64, "week_number", kind=Kind.UNSIGNED),
    one(0x65, "time_of_day_change", kind=Kind.MOMENT),
    one(0x66, "parameter_activation_state", kind=Kind.UNSIGNED),
    one(0x67, "supplier_information"),
    per_unit(0x68, "duration_since_cumulation", LONG_TIMES),
    per_unit(0x6C, "battery_operating_time", LONG_TIMES),
    one(0x70, "battery_change", kind=Kind.MOMENT),
    one(0x71, "radio_level", u.DECIBEL_MILLIWATT),
    one(0x72, "daylight_saving", kind=Kind.BYTES),
    one(0x73, "listening_window", kind=Kind.BYTES),
    one(0x74, "remaining_battery_life", u.DAY),
    one(0x75, "stops", kind=Kind.UNSIGNED),
    one(0x76, "manufacturer_container", kind=Kind.BYTES),
)

#: Codes behind FD FD (table 13).
FD_SECOND = table(
    one(0x00, "selected_application", kind=Kind.UNSIGNED),
    per_unit(0x02, "remaining_battery_life", (u.MONTH, u.YEAR)),
)

#: Codes behind FB (table 14): larger units, reactive and apparent quantities, other systems of units.
FB = table(
    powers(0x00, 0x01, "energy", u.WATT_HOUR, 5),
    powers(0x02, 0x03, "reactive_energy", u.VAR_HOUR, 3),
    powers(0x04, 0x05, "apparent_energy", u.VOLT_AMPERE_HOUR, 3),
    powers(0x08, 0x09, "energy", u.JOULE, 8),
    powers(0x0C, 0x0F, "energy", m.CALORIE, 5),
    powers(0x10, 0x11, "volume", u.CUBIC_METRE, 2),
    powers(0x14, 0x17, "reactive_power", u.VAR, 0),
    powers(0x18, 0x19, "mass", m.TONNE, 2),
    powers(0x1A, 0x1B, "relative_humidity", u.PERCENT, -1),
    one(0x20, "volume", m.CUBIC_FOOT),
    one(0x21, "volume", m.CUBIC_FOOT, -1),
    powers(0x22, 0x23, "volume", m.GALLON, -1),
    one(0x24, "volume_flow", m.GALLON_PER_MINUTE, -3),
    one(0x25, "volume_flow", m.GALLON_PER_MINUTE),
    one(0x26, "volume_flow", m.GALLON_PER_HOUR),
    powers(0x28, 0x29, "power", u.WATT, 5),
    one(0x2A, "phase_angle_voltage", u.DEGREE, -1),
    one(0x2B, "phase_angle_current", u.DEGREE, -1),
    powers(0x2C, 0x2F, "frequency", u.HERTZ, -3),
    powers(0x30, 0x31, "power", u.JOULE_PER_HOUR, 8),
    powers(0x34, 0x37, "apparent_power", u.VOLT_AMPERE, 0),
    powers(0x58, 0x5B, "flow_temperature", u.FAHRENHEIT, -3),
    powers(0x5C, 0x5F, "return_temperature", u.FAHRENHEIT, -3),
    powers(0x60, 0x63, "temperature_difference", u.FAHRENHEIT, -3),
    powers(0x64, 0x67, "external_temperature", u.FAHRENHEIT, -3),
    one(0x68, "rating_factor"),
    one(0x69, "thermal_output_rating_factor"),
    one(0x6A, "thermal_coupling_rating_factor"),
    one(0x6B, "thermal_coupling_rating_factor_room"),
    one(0x6C, "thermal_coupling_rating_factor_heater"),
    one(0x6D, "low_temperature_rating_factor"),
    one(0x6E, "display_scaling_factor"),
    powers(0x70, 0x73, "temperature_limit", u.FAHRENHEIT, -3),
    powers(0x74, 0x77, "temperature_limit", u.CELSIUS, -3),
    powers(0x78, 0x7F, "maximum_power", u.WATT, -3),
)

#: First bytes that only say in which table the next byte is to be looked up; PLAIN_TEXT is followed by its own text.
EXTENSIONS: Mapping[int, Mapping[int, Vif]] = {0x7B: FB, 0x7D: FD}
PLAIN_TEXT, ANY, MANUFACTURER = 0x7C, 0x7E, 0x7F
#: Inside FD: the next byte is of the second table.
SECOND_LEVEL = 0x7D
UNKNOWN = Vif("unknown")
