"""``wattproof simulate abb``: several meters on one M-Bus, on sockets and terminals; state on disk; control."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.live.test_simulate import place, refused, simulate
from wattproof.io.serial import SerialSettings, open_device, set_line
from wattproof.meters.opening import VirtualMeter
from wattproof.wire.mbus.frames import Long, decode, req_ud2, snd_nke, snd_ud
from wattproof.wire.mbus.requests import Request
from wattproof.wire.mbus.telegrams import Telegram, decode_answer

Start = Callable[..., VirtualMeter]


def ask(peer: socket.socket, frame: Any, wait: float = 3) -> bytes:
    """A whole answer, empty when none comes in time."""
    peer.sendall(frame.encode())
    peer.settimeout(wait)
    data = b""
    try:
        while not data or (data[0] == 0x68 and (len(data) < 2 or len(data) < data[1] + 6)):
            data += peer.recv(300)
    except TimeoutError:
        pass
    return data


def telegram(data: bytes) -> Telegram:
    frame = decode(data)
    assert isinstance(frame, Long)
    answer = decode_answer(frame)
    assert isinstance(answer, Telegram)
    return answer


def energy(data: bytes) -> str:
    return str(telegram(data).records[0].value)


@pytest.mark.proves("A-013")
def test_meters_on_one_line_by_default_with_consecutive_addresses() -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", 5021))
        taken.listen()
        with simulate("abb:b23", "--count", "3", "--unit", "7", "--serial", "998", "--load", "none") as process:
            ready = process.ready
            assert (ready["model"], ready["variant"], ready["public_key"]) == ("abb", "B23-312-100", "")
            assert [(meter["serial"], meter["unit"]) for meter in ready["meters"]] == [
                ("00000998", 7), ("00000999", 8), ("00001000", 9),
            ]  # fmt: skip
            assert len(ready["listen"]) == 1 and place(ready["listen"][0])[1] != 5021
            with socket.create_connection(place(ready["listen"][0]), timeout=5) as peer:
                for address, serial in ((7, "00000998"), (9, "00001000")):
                    assert ask(peer, snd_nke(address)) == b"\xe5"
                    asked = time.monotonic()
                    answer = telegram(ask(peer, req_ud2(address, True)))
                    assert 0.03 < time.monotonic() - asked < 0.3
                    assert answer.header is not None and answer.header.address.number == serial  # type: ignore[union-attr]
                assert ask(peer, snd_nke(10), 0.2) == b""
            assert process.end() == (0, "")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--unit", "251"), "unit 251 is no primary address"),
        (("--count", "3", "--unit", "249"), "its addresses are 1 to 250"),
        (("--listen", "tcp://127.0.0.1:0"), "no abb listens there"),
        (("--fault", "silence"), "no fault"),
    ],
)
def test_what_is_misused_is_refused(options: tuple[str, ...], message: str) -> None:
    code, errors = refused("abb", *options)
    assert code == 2 and message in errors


@pytest.mark.proves("A-176")
def test_state_outlives_the_process(tmp_path: Path) -> None:
    kept = ("--state", str(tmp_path / "state"), "--listen", "mbus://127.0.0.1:0", "--set", "answer-delay=0")
    with simulate("abb", *kept, "--set", "energy=12.34", "--load", "none") as process:
        serial = process.ready["serial"]
        with socket.create_connection(place(process.ready["listen"][0]), timeout=5) as peer:
            assert energy(ask(peer, req_ud2(1, True))) == "12340"
            assert ask(peer, snd_ud(1, 0x51, Request("set_address", 33).encode(), True)) == b"\xe5"
        process.end(signal.SIGKILL)
    with simulate("abb", *kept, "--load", "none") as process:
        assert (process.ready["serial"], process.ready["meters"][0]["unit"]) == (serial, 33)
        with socket.create_connection(place(process.ready["listen"][0]), timeout=5) as peer:
            assert energy(ask(peer, req_ud2(33, True))) == "12340"
            assert str(telegram(ask(peer, req_ud2(33, False))).records[0].value) == "1"


def test_the_control_interface_restricts_a_fault_to_one_face(virtual_meter: Start) -> None:
    meter = virtual_meter("abb", control="http://127.0.0.1:0", answer_delay=0)

    def patch(body: dict[str, Any]) -> int:
        request = urllib.request.Request(f"{meter.control_url}/", json.dumps(body).encode(), method="PATCH")
        request.add_header("Authorization", f"Bearer {meter.token}")
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)

    with socket.create_connection(place(meter.urls[0]), timeout=5) as peer:
        assert patch({"faults": {"silent": True}, "face": "cosem"}) == 200
        assert ask(peer, snd_nke(1)) == b"\xe5"
        assert patch({"faults": {"silent": True}, "face": "mbus"}) == 200
        assert ask(peer, snd_nke(1), 0.2) == b""
    assert meter.faults["silent"] == {"value": "all", "face": "mbus"} and meter.url.endswith("?address=1")


class Terminal:
    """A master on a pseudo-terminal."""

    def __init__(self, path: str, rate: int) -> None:
        self.descriptor = open_device(path, SerialSettings(rate, "N"))

    def ask(self, frame: Any, wait: float = 1) -> bytes:
        os.write(self.descriptor, frame.encode())
        data = b""
        while select.select([self.descriptor], [], [], wait)[0]:
            data += os.read(self.descriptor, 300)
            if data[0] != 0x68 or (len(data) > 1 and len(data) >= data[1] + 6):
                break
        return data


@pytest.mark.proves("A-016")
def test_the_rate_command_is_acknowledged_at_the_old_rate(virtual_meter: Start, tmp_path: Path) -> None:
    meter = virtual_meter("abb", listen=f"pty://{tmp_path}/meter?protocol=mbus", answer_delay=0)
    line = Terminal(f"{tmp_path}/meter", 2400)
    try:
        assert line.ask(snd_nke(1)) == b"\xe5" and line.ask(snd_ud(1, 0xBD)) == b"\xe5"
        assert line.ask(snd_nke(1), 0.2) == b""
        set_line(line.descriptor, "line", SerialSettings(9600, "N"))
        assert line.ask(snd_nke(1)) == b"\xe5" and energy(line.ask(req_ud2(1, True)))
    finally:
        os.close(line.descriptor)
    lost = [entry for entry in meter.journal if entry["kind"] == "lost"]
    assert len(lost) == 1 and "9600" in lost[0]["reason"]
