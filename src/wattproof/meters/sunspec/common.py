"""Models 1, 10 and 17: who the device is, and its serial interface.

Source: SunSpec Information Model Reference, models 1 (common), 10 (communication interface header) and
17 (serial interface).
"""

from __future__ import annotations

from wattproof.meters.sunspec.model import model, row
from wattproof.model.quantities import Kind
from wattproof.model.units import BIT_PER_SECOND
from wattproof.wire.modbus.bindings import Access
from wattproof.wire.modbus.types import ENUM16, PAD, UINT16, UINT32, string

COMMON = model(
    1,
    "common",
    "Common",
    (
        row("Mn", string(16), Kind.TEXT, "manufacturer"),
        row("Md", string(16), Kind.TEXT, "device type"),
        row("Opt", string(8), Kind.TEXT, "options"),
        row("Vr", string(8), Kind.TEXT, "version"),
        row("SN", string(16), Kind.TEXT, "serial number"),
        row("DA", UINT16, Kind.SETTING, "device address", access=Access.READ_WRITE),
        row("Pad", PAD, Kind.SETTING, "alignment"),
    ),
    "SunSpec model 1",
)

INTERFACE_HEADER = model(
    10,
    "serial_interface_header",
    "Serial Interface Header",
    (
        row("St", ENUM16, Kind.STATE, "interface status", symbols={0: "down", 1: "up", 2: "fault"}),
        row("Ctl", UINT16, Kind.SETTING, "interface control", access=Access.READ_WRITE),
        row(
            "Typ",
            ENUM16,
            Kind.SETTING,
            "physical medium",
            symbols={0: "unknown", 1: "internal", 2: "twisted pair", 3: "fiber", 4: "wireless"},
        ),
        row("Pad", PAD, Kind.SETTING, "alignment"),
    ),
    "SunSpec model 10",
)

SERIAL_INTERFACE = model(
    17,
    "serial_interface",
    "Serial Interface",
    (
        row("Nam", string(4), Kind.TEXT, "interface name", access=Access.READ_WRITE),
        row("Rte", UINT32, Kind.SETTING, "baud rate", unit=BIT_PER_SECOND, access=Access.READ_WRITE),
        row("Bits", UINT16, Kind.SETTING, "data bits", access=Access.READ_WRITE),
        row(
            "Pty",
            ENUM16,
            Kind.SETTING,
            "parity",
            access=Access.READ_WRITE,
            symbols={0: "none", 1: "odd", 2: "even"},
        ),
        row("Dup", ENUM16, Kind.SETTING, "duplex", access=Access.READ_WRITE, symbols={0: "full", 1: "half"}),
        row(
            "Flw",
            ENUM16,
            Kind.SETTING,
            "flow control",
            access=Access.READ_WRITE,
            symbols={0: "none", 1: "hardware", 2: "XON/XOFF"},
        ),
        row("Typ", ENUM16, Kind.SETTING, "interface type", symbols={0: "unknown", 1: "RS-232", 2: "RS-485"}),
        row("Pcol", ENUM16, Kind.SETTING, "protocol", symbols={0: "unknown", 1: "Modbus", 2: "vendor"}),
    ),
    "SunSpec model 17",
)
