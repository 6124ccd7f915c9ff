"""Exception codes and exception answers (Modbus Application Protocol 1.1b3, section 7)."""

from __future__ import annotations

from enum import IntEnum

from wattproof.errors import ModbusRefused

#: Set in the function byte of an exception answer.
EXCEPTION_FLAG = 0x80


class ExceptionCode(IntEnum):
    ILLEGAL_FUNCTION = 0x01
    ILLEGAL_DATA_ADDRESS = 0x02
    ILLEGAL_DATA_VALUE = 0x03
    SERVER_DEVICE_FAILURE = 0x04
    ACKNOWLEDGE = 0x05
    SERVER_DEVICE_BUSY = 0x06
    NEGATIVE_ACKNOWLEDGE = 0x07  # only in editions before 1.1
    MEMORY_PARITY_ERROR = 0x08
    GATEWAY_PATH_UNAVAILABLE = 0x0A
    GATEWAY_TARGET_FAILED_TO_RESPOND = 0x0B


#: Answers of a gateway in place of a unit that it does not reach.
SILENT_UNIT = frozenset({ExceptionCode.GATEWAY_PATH_UNAVAILABLE, ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND})

#: What each code says, and what its reader can do.
MEANINGS: dict[int, tuple[str, str]] = {
    0x01: ("illegal function", "the device does not offer this function"),
    0x02: ("illegal data address", "check address and count against the device's register map"),
    0x03: ("illegal data value", "check the value's range and the number of registers"),
    0x04: ("server device failure", "the device failed while it acted; read its state before trying again"),
    0x05: ("acknowledge", "the device needs longer; ask later whether it is done"),
    0x06: ("server device busy", "try again when the device has finished its present work"),
    0x07: ("negative acknowledge", "the device cannot do this now"),
    0x08: ("memory parity error", "the device's memory is damaged; have it serviced"),
    0x0A: ("gateway path unavailable", "the gateway is misconfigured or overloaded"),
    0x0B: ("gateway target device failed to respond", "check unit address, wiring and baud rate behind the gateway"),
}


def exception(function: int, code: int) -> bytes:
    """The exception answer to a request of ``function``: two bytes."""
    return bytes((function & 0x7F | EXCEPTION_FLAG, code & 0xFF))


def describe(code: int) -> str:
    """ "exception 2 (illegal data address): check address ..." """
    meaning, remedy = MEANINGS.get(code, ("not a standard code", "see the maker's manual"))
    return f"exception {code} ({meaning}): {remedy}"


def refused(code: int, what: str) -> ModbusRefused:
    """The error for an exception answer to ``what`` ("function 3, registers 0 to 9")."""
    return ModbusRefused(code, f"{what} was refused with {describe(code)}")
