"""Links on real sockets, TLS, pseudo-terminals and serial pairs, suspended and blocking."""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import hashlib
import os
import select
import shutil
import socket
import ssl
import struct
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from wattproof.drivers.modbus import connect, connect_blocking, run_blocking
from wattproof.errors import (
    Disconnected,
    FrameError,
    InvalidURL,
    PortInUse,
    ResponseTimeout,
    StorageError,
    Unreachable,
)
from wattproof.io.opening import open_link, open_link_blocking
from wattproof.io.pty import PseudoTerminal
from wattproof.io.serial import SerialSettings, open_device
from wattproof.io.url import MeterURL, parse_url
from wattproof.wire.modbus.framing import FRAMINGS, Request
from wattproof.wire.modbus.pdu import read_request

READ = read_request(3, 40000, 4)
ANSWER = bytes((3, 8)) + struct.pack(">4H", *range(40000, 40004))


def honest(pdu: bytes) -> bytes:
    address, count = struct.unpack_from(">HH", pdu, 1)
    return bytes((3, 2 * count)) + struct.pack(f">{count}H", *range(address, address + count))


class Unit:
    """A Modbus unit in a thread of its own, on a socket or on a terminal, so that blocking clients may ask it."""

    def __init__(self, framing: str, context: ssl.SSLContext | None = None) -> None:
        self.row = FRAMINGS[framing]
        self.bend: Callable[[Request, bytes], bytes | None] = lambda request, frame: frame
        self.context = context
        self.connections = 0
        self._stop = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        threads = []
        while not self._stop.is_set():
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                continue
            self.connections += 1
            threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
            threads[-1].start()
        for thread in threads:
            thread.join(5)

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(5)
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            stack.enter_context(connection)
            if self.context:
                connection = stack.enter_context(self.context.wrap_socket(connection, server_side=True))
            connection.settimeout(0.05)
            server = self.row.server()
            while not self._stop.is_set():
                try:
                    data = connection.recv(4096)
                except TimeoutError:
                    continue
                if not data:
                    return
                for request in server.receive(data):
                    frame = self.bend(request, server.encode(request, honest(request.pdu)))
                    if frame == b"":
                        return
                    if frame:
                        connection.sendall(frame)
                if getattr(server, "broken", None):
                    connection.sendall(b"what?")
                    return

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self._listener.close()


@pytest.fixture
def unit() -> Iterator[Callable[..., Unit]]:
    made: list[Unit] = []

    def make(framing: str = "tcp", context: ssl.SSLContext | None = None) -> Unit:
        made.append(Unit(framing, context))
        return made[-1]

    yield make
    for one in made:
        one.stop()


async def ask(url: MeterURL, pdu: bytes = READ, unit: int = 42) -> bytes:
    link = await connect(url)
    try:
        return await link.exchange(unit, pdu)
    finally:
        await link.close()


async def ask_blocking(url: MeterURL, pdu: bytes = READ, unit: int = 42) -> bytes:
    """The blocking link in a thread, where no event loop runs."""

    def work() -> bytes:
        link = connect_blocking(url)
        try:
            return run_blocking(link.exchange(unit, pdu))
        finally:
            run_blocking(link.close())

    return await asyncio.to_thread(work)


Ask = Callable[..., Awaitable[bytes]]
BOTH = pytest.mark.parametrize("asking", [ask, ask_blocking], ids=["asyncio", "blocking"])


@BOTH
@pytest.mark.parametrize(
    ("framing", "form"),
    [
        ("tcp", "tcp://127.0.0.1:{}"),
        ("rtu", "rtu://127.0.0.1:{}"),
        ("ascii", "ascii://127.0.0.1:{}"),
        ("rtu", "tcp://localhost:{}?framing=rtu"),
        ("tcp", "tcp://127.0.0.1:{}?pipeline=8"),
    ],
)
async def test_every_framing_travels_through_a_socket(
    unit: Callable[..., Unit], asking: Ask, framing: str, form: str
) -> None:
    server = unit(framing)
    assert await asking(parse_url(form.format(server.port))) == ANSWER


@BOTH
async def test_a_closed_port_is_unreachable_with_the_remedy(asking: Ask) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(Unreachable, match=f"tcp://127.0.0.1:{port}: nothing listens there; check"):
        await asking(parse_url(f"tcp://127.0.0.1:{port}"))


@BOTH
async def test_an_unknown_host_is_unreachable(asking: Ask) -> None:
    with pytest.raises(Unreachable, match=r"cannot connect to tcp://nobody\.invalid:502"):
        await asking(parse_url("tcp://nobody.invalid:502"))


