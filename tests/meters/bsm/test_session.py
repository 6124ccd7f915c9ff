"""Whole charging sessions against a virtual BSM in memory, the good ones and those in which something breaks."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from wattproof.drivers.charging import Station
from wattproof.errors import InvalidValue, MeterSilent, ResponseTimeout, SessionFailed, StorageError, UsageError
from wattproof.meters.bsm.enums import SnapshotType
from wattproof.meters.bsm.export import FORMATS, tagged, text_encoding
from wattproof.meters.bsm.session import SessionRecord, metadata
from wattproof.signed.formats import bsm

Make = Callable[..., Any]


def demand(one: Any) -> object:
    return one.run(one.driver.read("bs_meter.DO"))[0].value


def test_a_session_with_switching(bench: Make) -> None:
    one = bench(load="constant:11040")
    stored: list[tuple[bool, bool]] = []
    session = one.session(
        identification="rfid:12345678",
        evse="DE*BDO*E1",
        store=lambda record: stored.append((record.begin is not None, record.end is not None)),
    )
    begin = one.run(session.begin())
    assert (begin.kind, begin.energy(), begin.counter) == (SnapshotType.TURN_ON, 0, 1)
    assert stored == [(True, False)]
    assert demand(one) == 1
    seen: list[Decimal] = []
    one.run(session.run(energy=Decimal(100), report=lambda progress: seen.append(progress.energy)))
    assert seen == sorted(seen)
    record = one.run(session.end())
    assert stored == [(True, False), (True, True)]
    assert record.whole
    assert record.failure is None
    assert record.notes == []
    assert 100 <= record.energy <= 130
    assert record.end.kind is SnapshotType.TURN_OFF
    assert record.end.counter == 2
    assert demand(one) == 0
    for taken in record.snapshots:
        assert taken.complaints == ()
        assert (taken.fields["Meta1"], taken.fields["Meta2"]) == ("contract-id: rfid:12345678", "evse-id: DE*BDO*E1")
        assert taken.time is not None
    assert record.begin.number("EpochSetCnt") == record.end.number("EpochSetCnt")


def test_a_session_without_switching_leaves_the_contactor_alone(bench: Make) -> None:
    one = bench(load="constant:11040")
    one.control(do=True)
    session = one.session(switching=False)
    begin = one.run(session.begin())
    one.run(session.run(duration=30))
    record = one.run(session.end())
    assert (begin.kind, record.end.kind) == (SnapshotType.START, SnapshotType.END)
    assert begin.energy() == 0
    assert demand(one) == 1
    assert record.energy > 0


@pytest.mark.parametrize("speed", [1, 60, 1000])
def test_duration_counts_meter_seconds(bench: Make, speed: int) -> None:
    one = bench(speed=speed, load="constant:11040")
    session = one.session()
    one.run(session.begin())
    began = one.clock.now()
    one.run(session.run(duration=120))
    meter_seconds = (one.clock.now() - began) / 1e9 * speed
    record = one.run(session.end())
    assert 115 <= meter_seconds <= 200
    assert record.end.number("OS") - record.begin.number("OS") >= 120


def test_a_car_that_takes_nothing_ends_the_session_after_a_minute(bench: Make) -> None:
    one = bench(load="none")
    session = one.session()
    one.run(session.begin())
    with pytest.raises(SessionFailed, match=r"no progress for 6\d meter seconds"):
        one.run(session.run(energy=Decimal(1000)))
    record = one.run(session.end())
    assert record.whole
    assert record.energy == 0


def test_little_power_is_progress(bench: Make) -> None:
    one = bench(load="constant:200")
    session = one.session()
    one.run(session.begin())
    one.run(session.run(duration=200))
    assert one.run(session.end()).energy <= 20


def test_a_counter_that_stands_still_under_load_is_no_progress(bench: Make) -> None:
    one = bench(load="constant:11040")
    session = one.session()
    one.run(session.begin())
    one.wait(20)
    one.control(di=False)
    one.control(load="none")
    with pytest.raises(SessionFailed, match="contactor closed, demand on"):
        one.run(session.run())


@pytest.mark.proves("B-198")
def test_a_counter_that_reads_zero_for_once_takes_no_energy_away(bench: Make) -> None:
    one = bench(load="constant:36000")
    session = one.session()
    one.run(session.begin())
    one.wait(60)
    before = one.run(session.progress()).energy
    one.fault(counter_glitch=1)
    glitched = one.run(session.progress()).energy
    after = one.run(session.progress()).energy
    assert before <= glitched <= after
    assert before > 0
    one.wait(10)
    assert one.run(session.progress()).energy > after
    assert one.run(session.end()).failure is None


def test_a_stop_ends_the_watch(bench: Make) -> None:
    one = bench(load="constant:11040")
    session = one.session()
    one.run(session.begin())
    looks = iter([False, False, True])
    one.run(session.run(stopped=lambda: next(looks)))
    assert one.run(session.end()).whole


# When the begin fails ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", [{"signing_fails": 1}, {"bad_signature": 1}, {"wrong_key": True}])
def test_a_failed_begin_opens_the_contactor_again(bench: Make, fault: dict[str, object]) -> None:
    one = bench(load="constant:11040")
    one.fault(**fault)
    session = one.session()
    with pytest.raises(SessionFailed, match="has not begun") as failed:
        one.run(session.begin())
    assert demand(one) == 0
    assert session.record.begin is None
    assert "the turn-off after it succeeded" in str(failed.value)
    assert session.record.evidence[-1].kind is SnapshotType.TURN_OFF


def test_a_welded_contactor_at_begin_is_said_loudly(bench: Make) -> None:
    one = bench(load="constant:11040")
    one.control(do=True)
    one.wait(1)
    one.fault(contactor_stuck_closed=True)
    session = one.session()
    with pytest.raises(SessionFailed, match=r"welded.*CURRENT MAY FLOW"):
        one.run(session.begin())
    assert not session.record.snapshots


def test_a_begin_that_takes_too_long_is_undone(bench: Make) -> None:
    one = bench(load="constant:11040")
    one.fault(slow_signing=30)
    session = one.session()
    with pytest.raises(SessionFailed, match="gave up on the turn-on"):
        one.run(session.begin())
    one.wait(60)
    assert demand(one) == 0


def test_a_begin_that_cannot_be_stored_is_undone(bench: Make) -> None:
    one = bench(load="constant:11040")

    def full(record: SessionRecord) -> None:
        raise StorageError("cannot write session.xml: No space left on device")

    session = one.session(store=full)
    with pytest.raises(StorageError):
        one.run(session.begin())
    assert demand(one) == 0
    assert "could not be stored" in session.record.failure


def test_nothing_is_switched_when_the_meter_is_unreachable(bench: Make) -> None:
    one = bench(driver={"unit": 7})
    with pytest.raises(ResponseTimeout):
        one.run(one.session().begin())
    assert all(pdu[0] == 3 for _, pdu in one.link.requests)


# When the end fails ------------------------------------------------------------------------------------------------


@pytest.mark.proves("B-196")
def test_a_contactor_welded_in_mid_session(bench: Make) -> None:
    one = bench(load="constant:11040")
    session = one.session()
    one.run(session.begin())
    one.wait(60)
    one.fault(contactor_stuck_closed=True)
    with pytest.raises(SessionFailed, match="CURRENT MAY STILL FLOW") as failed:
        one.run(session.end())
    record = session.record
    assert "welded" in str(failed.value)
    assert record.whole
    assert record.end.kind is SnapshotType.END
    assert record.end.complaints == ()
    assert record.energy > 0
    assert (record.end.fields["DI"], record.end.fields["DO"]) == (0, 0)
    before = one.run(session.progress()).energy
    one.wait(60)
    assert one.run(session.progress()).energy > before


def test_a_failed_end_is_tried_once_more(bench: Make) -> None:
    one = bench(load="constant:11040")
    session = one.session()
    one.run(session.begin())
    one.wait(30)
    one.fault(collecting_fails=1)
    record = one.run(session.end())
    assert record.end.kind is SnapshotType.TURN_OFF
    assert record.failure is None


def test_an_end_that_cannot_be_signed_leaves_what_there_is(bench: Make) -> None:
    one = bench(load="constant:11040")
    stored: list[dict[str, Any]] = []
    session = one.session(store=lambda record: stored.append(record.as_dict()))
    one.run(session.begin())
    one.fault(signing_fails=True)
    with pytest.raises(SessionFailed, match="there is no end record"):
        one.run(session.end())
    assert stored[-1]["begin"]["signature"] == "valid"
    assert stored[-1]["end"] is None
    assert "no end record" in stored[-1]["failure"]
    assert not session.record.whole


def test_a_stale_end_is_not_taken_for_the_end(bench: Make) -> None:
    one = bench(load="constant:11040")
    one.run(one.driver.snapshot("turn-off"))
    session = one.session()
    one.run(session.begin())
    one.wait(30)
    one.fault(stale_snapshot=2)
    with pytest.raises(SessionFailed, match="stale turn-off"):
        one.run(session.end())
    assert session.record.end.kind is SnapshotType.END
    assert session.record.end.counter == 3


def test_a_supply_failure_ends_the_watch(bench: Make) -> None:
    one = bench(load="constant:11040")
    session = one.session()
    one.run(session.begin())
    one.run(session.run(duration=10))
    one.fault(power_cut=5)
    with pytest.raises(SessionFailed, match="lost its supply"):
        one.run(session.run())
    record = one.run(session.end())
    assert record.whole
    assert record.energy > 0


def test_a_meter_that_stays_silent_is_given_up(bench: Make) -> None:
    one = bench(load="constant:11040")
    session = one.session()
    one.run(session.begin())
    one.fault(power_cut=3600)
    began = one.clock.now()
    with pytest.raises(SessionFailed, match="not answered for 60 s"):
        one.run(session.run())
    assert 60 <= (one.clock.now() - began) / 1e9 < 65


def test_a_clock_set_in_mid_session_is_noted(bench: Make) -> None:
    one = bench(load="constant:11040")
    session = one.session()
    one.run(session.begin())
    one.run(one.driver.write({"bs_meter.TZO": 90}))
    assert one.run(session.end()).notes == ["the clock was set during the session"]


def test_a_begin_without_ocmf_text_is_refused_where_one_is_needed(bench: Make) -> None:
    one = bench()
    one.fault(ocmf_fails=1)
    session = one.session(needs_ocmf=True)
    with pytest.raises(SessionFailed, match="no OCMF text"):
        one.run(session.begin())
    one = bench()
    one.fault(ocmf_fails=1)
    assert one.run(one.session().begin()).valid


# The driver's short form, metadata, files --------------------------------------------------------------------------


def test_begin_and_end_of_the_driver(bench: Make) -> None:
    one = bench(load="constant:11040")
    with pytest.raises(UsageError, match="begin first"):
        one.run(one.driver.end())
    begin = one.run(one.driver.begin(identification="T1"))
    one.wait(20)
    record = one.run(one.driver.end())
    assert record.begin is begin
    assert record.whole


def test_metadata_get_their_tags_once_and_have_limits() -> None:
    assert metadata("rfid:1", "DE*1") == ("contract-id: rfid:1", "evse-id: DE*1")
    assert metadata("contract-id: rfid:1", None) == ("contract-id: rfid:1", "")
    with pytest.raises(InvalidValue, match="Meta1 takes 140 bytes"):
        metadata("x" * 141, None)
    with pytest.raises(InvalidValue, match="Meta2 takes 100 bytes"):
        metadata(None, "ä" * 50)
    with pytest.raises(InvalidValue, match="NUL"):
        metadata("a\0b", None)


def _charged(bench: Make, **options: Any) -> SessionRecord:
    one = bench(load="constant:11040")
    session = one.session(**options)
    one.run(session.begin())
    one.run(session.run(energy=Decimal(50)))
    record: SessionRecord = one.run(session.end())
    return record


def test_every_format_holds_the_signed_bytes_unchanged(bench: Make) -> None:
    record = _charged(bench, identification='rfid:<1>&"2"', evse="DE*ä")
    files = {name: row.write(record, Station(serial="S1", compliance="C1")) for name, row in FORMATS.items()}
    begin, end = record.begin, record.end
    assert files["ocmf"] == begin.ocmf + b"\n" + end.ocmf + b"\n"
    assert files["safe-xml"].startswith(b'<?xml version="1.0" encoding="ISO-8859-1"')
    assert begin.signature.hex().encode() in files["chargy"]
    document = json.loads(files["chargy"])
    assert [value["measurementId"] for value in document["signedMeterValues"]] == [1, 2]
    assert document["chargingStationInfo"]["serialNumber"] == "S1"
    assert document["chargingStationInfo"]["compliance"] == "C1"
    assert document["chargePointInfo"]["evseId"] == "DE*ä"
    everything = json.loads(files["json"])
    assert bytes.fromhex(everything["begin"]["registers"]) == begin.registers
    assert everything["end"]["ocmf"].encode("latin-1") == end.ocmf
    assert bsm.digest(bytes.fromhex(everything["end"]["registers"])) == end.digest
    assert text_encoding(begin) == "UTF-8"
    assert tagged(begin, "contract-id: ") == 'rfid:<1>&"2"'


def test_half_a_session_is_no_file_of_a_session(bench: Make) -> None:
    one = bench()
    session = one.session()
    one.run(session.begin())
    for name in ("safe-xml", "ocmf", "chargy"):
        with pytest.raises(InvalidValue, match="end is missing"):
            FORMATS[name].write(session.record, Station())
    assert json.loads(FORMATS["json"].write(session.record, Station()))["whole"] is False


# What a bad line costs ---------------------------------------------------------------------------------------------


def lossy(one: Any, hits: Callable[[int, bytes], Exception | bytes | None]) -> None:
    """Let ``hits`` decide by a request's number and PDU what becomes of its answer: lost, or with bits turned."""
    usual, count = one.link.exchange, [0]

    async def exchange(unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        answer: bytes = await usual(unit, pdu, timeout=timeout)
        count[0] += 1
        found = hits(count[0], pdu)
        if isinstance(found, Exception):
            await one.clock.sleep(timeout or 1)
            raise found
        return answer if found is None else bytes(found[index % len(found)] ^ byte for index, byte in enumerate(answer))

    one.link.exchange = exchange


def triggers(one: Any, kind: SnapshotType) -> int:
    """How often a creation of this kind was asked for."""
    address = (40521 + 254 * kind + 3).to_bytes(2, "big")
    return sum(pdu[0] == 16 and pdu[1:3] == address for _, pdu in one.link.requests)


@pytest.mark.parametrize("blocking", ["yes", "no"])
@pytest.mark.parametrize("seconds", [20, 30])
@pytest.mark.proves("B-197")
def test_an_end_that_is_signed_after_the_limit_is_fetched(bench: Make, seconds: int, blocking: str) -> None:
    one = bench(load="constant:11040", settings={"blocking": blocking})
    session = one.session(needs_ocmf=True)
    one.run(session.begin())
    one.wait(30)
    one.fault(when="turn-off:signing", slow_signing=seconds)
    record = one.run(session.end())
    assert (record.end.kind, record.end.counter, record.failure) == (SnapshotType.TURN_OFF, 2, None)
    assert record.evidence == []
    assert triggers(one, SnapshotType.TURN_OFF) == 1


@pytest.mark.parametrize("address", [40521 + 254 * 2 + 3, 40521 + 254 * 2, 42791])
def test_a_lost_answer_after_the_trigger_costs_no_second_trigger(bench: Make, address: int) -> None:
    one = bench(load="constant:11040")
    session = one.session(needs_ocmf=True)
    one.run(session.begin())
    one.wait(30)
    lost: list[bytes] = []

    def hits(number: int, pdu: bytes) -> Exception | None:
        if int.from_bytes(pdu[1:3], "big") != address or lost:
            return None
        lost.append(pdu)
        return ResponseTimeout("lost")

    lossy(one, hits)
    began = one.clock.now()
    record = one.run(session.end())
    assert lost
    assert (record.end.counter, record.failure) == (2, None)
    assert triggers(one, SnapshotType.TURN_OFF) == 1
    assert (one.clock.now() - began) / 1e9 < 10


@pytest.mark.parametrize("register", [42791, 41029 + 125])
def test_damaged_answers_are_read_again_before_a_signature_counts_as_wrong(bench: Make, register: int) -> None:
    one = bench(load="constant:11040")
    session = one.session(needs_ocmf=True)
    one.run(session.begin())
    one.wait(30)
    damaged: list[bytes] = []

    def hits(number: int, pdu: bytes) -> bytes | None:
        if pdu[0] == 3 and int.from_bytes(pdu[1:3], "big") == register and int.from_bytes(pdu[3:5], "big") > 20:
            damaged.append(pdu)
            return bytes(40) + b"\x04" if len(damaged) < 3 else None
        return None

    lossy(one, hits)
    record = one.run(session.end())
    assert len(damaged) >= 3
    assert (record.end.complaints, record.end.counter, record.failure) == ((), 2, None)
    assert record.evidence == []
    assert triggers(one, SnapshotType.TURN_OFF) == 1


def test_a_wrong_signature_is_still_wrong_when_read_twice(bench: Make) -> None:
    one = bench(load="constant:11040")
    session = one.session()
    one.run(session.begin())
    one.fault(when="turn-off:accepted", bad_signature=1)
    record = one.run(session.end())
    assert (record.end.counter, record.end.complaints) == (3, ())
    assert [taken.counter for taken in record.evidence] == [2]
    assert triggers(one, SnapshotType.TURN_OFF) == 2


@pytest.mark.parametrize("lost", [{1}, {2}, {3}, {1, 2, 3}])
def test_a_lost_packet_before_the_begin_does_not_end_the_session(bench: Make, lost: set[int]) -> None:
    one = bench(load="constant:11040")
    writes: list[bytes] = []

    def hits(number: int, pdu: bytes) -> Exception | None:
        if pdu[0] == 16 and pdu[1:3] != (40521 + 254 + 3).to_bytes(2, "big"):
            writes.append(pdu)
            return ResponseTimeout("lost") if len(writes) in (lost if len(lost) == 1 else {1, 3}) else None
        return None

    lossy(one, hits)
    begin = one.run(one.session(identification="A", evse="B").begin())
    assert (begin.fields["Meta1"], begin.fields["Meta2"]) == ("contract-id: A", "evse-id: B")
    assert (begin.number("EpochSetCnt"), begin.complaints) == (1, ())
    assert len(writes) > 3


# What must be said of the contactor --------------------------------------------------------------------------------


def test_trouble_in_mid_session_does_not_hide_the_alarm(bench: Make) -> None:
    one = bench(load="constant:11040")
    session = one.session()
    one.run(session.begin())
    one.fault(contactor_stuck_closed=True)
    session.record.failure = "no progress for 60 meter seconds"
    with pytest.raises(SessionFailed, match="CURRENT MAY STILL FLOW"):
        one.run(session.end())
    assert session.record.failure.startswith("no progress")
    assert "CURRENT MAY STILL FLOW" in session.record.failure


def test_an_open_contactor_is_no_alarm(bench: Make) -> None:
    one = bench(load="constant:11040")
    session = one.session()
    one.run(session.begin())
    one.fault(signing_fails=True)
    with pytest.raises(SessionFailed, match=r"the contactor is open \(DI 1, DO 0\)") as failed:
        one.run(session.end())
    assert "CURRENT" not in str(failed.value)


def test_an_open_contactor_that_doe_may_close_is_an_alarm(bench: Make) -> None:
    one = bench(load="constant:11040")
    session = one.session()
    one.run(session.begin())
    one.control(doe=False)
    one.wait(1)
    usual = one.link.exchange

    async def exchange(unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        if pdu[0] == 16:
            raise ResponseTimeout("the request was lost")
        answer: bytes = await usual(unit, pdu, timeout=timeout)
        return answer

    one.link.exchange = exchange
    with pytest.raises(SessionFailed, match=r"open \(DI 1\), but .* CURRENT MAY STILL FLOW"):
        one.run(session.end())


@pytest.mark.parametrize("trouble", [KeyboardInterrupt(), ValueError("a defect")])
def test_whatever_interrupts_a_begin_opens_the_contactor(bench: Make, trouble: BaseException) -> None:
    one = bench(load="constant:11040")
    hit: list[bytes] = []
    usual = one.link.exchange

    async def exchange(unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        answer: bytes = await usual(unit, pdu, timeout=timeout)
        if int.from_bytes(pdu[1:3], "big") == 40521 + 254 + 3 and pdu[0] == 3 and not hit:
            hit.append(pdu)
            raise trouble
        return answer

    one.link.exchange = exchange
    session = one.session()
    with pytest.raises(type(trouble)):
        one.run(session.begin())
    assert hit
    assert demand(one) == 0
    assert "the contactor is open" in session.record.failure


def test_a_session_goes_on_after_whoever_began_it_was_restarted(bench: Make) -> None:
    one = bench(load="constant:11040")
    stored: list[str] = []

    async def store(record: SessionRecord) -> None:  # a store of the gateway is a coroutine function
        stored.append(record.records[-1].words)

    first = one.session(identification="rfid:12345678", store=store)
    one.run(first.begin())
    other = one.session(identification="rfid:12345678", store=store)
    one.run(other.resume(stored[0]))
    record = one.run(other.end())
    assert record.whole and record.notes == []
    assert (record.begin.counter, record.end.counter) == (1, 2)
    assert stored == [record.begin.words, record.end.words]
    with pytest.raises(SessionFailed, match="not the begin of this session"):
        one.run(one.session(switching=True).resume("OCMF|{}|{}"))


def test_a_session_that_is_taken_up_again_is_its_own(bench: Make) -> None:
    """What others have written or signed meanwhile is neither taken nor ended."""
    one = bench(load="constant:11040")
    first = one.session(identification="A")
    one.run(first.begin())
    words = first.record.begin.words
    one.run(one.driver.set_metadata("contract-id: B"))
    other = one.session(identification="A")
    with pytest.raises(SessionFailed, match="the metadata of another session: 'contract-id: B'"):
        one.run(other.resume(words))
    with pytest.raises(SessionFailed, match="of another session"):
        one.run(one.session(identification="A").resume(None))
    one.run(one.session(identification="B").resume(None))
    assert demand(one) == 1


def test_an_end_that_was_signed_unheard_is_fetched(bench: Make) -> None:
    one = bench(load="constant:11040")
    first = one.session(identification="A")
    one.run(first.begin())
    signed = one.run(one.driver.snapshot("turn-off"))
    again = one.session(identification="A")
    one.run(again.resume(first.record.begin.words))
    with pytest.raises(SessionFailed, match="somebody else has ended the session: turn-off T2"):
        one.run(again.progress())
    assert one.run(again.end()).end.words == signed.words


def test_silence_ends_no_session_of_somebody_who_comes_back(bench: Make) -> None:
    one = bench(load="constant:11040")
    session = one.session()
    session.comes_back = True
    one.run(session.begin())

    async def silence(unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        one.clock.advance(1)
        raise ResponseTimeout("no answer")

    one.link.exchange = silence
    with pytest.raises(MeterSilent, match="has not answered for 60 s"):
        one.run(session.run(energy=Decimal(100)))
    with pytest.raises(MeterSilent, match="turn-off"):
        one.run(session.end())
    assert session.record.failure is None
