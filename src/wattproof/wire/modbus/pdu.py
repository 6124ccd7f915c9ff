"""Requests and answers of all functions: one table, keyed by function code.

:data:`FUNCTIONS` says for each function which shape its request and its answer have; everything else here looks into
it. Functions of the Modbus Application Protocol 1.1b3: 1 to 6, 15, 16, 17, 22, 23 and 43/14.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from wattproof.errors import FrameError, InvalidValue, ModbusRefused
from wattproof.wire.modbus.exceptions import EXCEPTION_FLAG, ExceptionCode, exception, refused
from wattproof.wire.modbus.messages import (
    COIL_VALUES,
    PDU_LIMIT,
    READ_LIMIT,
    WRITE_LIMIT,
    IdentificationRequest,
    IdentificationResponse,
    MaskWrite,
    Message,
    ReadRequest,
    ReadResponse,
    ReadWriteRequest,
    ServerIdRequest,
    ServerIdResponse,
    WriteMany,
    WriteManyResponse,
    WriteOne,
    octets,
)

__all__ = [
    "COIL_VALUES",
    "EXCEPTION_FLAG",
    "FUNCTIONS",
    "PDU_LIMIT",
    "READ_LIMIT",
    "WRITE_LIMIT",
    "ExceptionCode",
    "Function",
    "check_response",
    "decode_request",
    "decode_response",
    "exception",
    "mask_write_request",
    "parse_read_response",
    "parse_write_response",
    "read_request",
    "read_write_request",
    "request_size",
    "response_size",
    "write_multiple_request",
    "write_single_request",
]


@dataclass(frozen=True, slots=True)
class Function:
    """One function: its name in the standard and the shapes of its messages. ``writes``: it changes the device."""

    code: int
    name: str
    request: type[Message]
    response: type[Message]
    writes: bool = False


FUNCTIONS: dict[int, Function] = {
    row.code: row
    for row in (
        Function(1, "Read Coils", ReadRequest, ReadResponse),
        Function(2, "Read Discrete Inputs", ReadRequest, ReadResponse),
        Function(3, "Read Holding Registers", ReadRequest, ReadResponse),
        Function(4, "Read Input Registers", ReadRequest, ReadResponse),
        Function(5, "Write Single Coil", WriteOne, WriteOne, writes=True),
        Function(6, "Write Single Register", WriteOne, WriteOne, writes=True),
        Function(15, "Write Multiple Coils", WriteMany, WriteManyResponse, writes=True),
        Function(16, "Write Multiple Registers", WriteMany, WriteManyResponse, writes=True),
        Function(17, "Report Server ID", ServerIdRequest, ServerIdResponse),
        Function(22, "Mask Write Register", MaskWrite, MaskWrite, writes=True),
        Function(23, "Read/Write Multiple Registers", ReadWriteRequest, ReadResponse, writes=True),
        Function(43, "Read Device Identification", IdentificationRequest, IdentificationResponse),
    )
}

#: Lengths of PDUs of standard functions that are not offered here, so that a serial line can still tell where their
#: frames end: fixed, or the position of a byte count (6.7 to 6.10, 6.14, 6.15, 6.18).
_FOREIGN_REQUESTS = {7: 1, 8: 5, 11: 1, 12: 1, 24: 3}
_FOREIGN_RESPONSES = {7: 2, 8: 5, 11: 5}
_BYTE_COUNT_AT_1 = frozenset({20, 21})

M = TypeVar("M", bound=Message)


def request_size(prefix: bytes) -> int | None:
    """Length of the request PDU that begins with ``prefix``: ``None`` while too little is known, 0 if no function
    with a known form begins so."""
    if not prefix:
        return None
    row = FUNCTIONS.get(prefix[0])
    if row is not None:
        return row.request.size(prefix)
    if prefix[0] in _BYTE_COUNT_AT_1:
        return 2 + prefix[1] if len(prefix) > 1 else None
    return _FOREIGN_REQUESTS.get(prefix[0], 0)


def response_size(prefix: bytes) -> int | None:
    """The same for answers, exceptions included."""
    if not prefix:
        return None
    if prefix[0] & EXCEPTION_FLAG:
        return 2
    row = FUNCTIONS.get(prefix[0])
    if row is not None:
        return row.response.size(prefix)
    if prefix[0] in _BYTE_COUNT_AT_1 or prefix[0] == 12:
        return 2 + prefix[1] if len(prefix) > 1 else None
    return _FOREIGN_RESPONSES.get(prefix[0], 0)


def decode_request(pdu: bytes) -> Message:
    """The message of a request PDU, for a server.

    Raises ``ModbusRefused`` with the exception code to answer: 1 for a function not offered, 3 for a quantity, value
    or length that the function forbids.
    """
    row = FUNCTIONS.get(pdu[0]) if pdu else None
    if row is None:
        raise ModbusRefused(ExceptionCode.ILLEGAL_FUNCTION, f"function {pdu[0] if pdu else '?'} is not offered")
    try:
        return row.request.decode(pdu)
    except InvalidValue as error:
        raise ModbusRefused(error.modbus_exception, str(error)) from None


def decode_response(pdu: bytes) -> Message:
    """The message of an answer PDU, for a client.

    Raises ``ModbusRefused`` for an exception answer, ``FrameError`` for an unknown function or a wrong length.
    """
    if not pdu:
        raise FrameError("the answer is empty; check what device listens there")
    if pdu[0] & EXCEPTION_FLAG:
        if len(pdu) != 2:
            raise FrameError(f"an exception answer has 2 bytes, not {len(pdu)}")
        raise refused(pdu[1], f"function {pdu[0] & 0x7F}")
    row = FUNCTIONS.get(pdu[0])
    if row is None:
        raise FrameError(f"the answer has function {pdu[0]}, which was not asked")
    try:
        return row.response.decode(pdu)
    except InvalidValue as error:
        raise FrameError(f"damaged answer: {error}") from None


def check_response(request: bytes, response: bytes) -> Message:
    """The decoded answer, after checking that it belongs to the request PDU.

    Raises ``ModbusRefused`` for an exception answer that names what was asked, ``FrameError`` if function, length,
    address or count differ.
    """
    asked = FUNCTIONS[request[0]].request.decode(request)
    if len(response) == 2 and response[0] == request[0] | EXCEPTION_FLAG:
        raise refused(response[1], _what(asked))
    if response[:1] != request[:1]:
        got = f"function {response[0]}" if response else "nothing"
        raise FrameError(f"{_what(asked)}: answered with {got}")
    answer = decode_response(response)
    if not _belongs(asked, answer):
        raise FrameError(f"{_what(asked)}: the answer belongs to another request ({response[:8].hex()}...)")
    return answer


def _belongs(asked: Message, answer: Message) -> bool:
    match asked, answer:
        case ReadRequest(), ReadResponse():
            return len(answer.data) == octets(asked.function, asked.count)
        case ReadWriteRequest(), ReadResponse():
            return len(answer.data) == 2 * asked.read_count
        case WriteMany(), WriteManyResponse():
            return (asked.address, asked.count) == (answer.address, answer.count)
        case (WriteOne(), WriteOne()) | (MaskWrite(), MaskWrite()):
            return asked == answer
        case IdentificationRequest(), IdentificationResponse():
            return asked.category == answer.category
        case _:
            return True


def _what(message: Message) -> str:
    """ "function 3, 10 from address 40070" for error messages."""
    address, count = getattr(message, "address", None), getattr(message, "count", 1)
    return f"function {message.function}" + ("" if address is None else f", {count} from address {address} (0-based)")


def read_request(function: int, address: int, count: int) -> bytes:
    """Request of functions 1 to 4. Raises ``InvalidValue`` beyond the limits of the standard."""
    if function not in READ_LIMIT or function == 23:
        raise InvalidValue(f"function {function} does not read; allowed are 1 to 4")
    return ReadRequest(function, address, count).encode()


def parse_read_response(pdu: bytes, count: int) -> bytes:
    """The data of an answer of functions 1 to 4 and 23 that should hold ``count`` bits or registers.

    Raises ``ModbusRefused`` for an exception answer, ``FrameError`` for a wrong function or length.
    """
    answer = decode_response(pdu)
    if not isinstance(answer, ReadResponse):
        raise FrameError(f"the answer has function {answer.function}, which reads nothing")
    expected = octets(answer.function, count)
    if len(answer.data) != expected:
        raise FrameError(f"function {answer.function}: {len(answer.data)} bytes of data instead of {expected}")
    return answer.data


def write_single_request(function: int, address: int, value: int) -> bytes:
    """Request of functions 5 (``value`` 0 or 1) and 6 (a register). Raises ``InvalidValue``."""
    return WriteOne(function, address, 0xFF00 if function == 5 and value == 1 else value).encode()


def write_multiple_request(address: int, data: bytes) -> bytes:
    """Request of function 16 that writes ``data``, two bytes a register. Raises ``InvalidValue``."""
    count, odd = divmod(len(data), 2)
    if odd:
        raise InvalidValue(f"{len(data)} bytes are not whole registers")
    return WriteMany(16, address, count, data).encode()


def parse_write_response(pdu: bytes, address: int, count: int) -> None:
    """Check the answer of functions 15 and 16. Raises ``ModbusRefused`` or ``FrameError``."""
    answer = decode_response(pdu)
    if not isinstance(answer, WriteManyResponse) or (answer.address, answer.count) != (address, count):
        raise FrameError(f"write of {count} from address {address} (0-based): the answer belongs to another request")


def mask_write_request(address: int, and_mask: int, or_mask: int) -> bytes:
    """Request of function 22. Raises ``InvalidValue``."""
    return MaskWrite(address, and_mask, or_mask).encode()


def read_write_request(read_address: int, read_count: int, write_address: int, data: bytes) -> bytes:
    """Request of function 23. Raises ``InvalidValue``."""
    return ReadWriteRequest(read_address, read_count, write_address, data).encode()
