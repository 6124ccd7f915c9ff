"""A server by its APDUs: association, results, lists, blocks."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.cosem.meter import COLUMNS, NAME, Meter, new_device, new_meter
from wattproof.errors import InvalidValue
from wattproof.wire.cosem import acse, apdus, classes
from wattproof.wire.cosem import data as axdr
from wattproof.wire.cosem.acse import AssociationRequest, AssociationResponse
from wattproof.wire.cosem.apdus import INVOKE
from wattproof.wire.cosem.conformance import OFFERED, Conformance
from wattproof.wire.cosem.data import Data, array, octet_string, unsigned
from wattproof.wire.cosem.descriptors import Attribute, Method, Selection
from wattproof.wire.cosem.device import LogicalDevice
from wattproof.wire.cosem.fields import Outcome
from wattproof.wire.cosem.initiate import InitiateRequest, InitiateResponse
from wattproof.wire.cosem.object_list import Access, ObjectList
from wattproof.wire.cosem.objects import Bound, CosemObject
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.selection import CLOCK_TIME, CaptureObject, EntryDescriptor, RangeDescriptor
from wattproof.wire.cosem.server import Association
from wattproof.wire.cosem.times import Date, DateTime, Time

Examples = dict[str, dict[str, Any]]
SECOND = 10**9
NO_ASSOCIATION = bytes.fromhex("D80101")
VOLTAGE, TARIFF = Attribute.of(3, "1-0:32.7.0"), Attribute.of(1, "0-0:96.14.0")
BLOB, PROFILE = Attribute.of(1, "0-0:128.4.0"), Attribute.of(7, "1-0:99.1.1")
DEVICE = new_device()


class Side:
    """A client that speaks in APDUs."""

    def __init__(self, device: LogicalDevice[Meter] = DEVICE, **meter: Any) -> None:
        self.meter = new_meter() | meter
        self.association = Association(device, self.meter)
        self.now = 0

    def open(self, client: int = 1, password: bytes | None = b"12345678", **initiate: Any) -> AssociationResponse:
        self.association.connected(client)
        return self.associate(AssociationRequest.of(InitiateRequest(**initiate), password if client == 1 else None))

    def associate(self, request: AssociationRequest) -> AssociationResponse:
        answer = acse.decode(self.raw(request.encode()))
        assert isinstance(answer, AssociationResponse)
        return answer

    def raw(self, octets: bytes) -> bytes:
        answer = self.association.receive(octets, self.now)
        assert answer is not None
        return answer

    def ask(self, apdu: apdus.Apdu) -> Any:
        return apdus.decode(self.raw(apdus.encode(apdu)))

    def get(self, attribute: Attribute) -> Data | Result:
        value: Data | Result = self.ask(apdus.GetRequest(INVOKE, attribute)).value
        return value

    def set(self, attribute: Attribute, value: Data) -> Result:
        result: Result = self.ask(apdus.SetRequest(INVOKE, attribute, value)).result
        return result

    def act(self, method: Method, parameter: Data | None = None) -> Outcome:
        outcome: Outcome = self.ask(apdus.ActionRequest(INVOKE, method, parameter)).outcome
        return outcome


@pytest.fixture
def side() -> Side:
    side = Side()
    assert side.open().result == 0
    return side


@pytest.mark.proves("A-120", "A-125")
def test_the_examples_are_answered_as_they_say(examples: Examples) -> None:
    def exchange(asked: str, answered: str) -> None:
        assert side.raw(examples[asked]["octets"]) == examples[answered]["octets"], asked

    side = Side()
    side.association.connected(16)
    exchange("get-voltage", "exception")
    exchange("aarq-none", "aare-ok")
    exchange("get-voltage", "get-voltage-rsp")
    exchange("get-scaler", "get-scaler-rsp")
    exchange("get-list", "get-list-rsp")
    exchange("set-tariff", "set-denied")
    exchange("act-reset-lp", "act-denied")
    exchange("rlrq", "rlre")
    exchange("get-voltage", "exception")
    side.association.connected(1)
    exchange("aarq-none", "aare-authfail")
    exchange("aarq-lls", "aare-ok")
    exchange("set-tariff", "set-ok")
    exchange("act-reset-lp", "act-ok")
    assert side.meter["tariff"] == 2
    assert side.meter["resets"] == 1


@pytest.mark.proves("A-121")
def test_who_is_let_in_and_why_not() -> None:
    side, initiate = Side(), InitiateRequest()
    plain, good = AssociationRequest.of(initiate), AssociationRequest.of(initiate, b"12345678")
    bad = AssociationRequest.of(initiate, b"87654321")
    without = AssociationRequest(acse.LN, True, acse.LOW_LEVEL, None, initiate.encode())
    high = AssociationRequest(acse.LN, True, acse.LOW_LEVEL[:-1] + b"\5", bytes(8), initiate.encode())
    lowest = AssociationRequest(acse.LN, True, acse.LOWEST, None, initiate.encode())
    for client, request, result, diagnostic in (
        (16, plain, 0, 0),
        (16, lowest, 0, 0),
        (16, good, 1, 11),
        (1, good, 0, 0),
        (1, bad, 1, 13),
        (1, good, 0, 0),
        (1, plain, 1, 13),
        (1, lowest, 1, 13),
        (1, without, 1, 13),
        (1, high, 1, 11),
        (2, plain, 1, 13),
        (2, good, 1, 13),
    ):
        side.association.connected(client)
        answer = side.associate(request)
        assert (answer.result, answer.diagnostic, answer.by_user) == (result, diagnostic, True), (client, request)
        assert side.association.associated == (result == 0)


@pytest.mark.proves("A-121", "A-185")
@pytest.mark.parametrize(
    ("request_", "diagnostic"),
    [
        (AssociationRequest(acse.LN_CIPHERED, user_information=b"\x21\x00"), 2),
        (AssociationRequest(acse.SN, user_information=InitiateRequest().encode()), 2),
        (AssociationRequest(user_information=b"\x21\x00"), 1),
        (AssociationRequest(), 1),
        (AssociationRequest(user_information=InitiateRequest(Conformance.SET).encode()), 1),
        (AssociationRequest(user_information=InitiateRequest(max_pdu=15).encode()), 1),
    ],
)
def test_what_this_server_does_not_offer_is_refused(request_: AssociationRequest, diagnostic: int) -> None:
    side = Side()
    side.association.connected(16)
    answer = side.associate(request_)
    assert (answer.result, answer.diagnostic) == (1, diagnostic)
    assert side.raw(b"\xc0\1\xc1") == NO_ASSOCIATION
    damaged = acse.decode(side.raw(b"\x60\x05\xa1"))
    assert isinstance(damaged, AssociationResponse)
    assert damaged.result == 1


@pytest.mark.proves("A-121")
def test_three_wrong_passwords_lock_for_thirty_seconds() -> None:
    side = Side()
    for _ in range(2):
        assert side.open(password=b"guess").diagnostic == 13
    assert side.open().result == 0  # two are forgotten
    for _ in range(3):
        assert side.open(password=b"guess").diagnostic == 13
    side.now = 30 * SECOND - 1
    assert side.open().diagnostic == 13
    assert side.open(16).result == 0  # the public client has no password
    side.now += 1
    assert side.open().result == 0


@pytest.mark.proves("A-122", "A-185")
def test_what_is_negotiated_is_the_and_of_both(side: Side) -> None:
    everything = Conformance((1 << 24) - 1)
    for proposed in (everything, OFFERED, Conformance.GET, Conformance.GET | Conformance.ACTION | Conformance.READ):
        answer = side.open(conformance=proposed, max_pdu=0xFFFF)
        assert answer.user_information is not None
        assert InitiateResponse.decode(answer.user_information) == InitiateResponse(proposed & OFFERED, 1200)
    for apdu in (
        apdus.SetRequest(INVOKE, TARIFF, unsigned(2)),
        apdus.GetList(INVOKE, (VOLTAGE,)),
        apdus.GetNext(INVOKE, 1),
    ):
        assert side.ask(apdu) == apdus.ExceptionResponse(1, 2)
    assert side.get(VOLTAGE) == axdr.double_long_unsigned(2306)
    part = PROFILE._replace(selection=EntryDescriptor(1, 1).selection)
    assert side.get(part) == Result.SCOPE_OF_ACCESS_VIOLATED
    side.open(conformance=Conformance.GET | Conformance.SELECTIVE_ACCESS)
    assert isinstance(side.get(part), Data)


@pytest.mark.proves("A-123", "A-124")
def test_no_service_without_association(side: Side) -> None:
    services = [bytes((tag, form, 0xC1)) for tag in (0xC0, 0xC1, 0xC3) for form in (1, 2, 3)]
    ends = (
        lambda: side.raw(b"\x62\x00"),
        lambda: side.raw(bytes.fromhex("6203800100")),
        lambda: side.association.disconnected(),
        lambda: side.association.connected(1),
        lambda: side.associate(AssociationRequest.of(InitiateRequest(), b"wrong")),
    )
    for end in ends:
        side.open()
        assert side.association.associated
        end()
        assert not side.association.associated
        assert [side.raw(octets) for octets in services] == [NO_ASSOCIATION] * len(services)
    assert side.raw(b"\x62\x00") == bytes.fromhex("6303800100")
    with pytest.raises(LookupError):
        _ = side.association.client


def test_what_is_no_request_is_answered_with_an_exception(side: Side) -> None:
    for octets in (b"", b"\x05\1\2", b"\xc4\1\xc1\0\0", b"\xc8\0", b"\x61\0", b"\xd8\1\1", bytes(9)):
        assert side.raw(octets) == bytes.fromhex("D80202")
    for octets in (b"\xc0", b"\xc0\7\xc1", b"\xc0\1\xc1\0\3\1", b"\xc1\4\xc1\0\1\0"):
        assert side.raw(octets) == bytes.fromhex("D80203")
    assert side.ask(apdus.SetList(INVOKE, (TARIFF,), ())) == apdus.ExceptionResponse(2, 3)
    assert side.ask(apdus.ActionList(INVOKE, (), (unsigned(1),))) == apdus.ExceptionResponse(2, 3)


@pytest.mark.proves("A-126")
def test_the_results_of_get_set_and_action(side: Side) -> None:
    nothing, foreign = Attribute.of(1, "1-0:99.99.99"), Attribute.of(1, "1-0:32.7.0")
    for attribute, result in (
        (nothing, Result.OBJECT_UNDEFINED),
        (foreign, Result.OBJECT_CLASS_INCONSISTENT),
        (VOLTAGE._replace(attribute_id=4), Result.OBJECT_UNDEFINED),
        (VOLTAGE._replace(attribute_id=-1), Result.OBJECT_UNDEFINED),
        (Attribute.of(15, "0-0:40.0.0", 7), Result.READ_WRITE_DENIED),
        (VOLTAGE._replace(selection=Selection(1, axdr.NULL)), Result.SCOPE_OF_ACCESS_VIOLATED),
    ):
        assert side.get(attribute) == result, attribute
    assert side.get(VOLTAGE._replace(attribute_id=1)) == octet_string(VOLTAGE.name)
    for attribute, value, result in (
        (nothing, unsigned(1), Result.OBJECT_UNDEFINED),
        (foreign, unsigned(1), Result.OBJECT_CLASS_INCONSISTENT),
        (TARIFF._replace(attribute_id=9), unsigned(1), Result.OBJECT_UNDEFINED),
        (TARIFF, axdr.long(1), Result.TYPE_UNMATCHED),
        (TARIFF, unsigned(0), Result.SCOPE_OF_ACCESS_VIOLATED),
        (TARIFF, unsigned(5), Result.SCOPE_OF_ACCESS_VIOLATED),
        (TARIFF._replace(selection=Selection(1, axdr.NULL)), unsigned(2), Result.SCOPE_OF_ACCESS_VIOLATED),
        (VOLTAGE, axdr.double_long_unsigned(1), Result.READ_WRITE_DENIED),
        (TARIFF._replace(attribute_id=1), unsigned(1), Result.READ_WRITE_DENIED),
        (BLOB, octet_string(bytes(3001)), Result.SCOPE_OF_ACCESS_VIOLATED),
        (BLOB, unsigned(1), Result.TYPE_UNMATCHED),
        (Attribute.of(8, "0-0:1.0.0"), octet_string(b"short"), Result.TYPE_UNMATCHED),
        (TARIFF, unsigned(4), Result.SUCCESS),
    ):
        assert side.set(attribute, value) == result, (attribute, value)
    assert side.get(TARIFF) == unsigned(4)
    execute = Method.of(9, "0-0:10.0.100")
    for method, parameter, result in (
        (Method.of(9, "0-0:10.0.101"), None, Result.OBJECT_UNDEFINED),
        (Method.of(3, "0-0:10.0.100"), None, Result.OBJECT_CLASS_INCONSISTENT),
        (execute._replace(method_id=2), None, Result.OBJECT_UNDEFINED),
        (execute, None, Result.TYPE_UNMATCHED),
        (execute, unsigned(2), Result.TYPE_UNMATCHED),
        (execute, axdr.long_unsigned(13), Result.SCOPE_OF_ACCESS_VIOLATED),
        (execute, axdr.long_unsigned(2), Result.SUCCESS),
    ):
        assert side.act(method, parameter) == Outcome(result), (method, parameter)
    assert side.meter["tariff"] == 2
    side.meter["source"] = 0
    assert side.act(execute, axdr.long_unsigned(3)) == Outcome(Result.READ_WRITE_DENIED)
    side.open(16)
    assert side.set(TARIFF, unsigned(2)) == Result.READ_WRITE_DENIED
    assert side.act(execute, axdr.long_unsigned(2)) == Outcome(Result.READ_WRITE_DENIED)
    assert side.get(TARIFF) == unsigned(2)


def test_a_guard_has_the_first_word() -> None:
    def closed(
        association: Association[Meter], service: Conformance, target: CosemObject[Meter], number: int
    ) -> Result:
        seen.append((service, str(target), number))
        return Result.SUCCESS if service is Conformance.GET else Result.TEMPORARY_FAILURE

    seen: list[object] = []
    side = Side(new_device(guard=closed))
    side.open()
    assert side.get(TARIFF) == unsigned(1)
    assert side.set(TARIFF, unsigned(2)) == Result.TEMPORARY_FAILURE
    assert side.act(Method.of(3, "1-0:1.8.0"), axdr.integer(0)).result == Result.TEMPORARY_FAILURE
    assert side.meter["tariff"] == 1
    assert seen == [
        (Conformance.GET, "Data 0-0:96.14.0*255", 2),
        (Conformance.SET, "Data 0-0:96.14.0*255", 2),
        (Conformance.ACTION, "Register 1-0:1.8.0*255", 1),
    ]


@pytest.mark.proves("A-127")
def test_lists_are_answered_in_order_with_errors_in_place(side: Side) -> None:
    nothing = Attribute.of(3, "1-0:52.7.0")
    values = side.ask(apdus.GetList(INVOKE, (VOLTAGE, nothing, TARIFF, VOLTAGE))).values
    assert values == (
        axdr.double_long_unsigned(2306),
        Result.OBJECT_UNDEFINED,
        unsigned(1),
        axdr.double_long_unsigned(2306),
    )
    assert side.ask(apdus.GetList(INVOKE, ())).values == ()
    results = side.ask(
        apdus.SetList(INVOKE, (TARIFF, nothing, TARIFF), (unsigned(3), unsigned(1), unsigned(9)))
    ).results
    assert results == (Result.SUCCESS, Result.OBJECT_UNDEFINED, Result.SCOPE_OF_ACCESS_VIOLATED)
    reset, echo = Method.of(3, "1-0:1.8.0"), Method.of(11, "0-0:11.0.0")
    outcomes = side.ask(apdus.ActionList(INVOKE, (reset, echo), (axdr.integer(0), octet_string(b"x")))).outcomes
    assert outcomes == (Outcome(Result.SUCCESS), Outcome(Result.SUCCESS, octet_string(b"x")))


@pytest.mark.proves("A-130")
@pytest.mark.parametrize("invoke", [0x40, 0x41, 0x4F, 0xC0, 0xC7, 0xFF])
def test_the_invoke_byte_is_echoed(side: Side, invoke: int) -> None:
    for apdu in (
        apdus.GetRequest(invoke, VOLTAGE),
        apdus.GetList(invoke, (VOLTAGE,)),
        apdus.GetNext(invoke, 1),
        apdus.SetRequest(invoke, TARIFF, unsigned(1)),
        apdus.SetList(invoke, (TARIFF,), (unsigned(1),)),
        apdus.SetFirstBlock(invoke, BLOB, False, 1, b"\x09"),
        apdus.SetBlock(invoke, True, 2, b"\0"),
        apdus.ActionRequest(invoke, Method.of(3, "1-0:1.8.0"), axdr.integer(0)),
        apdus.ActionNext(invoke, 1),
    ):
        assert side.ask(apdu).invoke == invoke
    unconfirmed = apdus.encode(apdus.SetRequest(invoke & ~apdus.CONFIRMED, TARIFF, unsigned(4)))
    assert side.association.receive(unconfirmed, 0) is None
    assert side.meter["tariff"] == 4
    assert side.ask(apdus.GetRequest(invoke & ~apdus.CONFIRMED, TARIFF)).value == unsigned(4)


def blocks_of(side: Side, first: Any) -> list[apdus.GetBlock]:
    blocks = [first]
    while not blocks[-1].last:
        blocks.append(side.ask(apdus.GetNext(INVOKE, blocks[-1].block)))
    return blocks


@pytest.mark.proves("A-128")
@pytest.mark.parametrize("pdu", [16, 17, 64, 127, 138, 139, 140, 300, 1200])
def test_long_values_come_in_blocks_that_join_to_the_value(pdu: int) -> None:
    side = Side(blob=bytes(range(256)) * 3)
    side.open(max_pdu=pdu)
    expected = octet_string(side.meter["blob"])
    for request, whole in (
        (apdus.GetRequest(INVOKE, BLOB), expected.encode()),
        (
            apdus.GetList(INVOKE, (BLOB, Attribute.of(1, "1-0:9.9.9"), BLOB)),
            b"\3\0" + expected.encode() + b"\1\4\0" + expected.encode(),
        ),
    ):
        answer = side.ask(request)
        if not isinstance(answer, apdus.GetBlock):
            assert pdu == 1200
            assert answer.value == expected
            continue
        blocks = blocks_of(side, answer)
        assert [block.block for block in blocks] == list(range(1, len(blocks) + 1))
        assert [block.last for block in blocks] == [False] * (len(blocks) - 1) + [True]
        assert all(pdu - 1 <= len(apdus.encode(block)) <= pdu for block in blocks[:-1])
        assert b"".join(block.raw for block in blocks if isinstance(block.raw, bytes)) == whole
        assert side.ask(apdus.GetNext(INVOKE, blocks[-1].block)).raw == Result.NO_LONG_GET_IN_PROGRESS


@pytest.mark.proves("A-128")
def test_a_wrong_block_number_or_another_request_ends_a_long_get(examples: Examples, side: Side) -> None:
    side.open(max_pdu=64)
    side.meter["blob"] = bytes(200)
    for wrong in (0, 2, 3, 0xFFFFFFFF):
        first = side.ask(apdus.GetRequest(INVOKE, BLOB))
        assert (first.block, first.last) == (1, False)
        assert side.raw(apdus.encode(apdus.GetNext(INVOKE, wrong))) == examples["blk-err"]["octets"]
        assert side.ask(apdus.GetNext(INVOKE, 1)).raw == Result.NO_LONG_GET_IN_PROGRESS
    for other in (
        apdus.GetRequest(INVOKE, VOLTAGE),
        apdus.SetRequest(INVOKE, TARIFF, unsigned(1)),
        apdus.ActionNext(INVOKE, 1),
    ):
        side.ask(apdus.GetRequest(INVOKE, BLOB))
        side.ask(other)
        assert side.ask(apdus.GetNext(INVOKE, 1)).raw == Result.NO_LONG_GET_IN_PROGRESS
    for strange in (b"\xc0", b"\x05\1\2", b""):
        side.ask(apdus.GetRequest(INVOKE, BLOB))
        side.raw(strange)
        assert side.ask(apdus.GetNext(INVOKE, 1)).raw == Result.NO_LONG_GET_IN_PROGRESS
    side.open(max_pdu=64, conformance=Conformance.GET | Conformance.SET)
    assert side.get(BLOB) == Result.OTHER_REASON
    side.open(max_pdu=64, conformance=Conformance.GET | Conformance.MULTIPLE_REFERENCES)
    assert side.ask(apdus.GetList(INVOKE, (BLOB, VOLTAGE))).values == (Result.OTHER_REASON,) * 2
    side.open(max_pdu=0)
    assert side.get(BLOB) == octet_string(bytes(200))


@pytest.mark.proves("A-129")
def test_a_set_in_blocks_is_done_at_its_end_or_not_at_all(examples: Examples, side: Side) -> None:
    for asked, answered in (("setblk-1", "setblk-ack"), ("setblk-2", "setblk-done")):
        assert side.meter["blob"] == bytes(10)
        assert side.raw(examples[asked]["octets"]) == examples[answered]["octets"]
    assert side.meter["blob"] == bytes(range(100))
    encoded = octet_string(b"new" * 50).encode()
    first = apdus.SetFirstBlock(INVOKE, BLOB, False, 1, encoded[:60])
    rest = apdus.SetBlock(INVOKE, True, 2, encoded[60:])
    for other in (
        apdus.GetRequest(INVOKE, VOLTAGE),
        apdus.SetBlock(INVOKE, False, 3, b""),
        apdus.ActionBlock(INVOKE, False, 2, b""),
        apdus.GetNext(INVOKE, 1),
    ):
        assert side.ask(first) == apdus.SetBlockResponse(INVOKE, 1)
        side.ask(other)
        assert side.ask(rest) == apdus.SetLastBlockResponse(INVOKE, Result.NO_LONG_SET_IN_PROGRESS, 2)
        assert side.meter["blob"] == bytes(range(100))
    for wrong in (apdus.SetBlock(INVOKE, False, 1, b""), apdus.SetBlock(INVOKE, True, 3, encoded[60:])):
        side.ask(first)
        assert side.ask(wrong) == apdus.SetLastBlockResponse(INVOKE, Result.DATA_BLOCK_NUMBER_INVALID, wrong.block)
    side.ask(first)
    assert side.ask(apdus.SetBlock(INVOKE, True, 2, b"")).result == Result.TYPE_UNMATCHED
    assert side.ask(apdus.SetFirstBlock(INVOKE, BLOB, True, 1, encoded)).result == Result.SUCCESS
    assert side.meter["blob"] == b"new" * 50
    raw = b"\2" + unsigned(4).encode() + unsigned(7).encode()
    in_list = apdus.SetListFirstBlock(INVOKE, (TARIFF, TARIFF), False, 1, raw[:3])
    assert side.ask(in_list) == apdus.SetBlockResponse(INVOKE, 1)
    done = side.ask(apdus.SetBlock(INVOKE, True, 2, raw[3:]))
    assert done == apdus.SetListLastBlockResponse(INVOKE, (Result.SUCCESS, Result.SCOPE_OF_ACCESS_VIOLATED), 2)


def test_what_a_client_sends_in_blocks_has_an_end(side: Side) -> None:
    assert side.ask(apdus.SetFirstBlock(INVOKE, BLOB, False, 1, bytes(1000))).block == 1
    results = [side.ask(apdus.SetBlock(INVOKE, False, number, bytes(1000))) for number in range(2, 68)]
    assert {type(answer) for answer in results[:-2]} == {apdus.SetBlockResponse}
    assert results[-2] == apdus.SetLastBlockResponse(INVOKE, Result.LONG_SET_ABORTED, 66)
    assert results[-1] == apdus.SetLastBlockResponse(INVOKE, Result.NO_LONG_SET_IN_PROGRESS, 67)


def test_actions_take_and_give_their_parameters_in_blocks(side: Side) -> None:
    side.open(max_pdu=64)
    echo = Method.of(11, "0-0:11.0.0")
    encoded = octet_string(bytes(150)).encode()
    pieces = [encoded[at : at + 40] for at in range(0, len(encoded), 40)]

    def send(first: apdus.Apdu) -> Any:
        answer = side.ask(first)
        for number, piece in enumerate(pieces[1:], 2):
            assert answer == apdus.ActionBlockResponse(INVOKE, number - 1)
            answer = side.ask(apdus.ActionBlock(INVOKE, number == len(pieces), number, piece))
        return answer

    answer = send(apdus.ActionFirstBlock(INVOKE, echo, False, 1, pieces[0]))
    joined = b""
    while True:
        assert isinstance(answer, apdus.ActionResponseBlock)
        assert len(apdus.encode(answer)) <= 64
        joined += answer.raw
        if answer.last:
            break
        answer = side.ask(apdus.ActionNext(INVOKE, answer.block))
    assert joined == b"\0\1\0" + encoded
    assert side.meter["called"] == [octet_string(bytes(150))]
    pieces = [b"\2" + encoded[:40], *pieces[1:], unsigned(0).encode()]
    answer = send(
        apdus.ActionListFirstBlock(INVOKE, (Method.of(3, "1-0:1.8.0"), Method.of(3, "1-0:1.8.0")), False, 1, pieces[0])
    )
    assert answer.outcomes == (Outcome(Result.TYPE_UNMATCHED),) * 2
    wrong = Outcome(Result.DATA_BLOCK_NUMBER_INVALID)
    side.ask(apdus.ActionFirstBlock(INVOKE, echo, False, 1, b""))
    assert side.ask(apdus.ActionBlock(INVOKE, False, 3, b"")).outcome == wrong
    assert side.ask(apdus.ActionBlock(INVOKE, False, 2, b"")).outcome == Outcome(Result.NO_LONG_GET_IN_PROGRESS)
    assert side.ask(apdus.ActionFirstBlock(INVOKE, echo, True, 1, b"\xee")).outcome == Outcome(Result.TYPE_UNMATCHED)
    side.ask(apdus.ActionFirstBlock(INVOKE, echo, True, 1, encoded))
    assert side.ask(apdus.ActionNext(INVOKE, 2)).outcome == wrong
    side.open(max_pdu=64, conformance=Conformance.GET | Conformance.ACTION)
    assert side.act(echo, octet_string(bytes(70))).result == Result.OTHER_REASON


def rows_of(value: Data | Result) -> list[Any]:
    assert isinstance(value, Data)
    return value.plain  # type: ignore[return-value]


def test_a_profile_is_read_by_range_and_by_entries(side: Side) -> None:
    side.open(max_pdu=0)

    def part(selection: Selection) -> Data | Result:
        return side.get(PROFILE._replace(selection=selection))

    everything = rows_of(side.get(PROFILE))
    assert len(everything) == 288
    one, two = (DateTime(Date(2012, 7, day), Time(0, 0, 0, 0)) for day in (1, 2))
    assert rows_of(part(RangeDescriptor.between(one, two).selection)) == everything[:97]  # both ends
    open_end = RangeDescriptor.between(DateTime(Date(2012, 7, 3), Time(23)), DateTime())
    assert rows_of(part(open_end.selection)) == everything[-4:]
    energies = rows_of(part(RangeDescriptor.between(one, two, COLUMNS[2], COLUMNS[0]).selection))
    assert energies == [[energy, time] for time, _, energy in everything[:97]]
    for entries, expected in (
        (EntryDescriptor(1, 2), everything[:2]),
        (EntryDescriptor(287), everything[286:]),
        (EntryDescriptor(287, 400), everything[286:]),
        (EntryDescriptor(300), []),
        (EntryDescriptor(3, 2), []),
        (EntryDescriptor(1, 1, 2, 3), [everything[0][1:]]),
        (EntryDescriptor(1, 1, 3), [everything[0][2:]]),
    ):
        assert rows_of(part(entries.selection)) == expected, entries
    other = CaptureObject.of(1, "0-0:96.1.1")
    for wrong in (
        Selection(0, axdr.NULL),
        Selection(3, axdr.NULL),
        Selection(1, axdr.NULL),
        Selection(2, array([])),
        RangeDescriptor(unsigned(1), unsigned(2), COLUMNS[2]).selection,
        RangeDescriptor(unsigned(1), unsigned(2)).selection,
        RangeDescriptor.between(one, two, other).selection,
        EntryDescriptor(0).selection,
        EntryDescriptor(1, 0, 0, 1).selection,
        EntryDescriptor(1, 0, 3, 2).selection,
        EntryDescriptor(1, 0, 1, 4).selection,
    ):
        assert part(wrong) == Result.SCOPE_OF_ACCESS_VIOLATED, wrong
    assert COLUMNS[0] == CLOCK_TIME


def test_the_association_objects_tell_about_whoever_asks(side: Side) -> None:
    def tell(code: str, attribute: int) -> Any:
        value = side.get(Attribute.of(15, code, attribute))
        assert isinstance(value, Data)
        return value

    for client, current, other, partners in (
        (1, "0-0:40.0.2", "0-0:40.0.1", [1, 1]),
        (16, "0-0:40.0.1", "0-0:40.0.2", [16, 1]),
    ):
        side.open(client, max_pdu=500)
        assert [tell(code, 3).plain for code in ("0-0:40.0.0", current)] == [partners] * 2
        assert [tell(code, 8).plain for code in ("0-0:40.0.0", current, other)] == [2, 2, 0]
        assert tell("0-0:40.0.0", 5).plain == [f"{0x1E1D:024b}", 1200, 500, 6, 0, b""]
        assert tell("0-0:40.0.0", 4).plain == acse.LN
        assert tell("0-0:40.0.0", 6).plain == (acse.LOW_LEVEL if client == 1 else acse.LOWEST)
    assert rows_of(side.get(Attribute.of(17, "0-0:41.0.0"))) == [[1, NAME]]
    secret = Attribute.of(15, "0-0:40.0.2", 7)
    assert side.set(secret, octet_string(b"abcdefgh")) == Result.READ_WRITE_DENIED
    side.open()
    assert side.set(secret, octet_string(b"short")) == Result.SCOPE_OF_ACCESS_VIOLATED
    assert side.set(secret, unsigned(1)) == Result.TYPE_UNMATCHED
    assert side.set(secret, octet_string(b"abcdefgh")) == Result.SUCCESS
    assert side.set(Attribute.of(15, "0-0:40.0.1", 7), octet_string(b"abcdefgh")) == Result.OBJECT_UNDEFINED
    assert side.open().diagnostic == 13
    assert side.open(password=b"abcdefgh").result == 0


def test_the_object_list_says_what_there_is_and_what_may_be_done() -> None:
    lists: dict[int, ObjectList] = {}
    for client in (16, 1):
        side = Side(port=client == 1)
        side.open(client, max_pdu=0)
        value = side.get(Attribute.of(15, "0-0:40.0.0"))
        assert isinstance(value, Data)
        lists[client] = ObjectList.read(value)
        assert lists[client].data == value
        for entry in lists[client]:
            for key, access in entry.attributes.items():
                if entry.class_id == 15:
                    continue
                found = side.get(entry.attribute(key))
                assert isinstance(found, Data) == access.mode.readable, (str(entry), key)
    public, management = lists[16], lists[1]
    assert len(management) == len(public) + 1 == 15
    assert "0-1:96.3.1" in management
    assert "0-1:96.3.1" not in public
    tariff = [found["0-0:96.14.0"].attributes[2].mode for found in (public, management)]
    assert tariff == [Access.READ, Access.READ_WRITE]
    assert management["1-0:99.1.1"].attributes[2].selectors == (1, 2)
    assert [found["1-0:1.8.0"].methods for found in (public, management)] == [{1: False}, {1: True}]
    assert management["0-0:40.0.2"].attributes[7].mode == Access.WRITE
    assert public["0-0:40.0.2"].attributes[7].mode == Access.NONE
    assert management["0-0:1.0.0"].attributes.keys() == {1, 2, 3}  # only what is bound exists


def test_rows_that_make_no_sense_are_refused_when_they_are_written() -> None:
    twice = CosemObject[Meter](classes.DATA, "0-0:40.0.0", {"value": axdr.NULL})
    with pytest.raises(InvalidValue, match="two objects"):
        LogicalDevice([twice], ())
    with pytest.raises(InvalidValue, match="access"):
        CosemObject[Meter](classes.DATA, "0-0:1.1.1", {"value": Bound(axdr.NULL, access="x/y")})


@pytest.mark.proves("A-131")
@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from([b"\xc0\1\xc1", b"\xc0\2\xc1", b"\xc1\2\xc1", b"\xc3\1\xc1", b"\x60", b"\x62"]).flatmap(
            lambda begin: st.binary(max_size=40).map(lambda rest: begin + rest)
        ),
        max_size=6,
    )
)
def test_whatever_comes_is_answered_and_changes_nothing_that_it_may_not(requests: list[bytes]) -> None:
    side = Side()
    side.open(16)
    before = dict(side.meter, rows=None)
    for request in requests:
        answer = side.association.receive(request, 0)
        assert answer is None or answer[0] in (0x61, 0x63, 0xC4, 0xC5, 0xC7, 0xD8)
    assert dict(side.meter, rows=None) == before