@BOTH
async def test_port_zero_is_no_place_to_connect_to(asking: Ask) -> None:
    with pytest.raises(InvalidURL, match="name the port"):
        await asking(parse_url("tcp://127.0.0.1:0"))


@BOTH
async def test_a_silent_unit_is_given_up_in_time(unit: Callable[..., Unit], asking: Ask) -> None:
    server = unit()
    server.bend = lambda request, frame: None
    begin = time.monotonic()
    with pytest.raises(ResponseTimeout, match=rf"unit 43 at tcp://127\.0\.0\.1:{server.port} within 0\.1 s"):
        await asking(parse_url(f"tcp://127.0.0.1:{server.port}?timeout=0.1&retries=1"), unit=43)
    assert 0.2 <= time.monotonic() - begin < 2


@BOTH
async def test_a_connection_closed_instead_of_an_answer_is_opened_again(unit: Callable[..., Unit], asking: Ask) -> None:
    server = unit()
    server.bend = lambda request, frame: b"" if server.connections == 1 else frame
    assert await asking(parse_url(f"tcp://127.0.0.1:{server.port}")) == ANSWER
    assert server.connections == 2


@BOTH
async def test_a_server_that_always_closes_is_disconnected(unit: Callable[..., Unit], asking: Ask) -> None:
    server = unit()
    server.bend = lambda request, frame: b""
    with pytest.raises(Disconnected, match=r"closed by the other side.*unit 42 was asked for the read of registers"):
        await asking(parse_url(f"tcp://127.0.0.1:{server.port}?retries=1"))
    assert server.connections == 2


@BOTH
async def test_a_web_server_is_no_modbus_server(unit: Callable[..., Unit], asking: Ask) -> None:
    server = unit()
    server.bend = lambda request, frame: b"HTTP/1.1 400 Bad Request\r\n\r\n"
    with pytest.raises(FrameError, match="does not speak Modbus TCP"):
        await asking(parse_url(f"tcp://127.0.0.1:{server.port}?retries=0"))


async def test_a_babbling_peer_fills_no_memory(unit: Callable[..., Unit]) -> None:
    server = unit("rtu")
    server.bend = lambda request, frame: b"\x55" * 8_000_000
    link = await open_link(parse_url(f"rtu://127.0.0.1:{server.port}"))
    await link.send(FRAMINGS["rtu"].client().encode(42, READ))
    await asyncio.sleep(0.3)
    assert len(link.discard()) < 1_000_000
    await link.close()


