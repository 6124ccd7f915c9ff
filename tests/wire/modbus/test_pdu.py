"""Requests and answers: one list of cases drives encoding, decoding and the lengths that framing relies on.

The examples are those of the Modbus Application Protocol 1.1b3, section 6, where it gives any.
"""

from __future__ import annotations

import pytest

from wattproof.errors import FrameError, InvalidValue, ModbusRefused
from wattproof.wire.modbus.exceptions import MEANINGS, ExceptionCode, describe, refused
from wattproof.wire.modbus.messages import (
    IdentificationRequest,
    IdentificationResponse,
    MaskWrite,
    Message,
    ReadRequest,
    ReadResponse,
    ReadWriteRequest,
    ServerIdRequest,
    ServerIdResponse,
    WriteMany,
    WriteManyResponse,
    WriteOne,
)
from wattproof.wire.modbus.pdu import (
    FUNCTIONS,
    check_response,
    decode_request,
    decode_response,
    exception,
    mask_write_request,
    parse_read_response,
    parse_write_response,
    read_request,
    read_write_request,
    request_size,
    response_size,
    write_multiple_request,
    write_single_request,
)

#: (request message, request bytes, answer message, answer bytes)
CASES: list[tuple[Message, str, Message, str]] = [
    (ReadRequest(1, 19, 19), "0100130013", ReadResponse(1, b"\xcd\x6b\x05"), "0103cd6b05"),
    (ReadRequest(2, 196, 22), "0200c40016", ReadResponse(2, b"\xac\xdb\x35"), "0203acdb35"),
    (ReadRequest(3, 107, 3), "03006b0003", ReadResponse(3, b"\x02\x2b\0\0\0\x64"), "0306022b00000064"),
    (ReadRequest(4, 8, 1), "0400080001", ReadResponse(4, b"\0\x0a"), "0402000a"),
    (WriteOne(5, 172, 0xFF00), "0500acff00", WriteOne(5, 172, 0xFF00), "0500acff00"),
    (WriteOne(6, 1, 3), "0600010003", WriteOne(6, 1, 3), "0600010003"),
    (WriteMany(15, 19, 10, b"\xcd\x01"), "0f0013000a02cd01", WriteManyResponse(15, 19, 10), "0f0013000a"),
    (WriteMany(16, 1, 2, b"\0\x0a\x01\x02"), "100001000204000a0102", WriteManyResponse(16, 1, 2), "1000010002"),
    (ServerIdRequest(), "11", ServerIdResponse(b"BSM", True, b"x"), "110542534dff78"),
    (MaskWrite(4, 0xF2, 0x25), "16000400f20025", MaskWrite(4, 0xF2, 0x25), "16000400f20025"),
    (
        ReadWriteRequest(3, 6, 14, b"\0\xff\0\xff\0\xff"),
        "1700030006000e00030600ff00ff00ff",
        ReadResponse(23, bytes(12)),
        "170c000000000000000000000000",
    ),
    (
        IdentificationRequest(1, 0),
        "2b0e0100",
        IdentificationResponse(1, 0x01, {0: b"ACME", 2: b"1.9"}),
        "2b0e01010000020004" + b"ACME".hex() + "0203" + b"1.9".hex(),
    ),
]
IDS = [FUNCTIONS[request.function].name for request, *_ in CASES]


@pytest.mark.parametrize(("request_", "asked", "answer", "said"), CASES, ids=IDS)
def test_messages_and_bytes_are_each_others_inverse(request_: Message, asked: str, answer: Message, said: str) -> None:
    assert request_.encode().hex() == asked
    assert decode_request(bytes.fromhex(asked)) == request_
    assert answer.encode().hex() == said
    assert decode_response(bytes.fromhex(said)) == answer
    assert check_response(bytes.fromhex(asked), bytes.fromhex(said)) == answer


@pytest.mark.parametrize(("request_", "asked", "answer", "said"), CASES, ids=IDS)
def test_lengths_are_known_from_the_beginning_and_never_change(
    request_: Message, asked: str, answer: Message, said: str
) -> None:
    for data, size in ((bytes.fromhex(asked), request_size), (bytes.fromhex(said), response_size)):
        known = [size(data[:end]) for end in range(len(data) + 1)]
        first = next(index for index, length in enumerate(known) if length is not None)
        assert known[:first] == [None] * first
        assert set(known[first:]) == {len(data)}
        assert size(data + b"\xff" * 9) == len(data)


@pytest.mark.parametrize(("request_", "asked", "answer", "said"), CASES, ids=IDS)
def test_any_other_length_is_refused(request_: Message, asked: str, answer: Message, said: str) -> None:
    data = bytes.fromhex(asked)
    for wrong in [data[:end] for end in range(1, len(data))] + [data + b"\0"]:
        with pytest.raises(ModbusRefused) as caught:
            decode_request(wrong)
        assert caught.value.code == ExceptionCode.ILLEGAL_DATA_VALUE
    data = bytes.fromhex(said)
    for wrong in [data[:end] for end in range(len(data))] + [data + b"\0"]:
        with pytest.raises(FrameError):
            decode_response(wrong)


def test_every_function_of_the_table_has_a_case() -> None:
    assert {request.function for request, *_ in CASES} == set(FUNCTIONS) == {1, 2, 3, 4, 5, 6, 15, 16, 17, 22, 23, 43}


#: Quantities just inside and just outside the limits of section 6.
LIMITS = [
    (1, 2000),
    (2, 2000),
    (3, 125),
    (4, 125),
]


