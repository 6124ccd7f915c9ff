"""The RS485 side of a virtual DMED4 on pseudo-terminals, serial devices and sockets: section 14.2."""

from __future__ import annotations

import os
import socket
import struct
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wattproof.errors import InvalidValue
from wattproof.io.serial import SerialSettings, open_device
from wattproof.meters.opening import VirtualMeter
from wattproof.wire.modbus.framing import Request, rtu
from wattproof.wire.modbus.framing import ascii as ascii_framing

Start = Callable[..., VirtualMeter]
WHO = b"\x11"
FRAMINGS: dict[str, Any] = {"rtu": rtu, "ascii": ascii_framing}
QUICK = {"reboot_delay": 0.05, "init_delay": 0, "answer_delay": 0}
QUICK_TEXT = {name.replace("_", "-"): value for name, value in {**QUICK, "start_delay": 0}.items()}


class Line:
    """The master's side of a line: bytes out, an answer or nothing back."""

    def __init__(self, send: Callable[[bytes], Any], take: Callable[[], bytes]) -> None:
        self._send, self._take = send, take

    def ask(self, pdu: bytes, unit: int = 1, framing: str = "rtu", patience: float = 2.0) -> bytes:
        """The answer PDU, empty without one within ``patience``."""
        framer = FRAMINGS[framing].ClientFramer()
        framer.expecting(Request(unit, pdu))
        self._send(framer.encode(unit, pdu))
        end = time.monotonic() + patience
        while time.monotonic() < end:
            for answer in framer.receive(self._take()):
                return bytes(answer.pdu)
        return b""

    def silent(self, pdu: bytes, unit: int = 1, framing: str = "rtu") -> bool:
        return not self.ask(pdu, unit, framing, patience=0.3)

    def set(self, id: str, value: int, framing: str = "rtu") -> None:
        """Stage a parameter."""
        for register, number in ((0x5000, int(id[1:3])), (0x5002, int(id[4:6])), (0x5004, value)):
            pdu = struct.pack(">BHH", 6, register - 1, number)
            assert self.ask(pdu, framing=framing) == pdu

    def value(self, id: str, framing: str = "rtu") -> int:
        for register, number in ((0x5000, int(id[1:3])), (0x5002, int(id[4:6]))):
            self.ask(struct.pack(">BHH", 6, register - 1, number), framing=framing)
        return int.from_bytes(self.ask(struct.pack(">BHH", 4, 0x5003, 1), framing=framing)[2:], "big")

    def save(self, framing: str = "rtu") -> None:
        assert self.silent(struct.pack(">BHH", 6, 0x2F02, 5), framing=framing)


@contextmanager
def terminal(path: str | int, rate: int = 9600) -> Iterator[Line]:
    """A pseudo-terminal by its path, or its other side by its descriptor."""
    descriptor = path if isinstance(path, int) else open_device(path, SerialSettings(rate, "N"))
    os.set_blocking(descriptor, False)

    def take() -> bytes:
        try:
            return os.read(descriptor, 300)
        except BlockingIOError:
            time.sleep(0.001)
            return b""

    try:
        yield Line(lambda data: os.write(descriptor, data), take)
    finally:
        if not isinstance(path, int):
            os.close(descriptor)


@contextmanager
def connection(url: str) -> Iterator[Line]:
    host, _, port = url.partition("://")[2].partition("?")[0].rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as peer:
        peer.settimeout(0.01)

        def take() -> bytes:
            try:
                return peer.recv(300)
            except TimeoutError:
                return b""

        yield Line(peer.sendall, take)


@pytest.mark.proves("D-304", "D-301")
def test_protocol_and_rate_of_a_pseudo_terminal_act_after_the_reboot(virtual_meter: Start, tmp_path: Path) -> None:
    link = str(tmp_path / "meter")
    meter = virtual_meter("dmed4", listen=f"pty://{link}?protocol=rtu&baudrate=9600", **QUICK)
    with terminal(link) as line:
        assert line.ask(WHO)[:3] == b"\x11\x08\x4a" and line.silent(WHO, framing="ascii")
        line.set("P04_05", 1)
        line.set("P04_02", 4)
        assert line.ask(WHO), "as before until the reboot"
        line.save()
    with terminal(link, 19200) as line:
        assert line.ask(WHO, framing="ascii") and line.silent(WHO)
        line.set("P04_05", 0, "ascii")
        line.save("ascii")
    with terminal(link, 9600) as line:
        assert line.silent(WHO) and line.silent(WHO, framing="ascii"), "it listens at 19200 bit/s"
    with terminal(link, 19200) as line:
        assert line.ask(WHO) and line.silent(WHO, framing="ascii")
    reasons = [entry.get("reason", "") for entry in meter.journal if entry["kind"] == "lost"]
    assert "the meter speaks rtu" in reasons
    assert "the meter listens at 19200 bit/s, the line has another rate" in reasons


