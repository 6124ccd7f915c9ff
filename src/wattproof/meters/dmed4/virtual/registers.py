"""The registers of one virtual DMED4 as runs of bytes, and where everything lies in them.

Reading is a slice of a run; between the runs nothing is assigned. What changes often is packed a block at a time, in
the order of the rows that the driver decodes with (``points``).
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from typing import NamedTuple

from wattproof.meters.dmed4 import points
from wattproof.meters.dmed4.points import MAP, SHIFTED
from wattproof.wire.modbus.bindings import BoundPoint, RegisterMap

#: One block a struct: its registers in the order of the rows.
MEASURE = struct.Struct(">QQIIqhhhhQQQ")
HOURS = struct.Struct(">QQ")
FAST = struct.Struct(">IIqIh")
PAIR = struct.Struct(">HH")
ERRORS = struct.Struct(">III")
CLOCK = struct.Struct(">I")
STATUS = struct.Struct(">5H")
CONTROL = struct.Struct(">4Hh")
#: A temperature that is not known (15.3).
NO_TEMPERATURE = -0x8000
#: Energies that the fault counter-glitch hits.
GLITCHING = (
    "energy_import_total",
    "energy_cycle",
    "energy_export_total",
    "energy_cycle_export",
    "energy_exchanged_total",
)


class Run(NamedTuple):
    """Registers one behind the other: first address, count, where their bytes begin in the image."""

    address: int
    registers: int
    offset: int
    readable: bool
    writable: bool


class Layout:
    """Where the runs lie in one reading of the manual (DEC-16)."""

    def __init__(self, registers: RegisterMap) -> None:
        self.map = registers
        self.runs: list[Run] = []
        self.place: dict[str, slice] = {}
        self.address: dict[str, int] = {}
        self.by_address: dict[int, BoundPoint] = {}
        size = 0
        for block in registers.blocks:
            readable = all(point.readable for point in block.points)
            writable = any(point.writable for point in block.points)
            self.runs.append(Run(block.address, block.registers, size, readable, writable))
            for bound in block:
                begin = size + 2 * bound.point.offset
                self.place[bound.point.name] = slice(begin, begin + 2 * bound.registers)
                self.address[bound.point.name] = bound.address
                for address in range(bound.address, bound.address + bound.registers):
                    self.by_address[address] = bound
            size += 2 * block.registers if readable else 0
        self.size = size
        self.starts = [run.address for run in self.runs]

    def run(self, address: int, count: int) -> Run | None:
        """The run that holds all these registers, ``None`` if some are unassigned."""
        found = self.runs[bisect_right(self.starts, address) - 1]
        if found.address <= address and address + count <= found.address + found.registers:
            return found
        return None


LAYOUTS = {1: Layout(MAP), 0: Layout(SHIFTED)}
#: Bytes of the image are the same in both readings; only addresses move.
_PLACE = LAYOUTS[1].place


def _begin(name: str) -> int:
    return int(_PLACE[name].start)


_MEASURE_AT, _HOURS_AT, _FAST_AT = _begin("energy_import_total"), _begin("hours_total"), _begin("voltage_fast")
_EVENTS_AT, _OCMF_AT, _ERRORS_AT = _begin("events_max"), _begin("ocmf_max"), _begin("error_1")
_CLOCK_AT, _STATUS_AT, _CONTROL_AT = _begin("datetime"), _begin("measurement_status"), _begin("command")
_SAMPLE_AT = _begin("sample_time")
_MENU_AT = _begin("menu")


class Registers:
    """The image of one meter. ``data`` may be sliced by whoever answers reads; all changes go through methods."""

    __slots__ = ("data",)

    def __init__(self) -> None:
        self.data = bytearray(LAYOUTS[1].size)

    # what is measured

    def set_measure(self, *values: int) -> None:
        """Import, cycle import (Wh), voltage (0.01 V), current (0.1 mA), power (W), four temperatures (I1 and I2, each
        in tenths of °C and °F), export, cycle export, exchanged (Wh)."""
        MEASURE.pack_into(self.data, _MEASURE_AT, *values)

    def measure(self) -> tuple[int, ...]:
        """The values of :meth:`set_measure` as they are shown."""
        return MEASURE.unpack_from(self.data, _MEASURE_AT)

    def set_hours(self, total: int, working: int) -> None:
        HOURS.pack_into(self.data, _HOURS_AT, total, working)

    def set_fast(self, voltage: int, current: int, power: int) -> None:
        struct.pack_into(">IIq", self.data, _FAST_AT, voltage, current, power)

    def set_sample(self, time: int, offset: int) -> None:
        struct.pack_into(">Ih", self.data, _SAMPLE_AT, time, offset)

    # what is known

    def set_logs(self, events_max: int, events: int, records_max: int, records: int) -> None:
        """Sizes and counts of both logs; a register holds at most 65535."""
        PAIR.pack_into(self.data, _EVENTS_AT, min(events_max, 0xFFFF), min(events, 0xFFFF))
        PAIR.pack_into(self.data, _OCMF_AT, min(records_max, 0xFFFF), min(records, 0xFFFF))

    def set_errors(self, first: int, second: int, checksum: int) -> None:
        ERRORS.pack_into(self.data, _ERRORS_AT, first, second, checksum)

    def set_clock(self, seconds: int) -> None:
        CLOCK.pack_into(self.data, _CLOCK_AT, seconds)

    def set_status(self, measurement: int, signature: int, output: int, signed: int) -> None:
        """Both statuses and the lengths of output message and signature; there is no binary message (DEC-57)."""
        STATUS.pack_into(self.data, _STATUS_AT, measurement, signature, output, 0, signed)

    def set_control(self, command: int, length: int, format: int, timeout: int, offset: int) -> None:
        CONTROL.pack_into(self.data, _CONTROL_AT, command, length, format, timeout, offset)

    def set_menu(self, menu: int, submenu: int, parameter: int) -> None:
        struct.pack_into(">3H", self.data, _MENU_AT, menu, submenu, parameter)

    def set_area(self, name: str, content: bytes) -> None:
        """An area of text or bytes, zero filled."""
        where = _PLACE[name]
        self.data[where] = content.ljust(where.stop - where.start, b"\0")

    def area(self, name: str) -> bytes:
        """The bytes of a point."""
        return bytes(self.data[_PLACE[name]])

    def number(self, name: str) -> int:
        """A point as an unsigned number."""
        return int.from_bytes(self.data[_PLACE[name]], "big")

    def write(self, name: str, first: int, data: bytes) -> None:
        """Some registers of a point, from its register ``first`` on."""
        begin = _PLACE[name].start + 2 * first
        self.data[begin : begin + len(data)] = data


MESSAGE_BYTES = points.MESSAGE_BYTES
