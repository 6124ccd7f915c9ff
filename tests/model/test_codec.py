"""Check sums and binary coded decimal, against bit-by-bit definitions and published check values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import InvalidValue
from wattproof.model.codec import bcd
from wattproof.model.codec.crc import crc16_modbus, crc16_x25, lrc


def _by_bits(data: bytes, polynomial: int) -> int:
    remainder = 0xFFFF
    for byte in data:
        remainder ^= byte
        for _ in range(8):
            remainder = (remainder >> 1) ^ polynomial if remainder & 1 else remainder >> 1
    return remainder


@given(st.binary(max_size=300))
def test_both_crcs_are_what_their_polynomials_say(data: bytes) -> None:
    assert crc16_modbus(data) == _by_bits(data, 0xA001)
    assert crc16_x25(data) == _by_bits(data, 0x8408) ^ 0xFFFF


def test_check_values_of_the_catalogue() -> None:
    assert crc16_modbus(b"123456789") == 0x4B37
    assert crc16_x25(b"123456789") == 0x906E


@given(st.binary(max_size=60), st.binary(max_size=60))
def test_a_crc_can_be_continued_and_vanishes_behind_itself(first: bytes, second: bytes) -> None:
    whole = crc16_modbus(first + second)
    assert crc16_modbus(second, crc16_modbus(first)) == whole
    assert crc16_modbus(first + second + whole.to_bytes(2, "little")) == 0


@given(st.binary(max_size=60))
def test_the_lrc_makes_the_sum_vanish(data: bytes) -> None:
    assert (sum(data) + lrc(data)) & 0xFF == 0


@given(st.integers(0, 10**16 - 1))
def test_decimal_digits_come_back(number: int) -> None:
    data = bcd.encode(number, 8)
    assert data.hex() == f"{number:016d}"
    assert bcd.decode(data) == number


def test_what_is_no_decimal_is_refused() -> None:
    assert bcd.decode(b"") == 0
    assert bcd.encode(0, 0) == b""
    for data in (b"\x1a", b"\xf0"):
        with pytest.raises(InvalidValue):
            bcd.decode(data)
    for number, octets in ((100, 1), (-1, 4), (5, 0)):
        with pytest.raises(InvalidValue):
            bcd.encode(number, octets)
