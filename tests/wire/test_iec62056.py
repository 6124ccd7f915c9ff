"""EN 62056-21 messages and receivers, both roles."""

from __future__ import annotations

import pytest

from wattproof.errors import FrameError, InvalidValue
from wattproof.wire.iec62056 import (
    Ack,
    Acknowledge,
    Command,
    Damaged,
    Data,
    DataSet,
    Identification,
    MeterReceiver,
    Nak,
    ReaderReceiver,
    Request,
    data_sets,
    encode_answer,
    encode_packet,
    encode_readout,
    sending_time,
)

SETS = (DataSet("1-0:F.F.0", "00000000"), DataSet("1-0:1.8.1", "000100.15", "kWh"), DataSet("0.3.2", "100", "imp/kWh"))
IDENTIFICATION = Identification("BAU", "5", "BSM-WS36A-H01")

TO_METER = [
    (Request(), b"/?!\r\n"),
    (Request("21070006"), b"/?21070006!\r\n"),
    (Acknowledge("0", "5", "1"), b"\x06051\r\n"),
    (Nak(), b"\x15"),
    (Command("P1", DataSet("", "00000000")), bytes.fromhex("01503102283030303030303030290361")),
    (Command("R1", DataSet("1-0:1.8.1", "")), bytes.fromhex("01523102312D303A312E382E3128 29034D".replace(" ", ""))),
    (Command("B0"), bytes.fromhex("0142300371")),
]
TO_READER = [
    (IDENTIFICATION, b"/BAU5BSM-WS36A-H01\r\n"),
    (Data(SETS), encode_readout(SETS)),
    (Data((DataSet("", "ER02"),)), bytes.fromhex("0228455230322903 17".replace(" ", ""))),
    (Command("P0", DataSet("", "21070006")), bytes.fromhex("01503002283231303730303036290362")),
    (Ack(), b"\x06"),
    (Nak(), b"\x15"),
]
NOISE = [b"", b"\x00\x00\xff", b"\x06", b"\x01", b"/", b"\x01P", b"/?", b"\x06\x06", b"hello\r\n"]


@pytest.mark.parametrize("noise", NOISE, ids=repr)
@pytest.mark.parametrize(("message", "octets"), TO_METER, ids=lambda value: repr(value)[:24])
def test_the_meter_hears_messages_whole_byte_by_byte_and_after_noise(
    message: object, octets: bytes, noise: bytes
) -> None:
    whole = [heard for heard in MeterReceiver().receive(noise + octets) if not isinstance(heard, Damaged)]
    assert whole == [message]
    receiver = MeterReceiver()
    single = [heard for byte in noise + octets for heard in receiver.receive(bytes([byte | 0x80]))]
    assert [heard for heard in single if not isinstance(heard, Damaged)] == [message]
    assert not receiver.unfinished


@pytest.mark.parametrize(("message", "octets"), TO_READER, ids=lambda value: repr(value)[:24])
def test_the_reader_hears_messages_whole_and_byte_by_byte(message: object, octets: bytes) -> None:
    assert ReaderReceiver().receive(octets + b"\r\n") == [message]
    receiver = ReaderReceiver()
    assert [heard for byte in b"\r\n" + octets for heard in receiver.receive(bytes([byte]))] == [message]


@pytest.mark.parametrize(("message", "octets"), TO_METER[:3] + TO_METER[4:], ids=lambda value: repr(value)[:24])
def test_encoding_gives_the_same_bytes(message: Request | Acknowledge | Command, octets: bytes) -> None:
    assert message.encode() == octets


def test_the_published_messages_of_the_meter_are_encoded_the_same() -> None:
    assert IDENTIFICATION.encode() == bytes.fromhex("2F424155354253 4D2D57533336412D4830310D0A".replace(" ", ""))
    assert encode_answer(b"(000100.15*kWh)") == bytes.fromhex("02283030303130302E31352A6B5768290357")


@pytest.mark.proves("B-180")
@pytest.mark.parametrize(
    ("line", "mode", "baudrate", "manufacturer"),
    [
        (b"/BAU5BSM-WS36A-H01", "C", 9600, "BAU"),
        (b"/BAU BSM", "A", 300, "BAU"),
        (b"/LGZ4ZMD1202607.B32", "C", 4800, "LGZ"),
        (b"/ESYA12", "B", 600, "ESY"),
        (b"/Iskr\\2", "A", 300, "Isk"),
        (b"/HAG5", "C", 9600, "HAG"),
    ],
)
def test_any_identification_is_taken(line: bytes, mode: str, baudrate: int, manufacturer: str) -> None:
    (heard,) = ReaderReceiver().receive(line + b"\r\n")
    assert isinstance(heard, Identification)
    assert (heard.mode, heard.baudrate, heard.manufacturer) == (mode, baudrate, manufacturer)
    assert heard.encode() == line + b"\r\n"


