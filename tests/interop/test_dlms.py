"""Independent DLMS peers: dlms-cosem decodes what we send; gurux-dlms is our client and our server.

gurux-dlms is under the GPL, so it only runs in processes of its own (``peers/``) and is never imported here.
"""

from __future__ import annotations

import importlib.util
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.wire.cosem.meter import new_device, new_meter
from wattproof.errors import AssociationRefused
from wattproof.model.units import WATT_HOUR
from wattproof.model.values import Scaled
from wattproof.wire.conversation import Conversation, run
from wattproof.wire.cosem import apdus
from wattproof.wire.cosem import data as axdr
from wattproof.wire.cosem.acse import AssociationRequest
from wattproof.wire.cosem.apdus import INVOKE
from wattproof.wire.cosem.client import Client
from wattproof.wire.cosem.data import octet_string, unsigned
from wattproof.wire.cosem.descriptors import Attribute, Method
from wattproof.wire.cosem.initiate import InitiateRequest
from wattproof.wire.cosem.reading import read_clock, read_objects, read_profile, read_register
from wattproof.wire.cosem.server import Association
from wattproof.wire.cosem.sessions import HdlcSession, StreamSession
from wattproof.wire.cosem.times import Date, Time
from wattproof.wire.cosem.wrapper_links import StreamLink
from wattproof.wire.hdlc import Address, ClientLink, Frame, Kind, Parameters, control

PEERS = Path(__file__).resolve().parent / "peers"
TARIFF, LONG = Attribute.of(1, "0-0:96.14.0"), Attribute.of(1, "0-0:128.4.0")
PASSWORD = "12345678"
#: What dlms-cosem 21.3.2 reads, but does not write back: it guesses types, or fails.
CANNOT_WRITE = {"GetResponseNormal", "GetResponseNormalWithError", "GetResponseWithList"}


@pytest.fixture(scope="session")
def gurux() -> Callable[..., list[str]]:
    """The command of a program in ``peers``."""
    if importlib.util.find_spec("gurux_dlms") is None:
        pytest.skip("gurux-dlms is not installed")
    return lambda name, *options: [sys.executable, str(PEERS / name), *options]


# dlms-cosem as decoder


@pytest.mark.proves("A-133")
def test_dlms_cosem_decodes_all_apdus_that_it_knows() -> None:
    connection = pytest.importorskip("dlms_cosem.connection")
    parse = pytest.importorskip("dlms_cosem.utils").parse_as_dlms_data
    meter = new_meter()
    association = Association(new_device(), meter)
    association.connected(1)
    profile, voltage = Attribute.of(7, "1-0:99.1.1"), Attribute.of(3, "1-0:32.7.0")
    requests = [
        AssociationRequest.of(InitiateRequest(max_pdu=200), PASSWORD.encode()).encode(),
        *(apdus.encode(apdu) for apdu in (
            *(apdus.GetRequest(INVOKE, Attribute.of(3, "1-0:32.7.0", number)) for number in range(1, 5)),
            apdus.GetRequest(INVOKE, Attribute.of(8, "0-0:1.0.0")),
            apdus.GetList(INVOKE, (voltage, Attribute.of(3, "1-0:52.7.0"), TARIFF)),
            apdus.GetRequest(INVOKE, profile),
            apdus.GetNext(INVOKE, 1),
            apdus.GetNext(INVOKE, 5),
            apdus.SetRequest(INVOKE, TARIFF, unsigned(3)),
            apdus.SetRequest(INVOKE, TARIFF, unsigned(9)),
            apdus.ActionRequest(INVOKE, Method.of(3, "1-0:1.8.0"), axdr.integer(0)),
            apdus.ActionRequest(INVOKE, Method.of(11, "0-0:11.0.0"), octet_string(b"echo")),
            apdus.ActionRequest(INVOKE, Method.of(3, "1-0:32.7.0"), axdr.integer(0)),
        )),
        bytes.fromhex("6203800100"),
        apdus.encode(apdus.GetRequest(INVOKE, voltage)),
    ]  # fmt: skip
    seen = set()
    for request in requests:
        answer = association.receive(request, 0)
        assert answer is not None
        for octets in (request, answer):
            decoded = connection.XDlmsApduFactory.apdu_from_bytes(bytearray(octets))
            seen.add(type(decoded).__name__)
            if type(decoded).__name__ not in CANNOT_WRITE:
                assert bytes(decoded.to_bytes()) == octets
            if type(decoded).__name__ == "GetResponseNormal":
                ours = apdus.decode(octets)
                assert isinstance(ours, apdus.GetResponse)
                assert isinstance(ours.value, axdr.Data)
                theirs = parse(bytearray(decoded.data))
                assert (bytes(theirs) if isinstance(theirs, bytearray) else theirs) == ours.value.plain
    assert len(seen) == 18, seen


