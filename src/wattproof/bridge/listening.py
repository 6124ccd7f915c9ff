"""Where the masters of a proxy come in: the listeners of virtual meters, a client behind each connection or line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from wattproof.errors import InvalidURL
from wattproof.io.serial import SerialSettings
from wattproof.virtual.base import Admission
from wattproof.virtual.listeners import framer, listen_on_line
from wattproof.virtual.serialline import Line, open_pseudo_terminal, open_serial_line
from wattproof.virtual.sockets import Listener, listen
from wattproof.virtual.tcp import Connections, ModbusStream

if TYPE_CHECKING:
    from wattproof.bridge.proxy import Client, Proxy
    from wattproof.io.url import MeterURL

#: Connections of one listener; for a further one the one that was idle longest goes.
CONNECTIONS = Admission(limit=64)
FRAMINGS = ("tcp", "rtu", "ascii")


class ClientConnection(ModbusStream):
    """The connection of one master."""

    __slots__ = ("_client",)

    def __init__(self, client: Client, connections: Connections, framing: str) -> None:
        self._client = client
        now = client.timers.now
        super().__init__(client, connections, framer(framing, client), now, tcp=framing == "tcp")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        peer = transport.get_extra_info("peername")
        self._client.arrive(f"{peer[0]}:{peer[1]}" if peer else "unknown")
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._client.depart()


async def open_listener(url: MeterURL, proxy: Proxy) -> Listener:
    """Let masters in at an address: TCP, TLS, RTU and ASCII over TCP, a serial device, a new pseudo-terminal.

    :raises InvalidURL: no such listener.
    :raises PortInUse: the address is taken, or not one of this machine.
    :raises Unreachable: the serial device cannot be opened.
    """
    if url.framing not in FRAMINGS:
        raise InvalidURL(f"{url}: a proxy listens at tcp://, tls://, rtu://, ascii:// and pty:// addresses")
    kind = "pty" if url.scheme == "pty" else "device" if url.is_device else "socket"
    if kind == "socket":
        return await _socket(url, proxy)
    line_url, line = _LINES[kind](url, SerialSettings.of(url), asyncio.get_running_loop())
    client = proxy.client(network=False)
    client.arrive(str(line_url))
    return listen_on_line(line_url, client, line)


async def _socket(url: MeterURL, proxy: Proxy) -> Listener:
    connections = Connections(CONNECTIONS)
    factory: Callable[[], ClientConnection] = lambda: ClientConnection(  # noqa: E731
        proxy.client(network=True), connections, url.framing
    )
    return await listen(url, (), factory, connections.close)


def _device(url: MeterURL, settings: SerialSettings, loop: asyncio.AbstractEventLoop) -> tuple[MeterURL, Line]:
    return url, open_serial_line(url.path, lambda: settings, loop)


def _terminal(url: MeterURL, settings: SerialSettings, loop: asyncio.AbstractEventLoop) -> tuple[MeterURL, Line]:
    line = open_pseudo_terminal(url.path, lambda: settings, loop)
    return replace(url, path=line.name), line


_LINES = {"device": _device, "pty": _terminal}
