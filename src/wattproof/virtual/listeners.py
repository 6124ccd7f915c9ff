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
import importlib
import ipaddress
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from wattproof.errors import InvalidURL
from wattproof.io.serial import SerialSettings
from wattproof.io.url import MeterURL
from wattproof.virtual.base import Admission
from wattproof.virtual.runtime import Runtime
from wattproof.virtual.serialline import Line, Settings, open_pseudo_terminal, open_serial_line
from wattproof.virtual.sockets import LineListener, Listener, listen
from wattproof.virtual.station import Respondent, Station, Stream
from wattproof.virtual.tcp import Connection, Connections, ModbusStream, ModbusTcp
from wattproof.wire.modbus.framing import ServerFramer, rtu, tcp
from wattproof.wire.modbus.framing import ascii as ascii_framing


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
    target = OPENERS.get((kind, _place(url)))
    if target is None or not runtimes[0].meter.speaks(kind):
        known = ", ".join(f"{scheme}://" for scheme, of in _KINDS.items() if runtimes[0].meter.speaks(of))
        raise InvalidURL(f"{url}: no {runtimes[0].meter.model} listens there, but at {known}")
    if kind == "web" and url.path:
        raise InvalidURL(f"{url}: a meter serves its own paths; give {url.scheme}://HOST:PORT alone")
    module, _, name = target.partition(":")
    opener = getattr(importlib.import_module(f"wattproof.virtual.{module}"), name)
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


async def open_socket(url: MeterURL, runtimes: Sequence[Runtime], admission: Admission | None) -> Listener:
    """Modbus on a socket: TCP and TLS, or the frames of a line over TCP."""
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


class _Factory:
    """Makes the protocol of each new connection; smaller than a closure, and there are thousands of them."""

    __slots__ = ("_connections", "_station")

    def __init__(self, station: Station, connections: Connections) -> None:
        self._station = station
        self._connections = connections

    def __call__(self) -> ModbusTcp:
        return ModbusTcp(self._station, self._connections)


# -- lines -----------------------------------------------------------------------------------------------------------


def _line_settings(url: MeterURL, runtimes: Sequence[Runtime]) -> Settings:
    return Settings(SerialSettings.of(url), given="baudrate" in url.options, runtimes=runtimes)


async def open_terminal(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    """Meters on a serial device."""
    settings = _line_settings(url, runtimes)
    line = open_serial_line(url.path, settings, asyncio.get_running_loop())
    return _line_of_meters(url, runtimes, line, settings)


async def open_pseudo(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    """Meters on a new pseudo-terminal."""
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


#: What opens a listener, by kind and place; imported when it is needed.
OPENERS: Mapping[tuple[str, str], str] = {
    ("modbus", "socket"): "listeners:open_socket",
    ("modbus", "device"): "listeners:open_terminal",
    ("modbus", "pty"): "listeners:open_pseudo",
    ("iec", "socket"): "opticallisteners:open_socket",
    ("iec", "device"): "opticallisteners:open_terminal",
    ("iec", "pty"): "opticallisteners:open_pseudo",
    ("web", "socket"): "web:open_socket",
    ("mbus", "socket"): "framelisteners:open_socket",
    ("mbus", "device"): "framelisteners:open_terminal",
    ("mbus", "pty"): "framelisteners:open_pseudo",
    ("hdlc", "socket"): "framelisteners:open_socket",
    ("hdlc", "device"): "framelisteners:open_terminal",
    ("hdlc", "pty"): "framelisteners:open_pseudo",
    ("dlms", "socket"): "framelisteners:open_wrapper",
    ("dlms", "datagrams"): "framelisteners:open_wrapper",
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
