"""The shapes of requests and answers: decode and encode side by side, with the limits of the standard.

Clauses are those of the Modbus Application Protocol 1.1b3, section 6. Every class offers the same three:
``decode(pdu)`` and ``encode()``, which raise ``InvalidValue`` with the exception code that a server answers, and
``size(prefix)``, how long the PDU that begins so is; ``None`` while the prefix is too short to say. Bits are packed,
first one lowest; registers are two bytes, high one first.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import ClassVar, Protocol, Self

from wattproof.errors import InvalidValue
from wattproof.wire.modbus.exceptions import ExceptionCode

#: Most bits or registers of one request: 6.1, 6.2; 6.3, 6.4; 6.11; 6.12; 6.17.
READ_LIMIT = {1: 2000, 2: 2000, 3: 125, 4: 125, 23: 125}
WRITE_LIMIT = {15: 1968, 16: 123, 23: 121}
#: Functions whose data are bits, eight a byte.
BIT_FUNCTIONS = frozenset({1, 2, 5, 15})
#: Longest PDU: 253 bytes (section 4.1).
PDU_LIMIT = 253
COIL_VALUES = {0x0000: False, 0xFF00: True}

_HEADER = struct.Struct(">BHH")


class NotOffered(InvalidValue):
    """A part of a function that is not offered here."""

    modbus_exception = ExceptionCode.ILLEGAL_FUNCTION


class Message(Protocol):
    """What all shapes have in common."""

    @property
    def function(self) -> int: ...

    def encode(self) -> bytes: ...

    @classmethod
    def decode(cls, pdu: bytes) -> Self: ...

    @staticmethod
    def size(prefix: bytes) -> int | None: ...


def octets(function: int, count: int) -> int:
    """Bytes that ``count`` bits or registers of a function take."""
    return (count + 7) // 8 if function in BIT_FUNCTIONS else 2 * count


def _length(pdu: bytes, expected: int | None) -> None:
    if expected is None or len(pdu) != expected:
        name = pdu[0] if pdu else "?"
        raise InvalidValue(f"function {name}: {len(pdu)} bytes instead of {expected or 'a whole message'}")


def _quantity(function: int, count: int, limit: int) -> None:
    if not 1 <= count <= limit:
        raise InvalidValue(f"function {function}: quantity {count}, allowed are 1 to {limit}")


def _pack(layout: struct.Struct, *values: int) -> bytes:
    try:
        return layout.pack(*values)
    except struct.error:
        raise InvalidValue(f"function {values[0]}: {values[1:]} do not fit into 16 bits each") from None


@dataclass(frozen=True, slots=True)
class ReadRequest:
    """Functions 1 to 4 (6.1 to 6.4): ``count`` bits or registers from ``address``."""

    function: int
    address: int
    count: int

    def encode(self) -> bytes:
        _quantity(self.function, self.count, READ_LIMIT[self.function])
        return _pack(_HEADER, self.function, self.address, self.count)

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        _length(pdu, 5)
        message = cls(*_HEADER.unpack(pdu))
        _quantity(message.function, message.count, READ_LIMIT[message.function])
        return message

    @staticmethod
    def size(prefix: bytes) -> int | None:
        return 5


@dataclass(frozen=True, slots=True)
class ReadResponse:
    """Answer of functions 1 to 4 and 23: the data alone, behind their byte count."""

    function: int
    data: bytes

    def encode(self) -> bytes:
        if not 1 <= len(self.data) <= 250:
            raise InvalidValue(f"function {self.function}: {len(self.data)} bytes of data, allowed are 1 to 250")
        return bytes((self.function, len(self.data))) + self.data

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        _length(pdu, cls.size(pdu))
        return cls(pdu[0], pdu[2:])

    @staticmethod
    def size(prefix: bytes) -> int | None:
        return 2 + prefix[1] if len(prefix) > 1 else None


@dataclass(frozen=True, slots=True)
class WriteOne:
    """Functions 5 and 6 (6.5, 6.6), request and answer alike. A coil's value is 0xFF00 (on) or 0x0000 (off)."""

    function: int
    address: int
    value: int

    def encode(self) -> bytes:
        self._check()
        return _pack(_HEADER, self.function, self.address, self.value)

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        _length(pdu, 5)
        message = cls(*_HEADER.unpack(pdu))
        message._check()
        return message

    def _check(self) -> None:
        if self.function == 5 and self.value not in COIL_VALUES:
            raise InvalidValue(f"a coil is set to 0xFF00 or 0, not {self.value:#06x}")

    @staticmethod
    def size(prefix: bytes) -> int | None:
        return 5


