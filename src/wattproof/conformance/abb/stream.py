"""Raw bytes to and from a bus: what conformance checks send that no driver would.

The line of a driver is closed while a stream is used, and the other way round: a bus has one master.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from wattproof.errors import Disconnected
from wattproof.io.link import ByteLink
from wattproof.model.clock import Clock
from wattproof.wire.conversation import Conversation, Pause

T = TypeVar("T")
#: Opens a further stream to the bus, each time it is called.
Dial = Callable[[], Awaitable[ByteLink]]
#: Whether these bytes are all of an answer.
Whole = Callable[[bytes], bool]
#: Most bytes of one answer; who sends more babbles.
BABBLE = 4096


@dataclass(frozen=True, slots=True)
class Heard:
    """What came back. ``delay``: seconds from the end of the request to the beginning of the answer.

    ``closed``: the other side ended the connection.
    """

    data: bytes = b""
    delay: float = 0.0
    closed: bool = False

    def __bool__(self) -> bool:
        return bool(self.data)

    def __str__(self) -> str:
        if self.data:
            more = "" if len(self.data) <= 24 else f" ... ({len(self.data)} bytes)"
            return self.data[:24].hex(" ") + more
        return "the connection was closed" if self.closed else "silence"


class Stream:
    """Bytes to a bus and back.

    ``character``: seconds that one takes on the line, 0 behind a network. ``pause``: seconds between an answer and the
    next request.
    """

    def __init__(self, dial: Dial, clock: Clock, *, character: float = 0.0, pause: float = 0.0) -> None:
        self.clock = clock
        self.character = character
        self.pause = pause
        self._dial = dial
        self._link: ByteLink | None = None
        self._quiet_until = 0

    @property
    def open(self) -> bool:
        """Whether there is a connection."""
        return self._link is not None and not self._link.closed

    async def close(self) -> None:
        """End the connection; the next request opens another."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    async def ask(self, request: bytes, *, first: float, gap: float, whole: Whole) -> Heard:
        """Send bytes and return what comes.

        Args:
            first: seconds until the answer must have begun.
            gap: seconds of silence that end it.
            whole: tells earlier that nothing more will come.
        """
        link = await self._ready()
        clock, taken, delay = self.clock, b"", 0.0
        try:
            await link.send(request)
            sent = clock.now() + round(len(request) * self.character * 1e9)
            until = sent + round((first + self.character) * 1e9)
            while not whole(taken) and len(taken) < BABBLE:
                left = (until - clock.now()) / 1e9
                part = await link.receive(left) if left > 0 else b""
                if not part:
                    break
                if not taken:
                    begun = (link.heard or clock.now()) - round(len(part) * self.character * 1e9)
                    delay = (begun - sent) / 1e9
                taken += part
                until = clock.now() + round(gap * 1e9)
        except Disconnected:
            await self.close()
            return Heard(taken, delay, closed=True)
        self._quiet_until = clock.now() + round(self.pause * 1e9)
        return Heard(taken, delay)

    async def more(self, first: float, gap: float) -> bytes:
        """What comes without being asked for, until it is silent."""
        link = self._link
        taken = b""
        while link is not None and not link.closed and (part := await link.receive(gap if taken else first)):
            taken += part
        return taken

    async def converse(self, conversation: Conversation[T]) -> T:
        """Hold a conversation to its end; its result. Raises what it raises, and ``LinkError``."""
        link = await self._ready()
        try:
            step = next(conversation)
            while True:
                answer = b""
                if isinstance(step, Pause):
                    await self.clock.sleep(step.duration / 1e9)
                else:
                    if step.data:
                        await link.send(step.data)
                    sending = (len(step.data) + bool(step.data)) * self.character
                    answer = await link.receive(step.timeout / 1e9 + sending)
                step = conversation.send(answer)
        except StopIteration as end:
            result: T = end.value
            return result
        except Disconnected:
            if link.closed:
                await self.close()
            raise
        finally:
            conversation.close()
            self._quiet_until = self.clock.now() + round(self.pause * 1e9)

    async def _ready(self) -> ByteLink:
        link = self._link
        if link is None or link.closed:
            await self.close()
            self._link = link = await self._dial()
        rest = (self._quiet_until - self.clock.now()) / 1e9
        if rest > 0:
            await self.clock.sleep(rest)
        link.discard()
        return link
