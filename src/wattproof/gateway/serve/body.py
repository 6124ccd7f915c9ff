"""The body of a request, as it comes in (g13-api.md 9.4: limits; GD-40: order of checks)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from wattproof.gateway.serve.problems import Problem

#: A JSON body is not longer (9.4).
LIMIT = 64 * 1024
JSON_TYPE = b"application/json"

Receive = Callable[[], Awaitable[Mapping[str, Any]]]


class ClientGone(Exception):
    """The client has left before its request was complete."""


class Body:
    """Read at most once, by :meth:`read` or :meth:`chunks`."""

    __slots__ = ("_receive", "length", "type")

    def __init__(self, headers: list[tuple[bytes, bytes]], receive: Receive) -> None:
        self._receive = receive
        self.type = b""
        #: Bytes by ``Content-Length``; 0 where there is none.
        self.length = 0
        for name, value in headers:
            if name == b"content-type":
                self.type = value
            elif name == b"content-length" and value.isdigit():
                self.length = int(value)

    async def read(self, limit: int = LIMIT) -> bytes:
        """All of it. Raises ``Problem`` 413, ``ClientGone``."""
        if self.length > limit:
            raise Problem(413, "request too large")
        data = b""
        async for chunk in self.chunks():
            data += chunk
            if len(data) > limit:
                raise Problem(413, "request too large")
        return data

    async def read_json(self) -> bytes:
        """A JSON text, or nothing. Raises ``Problem`` 413, 415, ``ClientGone``."""
        data = await self.read()
        if data and self.type and self.type.partition(b";")[0].strip().lower() != JSON_TYPE:
            raise Problem(415, "unsupported media type")
        return data

    async def chunks(self) -> AsyncIterator[bytes]:
        """Pieces as they come. Raises ``ClientGone``."""
        more = True
        while more:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientGone
            more = message.get("more_body", False)
            if chunk := message.get("body", b""):
                yield chunk
