"""The worked session of the specification (section 17), byte for byte over Modbus RTU and over REST."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from wattproof.model.codec.crc import crc16_modbus
from wattproof.signed import examine
from wattproof.wire.modbus.framing import Request, rtu

EPOCH = 1695970042
SCALAR = int.from_bytes(hashlib.sha256(b"DMED4 worked example").digest(), "big")
FIELDS = (
    '{"FV":"1.0","GI":"Wattproof","GS":"42","IS":true,"IF":["RFID_PLAIN"],"IT":"ISO14443","ID":"1F2D3A4F5506C7",'
    '"TT":"Tariff 1","CT":"EVSEID","CI":"DE*ABC*E000123"}'
)
DIGESTS = (
    "489DEB451D3653E92E792AD01C3D112A543E3502920C8F2AB97E5B65BD4CC6A4",
    "75978896180224115A0DC542B7E2515EF1ED984734002B090BDF4E1E37366389",
)
F1 = (
    r'{"OCMF_BUFF":"OCMF|{\"FV\":\"1.0\",\"GI\":\"Wattproof\",\"GS\":\"42\",\"IS\":true,\"IF\":[\"RFID_PLAIN\"],'
    r"\"IT\":\"ISO14443\",\"ID\":\"1F2D3A4F5506C7\",\"TT\":\"Tariff 1\",\"CT\":\"EVSEID\",\"CI\":\"DE*ABC*E000123\","
    r'\"RD\":[]}|{\"SA\":\"\",\"SE\":\"\",\"SD\":\"\"}"}'
)
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def worked(bench: Callable[..., Any]) -> Any:
    """The meter of 17.1; 0.6 s after its start, so that a refresh falls where the example reads its counters."""
    key = ec.derive_private_key(SCALAR, ec.SECP256R1())
    data = key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    one = bench(serial="12345678", key=data, energy="1234.567", load="constant:20700")
    return one.wait(0.6)


def ask(worked: Any, request: str) -> str:
    """An RTU request as the specification prints it, checked; the answer with its check."""
    data = bytes.fromhex(request)
    assert crc16_modbus(data) == 0, f"{request}: wrong check"
    (heard,) = rtu.ServerFramer().receive(data)
    answer = worked.ask(heard.pdu)
    assert answer is not None
    return rtu.ServerFramer().encode(Request(heard.unit, b""), answer).hex(" ").upper()


def with_check(text: str, data: bytes = b"") -> str:
    body = bytes.fromhex(text) + data
    return (body + crc16_modbus(body).to_bytes(2, "little")).hex(" ").upper()


@pytest.mark.proves("D-333", "D-335", "D-014", "D-015", "D-016", "D-221", "D-261", "D-260", "D-262", "D-101")
def test_the_modbus_session_byte_for_byte(worked: Any) -> None:
    def fetch(number: int, lengths: str, signature: str, checks: tuple[str, ...]) -> str:
        assert ask(worked, "01 04 42 01 00 03 F5 B3") == lengths
        payload = b""
        reads = (
            "01 04 43 FF 00 78 D5 9C",
            "01 04 44 77 00 78 54 C2",
            "01 04 44 EF 00 78 D5 2D",
            "01 04 45 67 00 04 55 1A",
        )
        for request, check in zip(reads, checks, strict=True):
            answer = ask(worked, request)
            assert answer.endswith(check)
            payload += bytes.fromhex(answer)[3:-2]
        assert len(payload) == 728
        assert hashlib.sha256(payload).hexdigest().upper() == DIGESTS[number]
        assert ask(worked, "01 04 46 3F 00 24 D5 55").startswith(signature)
        return payload.decode()

    assert ask(worked, "01 04 41 FF 00 02 55 C7") == "01 04 04 00 01 00 00 AA 44"
    assert ask(worked, "01 04 3F FF 00 04 CD ED") == "01 04 08 00 00 00 00 00 00 00 00 24 0D"
    assert ask(worked, "01 10 40 7F 00 02 04 65 16 72 FA DE E3") == "01 10 40 7F 00 02 65 D0"
    assert ask(worked, "01 06 42 83 00 78 6C 78") == "01 06 42 83 00 78 6C 78"
    message = with_check("01 10 49 FF 00 50 A0", FIELDS.encode() + b"\0")
    assert message.endswith("1D 08")
    assert ask(worked, message) == "01 10 49 FF 00 50 E6 59"
    assert ask(worked, "01 06 42 80 00 9F DC 32") == "01 06 42 80 00 9F DC 32"
    assert ask(worked, "01 04 42 00 00 01 25 B2") == "01 04 02 00 22 39 29"
    worked.wait(3)
    assert ask(worked, "01 06 42 7F 42 00 9C CA") == "01 06 42 7F 42 00 9C CA"
    assert ask(worked, "01 04 41 FF 00 02 55 C7") == "01 04 04 00 02 00 26 DB 9E"
    worked.wait(0.3)
    assert ask(worked, "01 04 41 FF 00 02 55 C7") == "01 04 04 00 02 00 2A DB 9B"
    first = fetch(
        0, "01 04 06 02 D8 00 00 00 48 41 54", "01 04 48 30 46 02 21 00 B8", ("02 14", "EF 2F", "6D 13", "ED 93")
    )
    worked.wait(21.3)
    assert ask(worked, "01 04 00 05 00 04 E1 C8") == "01 04 08 00 00 00 00 00 00 00 7B 64 2E"
    assert ask(worked, "01 04 00 01 00 04 A0 09") == "01 04 08 00 00 00 00 00 12 D7 02 5A 39"
    worked.wait(38.4)
    assert ask(worked, "01 06 42 7F 45 00 9E FA") == "01 06 42 7F 45 00 9E FA"
    assert ask(worked, "01 04 41 FF 00 02 55 C7") == "01 04 04 00 01 00 26 2B 9E"
    worked.wait(0.3)
    assert ask(worked, "01 04 41 FF 00 02 55 C7") == "01 04 04 00 01 00 28 AA 5A"
    second = fetch(
        1, "01 04 06 02 D8 00 00 00 47 01 50", "01 04 48 30 45 02 21 00 88", ("F1 53", "EF 2F", "D5 EE", "ED 93")
    )
    key = ask(worked, "01 04 45 FF 00 20 D4 EE")
    assert key.startswith("01 04 40 76 BF 3E FD") and key.endswith("4B 79 2D 44 1E")
    for number, payload in enumerate((first, second), 1):
        text = worked.get(f"logbook/OCMF?index_type=PROGR&index_value={number}")["OCMF_LOG"]
        assert text.startswith(f"OCMF|{payload}|")
        assert worked.verifies(text)


def sent(worked: Any, method: str, target: str, body: str = "") -> bytes:
    return worked.http(method, target, body).encode()


def chunks(answer: bytes) -> tuple[list[str], bytes]:
    """Chunk sizes as written, and the body."""
    assert answer.startswith(HEAD)
    rest, sizes, body = answer[len(HEAD) :], [], b""
    while True:
        size, _, rest = rest.partition(b"\r\n")
        if size == b"0":
            assert rest == b"\r\n"
            return sizes, body
        sizes.append(size.decode())
        length = int(size, 16)
        body, rest = body + rest[:length], rest[length + 2 :]


@pytest.mark.proves("D-334", "D-128", "D-129", "D-158", "D-156", "D-160", "D-144", "D-147")
def test_the_rest_session_byte_for_byte(worked: Any) -> None:
    def expect(sizes: list[str], body: str, *request: str) -> None:
        assert chunks(sent(worked, *request)) == (sizes, body.encode())

    status = '{{"measurement_status":{},"signature_status":{},"error_status_1":0,"error_status_2":0}}'
    assert sent(worked, "GET", "/v1/charge_status") == (
        HEAD + b"53\r\n" + status.format(1, 0).encode() + b"\r\n0\r\n\r\n"
    )
    expect(
        ["2D"], '{"datetime":1695970042,"datetime_offset":120}',
        "PUT", "/v1/charge_settings?datetime=1695970042&datetime_offset=120",
    )  # fmt: skip
    assert len(F1) == 266
    expect(["2"], "{}", "POST", "/v1/ocmf", F1)
    expect(["54"], status.format(1, 34), "GET", "/v1/charge_status")
    worked.wait(3)
    expect(["F"], '{"command":"B"}', "PUT", "/v1/charge_settings?command=B")
    expect(["54"], status.format(2, 38), "GET", "/v1/charge_status")
    worked.wait(0.3)
    expect(["54"], status.format(2, 42), "GET", "/v1/charge_status")
    sizes, body = chunks(sent(worked, "GET", "/v1/ocmf"))
    assert (sizes, len(body)) == (["100", "100", "100", "100", "6C"], 1132)
    worked.wait(21.3)
    expect(
        ["D2"],
        '{"voltage":4000,"current":518,"power":207,"energy":123,"energy_neg":0,"temperature_i1":250,'
        '"temperature_i1_fahrenheit":770,"temperature_i2":250,"temperature_i2_fahrenheit":770,"energyPos":1234690,'
        '"energyNeg":0}',
        "GET", "/v1/measure",
    )  # fmt: skip
    worked.wait(38.4)
    expect(["F"], '{"command":"E"}', "PUT", "/v1/charge_settings?command=E")
    expect(["54"], status.format(1, 38), "GET", "/v1/charge_status")
    worked.wait(0.3)
    expect(["54"], status.format(1, 40), "GET", "/v1/charge_status")
    sizes, body = chunks(sent(worked, "GET", "/v1/ocmf"))
    assert (sizes, len(body)) == (["100", "100", "100", "100", "6A"], 1130)
    sizes, logged = chunks(sent(worked, "GET", "/v1/logbook/OCMF?index_type=POS&index_reference=LAST"))
    assert (sizes, len(logged)) == (["100", "100", "100", "100", "69"], 1129)
    assert logged.replace(b"OCMF_LOG", b"OCMF_BUFF") == body


@pytest.mark.proves("D-335", "D-240", "D-241")
def test_our_verifier_accepts_the_records_and_refuses_a_changed_digit(worked: Any) -> None:
    worked.set_time(EPOCH)
    worked.wait(3)
    worked.begin()
    text = worked.wait(59.5).signed("E")
    key = worked.meter.public_key.hex()
    assert hashlib.sha256(text.split("|")[1].encode()).hexdigest().upper() == DIGESTS[1]
    (record,) = examine(text.encode(), key).as_dict()["records"]
    assert record["signature"] == "valid"
    (changed,) = examine(text.replace("1234.912", "1234.812").encode(), key).as_dict()["records"]
    assert changed["signature"] == "invalid"


@pytest.mark.proves("D-335")
def test_the_records_are_those_that_the_specification_prints(worked: Any) -> None:
    path = Path(__file__).resolve().parents[4].parent / "shared" / "specs" / "dmed4.md"
    if not path.is_file():
        pytest.skip(f"no specification at {path}")
    printed = re.findall(r"^OCMF\|\{.*\}$", path.read_text(encoding="utf-8"), re.MULTILINE)
    worked.set_time(EPOCH)
    worked.wait(3)
    assert [worked.begin(), worked.wait(59.5).signed("E")] == printed[:2]
