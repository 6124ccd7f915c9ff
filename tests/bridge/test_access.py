from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.bridge.access import Access, Bucket, only_reads
from wattproof.wire.modbus.pdu import read_request, write_multiple_request, write_single_request

READ = read_request(3, 100, 2)
WRITE = write_multiple_request(100, b"\0\1")
SECOND = 10**9


@pytest.mark.parametrize(
    ("pdu", "reads"),
    [
        (READ, True),
        (read_request(1, 0, 1), True),
        (read_request(2, 0, 1), True),
        (read_request(4, 0, 1), True),
        (b"\x11", True),
        (b"\x2b\x0e\x01\x00", True),
        (b"\x2b\x0d\x01\x00", False),
        (b"\x2b", False),
        (WRITE, False),
        (write_single_request(6, 1, 2), False),
        (b"\x05\x00\x01\xff\x00", False),
        (b"\x0f\x00\x00\x00\x01\x01\x01", False),
        (b"\x16\x00\x04\x00\xf2\x00\x25", False),
        (b"\x17\x00\x03\x00\x06\x00\x0e\x00\x01\x02\x00\xff", False),
        (b"\x08\x00\x01\x00\x00", False),  # diagnostics may restart the unit
        (b"\x41", False),  # nobody knows what it does
    ],
)
def test_what_only_reads(pdu: bytes, reads: bool) -> None:
    assert only_reads(pdu) is reads
    assert Access(read_only=None).refusal(1, pdu) == (None if reads else 1)


def test_units_and_read_only_units() -> None:
    access = Access(frozenset({1, 2}), frozenset({2}))
    assert [access.refusal(unit, READ) for unit in (1, 2, 3)] == [None, None, 0x0A]
    assert [access.refusal(unit, WRITE) for unit in (1, 2, 3)] == [None, 1, 0x0A]
    assert [access.allows(unit) for unit in (1, 2, 3)] == [True, True, False]


def test_a_broadcast_reaches_all_units_so_all_must_be_free() -> None:
    assert Access().refusal(0, WRITE, broadcast=True) is None
    for access in (Access(frozenset({0, 1})), Access(read_only=frozenset({7})), Access(read_only=None)):
        assert access.refusal(0, WRITE, broadcast=True) == 1
    assert Access(frozenset({0, 1})).refusal(0, WRITE) is None  # on Modbus TCP unit 0 is a unit


def test_a_seconds_worth_at_once_then_the_rate() -> None:
    bucket = Bucket(4)
    assert [bucket.take(SECOND) for _ in range(5)] == [True] * 4 + [False]
    assert not bucket.take(SECOND + SECOND // 4 - 1)
    assert bucket.take(SECOND + SECOND // 4)
    assert not bucket.take(SECOND + SECOND // 4)
    assert [bucket.take(9 * SECOND) for _ in range(5)] == [True] * 4 + [False]


def test_slower_than_one_a_second() -> None:
    bucket = Bucket(0.5)
    assert [bucket.take(number * SECOND) for number in range(5)] == [True, False, True, False, True]


@given(st.floats(0.1, 1000), st.lists(st.integers(0, 3 * SECOND), max_size=60))
def test_no_second_ever_holds_more_than_twice_the_rate(rate: float, moments: list[int]) -> None:
    bucket = Bucket(rate)
    passed = [moment for moment in sorted(moments) if bucket.take(moment)]
    for begin in passed:
        assert sum(begin <= moment < begin + SECOND for moment in passed) <= 2 * rate + 1.001
