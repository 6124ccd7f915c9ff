"""The facade, ``VirtualMeter`` in and without an event loop, and the pytest fixture."""

from __future__ import annotations

import asyncio
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

import wattproof
from wattproof import VirtualMeter
from wattproof.errors import InvalidValue, PortInUse, StorageError, UnknownName

Start = Callable[..., VirtualMeter]
READ = struct.pack(">HHHBBHH", 1, 0, 6, 42, 3, 40000, 2)
TRIGGER_TURN_ON = struct.pack(">HHHBBHHBH", 2, 0, 9, 42, 16, 40778, 1, 2, 2)


def place(url: str) -> tuple[str, int]:
    host, _, port = url.partition("://")[2].partition("?")[0].rpartition(":")
    return host, int(port)


def ask(url: str, frame: bytes = READ) -> bytes:
    with socket.create_connection(place(url), timeout=5) as peer:
        peer.sendall(frame)
        return peer.recv(300)


def modules_after(statement: str) -> set[str]:
    code = f"import sys; before = set(sys.modules); {statement}; print(*(set(sys.modules) - before))"
    return set(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split())


def test_importing_the_package_imports_nothing() -> None:
    loaded = modules_after("import wattproof")
    assert {name for name in loaded if name.partition(".")[0] not in sys.stdlib_module_names} == {"wattproof"}
    assert not loaded & {"asyncio", "ssl", "socket"}


def test_importing_the_plugin_imports_nothing_heavy() -> None:
    loaded = modules_after("import pytest; before |= set(sys.modules); import wattproof.pytest_plugin")
    assert {name for name in loaded if name.startswith("wattproof")} == {"wattproof", "wattproof.pytest_plugin"}
    assert not loaded & {"asyncio", "cryptography", "httptools", "uvloop", "rich"}


def test_the_facade_names_what_it_has() -> None:
    with pytest.raises(AttributeError, match="colour"):
        _ = wattproof.colour
    assert set(wattproof.__all__) <= set(dir(wattproof))
    assert wattproof.VirtualMeter is VirtualMeter
    assert wattproof.__version__.count(".") >= 1


def test_the_fixture_gives_a_running_meter(virtual_meter: Start) -> None:
    meter = virtual_meter("bsm:cm12", answer_delay=0, seed=5)
    assert ask(meter.urls[0])[9:] == b"SunS"
    assert (meter.model, meter.variant, meter.unit) == ("bsm", "cm12", 42)
    assert meter.serial.startswith("001BZR")
    assert meter.public_key.startswith(b"\x30\x59")
    assert meter.url == f"bsm+{meter.urls[0]}?unit=42"
    assert virtual_meter("bsm", seed=5).serial == meter.serial
    assert meter.state["serial"] == meter.serial


def test_controls_and_faults_are_mappings(virtual_meter: Start) -> None:
    meter = virtual_meter(answer_delay=0, faults={"garble": 0})
    assert dict(meter.faults) == {"garble": 0}
    meter.faults["exception"] = True
    assert meter.faults["exception"] == 4
    assert ask(meter.urls[0])[7:] == b"\x83\x04"
    del meter.faults["exception"]
    assert "exception" not in meter.faults
    assert meter.faults["exception"] is False
    assert len(meter.faults) == 1
    meter.controls["doe"] = False
    assert meter.controls["doe"] is False
    assert meter.state["signals"]["doe"] in (False, 0)
    with pytest.raises(UnknownName, match="colour"):
        meter.faults["colour"] = True
    with pytest.raises(InvalidValue, match="doe"):
        meter.controls["doe"] = "green"
    kinds = [entry["kind"] for entry in meter.journal if entry.get("fault") == "exception"]
    assert kinds == ["fault-set", "fault-hit", "fault-ended"]


@pytest.mark.proves("B-194")
def test_a_change_waits_for_its_state(virtual_meter: Start) -> None:
    meter = virtual_meter(answer_delay=0, speed=100)
    meter.change(faults={"contactor-stuck-closed": True}, when="turn-on:signing")
    assert "contactor-stuck-closed" not in meter.faults
    ask(meter.urls[0], TRIGGER_TURN_ON)
    seen = 0
    while "contactor-stuck-closed" not in meter.faults:
        entries = meter.wait_journal(after=seen)
        assert entries, "the state was never entered"
        seen = entries[-1]["n"]
    events = [entry.get("state") or entry["kind"] for entry in meter.journal]
    states = events[: events.index("fault-set")]
    assert states[-1] == "turn-on:signing"
    assert "turn-on:collecting" in states


def test_the_meter_ends_with_its_context() -> None:
    before = threading.active_count()
    with VirtualMeter("bsm", answer_delay=0) as meter:
        url = meter.urls[0]
        assert ask(url)[9:] == b"SunS"
    with pytest.raises(ConnectionRefusedError):
        ask(url)
    with pytest.raises(InvalidValue, match="does not run"):
        _ = meter.urls
    assert threading.active_count() == before


async def test_in_an_event_loop() -> None:
    made = VirtualMeter("bsm", settings={"answer-delay": "0"}, control="http://127.0.0.1:0")
    async with made as meter, AsyncExitStack() as stack:
        reader, writer = await asyncio.open_connection(*place(meter.urls[0]))
        stack.push_async_callback(writer.wait_closed)
        stack.callback(writer.close)
        writer.write(READ)
        assert (await reader.readexactly(13))[9:] == b"SunS"
        state = await meter.control(doe=False)
        assert state["controls"]["doe"] is False
        meter.faults["echo"] = True
        assert [entry["kind"] for entry in meter.journal][-2:] == ["control", "fault-set"]
        waiting = asyncio.create_task(meter.wait_for_journal(after=meter.journal[-1]["n"]))
        await asyncio.sleep(0)
        writer.write(READ)
        assert (await waiting)[0]["kind"] == "request"
        assert meter.control_url is not None
        assert meter.control_url.startswith("http://127.0.0.1:")
        assert meter.token


def test_what_is_not_possible_is_said_on_entering(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="colour"), VirtualMeter("bsm", colour=1):
        pass
    with pytest.raises(UnknownName, match="garbel"), VirtualMeter("bsm", faults={"garbel": 1}):
        pass
    with pytest.raises(InvalidValue, match="nowhere"):
        VirtualMeter("bsm", key=tmp_path / "nowhere")
    with (
        VirtualMeter("bsm") as meter,
        pytest.raises(PortInUse, match=r"127\.0\.0\.1"),
        VirtualMeter(listen=meter.urls[0]),
    ):
        pass
    with VirtualMeter("bsm", state=tmp_path), pytest.raises(StorageError, match="in use"), VirtualMeter(state=tmp_path):
        pass


@pytest.mark.proves("B-050", "B-069")
def test_state_outlives_the_meter(tmp_path: Path) -> None:
    with VirtualMeter("bsm", state=tmp_path, speed=1000, energy=7) as meter:
        serial, key = meter.serial, meter.public_key
        meter.controls["step"] = 3600
        seconds = meter.state["time"]["os"]
        assert seconds >= 3600
        frame = struct.pack(">HHHBBHHBH", 3, 0, 9, 42, 16, 40068, 1, 2, 99)
        ask(meter.urls[0], frame)
        assert meter.unit == 99
    with VirtualMeter("bsm", state=tmp_path) as meter:
        assert (meter.serial, meter.public_key, meter.unit) == (serial, key, 99)
        assert meter.state["time"]["os"] >= seconds
        assert meter.state["energy"]["TotWhImp"] == 7000
