"""A virtual ABB meter on sockets and a pseudo-terminal: HDLC, the IP wrapper over TCP and UDP."""

from __future__ import annotations

import os
import select
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from wattproof.errors import InvalidURL
from wattproof.io.serial import SerialSettings, open_device
from wattproof.meters.opening import VirtualMeter
from wattproof.wire.conversation import run
from wattproof.wire.cosem.acse import AssociationRequest
from wattproof.wire.cosem.client import Client
from wattproof.wire.cosem.data import unsigned
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.cosem.initiate import InitiateRequest
from wattproof.wire.cosem.reading import read_objects
from wattproof.wire.cosem.wrapper import Message, Receiver
from wattproof.wire.cosem.wrapper_links import DatagramLink, StreamLink
from wattproof.wire.hdlc import ClientLink

Start = Callable[..., VirtualMeter]
OPTIONS: Any = {"seed": 1, "load": "constant:1000", "time": "2026-03-01T12:00:00"}
VOLTAGE, TARIFF = Attribute.of(3, "1-0:32.7.0"), Attribute.of(1, "0-0:96.14.0")
AARQ = Message(16, 1, AssociationRequest.of(InitiateRequest()).encode()).encode()
GET = Message(16, 1, bytes.fromhex("C001C100030100200700FF0200")).encode()
ANSWER = bytes.fromhex("0001 0001 0010 0009 C401C100 06000008FC")


def place(url: str) -> tuple[str, int]:
    host, _, port = url.partition("://")[2].partition("?")[0].rpartition(":")
    return host, int(port)


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    """A TCP or UDP socket; a wait for an answer is a failure after two seconds."""
    kind = socket.SOCK_DGRAM if "udp" in url else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as peer:
        peer.settimeout(2)
        peer.connect(place(url))
        yield peer


def asked(peer: socket.socket) -> Callable[[bytes, int], bytes]:
    def exchange(data: bytes, timeout: int) -> bytes:
        if data:
            peer.sendall(data)
        return peer.recv(65536)

    return exchange


def whole(peer: socket.socket, count: int) -> bytes:
    """So many messages, their bytes joined."""
    receiver, heard, found = Receiver(), b"", 0
    while found < count:
        data = peer.recv(65536)
        assert data, "the meter has closed the connection"
        heard += data
        found += len(receiver.receive(data))
    return heard


def closed(peer: socket.socket) -> bool:
    try:
        return peer.recv(1) == b""
    except ConnectionResetError:
        return True


@pytest.fixture
def stream(virtual_meter: Start) -> VirtualMeter:
    return virtual_meter("abb", listen="dlms://127.0.0.1:0", **OPTIONS)


@pytest.mark.proves("A-194")
def test_the_same_over_every_transport(virtual_meter: Start, tmp_path: Path) -> None:
    line = f"{tmp_path}/line"
    listen = ["hdlc://127.0.0.1:0", "dlms://127.0.0.1:0", "dlms+udp://127.0.0.1:0", f"pty://{line}?protocol=hdlc"]
    meter = virtual_meter("abb", listen=listen, **OPTIONS)
    meter.faults["frozen"] = True
    assert meter.url == f"abb+{meter.urls[0]}?address=17"
    lists = []
    for url, link in zip(meter.urls[:3], (ClientLink(17), StreamLink(), DatagramLink()), strict=True):
        with connected(url) as peer:
            lists.append(talk(Client(link), asked(peer)))
    descriptor = open_device(line, SerialSettings(9600, "N"))

    def exchange(data: bytes, timeout: int) -> bytes:
        os.write(descriptor, data)
        return os.read(descriptor, 4096) if select.select([descriptor], [], [], 2)[0] else b""

    try:
        lists.append(talk(Client(ClientLink(17, 1), b"00000000"), exchange))
    finally:
        os.close(descriptor)
    assert lists[0] == lists[1] == lists[2] == lists[3] and len(lists[0]) > 240


