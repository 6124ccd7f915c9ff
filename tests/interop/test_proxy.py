"""pymodbus and libmodbus as masters that share a line through ``wattproof proxy``, a virtual BSM at its end."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pymodbus.client import ModbusSerialClient, ModbusTcpClient
from pymodbus.exceptions import ModbusIOException
from pymodbus.framer import FramerType

Simulate = Callable[..., dict[str, Any]]
Proxy = Callable[..., dict[str, Any]]
SUNS = [0x5375, 0x6E53]
DEAD = 9
TEXT = [int.from_bytes(b"pymodbus was here"[at : at + 2].ljust(2, b"\0"), "big") for at in range(0, 100, 2)]


@pytest.fixture
def proxy(simulate: Simulate, tmp_path: Path) -> Iterator[Proxy]:
    """Start ``wattproof proxy`` in front of a meter on a pseudo-terminal; gives its ready object."""
    to = simulate("--set", "answer-delay=0", listen=f"pty://{tmp_path}/meter?protocol=rtu")["listen"][0]
    running: list[subprocess.Popen[str]] = []

    def start(*options: str, listen: str = "tcp://127.0.0.1:0") -> dict[str, Any]:
        command = [sys.executable, "-m", "wattproof", "proxy", listen, "--to", f"{to}&timeout=0.3", "--json", *options]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        stdout = running[-1].stdout
        assert stdout is not None
        line = stdout.readline()
        assert line, f"proxy ended with {running[-1].wait()}"
        return dict(json.loads(line))

    yield start
    for process in running:
        process.terminate()
        process.communicate(timeout=10)


def port_of(ready: dict[str, Any]) -> int:
    port = urlsplit(ready["listen"][0]).port
    assert port is not None
    return port


def test_pymodbus_and_libmodbus_share_a_line_with_a_dead_unit(proxy: Proxy, mbpoll: str) -> None:
    port = port_of(proxy())
    said: list[subprocess.CompletedProcess[str]] = []

    def poll(unit: int) -> None:
        command = [
            mbpoll,
            "-m",
            "tcp",
            "-p",
            str(port),
            "-a",
            str(unit),
            "-0",
            "-1",
            "-q",
            "-t",
            "4:hex",
            "-r",
            "40000",
        ]
        for _ in range(5):
            done = subprocess.run([*command, "-c", "2", "127.0.0.1"], capture_output=True, text=True, check=False)
            said.append(done)

    client = ModbusTcpClient("127.0.0.1", port=port)
    assert client.connect()
    threads = [threading.Thread(target=poll, args=(unit,)) for unit in (42, DEAD)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(40):
            assert client.read_holding_registers(40000, count=2, device_id=42).registers == SUNS
            assert len(client.read_holding_registers(40005, count=125, device_id=42).registers) == 125
        assert client.read_holding_registers(40000, count=2, device_id=DEAD).exception_code == 0x0B
    finally:
        client.close()
        for thread in threads:
            thread.join(60)
    read = [done for done in said if "-a" in done.args and done.args[done.args.index("-a") + 1] == "42"]
    dead = [done for done in said if done not in read]
    assert len(read) == len(dead) == 5
    assert all("0x5375" in done.stdout and "0x6E53" in done.stdout for done in read)
    assert all(done.returncode and "Target device failed to respond" in done.stderr for done in dead)


def test_a_write_is_refused_by_read_only_and_taken_without(proxy: Proxy) -> None:
    client = ModbusTcpClient("127.0.0.1", port=port_of(proxy("--read-only")))
    assert client.connect()
    try:
        before = client.read_holding_registers(40349, count=50, device_id=42).registers
        assert client.write_registers(40349, TEXT, device_id=42).exception_code == 1
        assert client.read_holding_registers(40349, count=50, device_id=42).registers == before
    finally:
        client.close()


def test_pymodbus_writes_and_reads_over_rtu_in_tcp(proxy: Proxy) -> None:
    ready = proxy("--unit", "42", listen="rtu://127.0.0.1:0")
    client = ModbusTcpClient("127.0.0.1", port=port_of(ready), framer=FramerType.RTU)
    assert client.connect()
    try:
        answer = client.write_registers(40349, TEXT, device_id=42)
        assert (answer.address, answer.count) == (40349, 50)
        assert client.read_holding_registers(40349, count=50, device_id=42).registers == TEXT
        assert client.read_holding_registers(40000, count=2, device_id=41).exception_code == 0x0A
        assert client.read_holding_registers(39999, count=2, device_id=42).exception_code == 2
    finally:
        client.close()


@pytest.mark.parametrize("framing", ["rtu", "ascii"])
def test_serial_masters_on_a_pseudo_terminal(proxy: Proxy, tmp_path: Path, framing: str) -> None:
    proxy(listen=f"pty://{tmp_path}/line?protocol={framing}")
    client = ModbusSerialClient(
        str(tmp_path / "line"), framer=FramerType(framing), baudrate=19200, parity="N", timeout=3
    )
    assert client.connect()
    try:
        for _ in range(3):
            assert client.read_holding_registers(40000, count=2, device_id=42).registers == SUNS
    finally:
        client.close()


def test_mbpoll_on_a_pseudo_terminal(proxy: Proxy, mbpoll: str, tmp_path: Path) -> None:
    proxy(listen=f"pty://{tmp_path}/line?protocol=rtu")
    command = [mbpoll, "-m", "rtu", "-b", "19200", "-P", "none", "-a", "42", "-0", "-1", "-q", "-t", "4:hex"]
    done = subprocess.run(
        [*command, "-r", "40000", "-c", "2", str(tmp_path / "line")], capture_output=True, text=True, check=False
    )
    assert "0x5375" in done.stdout, done.stderr


def test_an_exception_on_demand(proxy: Proxy) -> None:
    client = ModbusTcpClient("127.0.0.1", port=port_of(proxy("--fault", "exception=6")))
    assert client.connect()
    try:
        assert client.read_holding_registers(40000, count=2, device_id=42).exception_code == 6
    finally:
        client.close()


def test_a_wrong_transaction_on_demand(proxy: Proxy) -> None:
    port = port_of(proxy("--fault", "wrong-transaction"))
    client = ModbusTcpClient("127.0.0.1", port=port, timeout=0.3, retries=0)
    assert client.connect()
    try:
        with pytest.raises(ModbusIOException):
            client.read_holding_registers(40000, count=2, device_id=42)
    finally:
        client.close()
