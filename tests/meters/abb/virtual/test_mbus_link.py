"""Virtual ABB meters on one M-Bus: addressing, frame count, selection, rates, and what spoils it (1.3, 1.6, 3.11)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, cast

import pytest

from tests.meters.abb.virtual.mbusmaster import made
from tests.wires import HandTimers
from wattproof.meters.abb.virtual.mbus.face import MbusFace
from wattproof.meters.abb.virtual.meter import AbbMeter
from wattproof.virtual.framed import FrameBus, FrameStream
from wattproof.virtual.runtime import Runtime
from wattproof.wire.mbus import ci_fields
from wattproof.wire.mbus.addresses import SecondaryAddress, Selection
from wattproof.wire.mbus.frames import Ack, Frame, Long, Short, decode, req_ud2, snd_nke, snd_ud
from wattproof.wire.mbus.requests import Request
from wattproof.wire.mbus.telegrams import ApplicationError, Identification, Telegram, decode_answer

MILLISECOND = 1_000_000


class Bus:
    """Meters on one bus in memory; what is sent on it, and when it came back."""

    def __init__(self, *meters: AbbMeter, connection: bool = False) -> None:
        self.timers = HandTimers()
        self.meters = meters
        self.runtimes = [Runtime(meter, self.timers) for meter in meters]
        self.sent: list[tuple[int, bytes]] = []
        self.closed = 0
        bus = FrameBus(self.runtimes, "mbus")
        self.stream = FrameStream(bus, self._write, self._close if connection else None, network=connection)

    def _write(self, data: bytes) -> None:
        self.sent.append((self.timers.now(), data))

    def _close(self) -> None:
        self.closed += 1

    def raw(self, data: bytes, seconds: float = 0.2) -> bytes:
        """What comes back for these bytes."""
        self.sent.clear()
        self.stream.receive(data, self.timers.now())
        self.timers.run(seconds)
        return b"".join(part for _, part in self.sent)

    def ask(self, frame: Short | Long) -> Frame | None:
        answer = self.raw(frame.encode())
        return decode(answer) if answer else None

    def telegram(self, address: int, fcb: bool = True) -> Telegram:
        frame = self.ask(req_ud2(address, fcb))
        assert isinstance(frame, Long)
        answer = decode_answer(frame)
        assert isinstance(answer, Telegram)
        return answer

    def select(self, text: str, msb: bool = False, fabrication: str | None = None, **mask: int) -> Frame | None:
        selection = Selection(SecondaryAddress(text, **mask), fabrication)
        ci = ci_fields.SELECT_MSB if msb else ci_fields.SELECT
        return self.ask(snd_ud(253, ci, selection.encode(msb)))


def numbered(address: int, serial: str, **options: Any) -> AbbMeter:
    return made("A43", unit=address, serial=serial, **options)


def access(telegram: Telegram) -> int:
    return cast(Identification, telegram.header).access


def number(telegram: Telegram) -> str:
    return cast(Identification, telegram.header).address.number


@pytest.mark.proves("A-006", "A-007", "A-009")
def test_the_frame_count_bit_chooses_the_telegram() -> None:
    bus = Bus(numbered(5, "1"))
    bus.ask(snd_nke(5))
    first = bus.telegram(5, True)
    bus.timers.run(3600)
    again = bus.telegram(5, True)
    assert [record.key for record in again] == [record.key for record in first]
    assert access(again) == access(first) + 1 and again.records[0].data != first.records[0].data
    second = bus.telegram(5, False)
    assert second.records[0].quantity == "power_fail_counter"
    unbound = bus.ask(Short(0x4B, 5))
    assert isinstance(unbound, Long)
    assert [record.key for record in decode_answer(unbound)] == [record.key for record in second]  # type: ignore[union-attr]
    fcb = True
    for _ in range(5):
        last = bus.telegram(5, fcb)
        fcb = not fcb
    assert not last.more_follow
    assert [record.key for record in bus.telegram(5, fcb)] == [record.key for record in first]


@pytest.mark.proves("A-010")
def test_a_repeated_command_is_executed_once() -> None:
    bus = Bus(numbered(5, "1"))
    reset = Request("reset_register", subject="active_energy_import").encode()
    for fcb, resets in ((True, 1), (True, 1), (False, 2)):
        assert bus.ask(snd_ud(5, 0x51, reset, fcb)) == Ack()
        assert bus.meters[0].body.value(175) == resets


@pytest.mark.proves("A-011")
def test_255_executes_in_silence_and_254_answers_as_itself() -> None:
    bus = Bus(numbered(5, "1"), numbered(6, "2"))
    assert bus.ask(snd_ud(255, 0x51, Request("set_tariff", 3).encode(), True)) is None
    assert [meter.body.value(189) for meter in bus.meters] == [3, 3]
    alone = Bus(numbered(5, "1"))
    assert alone.ask(snd_nke(254)) == Ack()
    answer = alone.ask(req_ud2(254, True))
    assert isinstance(answer, Long) and answer.address == 5


@pytest.mark.proves("A-008", "A-012", "A-022")
def test_selection_gives_address_253_to_one_meter() -> None:
    bus = Bus(numbered(5, "11111111"), numbered(6, "22222222"))
    assert bus.ask(req_ud2(253, True)) is None and bus.ask(snd_nke(253)) is None
    assert bus.select("11111111") == Ack()
    first = bus.telegram(253, True)
    assert number(first) == "11111111"
    assert access(bus.telegram(5, True)) == access(first) + 1  # the bit is shared: the same telegram once more
    assert bus.select("22222222") == Ack()
    assert number(bus.telegram(253, True)) == "22222222"
    assert bus.ask(snd_nke(253)) == Ack()
    assert bus.ask(req_ud2(253, True)) is None


@pytest.mark.proves("A-020", "A-021", "A-023")
def test_wild_cards_match_and_any_other_field_deselects() -> None:
    bus = Bus(numbered(5, "00217819"))
    frame = bytes.fromhex("68 0B 0B 68 53 FD 52 19 78 21 00 42 04 20 02 BC 16")
    assert bus.raw(frame) == b"\xe5"
    whole = {"manufacturer": 0x0442, "version": 0x20, "medium": 2}
    assert bus.select("00217819", **whole) == Ack() and bus.select("00217819", msb=True, **whole) == Ack()
    for text in ("FFFFFFFF", "002178FF", "F0F1F8F9", "0021781F"):
        assert bus.select(text) == Ack()
    assert bus.select("00217819", fabrication="0021FFFF") == Ack()
    for wrong in ({"manufacturer": 0x0443}, {"version": 2}, {"medium": 4}):
        assert bus.select("00217819") == Ack()
        assert bus.select("00217819", **{**whole, **wrong}) is None
        assert bus.ask(req_ud2(253, True)) is None
    assert bus.select("00217818") is None and bus.select("00217819", fabrication="00000000") is None


def test_who_answers_together_is_heard_together() -> None:
    bus = Bus(numbered(5, "11111111"), numbered(6, "22222222"))
    assert bus.select("FFFFFFFF") == Ack()  # two clean E5 at once
    mixed = bus.raw(req_ud2(253, True).encode())
    alone = [Bus(numbered(unit, serial)).raw(req_ud2(254, True).encode()) for unit, serial in ((5, "1"), (6, "2"))]
    assert len(mixed) == len(alone[0]) and mixed not in alone


@pytest.mark.proves("A-013", "A-214")
@pytest.mark.parametrize("speed", ["1", "1000"])
def test_answers_begin_35_to_80_ms_after_the_request_at_any_speed(speed: str) -> None:
    bus = Bus(numbered(5, "1", speed=Fraction(speed)))
    delays = []
    for _ in range(40):
        asked = bus.timers.now()
        bus.ask(snd_nke(5))
        delays.append((bus.sent[0][0] - asked) / MILLISECOND)
    assert 35 <= min(delays) < 45 and 70 < max(delays) <= 80
    bus.runtimes[0].catch_up()
    before = bus.meters[0].state()["energy"]["active_energy_import_total"]  # type: ignore[index]
    bus.timers.run(3.6)
    bus.runtimes[0].catch_up()
    after = bus.meters[0].state()["energy"]["active_energy_import_total"]  # type: ignore[index]
    assert after - before == pytest.approx(3 * int(speed), abs=10)  # 3 kW for 3.6 s, so many times faster
    quick = Bus(numbered(5, "1", set={"answer-delay": "0"}))
    asked = quick.timers.now()
    assert quick.ask(snd_nke(5)) == Ack() and quick.sent[0][0] == asked


@pytest.mark.proves("A-016")
def test_a_rate_without_a_good_frame_is_given_up_after_30_real_seconds() -> None:
    bus = Bus(numbered(5, "1", speed=100))
    meter = bus.meters[0]
    assert meter.baudrate == 2400 and bus.ask(snd_ud(5, 0xBD)) == Ack() and meter.baudrate == 9600
    bus.timers.run(29)
    bus.raw(b"\x00")
    assert meter.baudrate == 9600
    bus.timers.run(1)
    bus.raw(b"\x00")
    assert meter.baudrate == 2400
    assert bus.ask(snd_ud(5, 0xBE)) == Ack() and bus.ask(snd_nke(5)) == Ack()
    bus.timers.run(60)
    bus.raw(b"\x00")
    assert meter.baudrate == 19200


@pytest.mark.proves("A-080")
@pytest.mark.parametrize(
    ("ci", "data", "code"),
    [
        (0x53, "", 1),
        (0x51, "04 FF", 4),
        (0x51, "02 EC", 4),
        (0x51, "81" + " 80" * 10 + " 00 13 00", 5),
        (0x51, "01" + " FF" * 12 + " 00", 6),
    ],
)
def test_what_cannot_be_understood_is_acknowledged_and_gets_an_error(ci: int, data: str, code: int) -> None:
    bus = Bus(numbered(5, "1"))
    assert bus.ask(snd_ud(5, ci, bytes.fromhex(data), True)) == Ack()
    frame = bus.ask(req_ud2(5, True))
    assert isinstance(frame, Long) and decode_answer(frame) == ApplicationError(code)
    bus.ask(snd_nke(5))
    assert bus.telegram(5).records


def test_frames_in_pieces_and_rubbish_between_them() -> None:
    bus = Bus(numbered(5, "1"))
    frame = snd_nke(5).encode()
    assert bus.raw(frame[:2], 0.05) == b"" and bus.raw(frame[2:]) == b"\xe5"
    assert bus.raw(b"\x68\xff\xff\x68", 1) == b"" and bus.raw(frame) == b"\xe5"
    assert bus.raw(frame[:-1] + b"\x17") == b"" and bus.raw(b"\x99\xe5" + frame) == b"\xe5"
    assert bus.ask(Short(0x7A, 5)) == Ack()


# faults


def spoilt(fault: str, value: object = True, **options: Any) -> tuple[Bus, MbusFace]:
    bus = Bus(numbered(5, "11111111", **options))
    bus.runtimes[0].patch({}, {fault: value})
    return bus, cast(MbusFace, bus.meters[0].face("mbus"))


def test_a_stuck_bit_repeats_and_an_ignored_one_moves_on() -> None:
    bus, _ = spoilt("fcb-stuck")
    bus.ask(snd_nke(5))
    assert len({tuple(record.key for record in bus.telegram(5, fcb)) for fcb in (True, False, True)}) == 1
    bus, _ = spoilt("fcb-ignored")
    bus.ask(snd_nke(5))
    assert len({tuple(record.key for record in bus.telegram(5, True)) for _ in range(3)}) == 3


def test_an_endless_readout_never_says_that_it_is_over() -> None:
    bus, _ = spoilt("endless")
    bus.ask(snd_nke(5))
    found = [bus.telegram(5, turn % 2 == 0) for turn in range(10)]
    assert all(telegram.more_follow for telegram in found)
    keys = [[record.key for record in telegram] for telegram in found]
    assert keys[7:] == keys[:3] and len({str(key) for key in keys[:7]}) == 7


def test_faults_of_the_answer() -> None:
    bus, face = spoilt("access-stuck")
    assert access(bus.telegram(5, True)) == access(bus.telegram(5, False)) == face.slave.access
    bus, _ = spoilt("application-error", 3)
    frame = bus.ask(req_ud2(5, True))
    assert isinstance(frame, Long) and decode_answer(frame) == ApplicationError(3)
    bus, _ = spoilt("unselectable")
    assert bus.select("11111111") is None and bus.ask(req_ud2(253, True)) is None
    bus, _ = spoilt("wrong-address")
    frame = bus.ask(req_ud2(5, True))
    assert isinstance(frame, Long) and frame.address == 6 and bus.ask(snd_nke(5)) == Ack()
    bus, _ = spoilt("bad-checksum", 100)
    answer = bus.raw(req_ud2(5, True).encode())
    assert answer[-2] == (sum(answer[4:-2]) + 1) & 0xFF


@pytest.mark.parametrize("status", [0x15, 0x18])
def test_a_record_can_be_absent_or_wrong(status: int) -> None:
    bus, _ = spoilt(f"status-{status:02x}", 2)
    record = bus.telegram(5).records[5]
    assert (record.quantity, record.status, record.data) == ("active_energy_export", status, bytes(6))


def test_a_second_meter_answers_to_the_same_address_or_number() -> None:
    bus, _ = spoilt("collision", "address")
    assert bus.ask(snd_nke(5)) == Ack()
    with pytest.raises(Exception, match="damaged"):
        bus.ask(req_ud2(5, True))
    assert bus.select("11111111") == Ack() and bus.telegram(253)
    bus, _ = spoilt("collision", "number")
    assert bus.telegram(5) and bus.select("11111111") == Ack()
    with pytest.raises(Exception, match="damaged"):
        bus.ask(req_ud2(253, True))


@pytest.mark.proves("A-208")
def test_a_change_comes_into_force_at_the_telegram_that_it_waits_for() -> None:
    bus = Bus(numbered(5, "1"))
    bus.runtimes[0].patch({}, {"access-stuck": True}, "telegram:3")
    bus.runtimes[0].patch({}, {"application-error": 8}, "selection")
    bus.ask(snd_nke(5))
    numbers = [access(bus.telegram(5, turn % 2 == 0)) for turn in range(5)]
    assert numbers == [1, 2, 3, 3, 3] and bus.meters[0].state()["faults"] == {"access-stuck": True}
    bus.select("00000001")
    frame = bus.ask(req_ud2(5, True))
    assert isinstance(frame, Long) and decode_answer(frame) == ApplicationError(8)


def test_without_supply_the_bus_is_silent_and_afterwards_it_is_counted() -> None:
    bus = Bus(numbered(5, "1"))
    bus.runtimes[0].patch({"power": False}, {})
    assert bus.ask(snd_nke(5)) is None
    bus.timers.run(15)
    bus.runtimes[0].patch({"power": True}, {})
    assert bus.ask(snd_nke(5)) == Ack()
    bus.telegram(5, True)
    counter = bus.telegram(5, False).records[0]
    assert counter.quantity == "power_fail_counter" and str(counter.value) == "1"


def test_a_power_failure_ends_readout_selection_and_session() -> None:
    bus = Bus(numbered(5, "11111111", set={"access": "password"}))
    reset = Request("reset_register", subject="active_energy_import").encode()

    def cut() -> None:
        bus.runtimes[0].patch({}, {"power-cut": 5})
        bus.timers.run(6)

    bus.ask(snd_nke(5))
    first, _ = bus.telegram(5, True), bus.telegram(5, False)
    cut()
    assert [record.key for record in bus.telegram(5, True)] == [record.key for record in first]
    assert bus.ask(snd_ud(5, 0x51, Request("send_password", b"00000000").encode(), True)) == Ack()
    cut()
    assert bus.ask(snd_ud(5, 0x51, reset, False)) == Ack() and bus.meters[0].body.value(175) == 0
    assert bus.select("11111111") == Ack()
    cut()
    assert bus.ask(req_ud2(253, True)) is None and bus.select("11111111") == Ack()


@pytest.mark.proves("A-208")
@pytest.mark.parametrize("when", ["request", "selection", "telegram:2"])
def test_a_supply_that_fails_at_a_named_state_takes_the_answer(when: str) -> None:
    bus = Bus(numbered(5, "11111111"))
    assert bus.select("11111111") == Ack() and bus.telegram(253, True)
    bus.runtimes[0].patch({}, {"power-cut": 5}, when)
    frame = req_ud2(253, False) if when == "telegram:2" else Selection(SecondaryAddress("11111111"))
    asked = frame if isinstance(frame, Short) else snd_ud(253, ci_fields.SELECT, frame.encode())
    assert bus.ask(asked) is None and not bus.meters[0].supplied


def test_a_command_is_not_executed_without_supply() -> None:
    bus = Bus(numbered(5, "1"))
    bus.runtimes[0].patch({}, {"power-cut": 5}, "request")
    assert bus.ask(snd_ud(5, 0x51, Request("set_tariff", 3).encode(), True)) is None
    assert bus.meters[0].body.value(189) == 1