@dataclass(frozen=True, slots=True)
class WriteMany:
    """Request of functions 15 and 16 (6.11, 6.12): ``count`` bits or registers from ``address``."""

    function: int
    address: int
    count: int
    data: bytes

    def encode(self) -> bytes:
        self._check(len(self.data))
        return _pack(_HEADER, self.function, self.address, self.count) + bytes((len(self.data),)) + self.data

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        _length(pdu, cls.size(pdu))
        function, address, count = _HEADER.unpack_from(pdu)
        message = cls(function, address, count, pdu[6:])
        message._check(pdu[5])
        return message

    def _check(self, byte_count: int) -> None:
        _quantity(self.function, self.count, WRITE_LIMIT[self.function])
        if byte_count != octets(self.function, self.count):
            raise InvalidValue(f"function {self.function}: byte count {byte_count} for a quantity of {self.count}")

    @staticmethod
    def size(prefix: bytes) -> int | None:
        return 6 + prefix[5] if len(prefix) > 5 else None


@dataclass(frozen=True, slots=True)
class WriteManyResponse:
    """Answer of functions 15 and 16: address and count echoed."""

    function: int
    address: int
    count: int

    def encode(self) -> bytes:
        return _pack(_HEADER, self.function, self.address, self.count)

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        _length(pdu, 5)
        return cls(*_HEADER.unpack(pdu))

    @staticmethod
    def size(prefix: bytes) -> int | None:
        return 5


@dataclass(frozen=True, slots=True)
class ServerIdRequest:
    """Function 17 (6.13): who are you?"""

    function: int = 17

    def encode(self) -> bytes:
        return bytes((self.function,))

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        _length(pdu, 1)
        return cls(pdu[0])

    @staticmethod
    def size(prefix: bytes) -> int | None:
        return 1


@dataclass(frozen=True, slots=True)
class ServerIdResponse:
    """Answer of function 17: an identification whose form is the device's own, and its run indicator."""

    server_id: bytes
    running: bool = True
    additional: bytes = b""
    function: int = 17

    _ON: ClassVar[int] = 0xFF

    def encode(self) -> bytes:
        body = self.server_id + bytes((self._ON if self.running else 0,)) + self.additional
        if len(body) > 250:
            raise InvalidValue(f"function 17: {len(body)} bytes of identification, allowed are 250")
        return bytes((self.function, len(body))) + body

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        """Where the identification ends is the device's affair: everything before the last 0x00 or 0xFF is taken."""
        _length(pdu, cls.size(pdu))
        body = pdu[2:]
        at = max(body.rfind(b"\xff"), body.rfind(b"\x00"))
        if at < 0:
            return cls(body, running=True, function=pdu[0])
        return cls(body[:at], body[at] == cls._ON, body[at + 1 :], pdu[0])

    @staticmethod
    def size(prefix: bytes) -> int | None:
        return 2 + prefix[1] if len(prefix) > 1 else None


@dataclass(frozen=True, slots=True)
class MaskWrite:
    """Function 22 (6.16), request and answer alike: register = (register & and_mask) | (or_mask & ~and_mask)."""

    address: int
    and_mask: int
    or_mask: int
    function: int = 22

    _LAYOUT: ClassVar[struct.Struct] = struct.Struct(">BHHH")

    def encode(self) -> bytes:
        return _pack(self._LAYOUT, self.function, self.address, self.and_mask, self.or_mask)

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        _length(pdu, 7)
        function, address, and_mask, or_mask = cls._LAYOUT.unpack(pdu)
        return cls(address, and_mask, or_mask, function)

    def apply(self, register: int) -> int:
        """The register after the masks."""
        return (register & self.and_mask) | (self.or_mask & ~self.and_mask & 0xFFFF)

    @staticmethod
    def size(prefix: bytes) -> int | None:
        return 7


