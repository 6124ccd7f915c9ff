"""Register images against the plainest model: a dictionary."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import InvalidValue
from wattproof.wire.modbus.image import MissingRegisters, RegisterImage

WRITES = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 12), st.integers(0, 255)).map(
        lambda write: (write[0], bytes([write[2]]) * (write[1] * 2))
    ),
    max_size=12,
)


@given(WRITES)
def test_an_image_is_a_dictionary_of_registers(writes: list[tuple[int, bytes]]) -> None:
    image, model = RegisterImage(), dict[int, bytes]()
    for address, data in writes:
        image.write(address, data)
        model.update({address + at // 2: data[at : at + 2] for at in range(0, len(data), 2)})
    assert len(image) == len(model)
    for address in range(74):
        for count in (1, 2, 5):
            wanted = range(address, address + count)
            if all(at in model for at in wanted):
                assert image.read(address, count) == b"".join(model[at] for at in wanted)
            else:
                with pytest.raises(MissingRegisters, match=str(address)):
                    image.read(address, count)
            assert image.covers(address, count) == all(at in model for at in wanted)
    spans = list(image.spans())
    assert all(a[0] + len(a[1]) // 2 < b[0] for a, b in pairwise(spans))


@given(WRITES, WRITES)
def test_update_lays_one_image_over_another(first: list[tuple[int, bytes]], second: list[tuple[int, bytes]]) -> None:
    under, over, both = RegisterImage(), RegisterImage(), RegisterImage()
    for image, writes in ((under, first), (over, second), (both, [*first, *second])):
        for write in writes:
            image.write(*write)
    under.update(over)
    assert under == both


@pytest.mark.parametrize(("address", "data"), [(0, b"\0"), (-1, b"\0\0"), (65535, b"\0\0\0\0"), (65536, b"\0\0")])
def test_only_whole_registers_inside_the_address_space_fit(address: int, data: bytes) -> None:
    with pytest.raises(InvalidValue):
        RegisterImage().write(address, data)


def test_it_shows_its_spans() -> None:
    image = RegisterImage(10, bytes(4))
    image.write(20, bytes(2))
    assert repr(image) == "RegisterImage(10..11, 20..20)"
    assert image != "RegisterImage"
