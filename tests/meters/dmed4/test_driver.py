"""The Modbus driver of the DMED4: what it sends, byte by byte, and what it bears."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.meters.dmed4.scripted import (
    EVSE,
    FIELDS,
    IDENTIFICATION,
    KEY,
    MOMENT,
    Registers,
    Scripted,
    conversation,
    run,
)
from wattproof.drivers.bus import Bus
from wattproof.drivers.charging import NO_STATION
from wattproof.errors import (
    Disconnected,
    InvalidValue,
    ModbusRefused,
    ProtocolError,
    ResponseTimeout,
    UnitSilent,
    UnknownName,
    UsageError,
)
from wattproof.meters.dmed4.driver import DmedDriver, probe
from wattproof.meters.dmed4.enums import Command, MeasurementStatus, Signature
from wattproof.meters.dmed4.export import FORMATS
from wattproof.meters.dmed4.points import MAP
from wattproof.signed import examine


def registers(offset: int = 1, **points: int) -> Registers:
    """An idle meter with time set; ``offset`` moves the charge-cycle block."""
    one = Registers()
    values = {"measurement_status": 1, "signature_status": 0x20, "error_1": 0, "error_2": 0, **points}
    for name, value in values.items():
        (bound,) = MAP.find(name)
        one.put(bound.address + (1 - offset), value.to_bytes(2 * bound.registers, "big"))
    return one


# The worked session ------------------------------------------------------------------------------------------------


@pytest.mark.proves("D-239", "D-262", "D-263", "D-336")
def test_a_whole_session_byte_for_byte_over_rtu() -> None:
    far = Scripted(conversation("rtu"))
    driver = DmedDriver(far.modbus())
    session = driver.session(identification=IDENTIFICATION, evse=EVSE, fields=FIELDS, time=MOMENT)
    begin = run(session.begin())
    assert begin.transaction == "B"
    readings = run(driver.read("energy_cycle")), run(driver.read("energy_import_total"))
    assert [reading[0].value for reading in readings] == [Decimal(123), Decimal(1234690)]
    record = run(session.end())
    assert not far.left
    assert (record.failure, record.notes, record.energy) == (None, [], Decimal(345))
    assert [taken.valid for taken in record.records] == [True, True]
    assert record.end.key == KEY
    file = FORMATS["safe-xml"].write(record, NO_STATION)
    (judged,) = examine(file, public_key=KEY, allow_test_keys=True).sessions
    assert judged.verdict == "ok"
    assert b"context=" not in file
    assert FORMATS["ocmf"].write(record, NO_STATION) == record.end.record.text + b"\n"


@pytest.mark.proves("D-238")
def test_300_bytes_of_input_are_two_writes_and_a_length() -> None:
    one = registers()
    driver = DmedDriver(one)
    fields = {"X": "y" * (300 - len('{"X":""}'))}
    run(driver.set_fixed_fields(fields))
    assert [(address, len(data) // 2) for address, data in one.writes()] == [(0x49FF, 120), (0x4A77, 30), (0x4280, 1)]
    assert b"".join(data for _, data in one.writes()[:2]) == b'{"X":"' + b"y" * 292 + b'"}'
    assert one.writes()[2][1] == (300).to_bytes(2, "big")


# Tolerances --------------------------------------------------------------------------------------------------------


@pytest.mark.proves("D-050")
@pytest.mark.parametrize("answer", ["01 10 40 7F 00 02 65 D0", "01 10 40 7F 00 04 E5 D2"])
def test_an_answer_that_counts_bytes_is_taken_from_this_meter(answer: str) -> None:
    class Far(Scripted):
        def __init__(self) -> None:
            super().__init__(conversation("rtu")[2:3])
            self.left[0].replies[0] = type(self.left[0].replies[0])(0, bytes.fromhex(answer))

    driver = DmedDriver(Far().modbus(), offset=1)
    run(driver.write({"datetime": 1695970042}))


@pytest.mark.proves("D-050")
def test_the_same_answer_of_another_meter_is_damage() -> None:
    far = Scripted(conversation("rtu")[2:3])
    far.left[0].replies[0] = type(far.left[0].replies[0])(0, bytes.fromhex("0110407F0004E5D2"))
    client = far.modbus()
    with pytest.raises(ProtocolError):
        run(client.exchange(1, far.left[0].request[1:-2]))


def test_a_bus_passes_the_tolerance_on() -> None:
    class Told:
        clock = None

        def __init__(self) -> None:
            self.units: list[int] = []

        def tolerate_byte_counts(self, unit: int) -> None:
            self.units.append(unit)

    told: Any = Told()
    DmedDriver(Bus(told).on(1), 7, clock=registers().clock)
    assert told.units == [7]


@pytest.mark.proves("D-054")
def test_a_longer_answer_to_function_17_is_read_as_far_as_it_is_known() -> None:
    one = registers()
    one.identity = bytes.fromhex("48 05 01 03 02 07 00 00 99 98 97")
    found = run(DmedDriver(one).identity())
    assert (found.code, found.firmware, found.hardware, found.parameters, found.ethernet) == (0x48, 5, 1, 3, 7)
    assert found.names == ("DMED404R0600", "DMED404D0600")
    one.identity = one.identity[:5]
    with pytest.raises(ProtocolError, match="6 or more"):
        run(DmedDriver(one).identity())


@pytest.mark.parametrize(
    ("identity", "type"),
    [
        ("4a05010302070000", "DMED404R1500 or DMED404D1500"),
        ("0c05010302070000", "DMED4DC1"),
        ("4405010302070000", None),
        ("4a05010303070000", None),
        ("4a0501", None),
    ],
)
def test_the_probe_knows_its_own(identity: str, type: str | None) -> None:
    one = registers()
    one.identity = bytes.fromhex(identity)
    found = run(probe(one, 1))
    assert (None if found is None else found.type) == type
    assert one.requests[0] == bytes((17,))


def test_the_probe_brings_the_key_that_tells_meters_apart() -> None:
    one = registers()
    one.put(0x45FF, KEY[-64:])
    assert run(probe(one, 1)).public_key == KEY
    one.identity = bytes.fromhex("0c05010302070000")
    one.requests.clear()
    assert run(probe(one, 1)).public_key is None
    assert one.requests == [bytes((17,))]


def test_the_probe_takes_a_refusal_for_another_meter_and_silence_for_none() -> None:
    one = registers()

    async def refuse(unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        raise trouble

    one.exchange = refuse  # type: ignore[method-assign]
    trouble: Exception = ModbusRefused(1, "illegal function")
    assert run(probe(one, 1)) is None
    trouble = UnitSilent(11, "nobody")
    with pytest.raises(ResponseTimeout):
        run(probe(one, 1))


@pytest.mark.proves("D-072")
def test_the_block_at_4000h_is_looked_for_once_more_one_address_higher() -> None:
    one = registers(offset=0, signature_status=0x22)
    driver = DmedDriver(one)
    status = run(driver.status())
    assert (status.measurement, status.signature) == (
        MeasurementStatus.IDLE,
        Signature.JSON_OK | Signature.SYNCHRONIZED,
    )
    reads = [int.from_bytes(pdu[1:3], "big") for pdu in one.requests]
    assert reads == [0x41FF, 0x4200, 0x4000]
    run(driver.write({"datetime_offset": 60}))
    assert one.writes() == [(0x4284, (60).to_bytes(2, "big"))]


@pytest.mark.proves("D-072")
def test_a_meter_that_has_it_nowhere_is_asked_twice_and_no_more() -> None:
    one = registers()
    one.words[0x41FF] = 7
    with pytest.raises(ProtocolError, match="no measurement status"):
        run(DmedDriver(one).status())
    assert len(one.requests) == 2
    one = registers(offset=0)
    run(DmedDriver(one, offset=0).status())
    assert [int.from_bytes(pdu[1:3], "big") for pdu in one.requests] == [0x4200, 0x4000]


@pytest.mark.proves("D-106")
def test_reserved_bits_are_ignored() -> None:
    one = registers(signature_status=0x7FA0, error_1=0xFFFE01F0, error_2=0xFFFFFFF8)
    status = run(DmedDriver(one).status())
    assert status.signature == Signature.SYNCHRONIZED
    assert status.errors == ()
    one = registers(signature_status=0x8020, error_1=0x10004, error_2=1)
    assert run(DmedDriver(one).status()).errors == (
        "ERROR_JSON_SEQUENCE",
        "ERROR_ECDSA_VERIFY_SIGN",
        "ERROR_EEPROM_READ",
    )


# The command word --------------------------------------------------------------------------------------------------


@pytest.mark.proves("D-204")
def test_a_letter_refused_in_the_high_byte_goes_into_the_low_one_once() -> None:
    one = registers()
    one.on_write = lambda address, data: 3 if address == 0x427F and data[0] else None
    driver = DmedDriver(one)
    run(driver.command("X"))
    run(driver.command("X"))
    assert one.writes() == [(0x427F, b"X\0"), (0x427F, b"\0X"), (0x427F, b"\0X")]
    assert one.requests[-3][0] == 4, "the status was read again in between"


@pytest.mark.proves("D-204")
def test_a_letter_refused_in_both_forms_is_refused() -> None:
    one = registers()
    one.on_write = lambda address, data: 3
    with pytest.raises(ModbusRefused):
        run(DmedDriver(one).command("X"))
    assert [data for _, data in one.writes()] == [b"X\0", b"\0X"]


@pytest.mark.proves("D-204")
def test_a_letter_without_effect_for_a_second_goes_into_the_low_byte() -> None:
    one = registers(signature_status=0x22)

    def act(address: int, data: bytes) -> None:
        if address == 0x427F and data == b"\0B":
            one.words[0x41FF], one.words[0x4200] = 2, 0x2A
            one.put(0x4201, bytes(6))

    one.on_write = act
    driver = DmedDriver(one)
    run(driver.status())
    with pytest.raises(Exception, match="no record"):
        run(driver.sign("B"))
    times = [data for address, data in one.writes() if address == 0x427F]
    assert times == [b"B\0", b"\0B"]
    assert 1.0 <= one.clock.now() / 1e9 < 2.0


def test_other_refusals_of_a_command_are_final() -> None:
    one = registers()
    one.on_write = lambda address, data: 4
    with pytest.raises(ModbusRefused):
        run(DmedDriver(one).command("B"))
    assert len(one.writes()) == 1
    with pytest.raises(InvalidValue, match="no command"):
        run(DmedDriver(one).command("b"))


@pytest.mark.proves("D-226")
def test_a_signature_is_waited_for_15_seconds() -> None:
    one = registers(measurement_status=2, signature_status=0x26)
    driver = DmedDriver(one)
    with pytest.raises(ResponseTimeout, match="after 15 s"):
        run(driver.sign("B"))
    assert 15.0 <= one.clock.now() / 1e9 < 15.5
    looks = sum(pdu == bytes.fromhex("0441ff0002") for pdu in one.requests)
    assert 130 <= looks <= 152


def test_busy_is_asked_again_five_times() -> None:
    one = registers()
    answers: list[int | None] = [6, 6, 6, 6, 6, None]
    one.on_write = lambda address, data: answers.pop(0)
    run(DmedDriver(one).write({"datetime_offset": 60}))
    assert (len(one.writes()), answers) == (6, [])
    assert one.clock.now() >= 10**9
    one.on_write = lambda address, data: 6
    with pytest.raises(ModbusRefused):
        run(DmedDriver(one).write({"datetime_offset": 60}))


def test_a_connection_that_is_closed_at_once_is_tried_again_for_reads_only() -> None:
    one = registers()
    troubles: list[Exception | None] = [Disconnected("busy"), Disconnected("busy"), None]
    one.on_read = lambda address, count: troubles.pop(0)
    assert run(DmedDriver(one).state()).measurement is MeasurementStatus.IDLE
    assert one.clock.now() >= 6 * 10**8
    one.on_read = lambda address, count: None
    one.on_write = lambda address, data: Disconnected("gone")
    with pytest.raises(Disconnected):
        run(DmedDriver(one).write({"datetime": 1}))
    assert len(one.writes()) == 1


# Reading and writing -----------------------------------------------------------------------------------------------


def test_reads_use_function_4_and_never_cross_a_gap() -> None:
    one = registers()
    for block in MAP.blocks:
        if block.name != "save" and block.name != "display":
            one.put(block.address, bytes(2 * block.registers))
    driver = DmedDriver(one)
    readings = run(driver.read("all"))
    assert all(pdu[0] == 4 for pdu in one.requests)
    assert all(int.from_bytes(pdu[3:5], "big") <= 120 for pdu in one.requests)
    names = {reading.point for reading in readings}
    assert "measure.voltage" in names and "output.output_json" in names
    assert not any(name.startswith(("display.", "save.", "parameter")) for name in names)
    other = registers()
    other.put(0x0009, (40053).to_bytes(4, "big"))
    (voltage,) = run(DmedDriver(other, function=3).read("voltage"))
    assert (voltage.value, voltage.unit, other.requests[0][0]) == (Decimal("400.53"), "V", 3)


def test_hour_counters_that_run_too_fast_count_seconds() -> None:
    one = registers(datetime=1000)

    def unit(driver: DmedDriver, hours: int, clock: int) -> str:
        one.put(0x002F, hours.to_bytes(8, "big"))
        one.put(0x407F, clock.to_bytes(4, "big"))
        return str(run(driver.read("hours_total", "datetime"))[0].unit)

    driver = DmedDriver(one)
    assert unit(driver, 1000, 1000) == "h"
    assert unit(driver, 1100, 1000 + 3600 * 100) == "h"
    assert unit(driver, 1101, 500) == "s", "a hundred hours in none"
    driver = DmedDriver(one)
    assert unit(driver, 1000, 1000) == "h"
    assert unit(driver, 1059, 1059) == "h", "a clock may have been set"
    assert unit(driver, 1060, 1060) == "s"
    assert run(driver.read("hours_total"))[0].unit == "s"
    assert unit(DmedDriver(one, seconds=True), 1, 1) == "s"
    assert [unit(quiet, value, 1) for quiet in [DmedDriver(one, seconds=False)] for value in (1, 9999)] == ["h", "h"]


def test_what_can_only_be_written_is_not_read() -> None:
    one = registers()
    with pytest.raises(UsageError, match="display_page can only be written"):
        run(DmedDriver(one).read("display_page"))
    assert one.requests == []


def test_what_rest_alone_can_set_says_so() -> None:
    with pytest.raises(UnknownName, match="over REST"):
        run(DmedDriver(registers()).write({"tariff": 5}))


def test_the_key_is_shown_as_spki_and_other_bytes_are_named() -> None:
    one = registers()
    one.put(0x45FF, KEY[-64:])
    driver = DmedDriver(one)
    assert run(driver.public_key()) == KEY == driver.known_key
    one.put(0x45FF, bytes(64))
    with pytest.raises(ProtocolError, match="no public key"):
        run(driver.public_key())
    one.put(0x45FF, b"76BF" * 16)
    with pytest.raises(ProtocolError, match="is text"):
        run(driver.public_key())


# The parameter menu ------------------------------------------------------------------------------------------------


class Menu(Registers):
    """Registers with the parameter menu: chosen, staged, saved with a reboot of five silent seconds."""

    def __init__(self) -> None:
        super().__init__()
        self.saved = {(5, 0, 3): 0xC0A80101, (2, 0, 1): 0, (4, 0, 1): 1} | {(1, 0, 1): 0}
        self.staged: dict[tuple[int, int, int], int] = {}
        self.silent_until = 0
        self.forgets = False
        self.units: list[int] = []
        for address in (0x4FFF, 0x5000, 0x5001):
            self.words[address] = 0

    def chosen(self) -> tuple[int, int, int]:
        return self.words[0x4FFF], self.words[0x5000], self.words[0x5001]

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        self.units.append(unit)
        if self.clock.now() < self.silent_until:
            self.clock.advance(timeout or 1)
            raise ResponseTimeout("it reboots")
        address = int.from_bytes(pdu[1:3], "big")
        if pdu[0] == 6 and address == 0x2F02:
            self.requests.append(pdu)
            self.saved |= {} if self.forgets else self.staged
            self.staged.clear()
            self.silent_until = self.clock.now() + 5 * 10**9
            self.clock.advance(timeout or 1)
            raise Disconnected("the connection was closed")
        if pdu[0] == 4 and address == 0x5003:
            words = pdu[4]
            value = {**self.saved, **self.staged}[self.chosen()].to_bytes(2 * words, "big")
            return bytes((4, 2 * words)) + value
        if pdu[0] in (6, 16) and address == 0x5003:
            self.staged[self.chosen()] = int.from_bytes(pdu[3:5] if pdu[0] == 6 else pdu[6:], "big")
            self.requests.append(pdu)
            return pdu[:5]
        if pdu[0] == 6 and address == 0x4FFF:
            self.words[0x5000] = self.words[0x5001] = 0
        return await super().exchange(unit, pdu, timeout=timeout)


@pytest.mark.proves("D-120")
def test_a_parameter_is_written_read_back_saved_and_verified() -> None:
    one = Menu()
    run(DmedDriver(one).write({"P05_03": "192.168.1.7", "P02.01": "ON"}))
    assert one.saved[(5, 0, 3)] == 0xC0A80107
    assert one.saved[(2, 0, 1)] == 1
    words = [(address, data.hex()) for address, data in one.writes()]
    assert words[:4] == [(0x4FFF, "0005"), (0x5000, "0000"), (0x5001, "0003"), (0x5003, "c0a80107")]
    assert words.count((0x2F02, "0005")) == 1
    (ip, mode) = run(DmedDriver(one).read("P05_03", "P02_01"))
    assert (ip.point, ip.value, ip.raw) == ("parameter.P05_03", "192.168.1.7", 0xC0A80107)
    assert mode.value == "ON"


@pytest.mark.proves("D-120")
def test_a_meter_that_forgets_what_it_saved_is_found_out() -> None:
    one = Menu()
    one.forgets = True

    with pytest.raises(ProtocolError, match="P02_01 reads 0 after the reboot, and 1 was written"):
        run(DmedDriver(one).write({"P02_01": 1}))


@pytest.mark.proves("D-120")
def test_a_new_node_is_used_from_the_save_on() -> None:
    one = Menu()
    driver = DmedDriver(one)
    run(driver.write({"P04_01": 9}))
    assert driver.unit == 9
    assert one.units[-1] == 9
    assert one.units[0] == 1


def test_a_meter_that_does_not_come_back_is_named_with_the_parameters_that_moved_it() -> None:
    one = Menu()
    driver = DmedDriver(one)

    usual = one.exchange

    async def gone(unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        if pdu[0] == 17:
            one.clock.advance(1)
            raise ResponseTimeout("nobody")
        return await usual(unit, pdu, timeout=timeout)

    one.exchange = gone  # type: ignore[method-assign]
    with pytest.raises(ResponseTimeout, match=r"saved, but .* by the new P05_03"):
        run(driver.write({"P05_03": "10.0.0.1"}))


def test_a_parameter_out_of_range_is_not_sent() -> None:
    one = Menu()
    with pytest.raises(InvalidValue, match="P04_01"):
        run(DmedDriver(one).write({"P04_01": 248}))
    with pytest.raises(UnknownName, match="P09_01"):
        run(DmedDriver(one).write({"P09_01": 1}))
    assert one.requests == []


def test_letters_are_commands_when_written() -> None:
    one = registers()
    run(DmedDriver(one).write({"command": Command.RESET.value, "datetime_offset": 60}))
    assert one.writes() == [(0x4283, b"\0\x3c"), (0x427F, b"X\0")]
