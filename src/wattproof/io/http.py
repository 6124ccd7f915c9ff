"""The HTTP server's edge: connections, limits and time-outs around one coroutine that answers requests.

Requests are parsed by httptools; what goes back are the bytes of the handler's answer, as they are (``wire.http1``
writes them). One request of a connection is served at a time; what a client sends ahead waits. A connection that stays
silent for ``idle`` seconds, sends more than the limits or does not read its answers is closed. When there are too many,
the one that has been idle longest goes for a new one.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol, cast
from urllib.parse import parse_qsl, unquote

import httptools

from wattproof.errors import PortInUse, WattproofError


@dataclass(frozen=True, slots=True)
class Limits:
    """What one client may do. Sizes in bytes, ``idle`` and ``answer`` in seconds."""

    head: int = 16 * 1024
    headers: int = 100
    body: int = 256 * 1024
    connections: int = 64
    idle: float = 30.0
    answer: float = 660.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request: ``path`` decoded and without query, header names in lower case, ``target`` as it was sent."""

    method: str
    path: str
    query: dict[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""
    version: str = "1.1"
    target: str = ""


class Answer(Protocol):
    """A response, such as ``wattproof.wire.http1.Response``."""

    @property
    def closes(self) -> bool:
        """Whether the connection ends behind it."""
        ...

    def encode(self, *, head_only: bool = False) -> bytes:
        """Its bytes; ``head_only`` for the method HEAD."""
        ...


@dataclass(frozen=True, slots=True)
class Paced:
    """An answer that leaves piece by piece, as a slow or broken device sends it; the connection ends behind it.

    ``pieces``: real seconds to wait, then bytes. ``linger``: real seconds until the connection is closed. ``reset``:
    it is not closed but torn down.
    """

    pieces: tuple[tuple[float, bytes], ...]
    linger: float = 0.0
    reset: bool = False

    @property
    def closes(self) -> bool:
        return True

    def encode(self, *, head_only: bool = False) -> bytes:
        """All pieces at once."""
        return b"".join(data for _, data in self.pieces)


Handler = Callable[[Request], Awaitable[Answer]]
#: Makes the answer for a request that the edge itself turns down: status and reason; the connection ends behind it.
Refusal = Callable[[int, str], Answer]
#: Seconds in which a client has to complete the TLS handshake; until then it is no connection that a limit counts.
HANDSHAKE_LIMIT = 10.0
#: Unread bytes of answers above which a client that asks for more is let go.
_UNREAD = 4 * 1024 * 1024


class HttpServer:
    """A listening socket. Open it with ``HttpServer.open``; ``host`` and ``port`` say where it is."""

    __slots__ = ("_connections", "_handler", "_refusal", "_server", "host", "limits", "port")

    def __init__(self, handler: Handler, refusal: Refusal, limits: Limits) -> None:
        self._handler = handler
        self._refusal = refusal
        #: From the one that asked longest ago to the one that asked last.
        self._connections: dict[_Connection, None] = {}
        self._server: asyncio.Server | None = None
        self.limits = limits
        self.host = ""
        self.port = 0

    @classmethod
    async def open(
        cls,
        handler: Handler,
        refusal: Refusal,
        host: str,
        port: int,
        *,
        limits: Limits | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> HttpServer:
        """Listen on ``host:port``; port 0 takes a free one.

        :raises PortInUse: the address is taken, or not one of this machine.
        """
        server = cls(handler, refusal, limits or Limits())
        loop = asyncio.get_running_loop()
        name = f"http{'s' if tls else ''}://{host}:{port}"
        server._server = await listening(lambda: server.connection(loop), host, port, name=name, tls=tls)
        server.host, server.port = server._server.sockets[0].getsockname()[:2]
        return server

    def connection(self, loop: asyncio.AbstractEventLoop) -> asyncio.Protocol:
        """The protocol of one new client."""
        return _Connection(self, loop)

    def admit(self, connection: _Connection) -> bool:
        """Whether there is room for a new client. One that never asked makes room for it, then one that rests longest.

        Nobody whose request is being answered is sent away.
        """
        if len(self._connections) >= self.limits.connections:
            idle = [one for one in self._connections if one.idle]
            if not idle:
                return False
            oldest = next((one for one in idle if not one.asked), idle[0])
            self.forget(oldest)
            oldest.abort()
        self._connections[connection] = None
        return True

    def forget(self, connection: _Connection) -> None:
        """This client has gone."""
        self._connections.pop(connection, None)

    def used(self, connection: _Connection) -> None:
        """This client has asked something."""
        if connection in self._connections:
            del self._connections[connection]
            self._connections[connection] = None

    async def close(self) -> None:
        """Stop listening and end every connection."""
        if self._server is not None:
            self._server.close()
        for connection in list(self._connections):
            connection.abort()
        if self._server is not None:
            await closed(self._server)


async def listening(
    factory: Callable[[], asyncio.BaseProtocol],
    host: str,
    port: int,
    *,
    name: str,
    tls: ssl.SSLContext | None = None,
    backlog: int = 100,
) -> asyncio.Server:
    """A listening socket; ``name`` is its address for messages. A TLS handshake may take ``HANDSHAKE_LIMIT`` seconds.

    :raises PortInUse: the address is taken, or not one of this machine.
    """
    loop = asyncio.get_running_loop()
    limit = HANDSHAKE_LIMIT if tls else None
    try:
        return await loop.create_server(factory, host, port, ssl=tls, backlog=backlog, ssl_handshake_timeout=limit)
    except OSError as error:
        raise address_error(name, error) from error


async def closed(server: asyncio.Server) -> None:
    """Wait until a closed server has let its connections go, but not for one that hangs in a TLS handshake."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1):
            await server.wait_closed()


def address_error(place: str, error: OSError) -> PortInUse:
    """The error for a listener that cannot be opened."""
    if error.errno == errno.EADDRINUSE:
        remedy = "another process listens there; stop it, or give another port (port 0 takes a free one)"
    elif error.errno in (errno.EACCES, errno.EPERM):
        remedy = "no permission; ports below 1024 belong to the administrator, give another port"
    else:
        remedy = f"{error.strerror or error}; give an address of this machine, such as 127.0.0.1"
    return PortInUse(f"cannot listen on {place}: {remedy}")


class _Connection(asyncio.Protocol):
    """One client. httptools calls the ``on_...`` methods while ``data_received`` feeds it."""

    __slots__ = (
        "_body",
        "_busy",
        "_fields",
        "_headed",
        "_loop",
        "_parser",
        "_pending",
        "_seen",
        "_server",
        "_task",
        "_timer",
        "_transport",
        "_url",
        "asked",
    )

    def __init__(self, server: HttpServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._transport: asyncio.Transport | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self._pending: list[tuple[Request, bool]] = []
        #: Whether it ever sent a whole request.
        self.asked = False
        self._parser = httptools.HttpRequestParser(self)
        self._clear()

    def _clear(self) -> None:
        self._url = b""
        self._fields: dict[str, str] = {}
        self._body = bytearray()
        self._seen = 0
        self._headed = False

    # -- connection ------------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._server.admit(self):
            self._refuse(503, "too many connections: close one")
            return
        self._rearm(self._server.limits.idle)

    def connection_lost(self, exc: Exception | None) -> None:
        self._server.forget(self)
        self._disarm()
        if self._task is not None:
            self._task.cancel()

    @property
    def idle(self) -> bool:
        """Whether no request of it is being answered."""
        return self._task is None

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _rearm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self._loop.call_later(seconds, self.abort)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # -- requests --------------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        limits = self._server.limits
        self._seen += len(data)
        try:
            self._parser.feed_data(data)
        except _TooLarge as error:
            self._refuse(error.status, str(error))
        except httptools.HttpParserUpgrade:
            self._refuse(400, "no upgrade is possible here")
        except httptools.HttpParserCallbackError as error:
            inner = error.__context__
            if isinstance(inner, _TooLarge):
                self._refuse(inner.status, str(inner))
            else:
                self._refuse(400, "the request cannot be read")
        except httptools.HttpParserError:
            self._refuse(400, "the request is no HTTP")
        else:
            # The parser tells of a header line when it ends: one that never does is seen only here.
            if self._headed and self._seen > limits.head + 2 * limits.body:
                self._refuse(413, f"a request body has at most {limits.body} bytes")
            elif not self._headed and self._seen > limits.head:
                self._refuse(431, "the header is too large")

    def on_url(self, url: bytes) -> None:
        self._url += url
        if len(self._url) > self._server.limits.head // 2:
            raise _TooLarge(414, "the URL is too long")

    def on_header(self, name: bytes, value: bytes) -> None:
        key = name.decode("latin-1").lower()
        text = value.decode("latin-1")
        if key in self._fields and key in ("content-length", "host", "authorization"):
            raise _TooLarge(400, f"the header {key} comes twice")
        self._fields[key] = f"{self._fields[key]}, {text}" if key in self._fields else text
        size = sum(len(known) + len(content) for known, content in self._fields.items())
        if len(self._fields) > self._server.limits.headers or size > self._server.limits.head:
            raise _TooLarge(431, "the header is too large")

    def on_headers_complete(self) -> None:
        self._headed = True
        if self._fields.get("expect", "").lower() == "100-continue" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def on_body(self, body: bytes) -> None:
        self._body += body
        if len(self._body) > self._server.limits.body:
            raise _TooLarge(413, f"a request body has at most {self._server.limits.body} bytes")

    def on_message_complete(self) -> None:
        target = self._url.decode("latin-1")
        path, _, query = target.partition("?")
        request = Request(
            method=self._parser.get_method().decode("ascii"),
            path=unquote(path),
            query=dict(parse_qsl(query, keep_blank_values=True, max_num_fields=50)),
            headers=self._fields,
            body=bytes(self._body),
            version=self._parser.get_http_version(),
            target=target,
        )
        self.asked = True
        self._server.used(self)
        self._pending.append((request, bool(self._parser.should_keep_alive())))
        self._clear()
        if len(self._pending) > 16 and self._transport is not None:
            self._transport.pause_reading()
        if self._task is None:
            self._task = self._loop.create_task(self._serve())

    # -- answers ---------------------------------------------------------------------------------------------------

    async def _serve(self) -> None:
        transport = self._transport
        while self._pending and transport is not None and not transport.is_closing():
            request, keep_alive = self._pending.pop(0)
            self._rearm(self._server.limits.answer)
            response = await self._answer(request)
            if transport.is_closing():
                break
            if isinstance(response, Paced):
                await _send_slowly(transport, response)
                break
            transport.write(response.encode(head_only=request.method == "HEAD"))
            if response.closes or not keep_alive or transport.get_write_buffer_size() > _UNREAD:
                transport.close()
                break
            transport.resume_reading()
            self._rearm(self._server.limits.idle)
        self._task = None

    async def _answer(self, request: Request) -> Answer:
        try:
            return await self._server._handler(request)
        except WattproofError as error:
            return self._server._refusal(error.http_status, str(error))
        except Exception:
            logging.getLogger(__name__).exception("%s %s failed", request.method, request.path)
            return self._server._refusal(500, "this request cannot be answered: the log says why")

    def _refuse(self, status: int, reason: str) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        transport.write(self._server._refusal(status, reason).encode())
        transport.close()


async def _send_slowly(transport: asyncio.Transport, answer: Paced) -> None:
    for seconds, data in answer.pieces:
        if seconds:
            await asyncio.sleep(seconds)
        if transport.is_closing():
            return
        transport.write(data)
    if answer.linger:
        await asyncio.sleep(answer.linger)
    if answer.reset:
        _tear_down(transport)
    else:
        transport.close()


def _tear_down(transport: asyncio.Transport) -> None:
    """End a connection so that the other side sees a reset, not an orderly end."""
    peer = transport.get_extra_info("socket")
    if peer is not None:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class _TooLarge(Exception):
    """A limit of one request was passed; ``status`` says which."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