@dataclass(frozen=True, slots=True)
class ReadWriteRequest:
    """Function 23 (6.17): registers are written first, then others read."""

    read_address: int
    read_count: int
    write_address: int
    data: bytes
    function: int = 23

    _LAYOUT: ClassVar[struct.Struct] = struct.Struct(">BHHHHB")

    def encode(self) -> bytes:
        count, odd = divmod(len(self.data), 2)
        if odd:
            raise InvalidValue(f"function 23: {len(self.data)} bytes are not whole registers")
        self._check(count)
        header = (self.function, self.read_address, self.read_count, self.write_address, count, len(self.data))
        return _pack(self._LAYOUT, *header) + self.data

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        _length(pdu, cls.size(pdu))
        function, read_address, read_count, write_address, count, byte_count = cls._LAYOUT.unpack_from(pdu)
        message = cls(read_address, read_count, write_address, pdu[10:], function)
        message._check(count)
        if byte_count != 2 * count:
            raise InvalidValue(f"function 23: byte count {byte_count} for {count} registers")
        return message

    def _check(self, write_count: int) -> None:
        _quantity(self.function, self.read_count, READ_LIMIT[23])
        _quantity(self.function, write_count, WRITE_LIMIT[23])

    @staticmethod
    def size(prefix: bytes) -> int | None:
        return 10 + prefix[9] if len(prefix) > 9 else None


MEI_IDENTIFICATION = 14


def _identification(pdu: bytes) -> None:
    """Only MEI type 14 is offered; 13 (CANopen) is another protocol."""
    if len(pdu) > 1 and pdu[1] != MEI_IDENTIFICATION:
        raise NotOffered(f"function 43: MEI type {pdu[1]} is not offered, only 14")


@dataclass(frozen=True, slots=True)
class IdentificationRequest:
    """Function 43, MEI type 14 (6.21): device identification.

    ``category``: 1 basic, 2 regular, 3 extended objects as a stream from ``object_id``; 4 this one object.
    """

    category: int
    object_id: int = 0
    function: int = 43

    def encode(self) -> bytes:
        return bytes((self.function, MEI_IDENTIFICATION, self.category, self.object_id))

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        _identification(pdu)
        _length(pdu, 4)
        if not 1 <= pdu[2] <= 4:
            raise InvalidValue(f"function 43: ReadDevId code {pdu[2]} is not 1 to 4")
        return cls(pdu[2], pdu[3], pdu[0])

    @staticmethod
    def size(prefix: bytes) -> int | None:
        return 4


@dataclass(frozen=True, slots=True)
class IdentificationResponse:
    """Answer of 43/14: objects by id, and where to go on if ``more`` follows."""

    category: int
    conformity: int
    objects: dict[int, bytes] = field(default_factory=dict)
    more: bool = False
    next_id: int = 0
    function: int = 43

    def encode(self) -> bytes:
        more = 0xFF if self.more else 0
        head = (
            self.function,
            MEI_IDENTIFICATION,
            self.category,
            self.conformity,
            more,
            self.next_id,
            len(self.objects),
        )
        return bytes(head) + b"".join(bytes((key, len(value))) + value for key, value in self.objects.items())

    @classmethod
    def decode(cls, pdu: bytes) -> Self:
        _identification(pdu)
        _length(pdu, cls.size(pdu))
        objects: dict[int, bytes] = {}
        at = 7
        for _ in range(pdu[6]):
            objects[pdu[at]] = pdu[at + 2 : at + 2 + pdu[at + 1]]
            at += 2 + pdu[at + 1]
        return cls(pdu[2], pdu[3], objects, pdu[4] == 0xFF, pdu[5], pdu[0])

    @staticmethod
    def size(prefix: bytes) -> int | None:
        if len(prefix) < 7:
            return None
        at = 7
        for _ in range(prefix[6]):
            if len(prefix) < at + 2:
                return None
            at += 2 + prefix[at + 1]
        return at
