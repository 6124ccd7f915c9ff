"""M-Bus over real sockets and a pseudo-terminal: the commands and `open_meter` against telegrams of real meters."""

from __future__ import annotations

import asyncio
import json
import os
import select
import socket
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.mbusline import PlayedMeter, abb_frames, good_frame
from wattproof.cli import run
from wattproof.io.pty import PseudoTerminal
from wattproof.meters.connecting import open_meter, open_meter_sync
from wattproof.wire.mbus.receivers import Damaged, SlaveReceiver

Capture = pytest.CaptureFixture[str]
QUICK = "ack=20&response-timeout-base=40&response-timeout=0&baudrate=38400"


class Converter:
    """Meters behind the descriptor of a socket or of a pseudo-terminal, in a thread of its own."""

    def __init__(self, meters: list[PlayedMeter], listener: socket.socket | None, master: int = -1) -> None:
        self._meters = meters
        self._listener = listener
        self._master = master
        self._wake, self._woken = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        if self._listener is None:
            self._talk(self._master, lambda data: os.write(self._master, data))
            return
        while self._ready(self._listener.fileno()):
            client, _ = self._listener.accept()
            with client:
                self._talk(client.fileno(), client.sendall)

    def _talk(self, descriptor: int, send: Callable[[bytes], object]) -> None:
        receiver = SlaveReceiver()
        while self._ready(descriptor):
            data = os.read(descriptor, 4096)
            if not data:
                return
            for frame in receiver.receive(data):
                assert not isinstance(frame, Damaged)
                for meter in self._meters:
                    if answer := meter.answer(frame):
                        send(answer)

    def _ready(self, descriptor: int) -> bool:
        readable, _, _ = select.select([descriptor, self._wake], [], [])
        return self._wake not in readable

    def close(self) -> None:
        os.write(self._woken, b"x")
        self._thread.join()
        for descriptor in (self._wake, self._woken):
            os.close(descriptor)


def meters(vectors: Path) -> list[PlayedMeter]:
    """An A41 at address 5 and a heat meter at 6."""
    frames = abb_frames(vectors)
    a41 = [frames[f"a41-readout-{number}"] for number in range(1, 6)]
    return [PlayedMeter(a41, 5), PlayedMeter([good_frame(vectors, "kamstrup_multical_601")], 6)]


