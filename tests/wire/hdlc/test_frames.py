"""Frames, addresses and parameters: the worked examples in both directions, and what is damaged."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import FrameError, InvalidValue
from wattproof.model.codec.crc import crc16_x25
from wattproof.wire.hdlc import Address, Frame, Kind, Parameters, Receiver, addresses, control, decode
from wattproof.wire.hdlc.controls import CONTROLS
from wattproof.wire.hdlc.frames import LONGEST

Examples = dict[str, dict[str, Any]]
SERVER, CLIENT = Address.server(17), Address.client(16)


def framed(examples: Examples) -> list[dict[str, Any]]:
    return [row for row in examples.values() if row["layer"] == "hdlc" and row["octets"][0] == 0x7E]


@pytest.mark.proves("A-100")
def test_all_frames_of_the_examples_decode_and_encode_to_the_same_bytes(examples: Examples) -> None:
    rows = framed(examples)
    assert len(rows) == 19
    for row in rows:
        frame, says = decode(row["octets"]), row["decoded"]
        assert frame.encode() == row["octets"], row["id"]
        assert (frame.kind, frame.control.final) == (says["frame"], True), row["id"]
        assert (frame.control.ns, frame.control.nr) == (says.get("ns", 0), says.get("nr", 0)), row["id"]
        assert frame.segmented == says.get("segmented", False)
        parties = (frame.destination.lower, frame.source.lower)
        assert parties == ((17, says.get("src", 16)) if row["direction"] == "c2s" else (16, 17)), row["id"]
        assert len(frame.information) == says.get("info_len", len(frame.information))
        if "max_info_tx" in says:
            parameters = Parameters.decode(frame.information)
            assert parameters == Parameters(
                says["max_info_tx"], says["max_info_rx"], says["window_tx"], says["window_rx"]
            )
            assert parameters.encode() == frame.information
    assert crc16_x25(b"123456789").to_bytes(2, "little") == examples["crc-check"]["octets"]


@pytest.mark.proves("A-101")
def test_addresses_of_one_two_and_four_bytes(examples: Examples) -> None:
    built = {
        "addr-1": CLIENT,
        "addr-2": SERVER,
        "addr-4": Address(1, 17, 4),
        "addr-4b": Address.server(0x1234),
    }
    for name, address in built.items():
        octets = examples[name]["octets"]
        assert address.octets == octets
        assert addresses.decode(octets) == address
    assert Address.server(17, size=1) == Address.client(17)
    assert [Address.server(lower).size for lower in (16, 125, 126, 127, 128)] == [2, 2, 4, 4, 4]
    assert Address.server(126).octets.hex() == "000200fd"
    everyone = Address.server(127, size=2)
    assert [address.all_stations for address in (everyone, Address(1, 0x3FFF, 4), Address(1, 127, 4))] == [
        True, True, False,
    ]  # fmt: skip
    for wrong in ((None, 16, 2), (1, 16, 1), (1, 128, 2), (1, 17, 3), (0x4000, 1, 4), (None, -1, 1)):
        with pytest.raises(InvalidValue):
            Address(*wrong)
    for octets in (b"", b"\x02", b"\x02\x02\x03", b"\x03\x03", b"\x02\x02\x02\x02"):
        with pytest.raises(FrameError):
            addresses.decode(octets)


ADDRESSES = st.one_of(
    st.builds(Address.client, st.integers(0, 127)),
    st.builds(lambda upper, lower: Address(upper, lower, 2), st.integers(0, 127), st.integers(0, 127)),
    st.builds(lambda upper, lower: Address(upper, lower, 4), st.integers(0, 0x3FFF), st.integers(0, 0x3FFF)),
)
FRAMES = st.builds(
    Frame,
    ADDRESSES,
    ADDRESSES,
    st.sampled_from(CONTROLS),
    st.binary(max_size=80) | st.just(b"\x7e" * 60),
    st.booleans(),
)


@pytest.mark.proves("A-103", "A-104")
@given(st.lists(FRAMES, max_size=4), st.lists(st.integers(0, 3), min_size=5, max_size=5), st.data())
def test_frames_are_found_between_flags_however_the_bytes_are_cut(
    frames: list[Frame], flags: list[int], data: st.DataObject
) -> None:
    line = b"\x7e" * flags[-1]
    for frame, more in zip(frames, flags, strict=False):
        octets = frame.encode()
        shares = more == 0 and line.endswith(b"\x7e")  # the closing flag opens the next frame too
        line += (octets[1:] if shares else b"\x7e" * (more - 1) + octets) if more or shares else octets
        assert decode(octets) == frame
    single, cut = Receiver(), Receiver()
    assert [found for byte in line for found in single.receive(bytes((byte,)))] == frames
    at = data.draw(st.integers(0, len(line)))
    assert cut.receive(line[:at]) + cut.receive(line[at:]) == frames
    assert (single.dropped, cut.dropped, single.damage) == (0, 0, None)


def spoilt(octets: bytes) -> dict[str, bytes]:
    """Every truncation, every inverted bit, every other length of a frame."""
    found = {f"cut {end}": octets[:end] for end in range(1, len(octets))}
    for bit in range(8 * len(octets)):
        changed = bytearray(octets)
        changed[bit // 8] ^= 1 << bit % 8
        found[f"bit {bit}"] = bytes(changed)
    for length in (*range(64), *range(64, LONGEST, 97), LONGEST):
        if length != len(octets) - 2:
            found[f"length {length}"] = octets[:1] + (0xA000 | length).to_bytes(2, "big") + octets[3:]
    return found


@pytest.mark.proves("A-102")
@pytest.mark.parametrize("name", ["snrm-plain", "get-voltage-frame", "seg-1"])
def test_a_damaged_frame_is_silence_and_the_next_one_is_heard(examples: Examples, name: str) -> None:
    octets, good = examples[name]["octets"], examples["aarq-lls-frame"]["octets"]
    for what, line in spoilt(octets).items():
        with pytest.raises(FrameError):
            decode(line)
        receiver = Receiver(gap=1000)
        assert receiver.receive(line, 0) == [], what
        if what.startswith(("length", "bit")):  # the header tells, so nothing that follows is swallowed
            assert receiver.receive(good, 0) == [decode(good)], what
        else:
            assert receiver.receive(good, 1001) == [decode(good)], what
        assert receiver.receive(good, 1002) == [decode(good)]


@pytest.mark.proves("A-113")
def test_a_gap_above_the_limit_drops_the_frame_and_one_at_the_limit_does_not(examples: Examples) -> None:
    octets = examples["disc"]["octets"]
    for pause, heard in ((20, 1), (21, 0)):
        receiver = Receiver(gap=20)
        assert receiver.receive(octets[:5], 100) == []
        assert len(receiver.receive(octets[5:], 100 + pause)) == heard
        assert (receiver.dropped == 0) == bool(heard)
        assert receiver.receive(octets, 1000) == [decode(octets)]
    patient = Receiver()
    assert patient.receive(octets[:5], 0) + patient.receive(octets[5:], 10**12) == [decode(octets)]


def test_a_receiver_keeps_no_more_than_one_frame() -> None:
    receiver = Receiver()
    for _ in range(20):
        receiver.receive(b"\x7e\xa7\xff" + bytes(997))
    receiver.receive(b"\x7e\xa7\xff\x02\x23\x21\x10")
    assert receiver.unfinished
    assert receiver.receive(bytes(5000)) == []
    assert not receiver.unfinished
    assert receiver.damage is not None


def test_what_does_not_fit_into_a_frame_is_refused() -> None:
    longest = Frame(SERVER, CLIENT, control(Kind.I), bytes(LONGEST - 10))
    assert decode(longest.encode()) == longest
    with pytest.raises(InvalidValue):
        Frame(SERVER, CLIENT, control(Kind.I), bytes(LONGEST - 9)).encode()


@pytest.mark.proves("A-105", "A-185")
def test_what_is_granted_is_the_smaller_of_both_sides() -> None:
    own = Parameters(512, 512)
    for information, granted in (
        (b"", Parameters(128, 128)),
        (Parameters(512, 512).encode(), Parameters(512, 512)),
        (Parameters(1024, 256, 7, 7).encode(), Parameters(256, 512, 1, 1)),
        (bytes.fromhex("818003060140"), Parameters(64, 128)),
        (
            bytes.fromhex("81800408 0107 070107".replace(" ", "")).replace(b"\x04\x08", b"\x06\x08"),
            Parameters(128, 128),
        ),
        (bytes.fromhex("8180080302ffff05020fff"), Parameters(128, 512)),
    ):
        assert own.grant(Parameters.decode(information)) == granted, information.hex()
    assert Parameters(512, 256).agree(Parameters(128, 64)) == Parameters(64, 128)
    for wrong in (
        "81",
        "8180",
        "818001",
        "81800005",
        "8180020502",
        "81800305010 0".replace(" ", ""),
        "828000",
        "81800205",
    ):
        with pytest.raises(FrameError):
            Parameters.decode(bytes.fromhex(wrong))
    for values in ((0, 128), (128, 2031), (128, 128, 0), (128, 128, 1, 8)):
        with pytest.raises(InvalidValue):
            Parameters(*values)
