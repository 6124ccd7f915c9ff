"""Whole charging sessions with a virtual DMED4 in memory, over Modbus and REST, good ones and broken ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from wattproof.drivers.charging import NO_STATION
from wattproof.errors import Disconnected, InvalidValue, Refused, ResponseTimeout, SessionFailed, StorageError
from wattproof.meters.dmed4.export import FORMATS
from wattproof.meters.dmed4.session import existing
from wattproof.meters.dmed4.taken import SessionRecord
from wattproof.meters.dmed4.text import Record, fixed_fields
from wattproof.signed import examine

Make = Callable[..., Any]
CARD, EVSE = "1F2D3A4F5506C7", "DE*ABC*E000123"


def test_a_session(meter: Make) -> None:
    one = meter(load="constant:36000")
    stored: list[tuple[bool, bool]] = []
    session = one.session(
        identification=CARD,
        evse=EVSE,
        store=lambda record: stored.append((record.begin is not None, record.end is not None)),
    )
    begin = one.run(session.begin())
    assert (begin.transaction, begin.counter, begin.field("ID"), begin.field("CI")) == ("B", 1, CARD, EVSE)
    assert stored == [(True, False)]
    seen: list[Decimal] = []
    one.run(session.run(energy=Decimal(100), report=lambda progress: seen.append(progress.energy)))
    assert seen == sorted(seen)
    record = one.run(session.end())
    assert stored == [(True, False), (True, True)]
    assert (record.whole, record.failure, record.notes, record.evidence) == (True, None, [], [])
    assert 100 <= record.energy <= 130
    assert [taken.name for taken in record.records] == ["begin T1", "end T2"]
    assert all(taken.valid for taken in record.records)
    assert one.commands() == ["B", "E"]


def test_every_format_holds_one_whole_session(meter: Make) -> None:
    one = meter(load="constant:36000")
    session = one.session(identification="Jürgen <1>", evse=EVSE)
    one.run(session.begin())
    one.wait(30)
    record = one.run(session.end())
    for name in ("safe-xml", "ocmf"):
        report = examine(FORMATS[name].write(record, NO_STATION), public_key=record.end.key, allow_test_keys=True)
        (judged,) = report.sessions
        assert (judged.verdict, [one.signature.verdict for one in judged.records]) == ("ok", ["valid"])
    everything = json.loads(FORMATS["json"].write(record, NO_STATION))
    assert everything["end"]["ocmf"].encode() == record.end.record.text
    assert everything["end"]["signature"] == "valid"
    assert "chargy" not in FORMATS
    with pytest.raises(InvalidValue, match="end record, and it is missing"):
        FORMATS["ocmf"].write(SessionRecord(), NO_STATION)


@pytest.mark.parametrize("speed", [1, 60])
def test_duration_counts_meter_seconds(meter: Make, speed: int) -> None:
    one = meter(speed=speed, load="constant:36000")
    session = one.session()
    one.run(session.begin())
    began = one.clock.now()
    one.run(session.run(duration=120))
    assert 115 <= (one.clock.now() - began) / 1e9 * speed <= 200
    assert one.run(session.end()).whole


def test_a_car_that_takes_nothing_ends_the_session_after_a_minute(meter: Make) -> None:
    one = meter(load="none")
    session = one.session()
    one.run(session.begin())
    with pytest.raises(SessionFailed, match=r"no progress for 6\d meter seconds.*measurement status ACTIVE"):
        one.run(session.run(energy=Decimal(1000)))
    record = one.run(session.end())
    assert (record.whole, record.energy) == (True, 0)


def test_an_intermediate_reading_is_evidence(meter: Make) -> None:
    one = meter(load="constant:36000")
    session = one.session()
    one.run(session.begin())
    one.wait(10)
    taken = one.run(session.intermediate())
    record = one.run(session.end())
    assert (taken.transaction, [kept.name for kept in record.evidence]) == ("C", ["intermediate T2"])
    assert record.end.counter == 3


# Begin -------------------------------------------------------------------------------------------------------------


def test_errors_are_cleared_before_the_begin(meter: Make) -> None:
    one = meter(load="none")
    with pytest.raises(Refused):
        one.run(one.driver.sign("B"))
    assert "ERROR_JSON_SEQUENCE" in one.run(one.driver.status()).errors
    one.run(one.session().begin())
    assert one.commands() == ["B", "X", "B"]


def test_a_begin_that_cannot_be_signed_begins_no_session(meter: Make) -> None:
    one = meter(load="none")
    one.fault(signature_error=1)
    session = one.session()
    with pytest.raises(SessionFailed, match=r"has not begun.*ERROR_ECDSA_SIGN"):
        one.run(session.begin())
    assert not one.run(one.driver.state()).charging
    assert session.record.begin is None
    assert session.record.failure is not None


@pytest.mark.parametrize("fault", ["bad-signature", "wrong-key"])
def test_a_begin_that_does_not_verify_is_ended_again(meter: Make, fault: str) -> None:
    one = meter(load="none")
    one.run(one.driver.info())
    one.fault(**{fault: True})
    session = one.session()
    with pytest.raises(SessionFailed, match="does not verify"):
        one.run(session.begin())
    assert not one.run(one.driver.state()).charging
    assert session.record.evidence[0].role == "begin"


def test_without_a_key_beforehand_the_end_says_that_nothing_verifies(meter: Make) -> None:
    one = meter(load="constant:36000")
    one.fault(wrong_key=True)
    session = one.session()
    one.run(session.begin())
    one.wait(30)
    with pytest.raises(SessionFailed, match="begin T1 and end T2 does not verify"):
        one.run(session.end())
    assert session.record.whole
    assert session.record.failure is not None


def test_the_end_of_an_earlier_session_is_not_taken_for_a_begin(meter: Make) -> None:
    one = meter(load="none")
    one.run(one.session(identification=CARD).begin())
    one.run(one.driver.sign("E"))
    one.fault(stale_record=1)
    with pytest.raises(SessionFailed, match="its TX is E"):
        one.run(one.session(identification=CARD).begin())
    assert not one.run(one.driver.state()).charging


def test_a_begin_that_cannot_be_stored_is_ended_again(meter: Make) -> None:
    one = meter(load="none")

    def full(record: SessionRecord) -> None:
        raise StorageError("cannot write session.xml: No space left on device")

    session = one.session(store=full)
    with pytest.raises(StorageError):
        one.run(session.begin())
    assert not one.run(one.driver.state()).charging
    assert "could not be stored" in session.record.failure
    assert "ended again" in session.record.failure


def test_a_meter_that_charges_for_somebody_else_is_left_alone(meter: Make) -> None:
    one = meter(load="none")
    one.run(one.session(identification="first").begin())
    other = one.session(identification="second")
    with pytest.raises(SessionFailed, match="another session is open"):
        one.run(other.begin())
    assert one.run(one.driver.state()).charging
    assert one.commands() == ["B"]


def test_fields_that_the_meter_does_not_take_name_the_error(meter: Make) -> None:
    one = meter(load="none")
    with pytest.raises(SessionFailed, match="ERROR_JSON_VALUE"):
        one.run(one.session(fields={"TT": 5}).begin())
    with pytest.raises(InvalidValue, match="1024"):
        one.session(fields={"U1": "x" * 1100})
    with pytest.raises(InvalidValue, match="TT is longer"):
        one.session(fields={"TT": "x" * 251})
    with pytest.raises(InvalidValue, match="separates"):
        one.session(identification="a|b")


def test_a_meter_that_just_started_is_waited_for(meter: Make) -> None:
    one = meter(load="none", settings={"init-delay": "5"})
    one.fault(reboot=True)
    one.wait(7)
    assert one.run(one.driver.status()).measurement == 0
    assert one.run(one.session().begin()).transaction == "B"


# End ---------------------------------------------------------------------------------------------------------------


def test_an_end_that_cannot_be_signed_is_made_again(meter: Make) -> None:
    one = meter(load="constant:36000")
    session = one.session()
    one.run(session.begin())
    one.wait(30)
    one.fault(signature_error=1)
    record = one.run(session.end())
    assert one.commands() == ["B", "E", "r"]
    assert (record.end.record.transaction, record.end.valid) == ("E", True)


def test_a_stale_end_is_not_taken_for_the_end(meter: Make) -> None:
    one = meter(load="constant:36000")
    session = one.session()
    one.run(session.begin())
    one.wait(30)
    one.fault(stale_record=1)
    record = one.run(session.end())
    assert one.commands() == ["B", "E", "r"]
    assert record.end.counter == 2
    assert record.energy > 0


def test_an_end_that_cannot_be_signed_at_all_leaves_the_begin(meter: Make) -> None:
    one = meter(load="constant:36000")
    stored: list[dict[str, Any]] = []
    session = one.session(store=lambda record: stored.append(record.as_dict()))
    one.run(session.begin())
    one.fault(error_ecdsa_sign=True)
    with pytest.raises(SessionFailed, match="ERROR_ECDSA_SIGN"):
        one.run(session.end())
    assert stored[-1]["begin"]["ocmf"].startswith("OCMF|")
    assert stored[-1]["end"] is None
    assert "could not sign" in stored[-1]["failure"]


@pytest.mark.proves("D-233")
def test_a_cycle_that_lost_its_supply_is_ended_though_the_time_is_refused(meter: Make) -> None:
    one = meter(load="constant:36000")
    session = one.session(identification=CARD)
    one.run(session.begin())
    one.run(session.run(duration=10))
    one.fault(power_cut=5)
    one.wait(20)
    with pytest.raises(SessionFailed, match="lost its supply"):
        one.run(session.run())
    with pytest.raises(Refused):
        one.run(one.driver.set_time())
    record = one.run(session.end())
    assert record.end.record.error_flags == "t"
    assert record.notes == ["the meter lost its supply during the session"]
    assert record.end.valid
    assert not one.run(one.driver.state()).charging


@pytest.mark.proves("D-233")
def test_a_new_session_ends_the_interrupted_one_first(meter: Make) -> None:
    one = meter(load="constant:36000")
    one.run(one.session(identification="before").begin())
    one.fault(power_cut=5)
    one.wait(20)
    session = one.session(identification="after")
    begin = one.run(session.begin())
    assert begin.field("ID") == "after"
    (old,) = session.record.evidence
    assert (old.role, old.record.field("ID"), old.record.error_flags) == ("interrupted", "before", "t")
    assert "interrupted" in session.record.notes[0]
    assert one.run(session.end()).failure is None


def test_a_meter_that_is_still_starting_after_a_power_failure_has_not_ended_the_cycle(meter: Make) -> None:
    one = meter(load="constant:36000", settings={"init-delay": "5"})
    session = one.session(identification=CARD)
    one.run(session.begin())
    one.run(session.run(duration=10))
    one.fault(power_cut=5)
    one.wait(7)
    assert one.run(one.driver.state()).measurement == 0
    with pytest.raises(SessionFailed, match="lost its supply"):
        one.run(session.run())
    assert one.run(session.end()).end.record.error_flags == "t"


def test_an_end_that_meets_a_starting_meter_waits_for_it(meter: Make) -> None:
    one = meter(load="constant:36000", settings={"init-delay": "5"})
    session = one.session(identification=CARD)
    one.run(session.begin())
    one.wait(10)
    one.fault(power_cut=5)
    one.wait(7)
    assert one.run(one.driver.state()).measurement == 0
    record = one.run(session.end())
    assert (record.end.record.error_flags, record.failure) == ("t", None)


def test_a_starting_meter_keeps_the_fields_of_the_interrupted_cycle(meter: Make) -> None:
    one = meter(load="constant:36000", settings={"init-delay": "5"})
    one.run(one.session(identification="before").begin())
    one.fault(power_cut=5)
    one.wait(7)
    assert one.run(one.driver.state()).measurement == 0
    session = one.session(identification="after")
    assert one.run(session.begin()).field("ID") == "after"
    (old,) = session.record.evidence
    assert (old.role, old.record.field("ID")) == ("interrupted", "before")


def test_a_meter_that_never_gets_ready_ends_the_waiting(meter: Make) -> None:
    one = meter(load="constant:36000", settings={"init-delay": "500"})
    session = one.session(identification=CARD)
    one.wait(500)
    one.run(session.begin())
    one.fault(power_cut=5)
    one.wait(7)
    began = one.clock.now()
    with pytest.raises(SessionFailed, match="is not ready after a restart"):
        one.run(session.run())
    assert 10 <= (one.clock.now() - began) / 1e9 < 20


@pytest.mark.parametrize("letter", ["B", "E"])
@pytest.mark.parametrize("executed", [True, False])
def test_a_command_whose_answer_is_lost(meter: Make, letter: str, executed: bool) -> None:
    one = meter(load="constant:36000")
    lose(one, letter, executed)
    session = one.session(identification=CARD)
    one.run(session.begin())
    one.wait(10)
    record = one.run(session.end())
    assert (record.failure, record.notes) == (None, [])
    assert record.end.counter == 2, "nothing was signed twice"
    assert one.commands().count(letter) == 1 + (not executed)


def lose(one: Any, letter: str, executed: bool) -> None:
    """Take away the answer to the first sending of a command, or the command itself."""
    usual = one.link.exchange
    done = False

    async def exchange(*arguments: Any, **options: Any) -> Any:
        nonlocal done
        mine = f"command={letter}" in str(arguments[1]) or (
            isinstance(arguments[1], bytes) and arguments[1][:4] == b"\x06\x42\x7f" + letter.encode()
        )
        if not mine or done:
            return await usual(*arguments, **options)
        done = True
        if executed:
            await usual(*arguments, **options)
        else:
            one.link.requests.append(arguments[:2])
        raise Disconnected("the answer was lost")

    one.link.exchange = exchange


def test_a_meter_that_is_silent_at_the_end_is_asked_for_a_minute(meter: Make) -> None:
    one = meter(load="constant:36000")
    session = one.session()
    one.run(session.begin())
    one.wait(10)
    one.fault(power_cut=30)
    record = one.run(session.end())
    assert record.whole
    assert record.end.record.error_flags == "t"
    one.run(session.begin())
    one.fault(power_cut=3600)
    began = one.clock.now()
    with pytest.raises(SessionFailed):
        one.run(session.end())
    assert 60 <= (one.clock.now() - began) / 1e9 < 120


def test_a_signature_that_hangs_is_given_up(meter: Make) -> None:
    one = meter(load="none")
    one.fault(signature_stuck=True)
    with pytest.raises(SessionFailed, match="gave up on the signature after B after 15 s"):
        one.run(one.session().begin())


def test_a_begin_that_is_signed_too_late_is_ended_again(meter: Make) -> None:
    one = meter(load="none")
    one.fault(slow_signing=20)
    session = one.session()
    with pytest.raises(SessionFailed, match=r"gave up on the signature after B after 15 s.*the cycle was ended again"):
        one.run(session.begin())
    assert not one.run(one.driver.state()).charging


def test_an_end_that_is_signed_late_is_the_end(meter: Make) -> None:
    one = meter(load="constant:36000")
    session = one.session()
    one.run(session.begin())
    one.wait(10)
    one.fault(slow_signing=25)
    record = one.run(session.end())
    assert (record.end.counter, record.failure) == (2, None)
    assert one.commands() == ["B", "E"]


def test_an_end_of_a_failed_begin_that_does_not_verify_is_an_end_all_the_same(meter: Make) -> None:
    one = meter(load="none")
    one.run(one.driver.public_key())
    one.fault(bad_signature=True)
    session = one.session()
    with pytest.raises(SessionFailed, match=r"the cycle was ended again, but the end of a failed begin record cannot"):
        one.run(session.begin())
    assert [taken.record.transaction for taken in session.record.evidence] == ["B", "E"]


def test_a_cycle_that_somebody_else_ends_is_noticed(meter: Make) -> None:
    one = meter(load="constant:36000")
    session = one.session()
    one.run(session.begin())
    one.run(session.run(duration=5))
    one.run(one.driver.sign("E"))
    with pytest.raises(SessionFailed, match="another master"):
        one.run(session.run())
    record = one.run(session.end())
    assert record.end.record.transaction == "E"


def test_a_roll_over_in_the_cycle(meter: Make) -> None:
    one = meter(load="constant:360000")
    one.fault(roll_over=True)
    session = one.session()
    one.run(session.begin())
    one.wait(332)
    record = one.run(session.end())
    assert 33000 <= record.energy <= 34000
    assert record.notes == []


def test_a_wrapped_end_value_is_unwrapped() -> None:
    readings = [
        {"TM": "x", "TX": "B", "RV": 99999990.5, "RI": "1", "RU": "kWh"},
        {"RV": 0},
        {"RV": 0},
        {"TX": "E", "RV": 23.7},
        {"RV": 0},
        {"RV": 33.2},
    ]
    record = Record(b"OCMF|" + json.dumps({"PG": "T1", "RD": readings}).encode() + b'|{"SD":"30"}')
    assert (record.energy, record.cycle_energy) == (Decimal(33200), Decimal(33200))
    assert record.time is None


# What is on the meter already --------------------------------------------------------------------------------------


def test_the_last_session_is_fetched_again(meter: Make) -> None:
    one = meter(load="constant:36000")
    session = one.session(identification=CARD)
    one.run(session.begin())
    one.wait(30)
    ended = one.run(session.end())
    record, holds = one.run(existing(one.driver, "last"))
    assert (record.end.record, holds, record.energy) == (ended.end.record, True, ended.energy)
    one.fault(power_cut=5)
    one.wait(20)
    record, holds = one.run(existing(one.driver, "last"))
    assert (record.end.record.counter, record.energy, holds) == (3, ended.energy, True), "made again by r"
    if one.way == "rest":
        record, holds = one.run(existing(one.driver, "T2"))
        assert record.end.record == ended.end.record
        with pytest.raises(Refused, match="ends no session"):
            one.run(existing(one.driver, "T1"))
        with pytest.raises(Refused, match="no record T9"):
            one.run(existing(one.driver, "T9"))


def test_asking_for_the_last_session_does_not_end_the_present_one(meter: Make) -> None:
    one = meter(load="none")
    one.run(one.session().begin())
    with pytest.raises(SessionFailed, match="a session is open"):
        one.run(existing(one.driver, "last"))
    assert one.run(one.driver.state()).charging
    assert one.commands() == ["B"]


def test_fixed_fields_tell_the_kind_of_an_identification_by_its_form() -> None:
    def kind(text: str | None) -> tuple[Any, ...]:
        fields = fixed_fields(text, None)
        return fields["IS"], fields["IF"], fields["IT"]

    assert kind("1F2D3A4F5506C7") == kind("12345678") == (True, ["RFID_PLAIN"], "ISO14443")
    assert kind("DE-ABC-C12345678-X") == (True, [], "EMAID")
    assert kind("Jürgen") == (True, [], "UNDEFINED")
    assert kind(None) == (False, [], "NONE")
    assert list(fixed_fields("1", "2", U1="x")) == "FV GI GS IS IF IT ID TT CT CI U1".split()


def test_a_slow_signature_is_waited_for(meter: Make) -> None:
    one = meter(load="none")
    one.fault(slow_signing=10)
    began = one.clock.now()
    assert one.run(one.session().begin()).transaction == "B"
    assert 10 <= (one.clock.now() - began) / 1e9 < 11
    one.fault(slow_signing=20)
    with pytest.raises(ResponseTimeout, match="15 s"):
        one.run(one.driver.sign("C"))


def test_a_session_goes_on_after_whoever_began_it_was_restarted(meter: Make) -> None:
    one = meter(load="constant:36000")
    stored: list[str] = []

    async def store(record: SessionRecord) -> None:
        stored.append(record.records[-1].words)

    one.run(one.session(identification=CARD, evse=EVSE, store=store).begin())
    one.wait(10)
    other = one.session(identification=CARD, evse=EVSE, store=store)
    one.run(other.resume(stored[0]))
    record = one.run(other.end())
    assert record.whole and record.notes == []
    assert [taken.words for taken in record.records] == stored
    assert one.commands() == ["B", "E"]
    with pytest.raises(SessionFailed, match="signed for another ID"):
        one.run(one.session(identification="OTHER").resume(stored[0]))


@pytest.mark.parametrize("identification", [CARD, "OTHER"])
def test_a_session_that_is_taken_up_again_is_its_own(meter: Make, identification: str) -> None:
    """What the meter has signed since then for another cycle is not taken, whatever its ID."""
    one = meter(load="constant:36000")
    first = one.session(identification=CARD, evse=EVSE)
    one.run(first.begin())
    words = first.record.begin.words
    one.run(first.end())
    one.wait(10)
    one.run(one.session(identification=identification, evse=EVSE).begin())
    with pytest.raises(SessionFailed, match="for another session: ID"):
        one.run(one.session(identification=CARD, evse=EVSE).resume(words))
    assert one.commands() == ["B", "E", "B"]
