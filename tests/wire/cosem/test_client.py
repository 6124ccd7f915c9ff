"""Our client and our server, joined in memory over every transport."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.cosem.meter import COLUMNS, Meter, new_device, new_meter
from wattproof.errors import (
    AssociationRefused,
    CosemRefused,
    Disconnected,
    FrameError,
    InvalidValue,
    ProtocolError,
    ResponseTimeout,
    ServiceRefused,
    UnknownName,
)
from wattproof.model.units import VOLT, WATT_HOUR
from wattproof.model.values import Scaled
from wattproof.wire.conversation import Conversation, run
from wattproof.wire.cosem import acse, apdus, wrapper
from wattproof.wire.cosem import data as axdr
from wattproof.wire.cosem.acse import AssociationResponse
from wattproof.wire.cosem.apdus import INVOKE
from wattproof.wire.cosem.client import Client, Link
from wattproof.wire.cosem.conformance import OFFERED, Conformance
from wattproof.wire.cosem.data import Data, octet_string, unsigned
from wattproof.wire.cosem.descriptors import Attribute, Method
from wattproof.wire.cosem.fields import Outcome
from wattproof.wire.cosem.initiate import InitiateResponse
from wattproof.wire.cosem.object_list import ObjectList
from wattproof.wire.cosem.reading import read_clock, read_objects, read_profile, read_register
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.selection import EntryDescriptor, RangeDescriptor
from wattproof.wire.cosem.sessions import DatagramSession, HdlcLine, HdlcSession, StreamSession
from wattproof.wire.cosem.times import Date, DateTime, Time
from wattproof.wire.cosem.wrapper_links import DatagramLink, StreamLink
from wattproof.wire.hdlc import Address, ClientLink, Frame, Kind, Parameters, control

DEVICE = new_device()
VOLTAGE, TARIFF = Attribute.of(3, "1-0:32.7.0"), Attribute.of(1, "0-0:96.14.0")
BLOB, ECHO = Attribute.of(1, "0-0:128.4.0"), Method.of(11, "0-0:11.0.0")
Exchange = Callable[[bytes, int], bytes]


class Joined:
    """A client and a session that talk without a wire between them."""

    def __init__(
        self,
        transport: str,
        client: int = 1,
        password: bytes | None = b"12345678",
        meter: Meter | None = None,
        **options: Any,
    ) -> None:
        self.meter = new_meter() if meter is None else meter
        link: Link
        if transport == "hdlc":
            session = HdlcSession(DEVICE, self.meter, 17)
            link, self.exchange = ClientLink(17, client), lambda data, timeout: session.receive(data)
        elif transport == "tcp":
            stream = StreamSession(DEVICE, self.meter)
            link, self.exchange = StreamLink(client), lambda data, timeout: stream.receive(data)
        else:
            datagrams = DatagramSession(DEVICE, self.meter)
            link = DatagramLink(client)
            self.exchange = lambda data, timeout: datagrams.receive(data, "peer") if data else b""
        self.client = Client(link, password if client == 1 else None, **options)
        self.run(self.client.open())

    def run(self, conversation: Conversation[Any]) -> Any:
        return run(conversation, self.exchange)


@pytest.fixture(params=["hdlc", "tcp", "udp"])
def joined(request: pytest.FixtureRequest) -> Joined:
    return Joined(request.param)


@pytest.mark.proves("A-126", "A-127")
def test_everything_can_be_asked_over_every_transport(joined: Joined) -> None:
    client, meter = joined.client, joined.meter
    assert client.granted == InitiateResponse()
    assert joined.run(client.get(VOLTAGE)) == axdr.double_long_unsigned(2306)
    nothing = Attribute.of(3, "1-0:52.7.0")
    assert joined.run(client.get_list([VOLTAGE, nothing, TARIFF])) == [
        axdr.double_long_unsigned(2306), Result.OBJECT_UNDEFINED, unsigned(1),
    ]  # fmt: skip
    joined.run(client.set(TARIFF, unsigned(3)))
    assert joined.run(client.get(TARIFF)) == unsigned(3)
    assert joined.run(client.set_list([(TARIFF, unsigned(9)), (TARIFF, unsigned(2))])) == [
        Result.SCOPE_OF_ACCESS_VIOLATED, Result.SUCCESS,
    ]  # fmt: skip
    assert joined.run(client.action(Method.of(3, "1-0:1.8.0"), axdr.integer(0))) is None
    assert meter["resets"] == 1
    for wrong, result in ((client.get(nothing), 4), (client.set(TARIFF, axdr.long(1)), 12), (client.action(ECHO), 12)):
        with pytest.raises(CosemRefused, match=r"refused") as refused:
            joined.run(wrong)
        assert refused.value.result == result
    joined.run(client.close())
    assert not client.granted.conformance


@pytest.mark.proves("A-128", "A-129", "A-192")
def test_long_values_go_both_ways_in_blocks(joined: Joined) -> None:
    blob = octet_string(bytes(range(250)) * 10)
    joined.run(joined.client.set(BLOB, blob))
    assert joined.meter["blob"] == blob.value
    assert joined.run(joined.client.get(BLOB)) == blob
    assert joined.run(joined.client.get_list([BLOB, VOLTAGE, BLOB])) == [blob, axdr.double_long_unsigned(2306), blob]
    assert joined.run(joined.client.action(ECHO, blob)) == blob
    with pytest.raises(CosemRefused, match="scope-of-access-violated"):
        joined.run(joined.client.set(BLOB, octet_string(bytes(3001))))


@settings(max_examples=40, deadline=None)
@given(st.integers(16, 300), st.integers(8, 300), st.integers(0, 700))
def test_blocks_and_segments_of_any_size_work_together(pdu: int, segment: int, length: int) -> None:
    meter = new_meter()
    session = HdlcSession(new_device(max_pdu=pdu + 20), meter, 17, limits=Parameters(segment, segment))
    client = Client(ClientLink(17, 1), b"12345678", max_pdu=pdu)
    blob = octet_string(bytes(length))

    def everything() -> Conversation[tuple[Data, Data | None]]:
        yield from client.open()
        yield from client.set(BLOB, blob)
        value = yield from client.get(BLOB)
        returned = yield from client.action(ECHO, blob)
        return value, returned

    assert run(everything(), lambda data, timeout: session.receive(data)) == (blob, blob)
    assert meter["blob"] == blob.value


def test_a_list_is_asked_for_in_as_few_requests_as_fit() -> None:
    joined = Joined("tcp")
    asked: list[int] = []

    def counting(data: bytes, timeout: int) -> bytes:
        asked.append(len(data))
        return exchange(data, timeout)

    exchange, joined.exchange = joined.exchange, counting
    values = joined.run(joined.client.get_list([VOLTAGE] * 300))
    assert values == [axdr.double_long_unsigned(2306)] * 300
    assert len(asked) == 3
    assert max(asked) <= 1200 + 8
    single = Joined("tcp", conformance=OFFERED & ~Conformance.MULTIPLE_REFERENCES)
    asked.clear()
    exchange, single.exchange = single.exchange, counting
    nothing = Attribute.of(3, "1-0:52.7.0")
    assert single.run(single.client.get_list([VOLTAGE, nothing])) == [
        axdr.double_long_unsigned(2306), Result.OBJECT_UNDEFINED,
    ]  # fmt: skip
    assert len(asked) == 2


def test_any_meter_is_read_without_knowing_it(joined: Joined) -> None:
    client = joined.client
    objects: ObjectList = joined.run(read_objects(client))
    assert len(objects) == 15
    assert [str(entry) for entry in objects.of_class(3)] == [
        "Register 1-0:32.7.0*255", "Register 1-0:14.7.0*255", "Register 1-0:1.8.0*255",
    ]  # fmt: skip
    voltage = joined.run(read_register(client, objects["32.7.0"]))
    assert (voltage.number, voltage.unit, str(voltage.number)) == (Scaled(2306, -1), VOLT, "230.6")
    assert joined.run(read_register(client, objects["1-0:1.8.0"])).unit == WATT_HOUR
    with pytest.raises(FrameError, match="no register"):
        joined.run(read_register(client, objects["0-0:1.0.0"]))
    with pytest.raises(UnknownName):
        objects["1-0:9.9.9"]
    assert joined.run(read_clock(client)).date == Date(2012, 8, 5, 7)
    whole = joined.run(read_profile(client, "1-0:99.1.1"))
    assert (whole.columns, whole.period, len(whole.rows)) == (COLUMNS, 900, 288)
    assert whole.times[1] == DateTime(Date(2012, 7, 1, 7), Time(0, 15, 0, 0))
    begin, end = (DateTime(Date(2012, 7, 2), Time(hour, 0, 0, 0)) for hour in (1, 2))
    part = joined.run(read_profile(client, "1-0:99.1.1", RangeDescriptor.between(begin, end)))
    assert part.rows == whole.rows[100:105]
    narrow = joined.run(read_profile(client, "1-0:99.1.1", EntryDescriptor(2, 3, 2, 2)))
    assert (narrow.columns, narrow.rows) == (COLUMNS[1:2], tuple(row[1:2] for row in whole.rows[1:3]))
    with pytest.raises(FrameError, match="no time"):
        _ = narrow.times


def test_why_there_is_no_association() -> None:
    with pytest.raises(AssociationRefused, match=r"authentication failure \(13\)") as refused:
        Joined("hdlc", password=b"wrong")
    assert (refused.value.result, refused.value.diagnostic) == (1, 13)
    with pytest.raises(AssociationRefused, match=r"no reason given, initiate error 3 \(1\)"):
        Joined("hdlc", max_pdu=10)


@pytest.mark.proves("A-194")
def test_the_same_values_are_read_over_every_transport() -> None:
    meter = new_meter()
    found = []
    for transport in ("hdlc", "tcp", "udp"):
        joined = Joined(transport, meter=meter)
        objects = joined.run(read_objects(joined.client))
        wanted = [
            entry.attribute(number)
            for entry in objects
            if entry.class_id != 15
            for number, access in entry.attributes.items()
            if access.mode.readable
        ]
        found.append((objects.data, joined.run(joined.client.get_list(wanted))))
    assert found[0] == found[1] == found[2]
    assert len(found[0][1]) > 30


def test_several_meters_share_a_line_and_are_found_by_their_address() -> None:
    meters = {address: new_meter() | {"voltage": address} for address in (17, 18, 49)}
    line = HdlcLine([HdlcSession(DEVICE, meter, address) for address, meter in meters.items()], gap=1000)
    clients = {address: Client(ClientLink(address)) for address in meters}
    for client in clients.values():
        run(client.open(), lambda data, timeout: line.receive(data))
    for address, client in clients.items():
        value = run(client.get(VOLTAGE), lambda data, timeout: line.receive(data))
        assert value == axdr.double_long_unsigned(address)
    everyone = Frame(Address.server(127, size=2), Address.client(16), control(Kind.SNRM))
    assert line.receive(everyone.encode()) == b""
    assert not any(session.association.associated for session in line.sessions.values())
    with pytest.raises(ResponseTimeout):
        run(ClientLink(20).connect(), lambda data, timeout: line.receive(data))
    line.tick(120 * 10**9)
    assert {session.link.client for session in line.sessions.values()} == {None}
    with pytest.raises(InvalidValue, match="address 17"):
        HdlcLine([HdlcSession(DEVICE, meters[17], 17), HdlcSession(DEVICE, meters[18], 17)])


class Script:
    """A server that says what it is told to, whatever is asked."""

    datagrams = False

    def __init__(self, *answers: bytes | apdus.Apdu) -> None:
        self.answers = [answer if isinstance(answer, bytes) else apdus.encode(answer) for answer in answers]
        self.asked: list[bytes] = []

    def connect(self) -> Conversation[None]:
        yield from ()

    disconnect = connect

    def exchange(self, apdu: bytes) -> Conversation[bytes]:
        self.asked.append(apdu)
        yield from ()
        return self.answers.pop(0)


def hear(service: Callable[[Client], Conversation[Any]], *answers: bytes | apdus.Apdu, pdu: int = 1200) -> Any:
    client = Client(Script(*answers))
    client.granted = InitiateResponse(max_pdu=pdu)
    return run(service(client), lambda data, timeout: b"")


def block(number: int, last: bool, raw: bytes | Result = b"\x11") -> apdus.GetBlock:
    return apdus.GetBlock(INVOKE, last, number, raw)


LONG = octet_string(bytes(100))
GET: Any = lambda client: client.get(VOLTAGE)  # noqa: E731
LIST: Any = lambda client: client.get_list([VOLTAGE, TARIFF])  # noqa: E731
SET: Any = lambda client: client.set(BLOB, LONG)  # noqa: E731
ACT: Any = lambda client: client.action(ECHO, LONG)  # noqa: E731


@pytest.mark.parametrize(("service", "answers", "error"), [
    (GET, (apdus.ExceptionResponse(1, 1),), ServiceRefused),
    (GET, (apdus.SetResponse(INVOKE, Result.SUCCESS),), ProtocolError),
    (GET, (apdus.GetResponse(0xC2, unsigned(1)),), ProtocolError),
    (GET, (b"\xc4\1\xc1\0\x11",), FrameError),
    (GET, (b"",), FrameError),
    (GET, (block(2, True),), ProtocolError),
    (GET, (block(1, False), block(3, True)), ProtocolError),
    (GET, (block(1, False), block(2, True, Result(19))), CosemRefused),
    (GET, (block(1, False), apdus.GetResponse(INVOKE, Result(2))), ProtocolError),
    (GET, (block(1, True),), FrameError),
    (LIST, (apdus.GetListResponse(INVOKE, (unsigned(1),)),), ProtocolError),
    (LIST, (apdus.GetResponse(INVOKE, Result(2)),), ProtocolError),
    (LIST, (block(1, True, b"\2\1\4\1\4\0"),), FrameError),
    (SET, (apdus.SetBlockResponse(INVOKE, 2),), ProtocolError),
    (SET, (apdus.SetLastBlockResponse(INVOKE, Result(19), 1),), CosemRefused),
    (SET, tuple(apdus.SetBlockResponse(INVOKE, number) for number in range(1, 9)), ProtocolError),
    (ACT, (apdus.ActionBlockResponse(INVOKE, 2),), ProtocolError),
    (ACT, (apdus.ActionResponse(INVOKE, Outcome(Result(15))),), CosemRefused),
    (ACT, (apdus.ActionResponse(INVOKE, Outcome(Result(0), Result(2))),), CosemRefused),
    (ACT, (apdus.ActionResponseBlock(INVOKE, True, 1, b"\0\0\0"),), FrameError),
    (ACT, (apdus.ActionResponseBlock(INVOKE, False, 1, b"\0"), apdus.ActionResponse(INVOKE, Outcome(Result(2)))),
     CosemRefused),
    (lambda client: client.set_list([(TARIFF, LONG)]), (apdus.SetListResponse(INVOKE, ()),), ProtocolError),
    (Client.associate, (b"\xd8\1\1",), ServiceRefused),
    (Client.associate, (b"\x63\0",), FrameError),
    (Client.associate, (AssociationResponse.of(0, 0, InitiateResponse(OFFERED & ~Conformance.GET).encode()).encode(),),
     FrameError),
    (Client.associate, (AssociationResponse.of(0, 0).encode(),), FrameError),
    (Client.associate, (AssociationResponse.of(2, 99).encode(),), AssociationRefused),
    (Client.release, (b"\x61\0",), FrameError),
])  # fmt: skip
def test_answers_that_do_not_fit_are_typed_errors(service: Any, answers: Any, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        hear(service, *answers, pdu=64)
    assert type(raised.value) is error


def test_a_transfer_without_end_is_given_up() -> None:
    raw = bytes(1 << 20)
    with pytest.raises(ProtocolError, match="longer than"):
        hear(GET, *(block(number, False, raw) for number in range(1, 18)))
    with pytest.raises(ProtocolError, match="longer than"):
        hear(ACT, *(apdus.ActionResponseBlock(INVOKE, False, number, raw) for number in range(1, 18)))


@pytest.mark.proves("A-109")
def test_a_lost_connection_is_opened_anew_and_the_service_repeated() -> None:
    meter = new_meter()
    sessions = [HdlcSession(DEVICE, meter, 17) for _ in range(2)]
    client = Client(ClientLink(17))
    current = [0]

    def exchange(data: bytes, timeout: int) -> bytes:
        return sessions[current[0]].receive(data)

    run(client.open(), exchange)
    current[0] = 1  # the meter was off: it answers DM
    with pytest.raises(Disconnected):
        run(client.get(VOLTAGE), exchange)
    current[0] = 0
    run(client.open(), exchange)
    current[0] = 1
    assert run(client.persist(lambda: client.get(VOLTAGE)), exchange) == axdr.double_long_unsigned(2306)


@pytest.mark.proves("A-195")
def test_over_udp_get_is_repeated_and_set_and_action_never() -> None:
    joined = Joined("udp")
    lost: list[bytes] = []
    losing = [0]
    inner = joined.exchange

    def lossy(data: bytes, timeout: int) -> bytes:
        answer = inner(data, timeout)
        if data and losing[0]:
            losing[0] -= 1
            lost.append(data)
            return b""
        return answer

    joined.exchange = lossy
    losing[0] = 2
    assert joined.run(joined.client.get(VOLTAGE)) == axdr.double_long_unsigned(2306)
    assert lost[0] == lost[1]
    losing[0] = 3
    with pytest.raises(ResponseTimeout):
        joined.run(joined.client.get(VOLTAGE))
    losing[0] = 1
    with pytest.raises(ResponseTimeout):
        joined.run(joined.client.action(Method.of(3, "1-0:1.8.0"), axdr.integer(0)))
    assert joined.meter["resets"] == 1
    lost.clear()
    losing[0] = 1
    joined.run(joined.client.set_and_verify(TARIFF, unsigned(4)))  # done, its answer lost: read back
    assert (joined.meter["tariff"], len(lost)) == (4, 1)
    joined.exchange = lambda data, timeout: b"" if data[8:9] == b"\xc1" else inner(data, timeout)
    with pytest.raises(ResponseTimeout):
        joined.run(joined.client.set_and_verify(TARIFF, unsigned(1)))
    assert joined.meter["tariff"] == 4


def test_over_udp_a_late_answer_is_not_taken_for_the_next_one() -> None:
    joined = Joined("udp")
    inner = joined.exchange
    waiting: list[bytes] = []

    def late(data: bytes, timeout: int) -> bytes:
        if data:
            waiting.append(inner(data, timeout))
            if len(waiting) == 1:
                return b""  # the answer takes longer than the client waits, and then comes twice
        return waiting.pop(0) if waiting else b""

    joined.exchange = late
    assert joined.run(joined.client.get(VOLTAGE)) == axdr.double_long_unsigned(2306)
    assert len(waiting) == 1
    assert joined.run(joined.client.get(TARIFF)) == unsigned(1)
    joined.exchange = lambda data, timeout: b"\0\1junk"
    with pytest.raises(ResponseTimeout):
        joined.run(joined.client.get(TARIFF))


def test_over_tcp_what_is_not_for_this_client_is_passed_over() -> None:
    answer = apdus.encode(apdus.GetResponse(INVOKE, unsigned(1)))
    ours, other = wrapper.Message(1, 16, answer).encode(), wrapper.Message(2, 16, answer).encode()
    link = StreamLink()
    assert run(link.exchange(b"\xc0"), lambda data, timeout: other + ours) == answer
    pieces = [other + ours[:5], ours[5:]]
    assert run(link.exchange(b"\xc0"), lambda data, timeout: pieces.pop(0)) == answer
    with pytest.raises(ResponseTimeout):
        run(link.exchange(b"\xc0"), lambda data, timeout: other if data else b"")
    with pytest.raises(ProtocolError, match="other ports"):
        run(link.exchange(b"\xc0"), lambda data, timeout: other * 20)
    with pytest.raises(FrameError, match="version"):
        run(link.exchange(b"\xc0"), lambda data, timeout: b"\0\2\0\1")
    assert acse.decode(b"\x63\0") == acse.ReleaseResponse()
