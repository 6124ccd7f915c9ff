"""Whatever a line does to answers, what a read returns is the right registers, or an error of the tree, in time."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wattproof.drivers.late import Owed
from wattproof.errors import WattproofError
from wattproof.wire.modbus.pdu import read_request, write_multiple_request

Make = Callable[..., Any]

#: What may happen to the answer of one request. Modbus TCP has no check sum, so its bytes are not damaged here; on a
#: line nothing tells an answer that comes twice from the answer to the next question of the same form.
COMMON = ["none", "lost", "slow", "very slow", "other unit", "hang up"]
FAULTS = {
    "tcp": [*COMMON, "twice"],
    "rtu": [*COMMON, "cut short", "one bit", "noise"],
    "ascii": [*COMMON, "cut short", "one bit", "noise"],
}


class Line:
    """A unit that answers in order, on a line with one fault a request."""

    def __init__(self, faults: list[tuple[str, int]]) -> None:
        self.faults = faults
        self.free = 0.0

    def __call__(self, bench: Any, request: Any, frame: bytes) -> list[tuple[float, bytes]]:
        name, dice = self.faults[len(bench.asked) % len(self.faults)] if self.faults else ("none", 0)
        now = bench.clock.now() / 1e9
        self.free = max(self.free, now) + {"slow": 0.7, "very slow": 2.6}.get(name, 0.02)
        delay = self.free - now
        match name:
            case "lost":
                return []
            case "cut short":
                frame = frame[: dice % len(frame)]
            case "one bit":
                position = dice % (8 * len(frame))
                spoilt = bytearray(frame)
                spoilt[position // 8] ^= 1 << position % 8
                frame = bytes(spoilt)
            case "noise":
                frame = dice.to_bytes(4, "big") + frame
            case "twice":
                return [(delay, frame), (delay + 0.3, frame)]
            case "other unit":
                row = bench._row
                frame = row.server().encode(request._replace(unit=request.unit + 100), b"\x03\x04\xde\xad\xbe\xef")
            case "hang up":
                bench.far.cut()
                return []
        return [(delay, frame)] if frame else []


@pytest.mark.parametrize("framing", ["tcp", "rtu", "ascii"])
@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_read_is_right_or_refused(bench: Make, framing: str, data: st.DataObject) -> None:
    faults = data.draw(st.lists(st.tuples(st.sampled_from(FAULTS[framing]), st.integers(0, 2**32 - 1)), max_size=12))
    questions = data.draw(
        st.lists(st.tuples(st.integers(1, 3), st.integers(0, 5), st.integers(1, 3)), min_size=1, max_size=10)
    )
    depth = data.draw(st.sampled_from([1, 4]))

    async def play() -> None:
        one = bench(framing, timeout=1.0, retries=1, depth=depth)
        one.bend = Line(faults)
        for unit, address, count in questions:
            pdu = read_request(3, 100 * address, count)
            try:
                answer = await one.run(one.client.exchange(unit, pdu))
            except WattproofError as error:
                assert f"unit {unit}" in str(error) or "closed" in str(error)
                continue
            expected = b"".join((100 * address + n).to_bytes(2, "big") for n in range(count))
            assert answer == bytes((3, 2 * count)) + expected
        assert one.clock.now() / 1e9 < 10 * len(questions)
        for task in [*one._tasks]:
            task.cancel()
        await asyncio.gather(*one._tasks, return_exceptions=True)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(play())


PDUS = st.one_of(
    st.builds(read_request, st.sampled_from([3, 4]), st.integers(0, 60000), st.integers(1, 125)),
    st.builds(write_multiple_request, st.integers(0, 60000), st.sampled_from([b"\0\1", b"\0\2\0\3"])),
)


@given(st.lists(PDUS, max_size=80), PDUS)
def test_a_marker_is_never_mistaken_for_what_is_owed_or_asked(given_up: list[bytes], pdu: bytes) -> None:
    owed = Owed()
    for old in given_up:
        owed.give_up(5, old)
    marker = owed.marker(5, pdu)
    others = Owed()
    others.give_up(5, marker)
    assert not others.endangers(5, pdu)
    for old in given_up[-Owed.LIMIT :]:
        assert not others.endangers(5, old)
    owed.settle(5)
    assert not owed.endangers(5, pdu)


def test_only_what_looks_alike_is_endangered() -> None:
    owed = Owed()
    owed.give_up(5, read_request(3, 10, 4))
    assert owed.endangers(5, read_request(3, 20, 4))
    assert not owed.endangers(5, read_request(3, 10, 4))  # the same question: its answer is as good
    assert not owed.endangers(5, read_request(3, 20, 5))
    assert not owed.endangers(5, read_request(4, 20, 4))
    assert not owed.endangers(6, read_request(3, 20, 4))
    owed.give_up(5, read_request(1, 0, 3))
    assert owed.endangers(5, read_request(1, 50, 8))  # 3 and 8 coils are one byte
    write = write_multiple_request(7, b"\0\1")
    owed.give_up(5, write)
    assert owed.endangers(5, write)  # which of two equal writes was acknowledged matters
    assert owed.endangers(5, write_multiple_request(7, b"\0\2"))
    assert not owed.endangers(5, write_multiple_request(8, b"\0\2"))
    owed.settle_all()
    assert not owed.endangers(5, write)
