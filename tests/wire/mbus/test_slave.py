"""The slave: frame count, selection, addresses, rates, refusals."""

from __future__ import annotations

import pytest

from tests.wire.mbus.line import Meter
from wattproof.wire.mbus import ci_fields, frames
from wattproof.wire.mbus.addresses import SecondaryAddress, Selection
from wattproof.wire.mbus.frames import BROADCAST, EVERY_ANSWERS, SELECTED, Ack, Long, Short
from wattproof.wire.mbus.requests import Request
from wattproof.wire.mbus.slave import RATE_WATCH, Counting, Slave
from wattproof.wire.mbus.telegrams import ApplicationError, Identification, Telegram, decode_answer

NKE, FIRST, SECOND = frames.snd_nke(5), frames.req_ud2(5, True), frames.req_ud2(5, False)
UNCOUNTED = Short(0x4B, 5)


def ask(slave: Slave, frame: Short | Long, now: int = 0) -> tuple[int, int] | str | None:
    """What came back: page and access number, "E5", an error's text, or nothing."""
    answer = slave.handle(frame, now)
    if answer is None or isinstance(answer, Ack):
        return None if answer is None else "E5"
    assert frames.service(answer.control) is frames.RSP_UD
    assert answer.address == slave.application.address
    content = decode_answer(answer)
    if isinstance(content, ApplicationError):
        return content.text
    assert isinstance(content, Telegram)
    assert isinstance(content.header, Identification)
    number = content.records[0].content
    assert isinstance(number, int)
    return number // 1000, content.header.access


@pytest.mark.proves("A-006", "A-007", "A-081")
def test_an_unchanged_bit_repeats_a_changed_one_goes_on_and_the_end_begins_again() -> None:
    meter = Meter(pages=3)
    slave = Slave(meter, access=253)
    assert ask(slave, NKE) == "E5"
    assert [ask(slave, frame) for frame in (FIRST, FIRST, SECOND, SECOND, FIRST, SECOND)] == [
        *[(1, 254), (1, 255), (2, 0), (2, 1), (3, 2), (1, 3)],
    ]
    assert slave.number == 1
    before = slave.handle(SECOND, 0)
    again = slave.handle(SECOND, 0)
    assert isinstance(before, Long)
    assert isinstance(again, Long)
    assert before.data[8] + 1 == again.data[8]
    assert before.data[15:] != again.data[15:]  # values are read anew
    assert ask(slave, NKE) == "E5"
    assert ask(slave, SECOND)[0] == 1  # type: ignore[index]


@pytest.mark.proves("A-008")
def test_the_frame_count_is_shared_by_all_ways_to_address_the_meter() -> None:
    slave = Slave(Meter())
    ask(slave, NKE)
    assert ask(slave, frames.snd_ud(SELECTED, 0x52, Selection(SecondaryAddress("00217819")).encode())) == "E5"
    assert ask(slave, frames.req_ud2(SELECTED, True)) == (1, 1)
    assert ask(slave, FIRST) == (1, 2)
    assert ask(slave, frames.req_ud2(EVERY_ANSWERS, False)) == (2, 3)
    assert ask(slave, frames.req_ud2(SELECTED, False)) == (2, 4)
    assert ask(slave, FIRST) == (3, 5)


@pytest.mark.proves("A-009")
def test_requests_without_a_valid_bit_get_the_present_telegram() -> None:
    slave = Slave(Meter())
    assert [ask(slave, UNCOUNTED), ask(slave, UNCOUNTED), ask(slave, FIRST)] == [(1, 1), (1, 2), (1, 3)]
    assert [ask(slave, SECOND), ask(slave, UNCOUNTED), ask(slave, SECOND)] == [(2, 4), (2, 5), (2, 6)]
    assert ask(slave, FIRST) == (3, 7)


@pytest.mark.proves("A-010")
def test_a_repeated_command_is_acknowledged_but_done_once() -> None:
    meter = Meter()
    slave = Slave(meter)
    command = Request("reset_power_fail_counter")
    first, second = (frames.snd_ud(5, ci_fields.DATA_SEND, command.encode(), fcb) for fcb in (True, False))
    assert [ask(slave, frame) for frame in (first, first, second, second, first)] == ["E5"] * 5
    assert meter.executed == [command] * 3
    uncounted = Long(0x43, 5, ci_fields.DATA_SEND, command.encode())
    assert [ask(slave, uncounted), ask(slave, uncounted)] == ["E5", "E5"]
    assert len(meter.executed) == 5
    ask(slave, first)
    ask(slave, NKE)
    ask(slave, first)
    assert len(meter.executed) == 7