# TLS


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """Files of a self-signed certificate for localhost and its key, and its SHA-256."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    files = folder / "certificate.pem", folder / "key.pem"
    files[0].write_bytes(made.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    digest = hashlib.sha256(made.public_bytes(serialization.Encoding.DER)).hexdigest()
    return *files, digest


@pytest.fixture
def secure(unit: Callable[..., Unit], certificate: tuple[Path, Path, str]) -> Unit:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate[0], certificate[1])
    return unit("tcp", context)


@BOTH
async def test_tls_trusts_by_authority_by_pin_or_on_demand_blindly(
    secure: Unit, certificate: tuple[Path, Path, str], asking: Ask
) -> None:
    for options in (f"ca={certificate[0]}", f"pin=sha256:{certificate[2]}", "verify=no"):
        assert await asking(parse_url(f"tls://localhost:{secure.port}?{options}")) == ANSWER


@BOTH
async def test_tls_refuses_an_unknown_certificate(secure: Unit, asking: Ask) -> None:
    with pytest.raises(Unreachable, match=r"certificate is not trusted.*pin=sha256"):
        await asking(parse_url(f"tls://localhost:{secure.port}"))


@BOTH
async def test_tls_refuses_a_certificate_for_another_name(
    secure: Unit, certificate: tuple[Path, Path, str], asking: Ask
) -> None:
    with pytest.raises(Unreachable, match="certificate is not trusted"):
        await asking(parse_url(f"tls://127.0.0.1:{secure.port}?ca={certificate[0]}"))


@BOTH
async def test_tls_refuses_another_certificate_than_the_pinned(secure: Unit, asking: Ask) -> None:
    with pytest.raises(Unreachable, match=f"not sha256:{'0' * 64}"):
        await asking(parse_url(f"tls://localhost:{secure.port}?pin=sha256:{'0' * 64}"))


@BOTH
async def test_tls_towards_a_plain_port_says_so(unit: Callable[..., Unit], asking: Ask) -> None:
    server = unit()
    with pytest.raises(Unreachable, match=f"tls://localhost:{server.port}.*does the other side speak TLS"):
        await asking(parse_url(f"tls://localhost:{server.port}?verify=no"))


@BOTH
async def test_an_unreadable_authority_file_is_named(secure: Unit, asking: Ask) -> None:
    with pytest.raises(StorageError, match=r"/nowhere/ca\.pem"):
        await asking(parse_url(f"tls://localhost:{secure.port}?ca=/nowhere/ca.pem"))


# pseudo-terminals and serial devices


class Terminal:
    """A unit on the master side of a pseudo-terminal."""

    def __init__(self, terminal: PseudoTerminal, framing: str = "rtu") -> None:
        self.terminal = terminal
        self._row = FRAMINGS[framing]
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        server = self._row.server()
        while not self._stop.is_set():
            if select.select([self.terminal.master], [], [], 0.05)[0]:
                for request in server.receive(os.read(self.terminal.master, 4096)):
                    os.write(self.terminal.master, server.encode(request, honest(request.pdu)))

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self.terminal.close()


@pytest.fixture
async def terminal(tmp_path: Path) -> AsyncIterator[Path]:
    path = tmp_path / "meter"
    one = Terminal(PseudoTerminal(str(path)))
    yield path
    one.stop()


@BOTH
@pytest.mark.parametrize("form", ["pty://{}", "rtu://{}?parity=N", "rtu://{}?parity=E&baudrate=115200&stopbits=2"])
async def test_a_pseudo_terminal_is_a_line_whatever_parity_is_asked_for(terminal: Path, asking: Ask, form: str) -> None:
    assert await asking(parse_url(form.format(terminal))) == ANSWER


@BOTH
async def test_modem_lines_are_tolerated_on_a_pseudo_terminal(terminal: Path, asking: Ask) -> None:
    assert await asking(parse_url(f"rtu://{terminal}?dtr=1&rts=0")) == ANSWER


@BOTH
async def test_a_driver_enable_that_is_not_there_is_said(terminal: Path, asking: Ask) -> None:
    with pytest.raises(Unreachable, match=r"no RS-485 driver enable.*rs485=1"):
        await asking(parse_url(f"rtu://{terminal}?rs485=1"))


@BOTH
async def test_clients_come_and_go(terminal: Path, asking: Ask) -> None:
    for _ in range(3):
        assert await asking(parse_url(f"pty://{terminal}")) == ANSWER


async def test_a_line_has_one_master(terminal: Path) -> None:
    link = await open_link(parse_url(f"pty://{terminal}"))
    with pytest.raises(Unreachable, match="one master"):
        open_link_blocking(parse_url(f"pty://{terminal}"))
    await link.close()
    open_link_blocking(parse_url(f"pty://{terminal}")).abort()


@BOTH
async def test_what_is_no_device_is_refused(tmp_path: Path, asking: Ask) -> None:
    with pytest.raises(Unreachable, match="no such device"):
        await asking(parse_url(f"rtu://{tmp_path}/ttyUSB9"))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Unreachable, match="no serial device"):
        await asking(parse_url(f"rtu://{tmp_path}/file"))
    with pytest.raises(InvalidURL, match="path"):
        await asking(parse_url("pty://"))


def test_a_bit_rate_that_the_system_does_not_know_is_refused(terminal: Path) -> None:
    with pytest.raises(InvalidURL, match="no bit rate 19201"):
        open_device(str(terminal), SerialSettings(baudrate=19201))


@pytest.mark.proves("B-004")
def test_a_device_is_set_raw_with_its_rate_and_format(terminal: Path) -> None:
    assert SerialSettings.of(parse_url("bsm+rtu:///dev/ttyUSB0")) == SerialSettings(19200, "E", 8, 1)
    descriptor = open_device(str(terminal), SerialSettings(baudrate=9600, databits=8, parity="N", stopbits=2))
    try:
        into, out, control, local, speed_in, speed_out, _ = termios.tcgetattr(descriptor)
        assert (into, out, local) == (0, 0, 0)
        assert control & termios.CSTOPB
        assert control & termios.CSIZE == termios.CS8
        assert speed_in == speed_out == termios.B9600
    finally:
        os.close(descriptor)


def test_a_pseudo_terminal_knows_the_rate_of_its_client(tmp_path: Path) -> None:
    terminal = PseudoTerminal(str(tmp_path / "meter"))
    os.close(open_device(terminal.path, SerialSettings(baudrate=115200, parity="N")))
    assert terminal.baudrate() == 115200
    terminal.close()
    terminal.close()


def test_the_link_of_a_pseudo_terminal_goes_with_it_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "meter"
    terminal = PseudoTerminal(str(path))
    assert str(path.readlink()) == terminal.device
    with pytest.raises(PortInUse, match="exists"):
        PseudoTerminal(str(path))
    terminal.close()
    assert not path.is_symlink()
    path.symlink_to("/dev/pts/nowhere")  # what an earlier run left behind
    PseudoTerminal(str(path)).close()
    path.write_text("precious")
    with pytest.raises(PortInUse, match="remove it"):
        PseudoTerminal(str(path))
    assert path.read_text() == "precious"
    with pytest.raises(StorageError, match="cannot link"):
        PseudoTerminal(str(tmp_path / "no" / "folder"))


async def test_a_line_that_vanishes_is_disconnected(tmp_path: Path) -> None:
    master, slave = os.openpty()
    tty.setraw(slave)
    path = os.ttyname(slave)
    for opener in ("asyncio", "blocking"):
        url = parse_url(f"rtu://{path}?parity=N")
        link = await open_link(url) if opener == "asyncio" else open_link_blocking(url)
        os.write(master, b"x")
        assert await link.receive(1.0) == b"x"
        assert await link.receive(0.01) == b""
        if opener == "asyncio":
            await link.close()
    os.close(slave)
    os.close(master)
    with pytest.raises(Disconnected):
        await link.receive(1.0)
    assert link.closed
    with pytest.raises(Disconnected):
        await link.send(b"y")
    await link.close()


@pytest.fixture
def pair(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Two serial devices joined by a null-modem cable."""
    socat = shutil.which("socat")
    if socat is None:
        pytest.skip("socat is not installed")
    near, far = tmp_path / "near", tmp_path / "far"
    process = subprocess.Popen([socat, f"pty,raw,echo=0,link={near}", f"pty,raw,echo=0,link={far}"])
    limit = time.monotonic() + 10
    while not (near.exists() and far.exists()) and time.monotonic() < limit:
        time.sleep(0.01)
    yield near, far
    process.terminate()
    process.wait(5)


