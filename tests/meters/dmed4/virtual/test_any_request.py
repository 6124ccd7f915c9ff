"""Whatever is asked in whatever state: nothing breaks, and what must hold holds; sections 3, 4.7, 4.10 and 8.4."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wattproof.meters.dmed4.points import MAP

Make = Callable[..., Any]
UNHURRIED = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
KNOWN = sorted(address for block in MAP.blocks for address in range(block.address, block.address + block.registers))
CODES = {1, 2, 3, 4, 6}

addresses = st.one_of(
    st.sampled_from([0x2F02, 0x407F, 0x4080, 0x427F, 0x4280, 0x4283, 0x49FF, 0x4F0F, 0x4F10, *range(0x4FFF, 0x5005)]),
    st.sampled_from(KNOWN),
    st.integers(0, 0xFFFF),
)
values = st.one_of(
    st.sampled_from([0, 1, 2, 5, 15, 0x4200, 0x4300, 0x4500, 0x7200, 0x5800, 0x42, 0x45]), st.integers(0, 0xFFFF)
)
reads = st.builds(struct.pack, st.just(">BHH"), st.sampled_from([3, 4]), addresses, st.integers(0, 130))
singles = st.builds(struct.pack, st.just(">BHH"), st.just(6), addresses, values)
messages = st.sampled_from([b"{}", b'{"ID":"1"}', b'{"ID":1}', b'{"ID', b"\0\0"])
lengths = st.sampled_from([2, 10, 4, 0, 1024])


def many(address: int, words: list[int], counted: bool) -> bytes:
    data = struct.pack(f">{len(words)}H", *words)
    return struct.pack(">BHH", 16, address, len(words)) + (bytes((len(data),)) if counted else b"") + data


multiples = st.builds(many, addresses, st.lists(values, min_size=1, max_size=6), st.booleans())
taken = st.builds(
    lambda text: many(0x49FF, list(struct.unpack(f">{len(text) // 2}H", text[: len(text) // 2 * 2])), True), messages
)
lengthened = st.builds(lambda length: struct.pack(">BHH", 6, 0x4280, length), lengths)
requests = st.one_of(reads, singles, multiples, taken, lengthened, st.just(b"\x11"), st.binary(max_size=12))
steps = st.lists(st.one_of(requests, st.integers(0, 60).map(lambda tenths: tenths / 10)), max_size=30)


def image(meter: Any) -> bytes:
    return bytes(meter.meter.registers.data)


def check(meter: Any) -> None:
    status, signature = struct.unpack(">HH", meter.read(0x4200, 2))
    assert status in (0, 1, 2, 3)
    assert sum(bool(signature & bit) for bit in (4, 8, 16)) <= 1, "signing, OK and error exclude each other"
    assert not signature & 0x7F80, "reserved bits are 0"
    assert bool(signature & 0x8000) == any(meter.read(0x4000, 4))
    assert (status == 0) == bool(signature & 1)
    rest = meter.get("charge_status")
    assert (rest["measurement_status"], rest["signature_status"]) == (status, signature)
    lengths = struct.unpack(">3H", meter.read(0x4202, 3))
    assert lengths[0] <= 1024 and lengths[1] == 0 and lengths[2] <= 72
    assert (lengths[0] == 0) == (meter.get("ocmf")["OCMF_BUFF"] == "")


@pytest.mark.proves("D-222", "D-224", "D-106", "D-105", "D-055", "D-096", "D-264", "D-265")
@UNHURRIED
@given(steps)
def test_nothing_breaks(bench: Make, script: list[bytes | float]) -> None:
    meter = bench(reboot_delay="1", load="constant:7200")
    for step in script:
        if isinstance(step, float):
            meter.wait(step)
            continue
        answer = meter.ask(step)
        if answer is None:
            assert not step or meter.meter.silent
            meter.wait(3)
            continue
        assert answer[0] in (step[0], step[0] | 0x80)
        if answer[0] & 0x80:
            assert len(answer) == 2 and (answer[1] in CODES or answer[0] == step[0])
        elif step[0] in (3, 4):
            assert len(answer) == 2 + answer[1] == 2 + 2 * int.from_bytes(step[3:5], "big")
        elif step[0] in (6, 16):
            assert answer == step[:5]
        check(meter)


@pytest.mark.proves("D-041", "D-073")
@UNHURRIED
@given(steps, reads)
def test_both_read_functions_always_agree(bench: Make, script: list[bytes | float], read: bytes) -> None:
    meter = bench(load="constant:7200", reboot_delay="0", init_delay="0")
    for step in script:
        meter.wait(step) if isinstance(step, float) else meter.ask(step)
    meter.wait(1)
    one, other = meter.ask(b"\x03" + read[1:]), meter.ask(b"\x04" + read[1:])
    assert one is not None and other is not None
    assert one[0] ^ other[0] == 7 and one[1:] == other[1:]


@pytest.mark.proves("D-108", "D-058", "D-060")
@UNHURRIED
@given(st.lists(requests, max_size=6), multiples)
def test_a_refused_write_changes_nothing_but_the_errors(bench: Make, script: list[bytes], request_: bytes) -> None:
    meter = bench(load="none")
    for step in script:
        meter.ask(step)
    if meter.meter.silent:
        meter.wait(10)
    place = meter.meter.layout.place
    spared = [place["error_1"], place["signature_status"], place["events_count"]]
    before, events, staged = image(meter), len(meter.meter.logbook.events), dict(meter.meter.menu.staged)
    answer = meter.ask(request_)
    if answer is None or not answer[0] & 0x80:
        return
    after = bytearray(image(meter))
    for where in spared:
        after[where] = before[where]
    assert bytes(after) == before and meter.meter.menu.staged == staged
    assert len(meter.meter.logbook.events) <= events + 1


@pytest.mark.proves("D-227", "D-228", "D-229", "D-230", "D-266")
@UNHURRIED
@given(st.binary(max_size=200), st.integers(0, 1024), st.sampled_from([b"", b"{", b'{"FV":"1.0"', b'OCMF|{"ID":"']))
def test_any_message_is_judged(bench: Make, rubbish: bytes, length: int, head: bytes) -> None:
    meter = bench()
    text = (head + rubbish)[:240]
    text += bytes(len(text) % 2)
    if text:
        assert meter.put_many(0x4A00, text) is not None
    assert meter.put(0x4281, length) == struct.pack(">BHH", 6, 0x4280, length)
    assert bool(meter.word & 2) != bool(meter.errors) or not length
    assert meter.errors in (0, 1, 2, 8)
    if meter.word & 2:
        assert meter.put(0x4280, 0x4200) is not None
        meter.wait(1)
        assert meter.verifies(meter.get("ocmf")["OCMF_BUFF"])