@pytest.fixture(scope="module")
def bus(vectors: Path) -> Iterator[str]:
    """A network converter: ``mbus://127.0.0.1:PORT``."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        converter = Converter(meters(vectors), listener)
        yield f"mbus://127.0.0.1:{listener.getsockname()[1]}"
        converter.close()


@pytest.fixture
def terminal(vectors: Path, tmp_path: Path) -> Iterator[Path]:
    """A serial line."""
    line = PseudoTerminal(str(tmp_path / "line"))
    os.set_blocking(line.master, True)
    converter = Converter(meters(vectors), None, line.master)
    yield tmp_path / "line"
    converter.close()
    line.close()


def printed(capsys: Capture, *arguments: str, code: int = 0) -> str:
    assert run(arguments) == code
    return capsys.readouterr().out


def document(capsys: Capture, *arguments: str, code: int = 0) -> Any:
    return json.loads(printed(capsys, *arguments, "--json", code=code))


def test_a_meter_that_is_not_named_is_detected_and_read(bus: str, capsys: Capture) -> None:
    found = document(
        capsys, "read", f"{bus}?address=5", "energy.ACTIVE_ENERGY_IMPORT_TOTAL", "CURRENT_L1", "VOLTAGE_L2"
    )
    assert found["meter"] == {
        "model": "abb",
        "serial": "00217819",
        "url": f"{bus}?address=5",
        "variant": "A41-513-100",
        "firmware": "A1.12.0",
    }
    assert [(item["point"], item["value"], item["quality"]) for item in found["readings"]] == [
        ("energy.ACTIVE_ENERGY_IMPORT_TOTAL", "39130", "good"),
        ("instrument.CURRENT_L1", "0.166", "good"),
        ("instrument.VOLTAGE_L2", None, "missing"),
    ]


def test_the_records_of_any_meter_are_printed_whole(bus: str, capsys: Capture) -> None:
    found = document(capsys, "read", f"{bus}?address=06855817&{QUICK}", "power.max.s1", "energy.s1.t2")
    assert (found["meter"]["model"], found["meter"]["serial"]) == ("mbus", "06855817")
    power, energy = found["readings"]
    assert (power["value"], power["unit"], power["quantity"], power["storage"]) == ("55000", "W", "power", 1)
    assert (power["function"], power["record"], energy["tariff"]) == ("maximum", "542d26020000", 2)
    table = printed(capsys, "read", f"mbus+{bus}?address=5")
    assert [word for word in ("Quantity", "Storage", "Tariff", "Subunit", "Function") if word in table.splitlines()[1]]
    lines = [line.split() for line in table.splitlines()]
    assert ["record.47", "1", "manufacturer_specific", "instantaneous"] in lines
    assert ["date_time", "-", "date_time", "instantaneous", "data", "error"] in lines
    assert len(lines) >= 97


def test_what_a_meter_refuses_or_does_not_answer_has_its_exit_code(bus: str, capsys: Capture) -> None:
    assert run(["write", f"abb+{bus}?address=5&{QUICK}", "TARIFF_ACTIVE=2"]) == 1
    assert "received READ_WRITE_DENIED response from COSEM" in capsys.readouterr().err
    assert run(["write", f"abb+{bus}?address=5", "VOLTAGE_L1=2"]) == 2
    assert run(["write", f"mbus+{bus}?address=5", "energy=2"]) == 2
    assert run(["read", f"{bus}?address=9&{QUICK}"]) == 4
    assert "does not answer, asked 3 times with SND_NKE" in capsys.readouterr().err
    assert run(["read", "bsm+mbus://127.0.0.1:1"]) == 2
    assert run(["read", f"{bus}?address=251"]) == 2


def test_a_scan_lists_the_meters_by_either_address(bus: str, capsys: Capture) -> None:
    found = document(capsys, "scan", f"{bus}?baudrate=38400", "--units", "4-7", "--timeout", "0.02")
    assert [(item["unit"], item["model"], item["serial"], item["units"]) for item in found["meters"]] == [
        (5, "abb", "00217819", [5]),
        (6, "mbus", "06855817", [6]),
    ]
    found = document(capsys, "scan", f"{bus}?{QUICK}", "--secondary")
    assert [item["url"].rpartition("=")[2] for item in found["meters"]] == ["0021781942042002", "068558172D2C0804"]
    assert run(["scan", bus, "--units", "251"]) == 2
    assert run(["scan", "mbus://127.0.0.1:1"]) == 4
    assert "00217819" in printed(capsys, "scan", f"{bus}?{QUICK}", "mbus://127.0.0.1:1", "--units", "5")


async def test_a_serial_line_on_asyncio(terminal: Path) -> None:
    async with open_meter(f"pty://{terminal}?protocol=mbus&address=5&baudrate=38400") as meter:
        (energy,) = await meter.read(["ACTIVE_ENERGY_IMPORT_TOTAL"])
        assert (energy.value, energy.unit) == (Decimal(39130), "Wh")
        status, ports = await asyncio.gather(meter.status(), meter.ports())
        assert status.as_dict()["warnings"] == ["Date Not Set", "Time Not SET"]
        assert len(ports) == 4


def test_a_serial_line_without_an_event_loop(terminal: Path, tmp_path: Path) -> None:
    from wattproof.io.trace import Trace

    with (
        Trace(str(tmp_path / "trace")) as trace,
        open_meter_sync(f"mbus://{terminal}?address=6&baudrate=38400&parity=N", trace=trace) as meter,
    ):
        assert meter.read(["volume"])[0].value == Decimal("561.08")
        assert meter.info().manufacturer == "KAM"
    assert "> 1040064616" in (tmp_path / "trace").read_text()
