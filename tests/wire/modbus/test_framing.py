"""Frames over RTU, ASCII and TCP: one list of frames drives readers and writers of both roles.

Each reader is fed whole, byte by byte, and with rubbish around.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import FrameError, InvalidValue, UnknownName
from wattproof.wire.modbus.framing import (
    FRAMINGS,
    ClientFramer,
    Request,
    Response,
    ServerFramer,
    character_time,
    framing,
    rtu,
    silent_interval,
    tcp,
)
from wattproof.wire.modbus.framing import ascii as ascii_framing

#: (framing, unit, transaction, PDU, frame): captures, and the CRC example of Modbus over Serial Line 1.02, 6.2.2.
FRAMES = [
    ("rtu", 42, 0, "039c44 0042", bytes.fromhex("2a039c440042ada5")),
    ("rtu", 42, 0, "109c84 0001 02 0001", bytes.fromhex("2a109c840001020001cf2c")),
    ("rtu", 2, 0, "07", bytes.fromhex("020741 12")),
    ("tcp", 42, 1, "039c44 0042", bytes.fromhex("0001 0000 0006 2a 039c440042")),
    ("tcp", 255, 65535, "07", bytes.fromhex("ffff 0000 0002 ff 07")),
    ("tcp", 1, 7, "10" + "00" * 252, bytes.fromhex("0007 0000 00fe 01 10" + "00" * 252)),
    ("ascii", 42, 0, "039c44 0042", b":2A039C440042B1\r\n"),
    ("ascii", 1, 0, "07", b":0107F8\r\n"),
]
IDS = [f"{name}-{len(frame)}" for name, *_, frame in FRAMES]


def pieces(data: bytes, size: int) -> Iterable[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def requests(framer: ServerFramer, data: bytes, size: int = 10_000) -> list[Request]:
    return [request for piece in pieces(data, size) for request in framer.receive(piece)]


def events(framer: ClientFramer, data: bytes, size: int = 10_000) -> list[Response | FrameError]:
    return [event for piece in pieces(data, size) for event in framer.receive(piece)]


@pytest.mark.proves("B-002")
@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
@pytest.mark.parametrize(("name", "unit", "transaction", "pdu", "frame"), FRAMES, ids=IDS)
def test_servers_read_what_clients_write(
    name: str, unit: int, transaction: int, pdu: str, frame: bytes, size: int
) -> None:
    row = framing(name)
    body = bytes.fromhex(pdu)
    assert row.client().encode(unit, body, transaction) == frame
    assert requests(row.server(), frame, size) == [Request(unit, body, transaction)]
    assert requests(row.server(), frame * 3, size) == [Request(unit, body, transaction)] * 3


@pytest.mark.proves("B-002")
@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
@pytest.mark.parametrize("name", FRAMINGS)
def test_clients_read_what_servers_write(name: str, size: int) -> None:
    client, server = framing(name).client(), framing(name).server()
    for asked, said in [
        ("030000 0002", "0304 11223344"),
        ("030000 0002", "8302"),
        ("010000 0011", "0103 112233"),
        ("100000 0001 02 0001", "100000 0001"),
        ("060000 0001", "060000 0001"),
        ("11", "1103 4142ff"),
        ("2b0e0100", "2b0e010100000100024142"),
        ("4101", "4199"),
    ]:
        request = Request(9, bytes.fromhex(asked), 5 if name == "tcp" else 0)
        client.expecting(request)
        answer = server.encode(request, bytes.fromhex(said))
        assert events(client, answer, size) == [Response(9, bytes.fromhex(said), request.transaction)]


PDUS = st.binary(min_size=1, max_size=253)


@pytest.mark.parametrize("name", ["tcp", "ascii"])
@given(pdus=st.lists(st.tuples(st.integers(0, 255), PDUS), max_size=4), size=st.integers(1, 30))
def test_any_stream_of_frames_comes_back(name: str, pdus: list[tuple[int, bytes]], size: int) -> None:
    client, server = framing(name).client(), framing(name).server()
    stream = b"".join(client.encode(unit, pdu) for unit, pdu in pdus)
    assert requests(server, stream, size) == [Request(*each) for each in pdus]


REQUEST_PDUS = st.one_of(
    st.tuples(st.sampled_from([1, 2, 3, 4, 5, 6]), st.binary(min_size=4, max_size=4)).map(
        lambda parts: bytes((parts[0],)) + parts[1]
    ),
    st.tuples(st.sampled_from([15, 16]), st.binary(min_size=4, max_size=4), st.binary(max_size=246)).map(
        lambda parts: bytes((parts[0],)) + parts[1] + bytes((len(parts[2]),)) + parts[2]
    ),
    st.binary(min_size=6, max_size=6).map(lambda data: b"\x16" + data),
    st.tuples(st.binary(min_size=8, max_size=8), st.binary(max_size=242)).map(
        lambda parts: b"\x17" + parts[0] + bytes((len(parts[1]),)) + parts[1]
    ),
)


@given(st.lists(st.tuples(st.integers(0, 255), REQUEST_PDUS), max_size=4), st.integers(1, 30), st.booleans())
def test_any_stream_of_requests_comes_back_over_rtu(pdus: list[tuple[int, bytes]], size: int, gaps: bool) -> None:
    server = rtu.ServerFramer()
    found: list[Request] = []
    for unit, pdu in pdus:
        found += requests(server, rtu.frame(unit, pdu), size)
        if gaps:
            assert server.gap() == []
    assert found == [Request(*each) for each in pdus]


# TCP


@pytest.mark.parametrize(
    "header",
    ["0001 0001 0006", "0001 0000 0000", "0001 0000 0001", "0001 0000 00ff", "0001 0000 ffff", "4745 5420 2f20"],
)
@pytest.mark.parametrize("size", [1, 10_000])
def test_headers_that_lie_break_the_connection_and_no_request_follows(header: str, size: int) -> None:
    good = bytes.fromhex("0001 0000 0006 2a 039c440042")
    server, client = tcp.ServerFramer(), tcp.ClientFramer()
    assert requests(server, good + bytes.fromhex(header) + good, size) == [Request(42, good[7:], 1)]
    assert isinstance(server.broken, FrameError)
    assert requests(server, good) == []
    answers = events(client, good + bytes.fromhex(header) + good, size)
    assert answers[0] == Response(42, good[7:], 1)
    assert answers[1:] == [client.broken]
    assert events(client, good) == []


def test_a_whole_frame_is_also_found_behind_the_beginning_of_another() -> None:
    server = tcp.ServerFramer()
    good = bytes.fromhex("0001 0000 0006 2a 039c440042")
    assert server.receive(good + good[:9]) == [Request(42, good[7:], 1)]
    assert server.receive(good[9:] + good) == [Request(42, good[7:], 1)] * 2
    assert server.gap() == []


# ASCII


@pytest.mark.parametrize(
    "stream",
    [
        b"noise:2A039C440042B1\r\n",
        b":2A03:2a039c440042b1\r\n",
        b":2A039C440042B2\r\n:2A039C440042B1\r\n",
        b":2A039C440042B1\n:2A039C440042B1\r\n",
        b":2A039C44 042B1\r\n:2A039C440042B1\r\n",
        b":\r\n:00\r\n:2A039C440042B1\r\n",
        b":" + b"0" * 2000 + b"\r\n:2A039C440042B1\r\n",
        b"\r\n" * 300 + b":2A039C440042B1\r\n",
        b":0103000000FF\r\n:2A039C440042B1\r\n",
    ],
)
@pytest.mark.parametrize("size", [1, 4, 10_000])
def test_ascii_servers_answer_the_first_whole_frame(stream: bytes, size: int) -> None:
    server = ascii_framing.ServerFramer({42})
    assert requests(server, stream, size) == [Request(42, bytes.fromhex("039c440042"))]
    assert server.gap() == []
    assert len(server._lines._buffer) <= ascii_framing.LONGEST


@pytest.mark.parametrize("name", ["rtu", "ascii"])
def test_only_ones_own_units_and_broadcasts_are_handed_over(name: str) -> None:
    client = framing(name).client()
    server = rtu.ServerFramer({42, 43}) if name == "rtu" else ascii_framing.ServerFramer({42, 43})
    pdu = bytes.fromhex("060000 0001")
    stream = b"".join(client.encode(unit, pdu) for unit in (1, 42, 0, 247, 43))
    assert [request.unit for request in requests(server, stream)] == [42, 0, 43]
    server.units = {1}
    assert [request.unit for request in requests(server, stream)] == [1, 0]


# clients on a line

CLIENTS = {"rtu": (rtu.ClientFramer, rtu.frame), "ascii": (ascii_framing.ClientFramer, ascii_framing.frame)}
READ = Request(42, bytes.fromhex("039c440002"))
DATA = bytes.fromhex("0304 11223344")


@pytest.mark.parametrize("size", [1, 5, 10_000])
@pytest.mark.parametrize("name", CLIENTS)
@pytest.mark.parametrize(
    "before",
    [
        lambda frame: b"",
        lambda frame: frame(42, READ.pdu),
        lambda frame: b"\x55",
        lambda frame: b"\x2a",
        lambda frame: b"\x2a\x03\x04",
        lambda frame: b"\x05\x03\xfa",
        lambda frame: frame(5, READ.pdu) + frame(5, DATA),
        lambda frame: frame(42, READ.pdu) + b"\xff\x00" + frame(5, b"\x83\x02"),
        lambda frame: frame(42, bytes.fromhex("0306 112233445566")),
        lambda frame: frame(42, bytes.fromhex("1000010002")),
    ],
    ids=["nothing", "echo", "noise", "unit", "header", "foreign header", "foreign", "all", "late", "late write"],
)
def test_a_client_finds_its_answer_behind_anything(
    name: str, before: Callable[[Callable[[int, bytes], bytes]], bytes], size: int
) -> None:
    make, frame = CLIENTS[name]
    client = make()
    client.expecting(READ)
    found = events(client, before(frame) + frame(42, DATA), size)
    assert [event for event in found if isinstance(event, Response)] == [Response(42, DATA)]
    assert len(found) == 1 or before(frame) == b"\x2a\x03\x04"  # that looks like a damaged answer, and is said to
    assert events(client, frame(42, DATA)) == []


@pytest.mark.parametrize("name", CLIENTS)
def test_other_units_and_rubbish_are_counted_for_the_error_message(name: str) -> None:
    make, frame = CLIENTS[name]
    client = make()
    client.expecting(READ)
    client.receive(frame(43, DATA) + frame(42, bytes.fromhex("1000010002")))
    assert client.heard == {43}
    assert client.discarded > 0
    client.expecting(READ)
    assert (client.heard, client.discarded) == (set(), 0)


@pytest.mark.proves("B-003")
@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize("name", CLIENTS)
def test_a_damaged_answer_is_an_event_and_the_next_one_counts(name: str, size: int) -> None:
    make, frame = CLIENTS[name]
    client = make()
    client.expecting(READ)
    good = frame(42, DATA)
    bad = good[:-3] + bytes((good[-3] ^ 1,)) + good[-2:]
    found = events(client, bad, size)
    assert [type(event) for event in found] == [FrameError]
    assert events(client, good, size) == [Response(42, DATA)]


@pytest.mark.parametrize("name", CLIENTS)
def test_an_echo_is_told_from_an_answer_that_looks_like_it(name: str) -> None:
    make, frame = CLIENTS[name]
    write = Request(42, bytes.fromhex("0600010003"))
    client = make()
    client.expecting(write)  # nobody knows of an echo yet: the first frame is the answer
    assert events(client, frame(*write[:2])) == [Response(42, write.pdu)]
    client.expecting(READ)
    assert events(client, frame(*READ[:2]) + frame(42, DATA)) == [Response(42, DATA)]
    client.expecting(write)  # now there is one
    assert events(client, frame(*write[:2])) == []
    assert events(client, frame(*write[:2])) == [Response(42, write.pdu)]
    client.expecting(READ)
    assert events(client, frame(42, DATA)) == [Response(42, DATA)]
    client.expecting(write)  # and now it has gone
    assert events(client, frame(*write[:2])) == [Response(42, write.pdu)]
    told = make(echo=True)
    told.expecting(write)
    assert events(told, frame(*write[:2])) == []
    assert events(told, frame(*write[:2])) == [Response(42, write.pdu)]


@pytest.mark.parametrize("name", CLIENTS)
def test_without_a_request_everything_is_thrown_away(name: str) -> None:
    make, frame = CLIENTS[name]
    client = make()
    assert events(client, frame(42, DATA) * 50) == []
    client.gap()
    client.expecting(READ)
    assert events(client, frame(42, DATA)) == [Response(42, DATA)]


@pytest.mark.parametrize("name", FRAMINGS)
def test_what_no_frame_can_carry_is_refused(name: str) -> None:
    client = framing(name).client()
    for unit, pdu in ((256, b"\3"), (-1, b"\3"), (1, b""), (1, bytes(254))):
        with pytest.raises(InvalidValue):
            client.encode(unit, pdu)
    if framing(name).transactions:
        client.gap()
        with pytest.raises(InvalidValue, match="65536"):
            client.encode(1, b"\3", 65_536)


def test_framings_are_known_by_name() -> None:
    with pytest.raises(UnknownName, match="rtu"):
        framing("jbus")
    assert [name for name, row in FRAMINGS.items() if row.silent] == ["rtu"]


@pytest.mark.parametrize(
    ("baudrate", "gap"), [(1_200, 0.032_083), (9_600, 0.004_010), (19_200, 0.002_005), (38_400, 0.001_75)]
)
def test_gaps_follow_the_rate_up_to_19200(baudrate: int, gap: float) -> None:
    assert silent_interval(baudrate) == pytest.approx(gap, rel=1e-3)


def test_a_character_takes_eleven_bits() -> None:
    assert character_time(19_200) == pytest.approx(11 / 19_200)
    with pytest.raises(InvalidValue):
        character_time(0)


@pytest.mark.parametrize("before", ["", "request", "noise", "other unit"])
@pytest.mark.parametrize("answer", ["normal", "exception"])
def test_rtu_never_says_that_more_is_missing_than_is(answer: str, before: str) -> None:
    asked = Request(42, b"\x03\x9c\x40\x00\x0c")
    front = {
        "": b"",
        "request": rtu.frame(*asked[:2]),
        "noise": b"\x00\xff\x07",
        "other unit": rtu.frame(7, b"\x03\x02\x00\x01"),
    }[before]
    data = front + rtu.frame(42, b"\x03\x18" + bytes(24) if answer == "normal" else b"\x83\x02")
    framer = rtu.ClientFramer()
    framer.expecting(asked)
    assert framer.missing() == 0  # nothing has come: nobody knows when it will
    told = []
    for at in range(len(data)):
        framer.receive(data[at : at + 1])
        told.append(framer.missing())
    if answer == "normal" or not front:
        assert all(missing < len(data) - at for at, missing in enumerate(told))
    assert told[-1] == 0
    if not front:
        assert told == [4, 3, 2, 1, *(range(24, -1, -1) if answer == "normal" else [0])]
