"""A byte stream at whose other end one meter speaks at a time: opened when it is needed, and again after it has ended.

Whoever uses it has it for itself; `wattproof.drivers.turns` says who is next.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from wattproof.io.link import ByteLink
from wattproof.io.opening import open_link, open_link_blocking
from wattproof.io.tcp import CONNECT_LIMIT
from wattproof.io.trace import Trace, TracedLink
from wattproof.io.url import MeterURL
from wattproof.model.clock import Clock

#: Meters that failed one after the other, with nobody answering in between, until a converter counts as gone.
GONE = 2
#: Opens the stream, each time it is called.
Opener = Callable[[], Awaitable[ByteLink]]


@dataclass(slots=True)
class LineStatistics:
    """What happened on a line since it was made. ``late``: bytes that belonged to nothing were dropped so often."""

    requests: int = 0
    silences: int = 0
    late: int = 0
    connections: int = 0


S = TypeVar("S", bound=LineStatistics)


class ExclusiveLine(ABC, Generic[S]):
    """The stream of a line, over what ``opener`` opens."""

    def __init__(self, opener: Opener, statistics: S, *, name: str, clock: Clock) -> None:
        self.name = name
        self.clock = clock
        self.statistics = statistics
        self._opener = opener
        self._link: ByteLink | None = None
        self._silent = 0

    @property
    @abstractmethod
    def network(self) -> bool:
        """Whether it is a connection, which may have gone without a word; a device stays open."""

    async def open(self) -> None:
        """Connect now instead of at the first request. Raises ``Unreachable``."""
        await self._connected()

    async def dial(self) -> ByteLink:
        """A further stream to the same place, for those who look at bytes. A serial device has one only: `close` first.

        Raises ``Unreachable``.
        """
        return await self._opener()

    async def close(self) -> None:
        """End the connection; a later request opens it again."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    def renew(self) -> None:
        """The connection is not to be trusted: the next request opens a new one. Devices stay open."""
        if self._link is not None and self.network:
            self._link.abort()
            self._link = None

    def noted(self, *, answered: bool) -> None:
        """A meter has answered, or not: several silent ones in a row are a converter that has gone."""
        self._silent = 0 if answered else self._silent + 1
        if self._silent >= GONE:
            self.renew()

    async def _connected(self) -> ByteLink:
        """The open stream. Raises ``Unreachable``."""
        link = self._link
        if link is not None and not link.closed:
            return link
        if link is not None:
            await self.close()
        self._link = link = await self._opener()
        self.statistics.connections += 1
        return link


def opener_of(url: MeterURL, *, clock: Clock, trace: Trace | None = None) -> Opener:
    """Opens the line of an address on the running event loop."""
    limit = _limit(url)

    async def opener() -> ByteLink:
        return _traced(await open_link(url, limit=limit, clock=clock), trace)

    return opener


def blocking_opener_of(url: MeterURL, *, clock: Clock, trace: Trace | None = None) -> Opener:
    """The same without an event loop: nothing ever suspends."""
    limit = _limit(url)

    async def opener() -> ByteLink:
        return _traced(open_link_blocking(url, limit=limit, clock=clock), trace)

    return opener


def _limit(url: MeterURL) -> float:
    """Seconds until a connection attempt is given up."""
    return max(CONNECT_LIMIT, url.number("timeout", 0.0))


def _traced(link: ByteLink, trace: Trace | None) -> ByteLink:
    return link if trace is None else TracedLink(link, trace)
