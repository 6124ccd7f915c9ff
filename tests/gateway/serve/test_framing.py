"""Heads and bodies of answers, byte for byte, in both modes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from uvicorn.config import Config
from uvicorn.server import ServerState

from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.serve.exact import CUT, ExactProtocol
from wattproof.gateway.serve.framing import DONE, Answer, Framing, document
from wattproof.gateway.serve.problems import COSEM, DENIED, FORBIDDEN, Problem, problem, worded


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.data = b""
        self.closed = False

    def write(self, data: Any) -> None:
        self.data += bytes(data)

    def close(self) -> None:
        self.closed = True

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default


async def on_the_wire(app: Any, request: bytes = b"GET / HTTP/1.1\r\nHost: g\r\n\r\n") -> Wire:
    """What uvicorn sends for one request."""
    config = Config(app, http=ExactProtocol, date_header=False, server_header=False, log_config=None, lifespan="off")
    config.load()
    wire, protocol = Wire(), ExactProtocol(config, ServerState(), {})
    protocol.connection_made(wire)
    protocol.data_received(request)
    for _ in range(5):
        await asyncio.sleep(0)
    protocol.connection_lost(ConnectionResetError())
    return wire


def answering(framing: Framing, answer: Answer | Problem) -> Any:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if isinstance(answer, Problem):
            await framing.send_problem(send, answer)
        else:
            await framing.send(send, answer)

    return app


DEFAULT, COMPAT = Framing(compat=False), Framing(compat=True)


@pytest.mark.proves("G-001", "G-002")
@pytest.mark.parametrize(
    ("framing", "answer", "expected"),
    [
        (
            DEFAULT,
            DONE,
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: wattproof\r\nContent-Length: 20\r\n"
            b'Link: /lasterror/0\r\n\r\n{"status":"success"}',
        ),
        (
            COMPAT,
            DONE,
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: embOS/IP\r\nTransfer-Encoding: chunked\r\n"
            b'Link: /lasterror/0\r\n\r\n14\r\n{"status":"success"}\r\n0\r\n\r\n',
        ),
        (
            DEFAULT,
            Answer(),
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: wattproof\r\nContent-Length: 0\r\n"
            b"Link: /lasterror/0\r\n\r\n",
        ),
        (
            COMPAT,
            Answer(),
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: embOS/IP\r\nLink: /lasterror/0\r\n\r\n",
        ),
        (
            DEFAULT,
            Problem(400, "invalid ip"),
            b"HTTP/1.1 400 Bad Request\r\nServer: wattproof\r\nContent-Length: 37\r\nContent-Type: application/json\r\n"
            b'\r\n{"status":"error","des":"invalid ip"}',
        ),
        (
            COMPAT,
            Problem(500, COSEM),
            b"HTTP/1.1 500 Internal Server Error\r\nServer: embOS/IP\r\nAccept-Ranges: bytes\r\nContent-Length: 64\r\n"
            b'Content-Type: application/json\r\n\r\n{"status":"error","des":"received invalid response from COSEM."}',
        ),
        (
            COMPAT,
            worded(Problem(500, COSEM), 73, compat=True),
            b"HTTP/1.1 502 Internal Server Error\r\nServer: embOS/IP\r\nAccept-Ranges: bytes\r\nContent-Length: 64\r\n"
            b'Content-Type: application/json\r\n\r\n{"status":"error","des":"received invalid response from COSEM."}',
        ),
        (
            COMPAT,
            worded(Problem(403, FORBIDDEN), 2, compat=True),
            b"HTTP/1.1 403 Forbidden\r\nServer: embOS/IP\r\nAccept-Ranges: bytes\r\nContent-Length: 36\r\n"
            b"Content-Type: text/html\r\nX-Pad: avoid browser bug\r\n\r\n<HTML><H1>403 Forbidden</H1></HTML>\n",
        ),
        (
            DEFAULT,
            Problem(405, "method not allowed", allow=("GET", "POST")),
            b"HTTP/1.1 405 Method Not Allowed\r\nServer: wattproof\r\nContent-Length: 45\r\n"
            b'Content-Type: application/json\r\nAllow: GET, POST\r\n\r\n{"status":"error","des":"method not allowed"}',
        ),
        (
            DEFAULT,
            Problem(503, "bus busy", retry_after=0.2),
            b"HTTP/1.1 503 Service Unavailable\r\nServer: wattproof\r\nContent-Length: 35\r\n"
            b'Content-Type: application/json\r\nRetry-After: 1\r\n\r\n{"status":"error","des":"bus busy"}',
        ),
    ],
)
async def test_answers_have_the_printed_heads(framing: Framing, answer: Answer | Problem, expected: bytes) -> None:
    wire = await on_the_wire(answering(framing, answer))
    assert wire.data == expected
    ends = b"Content-Length" in expected or b"chunked" in expected
    assert wire.closed is not ends  # what has neither a length nor chunks ends with the connection


@pytest.mark.proves("G-003")
@pytest.mark.parametrize("framing", [DEFAULT, COMPAT])
async def test_bodies_have_the_printed_lengths(framing: Framing) -> None:
    cases = [
        (Problem(401, "", html=True), 162),
        (Problem(403, "", html=True), 36),
        (Problem(403, FORBIDDEN), 51),
        (Problem(500, COSEM), 64),
    ]
    for found, length in cases:
        sent: list[Any] = []

        async def send(message: Any, sent: list[Any] = sent) -> None:
            sent.append(message)

        await framing.send_problem(send, found)
        assert len(sent[1]["body"]) == length
    assert len(DONE.body) == 20


async def test_a_401_asks_for_credentials_where_no_script_has_sent_it() -> None:
    async def names(challenge: bool, framing: Framing) -> set[bytes]:
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        await framing.send_problem(send, Problem(401, "", html=True), challenge=challenge)
        return {name for name, _ in sent[0]["headers"]}

    assert b"WWW-Authenticate" in await names(True, DEFAULT)
    assert b"WWW-Authenticate" not in await names(False, DEFAULT) | await names(True, COMPAT)


async def test_a_streamed_answer_ends_with_a_last_chunk_or_is_cut() -> None:
    def streaming(cut: bool) -> Any:
        async def app(scope: Any, receive: Any, send: Any) -> None:
            await send(DEFAULT.head(Answer(link=23), streamed=True))
            await send({"type": "http.response.body", "body": b'{"items":[', "more_body": True})
            await send({"type": CUT} if cut else {"type": "http.response.body", "body": b"]}"})

        return app

    head = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nServer: wattproof\r\n"
        b'Transfer-Encoding: chunked\r\nLink: /lasterror/23\r\n\r\na\r\n{"items":[\r\n'
    )
    whole, broken = await on_the_wire(streaming(False)), await on_the_wire(streaming(True))
    assert (whole.data, whole.closed) == (head + b"2\r\n]}\r\n0\r\n\r\n", False)
    assert (broken.data, broken.closed) == (head, True)


async def test_a_client_that_wants_no_further_answer_gets_none() -> None:
    wire = await on_the_wire(answering(DEFAULT, DONE), b"GET / HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
    assert b"Connection: close\r\n" in wire.data and wire.closed


WORDS = [
    (Problem(404, "meter not found"), 43, (404, "meter not found"), (400, "Invalid Request")),
    (Problem(405, "method not allowed"), None, (405, "method not allowed"), (400, "Invalid Request")),
    (Problem(413, "request too large"), 5, (413, "request too large"), (400, "Invalid Request")),
    (Problem(415, "unsupported media type"), 5, (415, "unsupported media type"), (400, "Invalid Request")),
    (Problem(400, "missing dns in JSON"), 5, (400, "missing dns in JSON"), (400, "missing ip in JSON")),
    (Problem(400, "invalid ack"), 8, (400, "invalid ack"), (400, "missing baudrate in JSON")),
    (Problem(400, "invalid alias"), 32, (400, "invalid alias"), (400, "JSON parse error")),
    (Problem(400, "invalid id"), 53, (400, "invalid id"), (400, "missing name and key tag in JSON")),
    (Problem(400, "invalid count"), 51, (400, "invalid count"), (400, "Invalid Request")),
    (Problem(500, COSEM), 60, (500, COSEM), (500, COSEM)),
    (Problem(500, COSEM), 69, (500, COSEM), (502, COSEM)),
    (Problem(500, COSEM), 80, (500, COSEM), (502, COSEM)),
    (Problem(500, COSEM), 16, (500, "Inetrnal Server Error"), (500, "Inetrnal Server Error")),
    (Problem(503, "bus busy"), 60, (503, "bus busy"), (500, COSEM)),
    (Problem(403, DENIED), 76, (403, DENIED), (200, DENIED)),
    (Problem(403, DENIED), 42, (403, DENIED), (403, DENIED)),
    (Problem(403, FORBIDDEN), 76, (403, FORBIDDEN), (403, FORBIDDEN)),
    (Problem(500, COSEM, where="currency"), 45, (500, f"{COSEM} at currency"), (500, COSEM)),
]


@pytest.mark.proves("G-004")
@pytest.mark.parametrize(("found", "resource", "default", "compat"), WORDS)
def test_the_mode_chooses_status_and_words(
    found: Problem, resource: int | None, default: tuple[int, str], compat: tuple[int, str]
) -> None:
    for mode, expected in ((False, default), (True, compat)):
        said = worded(found, resource, compat=mode)
        assert (said.status, said.text) == expected


def test_locked_users_look_unauthorized_with_compat() -> None:
    locked = Problem(429, "too many failed logins", retry_after=60)
    assert worded(locked, 60, compat=False).status == 429
    said = worded(locked, 60, compat=True)
    assert (said.status, said.html) == (401, True)


def test_every_kind_of_failure_is_a_problem() -> None:
    statuses = {kind: problem(CommandFailed(kind, "x")).status for kind in Failing}
    assert set(statuses.values()) == {400, 403, 404, 500, 503}
    assert problem(CommandFailed(Failing.GONE, "x")).retry_after == 1
    unforeseen = problem(ZeroDivisionError("secret"))
    assert (unforeseen.status, unforeseen.text) == (500, "internal error")
    assert document({"ä": None}).body == '{"ä":null}'.encode()
