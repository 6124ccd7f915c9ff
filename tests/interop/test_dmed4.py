"""Independent clients at a virtual DMED4: pymodbus and libmodbus by raw registers, curl by REST, pyocmf on its records.

Nothing of our own drivers is used: what the meter is told and what it answers stands here in the numbers of its manual.
"""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import pyocmf
import pytest
from pymodbus import FramerType
from pymodbus.client import ModbusSerialClient, ModbusTcpClient

Simulate = Callable[..., dict[str, Any]]
FAST = ("--set", "answer-delay=0", "--set", "sign-delay=0.05", "--speed", "60", "--load", "constant:60000")
FIELDS = (
    '{"FV":"1.0","GI":"Wattproof","GS":"42","IS":true,"IF":["RFID_PLAIN"],"IT":"ISO14443","ID":"1F2D3A4F5506C7",'
    '"TT":"Tariff 1","CT":"EVSEID","CI":"DE*ABC*E000123"}'
)
EPOCH = 1695970042
#: Every run of registers that can be read, as the manual prints its first number.
RUNS = {
    0x0002: 32, 0x0030: 8, 0x0200: 11, 0x020D: 2, 0x0220: 2, 0x4000: 6, 0x4080: 2, 0x4200: 5, 0x4280: 5,
    0x4400: 1216, 0x4A00: 512, 0x5000: 3,
}  # fmt: skip


class Registers(Protocol):
    """What a session needs of a client, by the register numbers of the manual."""

    def read(self, register: int, count: int) -> list[int]: ...
    def write(self, register: int, *values: int) -> None: ...


class Pymodbus:
    """pymodbus, whatever the line."""

    def __init__(self, client: Any) -> None:
        self.client = client
        assert client.connect()

    def read(self, register: int, count: int) -> list[int]:
        found: list[int] = []
        while len(found) < count:
            part = min(120, count - len(found))
            answer = self.client.read_input_registers(register - 1 + len(found), count=part, device_id=1)
            assert not answer.isError(), answer
            found += answer.registers
        return found

    def write(self, register: int, *values: int) -> None:
        if len(values) == 1:
            answer = self.client.write_register(register - 1, values[0], device_id=1)
        else:
            answer = self.client.write_registers(register - 1, list(values), device_id=1)
        assert not answer.isError(), answer


class Mbpoll:
    """libmodbus through its command line client: one process a request."""

    def __init__(self, program: str, place: list[str]) -> None:
        self.base = [program, *place[:-1], "-a", "1", "-1", "-q"]
        self.place = place[-1]

    def read(self, register: int, count: int) -> list[int]:
        found: list[int] = []
        while len(found) < count:
            part = min(120, count - len(found))
            command = [*self.base, "-t", "3:hex", "-r", str(register + len(found)), "-c", str(part), self.place]
            text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            lines = [line for line in text.splitlines() if line.startswith("[")]
            found += [int(line.rsplit("0x", 1)[1], 16) for line in lines]
        return found

    def write(self, register: int, *values: int) -> None:
        command = [*self.base, "-t", "4", "-r", str(register), self.place, "--", *map(str, values)]
        subprocess.run(command, check=True, capture_output=True, text=True)


def words(data: bytes) -> list[int]:
    return [int.from_bytes(data[at : at + 2].ljust(2, b"\0"), "big") for at in range(0, len(data), 2)]


def octets(registers: list[int], length: int) -> bytes:
    return b"".join(word.to_bytes(2, "big") for word in registers)[:length]


def number(registers: list[int]) -> int:
    return int.from_bytes(octets(registers, 2 * len(registers)), "big")


