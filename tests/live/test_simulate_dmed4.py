"""A virtual DMED4 on real sockets: its two connections, power cuts, reboots, the swap of HTTP and HTTPS, its state."""

from __future__ import annotations

import json
import signal
import socket
import ssl
import struct
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.live.test_simulate import Process, place, refused, simulate
from wattproof.meters.opening import VirtualMeter

Start = Callable[..., VirtualMeter]
WHO = bytes.fromhex("00 01 00 00 00 02 01 11")
FREE = ("--listen", "tcp://127.0.0.1:0")
QUICK: dict[str, Any] = {"reboot_delay": 0.3, "start_delay": 0.3, "init_delay": 0, "answer_delay": 0}


def connect(url: str) -> socket.socket:
    return socket.create_connection(place(url), timeout=5)


def ask(peer: socket.socket, pdu: bytes, transaction: int = 1) -> bytes:
    """The answer PDU over Modbus TCP, empty when the connection ends."""
    peer.sendall(struct.pack(">HHHB", transaction, 0, len(pdu) + 1, 1) + pdu)
    data = b""
    while len(data) < 6 or len(data) < 6 + int.from_bytes(data[4:6], "big"):
        try:
            more = peer.recv(300)
        except ConnectionError:
            return b""
        if not more:
            return b""
        data += more
    assert data[:4] == struct.pack(">HH", transaction, 0)
    return data[7:]


def alive(peer: socket.socket) -> bool:
    return ask(peer, b"\x11")[:3] == b"\x11\x08\x4a"


def ended(peer: socket.socket) -> bool:
    """Whether the other side has closed, without a byte."""
    try:
        return peer.recv(1) == b""
    except ConnectionError:
        return True


def refuses(url: str) -> bool:
    try:
        connect(url).close()
    except ConnectionError:
        return True
    return False


def becomes(wanted: bool, state: Callable[[], bool], seconds: float = 5) -> bool:
    """Whether ``state`` is as wanted within some seconds."""
    end = time.monotonic() + seconds
    while state() != wanted:
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def save(peer: socket.socket, **parameters: int) -> None:
    """Parameters by the menu, saved; the save is not answered, and the connection ends."""
    for id, value in parameters.items():
        for register, number in ((0x4FFF, int(id[1:3])), (0x5001, int(id[4:6])), (0x5003, value)):
            pdu = struct.pack(">BHH", 6, register, number)
            assert ask(peer, pdu) == pdu
    assert ask(peer, bytes.fromhex("06 2F 02 00 05")) == b""


# 2.4: connections


@pytest.mark.proves("D-028", "D-029", "D-300")
@pytest.mark.parametrize("listen", ["tcp://127.0.0.1:0", "tcp://127.0.0.1:0?framing=rtu"])
def test_a_third_connection_is_closed_and_two_go_on(virtual_meter: Start, listen: str) -> None:
    meter = virtual_meter("dmed4", listen=listen)
    who, answer = (
        (bytes.fromhex("01 11 C0 2C"), b"\x01\x11\x08") if "rtu" in listen else (WHO, WHO[:4] + b"\0\x0b\x01\x11\x08")
    )

    def works(peer: socket.socket) -> bool:
        peer.sendall(who)
        return peer.recv(300).startswith(answer)

    with connect(meter.urls[0]) as one, connect(meter.urls[0]) as two:
        assert works(one) and works(two) and works(one)
        for _ in range(3):
            with connect(meter.urls[0]) as third:
                assert ended(third)
        assert works(one) and works(two)
        one.close()

        def room() -> bool:
            with connect(meter.urls[0]) as again:
                again.sendall(who)
                return not ended(again)

        assert becomes(True, room) and works(two)


@pytest.mark.proves("D-029")
def test_a_third_connection_may_take_the_place_of_the_longest_idle_one(virtual_meter: Start) -> None:
    meter = virtual_meter("dmed4", third_connection="evict")
    with connect(meter.urls[0]) as one, connect(meter.urls[0]) as two:
        assert alive(one) and alive(two) and alive(one)
        with connect(meter.urls[0]) as third:
            assert alive(third) and ended(two) and alive(one)


