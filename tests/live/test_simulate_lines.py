"""Virtual meters on pseudo-terminals, over TLS, and at the optical head."""

from __future__ import annotations

import hashlib
import os
import socket
import ssl
import struct
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from wattproof.errors import InvalidURL, InvalidValue, PortInUse, StorageError, UnknownName
from wattproof.io.serial import SerialSettings, open_device
from wattproof.meters.bsm.points import MAP
from wattproof.meters.opening import VirtualMeter
from wattproof.wire.modbus.framing import Request, rtu, silent_interval
from wattproof.wire.modbus.framing import ascii as ascii_framing

READ = struct.pack(">BHH", 3, 40000, 2)
SUNS = b"\x03\x04SunS"
DA, RTE = (MAP.find(path)[0].address for path in ("common.DA", "serial_interface.Rte"))
Start = Callable[..., VirtualMeter]


class Master:
    """The master of a line: raw reads and writes on the client's side of a pseudo-terminal."""

    def __init__(self, path: str, baudrate: int = 19200, framing: Any = rtu) -> None:
        self.descriptor = open_device(path, SerialSettings(baudrate, "N"))
        self.framing = framing

    def exchange(self, pdu: bytes, unit: int = 42, patience: float = 3.0) -> tuple[list[Any], float]:
        """Answers within ``patience`` (until the first), and seconds from the request to the first byte."""
        framer = self.framing.ClientFramer()
        framer.expecting(Request(unit, pdu))
        sent = time.monotonic()
        os.write(self.descriptor, framer.encode(unit, pdu))
        first = 0.0
        while time.monotonic() < sent + patience:
            try:
                data = os.read(self.descriptor, 300)
            except BlockingIOError:
                time.sleep(0.0005)
                continue
            first = first or time.monotonic() - sent
            answers = framer.receive(data)
            if answers:
                return answers, first
        return [], first

    def close(self) -> None:
        os.close(self.descriptor)


@contextmanager
def line_of(listen: str, count: int) -> Iterator[list[int]]:
    """Several meters behind one address, in a thread; their units."""
    holder = VirtualMeter("bsm", listen=listen)
    holder._plan = replace(holder._plan, count=count)
    with holder:
        yield [one.meter.unit for one in holder._running.meters]


@contextmanager
def master(path: str, baudrate: int = 19200, framing: Any = rtu) -> Iterator[Master]:
    one = Master(path, baudrate, framing)
    try:
        yield one
    finally:
        one.close()


def pty(folder: Path, protocol: str = "rtu", **options: object) -> str:
    more = "".join(f"&{name}={value}" for name, value in options.items())
    return f"pty://{folder}/meter?protocol={protocol}{more}"


@pytest.mark.proves("B-001", "B-003", "B-004")
def test_rtu_on_a_pseudo_terminal(virtual_meter: Start, tmp_path: Path) -> None:
    meter = virtual_meter("bsm", listen=pty(tmp_path))
    assert meter.urls == [pty(tmp_path)]
    link = str(tmp_path / "meter")
    for _ in range(2):  # a client that comes back finds the line as before
        with master(link) as line:
            answers, _ = line.exchange(READ)
            assert answers[0][:2] == (42, SUNS)
    with master(link) as line:
        assert line.exchange(READ, unit=41, patience=0.2)[0] == []
        assert line.exchange(READ, unit=0, patience=0.2)[0] == []
        os.write(line.descriptor, rtu.frame(42, READ)[:-1] + b"\xff")
        time.sleep(0.05)
        assert line.exchange(READ)[0][0].pdu == SUNS


def test_ascii_on_a_pseudo_terminal(virtual_meter: Start, tmp_path: Path) -> None:
    virtual_meter("bsm", listen=pty(tmp_path, "ascii"))
    with master(str(tmp_path / "meter"), framing=ascii_framing) as line:
        assert line.exchange(READ)[0][0].pdu == SUNS


