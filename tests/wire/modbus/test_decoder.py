"""The quick way of decoding many points says what the careful way says, point for point."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from wattproof.model.quantities import Kind, Quantity
from wattproof.model.units import AMPERE, NONE, VOLT, WATT_HOUR
from wattproof.wire.modbus.bindings import Block, Point, RegisterMap, decode_reading
from wattproof.wire.modbus.decoder import Decoder
from wattproof.wire.modbus.image import RegisterImage
from wattproof.wire.modbus.types import (
    ACC32,
    BITFIELD32,
    ENUM16,
    FLOAT32,
    INT16,
    SUNSSF,
    UINT16,
    UINT32,
    blob,
    string,
)

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def point(name: str, offset: int, kind: object, **more: object) -> Point:
    unit = {"A": AMPERE, "V": VOLT, "Wh": WATT_HOUR}.get(name, NONE)
    return Point(name, offset, kind, Quantity(name.lower(), Kind.GAUGE, unit), **more)  # type: ignore[arg-type]


ROWS = (
    point("A", 0, INT16, scale="A_SF"),
    point("V", 1, INT16, scale=-1),
    point("A_SF", 2, SUNSSF),
    point("Wh", 3, ACC32, scale="A_SF"),
    point("Plain", 5, UINT32),
    point("Mode", 7, ENUM16, symbols={0: "off", 1: "on"}),
    point("Evt", 8, BITFIELD32, symbols={0: "first"}),
    point("Text", 10, string(3)),
    point("N", 13, UINT16),
    point("B", 14, blob(2), length="N"),
    point("F", 16, FLOAT32),
    point("Low", 18, UINT32.swapped()),
)
FIRST, SECOND = Block("first", 100, 20, ROWS), Block("second", 120, 20, ROWS)
BOUNDS = [bound for block in RegisterMap([FIRST, SECOND]).blocks for bound in block]
WORDS = st.one_of(st.sampled_from([0, 1, 2, 0x7FFF, 0x8000, 0xFFFF, 0xFFF6, 10, 11]), st.integers(0, 0xFFFF))


@given(words=st.lists(WORDS, min_size=40, max_size=40), holes=st.sets(st.integers(100, 139), max_size=4))
def test_quick_and_careful_decoding_agree(words: list[int], holes: set[int]) -> None:
    image = RegisterImage()
    for address, word in enumerate(words, 100):
        if address not in holes:
            image.write(address, word.to_bytes(2, "big"))
    careful = [decode_reading(bound, image, NOW) for bound in BOUNDS]
    assert Decoder(BOUNDS).decode(image, NOW) == careful
    assert Decoder(reversed(BOUNDS)).decode(image, NOW) == careful[::-1]