@pytest.mark.parametrize(("function", "limit"), LIMITS)
def test_quantities_of_reads(function: int, limit: int) -> None:
    for count in (1, limit):
        request = read_request(function, 0, count)
        assert decode_request(request) == ReadRequest(function, 0, count)
    for count in (0, limit + 1):
        with pytest.raises(InvalidValue, match=f"1 to {limit}"):
            read_request(function, 0, count)
        with pytest.raises(ModbusRefused) as caught:
            decode_request(bytes((function, 0, 0)) + count.to_bytes(2, "big"))
        assert caught.value.code == 3


@pytest.mark.parametrize(
    "pdu",
    [
        "0f00000000 00",
        "0f000007b1 f7" + "00" * 247,
        "0f0000000a 01 00",
        "1000000000 00",
        "100000007c f8" + "00" * 248,
        "1000000002 02 0000",
        "1700000000 00000001 02 0000",
        "170000007e 00000001 02 0000",
        "1700000001 00000000 00",
        "1700000001 0000007a f4" + "00" * 244,
        "1700000001 00000002 02 0000",
        "0500000001",
        "05000000ff",
        "2b0e0000",
        "2b0e0500",
    ],
)
def test_quantities_byte_counts_and_values_out_of_range_are_refused_with_3(pdu: str) -> None:
    with pytest.raises(ModbusRefused) as caught:
        decode_request(bytes.fromhex(pdu))
    assert caught.value.code == 3


@pytest.mark.parametrize("pdu", ["07", "0800000000", "18000a", "41", "ff", "00", "2b0d0100", "83"])
def test_functions_that_are_not_offered_are_refused_with_1(pdu: str) -> None:
    with pytest.raises(ModbusRefused) as caught:
        decode_request(bytes.fromhex(pdu))
    assert caught.value.code == 1


@pytest.mark.parametrize("code", sorted(MEANINGS))
@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_exceptions_carry_the_function_byte_of_their_request(function: int, code: int) -> None:
    answer = exception(function, code)
    assert answer == bytes((function | 0x80, code))
    with pytest.raises(ModbusRefused) as caught:
        decode_response(answer)
    assert caught.value.code == code
    assert MEANINGS[code][0] in str(caught.value)
    assert MEANINGS[code][1] in str(caught.value)


def test_exceptions_name_what_was_asked() -> None:
    with pytest.raises(ModbusRefused, match=r"function 3, 10 from address 40070 .*illegal data address"):
        check_response(read_request(3, 40_070, 10), exception(3, 2))
    assert "not a standard code" in describe(99)
    assert refused(6, "a write").modbus_exception == 6


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("0300000002", "030200ff"),
        ("0300000002", "040400000000"),
        ("0300000002", ""),
        ("0300000002", "8402"),
        ("0600010003", "0600010004"),
        ("100001000204000a0102", "1000010001"),
        ("100001000204000a0102", "1000020002"),
        ("16000400f20025", "16000400f20026"),
        ("2b0e0100", "2b0e0201000000"),
        ("1700030002000e000102 0000", "170200ff"),
    ],
)
def test_answers_to_other_requests_are_damage(asked: str, said: str) -> None:
    with pytest.raises(FrameError):
        check_response(bytes.fromhex(asked), bytes.fromhex(said))


def test_drivers_ask_in_one_line() -> None:
    assert parse_read_response(bytes.fromhex("0306022b00000064"), 3).hex() == "022b00000064"
    assert parse_read_response(bytes.fromhex("0103cd6b05"), 19).hex() == "cd6b05"
    assert write_multiple_request(1, b"\0\x0a\x01\x02").hex() == "100001000204000a0102"
    assert write_single_request(5, 172, 1).hex() == "0500acff00"
    assert write_single_request(6, 1, 3).hex() == "0600010003"
    assert mask_write_request(4, 0xF2, 0x25).hex() == "16000400f20025"
    assert read_write_request(3, 6, 14, b"\0\xff" * 3).hex() == "1700030006000e00030600ff00ff00ff"
    parse_write_response(bytes.fromhex("1000010002"), 1, 2)
    with pytest.raises(FrameError, match="4 bytes of data instead of 6"):
        parse_read_response(bytes.fromhex("030400000000"), 3)
    with pytest.raises(FrameError):
        parse_read_response(bytes.fromhex("1000010002"), 2)
    with pytest.raises(FrameError):
        parse_write_response(bytes.fromhex("1000010003"), 1, 2)
    with pytest.raises(ModbusRefused):
        parse_write_response(exception(16, 2), 1, 2)


@pytest.mark.parametrize(
    "make",
    [
        lambda: read_request(23, 0, 1),
        lambda: read_request(3, 65_536, 1),
        lambda: read_request(3, -1, 1),
        lambda: write_multiple_request(0, b"\0"),
        lambda: write_multiple_request(0, bytes(248)),
        lambda: write_single_request(5, 0, 2),
        lambda: write_single_request(6, 0, 65_536),
        lambda: read_write_request(0, 1, 0, b"\0"),
        lambda: ReadResponse(3, b"").encode(),
        lambda: ServerIdResponse(bytes(251)).encode(),
    ],
)
def test_wrong_calls_are_refused_before_anything_is_sent(make: object) -> None:
    with pytest.raises(InvalidValue):
        make()  # type: ignore[operator]


def test_a_server_identification_without_run_indicator_is_taken_as_it_is() -> None:
    assert decode_response(bytes.fromhex("1103414243")) == ServerIdResponse(b"ABC")
    assert decode_response(bytes.fromhex("110341ff00")) == ServerIdResponse(b"A\xff", running=False)


def test_masks_follow_the_formula_of_the_standard() -> None:
    assert MaskWrite(0, 0xF2, 0x25).apply(0x12) == 0x17