@pytest.mark.proves("A-133")
def test_dlms_cosem_decodes_our_frames() -> None:
    frames = pytest.importorskip("dlms_cosem.hdlc.frames")
    client, server = Address.client(16), Address.server(17)
    for kind, ours in (
        ("UnNumberedAcknowledgmentFrame", Frame(client, server, control(Kind.UA), Parameters(512, 512).encode())),
        ("InformationFrame", Frame(client, server, control(Kind.I, 3, 5), b"\xe6\xe7\0" + bytes(40), True)),
        ("ReceiveReadyFrame", Frame(client, server, control(Kind.RR, nr=6))),
        ("SetNormalResponseModeFrame", Frame(server, client, control(Kind.SNRM))),
        ("DisconnectFrame", Frame(server, client, control(Kind.DISC))),
    ):
        if kind in ("SetNormalResponseModeFrame", "DisconnectFrame"):  # that library only writes them
            address = pytest.importorskip("dlms_cosem.hdlc.address").HdlcAddress
            parts = (address(1, 17, "server"), address(16, None, "client"))
            assert getattr(frames, kind)(*parts).to_bytes() == ours.encode()
            continue
        theirs = getattr(frames, kind).from_bytes(ours.encode())
        assert bytes(theirs.to_bytes()) == ours.encode()


# gurux-dlms as client


class Port:
    """Our server on a TCP port, one connection after the other."""

    def __init__(self, interface: str) -> None:
        self.interface, self.meter = interface, new_meter()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.number: int = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self) -> None:
        device = new_device()
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            hdlc = self.interface == "HDLC"
            session = HdlcSession(device, self.meter, 17) if hdlc else StreamSession(device, self.meter)
            with connection:
                while data := connection.recv(65536):
                    answer = session.receive(data, time.monotonic_ns())
                    if answer:
                        connection.sendall(answer)

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join(10)


@pytest.fixture(params=["HDLC", "WRAPPER"])
def port(request: pytest.FixtureRequest) -> Iterator[Port]:
    port = Port(request.param)
    yield port
    port.close()


