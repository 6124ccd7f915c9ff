"""Where virtual meters listen: one function a scheme, one table of them.

``open_listener`` takes an address (``wattproof.io.url``) and the meters that shall be heard there::

    tcp://HOST:PORT            Modbus TCP; ?framing=rtu or ascii: those frames over TCP
    tls://HOST:PORT            the same with TLS; ?certificate= and ?key=, else one is made; ?ca= asks clients too
    rtu://HOST:PORT, ascii://  line frames over TCP
    rtu:///dev/..., ascii:///  a serial device
    pty:///PATH                a new pseudo-terminal, linked there; ?protocol=rtu, ascii, iec, mbus or hdlc
    iec://HOST:PORT, iec:///   the optical head
    mbus://HOST:PORT, mbus:/// wired M-Bus; ?ir=1: the infrared head
    hdlc://HOST:PORT, hdlc:/// COSEM over HDLC
    dlms://HOST:PORT           COSEM over TCP, with the IP wrapper; dlms+udp://: over UDP
    http://HOST:PORT, https:// what the meter serves over HTTP; TLS as above

Port 0 takes a free one. A listener's ``url`` is what a client needs.
"""

from __future__ import annotations

import asyncio
import ipaddress
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from wattproof.errors import InvalidURL, UnknownName
from wattproof.io.http import closed, listening
from wattproof.io.serial import SerialSettings, open_device
from wattproof.io.url import MeterURL
from wattproof.virtual.base import Admission
from wattproof.virtual.gate import Gate, Server
from wattproof.virtual.runtime import Runtime
from wattproof.virtual.serialline import Line, Settings, open_pseudo_terminal, open_serial_line
from wattproof.virtual.station import Respondent, Station, Stream
from wattproof.virtual.tcp import Connection, Connections, ModbusStream, ModbusTcp
from wattproof.wire.modbus.framing import ServerFramer, rtu, tcp
from wattproof.wire.modbus.framing import ascii as ascii_framing

if TYPE_CHECKING:
    from wattproof.virtual.optical import Head

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


def framer(name: str, station: Respondent) -> ServerFramer:
    """The server's side of a framing for the units of a station: ``tcp``, ``rtu`` or ``ascii``.

    On a line other units talk too; a network interface hears all units.
    """
    units = None if station.network else station
    if name == "tcp":
        return tcp.ServerFramer()
    return rtu.ServerFramer(units) if name == "rtu" else ascii_framing.ServerFramer(units)


async def open_listener(url: MeterURL, runtimes: Sequence[Runtime], *, admission: Admission | None = None) -> Listener:
    """Let these meters be heard at this address.

    :param admission: how many clients a socket serves at once, if not as the meter says.
    :raises InvalidURL: virtual meters of this kind do not listen on such an address.
    :raises PortInUse: the address is taken, or not one of this machine.
    :raises Unreachable: the serial device cannot be opened.
    """
    kind = _KINDS.get(url.framing, "")
    opener = OPENERS.get((kind, _place(url)))
    if opener is None or not runtimes[0].meter.speaks(kind):
        known = ", ".join(f"{scheme}://" for scheme, of in _KINDS.items() if runtimes[0].meter.speaks(of))
        raise InvalidURL(f"{url}: no {runtimes[0].meter.model} listens there, but at {known}")
    if kind == "web" and url.path:
        raise InvalidURL(f"{url}: a meter serves its own paths; give {url.scheme}://HOST:PORT alone")
    listener: Listener = await opener(url, runtimes, admission)
    return listener


def _place(url: MeterURL) -> str:
    if url.scheme == "dlms+udp":
        return "datagrams"
    return "pty" if url.scheme == "pty" else "device" if url.is_device else "socket"


#: What is spoken, by framing.
_KINDS = {
    "tcp": "modbus",
    "rtu": "modbus",
    "ascii": "modbus",
    "iec": "iec",
    "http": "web",
    "https": "web",
    "mbus": "mbus",
    "hdlc": "hdlc",
    "dlms": "dlms",
    "dlms+udp": "dlms",
}


# -- sockets ---------------------------------------------------------------------------------------------------------


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
    tls, pin = _tls(url) if url.scheme == "tls" else (None, None)

    async def start(host: str, port: int) -> _Sockets:
        server = await listening(factory, host, port, name=url.place, tls=tls, backlog=BACKLOG)
        return _Sockets(server, close)

    return await _behind_gate(url, runtimes, start, pin)


