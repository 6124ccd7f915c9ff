"""The statements of the BSM: our meter holds all of them, and each of them catches a meter that does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from wattproof.conformance.bsm import STATEMENTS
from wattproof.conformance.engine import Need, Outcome
from wattproof.drivers.modbus import run_blocking

#: What the defaults cannot show: the contactor works, nothing fails, and a silent meter takes no second trigger.
NOT_TRIED = {"B-098", "B-104", "B-094", "B-093"}


@pytest.mark.proves(
    "B-005", "B-006", "B-007", "B-008", "B-009", "B-010", "B-011", "B-012", "B-013", "B-014", "B-015",
    "B-016", "B-017", "B-018", "B-019", "B-020", "B-021", "B-022", "B-023", "B-024", "B-025", "B-026",
    "B-027", "B-028", "B-029", "B-030", "B-031", "B-032", "B-033", "B-036", "B-037", "B-038", "B-039",
    "B-040", "B-046", "B-047", "B-051", "B-052", "B-053", "B-054", "B-055", "B-056", "B-057", "B-058",
    "B-059", "B-060", "B-061", "B-062", "B-063", "B-064", "B-065", "B-066", "B-069", "B-070", "B-071",
    "B-072", "B-073", "B-075", "B-077", "B-079", "B-080", "B-081", "B-083", "B-084", "B-088", "B-089",
    "B-090", "B-091", "B-092", "B-095", "B-097", "B-102", "B-103", "B-105", "B-107", "B-108", "B-109",
    "B-121", "B-122", "B-123", "B-125", "B-126", "B-127", "B-130", "B-131", "B-132", "B-134", "B-135",
    "B-140", "B-141", "B-142", "B-143", "B-159", "B-161", "B-165",
)  # fmt: skip
@pytest.mark.parametrize("variant", ["cm11", "cm12", "cm13"])
def test_our_meter_holds_every_statement(bench: Any, variant: str) -> None:
    results = bench(variant=variant).run()
    assert [(result.id, result.detail) for result in results if result.outcome is Outcome.FAIL] == []
    assert {result.id for result in results if result.outcome is not Outcome.PASS} == NOT_TRIED


def test_a_meter_that_answers_during_a_creation_holds_them_too(bench: Any) -> None:
    results = bench(blocking="no").run()
    assert {result.id for result in results if result.outcome is not Outcome.PASS} == NOT_TRIED - {"B-093"}


def test_a_fast_meter_is_told_apart(bench: Any) -> None:
    results = {result.id: result for result in bench(speed=50).run()}
    assert all(result.outcome is not Outcome.FAIL for result in results.values())
    assert results["B-062"].outcome is Outcome.NOT_APPLICABLE
    assert "BD-53" in results["B-062"].detail


@pytest.mark.proves("B-094", "B-098", "B-104")
def test_a_meter_without_contactor_skips_what_needs_one(bench: Any) -> None:
    results = {result.id: result for result in bench(wiring="direct").run()}
    assert all(result.outcome is not Outcome.FAIL for result in results.values())
    assert results["B-097"].outcome is Outcome.SKIP
    assert (results["B-098"].outcome, results["B-104"].outcome) == (Outcome.PASS, Outcome.PASS)
    assert results["B-094"].detail == "turn-on, turn-off"


def test_a_start_that_keeps_rcr_is_accepted(bench: Any) -> None:
    subject = bench(start_resets_rcr="no", wiring="direct", energy="100", time="2026-01-01T00:00:00+01:00")
    (result,) = [result for result in subject.run("B-097", "B-079") if result.id == "B-079"]
    assert result.outcome is Outcome.PASS


def test_reading_only_never_writes(bench: Any, spoil: Any) -> None:
    written: list[bytes] = []

    def watch(pdu: bytes) -> bool:
        if pdu[0] not in (1, 2, 3, 4, 43):
            written.append(pdu)
        return False

    results = bench(writes=False, wrap=spoil.refusing(watch)).run(allowed=frozenset({Need.READ}))
    assert written == []
    skipped = {result.need for result in results if "--allow-writes" in result.detail}
    assert {Need.WRITE, Need.SWITCHING} <= skipped
    assert next(result for result in results if result.id == "B-121").outcome is Outcome.SKIP


def test_the_meter_is_left_quiet(bench: Any) -> None:
    subject = bench()
    subject.run("B-054", "B-097")
    run_blocking(subject.subject.finish())
    assert run_blocking(subject.subject.octets("bs_meter.Meta1")) == bytes(140)
    assert run_blocking(subject.subject.number("bs_meter.DO")) == 0


@dataclass(frozen=True)
class Mutation:
    """How a meter breaks one statement; ``first`` are statements whose checks prepare it."""

    spoil: Callable[[Any], Any] = lambda spoil: lambda link: link
    first: tuple[str, ...] = ()
    options: dict[str, Any] = field(default_factory=dict)


def points(**patches: int | bytes) -> Mutation:
    return Mutation(lambda spoil: spoil.patched(**patches))


def drift(path: str, step: int = 1, **options: Any) -> Mutation:
    return Mutation(lambda spoil: spoil.drifting(path, step), options=options)


def text(old: bytes, new: bytes, **options: Any) -> Mutation:
    return Mutation(lambda spoil: spoil.retold(old, new), options=options)


def fault(*names: str, first: tuple[str, ...] = (), **patches: int | bytes) -> Mutation:
    return Mutation(lambda spoil: spoil.patched(**patches), first, {"faults": names})


def _count(pdu: bytes) -> int:
    return int.from_bytes(pdu[3:5], "big")


def _address(pdu: bytes) -> int:
    return int.from_bytes(pdu[1:3], "big")


DUMB = Mutation(lambda spoil: spoil.dumb, options={"limit": 3.0})
MUTATIONS: dict[str, Mutation] = {
    "B-001": DUMB,
    "B-005": Mutation(lambda spoil: spoil.refusing(lambda pdu: pdu[0] == 3 and _count(pdu) > 123)),
    "B-006": Mutation(lambda spoil: spoil.refusing(lambda pdu: pdu[0] == 3 and 40020 < _address(pdu) < 40036)),
    "B-007": Mutation(lambda spoil: spoil.refusing(lambda pdu: pdu[0] == 16 and _count(pdu) > 120)),
    **dict.fromkeys("B-008 B-009 B-010 B-011 B-012 B-013 B-014 B-015 B-016 B-017".split(), DUMB),
    "B-018": Mutation(lambda spoil: spoil.wrong_echo),
    "B-046": DUMB,
    "B-047": DUMB,
    "B-049": DUMB,
    "B-019": points(sunspec__marker=b"SunX"),
    "B-020": points(ac_meter__ID=201),
    "B-021": points(end__ID=0),
    "B-022": points(bs_meter__L=292),
    "B-023": points(signed_end_snapshot__L=260),
    "B-024": points(ocmf_signed_end_snapshot__L=372),
    "B-025": points(common__Mn=b"BAUER\0Electronic"),
    "B-026": points(cm_firmware_hash__Pad=0),
    "B-027": points(serial_interface_header__Ctl=0),
    "B-028": points(serial_interface__Pty=0),
    "B-029": DUMB,
    "B-030": points(ac_meter__V_SF=-2),
    "B-031": points(ac_meter__TotVAh_SF=0),
    "B-032": points(ac_meter__PF=1000),
    "B-033": points(ac_meter__TotWhExp=1),
    "B-034": points(ac_meter__PhVphB=0x8000),
    "B-036": points(common__SN=b"12345678"),
    "B-037": points(bs_meter__MA1=b"1BZR152020000712"),
    "B-038": points(bs_meter__SNC=b"000b57000060\0\0\0\0"),
    "B-039": points(bs_meter__BPK=90),
    "B-040": points(cm_firmware_hash__BB=20),
    "B-075": points(bs_meter__RCR_SF=0),
    "B-091": points(signed_start_snapshot__Typ=1),
    "B-123": points(bs_meter__PK=b"\x30\x58"),
    "B-152": points(bs_meter__ErrM=b"00100000"),
    "B-155": points(bs_meter__MA2=b"040043"),
    "B-159": points(cm_firmware_hash__B=bytes(range(32))),
    "B-161": points(cm_firmware_hash__L=22),
    **dict.fromkeys("B-059 B-060 B-062 B-063 B-065 B-056 B-057 B-051".split(), DUMB),
    "B-061": Mutation(lambda spoil: spoil.counting),
    "B-064": Mutation(lambda spoil: spoil.counting),
    "B-053": Mutation(lambda spoil: spoil.forgetting("bs_meter.Meta1")),
    "B-052": drift("bs_meter.DOChgOS"),
    "B-084": Mutation(lambda spoil: spoil.slow),
    "B-085": DUMB,
    "B-088": fault("slow-collecting=10"),
    "B-089": fault("slow-collecting=9"),
    "B-054": Mutation(lambda spoil: spoil.forgetting("bs_meter.Meta2")),
    "B-092": fault("tamper=EpochSetCnt"),
    "B-093": DUMB,
    "B-095": drift("signed_current_snapshot.W"),
    "B-079": DUMB,
    "B-109": drift("bs_meter.DO"),
    "B-097": points(signed_turn_on_snapshot__DI=0),
    "B-078": points(signed_turn_on_snapshot__RCR=5),
    "B-098": fault("feedback-lost", bs_meter__DO=1),
    "B-107": points(bs_meter__DIChgOS=0xFFFFFFFF),
    "B-090": drift("signed_end_snapshot.W"),
    "B-102": points(signed_turn_on_snapshot__DO=1),
    "B-108": points(signed_current_snapshot__DO=0),
    "B-080": points(signed_current_snapshot__RCR=0),
    "B-103": points(signed_turn_off_snapshot__DI=0),
    "B-104": fault("feedback-lost", bs_meter__DO=1),
    "B-077": points(signed_turn_off_snapshot__TotWhImp=5000),
    "B-105": fault("signing-fails"),
    "B-071": fault("stale-snapshot", first=("B-088",)),
    "B-072": points(bs_meter__RCnt=77),
    "B-094": fault("signing-fails", first=("B-084",), signed_current_snapshot__BSig=70),
    "B-142": points(ocmf_signed_current_snapshot__St=5),
    "B-121": fault("bad-signature"),
    "B-122": points(signed_current_snapshot__NSig=47),
    "B-125": text(b"OCMF|", b"OCMF "),
    "B-126": text(b'"MV"', b'"MX"'),
    "B-127": fault("wrong-key"),
    "B-130": text(b'"PG":"T', b'"PG":"F'),
    "B-131": text(b'"TX":"C', b'"TX":"B'),
    "B-132": text(b'"RU":"kWh"', b'"RU":"MWh"'),
    "B-134": text(b'"X2"', b'"X9"'),
    "B-135": text(b'"ID"', b'"IX"'),
    "B-136": text(b'"TM":"202', b'"TM":"203', time="2026-06-01T12:00:00+02:00"),
    "B-138": text(b'"ST":"G"', b'"ST":"E"'),
    "B-140": text(b"contract-id", b"kontract-id"),
    "B-143": drift("ocmf_signed_current_snapshot.O"),
    "B-165": text(b'"RV":0.', b'"RV":9.'),
    "B-141": points(ocmf_signed_current_snapshot__St=0),
    "B-050": drift("serial_interface.Rte"),
    "B-055": points(bs_meter__Meta1=b"still here"),
    "B-058": points(bs_meter__Epoch=5),
    "B-066": drift("bs_meter.EpochSetCnt"),
    "B-069": drift("bs_meter.OS", -1),
    "B-070": points(bs_meter__PDCnt=7),
    "B-073": drift("bs_meter.RCnt"),
    "B-081": drift("bs_meter.RCR", -1),
    "B-083": points(signed_end_snapshot__St=0),
}


def test_every_statement_has_a_meter_that_breaks_it() -> None:
    assert {statement.id for statement in STATEMENTS} == set(MUTATIONS)


@pytest.mark.parametrize("number", sorted(MUTATIONS))
def test_a_meter_that_breaks_it_fails(bench: Any, spoil: Any, number: str) -> None:
    mutation = MUTATIONS[number]
    results = bench(wrap=mutation.spoil(spoil), **mutation.options).run(*mutation.first, number)
    result = next(result for result in results if result.id == number)
    assert (result.outcome, bool(result.detail)) == (Outcome.FAIL, True), result


def test_statements_have_unique_numbers_and_short_texts() -> None:
    numbers = [statement.id for statement in STATEMENTS]
    assert len(numbers) == len(set(numbers))
    assert all(len(statement.text) <= 60 for statement in STATEMENTS)
