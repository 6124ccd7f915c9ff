"""Where meters that speak in frames listen: M-Bus and HDLC on sockets and terminals, COSEM in the IP wrapper."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace

from wattproof.errors import InvalidURL
from wattproof.io.serial import SerialSettings
from wattproof.io.url import MeterURL
from wattproof.virtual.base import Admission
from wattproof.virtual.framed import CLIENTS, FrameBus, FrameConnection, attach, line_settings
from wattproof.virtual.runtime import Runtime
from wattproof.virtual.serialline import Line, Settings, open_pseudo_terminal, open_serial_line
from wattproof.virtual.sockets import LineListener, Listener, behind_gate, listen
from wattproof.virtual.wrapped import Datagrams, Port, Streams, WrapperStream


async def open_socket(url: MeterURL, runtimes: Sequence[Runtime], admission: Admission | None) -> Listener:
    """A bus behind a converter with a network side."""
    bus = FrameBus(runtimes, url.framing)
    clients: set[FrameConnection] = set()
    limit = admission.limit if admission is not None else CLIENTS

    def close() -> None:
        for client in list(clients):
            client.abort()

    return await listen(url, runtimes, lambda: FrameConnection(bus, clients, limit), close)


async def open_terminal(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    """A bus on a serial device."""
    wanted, rate = _frame_settings(url, runtimes)
    line = open_serial_line(url.path, wanted, asyncio.get_running_loop())
    return _frames_on(url, runtimes, line, rate)


async def open_pseudo(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    """A bus on a new pseudo-terminal."""
    wanted, rate = _frame_settings(url, runtimes)
    line = open_pseudo_terminal(url.path, wanted, asyncio.get_running_loop())
    return _frames_on(replace(url, path=line.name), runtimes, line, rate)


def _frame_settings(
    url: MeterURL, runtimes: Sequence[Runtime]
) -> tuple[Callable[[], SerialSettings], Callable[[Runtime], int]]:
    """How a line of frames is set, and at which rate each meter listens: on M-Bus a meter may be told another one."""
    address = line_settings(url)
    if url.framing != "mbus":
        return lambda: address, lambda _: address.baudrate
    settings = Settings(address, given="baudrate" in url.options, runtimes=runtimes)
    return settings, lambda runtime: settings.of(runtime).baudrate


def _frames_on(url: MeterURL, runtimes: Sequence[Runtime], line: Line, rate: Callable[[Runtime], int]) -> LineListener:
    def deaf(runtime: Runtime) -> str:
        own = rate(runtime)
        return "" if line.carries(own) else f"the meter listens at {own} bit/s, the line has another rate"

    attach(FrameBus(runtimes, url.framing, deaf=deaf), line)
    return LineListener(url, line, runtimes)


async def open_wrapper(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    """One meter behind a TCP or UDP port."""
    if len(runtimes) != 1:
        raise InvalidURL(f"{url}: a port of the IP wrapper belongs to one meter; give each its own port")
    port = Port(runtimes[0], url.framing)
    if url.scheme == "dlms+udp":
        return await behind_gate(url, runtimes, lambda host, number: Datagrams.listen(port, host, number), None)
    streams = Streams(port)
    return await listen(url, runtimes, lambda: WrapperStream(streams), streams.close)
