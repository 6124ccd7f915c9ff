"""Where the optical head of a meter listens: a socket, a serial device, a pseudo-terminal."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from wattproof.errors import InvalidURL, UnknownName
from wattproof.io.pty import PseudoTerminal
from wattproof.io.serial import SerialSettings, open_device
from wattproof.io.url import MeterURL
from wattproof.virtual.base import Admission
from wattproof.virtual.optical import Head, OpticalConnection, OpticalLine, OpticalPort
from wattproof.virtual.runtime import Runtime
from wattproof.virtual.sockets import Listener, listen


def _head(url: MeterURL, runtimes: Sequence[Runtime]) -> Head:
    if len(runtimes) != 1:
        raise InvalidURL(f"{url}: an optical head belongs to one meter; give each its own address")
    head = runtimes[0].meter.optical()
    if head is None:
        raise UnknownName(f"{url}: a {runtimes[0].meter.model} has no optical head")
    return head


async def open_socket(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    """The head behind a socket."""
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


async def open_terminal(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    """The head on a serial device."""
    head = _head(url, runtimes)
    settings = SerialSettings.of(url)
    descriptor = open_device(url.path, settings)
    line = OpticalLine(descriptor, settings, url.path)
    line.attach(head, runtimes[0], asyncio.get_running_loop())

    def end() -> None:
        line.close()
        os.close(descriptor)

    return OpticalTerminal(url, end)


async def open_pseudo(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    """The head on a new pseudo-terminal."""
    head = _head(url, runtimes)
    pair = PseudoTerminal("" if url.path == "/" else url.path)
    line = OpticalLine(pair.master, None, pair.path)
    line.attach(head, runtimes[0], asyncio.get_running_loop())

    def end() -> None:
        line.close()
        pair.close()

    return OpticalTerminal(replace(url, path=pair.path), end)
