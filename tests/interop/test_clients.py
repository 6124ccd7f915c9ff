"""pymodbus, pysunspec2 and libmodbus as clients of the virtual BSM."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import sunspec2.device as sunspec_device
import sunspec2.modbus.client as sunspec
from pymodbus.client import ModbusTcpClient
from pymodbus.framer import FramerType

from wattproof import open_meter_sync

Simulate = Callable[..., dict[str, Any]]
FAST = ("--set", "answer-delay=0", "--speed", "200")
COMPARED = {
    "common.Mn": ("common", "Mn"),
    "common.DA": ("common", "DA"),
    "ac_meter.PhVphA": (203, "PhVphA"),
    "ac_meter.Hz": (203, "Hz"),
    "ac_meter.W": (203, "W"),
    "ac_meter.PPV": (203, "PPV"),
    "ac_meter.TotWhImp": (203, "TotWhImp"),
    "bs_meter.MA1": (64900, "MA1"),
    "bs_meter.NPK": (64900, "NPK"),
    "bs_meter.TZO": (64900, "TZO"),
}
EXPECTED_CHAIN = [1, 10, 17, 203, 64900, 64902, *[64901] * 5, *[64903] * 5]


def port_of(ready: dict[str, Any]) -> int:
    port = urlsplit(ready["listen"][0]).port
    assert port is not None
    return port


@pytest.mark.proves("B-006", "B-010", "B-019")
def test_pymodbus_reads_writes_and_is_refused_as_specified(simulate: Simulate) -> None:
    client = ModbusTcpClient("127.0.0.1", port=port_of(simulate(*FAST)))
    assert client.connect()
    try:
        assert client.read_holding_registers(40000, count=2, device_id=42).registers == [0x5375, 0x6E53]
        assert client.read_holding_registers(44291, count=2, device_id=42).registers == [0xFFFF, 0]
        assert len(client.read_holding_registers(40005, count=125, device_id=42).registers) == 125
        assert client.read_holding_registers(39999, count=2, device_id=42).exception_code == 2
        assert client.read_holding_registers(44292, count=2, device_id=42).exception_code == 2
        assert client.read_input_registers(40000, count=2, device_id=42).exception_code == 1
        assert client.read_coils(0, count=1, device_id=42).exception_code == 1
        text = b"pymodbus was here".ljust(100, b"\0")
        words = [int.from_bytes(text[i : i + 2], "big") for i in range(0, 100, 2)]
        answer = client.write_registers(40349, words, device_id=42)
        assert (answer.address, answer.count) == (40349, 50)
        assert client.read_holding_registers(40349, count=50, device_id=42).registers == words
        assert client.write_registers(40260, [1], device_id=42).exception_code == 2
    finally:
        client.close()


@pytest.mark.proves("B-002")
def test_pymodbus_speaks_rtu_over_tcp(simulate: Simulate) -> None:
    client = ModbusTcpClient(
        "127.0.0.1", port=port_of(simulate(*FAST, listen="rtu://127.0.0.1:0")), framer=FramerType.RTU
    )
    assert client.connect()
    try:
        for _ in range(3):
            assert client.read_holding_registers(40000, count=2, device_id=42).registers == [0x5375, 0x6E53]
    finally:
        client.close()


@pytest.fixture
def definitions(tmp_path: Path) -> Iterator[Path]:
    """The model definitions as ``wattproof models --sunspec-json`` writes them, where pysunspec2 looks first."""
    command = [sys.executable, "-m", "wattproof", "models", "bsm", "--sunspec-json", str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True)
    before = sunspec_device.get_model_defs_path()
    sunspec_device.set_model_defs_path([str(tmp_path), *before])
    yield tmp_path
    sunspec_device.set_model_defs_path(before)


@pytest.mark.proves("B-021")
def test_pysunspec2_scans_all_models_and_agrees_on_the_values(simulate: Simulate, definitions: Path) -> None:
    ready = simulate(*FAST, "--set", "energy=123.45")  # pysunspec2 takes a counter of 0 for "not available"
    url = f"bsm+{ready['listen'][0]}?unit=42"
    device = sunspec.SunSpecModbusClientDeviceTCP(slave_id=42, ipaddr="127.0.0.1", ipport=port_of(ready))
    try:
        device.scan()
        assert [model.model_id for model in device.model_list] == EXPECTED_CHAIN
        assert not any(model.error_info for model in device.model_list)
        with open_meter_sync(url) as meter:
            ours = {reading.point: reading for reading in meter.read(*(f"{name}" for name in COMPARED))}
        for name, (model, point) in COMPARED.items():
            theirs = device.models[model][0].points[point].cvalue
            assert theirs == (None if ours[name].value is None else pytest.approx(plain(ours[name].value))), name
        assert device.models["common"][0].SN.cvalue == ready["serial"][-8:]
    finally:
        device.close()


def plain(value: object) -> object:
    return float(value) if isinstance(value, Decimal) else value


def test_libmodbus_reads_and_writes(simulate: Simulate, mbpoll: str) -> None:
    port = port_of(simulate(*FAST))
    base = [mbpoll, "-m", "tcp", "-p", str(port), "-a", "42", "-0", "-1", "-q"]
    read = subprocess.run(
        [*base, "-t", "4:hex", "-r", "40000", "-c", "2", "127.0.0.1"], capture_output=True, text=True, check=True
    )
    assert "0x5375" in read.stdout
    assert "0x6E53" in read.stdout
    write = subprocess.run(
        [*base, "-t", "4", "-r", "40068", "127.0.0.1", "43"], capture_output=True, text=True, check=False
    )
    assert write.returncode != 0  # one register is written with function 6, which the meter does not have
    refused = subprocess.run(
        [*base, "-t", "4", "-r", "44293", "127.0.0.1"], capture_output=True, text=True, check=False
    )
    assert "Illegal data address" in refused.stderr


def test_a_foreign_unit_is_refused_on_tcp_as_by_a_gateway(simulate: Simulate) -> None:
    with socket.create_connection(("127.0.0.1", port_of(simulate(*FAST))), timeout=5) as peer:
        peer.sendall(bytes.fromhex("000100000006 07 03 9c40 0002"))
        assert peer.recv(64).hex() == "00010000000307830b"
