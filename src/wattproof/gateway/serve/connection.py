"""One HTTP connection: what uvicorn's protocol does, within limits of size and time (g13-api.md 9.4).

What cannot be one request beyond doubt, such as two lengths, a length beside chunks, or a line that ends in a bare LF,
is answered with 400 and the end of the connection, and is never passed on: a proxy in front might have read two
requests where this server reads one. httptools refuses most of it; the rest is :func:`malformed`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.server import ServerState

from wattproof.gateway.serve.door import Place
from wattproof.gateway.serve.exact import ExactProtocol

KIB = 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes in bytes, times in seconds.

    ``ahead``: requests that a client may send before the first is answered. ``slow``: method and path whose body may
    take ``slow_body``. ``spare``, ``spare_time``: how much of a body nobody asked for is read, so that a client sees
    why it was refused. ``answer``: how long a client may take nothing of an answer.
    """

    head: int = 16 * KIB
    ahead: int = 16
    spare: int = 256 * KIB
    head_time: float = 10
    body_time: float = 30
    slow_body: float = 600
    slow: frozenset[tuple[str, str]] = frozenset({("POST", "/firmware")})
    idle: float = 60
    spare_time: float = 5
    answer: float = 60


#: ``(status, text)`` to the bytes of an answer that ends the connection.
Answer = Callable[[int, str], bytes]


def default_answer(status: int, text: str) -> bytes:
    """An answer of the default mode."""
    body = b'{"status":"error","des":"%s"}' % text.encode()
    phrase = HTTPStatus(status).phrase.encode()
    return (
        b"HTTP/1.1 %d %s\r\nServer: wattproof\r\nContent-Length: %d\r\nContent-Type: application/json\r\n"
        b"Connection: close\r\n\r\n%s" % (status, phrase, len(body), body)
    )


def compat_answer(status: int, text: str) -> bytes:
    """The same with ``compat=g13``, where there are no such statuses (GD-35)."""
    return (
        b"HTTP/1.1 400 Bad Request\r\nServer: embOS/IP\r\nAccept-Ranges: bytes\r\nContent-Length: 42\r\n"
        b'Content-Type: application/json\r\n\r\n{"status":"error","des":"Invalid Request"}'
    )


def malformed(version: str, target: bytes, upgrade: bool, headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether a head that can be parsed is none of HTTP/1.x all the same, or could be read in two ways.

    Names of ``headers`` are in small letters.
    """
    if version not in {"1.0", "1.1"} or upgrade or not target.startswith(b"/"):
        return True
    hosts = sum(name == b"host" for name, _ in headers)
    if hosts > 1 or (version == "1.1" and not hosts):
        return True
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    return bool(codings) and (version == "1.0" or [value.strip(b" \t").lower() for value in codings] != [b"chunked"])


class Connection(ExactProtocol):
    """``place`` is left when the connection is over."""

    def __init__(
        self, config: Config, state: ServerState, place: Place, limits: Limits, answer: Answer = default_answer
    ) -> None:
        super().__init__(config, state, {})
        self._place, self._limits, self._answer = place, limits, answer
        self._deadline: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._between = True  # no byte of a request is here
        self._in_head = False
        self._in_body = False
        self._fed = 0  # bytes of this head
        self._spare = limits.spare
        self._deaf = False

    # What the transport says ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)  # type: ignore[arg-type] # as uvicorn narrows it
        self._arm(self._limits.idle)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self.resume_writing()
        self._unset_keepalive_if_required()
        self._place.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._unset_keepalive_if_required()
        while data and not self._deaf:
            if self._between:
                self._begin()
            # In slices, so that a head too long is noticed before the parser has kept more of it.
            room = self._limits.head - self._fed if self._in_head else self._limits.head
            part, data = data[:room], data[room:]
            self._fed += len(part)
            self._feed(part)
            if self._in_head and self._fed >= self._limits.head:
                self._refuse(431, "request header too large")

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stalled = self.loop.call_later(self._limits.answer, self._abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()
            self._stalled = None

    # What the parser says ---------------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        super().on_message_begin()
        if self._between:  # behind another one in the same bytes
            self._begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_head:  # not behind the body: nobody has checked such a header, a proxy perhaps least of all
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        if malformed(self.parser.get_http_version(), self.url, self.parser.should_upgrade(), self.headers):
            raise ValueError("malformed request")
        if len(self.pipeline) >= self._limits.ahead:
            raise ValueError("too many requests ahead")
        super().on_headers_complete()
        self._in_head, self._in_body, self._spare = False, True, self._limits.spare
        slow = (self.scope["method"], self.scope["path"].removesuffix("/")) in self._limits.slow
        self._arm(self._limits.slow_body if slow else self._limits.body_time)

    def on_body(self, body: bytes) -> None:
        super().on_body(body)
        if self.cycle.response_complete:
            self._spare -= len(body)
            if self._spare < 0:
                self._abort()

    def on_message_complete(self) -> None:
        self._in_body, self._between = False, True
        self._disarm()
        super().on_message_complete()
        if self.cycle.response_complete:
            self._arm(self._limits.idle)

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self._in_body and self.cycle.response_complete:
            self._arm(self._limits.spare_time)

    # Ends -------------------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        self._between, self._in_head, self._fed = False, True, 0
        self._arm(self._limits.head_time)

    def _feed(self, part: bytes) -> None:
        try:
            self.parser.feed_data(part)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(400, "Invalid Request")

    def _refuse(self, status: int, text: str) -> None:
        """Answer what is no request, after those that were, and hear nothing more."""
        if self._deaf or self.transport.is_closing():
            return
        self._deaf = True
        self._disarm()
        cycle: Any = self.cycle
        if self._in_body and (cycle.response_started or self.pipeline):
            self.transport.close()
            return
        if self._in_body:
            # Its application has perhaps begun; it will hear that the client has gone.
            cycle.disconnected = True
            cycle.message_event.set()
        elif cycle is not None and not cycle.response_complete:
            cycle.keep_alive = False  # what was asked properly is answered yet
            return
        self.transport.write(self._answer(status, text))
        self.transport.close()

    def _abort(self) -> None:
        self._deaf = True
        self.transport.abort()

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(seconds, self._abort)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None
