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
_REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}


class ExactProtocol(HttpToolsProtocol):
    """HTTP/1.1 with exact heads. Understands a member ``reason`` of ``http.response.start``, and :data:`CUT`."""

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        super()._start_asgi_task(cycle, _Exact(cycle, app))


class _Exact:
    """An application around the real one, which sends for it."""

    __slots__ = ("_app", "_cycle")

    def __init__(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._cycle = cycle
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await self._app(scope, receive, self._send)

    async def _send(self, message: Any) -> None:
        cycle = self._cycle
        if message["type"] == "http.response.start" and not cycle.response_started:
            if not cycle.disconnected:
                self._start(cycle, message)
        elif message["type"] == CUT:
            cycle.response_complete = True
            cycle.message_event.set()
            cycle.transport.close()
        else:
            await cycle.send(message)

    @staticmethod
    def _start(cycle: RequestResponseCycle, message: Any) -> None:
        cycle.response_started = True
        cycle.waiting_for_100_continue = False
        status: int = message["status"]
        reason = message.get("reason") or _REASONS.get(status, b"")
        lines = [b"HTTP/1.1 %d %s\r\n" % (status, reason)]
        cycle.chunked_encoding = False
        measured = closing = False
        for name, value in message["headers"]:
            lines.append(b"%s: %s\r\n" % (name, value))
            known = name.lower()
            if known == b"content-length":
                cycle.expected_content_length, measured = int(value), True
            elif known == b"transfer-encoding":
                cycle.chunked_encoding = measured = True
            elif known == b"connection":
                closing = value.lower() == b"close"
        if not measured or closing:
            cycle.keep_alive = False
        elif not cycle.keep_alive:
            lines.append(b"Connection: close\r\n")
        lines.append(b"\r\n")
        cycle.transport.write(b"".join(lines))
