"""The charge cycle: which command is taken when, and what the status words say meanwhile; sections 8.1 to 8.5."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

Make = Callable[..., Any]
SYNTAX, NOT_FULL, SEQUENCE, VALUE = 1, 2, 4, 8
ECDSA_SIGN = 1 << 15
JSON_OK, SIGNING, OK, FAILED, SYNCHRONISED, ROLLED, ERROR = 2, 4, 8, 0x10, 0x20, 0x40, 0x8000


def in_status(make: Make, status: int, **options: str) -> Any:
    """A meter in a measurement status, without errors, with a message where there can be one."""
    meter = make(init_delay="100", **options) if status == 0 else make(**options)
    if status == 1:
        assert meter.message() == 200
    if status >= 2:
        meter.begin()
    if status == 3:
        meter.power_cycle()
    assert (meter.measurement, meter.errors) == (status, 0)
    return meter


def word(letter: str) -> int:
    return ord(letter) << 8


def records(meter: Any) -> int:
    return int.from_bytes(meter.read(0x0221), "big")


# 8.2


@pytest.mark.proves("D-201", "D-203", "D-060")
@pytest.mark.parametrize("value", [*map(ord, "RbcexAZ0 \0"), 0x4242, 0x4243, 0x5842, 0x0100, 0x4201, 0xFFFF])
def test_other_words_are_no_commands(bench: Make, value: int) -> None:
    meter = in_status(bench, 2)
    for code in (value, value << 8 if value < 0x100 else value):
        assert meter.put(0x4280, code) == b"\x86\x03"
    assert (meter.measurement, meter.errors) == (2, 0)


@pytest.mark.proves("D-202")
@pytest.mark.parametrize("shift", [0, 8])
def test_every_letter_may_stand_in_either_byte(bench: Make, shift: int) -> None:
    meter = in_status(bench, 1).set_time()
    for letter, status in (("B", 2), ("C", 2), ("E", 1), ("r", 1), ("X", 1)):
        value = ord(letter) << shift
        assert meter.put(0x4280, value) is not None and meter.read(0x4280) == value.to_bytes(2, "big")
        assert meter.measurement == status
        meter.wait(0.3)
    assert records(meter) == 4


# 8.3: the table, row by row


TABLE = [
    # status, letter, refused or new status, makes a record
    (0, "B", None), (0, "C", None), (0, "E", None), (0, "r", None),
    (1, "B", 2), (1, "C", None), (1, "E", None), (1, "r", None),
    (2, "B", None), (2, "C", 2), (2, "E", 1), (2, "r", 1),
    (3, "B", None), (3, "C", 3), (3, "E", 1), (3, "r", 1),
]  # fmt: skip


@pytest.mark.proves(
    "D-205", "D-208", "D-209", "D-210", "D-211", "D-212", "D-214", "D-216", "D-217", "D-218", "D-105", "D-062", "D-280"
)
@pytest.mark.parametrize(("status", "letter", "target"), TABLE)
def test_the_table_of_commands(bench: Make, status: int, letter: str, target: int | None) -> None:
    meter = in_status(bench, status)
    stored, before = records(meter), meter.word
    answer = meter.put(0x4280, word(letter))
    if target is None:
        assert answer == b"\x86\x04"
        assert meter.errors == SEQUENCE
        assert (meter.measurement, meter.word) == (status, before | ERROR), "nothing else changes"
        assert records(meter.wait(1)) == stored
        return
    assert answer is not None and answer[0] == 6
    assert meter.measurement == target, "the new status shows at once"
    assert meter.word & SIGNING and not meter.word & OK
    assert records(meter) == stored
    meter.wait(0.3)
    assert (meter.measurement, records(meter), meter.errors) == (target, stored + 1, 0)
    assert meter.word & (SIGNING | OK | FAILED) == OK


@pytest.mark.proves("D-206")
@pytest.mark.parametrize("how", ["none", "refused", "length 0"])
def test_begin_needs_a_message(bench: Make, how: str) -> None:
    meter = bench().set_time()
    if how != "none":
        assert meter.message() == 200 and meter.word == SYNCHRONISED | JSON_OK
    if how == "refused":
        assert meter.message('{"IS":1}') == 400
        meter.command("X")
    if how == "length 0":
        assert meter.put(0x4281, 0) is not None
    assert meter.put(0x4280, word("B")) == b"\x86\x04"
    assert (meter.measurement, meter.errors, meter.word) == (1, SEQUENCE, 0x8020)


@pytest.mark.proves("D-207", "D-308")
def test_begin_sets_the_energies_of_the_cycle_to_0(bench: Make) -> None:
    meter = bench(load="constant:3600")
    meter.begin()
    meter.wait(99.5)
    meter.control(load="constant:-3600")
    meter.wait(50)
    meter.signed("E")
    assert (meter.raw("energy_cycle"), meter.raw("energy_cycle_export")) == (100, 50)
    meter.message()
    meter.command("B")
    assert (meter.raw("energy_cycle"), meter.raw("energy_cycle_export")) == (0, 0)
    assert (meter.raw("energy_import_total"), meter.raw("energy_export_total")) == (100, 50)


@pytest.mark.proves("D-213", "D-212")
@pytest.mark.parametrize("between", ["", "power", "failed"])
def test_r_in_idle_makes_the_last_record_again(bench: Make, between: str) -> None:
    meter = bench(load="constant:7200").set_time()
    meter.begin()
    meter.wait(30)
    if between == "failed":
        meter.fault("signature-error", 1)
        meter.command("E")
        meter.wait(1)
        assert (meter.measurement, records(meter)) == (1, 1)
        assert meter.word == SYNCHRONISED | FAILED | ERROR
        meter.command("X")
        first = ""
    else:
        first = meter.signed("E")
    if between == "power":
        meter.power_cycle()
    again = meter.signed("r")
    assert meter.measurement == 1
    payload = json.loads(again.split("|")[1])
    assert payload["PG"] == ("T2" if between == "failed" else "T3")
    assert [reading.get("TX") for reading in payload["RD"]] == ["B", None, None, "E", None, None]
    assert payload["RD"][5]["RV"] == 0.061
    assert meter.verifies(again)
    if first:
        assert again.split("|")[1].replace('"T3"', '"T2"') == first.split("|")[1]
    assert not meter.word & JSON_OK, "a new cycle needs a message of its own"


@pytest.mark.proves("D-219", "D-224")
@pytest.mark.parametrize("status", [0, 1, 2, 3])
def test_x_clears_the_dwords_in_every_status(bench: Make, status: int) -> None:
    meter = in_status(bench, status)
    before = meter.word, records(meter)
    meter.put(0x4280, word("C" if status < 2 else "B"))
    assert meter.errors == SEQUENCE and meter.word == before[0] | ERROR
    assert meter.put(0x4280, word("X")) is not None
    assert (meter.measurement, meter.errors, meter.word) == (status, 0, before[0])
    assert records(meter.wait(1)) == before[1]
    assert meter.meter.logbook.events[-1].code == 10


@pytest.mark.proves("D-220", "D-319")
def test_a_signing_that_fails_at_begin_opens_no_cycle(bench: Make) -> None:
    meter = in_status(bench, 1).set_time()
    meter.fault("signature-error", 1)
    assert meter.put(0x4280, word("B")) is not None
    assert (meter.measurement, meter.word) == (2, SYNCHRONISED | JSON_OK | SIGNING)
    meter.wait(0.3)
    assert (meter.measurement, meter.word) == (1, SYNCHRONISED | JSON_OK | FAILED | ERROR)
    assert (meter.errors, records(meter)) == (ECDSA_SIGN, 0)
    assert meter.put(0x4280, word("C")) == b"\x86\x04", "there is no cycle"
    assert meter.put(0x4280, word("B")) is not None, "a transient failure blocks nothing"
    meter.wait(0.3)
    assert (meter.measurement, records(meter), meter.word & (OK | FAILED)) == (2, 1, OK)


@pytest.mark.proves("D-061")
@pytest.mark.parametrize("letter", "BCErX")
def test_a_command_while_a_signature_is_in_progress(bench: Make, letter: str) -> None:
    meter = in_status(bench, 2)
    meter.put(0x4280, word("C"))
    assert meter.put(0x4280, word(letter)) == b"\x86\x06"
    meter.wait(0.29)
    assert meter.put(0x4280, word(letter)) == b"\x86\x06"
    meter.wait(0.01)
    assert (meter.measurement, meter.errors, records(meter)) == (2, 0, 2)


# 8.4


@pytest.mark.proves("D-221", "D-096", "D-225")
def test_the_status_words_over_two_cycles(bench: Make) -> None:
    meter = bench(init_delay="0.5")
    seen = [meter.word]
    for step in (
        lambda: meter.wait(0.5), meter.set_time, meter.message, lambda: meter.command("B"), lambda: meter.wait(0.3),
        lambda: meter.command("C"), lambda: meter.wait(0.3), lambda: meter.command("E"), lambda: meter.wait(0.3),
        lambda: meter.command("B"), lambda: meter.command("X"), meter.message,
    ):  # fmt: skip
        step()
        seen.append(meter.word)
    assert seen == [
        0x0001, 0x0000, 0x0020, 0x0022, 0x0026, 0x002A, 0x0026, 0x002A, 0x0026, 0x0028, 0x8028, 0x0028, 0x002A,
    ]  # fmt: skip


@pytest.mark.proves("D-221")
def test_the_status_word_after_a_power_failure(bench: Make) -> None:
    assert in_status(bench, 3).word == JSON_OK


@pytest.mark.proves("D-223", "D-254")
@pytest.mark.parametrize(("minutes", "lasts"), [("1", 60), ("1440", 86400), ("0", None)])
def test_a_synchronisation_expires(bench: Make, minutes: str, lasts: int | None) -> None:
    meter = bench(P06_02=minutes).set_time()
    meter.wait((lasts or 10**7) - 0.5)
    assert meter.word & SYNCHRONISED
    if lasts:
        meter.wait(0.5)
        assert not meter.word & SYNCHRONISED
        meter.set_time()
        assert meter.word & SYNCHRONISED
    else:
        meter.wait(10**7)
        assert meter.word & SYNCHRONISED


# 8.5


def modbus_message(meter: Any, text: bytes, length: int | None = None) -> None:
    """A message over the registers; the write is acknowledged whatever it holds."""
    padded = text + bytes(len(text) % 2)
    for at in range(0, len(padded), 240):
        assert meter.put_many(0x4A00 + at // 2, padded[at : at + 240]) is not None
    assert meter.put(0x4281, len(text) if length is None else length) is not None


MESSAGES = [
    (b'{"FV":"1.0"}\0', NOT_FULL), (b'{"FV":"1.0"\0}', NOT_FULL), (b'{"FV":"1.0"', NOT_FULL), (b'{"FV":"1', NOT_FULL),
    (b'OCMF|{"FV":', NOT_FULL), (b"{", NOT_FULL), (b'{"FV":"1.0",', NOT_FULL), (b"hello", SYNTAX), (b"[]", SYNTAX),
    (b'"text"', SYNTAX), (b"7", SYNTAX), (b"{FV:1}", SYNTAX), (b'{"FV":"1.0"}}', SYNTAX), (b"{'FV':'1'}", SYNTAX),
    (b'OCMF|{"FV":"1.0"}x', SYNTAX), (b'{"FV":"\xff"}', SYNTAX), (b'{"FV":1.0}', VALUE), (b'{"FV":null}', VALUE),
    (b'{"IS":"true"}', VALUE), (b'{"IS":1}', VALUE), (b'{"IF":"RFID_PLAIN"}', VALUE), (b'{"IF":["a",1]}', VALUE),
    (b'{"IF":["1","2","3","4","5"]}', VALUE), (b'{"LC":[]}', VALUE), (b'{"LC":"x"}', VALUE), (b'{"U":1}', VALUE),
    (b'{"TT":"' + b"x" * 251 + b'"}', VALUE), (b'{"CF":"' + b"x" * 26 + b'"}', VALUE), (b'{"ID":"a|b"}', VALUE),
    (b'{"a\\u007cb":"x"}', VALUE), (b'{"RD":{}}', VALUE), (b'{"RD":[{}]}', VALUE), (b'{"RD":[1]}', VALUE),
    (b'{"RD":null}', VALUE), (b'{"FV":"1","FV":"2"}', VALUE),
]  # fmt: skip


@pytest.mark.proves("D-227", "D-228", "D-229", "D-251", "D-230", "D-224")
@pytest.mark.parametrize(("text", "bit"), MESSAGES)
def test_what_is_wrong_with_a_message(bench: Make, text: bytes, bit: int) -> None:
    meter = bench()
    modbus_message(meter, b"{}")
    assert meter.word == JSON_OK
    modbus_message(meter, text)
    assert meter.errors == bit and meter.word == ERROR
    modbus_message(meter, b'{"FV":"1.0"}')
    assert (meter.errors, meter.word) == (0, JSON_OK), "the next valid message clears it"
    assert meter.http("POST", "/v1/ocmf", text).status == 400
    assert meter.errors == bit


GOOD = [
    b"{}", b'{"IS":true,"IF":[],"LC":{},"RD":[]}', b'{"IF":["1","2","3","4"]}', b'{"TT":"' + b"x" * 250 + b'"}',
    b'{"CF":"' + b"x" * 25 + b'"}', b'OCMF|{"FV":"1.0"}', b'{"FV":"1.0"}|{"SA":"","SE":"","SD":""}',
    b'OCMF|{"FV":"1.0","RD":[]}|{}', b'{"ID":"\xc3\xbc"}', b' {"FV" : "1.0" }\n',
    b'{"U":"a","Z":"b","other":[1,{"x":null}]}',
]  # fmt: skip


@pytest.mark.proves("D-229", "D-247", "D-251")
@pytest.mark.parametrize("text", GOOD)
def test_what_is_right_with_a_message(bench: Make, text: bytes) -> None:
    meter = bench()
    modbus_message(meter, text)
    assert (meter.errors, meter.word) == (0, JSON_OK)
    assert meter.verifies(meter.signed("B"))


@pytest.mark.proves("D-230")
def test_json_errors_stay_until_x_a_restart_or_the_next_valid_message_and_do_not_block(bench: Make) -> None:
    meter = in_status(bench, 1)
    meter.put(0x4280, word("C"))
    modbus_message(meter, b"{")
    assert meter.errors == (SEQUENCE | NOT_FULL)
    modbus_message(meter, b"[]")
    assert meter.errors == (SEQUENCE | NOT_FULL | SYNTAX)
    modbus_message(meter, b"{}")
    assert meter.errors == SEQUENCE, "the sequence error stays"
    assert meter.put(0x4280, word("B")) is not None
    assert meter.wait(1).measurement == 2
    assert meter.errors == SEQUENCE
    meter.power_cycle()
    assert meter.errors == 0


@pytest.mark.proves("D-062", "D-230", "D-231")
def test_a_message_in_a_cycle(bench: Make) -> None:
    meter = in_status(bench, 2)
    assert meter.put(0x4A00, 0x7B7D) == b"\x86\x04" and meter.errors == SEQUENCE
    meter.command("X")
    assert meter.put(0x4281, 2) == b"\x86\x04" and meter.errors == SEQUENCE
    assert meter.word & JSON_OK
    meter.command("X")
    meter.power_cycle()
    modbus_message(meter, b'{"ID":"other"}')
    assert (meter.measurement, meter.errors, meter.word & JSON_OK) == (3, 0, JSON_OK)
    assert '"ID":"1F2D3A4F5506C7"' in meter.signed("E"), "the cycle keeps its fields"


@pytest.mark.proves("D-109")
def test_a_restart_while_a_command_is_taken_leaves_no_word_behind(bench: Make) -> None:
    for state in ("begin:accepted", "begin:signing"):
        meter = in_status(bench, 1)
        meter.fault("power-cut", 1, when=state)
        assert meter.put(0x4280, word("B")) is None
        meter.wait(5)
        assert meter.read(0x4280) == bytes(2)