@pytest.mark.parametrize("line", [b"", b"/AB", b"BAU5", b"/A\x805X"])
def test_what_is_no_identification_says_so(line: bytes) -> None:
    with pytest.raises(FrameError, match="no identification"):
        Identification.parse(line)


@pytest.mark.proves("B-180")
@pytest.mark.parametrize("position", [1, 20, -3, -1])
def test_a_readout_with_a_changed_byte_is_damaged(position: int) -> None:
    octets = bytearray(encode_readout(SETS))
    octets[position] ^= 0x01
    heard = ReaderReceiver().receive(bytes(octets))
    assert heard
    assert all(isinstance(message, Damaged) for message in heard)


def test_a_command_with_a_wrong_bcc_is_damaged_and_the_next_one_is_heard() -> None:
    octets = Command("B0").encode()
    heard = MeterReceiver().receive(octets[:-1] + b"\x72" + octets)
    assert [type(message) for message in heard] == [Damaged, Command]


def test_parity_in_bit_7_of_the_meter_is_ignored() -> None:
    octets = bytes(byte | 0x80 if byte.bit_count() % 2 else byte for byte in encode_readout(SETS))
    assert ReaderReceiver().receive(octets) == [Data(SETS)]


@pytest.mark.proves("B-180")
def test_data_lines_are_taken_in_any_form() -> None:
    text = b"F.F(00)\r\n 1.8.0*198( 1.50 * kWh )\r\n1-1:C.1(5)(6)\n0.0.0(a)1.8.1(2)\r\n!\r\n"
    assert data_sets(text) == (
        DataSet("F.F", "00"),
        DataSet("1.8.0*198", "1.50", "kWh"),
        DataSet("1-1:C.1", "5"),
        DataSet("", "6"),
        DataSet("0.0.0", "a"),
        DataSet("1.8.1", "2"),
    )


@pytest.mark.parametrize(
    ("code", "canonical"),
    [
        ("1-0:F.F.0", "F.F.0"),
        ("F.F", "F.F.0"),
        ("1.8.0*255", "1.8.0"),
        ("1-0:1.8.0*198", "1.8.0*198"),
        ("c.1.0", "C.1.0"),
        ("", ""),
    ],
)
def test_codes_compare_in_one_form(code: str, canonical: str) -> None:
    assert DataSet(code, "").canonical == canonical


@pytest.mark.parametrize("text", [b"1.8.0", b"1.8.0(5", b"1.8.0)5(", b"(5)x"])
def test_what_is_no_data_line_says_so(text: bytes) -> None:
    with pytest.raises(FrameError, match=r"no 'code\(value\*unit\)'"):
        data_sets(text)


def test_texts_that_would_break_the_frame_are_refused() -> None:
    with pytest.raises(InvalidValue, match="no brackets"):
        DataSet("1.8.0", "5)").encode()
    with pytest.raises(InvalidValue, match="seven bits"):
        DataSet("1.8.0", "ä").encode()


def test_packets_are_heard_one_after_the_other_and_a_cut_one_is_damaged() -> None:
    identification = Identification("BAU", "3", "BSM")
    packet = encode_packet(identification, SETS)
    receiver = ReaderReceiver(packets=True)
    assert receiver.receive(packet * 2) == [identification, Data(SETS)] * 2
    heard = receiver.receive(packet[:60] + b"\r\n" + packet)
    assert [type(message) for message in heard] == [Identification, Damaged, Identification, Data]


def test_messages_without_end_do_not_grow() -> None:
    meter, reader, packets = MeterReceiver(), ReaderReceiver(), ReaderReceiver(packets=True)
    assert [type(message) for message in meter.receive(b"\x01W1\x02" + b"0" * 5000)] == [Damaged]
    assert meter.receive(b"/?" + b"0" * 5000) == []
    assert [type(message) for message in reader.receive(b"\x02" + b"0" * 70_000)] == [Damaged]
    assert reader.receive(b"/BAU5" + b"0" * 5000) == []
    assert [type(message) for message in packets.receive(b"/BAU3X\r\n" + b"0" * 70_000)][1:] == [Damaged]
    assert not any(receiver.unfinished for receiver in (meter, reader, packets))


def test_characters_of_ten_bits_take_their_time() -> None:
    assert sending_time(172, 2400) == 716_666_667
