"""Check sums of serial protocols."""

from __future__ import annotations

import binascii


def _table(polynomial: int) -> tuple[int, ...]:
    """Remainders of all bytes for a 16-bit polynomial in reflected form (lowest bit first on the wire)."""
    rows = []
    for byte in range(256):
        remainder = byte
        for _ in range(8):
            remainder = (remainder >> 1) ^ polynomial if remainder & 1 else remainder >> 1
        rows.append(remainder)
    return tuple(rows)


_MODBUS = _table(0xA001)
#: What the register of HDLC holds after data and its CRC (ISO/IEC 13239, F0B8 in the other bit order is 1D0F).
_X25_RESIDUE = 0x1D0F
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def crc16_modbus(data: bytes | bytearray | memoryview, crc: int = 0xFFFF) -> int:
    """CRC of Modbus RTU: x^16 + x^15 + x^2 + 1, reflected (Modbus over Serial Line 1.02, 6.2.2).

    ``crc`` continues an earlier result. On the wire the low byte comes first; a frame with its CRC gives 0.
    """
    table = _MODBUS
    for byte in data:
        crc = (crc >> 8) ^ table[(crc ^ byte) & 0xFF]
    return crc


def crc16_x25(data: bytes | bytearray | memoryview) -> int:
    """CRC of HDLC and IEC 62056-46: x^16 + x^12 + x^5 + 1, reflected, complemented (ISO/IEC 13239).

    On the wire the low byte comes first. Computed as the unreflected CRC of the mirrored bytes, which C code does.
    """
    mirrored = binascii.crc_hqx(bytes(data).translate(_REVERSED), 0xFFFF)
    return (_REVERSED[mirrored & 0xFF] << 8 | _REVERSED[mirrored >> 8]) ^ 0xFFFF


def intact_x25(data: bytes) -> bool:
    """Whether ``data`` ends with its own :func:`crc16_x25`, low byte first: then the register holds a constant."""
    return binascii.crc_hqx(data.translate(_REVERSED), 0xFFFF) == _X25_RESIDUE


def lrc(data: bytes | bytearray | memoryview) -> int:
    """Longitudinal check of Modbus ASCII: two's complement of the byte sum (Modbus over Serial Line 1.02, 6.2.1)."""
    return -sum(data) & 0xFF
