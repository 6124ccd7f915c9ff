"""Makes uvicorn send the head of an answer byte for byte as the application gives it.

uvicorn writes header names in small letters, adds ``transfer-encoding`` where a length is missing, and knows one reason
phrase per status. The G13 does none of this (g13-api.md 1.2, GD-07, GD-36), and its answers to #2 and #3 have neither a
length nor chunks: they end with the connection.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

#: A message of ours: end the connection in the middle of the answer, so that the client sees a broken transfer.
CUT = "wattproof.cut"
_NOT_MODIFIED = 304
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


class ExactProtocol(HttpToolsProtocol):
    """HTTP/1.1 with exact heads. Understands a member ``reason`` of ``http.response.start``, and :data:`CUT`."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, _Exact(cycle, app))


class _Exact:
    """An application around the real one, which sends for it. A head waits for the first piece of its body, so that a
    small answer is one TLS record."""

    __slots__ = ("_app", "_cycle", "_head")

    def __init__(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._cycle = cycle
        self._app = app
        self._head = b""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, self._send)

    async def _send(self, message: Any) -> None:
        cycle = self._cycle
        if cycle.disconnected or cycle.response_complete:
            return
        if cycle.flow.write_paused:
            await cycle.flow.drain()
        kind = message["type"]
        if kind == "http.response.start":
            self._start(message)
        elif kind == "http.response.body":
            self._continue(message.get("body", b""), message.get("more_body", False))
        else:
            self._end(keep_alive=False)

    def _start(self, message: Any) -> None:
        cycle = self._cycle
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        cycle.chunked_encoding = False
        status: int = message["status"]
        reason = message.get("reason") or _REASONS.get(status, b"")
        lines = [b"HTTP/1.1 %d %b" % (status, reason)]
        measured = closing = False
        for name, value in message["headers"]:
            known = name.lower()
            if known == b"transfer-encoding" and cycle.scope["http_version"] == "1.0":
                continue  # it knows no chunks: the answer ends with the connection (RFC 9112, 6.1)
            lines.append(b"%b: %b" % (name, value))
            if known == b"content-length":
                measured = True
            elif known == b"transfer-encoding":
                cycle.chunked_encoding = measured = True
            elif known == b"connection":
                closing = value.lower() == b"close"
        if closing or not (measured or status == _NOT_MODIFIED):
            cycle.keep_alive = False
        elif not cycle.keep_alive:
            lines.append(b"Connection: close")
        self._head = b"\r\n".join(lines) + b"\r\n\r\n"

    def _continue(self, body: bytes, more: bool) -> None:
        cycle = self._cycle
        if cycle.scope["method"] == "HEAD":
            body = b""
        elif cycle.chunked_encoding:
            chunk = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            body = chunk if more else chunk + b"0\r\n\r\n"
        if data := self._head + body:
            cycle.transport.write(data)
        self._head = b""
        if not more:
            self._end(keep_alive=cycle.keep_alive)

    def _end(self, *, keep_alive: bool) -> None:
        """The answer is over, whole or not."""
        cycle = self._cycle
        cycle.response_complete = True
        cycle.message_event.set()
        if not keep_alive:
            cycle.transport.close()
        cycle.on_response()
