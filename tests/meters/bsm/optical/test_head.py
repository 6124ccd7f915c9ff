"""The optical head, byte for byte with the examples of section 21, in virtual time."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from wattproof.meters.bsm.optical.head import (
    MILLISECOND,
    MODE_A,
    MODE_C,
    OpticalHead,
    OpticalValues,
    State,
)
from wattproof.meters.bsm.optical.rows import READOUT, fixed, parse_address, parse_time
from wattproof.wire.iec62056 import Command, Data, DataSet, ReaderReceiver, sending_time

SECOND = 1000 * MILLISECOND
EXAMPLE = OpticalValues(
    error="00000000",
    serial="21070006",
    version="1.9:32CA:AFF4",
    address=42,
    baudrate=19200,
    power=11040,
    phase_power=(3680, 3680, 3680),
    voltage=(230, 230, 230),
    current=48,
    phase_current=(16, 16, 16),
    power_factor=(1, 1, 1),
    frequency=50,
    total_wh=Fraction(100_158),
    rcr_wh=Fraction(1599, 10),
    power_downs=3241,
    epoch=1_657_267_552,
    tzo=120,
)
SIGN_ON = b"/?!\r\n"
IDENTIFICATION = bytes.fromhex("2F 42 41 55 35 42 53 4D 2D 57 53 33 36 41 2D 48 30 31 0D 0A")
ACK_050 = bytes.fromhex("06 30 35 30 0D 0A")
ACK_000 = bytes.fromhex("06 30 30 30 0D 0A")
ACK_051 = bytes.fromhex("06 30 35 31 0D 0A")
P0 = bytes.fromhex("01 50 30 02 28 32 31 30 37 30 30 30 36 29 03 62")
P1 = bytes.fromhex("01 50 31 02 28 30 30 30 30 30 30 30 30 29 03 61")
R1_TOTAL = bytes.fromhex("01 52 31 02 31 2D 30 3A 31 2E 38 2E 31 28 29 03 4D")
TOTAL = bytes.fromhex("02 28 30 30 30 31 30 30 2E 31 35 2A 6B 57 68 29 03 57")
W1_RESET = bytes.fromhex("01 57 31 02 31 2D 30 3A 31 2E 38 2E 30 2A 31 39 38 28 29 03 53")
ER01, ER03 = b"\x02(ER01)\x03\x14", b"\x02(ER03)\x03\x16"
ER02 = bytes.fromhex("02 28 45 52 30 32 29 03 17")
B0 = bytes.fromhex("01 42 30 03 71")
ACK, NAK = b"\x06", b"\x15"


class Source:
    """A meter that stands still unless the test moves it, and remembers what was written."""

    def __init__(self, speed: Fraction = Fraction(1)) -> None:
        self.optical_values = EXAMPLE
        self.speed = speed
        self.silent = False
        self.written: list[tuple[object, ...]] = []

    def set_address(self, address: int, baudrate: int) -> None:
        self.written.append(("address", address, baudrate))

    def set_epoch(self, epoch: int) -> None:
        self.written.append(("epoch", epoch))

    def reset_rcr(self) -> None:
        self.written.append(("rcr",))

    def set_service_mode(self, on: bool) -> None:
        self.written.append(("service", on))


class Session:
    """A head and a reader at it; ``say`` returns the answer, and the time that passed until it began in ms."""

    def __init__(self, mode: str = "c", speed: Fraction = Fraction(1), **options: str) -> None:
        self.source = Source(speed)
        self.head = OpticalHead(self.source, mode, **options)
        self.now = 1_000 * SECOND
        self.rates: list[int] = []

    def say(self, data: bytes) -> bytes:
        self.head.receive(data, self.now)
        return self.wait(200)

    def wait(self, milliseconds: int) -> bytes:
        """What begins exactly at the end of this time; anything earlier is a mistake."""
        end = self.now + milliseconds * MILLISECOND
        assert self.head.due(end - 1) == []
        self.now = end
        outputs = self.head.due(end)
        self.rates = [output.baudrate for output in outputs]
        return b"".join(output.data for output in outputs)

    def program(self, password: bytes | None = P1) -> None:
        assert self.say(SIGN_ON) == IDENTIFICATION
        assert self.say(ACK_051) == P0
        if password is not None:
            assert self.say(password) == ACK

    def read(self, code: str) -> bytes:
        return self.say(Command("R1", DataSet(code, "")).encode())

    def write(self, code: str, value: str = "") -> bytes:
        return self.say(Command("W1", DataSet(code, value)).encode())


@pytest.mark.proves("B-166")
def test_a_sign_on_gets_the_identification_200_ms_later_at_300_bit_per_second() -> None:
    session = Session()
    assert session.head.baudrate == 300
    assert session.say(SIGN_ON) == IDENTIFICATION
    assert session.rates == [300]


@pytest.mark.proves("B-167")
@pytest.mark.parametrize("address", ["21070006", "0021070006", "000000000021070006"])
def test_the_own_serial_number_is_answered(address: str) -> None:
    assert Session().say(f"/?{address}!\r\n".encode()) == IDENTIFICATION


@pytest.mark.proves("B-167")
@pytest.mark.parametrize("address", ["21070007", "2107000", "210700060"])
def test_a_foreign_serial_number_gets_no_answer(address: str) -> None:
    session = Session()
    session.head.receive(f"/?{address}!\r\n".encode(), session.now)
    assert session.head.next_event() is None


@pytest.mark.proves("B-168", "B-169")
def test_the_acknowledged_readout_is_the_example() -> None:
    session = Session()
    session.say(SIGN_ON)
    readout = session.say(ACK_050)
    assert session.rates == [9600]
    assert (len(readout), readout[-1]) == (575, 0x7E)
    lines = readout[1:-2].decode().split("\r\n")
    assert [line.partition("(")[0] for line in lines[:-2]] == [f"1-0:{row.code}" for row in READOUT]
    assert len(lines) == 26 + 2
    assert lines[5] == "1-0:15.7.0(011.040*kW)"
    assert lines[9] == "1-0:1.8.1(000100.15*kWh)"


@pytest.mark.proves("B-168")
@pytest.mark.parametrize("paced", [False, True])
def test_without_an_acknowledge_the_readout_follows_after_1500_ms_at_300(paced: bool) -> None:
    session = Session()
    session.head.paced = paced
    session.say(SIGN_ON)
    sending = sending_time(len(IDENTIFICATION), 300) if paced else 0
    session.now += sending
    assert len(session.wait(1500)) == 575
    assert session.rates == [300]


def test_a_readout_may_be_wanted_at_300() -> None:
    session = Session()
    session.say(SIGN_ON)
    assert len(session.say(ACK_000)) == 575
    assert session.rates == [300]


def test_any_other_acknowledge_ends_the_session_in_silence() -> None:
    session = Session()
    session.say(SIGN_ON)
    session.head.receive(b"\x06060\r\n", session.now)
    assert session.head.next_event() is None
    assert session.head.due(session.now + 100 * SECOND) == []


@pytest.mark.proves("B-169")
def test_nak_repeats_the_readout_once_with_the_same_values() -> None:
    session = Session()
    session.say(SIGN_ON)
    readout = session.say(ACK_050)
    session.source.optical_values = replace(EXAMPLE, total_wh=999_000)
    assert session.say(NAK) == readout
    assert session.rates == [9600]
    session.head.receive(NAK, session.now)
    assert session.head.next_event() is None
    assert session.head.baudrate == 300


def test_nak_after_the_window_is_too_late() -> None:
    session = Session()
    session.say(SIGN_ON)
    session.say(ACK_050)
    session.head.receive(NAK, session.now + 1500 * MILLISECOND)
    assert (session.head.next_event(), session.head.baudrate) == (None, 300)


@pytest.mark.proves("B-171")
@pytest.mark.parametrize("paced", [False, True])
def test_mode_a_sends_identification_and_readout_at_300_by_itself(paced: bool) -> None:
    session = Session("a")
    session.head.paced = paced
    assert session.say(SIGN_ON)[:20] == b"/BAU BSM-WS36A-H01\r\n"
    if paced:
        session.now += sending_time(20, 300)
        outputs = session.head.due(session.now)
    else:
        session.head.receive(SIGN_ON, session.now)
        outputs = session.head.due(session.now + 200 * MILLISECOND)[1:]
    assert [(len(output.data), output.baudrate) for output in outputs] == [(575, 300)]
    assert outputs[0].data[-1] == 0x7E


@pytest.mark.proves("B-171", "B-169")
def test_mode_a_repeats_the_readout_only() -> None:
    session = Session("a")
    first = session.say(SIGN_ON)
    assert session.say(NAK) == first[20:]


@pytest.mark.proves("B-172")
def test_programming_reads_every_code_of_the_table() -> None:
    session = Session()
    session.program(password=None)
    assert session.say(R1_TOTAL) == TOTAL
    for row in READOUT:
        wanted = row.data_set(EXAMPLE)
        (answer,) = ReaderReceiver().receive(session.read(f"1-0:{row.code}"))
        assert answer == Data((DataSet("", wanted.value, wanted.unit),))
    assert session.read("1-0:2.8.0") == ER01
    assert session.read("1-0:96.5.1") == ER02


@pytest.mark.proves("B-173")
def test_writing_without_password_has_no_right() -> None:
    session = Session()
    session.program(password=None)
    assert session.say(W1_RESET) == ER02
    assert session.source.written == []


@pytest.mark.proves("B-173")
def test_manufacturer_and_read_only_codes_are_refused_with_the_password_too() -> None:
    session = Session()
    session.program()
    for code in ("C.1.1", "C.1.0", "0.3.2", "0.3.3", "1.8.1", "F.F.0"):
        assert session.write(f"1-0:{code}", "1") == ER02
    assert session.write("1-0:7.7.7", "1") == ER01
    assert session.source.written == []


@pytest.mark.proves("B-173")
def test_the_third_wrong_password_ends_the_session() -> None:
    session = Session()
    session.program(password=None)
    wrong = Command("P1", DataSet("", "11111111")).encode()
    for _ in range(3):
        assert session.say(wrong) == ER02
        assert session.rates == [9600]
    assert session.head.state is State.LISTENING
    session.head.receive(P1, session.now)
    assert session.head.next_event() is None
    assert session.head.baudrate == 300


def test_a_wrong_password_takes_the_right_away_again() -> None:
    session = Session()
    session.program()
    assert session.say(Command("P1", DataSet("", "x")).encode()) == ER02
    assert session.say(W1_RESET) == ER02


def test_a_password_with_a_star_is_one_text() -> None:
    session = Session(password="ab*d*fgh")
    session.program(Command("P1", DataSet("", "ab*d*fgh")).encode())
    assert session.say(W1_RESET) == ACK


@pytest.mark.proves("B-174", "B-176")
def test_the_operator_writes_what_the_table_allows() -> None:
    session = Session()
    session.program()
    assert session.say(W1_RESET) == ACK
    assert session.write("1-0:1.0.0", "220708100552") == ACK
    assert session.write("1-0:0.0.1", "070007") == ACK
    assert session.write("1-0:96.5.1", "1") == ACK
    assert session.write("1-0:96.5.1", "0") == ACK
    assert session.source.written == [
        ("rcr",),
        ("epoch", 1_657_267_552),
        ("address", 7, 115_200),
        ("service", True),
        ("service", False),
    ]


@pytest.mark.proves("B-174")
@pytest.mark.parametrize(
    ("code", "value"),
    [
        ("0.0.1", "040000"),
        ("0.0.1", "040248"),
        ("0.0.1", "110042"),
        ("0.0.1", "04042"),
        ("1.0.0", "221308100552"),
        ("1.0.0", "22070810055"),
        ("1.0.0", "22070810055x"),
        ("1.8.0*198", "5"),
        ("96.5.1", "2"),
    ],
)
def test_bad_values_change_nothing(code: str, value: str) -> None:
    session = Session()
    session.program()
    assert session.write(f"1-0:{code}", value) == ER03
    assert session.source.written == []


@pytest.mark.proves("B-174")
def test_the_time_cannot_be_set_while_the_offset_is_unknown() -> None:
    session = Session()
    session.source.optical_values = replace(EXAMPLE, epoch=None, tzo=None)
    session.program()
    assert session.write("1-0:1.0.0", "220708100552") == ER03
    assert session.source.written == []


@pytest.mark.proves("B-175")
def test_a_wrong_bcc_is_answered_nak_and_changes_nothing() -> None:
    session = Session()
    session.program()
    assert session.say(W1_RESET[:-1] + b"\x54") == NAK
    assert session.say(b"\x01Q9\x03" + bytes([0x51 ^ 0x39 ^ 0x03])) == NAK
    assert session.source.written == []
    assert session.say(W1_RESET) == ACK


@pytest.mark.proves("B-175")
def test_b0_ends_the_session() -> None:
    session = Session()
    session.program()
    session.head.receive(B0, session.now)
    assert (session.head.next_event(), session.head.state, session.head.baudrate) == (None, State.LISTENING, 300)
    session.head.receive(W1_RESET, session.now)
    assert session.source.written == []


@pytest.mark.proves("B-175")
def test_sixty_seconds_without_a_message_end_the_session() -> None:
    session = Session()
    session.program()
    session.now += 59 * SECOND
    assert session.say(W1_RESET) == ACK
    session.head.receive(W1_RESET, session.now + 60 * SECOND)
    assert session.source.written == [("rcr",)]


@pytest.mark.proves("B-176")
def test_service_mode_shows_four_decimals_and_its_error_code() -> None:
    session = Session()
    session.source.optical_values = replace(EXAMPLE, service_mode=True, error="00000010")
    session.program(password=None)
    assert session.read("1-0:1.8.1")[1:-2] == b"(0100.1580*kWh)"
    assert session.read("1-0:1.8.0*198")[1:-2] == b"(0000.1599*kWh)"
    assert session.read("1-0:F.F.0")[1:-2] == b"(00000010)"


@pytest.mark.proves("B-177")
def test_the_short_packet_is_the_example_every_two_meter_seconds() -> None:
    head = OpticalHead(Source(speed=Fraction(4)), "d0")
    (first,) = head.due(SECOND)
    assert first.data == (
        b"/BAU3BSM-WS36A-H01\r\n\r\n"
        b"1-0:F.F.0(00000000)\r\n1-0:C.1.0(21070006)\r\n1-0:1.8.0*198(000000.15*kWh)\r\n"
        b"1-0:1.8.1(000100.15*kWh)\r\n1-0:15.7.0(011.040*kW)\r\n1-0:1.0.0(220708100552)\r\n!\r\n"
    )
    assert (len(first.data), first.baudrate) == (172, 2400)
    assert head.next_event() == SECOND + SECOND // 2
    head.receive(SIGN_ON, SECOND)
    assert head.due(SECOND + SECOND // 2 - 1) == []
    assert [output.at for output in head.due(SECOND + SECOND // 2)] == [SECOND + SECOND // 2]


@pytest.mark.proves("B-178")
def test_the_full_packet_has_24_lines_every_five_meter_seconds() -> None:
    head = OpticalHead(Source(), "d0", d0_list="full")
    (first,) = head.due(SECOND)
    assert len(first.data) == 552
    assert first.data.count(b"(") == 24
    assert head.next_event() == 6 * SECOND


@pytest.mark.proves("B-177")
def test_on_a_serial_device_packets_never_overtake_each_other() -> None:
    head = OpticalHead(Source(speed=Fraction(1000)), "d0")
    head.paced = True
    head.due(0)
    assert head.next_event() == sending_time(172, 2400) + 100 * MILLISECOND


def test_a_late_poll_sends_one_packet_not_all_that_were_missed() -> None:
    head = OpticalHead(Source(), "d0")
    head.due(0)
    assert len(head.due(7 * SECOND)) == 1
    assert head.next_event() == 8 * SECOND


def test_a_meter_without_supply_neither_hears_nor_sends() -> None:
    session = Session()
    session.head.receive(SIGN_ON, session.now)
    session.source.silent = True
    assert session.head.due(session.now + SECOND) == []
    session.head.receive(SIGN_ON, session.now + SECOND)
    session.source.silent = False
    assert session.head.due(session.now + 9 * SECOND) == []
    broadcast = OpticalHead(session.source, "d0")
    session.source.silent = True
    assert broadcast.due(0) == []
    assert broadcast.next_event() == 2 * SECOND


@pytest.mark.proves("B-170")
def test_all_values_are_those_of_the_moment_at_which_the_readout_starts() -> None:
    session = Session()
    session.say(SIGN_ON)
    session.head.receive(ACK_050, session.now)
    session.source.optical_values = replace(EXAMPLE, total_wh=200_000, rcr_wh=100_000, power=0)
    readout = session.wait(200)
    assert b"1.8.1(000200.00*kWh)" in readout
    assert b"1.8.0*198(000100.00*kWh)" in readout
    assert b"15.7.0(000.000*kW)" in readout


def test_a_request_after_noise_is_answered_and_byte_by_byte_too() -> None:
    session = Session()
    session.head.receive(b"\x01\x06\xff/x/?", session.now)
    for byte in b"!\r\n":
        session.head.receive(bytes([byte | 0x80]), session.now)
    assert session.wait(200) == IDENTIFICATION


def test_an_unfinished_message_is_forgotten_after_a_pause() -> None:
    session = Session()
    session.program()
    session.head.receive(W1_RESET[:9], session.now)
    session.now += 2 * SECOND
    assert session.say(W1_RESET) == ACK


@pytest.mark.parametrize("table", [MODE_C, MODE_A])
def test_every_transition_names_something_the_head_can_do(table: dict[object, tuple[State, str]]) -> None:
    for _, action in table.values():
        assert callable(getattr(OpticalHead, f"_do_{action}"))


def test_values_are_rounded_half_away_from_zero_and_a_zero_has_no_sign() -> None:
    assert fixed(Fraction(5, 1000), 3, 2) == "000.01"
    assert fixed(-Fraction(5, 1000), 3, 2) == "-000.01"
    assert fixed(-Fraction(4, 1000), 3, 2) == "000.00"
    assert fixed(-0.775, 1, 3) == "-0.775"


def test_the_address_text_and_the_time_are_read_strictly() -> None:
    assert parse_address("100247") == (247, 921_600)
    assert parse_address("0400²2") is None
    assert parse_time("240229000000", -60) == 1_709_164_800 + 3600
    assert parse_time("230229000000", 0) is None
