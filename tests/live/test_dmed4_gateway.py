"""A virtual DMED4 as gateway: Modbus TCP in front, a real line with a BSM on it behind, silent units between them."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

Start = Callable[..., Any]
#: Of the BSM: the marker of SunSpec, and its answer.
MARKER = bytes.fromhex("03 9c40 0002")
SUNS = bytes.fromhex("03 04 5375 6e53")


class Client:
    """One Modbus TCP connection; transactions are counted."""

    def __init__(self, url: str) -> None:
        place = urlsplit(url)
        self.socket = socket.create_connection((place.hostname, place.port), timeout=5)
        self.transaction = 0

    def send(self, unit: int, pdu: bytes) -> int:
        self.transaction += 1
        self.socket.sendall(struct.pack(">HHHB", self.transaction, 0, len(pdu) + 1, unit) + pdu)
        return self.transaction

    def receive(self) -> tuple[int, int, bytes]:
        """Transaction, unit and PDU of the next answer."""
        head = self._exactly(7)
        transaction, _, length, unit = struct.unpack(">HHHB", head)
        return transaction, unit, self._exactly(length - 1)

    def ask(self, unit: int, pdu: bytes) -> bytes:
        transaction = self.send(unit, pdu)
        answer = self.receive()
        assert answer[:2] == (transaction, unit)
        return answer[2]

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.socket.recv(count - len(data))
            assert more, "the gateway closed the connection"
            data += more
        return data

    def close(self) -> None:
        self.socket.close()


@pytest.fixture
def gateway(virtual_meter: Start, tmp_path: Path) -> Iterator[Callable[..., tuple[Any, Any]]]:
    """``gateway(**options)``: the DMED4 in role Gateway and the BSM with unit 42 on the line behind it."""

    def start(**options: object) -> tuple[Any, Any]:
        behind = virtual_meter("bsm", listen=f"pty://{tmp_path}/line?protocol=rtu&baudrate=115200", answer_delay=0)
        front = virtual_meter(
            "dmed4",
            answer_delay=0,
            settings={
                "P05_05": 1,
                "gateway-bus": f"rtu://{tmp_path}/line?baudrate=115200&parity=N",
                "gateway-timeout": 0.2,
            },
            **options,
        )
        return front, behind

    yield start


@pytest.mark.proves("D-286", "D-287", "D-288", "D-290")
def test_which_nodes_are_local_and_which_are_passed_on(gateway: Callable[..., tuple[Any, Any]]) -> None:
    front, _ = gateway()
    with closing(Client(front.urls[0])) as client:
        assert client.ask(42, MARKER) == SUNS
        assert client.ask(42, bytes.fromhex("04 9c40 0002")) == b"\x84\x01"  # the BSM refuses, the gateway hands it on
        assert client.ask(42, bytes.fromhex("03 0000 0002")) == b"\x83\x02"
        for own in (0, 1, 255):
            answer = client.ask(own, b"\x11")
            assert answer[:3] == bytes((0x11, 8, 0x4A))
            assert client.ask(own, bytes.fromhex("04 0009 0002"))[2:] == (40000).to_bytes(4, "big")
        for beyond in (248, 254):
            assert client.ask(beyond, MARKER) == b"\x83\x0a"


@pytest.mark.proves("D-040")
def test_node_0_is_not_sent_on_the_line(gateway: Callable[..., tuple[Any, Any]]) -> None:
    front, behind = gateway()
    with closing(Client(front.urls[0])) as client:
        assert client.ask(42, MARKER) == SUNS
        heard = len(behind.journal)
        assert client.ask(0, bytes.fromhex("06 4f0f 0000")) == bytes.fromhex("06 4f0f 0000")
        assert client.ask(0, bytes.fromhex("04 0009 0002"))[:2] == b"\x04\x04"
        assert len(behind.journal) == heard
        assert front.state["display"]["on"] is False


@pytest.mark.proves("D-289")
def test_a_silent_slave_costs_its_time_and_no_more(gateway: Callable[..., tuple[Any, Any]]) -> None:
    front, _ = gateway()
    with closing(Client(front.urls[0])) as client:
        begin = time.monotonic()
        assert client.ask(7, MARKER) == b"\x83\x0b"
        assert 0.19 < time.monotonic() - begin < 2
        assert client.ask(42, MARKER) == SUNS
        front.faults["slave-silent"] = 42
        assert client.ask(42, MARKER) == b"\x83\x0b"
        del front.faults["slave-silent"]
        assert client.ask(42, MARKER) == SUNS


@pytest.mark.proves("D-291")
def test_two_clients_are_served_in_turn(gateway: Callable[..., tuple[Any, Any]]) -> None:
    front, _ = gateway()
    wrong: list[object] = []

    def work() -> None:
        with closing(Client(front.urls[0])) as client:
            for count in range(1, 21):
                answer = client.ask(42, struct.pack(">BHH", 3, 40000, count))
                if answer[:6] != bytes((3, 2 * count)) + SUNS[2:6] and count > 1:
                    wrong.append(answer)

    clients = [threading.Thread(target=work) for _ in range(2)]
    for one in clients:
        one.start()
    for one in clients:
        one.join(30)
    assert wrong == []


def test_more_than_the_queue_holds_is_told_that_the_meter_is_busy(gateway: Callable[..., tuple[Any, Any]]) -> None:
    front, _ = gateway()
    with closing(Client(front.urls[0])) as client:
        sent = [client.send(7, MARKER) for _ in range(12)]
        answers = [client.receive() for _ in sent]
        assert sorted(answer[0] for answer in answers) == sent
        codes = [answer[2] for answer in answers]
        assert codes.count(b"\x83\x06") == 3
        assert codes.count(b"\x83\x0b") == 9


def test_silence_can_be_the_answer_for_a_silent_slave(virtual_meter: Start) -> None:
    settings = {"P05_05": 1, "gateway-failure": "silence", "gateway-timeout": 0.05}
    front = virtual_meter("dmed4", answer_delay=0, settings=settings)
    with closing(Client(front.urls[0])) as client:
        client.send(7, MARKER)
        assert client.ask(1, b"\x11")[:1] == b"\x11"
        client.socket.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client.socket.recv(1)


def test_the_serial_line_of_a_gateway_serves_nobody(virtual_meter: Start, tmp_path: Path) -> None:
    front = virtual_meter(
        "dmed4",
        listen=("tcp://127.0.0.1:0", "rtu://127.0.0.1:0"),
        answer_delay=0,
        P05_05=1,
    )
    place = urlsplit(front.urls[1])
    with socket.create_connection((place.hostname, place.port), timeout=5) as line:
        line.sendall(bytes.fromhex("01 11 c0 2c"))
        line.settimeout(0.3)
        with pytest.raises(TimeoutError):
            line.recv(1)
