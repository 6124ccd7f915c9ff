"""The listeners: HTTPS at any number of addresses, with places, certificates and limits for the connections.

Connections are accepted here and not by the event loop's server, so that one that finds no place is closed before a TLS
handshake is paid for it, and one that never ends its handshake has a place like any other.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from uvicorn.config import Config
from uvicorn.server import ServerState

from wattproof.errors import InvalidURL
from wattproof.gateway.serve.certificates import Certificates
from wattproof.gateway.serve.connection import Answer, Connection, Limits, default_answer
from wattproof.gateway.serve.door import Door, Place
from wattproof.io.http import address_error

#: Seconds for a TLS handshake, and for its counterpart at the end.
HANDSHAKE_TIME, GOODBYE_TIME = 10.0, 5.0
#: Seconds until connections that are still open are cut off when the process ends.
GRACE = 5.0
BACKLOG = 512
DEFAULT_PORT = 443
#: Seconds to wait where the process may open no more files.
EXHAUSTED = 0.2

_NO_FAMILY = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Listener:
    socket: socket.socket
    url: str
    task: asyncio.Task[None] | None = None

    async def close(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.wait([self.task])
        self.socket.close()


class Edge:
    """Serves an ASGI application at ``listen`` (``https://HOST:PORT``; port 0 takes a free one)."""

    def __init__(
        self,
        app: Callable[..., Any],
        listen: Sequence[str],
        certificates: Certificates,
        door: Door,
        *,
        limits: Limits | None = None,
        answer: Answer = default_answer,
    ) -> None:
        self._listen, self._certificates, self._door = tuple(listen), certificates, door
        self._limits, self._answer = limits or Limits(), answer
        self._config = Config(
            app,
            interface="asgi3",
            http=Connection,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            timeout_keep_alive=self._limits.idle,  # type: ignore[arg-type] # whole seconds are not needed
        )
        self._state = ServerState()
        self._listeners: list[_Listener] = []
        self._welcoming: set[asyncio.Task[None]] = set()

    @property
    def urls(self) -> list[str]:
        """Where it listens, with the true ports."""
        return list(dict.fromkeys(listener.url for listener in self._listeners))

    @property
    def host(self) -> str:
        """The host of the first address."""
        return urlsplit(self.urls[0]).hostname or ""

    async def start(self) -> None:
        """Listen at all addresses, or at none.

        Raises:
            PortInUse: an address is taken, or not one of this machine.
            InvalidURL: an address cannot be read.
        """
        opened: list[_Listener] = []
        try:
            for url in self._listen:
                host, port = place(url)
                opened += await _listeners(host, port)
        except BaseException:
            for listener in opened:
                listener.socket.close()
            raise
        self._listeners = opened
        for listener in opened:
            self._serve(listener)

    async def move(self, host: str) -> None:
        """Listen at ``host`` instead of the first address, at its port; the new listener opens before the old one
        closes, and connections that are there go on (8.1). Raises ``PortInUse``; the old one stays then."""
        old = self._listeners[0]
        port = urlsplit(old.url).port or DEFAULT_PORT
        before = [listener for listener in self._listeners if listener.url == old.url]
        others = [listener for listener in self._listeners if listener.url != old.url]
        new = await _listeners(host, port)
        self._listeners = [*new, *others]
        for listener in new:
            self._serve(listener)
        for listener in before:
            await listener.close()

    async def stop(self, grace: float = GRACE) -> None:
        """Accept nothing more, answer what was asked, and end all connections after ``grace`` seconds at the latest.
        Safe to call twice."""
        listeners, self._listeners = self._listeners, []
        for listener in listeners:
            await listener.close()
        for task in self._welcoming:
            task.cancel()
        if self._welcoming:
            await asyncio.wait(self._welcoming)
        for connection in list(self._state.connections):
            connection.shutdown()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace):
                while self._state.connections or self._state.tasks:
                    await asyncio.sleep(0.02)
        for connection in list(self._state.connections):
            connection.transport.abort()
        for running in self._state.tasks:
            running.cancel()
        if self._state.tasks:
            await asyncio.wait(self._state.tasks)

    def _serve(self, listener: _Listener) -> None:
        listener.task = asyncio.create_task(self._accept(listener.socket))

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                accepted, address = await loop.sock_accept(listener)
            except OSError as error:
                # The other side has gone already, or there is no descriptor for it: what is there goes on.
                if error.errno in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                    _log.error("no connection can be accepted: %s", error)
                    await asyncio.sleep(EXHAUSTED)
                continue
            found = self._door.enter(address[0])
            if found is None:
                accepted.close()
                continue
            task = loop.create_task(self._welcome(accepted, found))
            self._welcoming.add(task)
            task.add_done_callback(self._welcoming.discard)

    async def _welcome(self, accepted: socket.socket, found: Place) -> None:
        loop = asyncio.get_running_loop()
        try:
            accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.connect_accepted_socket(
                lambda: Connection(self._config, self._state, found, self._limits, self._answer),
                accepted,
                ssl=self._certificates.context(),
                ssl_handshake_timeout=HANDSHAKE_TIME,
                ssl_shutdown_timeout=GOODBYE_TIME,
            )
        except OSError as error:  # TLS errors and time-outs are some
            found.leave()
            accepted.close()
            _log.debug("no TLS with %s: %s", found.peer, error)
        except BaseException:
            found.leave()
            accepted.close()
            raise


def place(url: str) -> tuple[str, int]:
    """Host and port of a listen address. Raises ``InvalidURL``."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidURL(f"cannot listen at {url}: {error}; https://HOST:PORT is expected") from error
    if parts.scheme != "https" or not host or parts.path not in {"", "/"} or parts.query or parts.username:
        raise InvalidURL(f"cannot listen at {url}: https://HOST:PORT is expected, such as https://127.0.0.1:8443")
    return host, DEFAULT_PORT if port is None else port


def _url(host: str, port: int) -> str:
    try:
        six = ipaddress.ip_address(host.partition("%")[0]).version == 6
    except ValueError:
        six = False
    return f"https://[{host}]:{port}" if six else f"https://{host}:{port}"


async def _listeners(host: str, port: int) -> list[_Listener]:
    """A listener for each address that ``host`` stands for on this machine, all at one port. Raises ``PortInUse``."""
    loop = asyncio.get_running_loop()
    made: list[_Listener] = []
    trouble: OSError | None = None
    try:
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        for family, _, _, _, address in dict.fromkeys(found):
            port = port or (made[0].socket.getsockname()[1] if made else 0)
            try:
                bound = _listening(family, (address[0], port, *address[2:]))
            except OSError as error:
                if error.errno not in _NO_FAMILY:
                    raise
                trouble = error  # the name has an address of a kind that this machine does not speak
                continue
            made.append(_Listener(bound, _url(host, bound.getsockname()[1])))
        if not made:
            raise trouble or OSError(errno.EADDRNOTAVAIL, "no address")
    except OSError as error:
        for listener in made:
            listener.socket.close()
        raise address_error(_url(host, port), error) from error
    return made


def _listening(family: int, address: Any) -> socket.socket:
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(address)
        made.listen(BACKLOG)
        made.setblocking(False)
    except BaseException:
        made.close()
        raise
    return made
