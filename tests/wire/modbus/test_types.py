"""Types in registers: one list of cases drives decoding and encoding."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import InvalidValue
from wattproof.wire.modbus import types
from wattproof.wire.modbus.types import (
    ACC32,
    BITFIELD16,
    BITFIELD32,
    ENUM16,
    FLOAT32,
    FLOAT64,
    INT16,
    INT32,
    INT64,
    PAD,
    SUNSSF,
    TYPES,
    UINT16,
    UINT32,
    UINT48,
    UINT64,
    Integer,
    Raw,
    WireType,
    bcd,
    blob,
    string,
)

#: (type, value, bytes): decode and encode are each other's inverse on every row.
CASES: list[tuple[WireType, Raw | None, str]] = [
    (ACC32, 12_345_678, "00bc614e"),
    (ACC32, 0, "00000000"),
    (ACC32, 4_294_967_295, "ffffffff"),
    (BITFIELD32, 0x7FFF_FFFF, "7fffffff"),
    (BITFIELD32, None, "80000000"),
    (BITFIELD16, 5, "0005"),
    (BITFIELD16, None, "ffff"),
    (ENUM16, 65_534, "fffe"),
    (ENUM16, None, "ffff"),
    (INT16, -32_767, "8001"),
    (INT16, 32_767, "7fff"),
    (INT16, None, "8000"),
    (PAD, None, "8000"),
    (SUNSSF, -2, "fffe"),
    (SUNSSF, 10, "000a"),
    (SUNSSF, None, "8000"),
    (UINT16, 65_534, "fffe"),
    (UINT16, None, "ffff"),
    (UINT32, 19_200, "00004b00"),
    (UINT32, 4_294_967_294, "fffffffe"),
    (UINT32, None, "ffffffff"),
    (UINT48, 0x0102_0304_0506, "010203040506"),
    (UINT48, None, "ffffffffffff"),
    (INT32, -2, "fffffffe"),
    (INT32, None, "80000000"),
    (INT64, -1, "ffffffffffffffff"),
    (INT64, None, "8000000000000000"),
    (UINT64, 1, "0000000000000001"),
    (UINT64, None, "ffffffffffffffff"),
    (FLOAT32, 1.5, "3fc00000"),
    (FLOAT32, None, "7fc00000"),
    (FLOAT64, -2.0, "c000000000000000"),
    (string(4), "abc", "6162630000000000"),
    (string(2), "full", "66756c6c"),
    (string(2), None, "00000000"),
    (string(2), "\xe4\xff", "e4ff0000"),
    (blob(2), b"\x12\x34\x56\x00", "12345600"),
    (bcd(2), 12_345_678, "12345678"),
    (bcd(2), None, "ffffffff"),
    (UINT32.swapped(), 0x0001_0002, "00020001"),
    (UINT48.swapped(), 0x0001_0002_0003, "000300020001"),
    (FLOAT32.swapped(), 1.5, "00003fc0"),
    (INT32.swapped(), None, "00008000"),
]


@pytest.mark.proves("B-041", "B-043", "B-045")
@pytest.mark.parametrize(("kind", "value", "data"), CASES, ids=lambda case: getattr(case, "name", repr(case)))
def test_value_and_bytes_are_each_others_inverse(kind: WireType, value: Raw | None, data: str) -> None:
    assert kind.encode(value).hex() == data
    assert kind.decode(bytes.fromhex(data)) == value
    assert len(data) == kind.registers * 4


@pytest.mark.proves("B-042")
def test_a_blob_fills_registers_high_byte_first_and_keeps_all_values() -> None:
    assert blob(2).encode(b"\x12\x34\x56").hex() == "12345600"
    assert blob(2).decode(b"\xff\xff\xff\xff") == b"\xff\xff\xff\xff"


def test_a_bit_field_with_its_highest_bit_is_unavailable_whatever_else_it_says() -> None:
    assert BITFIELD32.decode(bytes.fromhex("80000001")) is None
    assert BITFIELD16.decode(bytes.fromhex("8001")) is None


def test_a_text_of_nul_is_empty_and_unavailable() -> None:
    assert string(2).text(bytes(4)) == ""
    assert string(2).decode(bytes(4)) is None


@pytest.mark.parametrize("kind", [kind for kind in TYPES.values() if isinstance(kind, Integer)], ids=lambda k: k.name)
@pytest.mark.parametrize("swap", [False, True], ids=["", "swapped"])
def test_integers_keep_their_whole_range_and_refuse_the_rest(kind: Integer, swap: bool) -> None:
    placed = kind.swapped() if swap else kind
    for value in (kind.low, kind.high, (kind.low + kind.high) // 2):
        expected = None if value == kind.unavailable else value
        assert placed.decode(placed.encode(value)) == expected
    for value in (kind.low - 1, kind.high + 1):
        with pytest.raises(InvalidValue, match=kind.name):
            placed.encode(value)
    with pytest.raises(InvalidValue):
        placed.decode(bytes(kind.registers * 2 + 1))


@pytest.mark.parametrize("kind", TYPES.values(), ids=lambda kind: kind.name)
@given(data=st.data())
def test_every_pattern_of_a_fixed_type_decodes_and_encodes_to_the_same_meaning(
    kind: WireType, data: st.DataObject
) -> None:
    pattern = data.draw(st.binary(min_size=kind.registers * 2, max_size=kind.registers * 2))
    value = kind.decode(pattern)
    try:
        again = kind.encode(value)
    except InvalidValue:
        assert kind in (SUNSSF, PAD) or (kind.name.startswith("acc") and value is None)
    else:
        assert kind.decode(again) == value


@given(st.binary(max_size=20))
def test_texts_keep_their_bytes(text: bytes) -> None:
    area = string(10)
    assert area.encode(area.decode(text.ljust(20, b"\0"))) == text.ljust(20, b"\0")


@given(st.floats(width=32, allow_nan=False))
def test_a_float_is_the_shortest_decimal_that_means_it(value: float) -> None:
    decimal = FLOAT32.decimal(value)
    if math.isinf(value):
        assert decimal is None
    else:
        assert decimal is not None
        assert FLOAT32.encode(float(decimal)) == FLOAT32.encode(value)
        assert len(decimal.as_tuple().digits) <= 9


def test_a_float_has_no_digits_that_were_not_sent() -> None:
    assert FLOAT32.decimal(FLOAT32.decode(FLOAT32.encode(230.1)) or 0.0) == Decimal("230.1")
    assert FLOAT64.decimal(230.1) == Decimal("230.1")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (UINT16, "5"),
        (UINT16, 1.5),
        (string(2), "too long"),
        (string(2), "€"),
        (string(2), 5),
        (blob(1), b"\1\2\3"),
        (blob(1), "ab"),
        (bcd(1), 10_000),
        (bcd(1), "12"),
        (FLOAT32, "1"),
        (FLOAT32, 1e300),
        (ACC32, None),
    ],
    ids=repr,
)
def test_what_does_not_fit_is_refused(kind: WireType, value: Raw | None) -> None:
    with pytest.raises(InvalidValue):
        kind.encode(value)


def test_bytes_that_no_decimal_has_are_refused() -> None:
    with pytest.raises(InvalidValue, match="decimal"):
        bcd(1).decode(b"\x1f\x00")


def test_swapping_twice_changes_nothing() -> None:
    assert UINT32.swapped().swapped().encode(7) == UINT32.encode(7)
    assert {kind.name for kind in TYPES.values()} == set(types.TYPES)
