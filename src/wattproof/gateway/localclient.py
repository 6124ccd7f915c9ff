"""The end of the local socket that ``serve`` holds: it asks for commands, and hears of changes."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path
from typing import Any

from wattproof.errors import FrameError
from wattproof.gateway.local import (
    ALIVE,
    CONNECTED,
    LEASE,
    Call,
    Cancel,
    CommandFailed,
    Confirm,
    Failing,
    Failure,
    Frames,
    Message,
    More,
    Notice,
    Part,
    Result,
    encode,
)
from wattproof.gateway.localsocket import reachable
from wattproof.model.clock import Clock

#: Seconds before the first and at most before any later attempt to connect again.
RETRY_FIRST, RETRY_LIMIT = 0.05, 0.2
_CHUNK = 256 * 1024

_log = logging.getLogger(__name__)

#: Called with every notice, in their order; a coroutine is awaited before the notice is confirmed.
Listener = Callable[[Notice], Awaitable[None] | None]


class LocalClient:
    """``Local`` over the socket ``path``, connected again whenever it breaks.

    While ``acquire`` is away every call fails with ``gone``. A listener first gets a notice ``connected`` with each new
    connection: anything may have changed before it.
    """

    def __init__(self, path: Path, clock: Clock) -> None:
        self._path = path
        self._clock = clock
        self._ids = count(1)
        self._waiting: dict[int, asyncio.Future[Any] | asyncio.Queue[Part | CommandFailed | None]] = {}
        self._listeners: list[Listener] = []
        self._notices: asyncio.Queue[Notice] = asyncio.Queue()
        self._writer: asyncio.StreamWriter | None = None
        self._heard: int | None = None
        self._untaken = 0  # notices that not all listeners have taken yet
        self._found = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        #: Grows with every notice: what was read before it may be out of date.
        self.epoch = 0

    @property
    def current(self) -> bool:
        """Whether every change of which ``acquire`` waited for a confirmation has been heard here."""
        return self._heard is not None and self._clock.now() - self._heard < LEASE * 10**9

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with every notice from now on."""
        self._listeners.append(listener)

    async def start(self) -> None:
        """Begin to connect; returns at once."""
        self._tasks = [asyncio.create_task(self._stay_connected())]

    async def found(self) -> None:
        """Return when the other process is there and all listeners know of it."""
        await self._found.wait()

    async def close(self) -> None:
        """End the connection. Safe to call twice."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []

    async def call(self, command: str, **arguments: Any) -> Any:
        """Carry out a command. Raises :class:`CommandFailed`."""
        id = next(self._ids)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._begin(id, answer, command, arguments)
        try:
            return await answer
        except asyncio.CancelledError:
            self._send(Cancel(id))
            raise
        finally:
            self._waiting.pop(id, None)

    async def stream(self, command: str, **arguments: Any) -> AsyncIterator[Any]:
        """Parts of a streamed answer; the other side waits while nobody takes them. Raises :class:`CommandFailed`."""
        id = next(self._ids)
        parts: asyncio.Queue[Part | CommandFailed | None] = asyncio.Queue()
        self._begin(id, parts, command, arguments)
        over = False
        try:
            while isinstance(part := await parts.get(), Part):
                self._send(More(id, 1))
                yield part.value
            over = True
            if part is not None:
                raise part
        finally:
            self._waiting.pop(id, None)
            if not over:
                self._send(Cancel(id))

    def _begin(
        self,
        id: int,
        answer: asyncio.Future[Any] | asyncio.Queue[Part | CommandFailed | None],
        command: str,
        arguments: dict[str, Any],
    ) -> None:
        try:
            frame = encode(Call(id, command, arguments))
        except FrameError as error:
            raise CommandFailed(Failing.INVALID, "request too large", detail=str(error)) from error
        writer = self._writer
        if writer is None or writer.is_closing():
            raise _gone()
        self._waiting[id] = answer
        writer.write(frame)

    def _send(self, message: Message) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(encode(message))

    async def _stay_connected(self) -> None:
        delay = RETRY_FIRST
        while True:
            with contextlib.suppress(OSError):
                with reachable(self._path) as name:
                    reader, writer = await asyncio.open_unix_connection(name)
                delay = RETRY_FIRST
                await self._hold(reader, writer)
            await self._clock.sleep(delay)
            delay = min(2 * delay, RETRY_LIMIT)

    async def _hold(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Use a connection until it ends."""
        self._writer, self._notices, self._untaken = writer, asyncio.Queue(), 0
        listening = asyncio.create_task(self._tell_listeners(writer, self._notices))
        frames = Frames()
        try:
            while data := await reader.read(_CHUNK):
                for message in frames.feed(data):
                    self._take(message)
                if self._found.is_set() and not self._untaken:
                    self._heard = self._clock.now()
        except FrameError as error:
            _log.error("the local socket is closed: %s", error)
        finally:
            self._lose()
            writer.transport.abort()
            listening.cancel()
            await asyncio.wait([listening])
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _lose(self) -> None:
        self._writer, self._heard = None, None
        self._found.clear()
        self.epoch += 1
        for answer in self._waiting.values():
            if isinstance(answer, asyncio.Queue):
                answer.put_nowait(_gone())
            elif not answer.done():
                answer.set_exception(_gone())
        self._waiting.clear()

    def _take(self, message: Message) -> None:
        if isinstance(message, Notice):
            self._note(message)
            return
        answer = self._waiting.get(message.id) if isinstance(message, Result | Part | Failure) else None
        if isinstance(answer, asyncio.Queue):
            answer.put_nowait(_part(message))
        elif answer is not None and not answer.done():
            if isinstance(message, Failure):
                answer.set_exception(message.error())
            elif isinstance(message, Result):
                answer.set_result(message.value)
            else:
                answer.set_exception(_mixed_up(message))

    def _note(self, notice: Notice) -> None:
        # The first heart beat says that the other end knows this connection: only now no change is missed any more.
        if notice.kind == ALIVE:
            if self._found.is_set() or self._untaken:
                return
            notice = Notice(CONNECTED)
        self.epoch += 1
        self._untaken += 1
        self._notices.put_nowait(notice)

    async def _tell_listeners(self, writer: asyncio.StreamWriter, notices: asyncio.Queue[Notice]) -> None:
        """One notice after the other: confirmed when all listeners have taken it. Where one cannot, the connection
        ends, for this process would go on with what is no longer true."""
        try:
            while True:
                notice = await notices.get()
                for listener in self._listeners:
                    if (waited := listener(notice)) is not None:
                        await waited
                self._untaken -= 1
                if notice.kind == CONNECTED:
                    self._heard = self._clock.now()
                    self._found.set()
                if notice.number is not None and not writer.is_closing():
                    writer.write(encode(Confirm(notice.number)))
        except Exception:
            _log.exception("a notice of the other process could not be taken")
            writer.transport.abort()


def _part(message: Message) -> Part | CommandFailed | None:
    match message:
        case Part():
            return message
        case Failure():
            return message.error()
        case _:
            return None


def _mixed_up(message: Message) -> CommandFailed:
    return CommandFailed(Failing.INTERNAL, "internal error", detail=f"a {type(message).__name__} answers a plain call")


def _gone() -> CommandFailed:
    return CommandFailed(Failing.GONE, "service restarting", retry_after=1)