@pytest.mark.proves("B-048", "B-046")
def test_a_written_rate_and_address_count_from_the_next_request_on(virtual_meter: Start, tmp_path: Path) -> None:
    virtual_meter("bsm", listen=pty(tmp_path))
    link = str(tmp_path / "meter")
    with master(link) as line:
        answers, _ = line.exchange(struct.pack(">BHHBI", 16, RTE, 2, 4, 9600))
        assert answers[0].pdu == struct.pack(">BHH", 16, RTE, 2)
        assert line.exchange(READ, patience=0.3)[0] == []
    with master(link, 9600) as line:
        assert line.exchange(READ)[0][0].pdu == SUNS
        answers, _ = line.exchange(struct.pack(">BHHBH", 16, DA, 1, 2, 7))
        assert (answers[0].unit, answers[0].pdu) == (42, struct.pack(">BHH", 16, DA, 1))
        assert line.exchange(READ, patience=0.3)[0] == []
        assert line.exchange(READ, unit=7)[0][0].pdu == SUNS


@pytest.mark.proves("B-183")
@pytest.mark.parametrize("speed", [1, 100_000])
@pytest.mark.parametrize("baudrate", [2400, 19200, 115200])
def test_the_gap_before_an_answer_is_real_whatever_the_speed(
    virtual_meter: Start, tmp_path: Path, baudrate: int, speed: int
) -> None:
    virtual_meter("bsm", listen=pty(tmp_path, baudrate=baudrate), speed=speed, answer_delay=0)
    with master(str(tmp_path / "meter"), baudrate) as line:
        waits = [line.exchange(READ)[1] for _ in range(10)]
    assert min(waits) >= silent_interval(baudrate)
    assert sorted(waits)[3] < silent_interval(baudrate) + 0.01


def test_several_meters_on_one_pseudo_terminal_keep_their_own_rates(tmp_path: Path) -> None:
    with line_of(pty(tmp_path), 3) as units:
        with master(str(tmp_path / "meter")) as line:
            for unit in (44, 42, 43):
                assert line.exchange(READ, unit=unit)[0][0].unit == unit
            line.exchange(struct.pack(">BHHBI", 16, RTE, 2, 4, 1200), unit=43)
            assert line.exchange(READ, unit=43, patience=0.2)[0] == []
            assert line.exchange(READ, unit=44)[0][0].unit == 44
        assert units == [42, 43, 44]


def test_a_taken_name_is_refused_and_a_link_goes_with_its_meter(virtual_meter: Start, tmp_path: Path) -> None:
    (tmp_path / "meter").write_text("mine")
    with pytest.raises(PortInUse, match="meter"):
        virtual_meter("bsm", listen=pty(tmp_path))
    assert (tmp_path / "meter").read_text() == "mine"
    with pytest.raises(StorageError, match="nowhere"):
        virtual_meter("bsm", listen=f"pty://{tmp_path}/nowhere/meter")
    with VirtualMeter("bsm", listen=f"pty://{tmp_path}/other"):
        assert (tmp_path / "other").is_symlink()
    assert not (tmp_path / "other").is_symlink()
    without_name = virtual_meter("bsm", listen="pty:///")
    assert without_name.urls[0].startswith("pty:///dev/pts/")


def test_a_serial_device(virtual_meter: Start) -> None:
    ours, theirs = os.openpty()
    try:
        virtual_meter("bsm", listen=f"rtu://{os.ttyname(theirs)}?baudrate=9600&parity=N", answer_delay=0)
        assert termios.tcgetattr(theirs)[5] == termios.B9600
        os.write(ours, rtu.frame(42, READ))
        assert read_until(ours, 9) == rtu.frame(42, SUNS)
        os.write(ours, rtu.frame(42, struct.pack(">BHHBI", 16, RTE, 2, 4, 38400)))
        assert read_until(ours, 8)[:2] == b"\x2a\x10"
        deadline = time.monotonic() + 5
        while termios.tcgetattr(theirs)[5] != termios.B38400 and time.monotonic() < deadline:
            time.sleep(0.01)
        assert termios.tcgetattr(theirs)[5] == termios.B38400
    finally:
        os.close(theirs)
        os.close(ours)