async def _behind_gate(
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


def _tls(url: MeterURL) -> tuple[Any, str | None]:
    from wattproof.virtual.certificate import make_certificate, server_context

    certificate, key, authorities = (url.options.get(name) for name in ("certificate", "key", "ca"))
    made = None if certificate else make_certificate("virtual meter", url.host or "localhost")
    return server_context(certificate, key, authorities, made), made.pin if made else None


async def _modbus_socket(url: MeterURL, runtimes: Sequence[Runtime], admission: Admission | None) -> Listener:
    meter = runtimes[0].meter
    station = Station(runtimes, network=meter.is_network(url))
    connections = Connections(admission or (meter.admission if station.network else Admission()))
    factory: Callable[[], Connection]
    if url.framing == "tcp" and len(station.runtimes) == 1:
        factory = _Factory(station, connections)
    else:
        now, framing = runtimes[0].now, url.framing
        factory = lambda: ModbusStream(  # noqa: E731
            station, connections, framer(framing, station), now, tcp=framing == "tcp"
        )
    return await listen(url, runtimes, factory, connections.close)


async def _web_socket(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    from wattproof.virtual import web

    (runtime,) = runtimes
    site = runtime.meter.site()
    if site is None:
        raise UnknownName(f"{url}: a {runtime.meter.model} does not listen there: it serves nothing over HTTP")
    tls, pin = _tls(url) if url.scheme == "https" else (None, None)
    return await _behind_gate(url, runtimes, lambda host, port: web.serve(site, runtime, host, port, tls), pin)


class _Factory:
    """Makes the protocol of each new connection; smaller than a closure, and there are thousands of them."""

    __slots__ = ("_connections", "_station")

    def __init__(self, station: Station, connections: Connections) -> None:
        self._station = station
        self._connections = connections

    def __call__(self) -> ModbusTcp:
        return ModbusTcp(self._station, self._connections)


# -- lines -----------------------------------------------------------------------------------------------------------


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


def _line_settings(url: MeterURL, runtimes: Sequence[Runtime]) -> Settings:
    return Settings(SerialSettings.of(url), given="baudrate" in url.options, runtimes=runtimes)


async def _modbus_device(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    settings = _line_settings(url, runtimes)
    line = open_serial_line(url.path, settings, asyncio.get_running_loop())
    return _line_of_meters(url, runtimes, line, settings)


async def _modbus_pty(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    settings = _line_settings(url, runtimes)
    line = open_pseudo_terminal(url.path, settings, asyncio.get_running_loop())
    return _line_of_meters(replace(url, path=line.name), runtimes, line, settings)


def _line_of_meters(url: MeterURL, runtimes: Sequence[Runtime], line: Line, settings: Settings) -> LineListener:
    """Each meter hears what is sent as it speaks itself: at its rate, and in its framing if it has one of its own."""
    framings = [url.framing]
    if any(runtime.meter.own_line is not None for runtime in runtimes):
        framings = ["rtu", "ascii"]
    streams = []
    for framing in framings:
        station = Station(runtimes, deaf=_Deaf(url.framing, framing, line, settings))
        streams.append(Stream(station, framer(framing, station), line.send, gap=lambda: line.gap))

    def receive(data: bytes, arrived: int) -> None:
        for stream in streams:
            stream.receive(data, arrived)

    line.listen(receive)
    return LineListener(url, line, runtimes)


class _Deaf:
    """Why a meter does not hear what is sent in one framing on its line, ``""`` if it does."""

    __slots__ = ("_framing", "_line", "_settings", "_usual")

    def __init__(self, usual: str, framing: str, line: Line, settings: Settings) -> None:
        self._usual = usual
        self._framing = framing
        self._line = line
        self._settings = settings

    def __call__(self, runtime: Runtime) -> str:
        own = runtime.meter.own_line
        speaks = self._usual if own is None else own[0]
        if speaks != self._framing:
            return f"the meter speaks {speaks}"
        rate = self._settings.of(runtime).baudrate
        return "" if self._line.carries(rate) else f"the meter listens at {rate} bit/s, the line has another rate"


def listen_on_line(url: MeterURL, station: Respondent, line: Line) -> LineListener:
    """Let a station be heard on a terminal."""
    stream = Stream(station, framer(url.framing, station), line.send, gap=lambda: line.gap)
    line.listen(stream.receive)
    return LineListener(url, line)


# -- optical heads ---------------------------------------------------------------------------------------------------


def _head(url: MeterURL, runtimes: Sequence[Runtime]) -> Head:
    if len(runtimes) != 1:
        raise InvalidURL(f"{url}: an optical head belongs to one meter; give each its own address")
    head = runtimes[0].meter.optical()
    if head is None:
        raise UnknownName(f"{url}: a {runtimes[0].meter.model} has no optical head")
    return head


async def _optical_socket(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    from wattproof.virtual.optical import OpticalConnection, OpticalPort

    clients: set[OpticalConnection] = set()

    def write(data: bytes, baudrate: int) -> None:
        for client in list(clients):
            client.write(data)

    def drop() -> None:
        for client in list(clients):
            client.abort()

    port = OpticalPort(_head(url, runtimes), runtimes[0], asyncio.get_running_loop(), write, drop)

    def close() -> None:
        drop()
        port.close()

    return await listen(url, runtimes, lambda: OpticalConnection(port, clients), close)


@dataclass(slots=True)
class OpticalTerminal:
    """An optical head on a serial device or pseudo-terminal."""

    url: MeterURL
    end: Callable[[], None]

    async def close(self) -> None:
        self.end()


async def _optical_device(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    from wattproof.virtual.optical import OpticalLine

    head = _head(url, runtimes)
    settings = SerialSettings.of(url)
    descriptor = open_device(url.path, settings)
    line = OpticalLine(descriptor, settings, url.path)
    line.attach(head, runtimes[0], asyncio.get_running_loop())

    def end() -> None:
        line.close()
        os.close(descriptor)

    return OpticalTerminal(url, end)


async def _optical_pty(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    from wattproof.io.pty import PseudoTerminal
    from wattproof.virtual.optical import OpticalLine

    head = _head(url, runtimes)
    pair = PseudoTerminal("" if url.path == "/" else url.path)
    line = OpticalLine(pair.master, None, pair.path)
    line.attach(head, runtimes[0], asyncio.get_running_loop())

    def end() -> None:
        line.close()
        pair.close()

    return OpticalTerminal(replace(url, path=pair.path), end)


# -- buses of frames -------------------------------------------------------------------------------------------------


async def _frame_socket(url: MeterURL, runtimes: Sequence[Runtime], admission: Admission | None) -> Listener:
    from wattproof.virtual.framed import CLIENTS, FrameBus, FrameConnection

    bus = FrameBus(runtimes, url.framing)
    clients: set[FrameConnection] = set()
    limit = admission.limit if admission is not None else CLIENTS

    def close() -> None:
        for client in list(clients):
            client.abort()

    return await listen(url, runtimes, lambda: FrameConnection(bus, clients, limit), close)


async def _frame_device(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    wanted, rate = _frame_settings(url, runtimes)
    line = open_serial_line(url.path, wanted, asyncio.get_running_loop())
    return _frames_on(url, runtimes, line, rate)


async def _frame_pty(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    wanted, rate = _frame_settings(url, runtimes)
    line = open_pseudo_terminal(url.path, wanted, asyncio.get_running_loop())
    return _frames_on(replace(url, path=line.name), runtimes, line, rate)


def _frame_settings(
    url: MeterURL, runtimes: Sequence[Runtime]
) -> tuple[Callable[[], SerialSettings], Callable[[Runtime], int]]:
    """How a line of frames is set, and at which rate each meter listens: on M-Bus a meter may be told another one."""
    from wattproof.virtual.framed import line_settings

    address = line_settings(url)
    if url.framing != "mbus":
        return lambda: address, lambda _: address.baudrate
    settings = Settings(address, given="baudrate" in url.options, runtimes=runtimes)
    return settings, lambda runtime: settings.of(runtime).baudrate


def _frames_on(url: MeterURL, runtimes: Sequence[Runtime], line: Line, rate: Callable[[Runtime], int]) -> LineListener:
    from wattproof.virtual.framed import FrameBus, attach

    def deaf(runtime: Runtime) -> str:
        own = rate(runtime)
        return "" if line.carries(own) else f"the meter listens at {own} bit/s, the line has another rate"

    attach(FrameBus(runtimes, url.framing, deaf=deaf), line)
    return LineListener(url, line, runtimes)


# -- the IP wrapper --------------------------------------------------------------------------------------------------


async def _wrapped(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    from wattproof.virtual.wrapped import Datagrams, Port, Streams, WrapperStream

    if len(runtimes) != 1:
        raise InvalidURL(f"{url}: a port of the IP wrapper belongs to one meter; give each its own port")
    port = Port(runtimes[0], url.framing)
    if _place(url) == "datagrams":
        return await _behind_gate(url, runtimes, lambda host, number: Datagrams.listen(port, host, number), None)
    streams = Streams(port)
    return await listen(url, runtimes, lambda: WrapperStream(streams), streams.close)


OPENERS: dict[tuple[str, str], Callable[[MeterURL, Sequence[Runtime], Admission | None], Any]] = {
    ("modbus", "socket"): _modbus_socket,
    ("modbus", "device"): _modbus_device,
    ("modbus", "pty"): _modbus_pty,
    ("iec", "socket"): _optical_socket,
    ("iec", "device"): _optical_device,
    ("iec", "pty"): _optical_pty,
    ("web", "socket"): _web_socket,
    ("mbus", "socket"): _frame_socket,
    ("mbus", "device"): _frame_device,
    ("mbus", "pty"): _frame_pty,
    ("hdlc", "socket"): _frame_socket,
    ("hdlc", "device"): _frame_device,
    ("hdlc", "pty"): _frame_pty,
    ("dlms", "socket"): _wrapped,
    ("dlms", "datagrams"): _wrapped,
}


#: Addresses that meters can have on a line, by what is spoken there: Modbus units, primary addresses of M-Bus, lower
#: HDLC addresses.
LINE_ADDRESSES: Mapping[str, range] = {
    "rtu": range(1, 248),
    "ascii": range(1, 248),
    "mbus": range(1, 251),
    "hdlc": range(16, 126),
}


def is_line(url: MeterURL) -> bool:
    """Whether several meters share this address, each with its own one on the line (not Modbus TCP or optical)."""
    return url.framing in LINE_ADDRESSES


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a listener on ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
