"""Every register of the DMED4 as rows, by the names of the specification.

Register numbers of the manual are 1-based; ``_block`` takes them as printed and subtracts one (4.1, DEC-16). Source:
communication manual, tables of measures, charge cycle, display and parameters; specification, sections 4.3 to 4.5.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from wattproof.meters.dmed4.enums import (
    ERROR_1_NAMES,
    ERROR_2_NAMES,
    OFF_ON,
    OFFSETS,
    PAGES,
    SIGNATURE_FORMATS,
    SIGNATURE_NAMES,
    STATUS_NAMES,
)
from wattproof.model.quantities import Kind, Quantity
from wattproof.model.units import (
    AMPERE,
    BYTE,
    CELSIUS,
    FAHRENHEIT,
    HOUR,
    MINUTE,
    NONE,
    SECOND,
    VOLT,
    WATT,
    WATT_HOUR,
    Unit,
)
from wattproof.wire.modbus.bindings import Access, Block, Point, RegisterMap
from wattproof.wire.modbus.types import ACC16, ACC32, ACC64, INT16, INT64, Bits, WireType, blob, string

#: Most registers of one request, reading or writing (2.8).
MOST = 120
#: Registers of the area for each message, and its bytes.
MESSAGE, MESSAGE_BYTES = 512, 1024
#: Words that a parameter value may have (4.5).
VALUE_WORDS = 28

# 4.2: unsigned words have no value for "not available"; a broken temperature sensor reads 8000h (15.3).
U16, U32, U64 = (replace(kind, name=f"uint{16 * kind.registers}") for kind in (ACC16, ACC32, ACC64))
FLAGS16, FLAGS32 = (Bits(f"flags{16 * size}", size, low=0, high=(1 << 16 * size) - 1) for size in (1, 2))
RW, W = Access.READ_WRITE, Access.WRITE


def _p(
    name: str,
    register: int,
    type: WireType,
    kind: Kind,
    description: str,
    unit: Unit = NONE,
    scale: int | None = None,
    obis: str | None = None,
    **fields: Any,
) -> Point:
    """One row: ``register`` as printed; ``_block`` makes an offset of it. ``scale`` is the power of ten in ``unit``."""
    quantity = Quantity(fields.pop("quantity", name), kind, unit, obis, description=description)
    return Point(name, register, type, quantity, scale=scale, **fields)


def _block(name: str, label: str, source: str, *points: Point) -> Block:
    """A block whose rows carry register numbers as printed."""
    first = points[0].offset
    last = points[-1]
    rows = tuple(replace(point, offset=point.offset - first, source=source) for point in points)
    return Block(name, first - 1, last.offset + last.registers - first, rows, label=label)


def _energy(name: str, register: int, description: str, obis: str | None = None) -> Point:
    """An energy: 0.001 kWh a step, so a step is 1 Wh (4.2)."""
    return _p(name, register, U64, Kind.COUNTER, description, WATT_HOUR, 0, obis)


def _temperature(name: str, register: int, description: str, unit: Unit, obis: str | None = None) -> Point:
    return _p(name, register, INT16, Kind.GAUGE, description, unit, -1, obis)


# 4.3 Measurements, refreshed once a second.
MEASURE = _block(
    "measure",
    "Measurements",
    "4.3",
    _energy("energy_import_total", 0x0002, "Total imported energy", "1-0:1.8.0"),
    _energy("energy_cycle", 0x0006, "Last charge cycle energy (import of the running or last cycle)"),
    _p("voltage", 0x000A, U32, Kind.GAUGE, "Voltage", VOLT, -2, "1-0:12.7.0"),
    _p("current", 0x000C, U32, Kind.GAUGE, "Current, magnitude", AMPERE, -4, "1-0:11.7.0"),
    _p("power", 0x000E, INT64, Kind.GAUGE, "Power, negative = export", WATT, 0, "1-0:16.7.0", quantity="active_power"),
    _temperature("temp_i1_c", 0x0012, "I1 temperature", CELSIUS, "0-0:96.9.0"),
    _temperature("temp_i1_f", 0x0013, "I1 temperature", FAHRENHEIT),
    _temperature("temp_i2_c", 0x0014, "I2 temperature", CELSIUS, "0-0:96.9.0"),
    _temperature("temp_i2_f", 0x0015, "I2 temperature", FAHRENHEIT),
    _energy("energy_export_total", 0x0016, "Total exported energy", "1-0:2.8.0"),
    _energy("energy_cycle_export", 0x001A, "Last cycle exported energy"),
    _energy("energy_exchanged_total", 0x001E, "Total exchanged energy = imported + exported (DEC-18)", "1-0:15.8.0"),
)
HOURS = _block(
    "hours",
    "Hour counters",
    "4.3, DEC-19",
    _p("hours_total", 0x0030, U64, Kind.COUNTER, "Total hour counter", HOUR, 0, "0-0:96.8.0"),
    _p("hours_work", 0x0034, U64, Kind.COUNTER, "Working hour counter", HOUR, 0, "0-0:96.8.1"),
)
FAST = _block(
    "fast",
    "Fast measurements, refreshed every 100 ms",
    "4.3",
    _p("voltage_fast", 0x0200, U32, Kind.GAUGE, "Voltage", VOLT, -2, "1-0:12.7.0", quantity="voltage"),
    _p("current_fast", 0x0202, U32, Kind.GAUGE, "Current, magnitude", AMPERE, -4, "1-0:11.7.0", quantity="current"),
    _p("power_fast", 0x0204, INT64, Kind.GAUGE, "Power", WATT, 0, "1-0:16.7.0", quantity="active_power"),
    _p("sample_time", 0x0208, U32, Kind.TIME, "Time of the last sample, Unix time UTC", SECOND, 0, "0-0:1.0.0"),
    _p("sample_offset", 0x020A, INT16, Kind.SETTING, "Time offset", MINUTE, 0, quantity="datetime_offset"),
)
EVENTS_LOG = _block(
    "events_log",
    "Log of metrological events",
    "4.3",
    _p("events_max", 0x020D, U16, Kind.SETTING, "Largest number of event records"),
    _p("events_count", 0x020E, U16, Kind.COUNTER, "Number of saved event records"),
)
OCMF_LOG = _block(
    "ocmf_log",
    "Log of OCMF records",
    "4.3",
    _p("ocmf_max", 0x0220, U16, Kind.SETTING, "Largest number of OCMF records"),
    _p("ocmf_count", 0x0221, U16, Kind.COUNTER, "Number of saved OCMF records"),
)
# 4.5 Save and reboot.
SAVE = _block(
    "save",
    "Save parameters to flash and reboot",
    "4.5, 5",
    _p("save", 0x2F03, U16, Kind.SETTING, "5 = save parameters and reboot, not answered", access=W, allowed=(5,)),
)
# 4.4 Charge cycle.
ERRORS = _block(
    "errors",
    "Errors",
    "4.4",
    _p("error_1", 0x4000, FLAGS32, Kind.STATE, "Error dword 1", symbols=ERROR_1_NAMES),
    _p("error_2", 0x4002, FLAGS32, Kind.STATE, "Error dword 2", symbols=ERROR_2_NAMES),
    _p("fw_checksum", 0x4004, U32, Kind.STATE, "Firmware checksum (DEC-22)", NONE, None, "1-0:0.2.8"),
)
CLOCK = _block(
    "clock",
    "Clock",
    "4.4, DEC-20",
    _p(
        "datetime", 0x4080, U32, Kind.TIME, "Date and time, Unix time UTC", SECOND, 0, "0-0:1.0.0",
        access=RW, allowed=range(1, 1 << 32),
    ),
)  # fmt: skip
STATUS = _block(
    "status",
    "Status of measurement and signature",
    "4.4",
    _p("measurement_status", 0x4200, U16, Kind.STATE, "Measurement status", symbols=STATUS_NAMES),
    _p("signature_status", 0x4201, FLAGS16, Kind.STATE, "Digital signature status", symbols=SIGNATURE_NAMES),
    _p("output_length", 0x4202, U16, Kind.STATE, "Length of the JSON output message", BYTE, 0),
    _p("binary_length", 0x4203, U16, Kind.STATE, "Length of the binary output message", BYTE, 0),
    _p("signature_length", 0x4204, U16, Kind.STATE, "Length of the signature at 4640h", BYTE, 0),
)
CONTROL = _block(
    "control",
    "Commands and settings",
    "4.4",
    _p("command", 0x4280, U16, Kind.SETTING, "Command letter B, C, E, r or X, as 0x4200 or 0x0042 (DEC-27)", access=RW),
    _p(
        "input_length", 0x4281, U16, Kind.SETTING, "Length of the input message", BYTE, 0,
        access=RW, allowed=range(MESSAGE_BYTES + 1),
    ),
    _p("signature_format", 0x4282, U16, Kind.SETTING, "Encoding of SD", symbols=SIGNATURE_FORMATS),
    _p("sync_timeout", 0x4283, U16, Kind.SETTING, "Time synchronisation timeout", MINUTE, 0),
    _p("datetime_offset", 0x4284, INT16, Kind.SETTING, "UTC + DST offset", MINUTE, 0, access=RW, allowed=OFFSETS),
)  # fmt: skip
OUTPUT = _block(
    "output",
    "Output message, keys and signatures",
    "4.4, DEC-24",
    _p("output_json", 0x4400, string(MESSAGE), Kind.TEXT, "JSON output message: the signed payload"),
    _p("public_key", 0x4600, blob(32), Kind.BLOB, "Public key X and Y, 32 bytes each"),
    _p("signature_raw", 0x4620, blob(32), Kind.BLOB, "Signature r and s, 32 bytes each"),
    _p("signature_der", 0x4640, blob(128), Kind.BLOB, "Signature, ASN.1 DER"),
    _p("binary_output", 0x46C0, blob(MESSAGE), Kind.BLOB, "Binary output message"),
)
INPUT = _block(
    "input",
    "Input message",
    "4.4, DEC-23",
    _p("input_json", 0x4A00, string(MESSAGE), Kind.TEXT, "JSON input message: the fixed fields", access=RW),
)
# 4.5 Display and parameter menu.
DISPLAY = _block(
    "display",
    "Display",
    "4.5, 7.13",
    _p("display_on_off", 0x4F10, U16, Kind.SETTING, "Display off or on", symbols=OFF_ON, access=W, allowed=(0, 1)),
    _p(
        "display_page", 0x4F11, U16, Kind.SETTING, "Page of the display",
        symbols=PAGES, access=W, allowed=range(1, 14),
    ),
)  # fmt: skip
MENU = _block(
    "parameter_menu",
    "Parameter menu",
    "4.5, 5",
    _p("menu", 0x5000, U16, Kind.SETTING, "Menu number", access=RW, allowed=range(100)),
    _p("submenu", 0x5001, U16, Kind.SETTING, "Submenu number, 0 when there is none", access=RW, allowed=range(100)),
    _p("parameter", 0x5002, U16, Kind.SETTING, "Parameter number", access=RW, allowed=range(100)),
)
VALUE = _block(
    "parameter_value",
    "Value of the chosen parameter",
    "4.5, 5",
    _p("parameter_value", 0x5004, blob(VALUE_WORDS), Kind.SETTING, "Parameter value, 1 to 28 words", access=RW),
)
BLOCKS = (
    MEASURE,
    HOURS,
    FAST,
    EVENTS_LOG,
    OCMF_LOG,
    SAVE,
    ERRORS,
    CLOCK,
    STATUS,
    CONTROL,
    OUTPUT,
    INPUT,
    DISPLAY,
    MENU,
    VALUE,
)
MAP = RegisterMap(BLOCKS)
#: Blocks that one reading of the manual puts one address higher (DEC-16).
CHARGE_CYCLE = (ERRORS, CLOCK, STATUS, CONTROL, OUTPUT, INPUT)
#: The same registers in that reading.
SHIFTED = RegisterMap(
    [replace(block, address=block.address + 1) if block in CHARGE_CYCLE else block for block in BLOCKS]
)