def read_until(descriptor: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += os.read(descriptor, count - len(data))
    return data


def place(url: str) -> tuple[str, int]:
    host, _, port = url.partition("://")[2].partition("?")[0].rpartition(":")
    return host, int(port)


@pytest.mark.proves("B-002")
def test_rtu_frames_over_a_socket(virtual_meter: Start) -> None:
    for listen in ("rtu://127.0.0.1:0", "tcp://127.0.0.1:0?framing=rtu"):
        meter = virtual_meter("bsm", listen=listen)
        with socket.create_connection(place(meter.urls[0]), timeout=5) as peer:
            peer.sendall(rtu.frame(41, READ) + rtu.frame(42, READ))
            assert peer.recv(300) == rtu.frame(42, SUNS)


def test_tls_with_a_made_certificate_that_its_address_pins(virtual_meter: Start) -> None:
    meter = virtual_meter("bsm", listen="tls://127.0.0.1:0")
    address, _, pin = meter.urls[0].partition("?pin=sha256:")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with socket.create_connection(place(address), timeout=5) as plain, context.wrap_socket(plain) as peer:
        assert hashlib.sha256(peer.getpeercert(binary_form=True) or b"").hexdigest() == pin
        assert peer.version() in ("TLSv1.2", "TLSv1.3")
        peer.sendall(struct.pack(">HHHB", 1, 0, 6, 42) + READ)
        assert peer.recv(300)[7:] == SUNS
    with pytest.raises(InvalidValue, match="PEM"):
        virtual_meter("bsm", listen="tls://127.0.0.1:0?certificate=/no/such/file")


@pytest.mark.parametrize("listen", ["tls://127.0.0.1:0", "https://127.0.0.1:0"])
def test_a_client_that_never_shakes_hands_is_let_go(
    virtual_meter: Start, monkeypatch: pytest.MonkeyPatch, listen: str
) -> None:
    monkeypatch.setattr("wattproof.io.http.HANDSHAKE_LIMIT", 0.2)
    settings = {} if listen.startswith("tls") else {"P05_11": 1}
    meter = virtual_meter("bsm" if listen.startswith("tls") else "dmed4", listen=listen, settings=settings)
    with socket.create_connection(place(meter.urls[0].partition("?")[0]), timeout=5) as silent:
        assert silent.recv(1) == b""


def test_pipelined_requests_are_answered_in_order_and_cut_ones_completed(virtual_meter: Start) -> None:
    meter = virtual_meter("bsm", answer_delay=0)
    frames = b"".join(struct.pack(">HHHB", number, 0, 6, 42) + READ for number in range(50))
    with socket.create_connection(place(meter.urls[0]), timeout=5) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer.sendall(frames)
        data = take(peer, 50 * 13)
        assert [data[at : at + 2] for at in range(0, len(data), 13)] == [struct.pack(">H", n) for n in range(50)]
        for byte in frames[:24]:
            peer.sendall(bytes((byte,)))
        assert take(peer, 26)[7:13] == SUNS


@pytest.mark.parametrize(
    "rubbish", [b"GET / HTTP/1.1\r\n\r\n", bytes.fromhex("000100000000"), bytes.fromhex("0001000000ff2a")]
)
def test_what_is_no_modbus_tcp_ends_the_connection(virtual_meter: Start, rubbish: bytes) -> None:
    meter = virtual_meter("bsm")
    with socket.create_connection(place(meter.urls[0]), timeout=5) as peer:
        peer.sendall(rubbish)
        assert peer.recv(300) == b""
    assert "rubbish" in [entry["kind"] for entry in meter.journal]


def test_of_too_many_connections_the_longest_idle_one_goes(virtual_meter: Start) -> None:
    meter = virtual_meter("bsm", answer_delay=0)
    peers = []
    for _ in range(257):
        peer = socket.create_connection(place(meter.urls[0]), timeout=5)
        peer.sendall(struct.pack(">HHHB", 1, 0, 6, 42) + READ)
        assert peer.recv(300)[7:] == SUNS
        peers.append(peer)
    with pytest.raises((ConnectionError, AssertionError)):
        assert peers[0].recv(1) != b""
    peers[-1].sendall(struct.pack(">HHHB", 1, 0, 6, 42) + READ)
    assert peers[-1].recv(300)[7:] == SUNS
    for peer in peers:
        peer.close()


def take(peer: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = peer.recv(count - len(data))
        assert more
        data += more
    return data


IDENTIFICATION = b"/BAU5BSM-WS36A-H01\r\n"


@pytest.mark.proves("B-166")
def test_the_optical_head_on_a_socket_serves_one_client(virtual_meter: Start) -> None:
    meter = virtual_meter("bsm", listen=["tcp://127.0.0.1:0", "iec://127.0.0.1:0"])
    with socket.create_connection(place(meter.urls[1]), timeout=5) as reader:
        sent = time.monotonic()
        reader.sendall(b"/?!\r\n")
        assert take(reader, len(IDENTIFICATION)) == IDENTIFICATION
        assert time.monotonic() - sent >= 0.2
        with socket.create_connection(place(meter.urls[1]), timeout=5) as second:
            assert second.recv(1) == b""
        reader.sendall(b"\x06050\r\n")
        assert take(reader, 1) == b"\x02"
    kinds = [(entry["kind"], entry["meaning"]) for entry in meter.journal if "meaning" in entry]
    assert kinds[:2] == [("request", "/?!"), ("answer", IDENTIFICATION.decode().strip())]
    with socket.create_connection(place(meter.urls[1]), timeout=5) as reader:
        meter.faults["drop"] = 100
        reader.sendall(b"/?!\r\n")
        meter.wait_journal(after=meter.journal[-1]["n"], timeout=1)
        meter.faults["drop"] = False
        meter.faults["echo"] = True
        reader.sendall(b"/?!\r\n")
        assert take(reader, 5 + len(IDENTIFICATION)) == b"/?!\r\n" + IDENTIFICATION


def test_the_optical_head_on_a_pseudo_terminal(virtual_meter: Start, tmp_path: Path) -> None:
    virtual_meter("bsm", listen=pty(tmp_path, "iec"))
    descriptor = open_device(str(tmp_path / "meter"), SerialSettings(300, "N"))
    try:
        os.write(descriptor, b"/?!\r\n")
        os.set_blocking(descriptor, True)
        assert read_until(descriptor, len(IDENTIFICATION)) == IDENTIFICATION
    finally:
        os.close(descriptor)


@pytest.mark.proves("B-177")
def test_d0_packets_reach_every_client(virtual_meter: Start) -> None:
    meter = virtual_meter("bsm", listen="iec://127.0.0.1:0", optical="d0", speed=20)
    with (
        socket.create_connection(place(meter.urls[0]), timeout=5) as one,
        socket.create_connection(place(meter.urls[0]), timeout=5) as two,
    ):
        one.sendall(b"/?!\r\n")
        first = [take(peer, 172) for peer in (one, two)]
        assert all(packet.startswith(b"/BAU3BSM-WS36A-H01\r\n\r\n") and packet.endswith(b"!\r\n") for packet in first)
        started = time.monotonic()
        take(one, 172 * 3)
        assert 0.15 <= time.monotonic() - started < 1.5


def test_each_of_several_meters_has_an_optical_head_of_its_own(tmp_path: Path) -> None:
    with line_of(pty(tmp_path, "iec"), 2):
        assert sorted(entry.name for entry in tmp_path.iterdir()) == ["meter", "meter.1"]
    ours, theirs = os.openpty()
    try:
        with pytest.raises(InvalidURL, match="one meter"), line_of(f"iec://{os.ttyname(theirs)}", 2):
            pass
    finally:
        os.close(ours)
        os.close(theirs)


@pytest.mark.parametrize("listen", ["http://127.0.0.1:0", "mbus://127.0.0.1:0", "pty:///?protocol=mbus"])
def test_where_a_bsm_does_not_listen(virtual_meter: Start, listen: str) -> None:
    with pytest.raises((InvalidURL, UnknownName), match="listen"):
        virtual_meter("bsm", listen=listen)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_web_address_to_listen_at_has_no_path(virtual_meter: Start, scheme: str) -> None:
    with pytest.raises(InvalidURL, match=f"give {scheme}://HOST:PORT alone"):
        virtual_meter("dmed4", listen=f"{scheme}://127.0.0.1:0/below")