def signed(meter: Registers, letter: str) -> str:
    """A command by its register, and the record rebuilt from the output registers (9.5)."""
    meter.write(0x4280, ord(letter) << 8)
    for _ in range(100):
        (status,) = meter.read(0x4201, 1)
        if not status & 0x04:
            break
        time.sleep(0.05)
    assert status & 0x08, f"signature status {status:#06x}"
    payload_length, _, signature_length = meter.read(0x4202, 3)
    payload = octets(meter.read(0x4400, (payload_length + 1) // 2), payload_length).decode()
    signature = octets(meter.read(0x4640, (signature_length + 1) // 2), signature_length)
    return f'OCMF|{payload}|{{"SA":"ECDSA-secp256r1-SHA256","SE":"hex","SD":"{signature.hex().upper()}"}}'


def session(meter: Registers) -> tuple[list[str], bytes]:
    """The procedure of 8.8 by registers alone: both records and the public key."""
    assert meter.read(0x4200, 1) == [1]
    meter.write(0x4080, EPOCH >> 16, EPOCH & 0xFFFF)
    meter.write(0x4284, 120)
    message = words(FIELDS.encode())
    for at in range(0, len(message), 100):
        meter.write(0x4A00 + at, *message[at : at + 100])
    meter.write(0x4281, len(FIELDS))
    assert meter.read(0x4201, 1)[0] & 0x0002
    records = [signed(meter, "B")]
    assert meter.read(0x4200, 1) == [2]
    deadline = time.monotonic() + 20
    while number(meter.read(0x0006, 4)) <= 1000:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    records.append(signed(meter, "E"))
    assert meter.read(0x4200, 1) == [1]
    return records, octets(meter.read(0x4600, 32), 64)


def check(records: list[str], key: bytes, expected: str) -> None:
    """pyocmf accepts both records and refuses a changed digit; the energies agree."""
    spki = "3059301306072A8648CE3D020106082A8648CE3D03010703420004" + key.hex()
    assert spki.lower() == expected
    for text, transaction in zip(records, "BE", strict=True):
        record = pyocmf.OCMF.from_string(text)
        assert record.verify_signature(spki)
        readings = record.payload.RD
        assert len(readings) == 6
        assert readings[3].TX.value == transaction
        assert not pyocmf.OCMF.from_string(text.replace('"GS":"42"', '"GS":"43"')).verify_signature(spki)
    content = json.loads(records[1].split("|")[1])
    begin, end, cycle = (content["RD"][index]["RV"] for index in (0, 3, 5))
    assert cycle > 1
    assert end - begin == pytest.approx(cycle)
    assert content["ID"] == "1F2D3A4F5506C7"


LINES = {"tcp": "tcp://127.0.0.1:0", "rtu": "pty://{}?protocol=rtu", "ascii": "pty://{}?protocol=ascii"}


def listen_at(line: str, folder: Path) -> str:
    return LINES[line].format(folder / "meter")


def port_of(ready: dict[str, Any]) -> int:
    port = urlsplit(ready["listen"][0]).port
    assert port is not None
    return port


@pytest.fixture(params=LINES)
def meter(request: pytest.FixtureRequest, simulate: Simulate, tmp_path: Path) -> Any:
    """pymodbus at a virtual DMED4 on Modbus TCP, RTU and ASCII; with the ready object."""
    ready = simulate(*FAST, "--set", "P04_02=7", listen=listen_at(request.param, tmp_path), model="dmed4")
    if request.param == "tcp":
        client: Any = ModbusTcpClient("127.0.0.1", port=port_of(ready))
    else:
        framer = FramerType.RTU if request.param == "rtu" else FramerType.ASCII
        client = ModbusSerialClient(str(tmp_path / "meter"), framer=framer, baudrate=115200, parity="N", timeout=2)
    peer = Pymodbus(client)
    yield peer, ready
    client.close()


@pytest.mark.proves("D-019", "D-028", "D-071", "D-042")
def test_pymodbus_reads_every_register(meter: tuple[Pymodbus, dict[str, Any]]) -> None:
    peer, ready = meter
    values = {register: peer.read(register, count) for register, count in RUNS.items()}
    assert number(values[0x0002][8:10]) == 40000  # 400.00 V
    assert values[0x0002][16:20] == [250, 770, 250, 770]
    assert number(values[0x0200][0:2]) == 40000
    assert values[0x020D][0] == values[0x0220][0] == 1000
    assert values[0x4200] == [1, 0, 0, 0, 0]
    assert octets(values[0x4400][512:544], 64).hex() == ready["public_key"][-128:]
    for register in (0x0001, 0x0022, 0x01FF, 0x2F02, 0x4006, 0x5003):
        refused = peer.client.read_input_registers(register - 1, count=1, device_id=1)
        assert refused.exception_code == 2, hex(register)
    assert peer.client.read_holding_registers(0x2F02, count=1, device_id=1).exception_code == 4
    assert peer.client.read_coils(0, count=1, device_id=1).exception_code == 1


@pytest.mark.proves("D-205", "D-211", "D-242", "D-244", "D-258")
def test_pymodbus_runs_a_session_by_raw_registers_and_pyocmf_accepts_it(meter: tuple[Pymodbus, dict[str, Any]]) -> None:
    peer, ready = meter
    check(*session(peer), ready["public_key"])


@pytest.mark.parametrize("line", ["tcp", "rtu"])
def test_libmodbus_runs_a_session_by_raw_registers(simulate: Simulate, mbpoll: str, tmp_path: Path, line: str) -> None:
    ready = simulate(*FAST, "--set", "P04_02=7", listen=listen_at(line, tmp_path), model="dmed4")
    if line == "tcp":
        place = ["-m", "tcp", "-p", str(port_of(ready)), "127.0.0.1"]
    else:
        place = ["-m", "rtu", "-b", "115200", "-P", "none", str(tmp_path / "meter")]
    check(*session(Mbpoll(mbpoll, place)), ready["public_key"])


@pytest.fixture(scope="session")
def curl() -> str:
    found = shutil.which("curl")
    if found is None:
        pytest.skip("curl is not installed (Debian package curl)")
    return found


@pytest.mark.proves("D-132", "D-137", "D-123")
def test_curl_runs_a_session(simulate: Simulate, curl: str) -> None:
    ready = simulate(*FAST, listen="http://127.0.0.1:0", model="dmed4")

    def ask(method: str, path: str, body: str | None = None) -> tuple[int, str]:
        command = [curl, "-s", "-X", method, "-w", "\n%{http_code}", f"{ready['listen'][0]}/v1/{path}"]
        if body is not None:
            command += ["-H", "Content-Type: application/json", "-d", body]
        text, _, code = subprocess.run(command, check=True, capture_output=True, text=True).stdout.rpartition("\n")
        return int(code), text

    def record(letter: str) -> str:
        assert ask("PUT", f"charge_settings?command={letter}")[0] == 200
        for _ in range(100):
            text = str(json.loads(ask("GET", "ocmf")[1])["OCMF_BUFF"])
            if text:
                return text
            time.sleep(0.05)
        raise AssertionError("no record")

    assert ask("PUT", f"charge_settings?datetime={EPOCH}&datetime_offset=120")[0] == 200
    assert ask("POST", "ocmf", json.dumps({"OCMF_BUFF": f'OCMF|{FIELDS}|{{"SA":"","SE":"","SD":""}}'})) == (200, "{}")
    records = [record("B")]
    deadline = time.monotonic() + 20
    while json.loads(ask("GET", "measure")[1])["energy"] <= 1000:
        assert time.monotonic() < deadline
    records.append(record("E"))
    settings = json.loads(ask("GET", "charge_settings")[1])
    check(records, bytes.fromhex(settings["public_key"]), ready["public_key"])
    assert ask("GET", "system_parameters") == (403, "")
    assert ask("PUT", "measure")[0] == 501
    assert ask("GET", "nothing")[0] == 404


@pytest.mark.proves("D-122")
def test_httpx_runs_a_session_over_tls_and_knows_the_certificate(simulate: Simulate) -> None:
    httpx = pytest.importorskip("httpx2", reason="the HTTP client httpx2 is not installed")
    ready = simulate(*FAST, listen="https://127.0.0.1:0", model="dmed4")
    host, port = "127.0.0.1", port_of(ready)
    certificate = ssl.get_server_certificate((host, port))
    context = ssl.create_default_context(cadata=certificate)
    with httpx.Client(base_url=f"https://{host}:{port}/v1/", verify=context) as client:
        assert client.get("charge_status").json()["measurement_status"] == 1
        assert client.put("charge_settings", params={"datetime": EPOCH, "datetime_offset": 120}).status_code == 200
        assert client.post("ocmf", json={"OCMF_BUFF": "OCMF|" + FIELDS}).json() == {}
        records = []
        for letter in "BE":
            assert client.put(f"charge_settings?command={letter}").json() == {"command": letter}
            deadline = time.monotonic() + 10
            while not (text := client.get("ocmf").json()["OCMF_BUFF"]) and time.monotonic() < deadline:
                time.sleep(0.05)
            records.append(text)
            while letter == "B" and client.get("measure").json()["energy"] <= 1000:
                assert time.monotonic() < deadline
        check(records, bytes.fromhex(client.get("charge_settings").json()["public_key"]), ready["public_key"])
    with pytest.raises(httpx.ConnectError), httpx.Client(verify=True) as distrustful:
        distrustful.get(f"https://{host}:{port}/v1/measure")
    page = httpx.get(f"https://{host}:{port}/", verify=context)
    assert (page.status_code, page.content) == (404, b"")


@pytest.mark.proves("D-257")
def test_pyocmf_reads_a_signature_in_base64(simulate: Simulate) -> None:
    ready = simulate(*FAST, "--set", "P06_01=1", listen="http://127.0.0.1:0", model="dmed4")
    httpx = pytest.importorskip("httpx2", reason="the HTTP client httpx2 is not installed")
    base = ready["listen"][0] + "/v1/"
    assert httpx.post(base + "ocmf", json={"OCMF_BUFF": FIELDS}).status_code == 200
    assert httpx.put(base + "charge_settings?command=B").status_code == 200
    deadline = time.monotonic() + 10
    while not (text := httpx.get(base + "ocmf").json()["OCMF_BUFF"]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert '"SE":"base64"' in text
    assert pyocmf.OCMF.from_string(text).verify_signature(ready["public_key"])
