"""Does this answer belong to this request? And how a request is named in a message to a person."""

from __future__ import annotations

import struct

from wattproof.errors import FrameError, InvalidValue, ModbusRefused, UnitSilent
from wattproof.wire.modbus.exceptions import SILENT_UNIT, describe
from wattproof.wire.modbus.pdu import EXCEPTION_FLAG, FUNCTIONS, check_response

_ADDRESS_COUNT = struct.Struct(">HH")
_REGISTER_READS = frozenset({3, 4})
_ONE = frozenset({5, 6, 22})
_WRITE_REGISTERS = 16


def describe_request(pdu: bytes) -> str:
    """ "read of registers 40070 to 40075 (function 3)", as far as the bytes say it; addresses are 0-based."""
    if not pdu:
        return "an empty request"
    row = FUNCTIONS.get(pdu[0])
    verb = "request" if row is None else "write" if row.writes else "read"
    if pdu[0] in (1, 2, 3, 4, 15, 16) and len(pdu) >= 5:
        address, count = _ADDRESS_COUNT.unpack_from(pdu, 1)
        things = "coils" if pdu[0] in (1, 15) else "inputs" if pdu[0] == 2 else "registers"
        where = f"{things} {address} to {address + count - 1}" if count > 1 else f"{things[:-1]} {address}"
        return f"{verb} of {where} (function {pdu[0]}{'' if count else ', none at all'})"
    if pdu[0] in _ONE and len(pdu) >= 3:
        return f"write of {'coil' if pdu[0] == 5 else 'register'} {pdu[1] << 8 | pdu[2]} (function {pdu[0]})"
    return f"{row.name if row else verb} (function {pdu[0]})"


def is_repeatable(pdu: bytes) -> bool:
    """Whether asking twice changes nothing: reads only. A write that is lost on its way back has been done."""
    row = FUNCTIONS.get(pdu[0]) if pdu else None
    return row is not None and not row.writes


def accept(request: bytes, answer: bytes, who: str, *, byte_counts: bool = False) -> bytes:
    """``answer`` if it is a normal answer to ``request``. ``who`` names unit and address in error messages.

    Requests that break the standard's own limits are sent by conformance checks; for those only the function counts.
    ``byte_counts``: the unit may answer function 16 with the number of bytes written instead of registers.

    Raises:
        UnitSilent: a gateway says that the unit does not answer.
        ModbusRefused: it is another exception answer to this function.
        FrameError: it belongs to another request, or its length is wrong.
    """
    function = request[0]
    if function in _REGISTER_READS and answer[:1] == request[:1]:
        # The hot path: every poll of every meter comes by here.
        octets = 2 * (request[3] << 8 | request[4])
        if octets < 256 and len(answer) == octets + 2 and answer[1] == octets:
            return answer
    if byte_counts and function == _WRITE_REGISTERS and answer == request[:3] + bytes((0, request[5])):
        return request[:5]
    if len(answer) == 2 and answer[0] == function | EXCEPTION_FLAG:
        if answer[1] in SILENT_UNIT:
            raise UnitSilent(
                answer[1], f"no answer from {who} to the {describe_request(request)}: {describe(answer[1])}"
            )
        raise ModbusRefused(answer[1], f"{who} refused the {describe_request(request)}: {describe(answer[1])}")
    try:
        check_response(request, answer)
    except FrameError as error:
        raise FrameError(f"{who}: {error}") from None
    except (InvalidValue, KeyError):
        if answer[:1] != request[:1]:
            raise FrameError(f"{who} answered the {describe_request(request)} with {answer[:8].hex()}") from None
    return answer