@pytest.mark.proves("D-304")
def test_a_seven_bit_format_is_stored_on_a_pseudo_terminal(virtual_meter: Start, tmp_path: Path) -> None:
    link = str(tmp_path / "meter")
    virtual_meter("dmed4", listen=f"pty://{link}?protocol=ascii&baudrate=9600", **QUICK)
    with terminal(link) as line:
        line.set("P04_03", 4, "ascii")
        line.set("P04_04", 2, "ascii")
        line.save("ascii")
        assert line.ask(WHO, framing="ascii")
        assert (line.value("P04_03", "ascii"), line.value("P04_04", "ascii")) == (4, 2)


@pytest.mark.proves("D-304", "D-306")
def test_what_is_stored_wins_over_the_address_of_a_line(virtual_meter: Start, tmp_path: Path) -> None:
    link, state = str(tmp_path / "meter"), str(tmp_path / "state")
    address = f"pty://{link}?protocol=rtu&baudrate=9600"
    with VirtualMeter("dmed4", listen=address, state=state, settings=QUICK_TEXT), terminal(link) as line:
        line.set("P04_05", 1)
        line.set("P04_02", 7)
        line.save()
    with VirtualMeter("dmed4", listen=address, state=state, settings=QUICK_TEXT), terminal(link, 115200) as line:
        assert line.ask(WHO, framing="ascii") and line.silent(WHO)
    with (
        VirtualMeter("dmed4", listen=address, settings={**QUICK_TEXT, "P04_05": "1", "P04_02": "0"}),
        terminal(link, 1200) as line,
    ):
        assert line.ask(WHO, framing="ascii"), "and so does what is set by name"


@pytest.mark.proves("D-304")
def test_a_serial_device_follows_all_four_parameters(virtual_meter: Start) -> None:
    ours, theirs = os.openpty()
    try:
        virtual_meter("dmed4", listen=f"rtu://{os.ttyname(theirs)}", **QUICK)
        assert termios.tcgetattr(theirs)[5] == termios.B9600
        control = termios.tcgetattr(theirs)[2]
        assert not control & (termios.PARENB | termios.CSTOPB)
        with terminal(ours) as line:
            assert line.ask(WHO)
            for id, value in (("P04_02", 5), ("P04_03", 1), ("P04_04", 2), ("P04_05", 1)):
                line.set(id, value)
            line.save()
            assert termios.tcgetattr(theirs)[5] == termios.B38400
            control = termios.tcgetattr(theirs)[2]
            assert control & termios.CSTOPB, "a pseudo-terminal keeps stop bits, but no parity"
            assert line.ask(WHO, framing="ascii")
    finally:
        os.close(theirs)
        os.close(ours)


def test_the_settings_of_a_line_are_those_of_parameters(virtual_meter: Start, tmp_path: Path) -> None:
    meter = virtual_meter(
        "dmed4", listen=f"pty://{tmp_path}/a?protocol=ascii&parity=E&databits=7&stopbits=2&baudrate=1200"
    )
    wanted = {"P04_02": 0, "P04_03": 4, "P04_04": 2, "P04_05": 1}
    assert {id: meter.state["parameters"][id] for id in wanted} == wanted
    for options in ("baudrate=300", "protocol=ascii&databits=7&parity=N"):
        with pytest.raises(InvalidValue, match="a DMED4 knows"):
            virtual_meter("dmed4", listen=f"pty://{tmp_path}/b?{options}")


@pytest.mark.proves("D-304", "D-300", "D-301")
@pytest.mark.parametrize("listen", ["rtu://127.0.0.1:0", "ascii://127.0.0.1:0", "tcp://127.0.0.1:0?framing=rtu"])
def test_on_sockets_parameters_of_the_line_are_stored_without_effect(virtual_meter: Start, listen: str) -> None:
    framing = "ascii" if listen.startswith("ascii") else "rtu"
    meter = virtual_meter("dmed4", listen=listen, **QUICK)
    changed = {"P04_02": 7, "P04_03": 2, "P04_04": 2, "P04_05": int(framing == "rtu"), "P05_10": 1}
    with connection(meter.urls[0]) as line:
        for id, value in changed.items():
            line.set(id, value, framing)
        line.save(framing)
    time.sleep(0.3)
    with connection(meter.urls[0]) as line:
        assert {id: line.value(id, framing) for id in changed} == changed
        other = "rtu" if framing == "ascii" else "ascii"
        assert line.silent(WHO, framing=other)


