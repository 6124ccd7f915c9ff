"""A-XDR: the worked examples both ways, every type there and back, and the limits."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.errors import FrameError, InvalidValue
from wattproof.wire.cosem import data as axdr
from wattproof.wire.cosem.data import Data, Tag, decode
from wattproof.wire.cosem.lengths import decode_length, encode_length
from wattproof.wire.cosem.shapes import fields, flag, items, number, octets, text

Examples = dict[str, dict[str, Any]]


def limits(bits: int, signed: bool) -> st.SearchStrategy[int]:
    return st.integers(-(1 << bits - 1), (1 << bits - 1) - 1) if signed else st.integers(0, (1 << bits) - 1)


SIMPLE = st.one_of(
    st.sampled_from([axdr.NULL, axdr.DONT_CARE, axdr.TRUE, axdr.FALSE]),
    st.text("01", max_size=40).map(axdr.bit_string),
    st.binary(max_size=300).map(axdr.octet_string),
    st.text(st.characters(max_codepoint=255), max_size=20).map(axdr.visible_string),
    st.text(max_size=20).map(axdr.utf8_string),
    *(
        limits(bits, signed).map(make)
        for make, bits, signed in (
            (axdr.double_long, 32, True),
            (axdr.double_long_unsigned, 32, False),
            (axdr.bcd, 8, False),
            (axdr.integer, 8, True),
            (axdr.long, 16, True),
            (axdr.unsigned, 8, False),
            (axdr.long_unsigned, 16, False),
            (axdr.long64, 64, True),
            (axdr.long64_unsigned, 64, False),
            (axdr.enum, 8, False),
        )
    ),
    st.floats(width=32, allow_nan=False).map(axdr.float32),
    st.floats(allow_nan=False).map(axdr.float64),
    *(st.binary(min_size=size, max_size=size).map(make)
      for make, size in ((axdr.date_time, 12), (axdr.date, 5), (axdr.time, 4))),
)  # fmt: skip
DATA = st.recursive(
    SIMPLE,
    lambda inner: (
        st.lists(inner, max_size=5).map(axdr.array)
        | st.lists(inner, max_size=5).map(lambda found: axdr.structure(*found))
    ),
    max_leaves=12,
)


@pytest.mark.proves("A-131")
def test_the_examples_decode_and_encode_to_the_same_bytes(examples: Examples) -> None:
    rows = [row for row in examples.values() if row["layer"] == "axdr"]
    assert len(rows) >= 19
    seen = set()
    for row in rows:
        found = decode(row["octets"])
        plain = found.plain.hex() if isinstance(found.plain, bytes) else found.plain
        assert plain == row["decoded"]["value"], row["id"]
        assert found.encode() == row["octets"], row["id"]
        seen.add(found.tag)
    assert seen == set(Tag) - {Tag.BCD, Tag.COMPACT_ARRAY, Tag.DATE_TIME, Tag.DATE, Tag.TIME, Tag.DONT_CARE}


@pytest.mark.proves("A-131")
@settings(max_examples=300)
@given(DATA)
def test_every_type_comes_back_as_it_was(value: Data) -> None:
    encoded = value.encode()
    assert decode(encoded) == value
    for rest in (encoded[:-1], encoded + b"\0"):
        with pytest.raises(FrameError):
            decode(rest)


@pytest.mark.proves("A-131")
def test_the_limits_of_nesting_number_and_length_hold() -> None:
    deepest = axdr.NULL
    for _ in range(16):
        deepest = axdr.array([deepest])
    assert decode(deepest.encode()) == deepest
    with pytest.raises(InvalidValue, match="16 levels"):
        axdr.array([deepest]).encode()
    with pytest.raises(FrameError, match="16 levels"):
        decode(b"\1\1" + deepest.encode())
    with pytest.raises(FrameError, match="16 levels"):
        decode(b"\1\1" * 5000)
    most = b"\1\x83" + (100_000).to_bytes(3, "big") + bytes(100_000)
    assert len(items(decode(most))) == 100_000
    more = b"\2\2\1\x83" + (99_999).to_bytes(3, "big") + bytes(99_999) + b"\0"
    with pytest.raises(FrameError, match="100000 elements"):
        decode(more)
    for announced in ("0184ffffffff", "0984ffffffff00", "0484ffffffff00", "0a83ffffff41", "02830000ff0000"):
        with pytest.raises(FrameError):
            decode(bytes.fromhex(announced))


@pytest.mark.proves("A-131")
@settings(max_examples=500)
@given(st.binary(max_size=40))
def test_random_bytes_are_data_or_a_frame_error(octets: bytes) -> None:
    try:
        found = decode(octets)
    except FrameError:
        return
    again = found.encode()
    assert decode(again) == found or "nan" in repr(found)
    assert len(again) <= len(octets)  # what is longer was no shortest length


@pytest.mark.parametrize("wrong", [
    axdr.unsigned(256), axdr.integer(-129), axdr.long64_unsigned(-1), axdr.long(1 << 15), axdr.float32(1e300),
    axdr.bit_string("012"), axdr.visible_string("ā"), axdr.date(b"1234"), axdr.octet_string("text"),  # type: ignore[arg-type]
    axdr.utf8_string("\ud800"), Data(Tag.COMPACT_ARRAY, b""), Data(Tag.NULL, 1), Data(Tag.ARRAY, 5),
    axdr.unsigned("1"),  # type: ignore[arg-type]
    Data(0x77, 1),  # type: ignore[arg-type]
])  # fmt: skip
def test_what_does_not_fit_its_type_is_refused(wrong: Data) -> None:
    with pytest.raises(InvalidValue):
        wrong.encode()


def test_taking_apart_gives_the_value_or_says_what_stands_there_instead() -> None:
    assert number(axdr.enum(5)) == 5
    assert flag(axdr.TRUE) is True
    assert octets(axdr.octet_string(b"abcdef"), 6) == b"abcdef"
    texts = (axdr.visible_string("A44"), axdr.utf8_string("å"), axdr.octet_string(b"A\xff"))
    assert [text(found) for found in texts] == ["A44", "å", "A\\xff"]
    assert fields(axdr.structure(axdr.NULL, axdr.TRUE), 2) == (axdr.NULL, axdr.TRUE)
    for take in (
        lambda: number(axdr.TRUE),
        lambda: number(axdr.float32(1.0)),
        lambda: flag(axdr.unsigned(1)),
        lambda: octets(axdr.visible_string("A")),
        lambda: octets(axdr.octet_string(b"A"), 2),
        lambda: text(axdr.bit_string("1")),
        lambda: fields(axdr.array([axdr.NULL]), 1),
        lambda: fields(axdr.structure(axdr.NULL), 2),
        lambda: items(axdr.NULL),
    ):
        with pytest.raises(FrameError):
            take()


@given(st.integers(0, 0xFFFF_FFFF))
def test_lengths_come_back_and_longer_forms_mean_the_same(length: int) -> None:
    encoded = encode_length(length)
    assert decode_length(encoded, 0) == (length, len(encoded))
    assert decode_length(b"\x84" + length.to_bytes(4, "big"), 0) == (length, 5)
    for end in range(len(encoded)):
        with pytest.raises(FrameError):
            decode_length(encoded[:end], 0)


def test_what_is_no_length_is_refused() -> None:
    for first in (0x80, *range(0x85, 0x100)):
        with pytest.raises(FrameError):
            decode_length(bytes((first,)) + bytes(8), 0)
    for length in (-1, 1 << 32):
        with pytest.raises(InvalidValue):
            encode_length(length)
