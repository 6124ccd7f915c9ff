"""Bad clients of the REST side of a virtual DMED4: lengths that lie, odd targets, too many connections or passwords."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

import pytest

from tests.live.raw_http import (
    BAD,
    FORBIDDEN,
    HTTP,
    MISSING,
    NO_SUCH_METHOD,
    OK,
    TCP,
    ask,
    place,
    read_all,
    request,
    send,
)
from wattproof.meters.dmed4.virtual.site import LIMITS, DmedSite
from wattproof.meters.opening import VirtualMeter


@pytest.fixture
def meter(virtual_meter: Callable[..., VirtualMeter]) -> Callable[..., VirtualMeter]:
    def start(*listen: str, **options: Any) -> VirtualMeter:
        return virtual_meter("dmed4", listen=listen or (HTTP,), **({"serial": "12345678", "answer_delay": 0} | options))

    return start


MESSAGE = b'{"tariff":7}'
SMUGGLED = request("PUT", "/v1/charge_settings?tariff=9")
TURNED_DOWN = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "half a line": b"GET\r\n\r\n",
    "HTTP 2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "blank in the target": b"PUT /v1/charge_settings?tariff=7& x=1 HTTP/1.1\r\nHost: h\r\n\r\n",
    "control in a header": b"GET /v1/measure HTTP/1.1\r\nX: \x00\r\n\r\n",
    "two hosts": b"GET /v1/measure HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
    "a long target": b"GET /v1/measure?" + b"x" * 5000 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    "a long header": b"GET /v1/measure HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
    "many headers": b"GET /v1/measure HTTP/1.1\r\n" + b"".join(b"X%d: 1\r\n" % n for n in range(100)) + b"\r\n",
    "many arguments": request("PUT", "/v1/charge_settings?tariff=7" + "&x=1" * 60),
    "upgrade": b"GET /v1/measure HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "connect": b"CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: h\r\n\r\n",
    "length negative": request("POST", "/v1/charge_settings", MESSAGE, length=-1),
    "length signed": request("POST", "/v1/charge_settings", MESSAGE, length="+12"),
    "length twice": request("POST", "/v1/charge_settings", MESSAGE, more=b"Content-Length: 12\r\n"),
    "length twice and different": request("POST", "/v1/charge_settings", MESSAGE, more=b"Content-Length: 0\r\n"),
    "lengths in one": request("POST", "/v1/charge_settings", MESSAGE, length="12, 12"),
    "length hexadecimal": request("POST", "/v1/charge_settings", MESSAGE, length="0xC"),
    "length empty": request("POST", "/v1/charge_settings", MESSAGE, length=""),
    "length beyond all": request("POST", "/v1/charge_settings", MESSAGE, length="9" * 40),
    "length and chunks": request("POST", "/v1/charge_settings", b"0\r\n\r\n" + SMUGGLED,
    more=b"Transfer-Encoding: chunked\r\n"),
    "strange encoding": request("POST", "/v1/charge_settings", MESSAGE, more=b"Transfer-Encoding: xchunked\r\n"),
    "bad chunk": b"POST /v1/charge_settings HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    "length too short": request("POST", "/v1/charge_settings", MESSAGE, length=5),
    "bytes behind": request("POST", "/v1/charge_settings", MESSAGE + b"rubbish", length=12),
    "body too large": request("POST", "/v1/charge_settings", b" " * 9000 + MESSAGE),
}  # fmt: skip


@pytest.mark.proves("D-131", "D-132", "D-136")
def test_what_is_no_request_is_a_bad_one(meter: Callable[..., VirtualMeter], caplog: pytest.LogCaptureFixture) -> None:
    one = meter(HTTP, TCP)
    answers = {name: send(one, data) for name, data in TURNED_DOWN.items()}
    assert {name: answer for name, answer in answers.items() if answer != BAD} == {}
    assert ask(one.urls[0], "charge_settings")["tariff"] == 0
    assert not caplog.records


@pytest.mark.proves("D-134", "D-135", "D-127", "D-131")
@pytest.mark.parametrize(
    ("line", "answer"),
    [
        *(
            (f"GET {target}", MISSING)
            for target in (
                "//v1/measure", "/v1/../v1/measure", "/v1/./measure", "/../v1/measure", "/v1%2Fmeasure",
                "/v1/logbook/ocmf",
                "http://127.0.0.1/v1/measure", "/v1/measure%00", "/v1/measure%0D%0AX:%20y", "/v1/1/measure", "/nothing",
            )
        ),
        *((f"{method} /v1/measure", NO_SUCH_METHOD) for method in ("HEAD", "OPTIONS", "DELETE", "PATCH", "TRACE",
        "PROPFIND")),
        *((f"{method} /", NO_SUCH_METHOD) for method in ("HEAD", "PUT", "DELETE", "OPTIONS")),
        ("OPTIONS *", MISSING), ("DELETE /v1/nothing", MISSING), ("GET /v1/system_parameters", FORBIDDEN),
        ("HEAD /v1/nothing", MISSING), ("POST /v1/login?password=2000", NO_SUCH_METHOD),
    ],
)  # fmt: skip
def test_odd_targets_and_methods_get_a_status_and_no_body(
    meter: Callable[..., VirtualMeter], line: str, answer: bytes
) -> None:
    assert send(meter(), f"{line} HTTP/1.1\r\nHost: h\r\n\r\n".encode()) == answer


@pytest.mark.proves("D-132")
def test_one_request_a_connection_and_nothing_behind_it_is_served(meter: Callable[..., VirtualMeter]) -> None:
    one = meter()
    first = request("PUT", "/v1/charge_settings?tariff=7")
    keep = first.replace(b"Host: h", b"Host: h\r\nConnection: keep-alive")
    chunked = b"POST /v1/charge_settings HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nC\r\n%b\r\n0\r\n\r\n" % MESSAGE
    for data in (first, keep, chunked):
        assert send(one, data + SMUGGLED) == OK + b"C\r\n" + MESSAGE + b"\r\n0\r\n\r\n"
        assert send(one, data, SMUGGLED, pause=0.05) == OK + b"C\r\n" + MESSAGE + b"\r\n0\r\n\r\n"
    assert ask(one.urls[0], "charge_settings")["tariff"] == 7


def test_a_request_may_come_byte_by_byte(meter: Callable[..., VirtualMeter]) -> None:
    data = request("POST", "/v1/charge_settings", MESSAGE)
    parts = [data[at : at + 1] for at in range(len(data))]
    assert send(meter(), *parts, pause=0.001).startswith(OK)


@pytest.mark.parametrize(
    "data",
    [
        b"", b"GET", b"GET /v1/measure HTTP/1.1\r\n", b"GET /v1/measure HTTP/1.1\r\nHost: h\r\n",
        request("POST", "/v1/charge_settings", MESSAGE, length=13), request("POST", "/v1/charge_settings", MESSAGE,
        length=8000),
        b"POST /v1/charge_settings HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nC\r\n" + MESSAGE,
    ],
    ids=lambda data: repr(data[-24:]),
)  # fmt: skip
@pytest.mark.parametrize("ends", [False, True])
def test_a_request_that_never_ends_is_given_up(
    meter: Callable[..., VirtualMeter], monkeypatch: pytest.MonkeyPatch, data: bytes, ends: bool
) -> None:
    monkeypatch.setattr(DmedSite, "limits", replace(LIMITS, idle=0.3))
    one = meter()
    with socket.create_connection(place(one.urls[0]), timeout=5) as peer:
        peer.sendall(data)
        if ends:
            peer.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            assert peer.recv(1000) == b""
    assert ask(one.urls[0], "charge_settings")["tariff"] == 0


def test_a_huge_body_is_not_read(meter: Callable[..., VirtualMeter]) -> None:
    one = meter()
    data = request("POST", "/v1/charge_settings", b" " * (8 << 20))
    peer = socket.create_connection(place(one.urls[0]), timeout=10)
    with peer, suppress(ConnectionResetError, BrokenPipeError):
        peer.sendall(data)
        assert read_all(peer) == BAD
    assert ask(one.urls[0], "charge_settings")["tariff"] == 0


def test_more_connections_than_allowed_push_the_idle_out(meter: Callable[..., VirtualMeter]) -> None:
    one = meter()
    with ExitStack() as stack:
        idle = [
            stack.enter_context(socket.create_connection(place(one.urls[0]), timeout=5))
            for _ in range(3 * LIMITS.connections)
        ]
        assert len(send(one, request("GET", "/v1/measure"))) > len(OK)
        with suppress(ConnectionResetError):
            assert idle[0].recv(1) == b""
        idle[-1].sendall(request("GET", "/v1/measure"))
        assert read_all(idle[-1]).startswith(OK)


@pytest.mark.proves("D-174", "D-175")
def test_passwords_tried_at_once_lock_like_one_after_the_other(meter: Callable[..., VirtualMeter]) -> None:
    one = meter()
    answers: list[bytes] = []
    together = threading.Barrier(12)

    def guess(password: int) -> None:
        with socket.create_connection(place(one.urls[0]), timeout=10) as peer:
            together.wait(10)
            peer.sendall(request("PUT", f"/v1/login?password={password}"))
            answers.append(read_all(peer))

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [FORBIDDEN] * 12
    assert ask(one.urls[0], "login?password=2000", "PUT") == 403
    lockouts = [entry for entry in one.journal if entry["kind"] == "event" and entry.get("code") == 8]
    assert len(lockouts) == 1
