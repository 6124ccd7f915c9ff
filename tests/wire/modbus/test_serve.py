"""A server over a store in memory: the flow charts of the Modbus Application Protocol 1.1b3, section 6."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattproof.errors import StorageError
from wattproof.wire.modbus.image import RegisterImage
from wattproof.wire.modbus.messages import IdentificationResponse, ServerIdResponse
from wattproof.wire.modbus.pdu import FUNCTIONS, decode_response
from wattproof.wire.modbus.serve import Table, serve
from wattproof.wire.modbus.store import MemoryStore, pack_bits, unpack_bits


def store() -> MemoryStore:
    return MemoryStore(
        holding=RegisterImage(100, bytes(range(20))),
        inputs=RegisterImage(0, b"\xaa\xbb"),
        coils={at: at % 3 == 0 for at in range(10, 30)},
        discrete_inputs={0: True, 1: False},
        objects={0: b"ACME", 1: b"BSM", 2: b"1.9", 4: b"x" * 200, 0x80: b"y" * 100},
        server_id=b"BSM",
    )


#: (request, answer)
EXCHANGES = [
    ("01000a000a", "01 02 2401"),  # coils 10..19: 12, 15, 18 are on, the seven unused bits of 16..19 too
    ("0200000002", "02 01 01"),
    ("0300640002", "03 04 00010203"),
    ("0400000001", "04 02 aabb"),
    ("05000aff00", "05000aff00"),
    ("0600641234", "0600641234"),
    ("0f000a000301 05", "0f000a0003"),
    ("1000640002 04 11223344", "1000640002"),
    ("1600640f00f0f0", "1600640f00f0f0"),
    ("1700640001 00640001 02 9999", "17 02 9999"),
    ("11", "11 04 42534dff"),
    ("0300650000", "83 03"),
    ("030065007e", "83 03"),
    ("0300630001", "83 02"),
    ("03006d0002", "83 02"),
    ("03ffff0002", "83 02"),
    ("0400010001", "84 02"),
    ("01001d0002", "81 02"),
    ("0200020001", "82 02"),
    ("05000a0001", "85 03"),
    ("0500090000", "85 02"),
    ("06006e0000", "86 02"),
    ("0f001d000201 03", "8f 02"),
    ("10006d0002 04 00000000", "90 02"),
    ("1000640002 02 0000", "90 03"),
    ("16006e00000000", "96 02"),
    ("1700000001 00640001 02 9999", "97 02"),
    ("1700640001 00000001 02 9999", "97 02"),
    ("2b0e0403", "ab 02"),
    ("2b0d0000", "ab 01"),
    ("07", "87 01"),
    ("8300640002", "83 01"),
]


@pytest.mark.parametrize(("request_", "answer"), EXCHANGES)
def test_every_request_has_its_answer(request_: str, answer: str) -> None:
    assert serve(bytes.fromhex(request_), store()).hex() == bytes.fromhex(answer).hex()


#: (write request, read request, data read afterwards)
EFFECTS = [
    ("05000bff00", "01000b0001", "01 01 01"),
    ("0600641234", "0300640001", "03 02 1234"),
    ("0f000a000301 05", "01000a0003", "01 01 05"),
    ("1000640002 04 11223344", "0300640003", "03 06 112233440405"),
    ("160065f0f00505", "0300650001", "03 02 0505"),
    ("1700640002 00650001 02 9999", "0300640002", "03 04 00019999"),
]


@pytest.mark.parametrize(("write", "read", "answer"), EFFECTS)
def test_writes_take_effect(write: str, read: str, answer: str) -> None:
    device = store()
    assert serve(bytes.fromhex(write), device)[0] < 0x80
    assert serve(bytes.fromhex(read), device) == bytes.fromhex(answer)


def test_a_write_that_is_refused_changes_nothing() -> None:
    device = store()
    for request in ("10006d0002 04 ffffffff", "1700000001 00640001 02 9999", "0f001d000201 03"):
        assert serve(bytes.fromhex(request), device)[0] & 0x80
    assert device.holding.read(100, 10) == bytes(range(20))
    assert device.coils == store().coils


def test_identification_is_a_stream_that_goes_on_where_it_stopped() -> None:
    found: dict[int, bytes] = {}
    answer, start, requests = IdentificationResponse(3, 0, more=True), 0, 0
    while answer.more:
        decoded = decode_response(serve(bytes((0x2B, 0x0E, 3, start)), store()))
        assert isinstance(decoded, IdentificationResponse)
        answer, start, requests = decoded, decoded.next_id, requests + 1
        assert answer.conformity == 0x83
        found |= answer.objects
    assert found == dict(store().identification())
    assert requests == 2


@pytest.mark.parametrize(
    ("request_", "objects"),
    [
        ("2b0e0100", [0, 1, 2]),
        ("2b0e0101", [1, 2]),
        ("2b0e0109", [0, 1, 2]),
        ("2b0e0200", [0, 1, 2, 4]),
        ("2b0e0480", [0x80]),
    ],
)
def test_categories_of_identification(request_: str, objects: list[int]) -> None:
    answer = decode_response(serve(bytes.fromhex(request_), store()))
    assert isinstance(answer, IdentificationResponse)
    assert list(answer.objects) == objects


def test_a_store_without_identity_does_not_offer_it() -> None:
    for request in ("11", "2b0e0100"):
        assert serve(bytes.fromhex(request), MemoryStore())[1] == 1


def test_an_object_that_fits_no_answer_is_a_device_failure() -> None:
    assert serve(bytes.fromhex("2b0e0100"), MemoryStore(objects={0: bytes(250)})).hex() == "ab04"


def test_only_offered_functions_are_answered() -> None:
    for function in FUNCTIONS:
        answer = serve(bytes((function,)) + bytes(5), store(), functions={3, 16})
        assert answer == bytes((function | 0x80, 3 if function in {3, 16} else 1))


def test_nothing_answers_nothing() -> None:
    assert serve(b"", store()) == b""


class Broken(MemoryStore):
    def read(self, table: Table, address: int, count: int) -> bytes:
        raise StorageError("the disk is full; make room")


def test_errors_of_the_device_become_its_exception() -> None:
    assert serve(bytes.fromhex("0300640001"), Broken()).hex() == "8304"


@given(st.binary(max_size=260))
def test_whatever_is_asked_the_answer_is_legal(pdu: bytes) -> None:
    answer = serve(pdu, store())
    assert len(answer) <= 253
    if pdu:
        assert answer[0] & 0x7F == pdu[0] & 0x7F


@given(st.lists(st.booleans(), max_size=40))
def test_bits_come_back(bits: list[bool]) -> None:
    assert unpack_bits(pack_bits(bits), len(bits)) == bits


def test_a_server_identification_is_the_devices_own() -> None:
    assert store().server_id() == ServerIdResponse(b"BSM")
