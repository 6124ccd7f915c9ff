"""No bytes hang, crash or grow the receivers of HDLC and COSEM, on either side; a damaged link heals or says so."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.wire.cosem.meter import new_device, new_meter
from wattproof.errors import FrameError, LinkError, ProtocolError, Refused
from wattproof.wire.conversation import run
from wattproof.wire.cosem import acse, apdus, wrapper
from wattproof.wire.cosem import data as axdr
from wattproof.wire.cosem.acse import AssociationRequest
from wattproof.wire.cosem.apdus import INVOKE
from wattproof.wire.cosem.client import Client
from wattproof.wire.cosem.data import octet_string
from wattproof.wire.cosem.descriptors import Attribute, Method
from wattproof.wire.cosem.initiate import InitiateRequest, InitiateResponse
from wattproof.wire.cosem.object_list import ObjectList
from wattproof.wire.cosem.profiles import decode_buffer
from wattproof.wire.cosem.reading import read_objects, read_profile
from wattproof.wire.cosem.selection import RangeDescriptor, capture_objects, descriptor
from wattproof.wire.cosem.server import Association
from wattproof.wire.cosem.sessions import DatagramSession, HdlcSession, StreamSession
from wattproof.wire.cosem.times import DateTime, DstRule
from wattproof.wire.cosem.wrapper_links import StreamLink
from wattproof.wire.hdlc import Address, ClientLink, Frame, Parameters, Receiver, addresses
from wattproof.wire.hdlc.controls import CONTROLS

DEVICE = new_device()
VOLTAGE, BLOB = Attribute.of(3, "1-0:32.7.0"), Attribute.of(1, "0-0:128.4.0")
EVERYTHING = RangeDescriptor.between(DateTime(), DateTime()).selection
SERVER, CLIENT = Address.server(17), Address.client(1)
AARQ = AssociationRequest.of(InitiateRequest(max_pdu=100), b"12345678").encode()
REQUESTS = [
    AARQ,
    b"\x62\x00",
    *(apdus.encode(apdu) for apdu in (
        apdus.GetRequest(INVOKE, VOLTAGE),
        apdus.GetRequest(INVOKE, Attribute.of(15, "0-0:40.0.0")),
        apdus.GetRequest(INVOKE, Attribute.of(7, "1-0:99.1.1", 2, EVERYTHING)),
        apdus.GetList(INVOKE, (VOLTAGE, BLOB)),
        apdus.GetNext(INVOKE, 1),
        apdus.SetRequest(INVOKE, BLOB, octet_string(b"abc")),
        apdus.SetFirstBlock(INVOKE, BLOB, False, 1, b"\x09\x04ab"),
        apdus.SetBlock(INVOKE, True, 2, b"cd"),
        apdus.ActionRequest(INVOKE, Method.of(11, "0-0:11.0.0"), octet_string(bytes(200))),
        apdus.ActionNext(INVOKE, 1),
        apdus.ActionFirstBlock(INVOKE, Method.of(11, "0-0:11.0.0"), False, 1, b"\x09"),
    )),
]  # fmt: skip
FRAMES = st.builds(
    lambda field, information, segmented: Frame(SERVER, CLIENT, field, information, segmented).encode(),
    st.sampled_from(CONTROLS),
    st.sampled_from([b"", Parameters(64, 64, 7, 7).encode(), *(b"\xe6\xe6\0" + request for request in REQUESTS)]),
    st.booleans(),
)


def damaged(octets: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    """Bytes as they are, with one bit inverted, cut, or with rubbish before them."""
    flipped = st.tuples(octets, st.integers(0, 1 << 16)).map(
        lambda pair: pair[0] and bytearray(pair[0]).__class__(
            octet ^ (1 << pair[1] % 8 if at == pair[1] // 8 % len(pair[0]) else 0) for at, octet in enumerate(pair[0])
        )
    )  # fmt: skip
    cut = st.tuples(octets, st.integers(0, 200)).map(lambda pair: pair[0][: pair[1]])
    return st.one_of(octets, flipped.map(bytes), cut, st.binary(max_size=12))


LINE = st.lists(damaged(FRAMES), max_size=12).map(b"".join)
MESSAGES = st.builds(
    lambda source, destination, apdu: wrapper.Message(source, destination, apdu).encode(),
    st.sampled_from([1, 16, 17]),
    st.sampled_from([1, 1, 1, 2]),
    st.sampled_from(REQUESTS),
)


@settings(max_examples=150, deadline=None)
@given(LINE)
def test_any_line_gives_the_same_frames_however_it_is_cut(line: bytes) -> None:
    whole, single = Receiver(), Receiver()
    frames = whole.receive(line)
    assert [found for octet in line for found in single.receive(bytes((octet,)))] == frames
    assert whole.dropped == single.dropped
    assert sum(len(frame.encode()) - 1 for frame in frames) <= len(line)
    for frame in frames:
        assert frame.encode() in line


@settings(max_examples=100, deadline=None)
@given(LINE)
def test_a_server_answers_any_line_by_the_rules_and_then_serves_the_next_client(line: bytes) -> None:
    session = HdlcSession(DEVICE, new_meter(), 17, gap=1000)
    answers = Receiver().receive(session.receive(line))
    assert all((frame.destination, frame.source) == (CLIENT, SERVER) for frame in answers)
    if session.link.client not in (None, 1):
        session.link.drop()
    client = Client(ClientLink(17, 1), b"12345678")
    times = iter(range(10**6, 10**9, 10**6))
    run(client.open(), lambda data, timeout: session.receive(data, next(times)))
    value = run(client.get(VOLTAGE), lambda data, timeout: session.receive(data, next(times)))
    assert value == axdr.double_long_unsigned(2306)


@settings(max_examples=100, deadline=None)
@given(st.lists(damaged(MESSAGES), max_size=8))
def test_streams_and_datagrams_are_answered_or_dropped(messages: list[bytes]) -> None:
    stream, port = StreamSession(DEVICE, new_meter()), DatagramSession(DEVICE, new_meter())
    for number, message in enumerate(messages):
        answered = stream.receive(message)
        assert not answered or wrapper.Receiver().receive(answered)
        answer = port.receive(message, number % 2)
        assert not answer or 0 < len(wrapper.decode(answer).apdu) <= wrapper.LONGEST


@settings(max_examples=150, deadline=None)
@given(st.lists(damaged(st.sampled_from(REQUESTS)), max_size=10))
def test_an_association_survives_any_apdus(requests: list[bytes]) -> None:
    association = Association(DEVICE, new_meter())
    association.connected(1)
    for request in (AARQ, *requests):
        answer = association.receive(request, 0)
        if answer is not None:
            assert answer[0] in (0x61, 0x63, 0xC4, 0xC5, 0xC7, 0xD8)
            if answer[0] not in (0x61, 0x63):
                apdus.decode(answer)
                assert len(answer) <= 100 or not association.associated
    again = association.receive(AARQ, 0)
    assert again is not None
    assert again[0] == 0x61


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_a_client_reads_the_truth_or_raises_whatever_the_line_does(data: Any) -> None:
    """Every answer may be damaged, cut, doubled, replaced or lost; a value that comes back is the right one."""
    meter = new_meter()
    meter["rows"] = meter["rows"][:40]
    session = HdlcSession(DEVICE, meter, 17)
    client = Client(ClientLink(17, 1), b"12345678")
    budget = [6]  # so many disturbances at most

    def exchange(octets: bytes, timeout: int) -> bytes:
        answer = session.receive(octets)
        if not answer or not budget[0] or data.draw(st.integers(0, 3)):
            return answer
        budget[0] -= 1
        bit = data.draw(st.integers(0, 8 * len(answer) - 1))
        flipped = bytearray(answer)
        flipped[bit // 8] ^= 1 << bit % 8
        changes = (b"", bytes(flipped), answer[: bit // 8], answer * 2, octets + answer, b"\x7e\xa0" + answer)
        return data.draw(st.sampled_from(changes))

    try:
        run(client.open(), exchange)
        value = run(client.get(VOLTAGE), exchange)
        objects = run(read_objects(client), exchange)
        profile = run(read_profile(client, "1-0:99.1.1"), exchange)
    except (LinkError, ProtocolError, Refused):
        return
    assert value == axdr.double_long_unsigned(2306)
    assert len(objects) == 15
    assert len(profile.rows) == 40


@settings(max_examples=150, deadline=None)
@given(damaged(st.sampled_from([*REQUESTS, InitiateRequest().encode(), InitiateResponse().encode()])))
def test_any_bytes_are_understood_or_a_frame_error(octets: bytes) -> None:
    for read in (
        apdus.decode, acse.decode, axdr.decode, InitiateRequest.decode, InitiateResponse.decode, Parameters.decode,
        addresses.decode, wrapper.decode, DateTime.decode, DstRule.decode,
    ):  # fmt: skip
        try:
            found = read(octets)
        except FrameError:
            continue
        if isinstance(found, axdr.Data):
            for take in (ObjectList.read, decode_buffer, capture_objects, RangeDescriptor.read):
                try:
                    take(found)
                except FrameError:
                    continue
        if isinstance(found, apdus.GetRequest) and found.attribute.selection is not None:
            try:
                descriptor(found.attribute.selection)
            except FrameError:
                continue


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=60), min_size=1, max_size=6))
def test_a_client_of_the_wrapper_takes_no_rubbish_for_an_answer(pieces: list[bytes]) -> None:
    left = list(pieces)
    link = StreamLink()
    try:
        answer = run(link.exchange(b"\xc0"), lambda data, timeout: left.pop(0) if left else b"")
    except (LinkError, ProtocolError):
        return
    assert wrapper.Message(1, 16, answer).encode() in b"".join(pieces)
