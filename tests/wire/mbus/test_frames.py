"""M-Bus frames: bytes to frames and back, for both roles, whole, byte by byte and among rubbish."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wattproof.errors import FrameError, InvalidValue
from wattproof.wire.mbus import frames
from wattproof.wire.mbus.frames import Ack, Frame, Long, Short, decode
from wattproof.wire.mbus.receivers import Damaged, Echo, Expect, MasterReceiver, SlaveReceiver

FRAMES: list[tuple[Frame, str]] = [
    (Ack(), "E5"),
    (frames.snd_nke(254), "10 40 FE 3E 16"),
    (frames.req_ud2(254, True), "10 7B FE 79 16"),
    (frames.req_ud2(254, False), "10 5B FE 59 16"),
    (frames.req_ud1(1, True), "10 7A 01 7B 16"),
    (frames.snd_ud(5, 0xBD, fcb=True), "68 03 03 68 73 05 BD 35 16"),
    (frames.snd_ud(1, 0x51, b"\x01\x7a\x02"), "68 06 06 68 53 01 51 01 7A 02 22 16"),
    (frames.rsp_ud(1, 0x70, b"\x08"), "68 04 04 68 08 01 70 08 81 16"),
]


@pytest.mark.proves("A-001", "A-004")
@pytest.mark.parametrize(("frame", "text"), FRAMES, ids=[text[:14] for _, text in FRAMES])
def test_frames_encode_to_their_bytes_and_decode_back(frame: Frame, text: str) -> None:
    assert frame.encode().hex(" ").upper() == text
    assert decode(bytes.fromhex(text)) == frame
    for noise in (b"", b"\x00\xff", b"\xe5\xe5", b"\x16"):
        for cut in (1, 1000):
            octets = noise + frame.encode()
            receiver = SlaveReceiver()
            pieces = [octets[at : at + cut] for at in range(0, len(octets), cut)]
            heard = [event for piece in pieces for event in receiver.receive(piece)]
            assert heard == ([] if frame == Ack() else [frame])
            assert not receiver.unfinished


@pytest.mark.proves("A-001")
@pytest.mark.parametrize(
    ("name", "controls"),
    [
        ("SND_NKE", (0x40,)),
        ("SND_UD", (0x53, 0x73, 0x43)),
        ("REQ_UD2", (0x5B, 0x7B, 0x4B)),
        ("REQ_UD1", (0x5A, 0x7A)),
        ("RSP_UD", (0x08, 0x18, 0x28, 0x38)),
    ],
)
def test_every_c_field_has_its_service(name: str, controls: tuple[int, ...]) -> None:
    for control in controls:
        row = frames.service(control)
        assert row is not None
        assert str(row) == name
        if control & frames.FCV and row.primary:
            assert row.control(bool(control & frames.FCB)) == control


def test_unknown_c_fields_have_none() -> None:
    assert [control for control in range(256) if frames.service(control) and control & 0x80] == []
    assert frames.service(0x41) is None


@pytest.mark.proves("A-003")
def test_every_wired_frame_has_its_length_and_check_sum(wired: dict[str, bytes]) -> None:
    assert len(wired) == 62
    for name, octets in wired.items():
        frame = decode(octets)
        assert frame.encode() == octets, name
        if isinstance(frame, Long):
            assert len(octets) == octets[1] + 6 == len(frame.data) + 9


@pytest.mark.proves("A-002")
@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("68 04 05 68 08 01 70 08 81 16", "the two length bytes differ: 4 and 5"),
        ("68 04 04 67 08 01 70 08 81 16", "the fourth byte of a long frame is 68, not 67"),
        ("68 04 04 68 08 01 70 08 82 16", "the check sum is 82, not 81"),
        ("68 04 04 68 08 01 70 08 81 17", "the stop byte is 17, not 16"),
        ("68 02 02 68 08 01 09 16", "L = 3 or more, not 2"),
        ("68 04 04 68 08 01 70 08 81", "the frame is cut"),
        ("68 04 04 68 08 01 70 08 00 81 16", "the stop byte is 81, not 16"),
        ("68 04 04 68 08 01 70 78 16 00", "the stop byte is 00"),
        ("10 40 FE 3F 16", "the check sum is 3F, not 3E"),
        ("10 40 FE 3E 17", "the stop byte is 17"),
    ],
)
def test_damaged_frames_get_no_answer_and_a_reason(octets: str, reason: str) -> None:
    data = bytes.fromhex(octets)
    with pytest.raises(FrameError, match=reason):
        decode(data)
    slave, master = SlaveReceiver(), MasterReceiver()
    heard = slave.receive(data) + slave.gap()
    assert heard
    assert all(isinstance(event, Damaged) for event in heard)
    assert any(reason in str(event) for event in heard)
    master.expecting(Expect.RESPONSE)
    assert master.receive(data) is None
    assert isinstance(master.gap(), Damaged)
    follower = frames.snd_nke(1)
    assert slave.receive(follower.encode()) == [follower]


def test_bytes_that_are_no_frame_are_refused() -> None:
    for octets in (b"", b"\x00", b"\xe5\xe5", FRAMES[1][0].encode() + b"\x10"):
        with pytest.raises(FrameError):
            decode(octets)
    with pytest.raises(InvalidValue, match="253 bytes of data do not fit"):
        frames.snd_ud(1, 0x51, bytes(253)).encode()
    assert len(frames.snd_ud(1, 0x51, bytes(252)).encode()) == frames.FRAME_LIMIT


@pytest.mark.proves("A-002")
def test_no_changed_bit_of_a_real_frame_is_taken_for_a_frame(wired: dict[str, bytes]) -> None:
    for name in ("a41-readout-1", "abb_f95", "a43-demand-req"):
        octets = wired[name]
        for position in range(len(octets)):
            for bit in range(8):
                damaged = bytearray(octets)
                damaged[position] ^= 1 << bit
                receiver = SlaveReceiver()
                heard = receiver.receive(bytes(damaged)) + receiver.gap()
                assert [event for event in heard if not isinstance(event, Damaged)] == [], (name, position, bit)


@pytest.mark.proves("A-002")
def test_no_cut_or_stretched_real_frame_is_taken_for_a_frame(wired: dict[str, bytes]) -> None:
    for name, octets in wired.items():
        for cut in sorted({1, 2, 3, 4, len(octets) // 2, len(octets) - 2, len(octets) - 1}):
            receiver = SlaveReceiver()
            heard = receiver.receive(octets[:cut]) + receiver.gap()
            assert all(isinstance(event, Damaged) for event in heard), (name, cut)
            assert heard, (name, cut)
            longer = SlaveReceiver()
            stretched = octets[:cut] + b"\x00" + octets[cut:]
            assert all(isinstance(event, Damaged) for event in longer.receive(stretched) + longer.gap()), (name, cut)


def test_a_false_beginning_costs_no_later_frame_once_the_line_was_silent() -> None:
    request = frames.req_ud2(7, True)
    receiver = SlaveReceiver()
    assert receiver.receive(bytes.fromhex("68 FB FB 68") + request.encode()) == []
    assert receiver.unfinished
    heard = receiver.gap()
    assert [event for event in heard if not isinstance(event, Damaged)] == [request]
    assert receiver.gap() == []


def answer(expect: Expect, *pieces: bytes) -> tuple[object, object]:
    """What a master hears at once, and when the line is silent."""
    receiver = MasterReceiver()
    receiver.expecting(expect)
    at_once = None
    for piece in pieces:
        at_once = receiver.receive(piece)
    return at_once, receiver.gap()


RESPONSE = frames.rsp_ud(5, 0x72, bytes(range(40)))


def test_a_master_hears_nothing_one_frame_or_damaged_bytes() -> None:
    octets = RESPONSE.encode()
    assert answer(Expect.RESPONSE) == (None, None)
    assert answer(Expect.ACK, b"") == (None, None)
    assert answer(Expect.ACK, b"\xe5") == (Ack(), Ack())
    assert answer(Expect.EITHER, b"\xe5") == (Ack(), Ack())
    assert answer(Expect.EITHER, octets) == (RESPONSE, RESPONSE)
    assert answer(Expect.RESPONSE, *(bytes((byte,)) for byte in octets)) == (RESPONSE, RESPONSE)
    assert answer(Expect.RESPONSE, b"\xe5\x00\x68\x10" + octets) == (RESPONSE, RESPONSE)
    for pieces in ((octets, b"\x00"), (octets + b"\x00",)):
        at_once, silent = answer(Expect.RESPONSE, *pieces)
        assert at_once == silent
        assert "several meters answered" in str(silent)
    for rubbish in (b"\xe5\xe5", b"\x00\xe5", b"\x05", octets[:-1], b"\xe5" + octets):
        at_once, silent = answer(Expect.ACK, rubbish)
        assert isinstance(silent, Damaged), rubbish
    assert answer(Expect.RESPONSE, bytes.fromhex("68 FB FB 68") + octets) == (None, RESPONSE)
    cut = answer(Expect.RESPONSE, octets[:20])
    assert cut == (
        None,
        Damaged("20 bytes that form no frame, beginning 68 2b 2b 68 08 05 72 00: its end has not come"),
    )


def test_a_master_knows_how_many_bytes_are_missing_and_forgets_what_was_before_its_request() -> None:
    receiver = MasterReceiver()
    receiver.expecting(Expect.RESPONSE)
    assert receiver.missing() == 0
    octets = RESPONSE.encode()
    for have in range(1, len(octets)):
        assert receiver.receive(octets[have - 1 : have]) is None
        assert receiver.missing() == (4 if have == 1 else len(octets) - have)
    receiver.expecting(Expect.ACK)
    assert receiver.gap() is None
    assert receiver.receive(b"\xe5") == Ack()
    assert receiver.missing() == 0


def test_a_whole_request_in_front_of_the_answer_is_an_echo() -> None:
    request = frames.req_ud2(5, True).encode()
    assert answer(Expect.RESPONSE, request, RESPONSE.encode())[0] == RESPONSE
    assert answer(Expect.ACK, frames.snd_ud(5, 0x51, b"\x01\x7a\x01").encode() + b"\xe5")[0] == Ack()


@pytest.mark.proves("A-017")
@pytest.mark.parametrize("cut", [1, 3, 100])
@pytest.mark.parametrize("expected", [None, True])
def test_an_echo_is_taken_out_and_a_differing_one_is_a_collision(expected: bool | None, cut: int) -> None:
    request, response = frames.req_ud2(5, True).encode(), RESPONSE.encode()
    echo = Echo(expected)
    for _ in range(2):
        echo.sent(request)
        octets = request + response
        rest = [echo.receive(octets[at : at + cut]) for at in range(0, len(octets), cut)]
        assert b"".join(piece for piece in rest if isinstance(piece, bytes)) == response
    echo.sent(request)
    assert echo.receive(request[:2]) == b""
    collision = echo.receive(b"\x04\x80")
    assert isinstance(collision, Damaged)
    assert "collision: byte 2 of the echo is 04 where 05 was sent" in str(collision)


@pytest.mark.proves("A-017")
def test_a_head_without_echo_loses_nothing() -> None:
    for expected in (None, False):
        echo = Echo(expected)
        echo.sent(frames.req_ud2(5, True).encode())
        assert echo.receive(RESPONSE.encode()) == RESPONSE.encode()
        echo.sent(frames.snd_ud(5, 0x51).encode())
        assert echo.receive(b"\xe5") == b"\xe5"
    always = Echo(True)
    always.sent(b"\x10\x40")
    assert isinstance(always.receive(b"\xe5"), Damaged)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.builds(Short, st.integers(0, 255), st.integers(0, 255)),
            st.builds(Long, st.integers(0, 255), st.integers(0, 255), st.integers(0, 255), st.binary(max_size=252)),
        ),
        max_size=6,
    ),
    st.integers(1, 300),
)
def test_any_frames_are_heard_however_the_bytes_are_cut(sent: list[Short | Long], cut: int) -> None:
    octets = b"".join(frame.encode() for frame in sent)
    receiver = SlaveReceiver()
    heard = [event for at in range(0, len(octets), cut) for event in receiver.receive(octets[at : at + cut])]
    assert heard == sent
    assert [decode(frame.encode()) for frame in sent] == sent