@pytest.mark.proves("D-027")
@pytest.mark.parametrize(
    "header", ["00 01 00 01 00 02 01 11", "00 01 00 00 00 01 01", "00 01 00 00 00 FF 01 11", "00 01 80 00"]
)
def test_what_is_no_header_ends_the_connection(virtual_meter: Start, header: str) -> None:
    meter = virtual_meter("dmed4")
    with connect(meter.urls[0]) as peer, connect(meter.urls[0]) as other:
        peer.sendall(bytes.fromhex(header))
        assert ended(peer) and alive(other)


# 15.4, 5: silence


@pytest.mark.proves("D-325", "D-119", "D-329")
@pytest.mark.parametrize("how", ["power-cut", "power", "save", "reboot"])
def test_without_supply_and_while_it_reboots_connections_are_closed_and_refused(virtual_meter: Start, how: str) -> None:
    meter = virtual_meter("dmed4", listen=["tcp://127.0.0.1:0", "http://127.0.0.1:0"], **QUICK)
    with connect(meter.urls[0]) as peer:
        assert alive(peer) and not refuses(meter.urls[1])
        if how == "save":
            save(peer)
        elif how == "power":
            meter.controls["power"] = False
        else:
            meter.faults[how] = 0.3 if how == "power-cut" else True
        assert ended(peer)
    assert becomes(True, lambda: refuses(meter.urls[0])) and becomes(True, lambda: refuses(meter.urls[1]))
    assert set(meter.state["listen"].values()) == {"closed"}
    if how == "power":
        time.sleep(0.5)
        assert refuses(meter.urls[0])
        meter.controls["power"] = True
    assert becomes(False, lambda: refuses(meter.urls[0])) and becomes(False, lambda: refuses(meter.urls[1]))
    with connect(meter.urls[0]) as peer:
        assert alive(peer)
    assert set(meter.state["listen"].values()) == {"open"}


def test_a_meter_that_starts_with_kept_state_is_open_when_it_is_ready(tmp_path: Path) -> None:
    for _ in range(2):
        with VirtualMeter("dmed4", listen=["tcp://127.0.0.1:0", "http://127.0.0.1:0"], state=tmp_path) as meter:
            assert not refuses(meter.urls[0]) and not refuses(meter.urls[1])


# 14.2: HTTP and HTTPS


