"""Listening sockets of virtual meters, open while the interface of their meters is, and listeners on terminals."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol

from wattproof.io.http import closed, listening
from wattproof.io.url import MeterURL
from wattproof.virtual.gate import Gate, Server
from wattproof.virtual.runtime import Runtime

if TYPE_CHECKING:
    from wattproof.virtual.serialline import Line

#: Connections that wait to be accepted.
BACKLOG = 128


class Listener(Protocol):
    """An open listener."""

    @property
    def url(self) -> MeterURL:
        """How a client reaches it."""
        ...

    async def close(self) -> None:
        """Hear no more and end what is open."""
        ...


class SocketListener:
    """A listening socket with its connections, open while the interface of its meters is."""

    __slots__ = ("_gate", "_runtimes", "url")

    def __init__(self, url: MeterURL, gate: Gate, runtimes: Sequence[Runtime]) -> None:
        self.url = url
        self._gate = gate
        self._runtimes = runtimes
        for runtime in runtimes:
            runtime.listeners[str(url)] = lambda: gate.is_open
            runtime.on_network.append(gate.follow)

    async def settle(self) -> None:
        """Wait until it is open or shut as the interface of its meters is."""
        await self._gate.settle()

    async def close(self) -> None:
        for runtime in self._runtimes:
            runtime.on_network.remove(self._gate.follow)
        await self._gate.close()


class _Sockets:
    """What listens behind a gate: a server and the connections it has made (see ``gate.Server``)."""

    __slots__ = ("_close", "_server", "port")

    def __init__(self, server: asyncio.Server, close: Callable[[], None]) -> None:
        self._server = server
        self._close = close
        self.port: int = server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        self._server.close()
        self._close()
        await closed(self._server)


async def listen(
    url: MeterURL, runtimes: Sequence[Runtime], factory: Callable[[], asyncio.Protocol], close: Callable[[], None]
) -> SocketListener:
    """Listen on a socket while the interface of all these meters is open; without any, until it is closed.

    ``factory`` makes the protocol of each connection, ``close`` ends them all.

    :raises PortInUse: the address is taken, or not one of this machine.
    """
    tls, pin = server_tls(url) if url.scheme == "tls" else (None, None)

    async def start(host: str, port: int) -> _Sockets:
        server = await listening(factory, host, port, name=url.place, tls=tls, backlog=BACKLOG)
        return _Sockets(server, close)

    return await behind_gate(url, runtimes, start, pin)


async def behind_gate(
    url: MeterURL, runtimes: Sequence[Runtime], start: Callable[[str, int], Awaitable[Server]], pin: str | None
) -> SocketListener:
    """Listen while the interface of all these meters is open; the listener's address names port and certificate."""
    gate = Gate(
        url.host or "127.0.0.1",
        url.port or 0,
        start,
        lambda: not any(url.scheme in runtime.meter.closed for runtime in runtimes),
    )
    await gate.open()
    options = {name: value for name, value in url.options.items() if name not in ("certificate", "key", "ca")}
    if pin:
        options["pin"] = pin
    return SocketListener(replace(url, host=gate.host, port=gate.port, options=options), gate, runtimes)


def server_tls(url: MeterURL) -> tuple[Any, str | None]:
    """The TLS context of an address, and the pin of the certificate if one was made."""
    from wattproof.virtual.certificate import make_certificate, server_context

    certificate, key, authorities = (url.options.get(name) for name in ("certificate", "key", "ca"))
    made = None if certificate else make_certificate("virtual meter", url.host or "localhost")
    return server_context(certificate, key, authorities, made), made.pin if made else None


class LineListener:
    """A terminal with one or more meters on it."""

    __slots__ = ("_line", "_runtimes", "url")

    def __init__(self, url: MeterURL, line: Line, runtimes: Sequence[Runtime] = ()) -> None:
        self.url = url
        self._line = line
        self._runtimes = runtimes
        for runtime in runtimes:
            runtime.on_network.append(line.follow)

    async def close(self) -> None:
        for runtime in self._runtimes:
            runtime.on_network.remove(self._line.follow)
        self._line.close()
