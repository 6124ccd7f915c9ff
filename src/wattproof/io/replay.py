"""A recorded conversation played again: as the device that was asked, or as the one who asked.

What somebody else's meter did on somebody else's line becomes a test: record it with ``--trace FILE``, then let
`Replay` be that meter. The other way round `repeat` asks a device what was asked then and says what it answers
differently today.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import chain

from wattproof.errors import Disconnected, InvalidValue
from wattproof.io.link import ByteLink, TransportLink
from wattproof.io.memory import MemoryLink, memory_pair
from wattproof.io.trace import CLOSED, RECEIVED, SENT, Chunk
from wattproof.model.clock import Clock


@dataclass(frozen=True, slots=True)
class Reply:
    """What follows a request: after ``delay`` seconds these bytes, or the end of the connection (``None``)."""

    delay: float
    data: bytes | None


@dataclass(slots=True)
class Exchange:
    """A request as it was sent, and everything that came before the next one."""

    request: bytes
    replies: list[Reply] = field(default_factory=list)
    _sent: float = 0.0

    @property
    def answer(self) -> bytes:
        """The bytes of all replies together."""
        return b"".join(reply.data or b"" for reply in self.replies)


def exchanges(chunks: Sequence[Chunk]) -> list[Exchange]:
    """The conversation of a trace as requests and their answers, in order.

    Requests that were sent in a row before an answer came are one exchange. Bytes before the first request are left
    out. An answer that never came is an exchange without replies.
    """
    found: list[Exchange] = []
    sending = False
    for chunk in chunks:
        if chunk.direction == SENT:
            if sending:
                found[-1].request += chunk.data
            else:
                found.append(Exchange(chunk.data))
            found[-1]._sent = chunk.time
            sending = True
        elif found and chunk.direction in (RECEIVED, CLOSED):
            data = chunk.data if chunk.direction == RECEIVED else None
            found[-1].replies.append(Reply(max(0.0, chunk.time - found[-1]._sent), data))
            sending = False
    return found


class Replay:
    """Answers as the recorded device did; sans-I/O.

    A request is looked for in the order of the recording, from the place of the last one on and then from the begin:
    the same question asked again gets the next recorded answer. ``echoed`` is how many leading bytes of a request
    the device gives back and a client chooses anew each time: 2 for Modbus TCP (transaction), 0 on a line. A request
    that was never recorded gets no answer and is kept in ``unknown``.

    Raises:
        InvalidValue: the trace holds no request.
    """

    def __init__(self, chunks: Sequence[Chunk], *, echoed: int = 0) -> None:
        self._exchanges = exchanges(chunks)
        if not self._exchanges:
            raise InvalidValue("the trace holds no request, so there is nothing to answer")
        self._echoed = echoed
        self._next = 0
        self._buffer = b""
        self.unknown: list[bytes] = []

    def receive(self, data: bytes) -> list[Reply]:
        """Replies to what is complete after ``data``; each delay counts from now."""
        self._buffer += data
        replies: list[Reply] = []
        while self._buffer:
            index = self._matching()
            if index is None:
                if not self._may_grow():
                    self.unknown.append(self._buffer)
                    self._buffer = b""
                return replies
            exchange = self._exchanges[index]
            asked = self._buffer[: len(exchange.request)]
            self._buffer = self._buffer[len(exchange.request) :]
            self._next = index + 1
            replies += (Reply(reply.delay, self._as_asked(exchange, asked, reply.data)) for reply in exchange.replies)
        return replies

    def _order(self) -> Iterator[int]:
        start = self._next % len(self._exchanges)
        return chain(range(start, len(self._exchanges)), range(start))

    def _matching(self) -> int | None:
        """The exchange whose request the buffer begins with; the longest one, then the next one in order."""
        begins = [index for index in self._order() if self._begins_with(self._exchanges[index].request)]
        return max(begins, key=lambda index: len(self._exchanges[index].request), default=None)

    def _begins_with(self, request: bytes) -> bool:
        whole = len(self._buffer) >= len(request)
        return whole and self._buffer[self._echoed : len(request)] == request[self._echoed :]

    def _may_grow(self) -> bool:
        """Whether the buffer may be the begin of a recorded request."""
        begin, skip = self._buffer, self._echoed
        return any(
            len(begin) < len(one.request) and one.request[skip : len(begin)] == begin[skip:] for one in self._exchanges
        )

    def _as_asked(self, exchange: Exchange, asked: bytes, data: bytes | None) -> bytes | None:
        skip = self._echoed
        if data is None or not skip or data[:skip] != exchange.request[:skip]:
            return data
        return asked[:skip] + data[skip:]


async def answer_on(link: ByteLink, replay: Replay, *, paced: bool = True) -> None:
    """Answer on ``link`` until it ends; ``paced`` keeps the recorded delays."""
    try:
        while True:
            begin = link.clock.now()
            replies = replay.receive(await link.receive(3600.0))
            begin = max(begin, link.heard)
            for reply in replies:
                if paced:
                    await link.clock.sleep(reply.delay - (link.clock.now() - begin) / 1e9)
                if reply.data is None:
                    await link.close()
                    return
                await link.send(reply.data)
    except Disconnected:
        return


def replay_link(replay: Replay, clock: Clock, name: str = "replay") -> MemoryLink:
    """A link to the recorded device that answers at once, with or without an event loop."""
    near, far = memory_pair(clock, name)

    def answer(data: bytes) -> bytes:
        sent = bytearray()
        for reply in replay.receive(data):
            if reply.data is None:
                far.put(bytes(sent))
                far.cut()
                return b""
            sent += reply.data
        return bytes(sent)

    far.answer = answer
    return near


@asynccontextmanager
async def serve_replay(
    replay: Replay, *, host: str = "127.0.0.1", port: int = 0, paced: bool = True
) -> AsyncIterator[tuple[str, int]]:
    """The recorded device on a TCP port, for whoever connects; gives host and port."""
    loop = asyncio.get_running_loop()
    tasks: set[asyncio.Task[None]] = set()

    class Connection(TransportLink):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            task = loop.create_task(answer_on(self, replay, paced=paced))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    server = await loop.create_server(lambda: Connection(f"replay on {host}"), host, port)
    try:
        address = server.sockets[0].getsockname()
        yield address[0], address[1]
    finally:
        server.close()
        for task in [*tasks]:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class Difference:
    """A request that is answered otherwise than it was recorded."""

    number: int
    request: bytes
    recorded: bytes
    answered: bytes

    def __str__(self) -> str:
        return (
            f"request {self.number} ({self.request.hex()}): recorded {self.recorded.hex() or 'nothing'}, "
            f"now {self.answered.hex() or 'nothing'}"
        )


async def repeat(link: ByteLink, chunks: Sequence[Chunk], *, timeout: float = 1.0) -> list[Difference]:
    """Ask on ``link`` what was asked in the recording, one request after the other, and compare the answers.

    An answer is awaited for ``timeout`` seconds, or until it is as long as the recorded one.
    """
    differences: list[Difference] = []
    for number, exchange in enumerate(exchanges(chunks), 1):
        await link.send(exchange.request)
        answered = b""
        try:
            while len(answered) < len(exchange.answer) or not exchange.answer:
                data = await link.receive(timeout)
                if not data:
                    break
                answered += data
        except Disconnected:
            differences.append(Difference(number, exchange.request, exchange.answer, answered))
            return differences
        if answered != exchange.answer:
            differences.append(Difference(number, exchange.request, exchange.answer, answered))
    return differences
