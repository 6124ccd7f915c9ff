"""Datagrams over UDP as links of `wattproof.io.link`: what is sent at once is one datagram, and so is what is received.

UDP has no connection: both links are bound to one peer, and datagrams of others never arrive. That nothing listens
there is only known when the peer's system says so, which it need not; then the next ``receive`` raises ``Unreachable``.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from typing import cast

from wattproof.errors import Unreachable
from wattproof.io.clock import BlockingClock, SystemClock
from wattproof.io.link import ended, wait_ready
from wattproof.io.tcp import CONNECT_LIMIT, reason, unreachable
from wattproof.model.clock import Clock

#: Longest datagram that is taken, and how many may wait.
LONGEST = 65535
WAITING = 64


class DatagramLink(asyncio.DatagramProtocol):
    """A peer on the running event loop; make it with `connect`."""

    def __init__(self, name: str, clock: Clock | None = None) -> None:
        self.name = name
        self.clock: Clock = clock or SystemClock()
        self.heard = 0
        self._datagrams: deque[bytes] = deque(maxlen=WAITING)
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.DatagramTransport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._problem: Exception | None = None

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.heard = self.clock.now()
        self._datagrams.append(data)
        self.wake()

    def error_received(self, exc: Exception) -> None:
        self._problem = exc
        self.wake()

    # what a driver calls

    @property
    def closed(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    async def send(self, data: bytes) -> None:
        if self.closed or self._transport is None:
            raise ended(self.name)
        self._problem = None
        self._transport.sendto(data)

    async def receive(self, timeout: float) -> bytes:
        """The next datagram; ``b""`` after ``timeout`` seconds without one.

        Raises:
            Unreachable: the peer's system says that nothing listens there.
            Disconnected: the link was closed.
        """
        if not self._datagrams and self._problem is None and not self.closed:
            self._waiter = self._loop.create_future()
            timer = self._loop.call_later(max(0.0, timeout), self.wake)
            try:
                await self._waiter
            finally:
                timer.cancel()
                self._waiter = None
        if self._datagrams:
            return self._datagrams.popleft()
        problem, self._problem = self._problem, None
        if problem is not None:
            raise unreachable(self.name, reason(problem)) from problem
        if self.closed:
            raise ended(self.name)
        return b""

    def discard(self) -> bytes:
        taken = b"".join(self._datagrams)
        self._datagrams.clear()
        return taken

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def rest(self, seconds: float) -> None:
        await self.clock.sleep(seconds)

    async def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        self.wake()


class BlockingDatagramLink:
    """A peer without an event loop: the methods block the calling thread and never suspend."""

    def __init__(self, peer: socket.socket, name: str, clock: Clock | None = None) -> None:
        peer.setblocking(False)
        self.name = name
        self.clock: Clock = clock or BlockingClock()
        self.heard = 0
        self._peer = peer

    @property
    def closed(self) -> bool:
        return self._peer.fileno() < 0

    async def send(self, data: bytes) -> None:
        if self.closed:
            raise ended(self.name)
        try:
            self._peer.send(data)
        except ConnectionRefusedError:
            self._peer.send(data)  # that was the answer to an earlier datagram
        except OSError as error:
            raise unreachable(self.name, reason(error)) from error

    async def receive(self, timeout: float) -> bytes:
        """As `DatagramLink.receive`."""
        if self.closed:
            raise ended(self.name)
        if not wait_ready(self._peer.fileno(), timeout):
            return b""
        try:
            data = self._peer.recv(LONGEST)
        except (BlockingIOError, InterruptedError):
            return b""
        except OSError as error:
            raise unreachable(self.name, reason(error)) from error
        self.heard = self.clock.now()
        return data

    def discard(self) -> bytes:
        taken = bytearray()
        for _ in range(WAITING):  # more may wait, but one who babbles never comes to an end
            if self.closed or not wait_ready(self._peer.fileno(), 0.0):
                break
            try:
                taken += self._peer.recv(LONGEST)
            except OSError:
                continue
        return bytes(taken)

    def wake(self) -> None:
        """Nothing to do: nobody else runs while this thread waits."""

    async def rest(self, seconds: float) -> None:
        """Return at once: whoever blocks has nothing better to do than to listen."""

    async def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        self._peer.close()


async def connect(
    host: str, port: int, *, name: str, limit: float = CONNECT_LIMIT, clock: Clock | None = None
) -> DatagramLink:
    """A link to the peer at ``host`` and ``port``; nothing is sent.

    Raises:
        Unreachable: unknown host, or no network leads there.
    """
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(limit):
            _, link = await loop.create_datagram_endpoint(lambda: DatagramLink(name, clock), remote_addr=(host, port))
    except TimeoutError as error:
        raise unreachable(name, f"the host name is not found within {limit:g} s") from error
    except (OSError, UnicodeError) as error:
        raise unreachable(name, reason(error)) from error
    return link


def connect_blocking(host: str, port: int, *, name: str, clock: Clock | None = None) -> BlockingDatagramLink:
    """The same without an event loop. Raises ``Unreachable``."""
    problem: Exception = Unreachable(name)
    try:
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM):
            peer = socket.socket(family, kind, protocol)
            try:
                peer.connect(address)
            except OSError as error:
                peer.close()
                problem = error
                continue
            return BlockingDatagramLink(peer, name, clock)
    except (OSError, UnicodeError) as error:
        problem = error
    raise unreachable(name, reason(problem)) from problem