def speaks(url: str) -> int:
    """The status of a GET there; 0 if connections are refused."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    try:
        with connect(url) as plain, ExitStack() as stack:
            peer = stack.enter_context(context.wrap_socket(plain)) if url.startswith("https") else plain
            peer.sendall(b"GET /v1/measure HTTP/1.1\r\nHost: meter\r\n\r\n")
            return int(peer.recv(300).split(b" ")[1])
    except ConnectionError:
        return 0


@pytest.mark.proves("D-303", "D-302", "D-306")
def test_the_listeners_of_http_and_https_change_places_and_stay_so(virtual_meter: Start, tmp_path: Path) -> None:
    urls = ["tcp://127.0.0.1:0", "http://127.0.0.1:0", "https://127.0.0.1:0"]
    with VirtualMeter("dmed4", listen=urls, state=tmp_path, **QUICK) as meter:
        _, plain, secure = meter.urls
        assert (speaks(plain), speaks(secure)) == (200, 0)
        for tls, statuses in ((1, (0, 200)), (0, (200, 0)), (1, (0, 200))):
            with connect(meter.urls[0]) as peer:
                save(peer, P05_11=tls)
            assert becomes(True, lambda wanted=statuses: (speaks(plain), speaks(secure)) == wanted)
            assert meter.state["listen"] == {
                meter.urls[0]: "open",
                plain: "closed" if tls else "open",
                secure: "open" if tls else "closed",
            }
    with VirtualMeter("dmed4", listen=urls, state=tmp_path, **QUICK) as again:
        assert (speaks(again.urls[1]), speaks(again.urls[2])) == (0, 200), "what is stored wins over the schemes"


@pytest.mark.proves("D-303")
def test_without_the_listener_of_the_parameter_rest_is_unreachable(virtual_meter: Start) -> None:
    meter = virtual_meter("dmed4", listen=["tcp://127.0.0.1:0", "http://127.0.0.1:0"], **QUICK)
    with connect(meter.urls[0]) as peer:
        save(peer, P05_11=1)
    assert becomes(False, lambda: refuses(meter.urls[0])) and refuses(meter.urls[1])
    assert meter.state["listen"][meter.urls[1]] == "closed"
    with connect(meter.urls[0]) as peer:
        save(peer, P05_11=0)
    assert becomes(True, lambda: speaks(meter.urls[1]) == 200)


# the process


@pytest.mark.proves("D-299", "D-298")
def test_the_ready_object_of_a_display_names_its_channels() -> None:
    options = ("dmed4:dc1", "--listen", "http://127.0.0.1:0", *FREE, "--serial", "20000000", "--set", "channels=1,3")
    with simulate(*options) as display:
        ready = display.ready
        assert (ready["model"], ready["variant"], len(ready["listen"])) == ("dmed4", "DC1", 2)
        assert [(one["channel"], one["serial"]) for one in ready["meters"]] == [(1, "20000000"), (3, "20000002")]
        keys = [bytes.fromhex(one["public_key"]) for one in ready["meters"]]
        assert len(set(keys)) == 2 and all(key.startswith(b"\x30\x59") for key in keys)


@pytest.mark.proves("D-307")
@pytest.mark.parametrize(
    ("options", "named"),
    [
        (("dmed4:404X1500",), "404X1500"), (("dmed4:DC3",), "DC3"), (("dmed4", "--set", "P02_01=2"), "P02_01"),
        (("dmed4", "--set", "colour=red"), "colour"), (("dmed4", "--set", "P04_03=4"), "P04_03"),
        (("dmed4", "--set", "time=yesterday"), "time"), (("dmed4", "--set", "reboot-delay=601"), "reboot-delay"),
        (("dmed4", "--serial", "123456789"), "123456789"), (("dmed4", "--load", "curve:ac"), "curve:ac"),
        (("dmed4", "--fault", "contactor-slow"), "contactor-slow"), (("dmed4", "--fault", "noise=101"), "noise"),
    ],
)  # fmt: skip
def test_misuse_is_named_with_exit_code_2(options: tuple[str, ...], named: str) -> None:
    code, errors = refused(*options, *FREE)
    assert code == 2 and named in errors


@pytest.mark.proves("D-215", "D-231", "D-280", "D-281")
def test_records_and_cycle_survive_kill(tmp_path: Path) -> None:
    options = ("dmed4", *FREE, "--listen", "http://127.0.0.1:0", "--state", str(tmp_path), "--speed", "100")
    options += ("--set", "answer-delay=0", "--set", "start-delay=0", "--set", "init-delay=0")
    shown: dict[str, str] = {}

    def rest(process: Process, method: str, target: str, body: bytes = b"") -> Any:
        with connect(process.ready["listen"][1]) as peer:
            head = f"{method} /v1/{target} HTTP/1.1\r\nHost: meter\r\nContent-Length: {len(body)}\r\n\r\n"
            peer.sendall(head.encode() + body)
            data = b""
            while more := peer.recv(4096):
                data += more
        status, _, rest = data.partition(b"\r\n\r\n")
        content = b""
        while rest and status.split(b" ")[1] == b"200":
            size, _, rest = rest.partition(b"\r\n")
            content, rest = content + rest[: int(size, 16)], rest[int(size, 16) + 2 :]
        return json.loads(content) if content else int(status.split(b" ")[1])

    def signed(process: Process, letter: str) -> None:
        assert rest(process, "PUT", f"charge_settings?command={letter}") == {"command": letter}
        text = ""
        while not text:
            text = rest(process, "GET", "ocmf")["OCMF_BUFF"]
        shown[json.loads(text.split("|")[1])["PG"]] = text

    for round_ in range(3):
        with simulate(*options) as process:
            status = rest(process, "GET", "charge_status")["measurement_status"]
            assert status == (1 if round_ == 0 else 3)
            for page, text in shown.items():
                found = rest(process, "GET", f"logbook/OCMF?index_type=PROGR&index_value={page[1:]}")
                assert found == {"OCMF_LOG": text}
            if status == 3:
                signed(process, "E")
                assert '"EF":"t"' in list(shown.values())[-1]
            assert rest(process, "POST", "ocmf", b'{"ID":"kill"}') == {}
            signed(process, "B")
            signed(process, "C")
            process.end(signal.SIGKILL)
    assert list(shown) == [f"T{number}" for number in range(1, 9)]
