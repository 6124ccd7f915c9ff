"""No bytes hang, crash or grow the receivers of EN 62056-21; what is encoded is heard."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.errors import FrameError
from wattproof.meters.bsm.optical.rows import energy, fixed
from wattproof.wire.iec62056 import Data, DataSet, MeterReceiver, ReaderReceiver, data_sets, encode_readout

LINE = st.lists(
    st.one_of(
        st.binary(max_size=12),
        st.sampled_from(
            [b"/?!\r\n", b"\x06050\r\n", b"\x06051\r\n", b"\x01P1\x02(00000000)\x03a", b"\x15", b"/BAU5X\r\n"]
        ),
    ),
    max_size=12,
).map(b"".join)
TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters="()!*"), max_size=12)
SETS = st.lists(
    st.builds(DataSet, TEXT.map(str.strip), TEXT.map(str.strip), st.none() | TEXT.map(str.strip)), max_size=8
)


@settings(max_examples=200, deadline=None)
@given(LINE, st.booleans())
def test_any_bytes_give_the_same_messages_however_they_are_cut(octets: bytes, packets: bool) -> None:
    for make in (MeterReceiver, lambda: ReaderReceiver(packets)):
        whole, single = make(), make()
        expected = whole.receive(octets)
        assert [heard for byte in octets for heard in single.receive(bytes([byte]))] == expected
        assert len(expected) <= len(octets)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=64))
def test_any_text_is_data_sets_or_a_frame_error(octets: bytes) -> None:
    try:
        found = data_sets(octets)
    except FrameError:
        return
    assert all(isinstance(item, DataSet) for item in found)


@settings(max_examples=100, deadline=None)
@given(SETS)
def test_every_readout_is_heard_as_it_was_written(sets: list[DataSet]) -> None:
    assert ReaderReceiver().receive(encode_readout(sets)) == [Data(tuple(sets))]


@settings(max_examples=100, deadline=None)
@given(SETS, st.data())
def test_one_changed_bit_is_never_taken_for_values(sets: list[DataSet], data: st.DataObject) -> None:
    octets = bytearray(encode_readout(sets))
    position = data.draw(st.integers(0, len(octets) - 1))
    octets[position] ^= 1 << data.draw(st.integers(0, 6))
    heard = ReaderReceiver().receive(bytes(octets))
    assert not any(isinstance(message, Data) for message in heard)


@given(st.fractions(-999_999, 999_999, max_denominator=10**6))
def test_shown_values_are_never_further_off_than_half_a_digit(value: Fraction) -> None:
    assert abs(Fraction(fixed(value, 3, 3, 3)) * 1000 - value) <= Fraction(1, 2)


@given(st.fractions(0, 999_999_990, max_denominator=10**6))
def test_energy_is_rounded_down(value: Fraction) -> None:
    assert 0 <= value - Fraction(energy(value, False)) * 1000 < 10
