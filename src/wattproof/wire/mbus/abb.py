"""The codes of ABB A/B-series meters, layered on the tables of the standard (abb-meters.md 1.11; manual
2CMC484001M0201, chapter "Communication with M-Bus").

ABB sends VIF 04 (10 Wh) for active, reactive and apparent energy, and 29 (0.01 W) for all powers: the device subunit
says which it is (decision AD-04). Codes without a row, such as 2D and F9 0A, are kept raw (AD-30).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from wattproof.model.units import (
    DEGREE,
    HERTZ,
    KILOGRAM,
    MINUTE,
    NONE,
    PERCENT,
    SECOND,
    VAR,
    VAR_HOUR,
    VOLT_AMPERE,
    VOLT_AMPERE_HOUR,
    WATT,
    WATT_HOUR,
    Unit,
)
from wattproof.wire.mbus.units import CURRENCY, CURRENCY_PER_KILOWATT_HOUR, KILOGRAM_PER_KILOWATT_HOUR
from wattproof.wire.mbus.vib import Maker
from wattproof.wire.mbus.vif import Kind, Vif
from wattproof.wire.mbus.vife import Vife

#: Manufacturer code of ABB, letters and number.
LETTERS, CODE = "ABB", 0x0442

#: Subunits of energies: what flows which way.
ENERGIES: Mapping[int, tuple[str, Unit]] = MappingProxyType(
    {
        0: ("active_energy_import", WATT_HOUR),
        1: ("active_energy_export", WATT_HOUR),
        2: ("reactive_energy_import", VAR_HOUR),
        3: ("reactive_energy_export", VAR_HOUR),
        4: ("apparent_energy_import", VOLT_AMPERE_HOUR),
        5: ("apparent_energy_export", VOLT_AMPERE_HOUR),
        6: ("active_energy_net", WATT_HOUR),
        7: ("reactive_energy_net", VAR_HOUR),
        8: ("apparent_energy_net", VOLT_AMPERE_HOUR),
    }
)
#: Subunits of powers: 0, 2 and 4 in readouts; demand of an energy has the subunit of the energy, export and net too.
POWERS: Mapping[int, tuple[str, Unit]] = MappingProxyType(
    {
        **dict.fromkeys((0, 1, 6), ("active_power", WATT)),
        **dict.fromkeys((2, 3, 7), ("reactive_power", VAR)),
        **dict.fromkeys((4, 5, 8), ("apparent_power", VOLT_AMPERE)),
    }
)


def _unsigned(code: int, name: str) -> dict[int, Vif | Vife]:
    return {code: Vif(name, kind=Kind.UNSIGNED)}


#: First VIFE behind ``FF``.
CODES: Mapping[int, Vif | Vife] = MappingProxyType(
    {
        0x01: Vife("phase L1", phase="L1"),
        0x02: Vife("phase L2", phase="L2"),
        0x03: Vife("phase L3", phase="L3"),
        0x04: Vife("neutral", phase="N"),
        0x05: Vife("phases L1-L2", phase="L1-L2"),
        0x06: Vife("phases L2-L3", phase="L2-L3"),
        0x07: Vife("phases L1-L3", phase="L1-L3"),
        **_unsigned(0x13, "active_tariff"),
        **_unsigned(0x15, "record_status_mode"),
        **_unsigned(0x17, "quadrant"),
        **_unsigned(0x18, "power_fail_counter"),
        **_unsigned(0x20, "current_transformer_primary"),
        **_unsigned(0x21, "voltage_transformer_primary"),
        **_unsigned(0x22, "current_transformer_secondary"),
        **_unsigned(0x23, "voltage_transformer_secondary"),
        0x24: Vif("co2_factor", KILOGRAM_PER_KILOWATT_HOUR, -3, Kind.UNSIGNED),
        0x25: Vif("currency_factor", CURRENCY_PER_KILOWATT_HOUR, -3, Kind.UNSIGNED),
        **_unsigned(0x26, "error_flags"),
        **_unsigned(0x27, "warning_flags"),
        **_unsigned(0x28, "information_flags"),
        **_unsigned(0x29, "alarm_flags"),
        0x2A: Vif("type_designation"),
        0x2B: Vif("demand_sub_interval", MINUTE, kind=Kind.UNSIGNED),
        0x42: Vif("phase_angle_voltage", DEGREE, -1),
        0x4A: Vif("phase_angle_current", DEGREE, -1),
        0x52: Vif("phase_angle_power", DEGREE, -1),
        0x59: Vif("frequency", HERTZ, -2),
        0x60: Vif("power_factor", NONE, -3),
        **_unsigned(0x6A, "write_access_level"),
        0x6C: Vif("power_outage_time", SECOND, kind=Kind.DURATION),
        0x6D: Vif("current_harmonic", PERCENT, -1),
        0x6E: Vif("voltage_harmonic", PERCENT, -1),
        0x70: Vife("end of demand period"),
        **_unsigned(0x71, "reset_counter"),
        0x72: Vife("resettable"),
    }
)

#: Quantities whose load profile can be asked for, by the code behind ``FF F9`` (abb-meters.md 1.11).
LOAD_PROFILES: Mapping[int, str] = MappingProxyType(
    {
        0x10: "active_energy_import",
        0x12: "reactive_energy_import",
        0x14: "input_1",
        0x16: "input_2",
        0x1C: "active_energy_export",
        0x1E: "reactive_energy_export",
        0x20: "apparent_energy_import",
        0x22: "apparent_energy_export",
        0x24: "input_3",
        0x26: "input_4",
        0x28: "current",
        0x29: "voltage",
        0x2A: "thd_voltage",
        0x2B: "thd_current",
        0x2C: "power_factor",
    }
)
#: Logs: the code that asks for one (and clears it), and the code of its entries.
LOGS: Mapping[str, tuple[int, int]] = MappingProxyType(
    {"system": (0x2E, 0x33), "net_quality": (0x30, 0x35), "event": (0x32, 0x37)}
)
#: Other targets of requests and actions behind ``FF F9``.
DEMAND, PREVIOUS_VALUES, LOAD_PROFILE, TARIFF_SOURCE = 0x02, 0x03, 0x04, 0x06
REQUEST_DEMAND, REQUEST_PREVIOUS_VALUES = 0x18, 0x19
REQUEST_CURRENT_HARMONICS, REQUEST_VOLTAGE_HARMONICS, CHANNEL = 0x1B, 0x2D, 0x38


def _levels() -> dict[int, Vif | Vife]:
    """50 to 5F: the n-th highest or lowest demand, over fixed or sliding intervals."""
    return {
        0x50 | sliding << 3 | level: Vife(f"{('fixed', 'sliding')[sliding]} demand level {level}")
        for sliding in (0, 1)
        for level in range(1, 4)
    }


#: VIFE behind ``FF F9``.
BEHIND_F9: Mapping[int, Vif | Vife] = MappingProxyType(
    {
        DEMAND: Vif("demand"),
        PREVIOUS_VALUES: Vif("previous_values"),
        LOAD_PROFILE: Vif("load_profile"),
        **_unsigned(TARIFF_SOURCE, "tariff_source"),
        **{code: Vife(f"load profile of {name}") for code, name in LOAD_PROFILES.items()},
        REQUEST_DEMAND: Vife("request of demand"),
        REQUEST_PREVIOUS_VALUES: Vife("request of previous values"),
        REQUEST_CURRENT_HARMONICS: Vife("request of current harmonics"),
        REQUEST_VOLTAGE_HARMONICS: Vife("request of voltage harmonics"),
        CHANNEL: Vife("load profile of channel"),
        **{request: Vife(f"{name} log") for name, (request, _) in LOGS.items()},
        **{entry: Vif(f"{name}_log_event", kind=Kind.UNSIGNED) for name, (_, entry) in LOGS.items()},
        **{0x40 + n: Vif("energy_in_co2", KILOGRAM, n - 7) for n in range(8)},
        **{0x48 + n: Vif("energy_in_currency", CURRENCY, n - 3) for n in range(8)},
        **_levels(),
    }
)

MAKER = Maker(
    name=LETTERS,
    codes=CODES,
    second=MappingProxyType({0x79: BEHIND_F9}),
    numbering=MappingProxyType({0x78: "number", 0x7E: "interval status"}),
    kinds=MappingProxyType(
        {
            **{("energy", WATT_HOUR, subunit): kind for subunit, kind in ENERGIES.items()},
            **{("power", WATT, subunit): kind for subunit, kind in POWERS.items()},
        }
    ),
)
