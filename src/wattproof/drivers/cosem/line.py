"""The place where conversations with meters are held: a serial device, a stream or a UDP port.

Whoever runs a conversation has the line for itself. The line is opened when it is needed, and again after it has ended.
"""

from __future__ import annotations

from typing import TypeVar

from wattproof.drivers.cosem.timing import Timing, nanoseconds
from wattproof.drivers.exclusive import ExclusiveLine, LineStatistics, Opener, blocking_opener_of, opener_of
from wattproof.errors import Disconnected
from wattproof.io.link import ByteLink
from wattproof.io.trace import Trace
from wattproof.io.url import MeterURL
from wattproof.model.clock import Clock
from wattproof.wire.conversation import Conversation, Pause, Send

T = TypeVar("T")


class Line(ExclusiveLine[LineStatistics]):
    """Runs conversations over what ``opener`` opens. It takes ``timing`` from whoever changes it."""

    def __init__(self, opener: Opener, *, name: str, clock: Clock, timing: Timing | None = None) -> None:
        super().__init__(opener, LineStatistics(), name=name, clock=clock)
        self.timing = timing or Timing()
        self._quiet_until = 0
        self._listen_until = 0

    @property
    def connection(self) -> int:
        """Number of the connection that stands; 0 if none does. What was agreed on another one does not hold."""
        return 0 if self._link is None or self._link.closed else self.statistics.connections

    @property
    def network(self) -> bool:
        return self.timing.network

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


def line_of(url: MeterURL, *, timing: Timing | None = None, trace: Trace | None = None, clock: Clock) -> Line:
    """The line of an address on the running event loop; it connects when the first request is sent."""
    return Line(opener_of(url, clock=clock, trace=trace), name=url.place, clock=clock, timing=timing or Timing.of(url))


def blocking_line_of(url: MeterURL, *, timing: Timing | None = None, trace: Trace | None = None, clock: Clock) -> Line:
    """The same without an event loop: no method of the line ever suspends."""
    opener = blocking_opener_of(url, clock=clock, trace=trace)
    return Line(opener, name=url.place, clock=clock, timing=timing or Timing.of(url))
