"""The wrapper over TCP and UDP: headers, damage, ports, time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.wire.cosem.meter import new_device, new_meter
from wattproof.errors import FrameError, InvalidValue
from wattproof.wire.cosem import wrapper
from wattproof.wire.cosem.sessions import DatagramSession, HdlcSession, StreamSession
from wattproof.wire.cosem.wrapper import Message, Receiver, decode
from wattproof.wire.cosem.wrapper_links import DatagramLink
from wattproof.wire.hdlc import Address, Frame, Kind, control

Examples = dict[str, dict[str, Any]]
SECOND = 10**9
DEVICE = new_device()
RLRQ, RLRE = bytes.fromhex("6203800100"), bytes.fromhex("6303800100")
VOLTAGE = bytes.fromhex("C001C100030100200700FF0200")
DENIED = bytes.fromhex("D80101")
REJECTED = bytes.fromhex("6117A109060760857405080101A203020101A305A10302010D")
OCCUPIED = bytes.fromhex("6117A109060760857405080101A203020102A305A103020101")


def ask(apdu: bytes, source: int = 16, destination: int = 1) -> bytes:
    return Message(source, destination, apdu).encode()


def heard(octets: bytes) -> bytes | None:
    """The APDU of an answer to client 16."""
    if not octets:
        return None
    message = decode(octets)
    assert message.source == 1
    return message.apdu


@pytest.mark.proves("A-190")
def test_the_examples_of_the_header(examples: Examples) -> None:
    session = StreamSession(DEVICE, new_meter())
    for asked, answered in (
        (
            "00 01 00 10 00 01 00 1F" + examples["aarq-none"]["hex"],
            "00 01 00 01 00 10 00 2B" + examples["aare-ok"]["hex"],
        ),
        (
            "00 01 00 10 00 01 00 0D C0 01 C1 00 03 01 00 20 07 00 FF 02 00",
            "00 01 00 01 00 10 00 09 C4 01 C1 00 06 00 00 09 02",
        ),
        ("00 01 00 10 00 01 00 05 62 03 80 01 00", "00 01 00 01 00 10 00 05 63 03 80 01 00"),
    ):
        request, answer = decode(bytes.fromhex(asked)), decode(bytes.fromhex(answered))
        assert (request.encode(), answer.encode()) == (bytes.fromhex(asked), bytes.fromhex(answered))
        assert request.answer(answer.apdu) == answer
        assert session.receive(bytes.fromhex(asked)) == bytes.fromhex(answered)


@given(
    st.lists(
        st.builds(Message, st.integers(0, 65535), st.integers(0, 65535), st.binary(min_size=1, max_size=60)), max_size=4
    ),
    st.data(),
)
def test_messages_are_found_however_the_stream_is_cut(messages: list[Message], data: st.DataObject) -> None:
    stream = b"".join(message.encode() for message in messages)
    at = data.draw(st.integers(0, len(stream)))
    single, cut = Receiver(), Receiver()
    assert [found for byte in stream for found in single.receive(bytes((byte,)))] == messages
    assert cut.receive(stream[:at]) + cut.receive(stream[at:]) == messages
    assert single.broken is None


@pytest.mark.proves("A-191")
def test_a_damaged_header_breaks_the_stream(examples: Examples) -> None:
    for header in ("0002 0010 0001 0005", "0001 0010 0001 0000", "0001 0010 0001 0801", "0101", "7e"):
        session = StreamSession(DEVICE, new_meter())
        good = ask(examples["aarq-none"]["octets"])
        assert heard(session.receive(good + bytes.fromhex(header) + RLRQ)) == examples["aare-ok"]["octets"]
        assert session.broken is not None, header
        assert session.receive(good) == b""
    session = StreamSession(DEVICE, new_meter())
    longest = ask(bytes(2048))
    assert session.receive(longest[:9]) == b""
    assert heard(session.receive(longest[9:])) == bytes.fromhex("D80202")
    both = session.receive(ask(RLRQ) + ask(VOLTAGE))
    assert both == Message(1, 16, RLRE).encode() + Message(1, 16, DENIED).encode()
    assert session.broken is None


@pytest.mark.proves("A-191")
def test_a_message_must_be_complete_within_thirty_seconds() -> None:
    session, late = (StreamSession(DEVICE, new_meter()) for _ in range(2))
    for one in (session, late):
        assert heard(one.receive(ask(RLRQ) + ask(RLRQ)[:6], SECOND)) == RLRE
    assert heard(session.receive(ask(RLRQ)[6:], 31 * SECOND - 1)) == RLRE
    session.tick(10**12)
    assert session.broken is None
    late.receive(ask(RLRQ)[6:8], 20 * SECOND)
    late.tick(31 * SECOND - 1)
    assert late.broken is None
    late.tick(31 * SECOND)
    assert late.broken is not None
    assert late.receive(ask(RLRQ)[8:], 31 * SECOND) == b""


@pytest.mark.proves("A-192")
def test_datagrams_that_cannot_be_read_are_dropped(examples: Examples) -> None:
    session = DatagramSession(DEVICE, new_meter())
    good = ask(examples["aarq-none"]["octets"])
    for damaged in (
        b"",
        good[:-1],
        good + b"\0",
        b"\0\2" + good[2:],
        good[:6] + b"\0\0",
        good * 2,
        ask(bytes(2048))[:6] + b"\x08\x01" + bytes(2049),
    ):
        assert session.receive(damaged, "a") == b""
    assert heard(session.receive(good, "a")) == examples["aare-ok"]["octets"]


@pytest.mark.proves("A-192", "A-193")
def test_over_udp_an_association_belongs_to_peer_and_port(examples: Examples) -> None:
    session = DatagramSession(DEVICE, new_meter())
    aarq, lls = examples["aarq-none"]["octets"], examples["aarq-lls"]["octets"]
    value = examples["get-voltage-rsp"]["octets"]
    assert heard(session.receive(ask(VOLTAGE), "a")) == DENIED
    session.receive(ask(aarq), "a", 0)
    assert heard(session.receive(ask(VOLTAGE), "a", SECOND)) == value
    for peer, source, opening in (("b", 16, aarq), ("a", 1, lls)):
        assert heard(session.receive(ask(opening, source), peer, SECOND)) == OCCUPIED
        assert heard(session.receive(ask(VOLTAGE, source), peer, SECOND)) == DENIED
        assert heard(session.receive(ask(RLRQ, source), peer, SECOND)) == RLRE
    assert heard(session.receive(ask(VOLTAGE), "a", 121 * SECOND - 1)) == value
    assert heard(session.receive(ask(VOLTAGE), "a", 241 * SECOND - 1)) == DENIED
    assert heard(session.receive(ask(aarq), "b", 241 * SECOND)) == examples["aare-ok"]["octets"]
    assert heard(session.receive(ask(RLRQ), "b", 241 * SECOND)) == RLRE
    assert heard(session.receive(ask(lls, 1), "a", 241 * SECOND)) == examples["aare-ok"]["octets"]


@pytest.mark.proves("A-193")
@pytest.mark.parametrize("kind", [StreamSession, DatagramSession])
def test_foreign_ports_get_nothing_or_are_rejected(examples: Examples, kind: Any) -> None:
    session = kind(DEVICE, new_meter())
    aarq = examples["aarq-none"]["octets"]

    def receive(octets: bytes) -> bytes | None:
        return heard(session.receive(octets, "a") if kind is DatagramSession else session.receive(octets))

    for _ in range(2):  # without an association and with one
        assert receive(ask(aarq, 16, 2)) is None
        assert receive(ask(aarq, 17)) == REJECTED
        assert receive(ask(VOLTAGE, 17)) is None
        assert receive(ask(RLRQ, 17)) is None
        receive(ask(aarq))
        assert receive(ask(VOLTAGE)) == examples["get-voltage-rsp"]["octets"]


def test_over_tcp_an_association_ends_after_120_seconds_or_with_another_one(examples: Examples) -> None:
    session = StreamSession(DEVICE, new_meter())
    aarq, value = examples["aarq-none"]["octets"], examples["get-voltage-rsp"]["octets"]
    session.receive(ask(aarq), 0)
    assert heard(session.receive(ask(VOLTAGE), 119 * SECOND)) == value
    session.tick(239 * SECOND - 1)
    assert session.association.associated
    session.tick(239 * SECOND)
    assert not session.association.associated
    session.receive(ask(aarq), 240 * SECOND)
    assert heard(session.receive(ask(aarq, 1), 240 * SECOND)) == OCCUPIED
    assert heard(session.receive(ask(VOLTAGE), 240 * SECOND)) == value


def test_what_does_not_fit_into_the_wrapper_is_refused() -> None:
    for message in (Message(16, 1, b""), Message(16, 1, bytes(65536)), Message(65536, 1, b"a"), Message(16, -1, b"a")):
        with pytest.raises(InvalidValue):
            message.encode()
    for octets in (b"", bytes(8), wrapper.Message(1, 1, b"abc").encode()[:-1]):
        with pytest.raises(FrameError):
            decode(octets)


@pytest.mark.proves("A-111", "A-124")
def test_over_hdlc_the_association_goes_with_the_link(examples: Examples) -> None:
    session = HdlcSession(DEVICE, new_meter(), 17, gap=40_000_000)
    snrm, aarq, get, disc = (
        examples[name]["octets"] for name in ("snrm-par", "aarq-none-frame", "get-voltage-frame", "disc")
    )

    def denied(octets: bytes) -> bool:
        return DENIED in octets

    for end in (disc + snrm, snrm):
        assert session.receive(snrm) == examples["ua-512"]["octets"]
        assert session.receive(aarq) == examples["aare-ok-frame"]["octets"]
        assert session.receive(get) == examples["get-voltage-rsp-frame"]["octets"]
        session.receive(end)
        assert not session.association.associated
        again = Frame(Address.server(17), Address.client(16), control(Kind.I), b"\xe6\xe6\0" + VOLTAGE)
        assert denied(session.receive(again.encode()))
    session.receive(snrm + aarq, 0)
    session.tick(120 * SECOND - 1)
    assert session.association.associated
    session.tick(120 * SECOND)
    assert not session.association.associated
    assert session.receive(get[:9], 200 * SECOND) == b""
    assert session.receive(get[9:], 201 * SECOND) == b""  # the pause was too long
    assert session.receive(get, 201 * SECOND) == examples["dm"]["octets"]


@pytest.mark.parametrize(
    ("request_", "late", "answer"),
    [("C001C1", "6103800107", "C401C1"), ("C001C1", "6300", "C401C1"), ("6003800107", "C40180", "6103800107")],
)
def test_a_late_datagram_is_no_answer_to_another_service(request_: str, late: str, answer: str) -> None:
    exchange = DatagramLink().exchange(bytes.fromhex(request_))
    next(exchange)
    assert exchange.send(Message(1, 16, bytes.fromhex(late)).encode()).data == b"", "nothing is sent, more is heard"
    with pytest.raises(StopIteration) as end:
        exchange.send(Message(1, 16, bytes.fromhex(answer)).encode())
    assert end.value.value == bytes.fromhex(answer)