@BOTH
async def test_a_pair_of_serial_lines_carries_frames(pair: tuple[Path, Path], asking: Ask) -> None:
    near, far = pair
    meter = await open_link(parse_url(f"ascii://{far}?baudrate=9600&databits=8"))
    server = FRAMINGS["ascii"].server()

    async def serve() -> None:
        while True:
            for request in server.receive(await meter.receive(1.0)):
                await meter.send(server.encode(request, honest(request.pdu)))

    serving = asyncio.create_task(serve())
    assert await asking(parse_url(f"ascii://{near}?baudrate=9600&databits=8")) == ANSWER
    serving.cancel()
    await meter.close()


# where there is no termios


@BOTH
async def test_a_system_without_termios_opens_devices_with_serialx(
    terminal: Path, asking: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wattproof.io.serial", None)
    monkeypatch.delattr("wattproof.io.serial", raising=False)
    assert await asking(parse_url(f"pty://{terminal}")) == ANSWER
    assert await asking(parse_url(f"rtu://{terminal}?parity=N&timeout=0.5")) == ANSWER
    with pytest.raises(ResponseTimeout):
        await asking(parse_url(f"ascii://{terminal}?parity=N&databits=8&timeout=0.1&retries=0"))
    with pytest.raises(Unreachable, match=r"cannot open rtu:///nowhere/tty"):
        await asking(parse_url("rtu:///nowhere/tty"))
    with pytest.raises(Unreachable, match="RS-485"):
        await asking(parse_url(f"rtu://{terminal}?rs485=1"))


@BOTH
async def test_without_termios_and_serialx_the_extra_is_named(
    terminal: Path, asking: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wattproof.io.serial", None)
    monkeypatch.delattr("wattproof.io.serial", raising=False)
    monkeypatch.setitem(sys.modules, "serialx", None)
    with pytest.raises(Unreachable, match=r"wattproof\[serial\]"):
        await asking(parse_url(f"pty://{terminal}"))


async def test_what_comes_while_a_link_rests_is_received_in_one_piece(tmp_path: Path) -> None:
    pair = PseudoTerminal(str(tmp_path / "line"))
    link = await open_link(parse_url(f"pty://{tmp_path}/line"))
    try:
        resting = asyncio.ensure_future(link.rest(0.2))
        for byte in b"12345":
            await asyncio.sleep(0.01)
            os.write(pair.master, bytes((byte,)))
        assert link.heard == 0
        await resting
        assert await link.receive(1.0) == b"12345"
        os.write(pair.master, b"6")
        assert await link.receive(1.0) == b"6"
        resting = asyncio.ensure_future(link.rest(60))
        await asyncio.sleep(0.01)
        resting.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await resting
        os.write(pair.master, b"7")
        assert await link.receive(1.0) == b"7"
        resting = asyncio.ensure_future(link.rest(0.05))
        await asyncio.sleep(0.01)
        await link.close()
        await resting
    finally:
        await link.close()
        pair.close()