@pytest.mark.proves("A-011")
def test_255_is_executed_without_an_answer_and_254_answers_with_the_own_address() -> None:
    meter = Meter()
    slave = Slave(meter)
    tariff = Request("set_tariff", 2)
    assert ask(slave, frames.snd_ud(BROADCAST, ci_fields.DATA_SEND, tariff.encode(), True)) is None
    assert meter.executed == [tariff]
    assert ask(slave, frames.req_ud2(BROADCAST, True)) is None
    assert meter.asked == 0
    assert ask(slave, frames.snd_nke(BROADCAST)) is None
    assert meter.sessions == 1
    assert ask(slave, frames.snd_nke(EVERY_ANSWERS)) == "E5"
    answer = slave.handle(frames.req_ud2(EVERY_ANSWERS, True), 0)
    assert isinstance(answer, Long)
    assert answer.address == 5


@pytest.mark.proves("A-012", "A-021", "A-022", "A-023")
def test_selection_by_secondary_address() -> None:
    one, other = Slave(Meter("00217819", 5, fabrication="00001234")), Slave(Meter("00217818", 6))
    request, nke = frames.req_ud2(SELECTED, True), frames.snd_nke(SELECTED)

    def select(mask: str, msb: bool = False, fabrication: str | None = None) -> list[object]:
        ci = ci_fields.SELECT_MSB if msb else ci_fields.SELECT
        data = Selection(SecondaryAddress.parse(mask), fabrication).encode(msb)
        return [ask(slave, frames.snd_ud(SELECTED, ci, data)) for slave in (one, other)]

    assert [ask(one, request), ask(one, nke)] == [None, None]
    assert select("00217819") == ["E5", None]
    assert [ask(one, request), ask(other, request)] == [(1, 1), None]
    assert select("00217818", msb=True) == [None, "E5"]
    assert [ask(one, request), ask(other, request)] == [None, (1, 1)]
    assert select("0021781F") == ["E5", "E5"]
    assert select("FFFFFFFF4204FFFF") == ["E5", "E5"]
    assert [ask(one, nke), ask(other, nke)] == ["E5", "E5"]
    assert [ask(one, nke), ask(other, nke)] == [None, None]
    assert select("00217819", fabrication="0000123F") == ["E5", None]
    assert select("FFFFFFFF", fabrication="FFFFFFFF") == ["E5", None]
    assert select("00217819", fabrication="00001235") == [None, None]
    assert select("00217819") == ["E5", None]
    assert ask(one, frames.snd_ud(SELECTED, ci_fields.SELECT, bytes(5))) is None
    assert not one.selected
    one.selectable = False
    assert select("00217819") == [None, None]


@pytest.mark.proves("A-016")
def test_a_rate_is_tried_for_thirty_seconds() -> None:
    slave = Slave(Meter(), rate=2400)
    change = frames.snd_ud(5, ci_fields.baud_rate_ci(9600), fcb=True)
    assert ask(slave, change, now=1000) == "E5"
    assert (slave.rate, slave.next_event()) == (9600, 1000 + RATE_WATCH)
    slave.advance(999 + RATE_WATCH)
    assert slave.rate == 9600
    slave.advance(1000 + RATE_WATCH)
    assert (slave.rate, slave.next_event()) == (2400, None)
    ask(slave, NKE)
    ask(slave, change, now=0)
    assert (
        ask(slave, frames.req_ud2(99, True), now=RATE_WATCH - 1) is None
    )  # any good frame shows that the rate is right
    slave.advance(10 * RATE_WATCH)
    assert slave.rate == 9600
    assert ask(slave, frames.snd_ud(5, ci_fields.baud_rate_ci(9600), fcb=False)) == "E5"
    assert slave.next_event() is None


