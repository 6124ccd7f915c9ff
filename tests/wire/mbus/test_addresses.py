"""Secondary addresses: letters, wild cards, selection frames."""

from __future__ import annotations

from itertools import product
from string import ascii_uppercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import FrameError, InvalidValue
from wattproof.wire.mbus import frames
from wattproof.wire.mbus.addresses import SecondaryAddress, Selection, manufacturer_code, manufacturer_letters

A41 = SecondaryAddress("00217819", manufacturer_code("ABB"), 0x20, 2)
ADDRESSES = st.builds(
    SecondaryAddress,
    st.text("0123456789ABCDEF", min_size=8, max_size=8),
    st.integers(0, 0xFFFF),
    st.integers(0, 255),
    st.integers(0, 255),
)


@pytest.mark.proves("A-042")
def test_manufacturer_letters_are_symmetric() -> None:
    assert manufacturer_code("ABB") == 0x0442
    codes = {manufacturer_code("".join(letters)) for letters in product(ascii_uppercase, repeat=3)}
    assert len(codes) == 26**3
    assert all(manufacturer_code(manufacturer_letters(code)) == code for code in range(0x8000))
    for wrong in ("AB", "ABBB", "abb", "A1B"):
        with pytest.raises(InvalidValue, match="no manufacturer"):
            manufacturer_code(wrong)


@pytest.mark.proves("A-020")
def test_the_selection_of_the_specification_has_its_bytes() -> None:
    frame = frames.snd_ud(frames.SELECTED, 0x52, Selection(A41).encode())
    assert frame.encode() == bytes.fromhex("68 0B 0B 68 53 FD 52 19 78 21 00 42 04 20 02 BC 16")
    assert Selection.decode(frame.data) == Selection(A41)
    assert str(A41) == "0021781942042002"
    assert SecondaryAddress.parse(str(A41)) == A41
    assert (A41.letters, A41.exact) == ("ABB", True)


@pytest.mark.proves("A-021")
@pytest.mark.parametrize(
    ("mask", "selects"),
    [
        (SecondaryAddress("00217819"), True),
        (SecondaryAddress("FFFFFFFF"), True),
        (SecondaryAddress("002178F9"), True),
        (SecondaryAddress("F0217819", 0x0442, 0xFF, 2), True),
        (SecondaryAddress("00217818"), False),
        (SecondaryAddress("00217819", 0x0443), False),
        (SecondaryAddress("00217819", version=2), False),
        (SecondaryAddress("00217819", medium=3), False),
        (SecondaryAddress("1FFFFFFF"), False),
    ],
)
def test_wild_cards_match_and_any_unequal_field_does_not(mask: SecondaryAddress, selects: bool) -> None:
    assert mask.matches(A41) is selects
    assert mask.exact is False


@pytest.mark.proves("A-023")
def test_ci_56_has_its_numbers_most_significant_byte_first() -> None:
    assert Selection(A41).encode(msb=True) == bytes.fromhex("00217819 0442 20 02")
    extended = Selection(A41, "000F1234")
    assert extended.encode() == bytes.fromhex("19782100 4204 20 02 0C78 34120F00")
    assert extended.encode(msb=True) == bytes.fromhex("00217819 0442 20 02 0C78 000F1234")
    for msb in (False, True):
        assert Selection.decode(extended.encode(msb), msb) == extended
    assert extended.matches(A41, "00091234")
    assert not extended.matches(A41, "00191234")
    assert not extended.matches(A41)


def test_bad_addresses_are_refused_in_words() -> None:
    for text in ("", "1234567", "123456789", "0021781G", "00217819420420"):
        with pytest.raises(InvalidValue, match="no secondary address"):
            SecondaryAddress.parse(text)
    with pytest.raises(InvalidValue, match="version 256 or medium 0 is outside"):
        SecondaryAddress("00000000", 0, 256, 0)
    with pytest.raises(InvalidValue, match="fabrication number 'X'"):
        Selection(A41, "X").encode()
    for data in (b"", bytes(7), bytes(9), bytes(8) + b"\x0c\x79\0\0\0\0", bytes(8) + b"\x0c\x78\0\0\0"):
        with pytest.raises(FrameError):
            Selection.decode(data)


@given(ADDRESSES, st.booleans())
def test_addresses_round_trip_in_both_byte_orders(address: SecondaryAddress, msb: bool) -> None:
    assert SecondaryAddress.decode(address.encode(msb), msb) == address
    assert SecondaryAddress.parse(str(address)) == address
    assert address.matches(address)