def ask(gurux: Callable[..., list[str]], port: Port, client: int, password: str | None, pdu: int = 600) -> Any:
    options = {"port": port.number, "interface": port.interface, "client": client, "server": 17}
    options |= {"password": password, "pdu": pdu}
    done = subprocess.run(
        gurux("gurux_client.py", json.dumps(options)), capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.proves("A-132")
@pytest.mark.parametrize(("client", "password"), [(16, None), (1, PASSWORD)])
def test_gurux_reads_and_writes_our_meter(
    gurux: Callable[..., list[str]], port: Port, client: int, password: str | None
) -> None:
    found = ask(gurux, port, client, password)
    names = [name for _, name, _ in found["objects"]]
    assert names[:5] == ["0.0.40.0.0.255", "0.0.40.0.1.255", "0.0.40.0.2.255", "0.0.42.0.0.255", "0.0.41.0.0.255"]
    assert [7, "1.0.99.1.1.255", 1] in found["objects"]
    assert len(names) == 15
    assert found["voltage"] == [pytest.approx(230.6), pytest.approx(0.1), 35]
    assert found["clock"] == ["2012-08-05T01:11:31", 0x80]
    assert found["list"] == [2306, 1]
    assert found["columns"] == [["0.0.1.0.0.255", 2], ["0.1.96.10.1.255", 2], ["1.0.1.8.0.255", 2]]
    rows = found["rows"]
    assert (len(rows), rows[0], rows[-1]) == (288, ["2012-07-01T00:00:00", 1, 4096], ["2012-07-03T23:45:00", 1, 4383])
    assert found["range"] == rows[100:105]
    assert found["entries"] == rows[1:4]
    if client == 16:
        assert (found["access"], found["set"], found["set long"], found["action"]) == ([1], 3, 3, 3)
        assert (found["tariff"], port.meter["tariff"]) == (1, 1)
    else:
        assert (found["access"], found["set"], found["set long"], found["action"]) == ([3], "done", "done", "done")
        assert found["long"] == (bytes(range(250)) * 8).hex()
        assert (found["tariff"], port.meter["tariff"]) == (2, 2)


@pytest.mark.proves("A-121")
def test_gurux_is_refused_with_a_wrong_password(gurux: Callable[..., list[str]], port: Port) -> None:
    assert ask(gurux, port, 1, "87654321") == {"refused": [1, 13]}


# gurux-dlms as server


class Connected:
    """Our client at a port of gurux-dlms."""

    def __init__(self, command: list[str], interface: str, password: str | None) -> None:
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.socket = socket.create_connection(("127.0.0.1", int(self.process.stdout.readline())), timeout=10)
        link = ClientLink(17) if interface == "HDLC" else StreamLink()
        self.client = Client(link, password.encode() if password else None)

    def exchange(self, data: bytes, timeout: int) -> bytes:
        self.socket.sendall(data)
        self.socket.settimeout(timeout / 10**9)
        try:
            return self.socket.recv(65536)
        except TimeoutError:
            return b""

    def run(self, conversation: Conversation[Any]) -> Any:
        return run(conversation, self.exchange)

    def close(self) -> None:
        self.socket.close()
        self.process.terminate()
        self.process.communicate(timeout=10)


@pytest.fixture(params=["HDLC", "WRAPPER"])
def connect(request: pytest.FixtureRequest, gurux: Callable[..., list[str]]) -> Iterator[Callable[..., Connected]]:
    running: list[Connected] = []

    def start(password: str | None = PASSWORD) -> Connected:
        command = gurux("gurux_server.py", request.param, PASSWORD)
        running.append(Connected(command, request.param, password))
        return running[-1]

    yield start
    for one in running:
        one.close()


def test_our_client_reads_and_writes_the_server_of_gurux(connect: Callable[..., Connected]) -> None:
    peer = connect()
    client = peer.client
    peer.run(client.open())
    objects = peer.run(read_objects(client))
    assert {str(entry) for entry in objects} == {
        "Association LN 0-0:40.0.0*255", "Clock 0-0:1.0.0*255", "Register 1-0:1.8.0*255", "Data 0-0:96.14.0*255",
        "Data 0-0:128.4.0*255", "Profile generic 1-0:99.1.1*255",
    }  # fmt: skip
    energy = peer.run(read_register(client, objects["1-0:1.8.0"]))
    assert (energy.number, energy.unit) == (Scaled(123456, 1), WATT_HOUR)
    moment = peer.run(read_clock(client))
    assert (moment.date, moment.time) == (Date(2024, 2, 29), Time(12, 34, 56, 0))
    profile = peer.run(read_profile(client, "1-0:99.1.1"))
    assert [str(column) for column in profile.columns] == ["8/0-0:1.0.0*255/2", "3/1-0:1.8.0*255/2"]
    assert [row[1].value for row in profile.rows] == list(range(1000, 1024))
    assert [time.time.hour for time in profile.times] == list(range(24))
    assert peer.run(client.get(LONG)) == octet_string(bytes(range(250)) * 8)  # in blocks, over HDLC in segments too
    peer.run(client.set(TARIFF, unsigned(3)))
    assert peer.run(client.get(TARIFF)) == unsigned(3)
    assert peer.run(client.action(Method.of(3, "1-0:1.8.0"), axdr.integer(0))) is None
    peer.run(client.close())


def test_the_server_of_gurux_refuses_our_client_with_a_wrong_password(connect: Callable[..., Connected]) -> None:
    peer = connect("wrong")
    with pytest.raises(AssociationRefused) as refused:
        peer.run(peer.client.open())
    assert (refused.value.result, refused.value.diagnostic) == (1, 13)