@pytest.mark.proves("A-080")
@pytest.mark.parametrize(
    ("ci", "data", "text"),
    [
        (0x51, "04 13 00", "premature end of record"),
        (0x51, "01 FF 13 02 84" + " 80" * 10 + " 00 13", "more than 10 DIFE"),
        (0x51, "04 93" + " BB" * 10 + " 00", "more than 10 VIFE"),
        (0x51, "3F", "unspecified error"),
        (0x5C, "", "unimplemented CI field"),
        (0x72, "", "unimplemented CI field"),
    ],
)
def test_what_cannot_be_read_is_acknowledged_and_told_by_the_next_telegram(ci: int, data: str, text: str) -> None:
    meter = Meter()
    slave = Slave(meter)
    bad = frames.snd_ud(5, ci, bytes.fromhex(data), True)
    assert ask(slave, bad) == "E5"
    assert meter.executed == []
    assert [ask(slave, FIRST), ask(slave, FIRST)] == [text, text]
    assert ask(slave, SECOND) == (1, 3)
    ask(slave, bad)
    ask(slave, NKE)
    assert ask(slave, FIRST)[0] == 1  # type: ignore[index]
    ask(slave, bad)
    ask(slave, frames.snd_ud(5, 0x51, Request("set_tariff", 1).encode(), False))
    assert ask(slave, FIRST)[0] == 1  # type: ignore[index]


def test_a_special_readout_replaces_the_standard_one_until_it_is_ended() -> None:
    meter = Meter(pages=3)
    slave = Slave(meter)
    ask(slave, NKE)
    assert ask(slave, FIRST) == (1, 1)
    demand = frames.snd_ud(5, 0x51, Request("current_harmonics").encode(), True)
    assert ask(slave, demand) == "E5"
    assert slave.special
    assert [ask(slave, FIRST), ask(slave, SECOND), ask(slave, FIRST)] == [(1, 2), (2, 3), (1, 4)]
    assert ask(slave, frames.snd_ud(5, ci_fields.APPLICATION_RESET)) == "E5"
    assert not slave.special
    assert [ask(slave, FIRST), ask(slave, SECOND), ask(slave, FIRST)] == [(1, 5), (2, 6), (3, 7)]
    ask(slave, demand)
    ask(slave, NKE)
    assert not slave.special


def test_what_changes_nothing_is_acknowledged() -> None:
    meter = Meter()
    slave = Slave(meter)
    ask(slave, FIRST)
    assert ask(slave, frames.snd_ud(5, ci_fields.SYNCHRONISE)) == "E5"
    assert ask(slave, frames.req_ud1(5, True)) == "E5"
    assert ask(slave, SECOND) == (2, 2)
    msb = frames.snd_ud(5, ci_fields.DATA_SEND_MSB, bytes.fromhex("04 FF 24 00 00 03 E8"))
    assert ask(slave, msb) == "E5"
    assert meter.executed == [Request("set_co2_factor", 1000)]


def test_a_command_may_change_the_address_and_is_acknowledged_from_the_old_one() -> None:
    slave = Slave(Meter())
    assert ask(slave, frames.snd_ud(5, 0x51, Request("set_address", 7).encode())) == "E5"
    assert ask(slave, NKE) is None
    assert ask(slave, frames.snd_nke(7)) == "E5"


@pytest.mark.parametrize(
    "frame",
    [
        frames.snd_nke(6),
        frames.rsp_ud(5, 0x72, bytes(12)),
        Long(frames.REQ_UD2.control(), 5, 0x51),
        Short(frames.SND_UD.control(), 5),
        Short(0xC0, 5),
        Short(0x41, 5),
    ],
)
def test_what_is_not_meant_for_it_gets_no_answer(frame: Short | Long) -> None:
    meter = Meter()
    assert ask(Slave(meter), frame) is None
    assert (meter.asked, meter.sessions, meter.executed) == (0, 0, [])


def test_faults_of_counting() -> None:
    slave = Slave(Meter(pages=9))
    slave.counting = Counting.STUCK
    assert [ask(slave, frame)[0] for frame in (FIRST, SECOND, FIRST)] == [1, 1, 1]  # type: ignore[index]
    slave.counting = Counting.IGNORED
    assert [ask(slave, frame)[0] for frame in (FIRST, FIRST, SECOND)] == [2, 3, 4]  # type: ignore[index]
    slave.counts_access = False
    assert [ask(slave, frame) for frame in (FIRST, FIRST)] == [(5, 6), (6, 6)]
