"""The place where conversations with meters are held: a serial device, a stream or a UDP port.

Whoever runs a conversation has the line for itself. The line is opened when it is needed, and again after it has ended.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from wattproof.drivers.cosem.timing import Timing, nanoseconds
from wattproof.errors import Disconnected
from wattproof.io.link import ByteLink
from wattproof.io.opening import open_link, open_link_blocking
from wattproof.io.tcp import CONNECT_LIMIT
from wattproof.io.trace import Trace, TracedLink
from wattproof.io.url import MeterURL
from wattproof.model.clock import Clock
from wattproof.wire.conversation import Conversation, Pause, Send

T = TypeVar("T")
#: Opens the stream, each time it is called.
Opener = Callable[[], Awaitable[ByteLink]]


@dataclass(slots=True)
class LineStatistics:
    """What happened on a line since it was made. ``late``: bytes that belonged to nothing were dropped so often."""

    requests: int = 0
    silences: int = 0
    late: int = 0
    connections: int = 0


class Line:
    """Runs conversations over what ``opener`` opens. It takes ``timing`` from whoever changes it."""

    def __init__(self, opener: Opener, *, name: str, clock: Clock, timing: Timing | None = None) -> None:
        self.name = name
        self.clock = clock
        self.timing = timing or Timing()
        self.statistics = LineStatistics()
        self._opener = opener
        self._link: ByteLink | None = None
        self._quiet_until = 0
        self._listen_until = 0

    @property
    def connection(self) -> int:
        """Number of the connection that stands; 0 if none does. What was agreed on another one does not hold."""
        return 0 if self._link is None or self._link.closed else self.statistics.connections

    async def open(self) -> None:
        """Connect now instead of at the first request. Raises ``Unreachable``."""
        await self._connected()

    async def close(self) -> None:
        """End the connection; a later conversation opens it again."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    def renew(self) -> None:
        """The connection is not to be trusted: the next request opens a new one. Devices stay open."""
        if self._link is not None and self.timing.network:
            self._link.abort()
            self._link = None

    async def run(self, conversation: Conversation[T]) -> T:
        """Hold a conversation to its end; its result.

        Raises:
            Unreachable: there is no connection.
            Disconnected: it ended while an answer was awaited.
            WattproofError: what the conversation raises.
        """
        link = await self._connected()
        try:
            step = next(conversation)
            while True:
                answer = await self._take(link, step)
                step = conversation.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        except Disconnected:
            if link.closed:
                self._link = None
                await link.close()
            raise
        finally:
            conversation.close()

    async def _take(self, link: ByteLink, step: Send | Pause) -> bytes:
        if isinstance(step, Pause):
            await self.clock.sleep(step.duration / 1e9)
            return b""
        timeout = step.timeout / 1e9
        if step.data:
            await self._keep_quiet(link)
            self.statistics.requests += 1
            await link.send(step.data)
            # A character more: its first byte is heard when the last bit of it has come.
            sending = (len(step.data) + 1) * self.timing.character
            timeout += sending
            self._listen_until = self.clock.now() + nanoseconds(max(timeout, sending + self.timing.longest))
        else:
            timeout = min(timeout, (self._listen_until - self.clock.now()) / 1e9)
        data = await link.receive(timeout) if timeout > 0 else b""
        if data:
            self._quiet_until = self.clock.now() + nanoseconds(self.timing.pause)
        else:
            self.statistics.silences += 1
        return data

    async def _keep_quiet(self, link: ByteLink) -> None:
        """Wait until the pause is over; what came meanwhile is dropped: noise, or late."""
        rest = self._quiet_until - self.clock.now()
        if rest > 0:
            await self.clock.sleep(rest / 1e9)
        if link.discard():
            self.statistics.late += 1

    async def _connected(self) -> ByteLink:
        link = self._link
        if link is not None and not link.closed:
            return link
        if link is not None:
            self._link = None
            await link.close()
        self._link = link = await self._opener()
        self.statistics.connections += 1
        return link


def line_of(url: MeterURL, *, timing: Timing | None = None, trace: Trace | None = None, clock: Clock) -> Line:
    """The line of an address on the running event loop; it connects when the first request is sent."""
    limit = max(CONNECT_LIMIT, url.number("timeout", 0.0))

    async def opener() -> ByteLink:
        return _traced(await open_link(url, limit=limit, clock=clock), trace)

    return Line(opener, name=url.place, clock=clock, timing=timing or Timing.of(url))


def blocking_line_of(url: MeterURL, *, timing: Timing | None = None, trace: Trace | None = None, clock: Clock) -> Line:
    """The same without an event loop: no method of the line ever suspends."""
    limit = max(CONNECT_LIMIT, url.number("timeout", 0.0))

    async def opener() -> ByteLink:
        return _traced(open_link_blocking(url, limit=limit, clock=clock), trace)

    return Line(opener, name=url.place, clock=clock, timing=timing or Timing.of(url))


def _traced(link: ByteLink, trace: Trace | None) -> ByteLink:
    return link if trace is None else TracedLink(link, trace)
