"""A meter that breaks a statement of the ABB meters fails it: one such meter for each statement."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.conformance import abb_lies as lies
from tests.conformance import abb_spoilt as spoil
from tests.conformance.abb import ALL, MBUS, Bench
from tests.conformance.abb_broken import M_BUS, Mutation, fault, mbus, over, recorded
from tests.conformance.abb_spoilt import Prepare
from wattproof.conformance.abb import STATEMENTS
from wattproof.conformance.abb.cosem import OBJECTS
from wattproof.conformance.engine import Outcome
from wattproof.conformance.engine import Result as Verdict
from wattproof.drivers.cosem.place import HDLC, TCP, UDP
from wattproof.wire.cosem import acse, apdus
from wattproof.wire.cosem.apdus import Apdu
from wattproof.wire.cosem.conformance import Conformance
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.cosem.initiate import InitiateResponse
from wattproof.wire.cosem.results import Result
from wattproof.wire.hdlc import frames as hdlc
from wattproof.wire.hdlc.controls import Kind
from wattproof.wire.hdlc.parameters import Parameters

# HDLC ------------------------------------------------------------------------------------------------------------


def _short_addresses(request: hdlc.Frame, answer: hdlc.Frame | None) -> hdlc.Frame | None:
    return None if request.destination.size == 1 else answer


def _generous(request: hdlc.Frame, answer: hdlc.Frame | None) -> hdlc.Frame | None:
    if answer is None or answer.kind is not Kind.UA:
        return answer
    return answer._replace(information=Parameters(2000, 2000).encode())


def _windows(request: hdlc.Frame, answer: hdlc.Frame | None) -> hdlc.Frame | None:
    if answer is None or answer.kind is not Kind.UA:
        return answer
    return answer._replace(information=Parameters(512, 512, 7, 7).encode())


def _answers_anew() -> Prepare:
    seen: list[bytes] = []

    def change(request: hdlc.Frame, answer: hdlc.Frame | None) -> hdlc.Frame | None:
        again = request.encode() in seen[-1:]
        seen.append(request.encode())
        if answer is None or answer.kind is not Kind.I or not again:
            return answer
        return answer._replace(information=answer.information[:-1] + b"\x77")

    return spoil.hdlc_frames(change)


def _everywhere(request: hdlc.Frame, answer: hdlc.Frame | None) -> hdlc.Frame | None:
    from_here = request.destination.lower in (18, 127)
    return hdlc.decode(spoil.UA) if from_here and request.kind is Kind.SNRM else answer


LINK: dict[str, Mutation] = {
    "A-101": over(spoil.hdlc_frames(_short_addresses)),
    "A-102": over(spoil.careless(lambda data: spoil.UA)),
    "A-103": over(spoil.deaf_to("7E 7E 07")),
    "A-104": over(spoil.silent_to("7E 7E 7E", bus=HDLC)),
    "A-105": over(spoil.hdlc_frames(_generous)),
    "A-106": over(_answers_anew()),
    "A-107": over(spoil.instead(Kind.FRMR, Kind.RR)),
    "A-108": fault("lost-segment", buses=(HDLC,)),
    "A-110": over(spoil.instead(Kind.DM, Kind.UA)),
    "A-111": over(spoil.instead(Kind.DM, Kind.RR)),
    "A-112": over(spoil.instead(Kind.DM, Kind.UA)),
    "A-113": over(spoil.careless(lambda data: spoil.UA)),
    "A-114": over(spoil.hdlc_frames(_everywhere)),
}


# Associations and services ---------------------------------------------------------------------------------------


def _everything(request: bytes, answer: bytes | None) -> bytes | None:
    if answer is None or answer[0] != 0x61:
        return answer
    found = acse.decode(answer)
    assert isinstance(found, acse.AssociationResponse)
    if found.result:
        return answer
    return replace(found, user_information=InitiateResponse(Conformance(0x1E1D), 1200).encode()).encode()


def _no_exception(request: bytes, answer: bytes | None) -> bytes | None:
    return bytes.fromhex("D80202") if answer == bytes.fromhex("D80101") else answer


def _released(request: bytes) -> bytes | None:
    return bytes.fromhex("6303800100") if request[0] == 0x62 else None


def _other_result(attribute: Attribute, found: Data | Result) -> Data | Result:
    return Result.OBJECT_UNAVAILABLE if found is Result.OBJECT_UNDEFINED else found


def _backwards(request: Apdu, answer: Apdu) -> Apdu | None:
    return replace(answer, values=answer.values[::-1]) if isinstance(answer, apdus.GetListResponse) else None


def _open_ports(bench: Bench) -> None:
    """Messages to any port are answered."""
    aare = bytes.fromhex("0001000100100004") + b"\x61\x02\x01\x00"
    for bus in (TCP, UDP):
        bench.works.turns[bus] = lambda request, answer: aare if answer is None else answer


def _tolerant(bench: Bench) -> None:
    bench.works.tolerant = True


def _own_values(bench: Bench) -> None:
    """TCP shows other values than HDLC."""
    bench.works.turns[TCP] = lambda request, answer: (
        None if answer is None else answer[:-1] + b"\x7f" if answer[8:10] == b"\xc4\x03" else answer
    )


SERVICES: dict[str, Mutation] = {
    "A-121": fault("aare-reject=1", buses=(HDLC,)),
    "A-122": over(spoil.apdu(_everything)),
    "A-123": over(spoil.apdu(_no_exception)),
    "A-124": over(spoil.apdu(swallow=_released)),
    "A-130": fault("wrong-invoke", buses=(HDLC,)),
    "A-185": over(spoil.hdlc_frames(_windows)),
    "A-126": over(spoil.reads(_other_result)),
    "A-127": over(spoil.services(_backwards)),
    "A-128": fault("bad-block", buses=(HDLC,)),
    "A-129": fault("refuse-writes", buses=(HDLC,)),
    "A-190": fault("wrong-address", buses=(TCP,)),
    "A-191": over(_tolerant, TCP),
    "A-192": over(spoil.careless(lambda data: b"\0\1\0\1\0\x10\0\1\x61"), UDP),
    "A-193": over(_open_ports, TCP),
    "A-194": over(_own_values, HDLC, TCP),
}


# Objects -------------------------------------------------------------------------------------------------------------

CHANNEL = Attribute.of(7, "1-0:99.1.1")
LOGS = tuple(Attribute.of(7, f"0-0:99.98.{log}") for log in range(3))

OBJECTS_AND_SETTINGS: dict[str, Mutation] = {
    "A-140": over(spoil.reads(lies.narrow)),
    "A-141": over(spoil.reads(lies.nameless)),
    "A-142": over(spoil.reads(lies.all_read_only, OBJECTS)),
    "A-186": over(spoil.reads(lies.cut, Attribute.of(9, "0-0:10.0.100"))),
    "A-144": over(spoil.reads(lies.byte(4), Attribute.of(8, "0-0:1.0.0"))),
    "A-145": over(spoil.reads(lies.byte(3), Attribute.of(8, "0-0:1.0.0", 5))),
    "A-146": recorded(spoil.reads(lies.turned, CHANNEL), HDLC),
    "A-147": recorded(spoil.reads(lies.at_noon, Attribute.of(7, "1-0:98.1.0")), HDLC),
    "A-148": recorded(spoil.reads(lies.cut, Attribute.of(7, "1-0:98.2.0", 3)), HDLC),
    "A-149": over(spoil.results(Result.SCOPE_OF_ACCESS_VIOLATED, Result.SUCCESS)),
    "A-150": recorded(spoil.reads(lies.turned, *LOGS), HDLC),
    "A-151": over(spoil.forgets(0xC1, "00000D0000FF")),
    "A-152": over(spoil.forgets(0xC3, "00000D0000FF")),
    "A-154": over(spoil.forgets(0xC1, "0000600E00FF")),
    "A-155": over(spoil.forgets(0xC3, "00000A0064FF")),
    "A-156": over(spoil.forgets(0xC1, "0000800119FF")),
    "A-157": over(spoil.forgets(0xC1, "0001600302FF")),
    "A-161": over(spoil.results(Result.READ_WRITE_DENIED, Result.SUCCESS), access="closed"),
    "A-187": over(spoil.results(Result.READ_WRITE_DENIED, Result.SUCCESS)),
    "A-188": over(spoil.results(Result.SCOPE_OF_ACCESS_VIOLATED, Result.SUCCESS)),
    "A-078": recorded(spoil.reads(lies.statuses, CHANNEL), MBUS, HDLC),
    "A-143": over(spoil.reads(lies.ten_more), MBUS, HDLC),
    "A-181": over(spoil.value(122, b"\x11"), MBUS, HDLC, load="none"),
}


# Power failures --------------------------------------------------------------------------------------------------


async def _nothing() -> None:
    """A power failure that nobody notices."""


def _unnoticed(bench: Bench) -> None:
    bench.subject.power_cycle = _nothing


def _forgetful(bench: Bench) -> None:
    """A power failure after which the registers begin at 0."""

    async def cut() -> None:
        await bench.power_cycle()
        bench.works.turns[MBUS] = spoilt

    turned = Bench("A44", MBUS, prepare=spoil.value(1, b"\x00"))
    spoilt = turned.works.turns[MBUS]
    bench.subject.power_cycle = cut


POWER: dict[str, Mutation] = {
    "A-162": mbus(_unnoticed),
    "A-176": mbus(_forgetful),
}


def _result(number: str, mutation: Mutation) -> Verdict:
    """What comes of one statement at a meter that is broken so."""
    options = dict(mutation.options)
    bench = Bench(options.pop("variant", "A44"), *mutation.buses, prepare=mutation.prepare, **options)
    (result,) = bench.run(number, allowed=ALL)
    return result


MUTATIONS = M_BUS | LINK | SERVICES | OBJECTS_AND_SETTINGS | POWER


def _sociable(bench: Bench) -> None:
    bench.works.sociable = True


WRONG_RANGE, DENIED, FINE = Result.SCOPE_OF_ACCESS_VIOLATED, Result.READ_WRITE_DENIED, Result.SUCCESS
#: Other ways to break a statement that says several things, and what the check says then.
ALSO: list[tuple[str, str, Mutation]] = [
    ("A-001", "behind bytes that begin no frame", mbus(spoil.deaf_to("E5 00 FF"))),
    ("A-006", "time stands still", mbus(spoil.value(146, bytes.fromhex("000010010126")))),
    ("A-006", "access number grows by 0", fault("access-stuck")),
    ("A-013", "later than 80 ms", fault("late=0.3")),
    ("A-021", "another version selects the meter", mbus(spoil.says("E5", "42 04 FE 02"))),
    ("A-021", "with FF as medium", mbus(spoil.deaf_to("42 04 20 FF"))),
    ("A-042", "medium is 7", mbus(spoil.bytes_of("42 04 20 02", "42 04 20 07"))),
    ("A-062", "bits of another class", mbus(spoil.bytes_of("FF A6 00 00", "FF A6 00 01"))),
    ("A-071", "L = FD", mbus(spoil.bytes_of("0A FF D9 00", "8A 00 FF D9 00"))),
    ("A-072", "mode 1", mbus(spoil.says("E5", "01 FF 15 01"))),
    ("A-074", "SND_NKE to the new address", mbus(spoil.says("E5", "01 7A"))),
    ("A-075", "right password does not open", mbus(spoil.says("E5", "07 FD 16 30"))),
    ("A-080", "a reserved DIF", mbus(spoil.says("E5", "51 3F 00"))),
    ("A-107", "two ahead", over(spoil.instead(Kind.RR, Kind.FRMR))),
    ("A-123", "tag C2", over(spoil.apdu(lambda asked, answer: b"\xd8\x01\x02" if asked[0] == 0xC2 else answer))),
    ("A-126", "by client 16 gets success", over(spoil.results(DENIED, FINE))),
    ("A-126", "with a text gets", over(spoil.results(Result.TYPE_UNMATCHED, WRONG_RANGE))),
    ("A-129", "that was interrupted gets success", over(spoil.last_blocks(Result.NO_LONG_SET_IN_PROGRESS, FINE))),
    ("A-140", "scaler and unit", over(spoil.reads(lies.scaled))),
    ("A-141", "client 16 may write", over(spoil.reads(lies.all_writable, OBJECTS))),
    ("A-144", "and reads", over(spoil.forgets(0xC1, "0000010000FF"))),
    ("A-145", "is read back as", over(spoil.forgets(0xC1, "0000010000FF"))),
    ("A-146", "more than 40000 rows gets success", recorded(spoil.results(WRONG_RANGE, FINE), HDLC)),
    ("A-147", "24 columns gets success", recorded(spoil.results(WRONG_RANGE, FINE), HDLC)),
    ("A-148", "51 entries gets success", recorded(spoil.results(WRONG_RANGE, FINE), HDLC)),
    ("A-150", "has category 1", recorded(spoil.reads(lies.other_category, *LOGS), HDLC)),
    ("A-151", "gets success", over(spoil.results(WRONG_RANGE, FINE))),
    ("A-151", "is inserted, and is not among", over(spoil.forgets(0xC3, "00000B0000FF"))),
    ("A-152", "does not copy", over(spoil.forgets(0xC1, "00000D0000FF"))),
    ("A-154", "with source 2 gets success", over(spoil.results(DENIED, FINE))),
    (
        "A-156",
        "alarm word and status word differ",
        over(spoil.reads(lies.inverted(24), Attribute.of(1, "0-0:97.98.0")), HDLC),
    ),
    ("A-157", "bit of the mask", over(spoil.reads(lies.inverted(0), Attribute.of(1, "0-0:96.3.2")))),
    ("A-170", "Wh in", mbus(spoil.value(96, (10**9).to_bytes(4, "little")))),
    ("A-187", "script 0 gets success", over(spoil.results(WRONG_RANGE, FINE))),
    ("A-187", "of another type gets success", over(spoil.results(Result.TYPE_UNMATCHED, FINE))),
    ("A-193", "a second connection", over(_sociable, TCP)),
    ("A-197", "different types", over(spoil.reads(lies.cut_text, Attribute.of(1, "0-0:96.1.1")), MBUS, HDLC)),
    ("A-199", "no FREQUENCY on COSEM", over(spoil.reads(lies.no_frequency, OBJECTS))),
]


@pytest.mark.parametrize(("number", "words", "mutation"), ALSO, ids=lambda part: part if isinstance(part, str) else "")
def test_each_thing_that_a_statement_says_can_fail(number: str, words: str, mutation: Mutation) -> None:
    result = _result(number, mutation)
    assert (result.outcome, words in result.detail) == (Outcome.FAIL, True), result


def test_every_statement_has_a_meter_that_breaks_it() -> None:
    assert {statement.id for statement in STATEMENTS} == set(MUTATIONS)


@pytest.mark.parametrize("number", sorted(MUTATIONS))
def test_a_meter_that_breaks_it_fails(number: str) -> None:
    result = _result(number, MUTATIONS[number])
    assert (result.outcome, bool(result.detail)) == (Outcome.FAIL, True), result