@pytest.mark.proves("D-301", "D-300")
def test_two_framings_on_several_listeners(virtual_meter: Start) -> None:
    urls = ["rtu://127.0.0.1:0", "ascii://127.0.0.1:0", "tcp://127.0.0.1:0", "tcp://127.0.0.1:0?framing=rtu"]
    meter = virtual_meter("dmed4", listen=urls, **QUICK)
    assert (meter.state["parameters"]["P04_05"], meter.state["parameters"]["P05_10"]) == (0, 1)
    with connection(meter.urls[0]) as one, connection(meter.urls[1]) as two, connection(meter.urls[3]) as network:
        assert one.ask(WHO) and two.ask(WHO, framing="ascii") and network.ask(WHO)
        assert one.silent(WHO, unit=2) and two.silent(WHO, 2, "ascii") and one.silent(WHO, framing="ascii")
        assert network.ask(WHO, unit=2) and network.ask(WHO, unit=0), "every number on the network"
        pdu = struct.pack(">BHH", 6, 0x4283, 120)
        assert one.silent(pdu, unit=0)
        assert two.ask(struct.pack(">BHH", 4, 0x4283, 1), framing="ascii") == b"\x04\x02\x00\x78"


@pytest.mark.proves("D-301")
def test_connections_to_a_converter_are_one_bus_and_the_answer_goes_to_the_asker(virtual_meter: Start) -> None:
    meter = virtual_meter("dmed4", listen="rtu://127.0.0.1:0", **QUICK)
    with connection(meter.urls[0]) as one, connection(meter.urls[0]) as two, connection(meter.urls[0]) as three:
        for line in (one, two, three, two, one):
            assert line.ask(WHO)
            assert not any(other._take() for other in (one, two, three))


@pytest.mark.proves("D-304", "D-301")
def test_in_the_gateway_role_lines_fall_silent(virtual_meter: Start, tmp_path: Path) -> None:
    link = str(tmp_path / "meter")
    urls = [f"pty://{link}?baudrate=9600", "rtu://127.0.0.1:0", "tcp://127.0.0.1:0"]
    meter = virtual_meter("dmed4", listen=urls, **QUICK)
    with terminal(link) as line:
        assert line.ask(WHO)
        line.set("P05_05", 1)
        line.save()
        assert line.silent(WHO) and line.silent(WHO, unit=0)
    with connection(meter.urls[1]) as line:
        assert line.silent(WHO)
    host, _, port = meter.urls[2].partition("://")[2].rpartition(":")
    with socket.create_connection((host, int(port)), timeout=5) as peer:
        peer.sendall(bytes.fromhex("00 01 00 00 00 02 01 11"))
        assert peer.recv(300)[6:9] == b"\x01\x11\x08"


@pytest.mark.proves("D-063", "D-304")
def test_meters_on_one_line_hear_a_broadcast_each_as_it_speaks(tmp_path: Path) -> None:
    link = str(tmp_path / "meter")
    holder = VirtualMeter("dmed4", listen=f"pty://{link}?baudrate=9600", unit=1, settings=QUICK_TEXT)
    holder._plan = replace(holder._plan, count=3)
    offset = struct.pack(">BHH", 4, 0x4283, 1)
    with holder:
        with terminal(link) as line:
            for unit in (3, 1, 2):
                assert line.ask(WHO, unit)
            assert line.silent(struct.pack(">BHH", 6, 0x4283, 120), unit=0)
            assert [line.ask(offset, unit) for unit in (1, 2, 3)] == [b"\x04\x02\x00\x78"] * 3
            line.set("P04_02", 4)  # unit 1
            line.save()
            assert line.silent(struct.pack(">BHH", 6, 0x4283, 60), unit=0)
            assert [line.ask(offset, unit) for unit in (2, 3)] == [b"\x04\x02\x00\x3c"] * 2
        with terminal(link, 19200) as line:
            assert line.ask(offset) == b"\x04\x02\x00\x78", "unit 1 did not hear the second one"