def talk(client: Client, exchange: Callable[[bytes, int], bytes]) -> list[object]:
    """All values but those of clock, associations and profiles, in lists; over UDP too, block by block."""
    run(client.open(), exchange)
    objects = run(read_objects(client), exchange)
    attributes = [entry.attribute(2) for entry in objects if entry.class_id not in (8, 15, 7)]
    values = run(client.get_list(attributes), exchange)
    run(client.close(), exchange)
    return list(values)


@pytest.mark.proves("A-191")
def test_messages_come_together_and_in_pieces(stream: VirtualMeter) -> None:
    with connected(stream.urls[0]) as peer:
        peer.sendall(AARQ + GET + GET)
        assert whole(peer, 3).endswith(ANSWER * 2)
        for byte in GET:
            peer.sendall(bytes((byte,)))
        assert whole(peer, 1) == ANSWER
        peer.sendall(Message(16, 2, GET[8:]).encode() + GET)
        assert whole(peer, 1) == ANSWER


@pytest.mark.proves("A-191")
@pytest.mark.parametrize("header", ["0002 0010 0001 0005", "0001 0010 0001 0000", "0001 0010 0001 0801"])
def test_a_damaged_header_closes_the_connection_after_what_was_answered(stream: VirtualMeter, header: str) -> None:
    with connected(stream.urls[0]) as peer:
        peer.sendall(AARQ + bytes.fromhex(header))
        assert whole(peer, 1)
        assert closed(peer)
    assert [entry["kind"] for entry in stream.journal][-1] == "rubbish"
    with connected(stream.urls[0]) as peer:
        peer.sendall(GET)
        assert whole(peer, 1).endswith(b"\xd8\x01\x01")


@pytest.mark.proves("A-193")
def test_a_second_connection_is_closed_at_once(stream: VirtualMeter) -> None:
    with connected(stream.urls[0]) as first:
        first.sendall(AARQ)
        whole(first, 1)
        with connected(stream.urls[0]) as second:
            assert closed(second)
        first.sendall(GET)
        assert whole(first, 1) == ANSWER
    with connected(stream.urls[0]) as third:
        third.sendall(GET + AARQ + GET)
        assert whole(third, 3).endswith(ANSWER)


@pytest.mark.proves("A-201")
def test_disconnect_and_late_over_tcp(stream: VirtualMeter) -> None:
    with connected(stream.urls[0]) as peer:
        peer.sendall(AARQ)
        whole(peer, 1)
        stream.faults["late"] = "0.2"
        peer.sendall(GET * 3)
        assert whole(peer, 3) == ANSWER * 3
        stream.faults["disconnect"] = 100
        peer.sendall(GET)
        assert closed(peer)


@pytest.mark.proves("A-192")
def test_damaged_datagrams_are_dropped(virtual_meter: Start) -> None:
    meter = virtual_meter("abb", listen="dlms+udp://127.0.0.1:0", **OPTIONS)
    with connected(meter.urls[0]) as peer, connected(meter.urls[0]) as other:
        for damaged in (b"x", GET[:-1], GET + b"\0", b"\0\2" + GET[2:]):
            peer.send(damaged)
        peer.send(AARQ)
        assert len(peer.recv(4096)) == 51
        other.send(AARQ)
        assert other.recv(4096)[8:].hex().startswith("6117")
        meter.faults["late"] = "0.1"
        peer.send(GET)
        assert peer.recv(4096) == ANSWER
    kinds = [entry["kind"] for entry in meter.journal]
    assert kinds.count("rubbish") == 4


def test_what_was_acknowledged_is_kept(tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    options: Any = {"listen": "dlms://127.0.0.1:0", "state": state, "settings": {"time": OPTIONS["time"]}}
    for before, after in ((1, 3), (3, 2)):
        with VirtualMeter("abb", **options) as meter, connected(meter.urls[0]) as peer:
            client = Client(StreamLink(1), b"00000000")
            run(client.open(), asked(peer))
            assert run(client.get(TARIFF), asked(peer)).plain == before
            run(client.set(TARIFF, unsigned(after)), asked(peer))


def test_a_port_of_the_wrapper_belongs_to_one_meter(virtual_meter: Start) -> None:
    with pytest.raises(InvalidURL, match="dlms"):
        virtual_meter("bsm", listen="dlms://127.0.0.1:0")
