"""What a write request means to a DMED4: which registers it covers, what each takes, all or nothing (3.5, 4.10)."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from wattproof.meters.dmed4.enums import COMMAND_LETTERS, OFFSETS, PAGES, Command
from wattproof.meters.dmed4.points import MESSAGE_BYTES, MOST
from wattproof.meters.dmed4.virtual.charge import Refused, Why
from wattproof.wire.modbus.bindings import BoundPoint

if TYPE_CHECKING:
    from wattproof.meters.dmed4.virtual.meter import DmedMeter

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE, NOT_VALID, BUSY = 0x01, 0x02, 0x03, 0x04, 0x06
READS, WRITE_ONE, WRITE_MANY, REPORT_ID = (3, 4), 6, 16, 17
#: The value that saves the parameters.
SAVE = 5
_CODES = {Why.BUSY: BUSY, Why.STATE: NOT_VALID}


class Rejected(Exception):
    """The request is answered by an exception and has no effect but the error ``bit`` that it sets in dword 1."""

    def __init__(self, code: int, bit: int = 0) -> None:
        self.code = code
        self.bit = bit


class Change(NamedTuple):
    """Registers of one point that a request writes: from its register ``first`` on."""

    name: str
    first: int
    data: bytes
    whole: bool

    @property
    def value(self) -> int:
        return int.from_bytes(self.data, "big")

    @property
    def is_first_half(self) -> bool:
        """Whether the rest of the point is still to come."""
        return not self.whole and self.first == 0


def parse(pdu: bytes) -> tuple[int, bytes]:
    """Address and registers of a request of function 6 or 16; the latter also without its byte count (DEC-08).

    Raises ``Rejected``.
    """
    if pdu[0] == WRITE_ONE:
        if len(pdu) != 5:
            raise Rejected(ILLEGAL_VALUE)
        return int.from_bytes(pdu[1:3], "big"), pdu[3:]
    if len(pdu) < 5:
        raise Rejected(ILLEGAL_VALUE)
    address, count = struct.unpack_from(">HH", pdu, 1)
    if not 1 <= count <= MOST:
        raise Rejected(ILLEGAL_VALUE)
    if len(pdu) == 6 + 2 * count and pdu[5] == 2 * count:
        return address, pdu[6:]
    if len(pdu) == 5 + 2 * count:
        return address, pdu[5:]
    raise Rejected(ILLEGAL_VALUE)


def touched(meter: DmedMeter, address: int, data: bytes) -> list[Change]:
    """The points that a write covers, in ascending order. Raises ``Rejected`` (02, then 04)."""
    count = len(data) // 2
    found: dict[str, tuple[BoundPoint, int]] = {}
    for register in range(address, address + count):
        bound = meter.layout.by_address.get(register)
        if bound is None:
            raise Rejected(ILLEGAL_ADDRESS)
        found.setdefault(bound.point.name, (bound, register - bound.address))
    if not all(bound.point.writable for bound, _ in found.values()):
        raise Rejected(NOT_VALID)
    changes = []
    for name, (bound, first) in found.items():
        begin = 2 * (bound.address + first - address)
        part = data[begin : begin + 2 * (bound.registers - first)]
        changes.append(Change(name, first, part, len(part) == 2 * bound.registers))
    return changes


def letter(word: int) -> Command | None:
    """The command in a word, in its high or its low byte (DEC-27)."""
    high, low = word >> 8, word & 0xFF
    found = chr(high or low) if not (high and low) else ""
    return Command(found) if found in COMMAND_LETTERS else None


# Values: whether a change is within the limits of its register (4.10).


def _moment(meter: DmedMeter, change: Change) -> bool:
    """The first half alone is no time yet; whether it is one the second half decides (DEC-25)."""
    return change.is_first_half or meter.moment(change) is not None


def _value(meter: DmedMeter, change: Change) -> bool:
    if meter.menu.chosen is None:
        raise Rejected(NOT_VALID)
    return meter.menu.changed(change.first, change.data, meter.active) is not None


_LIMITS: Mapping[str, Callable[[DmedMeter, Change], bool]] = {
    "save": lambda meter, change: change.value == SAVE,
    "datetime": _moment,
    "command": lambda meter, change: letter(change.value) is not None,
    "input_length": lambda meter, change: change.value <= MESSAGE_BYTES,
    "datetime_offset": lambda meter, change: int.from_bytes(change.data, "big", signed=True) in OFFSETS,
    "input_json": lambda meter, change: True,
    "display_on_off": lambda meter, change: change.value <= 1,
    "display_page": lambda meter, change: change.value in PAGES,
    "menu": lambda meter, change: change.value <= 99,
    "submenu": lambda meter, change: change.value <= 99,
    "parameter": lambda meter, change: change.value <= 99,
    "parameter_value": _value,
}
#: What is refused while a signature is in progress (3.5).
_BUSY = frozenset(("command", "input_length", "input_json", "datetime", "datetime_offset"))
#: What is refused while parameters are locked, and while the clock is (6.6).
_PARAMETERS, _CLOCK = frozenset(("save", "parameter_value")), frozenset(("datetime", "datetime_offset"))
_MESSAGE = frozenset(("input_length", "input_json"))


def check(meter: DmedMeter, changes: list[Change]) -> None:
    """Values first, then what is busy, then what the present state forbids. Raises ``Rejected``."""
    for change in changes:
        if not _LIMITS[change.name](meter, change):
            raise Rejected(ILLEGAL_VALUE)
    if meter.charge.job is not None and any(change.name in _BUSY for change in changes):
        raise Rejected(BUSY)
    for change in changes:
        name = change.name
        if (name in _PARAMETERS and meter.parameters_locked) or (name in _CLOCK and meter.charging):
            raise Rejected(NOT_VALID)
        try:
            if name in _MESSAGE:
                meter.charge.check_message()
            elif name == "command":
                meter.charge.permit(command_of(change))
        except Refused as refused:
            raise Rejected(_CODES[refused.why], refused.bit) from None
    if any(change.name == "save" for change in changes) and meter.staged_contradiction:
        raise Rejected(ILLEGAL_VALUE)


def command_of(change: Change) -> Command:
    """The command in a change that has been checked."""
    found = letter(change.value)
    assert found is not None  # noqa: S101 - checked by its limits
    return found
