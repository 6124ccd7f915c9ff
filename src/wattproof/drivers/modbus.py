"""Asking over Modbus: the one seam of all Modbus drivers, and the ways to get one.

A driver awaits nothing but ``link.exchange(...)`` and ``link.clock.sleep(...)``. On asyncio it runs on a link from
`connect`; without an event loop the same driver is stepped by `run_blocking` over a link from `connect_blocking`,
whose methods never suspend.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol, TypeVar, runtime_checkable

from wattproof.drivers.client import ModbusClient
from wattproof.drivers.job import Timing, Wire
from wattproof.errors import InvalidURL
from wattproof.io.clock import BlockingClock, SystemClock
from wattproof.io.link import ByteLink
from wattproof.io.opening import open_link, open_link_blocking
from wattproof.io.settings import SerialSettings
from wattproof.io.tcp import CONNECT_LIMIT
from wattproof.io.trace import Trace, TracedLink
from wattproof.io.url import MeterURL
from wattproof.model.clock import Clock
from wattproof.wire.modbus.framing import FRAMINGS, Framing, character_time, silent_interval

T = TypeVar("T")

__all__ = [
    "BatchLink",
    "ModbusClient",
    "ModbusLink",
    "Timing",
    "TolerantLink",
    "connect",
    "connect_blocking",
    "prepare",
    "run_blocking",
]

#: Opens a stream, each time it is called.
Opener = Callable[[], Awaitable[ByteLink]]
#: Schemes that can carry Modbus.
SCHEMES = frozenset({"tcp", "tls", "rtu", "ascii", "pty"})


class ModbusLink(Protocol):
    """A way to one or more Modbus units."""

    @property
    def clock(self) -> Clock:
        """The clock that times the link; drivers sleep on it."""
        ...

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        """Send the request ``pdu`` to ``unit`` and return the answer PDU of the same function.

        ``timeout`` in seconds replaces the link's own for this request, which is then not repeated.

        Raises:
            ModbusRefused: the unit answered with an exception.
            ResponseTimeout: no answer came, repetitions included, or a gateway says that none will (`UnitSilent`).
            Unreachable: there is no connection.
            Disconnected: the connection ended and could not be taken up again, or the request was a write whose
                fate is unknown.
            FrameError: what came was damaged or does not answer this request.
        """
        ...

    async def close(self) -> None:
        """End the connection; harmless when it has ended."""
        ...


@runtime_checkable
class BatchLink(Protocol):
    """A link that takes several requests at once and keeps as many under way as the other side bears."""

    async def exchange_all(self, unit: int, pdus: Sequence[bytes], *, timeout: float | None = None) -> list[bytes]:
        """The answers to ``pdus`` in their order; raises what `ModbusLink.exchange` raises for the first that fails."""
        ...


@runtime_checkable
class TolerantLink(Protocol):
    """A link that can be told of a unit's own reading of the standard."""

    def tolerate_byte_counts(self, unit: int) -> None:
        """Accept answers of ``unit`` to function 16 that count bytes instead of registers, as makers' manuals say."""
        ...


async def connect(
    url: MeterURL, *, timing: Timing | None = None, trace: Trace | None = None, clock: Clock | None = None
) -> ModbusClient:
    """A link to the line of ``url`` on the running event loop, connected.

    ``tcp``, ``tls``: Modbus TCP, with ``?pipeline=`` requests under way at once (1); ``?framing=rtu`` or ``ascii``
    for those frames in the stream. ``rtu``, ``ascii``: a serial device or a socket. ``pty``: a pseudo-terminal.
    ``timing`` replaces ``?timeout=``, ``?retries=`` and ``?pause=``; ``trace`` records every byte.

    Raises:
        InvalidURL: the scheme does not carry Modbus.
        Unreachable: no connection.
    """
    client = prepare(url, timing=timing, trace=trace, clock=clock)
    await client.open()
    return client


def prepare(
    url: MeterURL,
    *,
    timing: Timing | None = None,
    trace: Trace | None = None,
    clock: Clock | None = None,
    around: Callable[[Opener, Clock], Opener] | None = None,
) -> ModbusClient:
    """The same link, which connects when the first request is sent. ``around`` may wrap what opens it.

    Raises:
        InvalidURL: the scheme does not carry Modbus.
    """
    clock = clock or SystemClock()
    limit = max(CONNECT_LIMIT, url.number("timeout", 0.0))

    async def opener() -> ByteLink:
        return _traced(await open_link(url, limit=limit, clock=clock), trace)

    return _client(url, opener if around is None else around(opener, clock), timing, clock)


def connect_blocking(
    url: MeterURL, *, timing: Timing | None = None, trace: Trace | None = None, clock: Clock | None = None
) -> ModbusClient:
    """The same for code without an event loop: no method of the link ever suspends. Use one link in one thread.

    Raises:
        InvalidURL: the scheme does not carry Modbus.
        Unreachable: no connection.
    """
    clock = clock or BlockingClock()
    limit = max(CONNECT_LIMIT, url.number("timeout", 0.0))

    async def opener() -> ByteLink:
        return _traced(open_link_blocking(url, limit=limit, clock=clock), trace)

    client = _client(url, opener, timing, clock)
    run_blocking(client.open())
    return client


def run_blocking(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a driver coroutine to its end over a blocking link, without an event loop.

    Raises:
        RuntimeError: the coroutine waits for something that only an event loop could bring.
    """
    try:
        coroutine.send(None)
    except StopIteration as done:
        value: T = done.value
        return value
    coroutine.close()
    raise RuntimeError("the coroutine suspended: run_blocking needs a link from connect_blocking")


def timing_of(url: MeterURL) -> Timing:
    """``?timeout=``, ``?retries=`` and ``?pause=`` of an address."""
    usual = Timing()
    return Timing(
        timeout=url.number("timeout", usual.timeout),
        retries=url.whole("retries", usual.retries),
        pause=url.number("pause", usual.pause),
    )


def wire_of(settings: SerialSettings, framing: Framing) -> Wire:
    """Times of a real line; only RTU keeps its frames apart by silence."""
    character = character_time(settings.baudrate, settings.bits)
    return Wire(character, silent_interval(settings.baudrate, settings.bits) if framing.silent else 0.0)


def _client(url: MeterURL, opener: Opener, timing: Timing | None, clock: Clock) -> ModbusClient:
    framing = FRAMINGS.get(url.framing)
    if url.scheme not in SCHEMES or framing is None:
        raise InvalidURL(f"{url}: {url.scheme} does not carry Modbus; an example: tcp://127.0.0.1:5020?unit=42")
    return ModbusClient(
        opener,
        framing.client,
        name=url.place,
        clock=clock,
        timing=timing or timing_of(url),
        wire=_wire(url, framing),
        depth=url.whole("pipeline", 1),
    )


def _wire(url: MeterURL, framing: Framing) -> Wire | None:
    if framing.transactions:
        return None
    if not url.is_device:
        return Wire()
    return wire_of(SerialSettings.of(url), framing)


def _traced(link: ByteLink, trace: Trace | None) -> ByteLink:
    return link if trace is None else TracedLink(link, trace)
