"""The HTTP edge over a transport in memory: limits, pipelining, bad clients."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from wattproof.errors import InvalidValue
from wattproof.io.http import HttpServer, Limits, Request
from wattproof.wire.http1 import Response, json_refusal, json_response


class Pipe(asyncio.Transport):
    """What a client would receive."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()
        self.closing = False
        self.protocol: Any = None

    def write(self, data: Any) -> None:
        self.data += data

    def close(self) -> None:
        if not self.closing:
            self.closing = True
            self.protocol.connection_lost(None)

    abort = close

    def is_closing(self) -> bool:
        return self.closing

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...

    def get_write_buffer_size(self) -> int:
        return 0


async def echo(request: Request) -> Response:
    if request.path == "/fail":
        raise InvalidValue("colour is not possible: write a number")
    if request.path == "/bug":
        raise ZeroDivisionError
    await asyncio.sleep(0)
    return json_response(
        200, {"method": request.method, "path": request.path, "query": request.query, "body": request.body.decode()}
    )


def connect(limits: Limits | None = None, server: HttpServer | None = None) -> tuple[HttpServer, Any, Pipe]:
    server = server or HttpServer(echo, json_refusal, limits or Limits())
    protocol: Any = server.connection(asyncio.get_running_loop())
    pipe = Pipe()
    pipe.protocol = protocol
    protocol.connection_made(pipe)
    return server, protocol, pipe


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def bodies(pipe: Pipe) -> list[Any]:
    return [
        json.loads(part.partition(b"\r\n\r\n")[2].split(b"HTTP/1.1")[0])
        for part in bytes(pipe.data).replace(b"HTTP/1.1 ", b"\0HTTP/1.1 ").split(b"\0")[1:]
    ]


GET = b"GET /a%20b?x=1&y= HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"


@pytest.mark.parametrize("step", [1, 7, 1000])
async def test_requests_are_answered_in_order_however_they_are_cut(step: int) -> None:
    _, protocol, pipe = connect()
    data = GET + POST + GET
    for at in range(0, len(data), step):
        protocol.data_received(data[at : at + step])
    await settle()
    found = bodies(pipe)
    assert [(answer["method"], answer["path"], answer["body"]) for answer in found] == [
        ("GET", "/a b", ""),
        ("POST", "/p", "abc"),
        ("GET", "/a b", ""),
    ]
    assert found[0]["query"] == {"x": "1", "y": ""}
    assert not pipe.closing
    pipe.close()


async def test_a_chunked_body_is_put_together() -> None:
    _, protocol, pipe = connect()
    protocol.data_received(
        b"PATCH / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n"
    )
    await settle()
    assert bodies(pipe)[0]["body"] == "abc"
    pipe.close()


async def test_the_end_of_a_connection_follows_the_client() -> None:
    _, protocol, pipe = connect()
    protocol.data_received(b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
    await settle()
    assert pipe.closing
    _, protocol, pipe = connect()
    protocol.data_received(b"GET / HTTP/1.0\r\n\r\n")
    await settle()
    assert pipe.closing
    assert pipe.data.startswith(b"HTTP/1.1 200 OK\r\n")


async def test_errors_become_statuses(caplog: pytest.LogCaptureFixture) -> None:
    answers = []
    for path in (b"/fail", b"/bug"):
        _, protocol, pipe = connect()
        protocol.data_received(b"GET " + path + b" HTTP/1.1\r\nHost: h\r\n\r\n")
        await settle()
        assert pipe.closing
        answers.append(bytes(pipe.data))
        assert "error" in bodies(pipe)[0]
    assert answers[0].startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"colour is not possible: write a number" in answers[0]
    assert answers[1].startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert "ZeroDivisionError" in caplog.text
    assert b"ZeroDivisionError" not in answers[1]


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost h\r\n\r\n", 400),
        (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: x\r\n" % number for number in range(200)) + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nx: " + b"a" * 20_000 + b"\r\n\r\n", 431),
        (b"POST / HTTP/1.1\r\nContent-Length: 2000\r\n\r\n" + b"a" * 2000, 413),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", 400),
    ],
)
async def test_bad_requests_end_the_connection_with_a_status(data: bytes, status: int) -> None:
    _, protocol, pipe = connect(Limits(body=1000))
    for at in range(0, len(data), 4096):
        if not pipe.closing:
            protocol.data_received(data[at : at + 4096])
    await settle()
    assert pipe.data.startswith(b"HTTP/1.1 %d " % status)
    assert pipe.closing


async def test_idle_connections_make_room_for_a_new_one() -> None:
    server, protocol, asking = connect(Limits(connections=3))
    protocol.data_received(GET)
    await settle()
    _, _, silent = connect(server=server)
    _, protocol, last = connect(server=server)
    protocol.data_received(GET)
    await settle()
    newer = [connect(server=server) for _ in range(2)]
    assert silent.closing and not asking.closing and not last.closing  # who never asked goes first
    assert newer[0][2].closing and not newer[1][2].closing
    newer[1][1].data_received(GET)
    await settle()
    connect(server=server)
    assert asking.closing and not last.closing  # then who asked longest ago
    assert len(server._connections) == 3
    await server.close()


async def test_when_all_are_being_served_a_new_one_is_told_so() -> None:
    going_on = asyncio.Event()

    async def slow(request: Request) -> Response:
        await going_on.wait()
        return json_response(200, {})

    server, protocol, first = connect(server=HttpServer(slow, json_refusal, Limits(connections=1)))
    protocol.data_received(GET)
    await settle()
    _, _, second = connect(server=server)
    assert second.data.startswith(b"HTTP/1.1 503 ")
    assert second.closing
    assert not first.closing
    going_on.set()
    await settle()
    assert first.data.startswith(b"HTTP/1.1 200 ")
    first.close()
    _, _, third = connect(server=server)
    assert not third.closing
    third.close()


async def test_head_has_no_body() -> None:
    _, protocol, pipe = connect()
    protocol.data_received(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n")
    await settle()
    assert pipe.data.endswith(b"\r\n\r\n")
    assert b"Content-Length: " in pipe.data
    pipe.close()
