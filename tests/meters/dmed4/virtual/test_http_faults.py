"""Faults of HTTP: what they make of an answer, as bytes and pauses; Modbus does not notice (section 15.5)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from wattproof.io.http import Paced
from wattproof.wire.http1 import Response

HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


def delivered(one: Any, method: str = "GET", path: str = "measure") -> Response | Paced:
    """A request and what the faults make of its answer. Modbus must answer meanwhile."""
    answer: Response | Paced = one.site.deliver(one.http(method, f"/v1/{path}"))
    assert one.read(0x4200) in (b"\0\1", b"\0\2")
    return answer


def hits(one: Any, name: str) -> int:
    return sum(event == "fault-hit" and details["fault"] == name for event, details in one.journal)


@pytest.mark.proves("D-326")
@pytest.mark.parametrize(("value", "seconds"), [(True, 2.0), ("0.5", 0.5), (0, 0.0)])
@pytest.mark.parametrize("speed", [1, 100])
def test_slow_waits_before_the_status_line_and_each_chunk(
    bench: Callable[..., Any], speed: int, value: object, seconds: float
) -> None:
    one = bench(speed=speed)
    whole = one.http("GET", "/v1/system_status").encode()
    one.fault("http-slow", value)
    answer = delivered(one, path="system_status")
    assert isinstance(answer, Paced) and answer.encode() == whole and not answer.linger and not answer.reset
    pauses, parts = zip(*answer.pieces, strict=True)
    assert set(pauses) == {seconds}
    assert parts[0] == HEAD and parts[-1] == b"0\r\n\r\n"
    assert [part[:5] for part in parts[1:-2]] == [b"100\r\n"] * (len(parts) - 3) and len(parts) > 4
    failed = delivered(one, "PUT")
    assert isinstance(failed, Paced)
    assert failed.pieces == ((seconds, b"HTTP/1.1 501 Not Implemented\r\nConnection: close\r\n\r\n"),)
    assert hits(one, "http-slow") == 2
    one.fault("http-slow", False)
    assert isinstance(delivered(one), Response)


@pytest.mark.proves("D-326")
@pytest.mark.parametrize("path", ["charge_status", "measure", "system_status", "ocmf"])
def test_half_ends_inside_a_chunk_half_way(bench: Callable[..., Any], path: str) -> None:
    one = bench(load="none")
    one.begin()
    whole = one.http("GET", f"/v1/{path}")
    one.fault("http-half", 2)
    assert delivered(one, "PUT").encode().startswith(b"HTTP/1.1 501")  # has no body, is no hit
    for _ in range(2):
        answer = delivered(one, path=path)
        assert isinstance(answer, Paced) and answer.closes and not answer.reset
        sent = answer.encode()
        assert whole.encode().startswith(sent) and sent.startswith(HEAD)
        rest, body = sent[len(HEAD) :], b""
        while True:
            size, _, rest = rest.partition(b"\r\n")
            body += rest[: int(size, 16)]
            if len(rest) < int(size, 16):
                break
            rest = rest[int(size, 16) + 2 :]
        assert rest and abs(2 * len(body) - len(whole.body)) <= 2
    assert delivered(one, path=path).encode() == whole.encode()
    assert hits(one, "http-half") == 2


@pytest.mark.proves("D-326")
def test_reset_executes_and_answers_nothing(bench: Callable[..., Any]) -> None:
    one = bench()
    one.fault("http-reset", 1)
    answer = delivered(one, "PUT", "charge_settings?tariff=7")
    assert isinstance(answer, Paced) and answer.reset and answer.encode() == b""
    assert one.get("charge_settings")["tariff"] == 7
    assert isinstance(delivered(one), Response)
    one.fault("http-reset")
    assert all(isinstance(delivered(one), Paced) for _ in range(5))


@pytest.mark.proves("D-326")
@pytest.mark.parametrize(
    ("value", "line"),
    [
        (True, "500 Internal Server Error"), (503, "503 Service Unavailable"), (400, "400 Bad request"), (404,
        "404 Not Found"),
        (403, "403 Forbidden"), (501, "501 Not Implemented"), (200, "200 OK"), (302, "302 Found"), (599, "599 "), (100,
        "100 Continue"),
    ],
)  # fmt: skip
def test_a_status_answers_everything_and_executes_nothing(bench: Callable[..., Any], value: object, line: str) -> None:
    one = bench()
    before = one.memory["charge_settings"]
    one.fault("http-status", value)
    expected = f"HTTP/1.1 {line}\r\nConnection: close\r\n\r\n".encode()
    for method, path in (
        ("GET", "measure"),
        ("PUT", "charge_settings?tariff=7"),
        ("PUT", "login?password=1"),
        ("GET", "colour"),
    ):
        assert delivered(one, method, path).encode() == expected
    assert one.http("GET", "/").encode() == one.http("POST", "/").encode() == expected
    assert hits(one, "http-status") == 6
    one.fault("http-status", False)
    assert one.get("charge_settings") == before


@pytest.mark.proves("D-326")
@pytest.mark.parametrize("slow", [None, 1])
def test_no_close_leaves_the_connection_open_for_30_seconds(bench: Callable[..., Any], slow: int | None) -> None:
    one = bench()
    whole = one.http("GET", "/v1/measure").encode()
    one.fault("http-no-close")
    if slow:
        one.fault("http-slow", slow)
    answer = delivered(one)
    assert isinstance(answer, Paced) and answer.linger == 30 and answer.encode() == whole and not answer.reset
    assert json.loads(one.http("GET", "/v1/measure").body)["voltage"] == 4000
