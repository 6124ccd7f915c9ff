"""BSM-WS36A snapshots: which bytes the meter signs, from its registers or from named values.

The signed bytes are a chain of pieces. A number is four bytes of value, one of scale (a power of ten) and one of unit
(DLMS code), all big endian; a text is its length in four bytes and the bytes themselves. Sources: BSM-WS36A product
manual, 8.6.2 and Appendix D; specification of the verifier, 2.10; register layout of SunSpec model 64901.

Read a snapshot's registers whole (254 of them, header included) and ask for :func:`hash_input`.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from wattproof.errors import InvalidValue

REGISTERS = 254  # model 64901 with its header
SIGNATURE_OFFSET, SIGNATURE_REGISTERS, SIGNATURE_LENGTH_OFFSET = 206, 48, 205

#: DLMS unit codes of the pieces.
NONE, MINUTE, SECOND, WATT, WATT_HOUR = 255, 6, 7, 27, 30


class Kind(Enum):
    NUMBER = "number"  # four bytes, unsigned
    SIGNED = "signed"  # four bytes, two's complement
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Field:
    """One signed value. ``offset`` and ``registers`` lie in model 64901; ``None`` where the model has no such register.

    ``scale`` is the register offset of the scale factor; ``unavailable`` is what is signed if the meter has no value.
    """

    name: str
    kind: Kind
    unit: int
    offset: int | None
    registers: int
    unavailable: int
    scale: int | None = None


_UINT32, _UINT16, _INT16, _BITS32 = 0xFFFFFFFF, 0xFFFF, -0x8000, 0x80000000

_FIELDS = (
    Field("Typ", Kind.NUMBER, NONE, 2, 1, _UINT16),
    Field("RCR", Kind.NUMBER, WATT_HOUR, 4, 2, 0, 8),
    Field("TotWhImp", Kind.NUMBER, WATT_HOUR, 6, 2, 0, 8),
    Field("W", Kind.SIGNED, WATT, 9, 1, _INT16, 10),
    Field("MA1", Kind.TEXT, NONE, 11, 8, 0),
    Field("RCnt", Kind.NUMBER, NONE, 19, 2, _UINT32),
    Field("OS", Kind.NUMBER, SECOND, 21, 2, _UINT32),
    Field("Epoch", Kind.NUMBER, SECOND, 23, 2, _UINT32),
    Field("TZO", Kind.SIGNED, MINUTE, 25, 1, _INT16),
    Field("EpochSetCnt", Kind.NUMBER, NONE, 26, 2, _UINT32),
    Field("EpochSetOS", Kind.NUMBER, SECOND, 28, 2, _UINT32),
    Field("DI", Kind.NUMBER, NONE, 30, 1, _UINT16),
    Field("DO", Kind.NUMBER, NONE, 31, 1, _UINT16),
    Field("DIChgOS", Kind.NUMBER, SECOND, None, 2, _UINT32),
    Field("DIChgEpoch", Kind.NUMBER, SECOND, None, 2, _UINT32),
    Field("DIChgTZO", Kind.SIGNED, MINUTE, None, 1, _INT16),
    Field("DOChgOS", Kind.NUMBER, SECOND, None, 2, _UINT32),
    Field("DOChgEpoch", Kind.NUMBER, SECOND, None, 2, _UINT32),
    Field("DOChgTZO", Kind.SIGNED, MINUTE, None, 1, _INT16),
    Field("Meta1", Kind.TEXT, NONE, 32, 70, 0),
    Field("Meta2", Kind.TEXT, NONE, 102, 50, 0),
    Field("Meta3", Kind.TEXT, NONE, 152, 50, 0),
    Field("Evt", Kind.NUMBER, NONE, 202, 2, _BITS32),
)
FIELDS: dict[str, Field] = {field.name: field for field in _FIELDS}

#: Firmware from December 2020 on: everything the register model holds.
CURRENT: tuple[Field, ...] = tuple(field for field in _FIELDS if field.offset is not None)
#: Older firmware: no RCR, but the times of the last changes at the digital input and output.
LEGACY: tuple[Field, ...] = tuple(field for field in _FIELDS if field.name != "RCR")


@dataclass(frozen=True, slots=True)
class Value:
    """A signed number as the register holds it: ``raw * 10**scale`` in the unit of its field."""

    raw: int
    scale: int = 0


Values = Mapping[str, Value | bytes | None]


def _bytes(registers: bytes | Sequence[int]) -> bytes:
    if not isinstance(registers, (bytes, bytearray, memoryview)):
        registers = struct.pack(f">{len(registers)}H", *registers)
    if len(registers) != REGISTERS * 2:
        raise InvalidValue(
            f"a snapshot has {REGISTERS} registers with its header, not {len(registers) / 2:g}: read model 64901 whole"
        )
    return bytes(registers)


def from_registers(registers: bytes | Sequence[int]) -> dict[str, Value | bytes]:
    """The signed values of 254 registers (or their 508 bytes), by name; texts without trailing NUL.

    Raises ``InvalidValue`` for another length.
    """
    data = _bytes(registers)
    found: dict[str, Value | bytes] = {}
    for field in CURRENT:
        offset = field.offset or 0
        raw = data[offset * 2 : (offset + field.registers) * 2]
        if field.kind is Kind.TEXT:
            found[field.name] = raw.rstrip(b"\0")
            continue
        scale = struct.unpack_from(">h", data, field.scale * 2)[0] if field.scale is not None else 0
        # the scale piece is one byte: the low byte of the register, also where the register says "unavailable"
        found[field.name] = Value(
            int.from_bytes(raw, "big", signed=field.kind is Kind.SIGNED), ((scale & 0xFF) ^ 0x80) - 0x80
        )
    return found


def piece(field: Field, value: Value | bytes | None) -> bytes:
    """The bytes that one value adds to the hash; ``None`` stands for a value the meter does not have.

    Raises ``InvalidValue`` if the value is of the wrong kind or does not fit.
    """
    if field.kind is Kind.TEXT:
        text = b"" if value is None else value
        if not isinstance(text, bytes):
            raise InvalidValue(f"{field.name} is a text: give its bytes")
        return len(text).to_bytes(4, "big") + text
    number = Value(field.unavailable) if value is None else value
    if not isinstance(number, Value):
        raise InvalidValue(f"{field.name} is a number: give its raw value and scale")
    try:
        return struct.pack(">ibB" if field.kind is Kind.SIGNED else ">IbB", number.raw, number.scale, field.unit)
    except struct.error:
        raise InvalidValue(
            f"{field.name} = {number.raw} x 10^{number.scale} does not fit 32 bits of value and 8 bits of scale"
        ) from None


def pieces(values: Values, order: Sequence[Field] = CURRENT) -> list[tuple[str, bytes]]:
    """Name and bytes of every signed value, in the order of signing; values that are not given count as unavailable."""
    return [(field.name, piece(field, values.get(field.name))) for field in order]


def hash_pieces(registers: bytes | Sequence[int] | Values, order: Sequence[Field] = CURRENT) -> list[tuple[str, bytes]]:
    """The signed pieces of 254 registers, of their 508 bytes, or of named values, with their names.

    ``order`` is :data:`CURRENT` or :data:`LEGACY`; in the legacy order the change times, which no register holds,
    count as unavailable.
    """
    values = registers if isinstance(registers, Mapping) else from_registers(registers)
    return pieces(values, order)


def hash_input(registers: bytes | Sequence[int] | Values, order: Sequence[Field] = CURRENT) -> bytes:
    """Exactly the bytes that the meter hashes (SHA-256) and signs (ECDSA on secp256r1)."""
    return b"".join(data for _, data in hash_pieces(registers, order))


def digest(registers: bytes | Sequence[int] | Values, order: Sequence[Field] = CURRENT) -> bytes:
    """SHA-256 of :func:`hash_input`."""
    return hashlib.sha256(hash_input(registers, order)).digest()


def signature(registers: bytes | Sequence[int]) -> bytes:
    """The DER signature in the registers: the first BSig bytes of Sig. Bytes behind them do not count.

    Raises ``InvalidValue`` if BSig claims more than the 96 bytes there are.
    """
    data = _bytes(registers)
    used = struct.unpack_from(">H", data, SIGNATURE_LENGTH_OFFSET * 2)[0]
    if used > SIGNATURE_REGISTERS * 2:
        raise InvalidValue(f"BSig = {used}, but the signature area has {SIGNATURE_REGISTERS * 2} bytes")
    return data[SIGNATURE_OFFSET * 2 : SIGNATURE_OFFSET * 2 + used]
