"""The end of the local socket that ``acquire`` holds: it carries out commands, and tells of changes.

A command is a row of a table: its name and a coroutine function, or an async generator function whose items become
the parts of a streamed answer. A change is told to every connection and confirmed by each; who does not confirm within
:data:`~wattproof.gateway.local.CONFIRM_LIMIT` is cut off, so that no change waits for a process that hangs. One that
was cut off and does not know it yet has heard no heart beat for longer than
:data:`~wattproof.gateway.local.LEASE`, and so trusts nothing that it remembers.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from wattproof.errors import FrameError, StorageError, UsageError
from wattproof.gateway.local import (
    ALIVE,
    CONFIRM_LIMIT,
    HEARTBEAT,
    WINDOW,
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
from wattproof.model.clock import Clock

#: Name of the socket in the data directory.
SOCKET_NAME = "acquire.sock"
#: Calls of one connection that may run at the same time; the next fails with ``busy``.
CALL_LIMIT = 1024
#: Bytes that a connection may leave unread before it is cut off.
BACKLOG_LIMIT = 32 * 1024 * 1024
_CHUNK = 256 * 1024
#: ``sun_path`` holds 108 bytes with the closing 0 on Linux, 104 elsewhere.
_PATH_LIMIT = 103

_log = logging.getLogger(__name__)

#: ``(**arguments)`` to a coroutine, or to an async iterator.
Command = Callable[..., Any]


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """A name of the socket ``path`` that fits into an address; valid within the context.

    Raises:
        UsageError: the path is too long, and the system has no shorter way to it.
        OSError: its directory does not exist.
    """
    if len(os.fsencode(path)) <= _PATH_LIMIT:
        yield str(path)
        return
    if not sys.platform.startswith("linux"):
        raise UsageError(f"{path} is too long for a socket ({_PATH_LIMIT} bytes): choose a data directory with less")
    directory = os.open(path.parent, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def _bind(path: Path) -> socket.socket:
    """A listening socket that nobody else can open from the moment at which it exists."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        path.unlink(missing_ok=True)
        mask = os.umask(0o177)
        try:
            with reachable(path) as name:
                listener.bind(name)
        finally:
            os.umask(mask)
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise StorageError(f"cannot make the socket {path}: {error}") from error
    except BaseException:
        listener.close()
        raise
    listener.setblocking(False)
    return listener


class LocalServer:
    """Serves ``commands`` at the socket ``path``. Whoever starts it holds the lock of the data directory: a socket
    that is already there is a left-over and is replaced."""

    def __init__(
        self,
        path: Path,
        commands: Mapping[str, Command],
        clock: Clock,
        *,
        confirm_limit: float = CONFIRM_LIMIT,
        call_limit: int = CALL_LIMIT,
    ) -> None:
        self.path = path
        self.clock = clock
        self.call_limit = call_limit
        self._commands = commands
        self._confirm_limit = confirm_limit
        self._connections: set[_Connection] = set()
        self._numbers = count(1)
        self._listener: asyncio.Server | None = None
        self._heart: asyncio.Task[None] | None = None

    @property
    def connections(self) -> int:
        """How many processes are connected."""
        return len(self._connections)

    async def start(self) -> None:
        """Listen. Raises ``StorageError`` where the socket cannot be made."""
        self._listener = await asyncio.start_unix_server(self._accept, sock=_bind(self.path))
        self._heart = asyncio.create_task(self._beat())

    async def stop(self) -> None:
        """Cancel what runs, close all connections and remove the socket. Safe to call twice."""
        if self._listener is None:
            return
        listener, self._listener = self._listener, None
        listener.close()
        self.path.unlink(missing_ok=True)
        if self._heart is not None:
            self._heart.cancel()
            await asyncio.wait([self._heart])
        for connection in list(self._connections):
            connection.cut("the service ends")
        while self._connections:
            await asyncio.wait([connection.task for connection in self._connections])
        await listener.wait_closed()

    def tell(self, kind: str, value: Any = None) -> None:
        """Send a notice that nobody confirms."""
        for connection in list(self._connections):
            connection.send(Notice(kind, value))

    async def tell_and_wait(self, kind: str, value: Any = None) -> None:
        """Send a notice and return when every connection has confirmed it, or has been cut off."""
        number = next(self._numbers)
        waiting = {
            connection: confirmation
            for connection in list(self._connections)
            if (confirmation := connection.ask(number, Notice(kind, value, number))) is not None
        }
        if not waiting:
            return
        limit = asyncio.create_task(self.clock.sleep(self._confirm_limit))
        everyone = asyncio.create_task(_all(waiting.values()))
        try:
            await asyncio.wait([everyone, limit], return_when=asyncio.FIRST_COMPLETED)
        finally:
            limit.cancel()
            for connection, confirmation in waiting.items():
                if not confirmation.done():
                    connection.cut(f"it has not confirmed {kind} after {self._confirm_limit} s")

    async def _beat(self) -> None:
        while True:
            await self.clock.sleep(HEARTBEAT)
            self.tell(ALIVE)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = _Connection(self, reader, writer)
        self._connections.add(connection)
        try:
            await connection.run()
        finally:
            self._connections.discard(connection)

    def begin(self, call: Call) -> Any:
        """The coroutine or async iterator of a call. Raises ``CommandFailed``."""
        command = self._commands.get(call.command)
        if command is None:
            raise CommandFailed(Failing.INTERNAL, "internal error", detail=f"no command {call.command}")
        return command(**call.arguments)


class _Connection:
    """One process at the other end."""

    def __init__(self, server: LocalServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a stream handler is always run as a task
        self.task: asyncio.Task[Any] = task
        self._server = server
        self._reader = reader
        self._writer = writer
        self._calls: dict[int, asyncio.Task[None]] = {}
        self._room: dict[int, asyncio.Semaphore] = {}
        self._confirmations: dict[int, asyncio.Future[None]] = {}
        self._over = False

    async def run(self) -> None:
        """Until the other end goes away, or is cut off."""
        frames = Frames()
        self.send(Notice(ALIVE))
        try:
            while data := await self._reader.read(_CHUNK):
                for message in frames.feed(data):
                    self._take(message)
        except (OSError, FrameError) as error:
            self.cut(str(error))
        finally:
            await self._end()

    async def _end(self) -> None:
        self.cut("")
        calls = list(self._calls.values())
        for task in calls:
            task.cancel()
        if calls:
            await asyncio.wait(calls)
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    def cut(self, why: str) -> None:
        """End the connection at once, whatever is on its way."""
        if self._over:
            return
        self._over = True
        if why:
            _log.info("a connection of the local socket is closed: %s", why)
        self._writer.transport.abort()
        for confirmation in self._confirmations.values():
            if not confirmation.done():
                confirmation.set_result(None)
        self._confirmations.clear()

    def send(self, message: Message) -> None:
        """Write a message without waiting. A connection that leaves too much unread is cut off."""
        if self._over or self._writer.is_closing():
            return
        self._writer.write(encode(message))
        if self._writer.transport.get_write_buffer_size() > BACKLOG_LIMIT:
            self.cut(f"it has left {BACKLOG_LIMIT} bytes unread")

    def ask(self, number: int, notice: Notice) -> asyncio.Future[None] | None:
        """Send a notice; the future is done when it is confirmed or the connection is over."""
        if self._over:
            return None
        confirmation = self._confirmations[number] = asyncio.get_running_loop().create_future()
        self.send(notice)
        return confirmation

    def _take(self, message: Message) -> None:
        match message:
            case Call():
                self._begin(message)
            case Cancel(id=call):
                if call in self._calls:
                    self._calls[call].cancel()
            case More(id=call, count=parts):
                if call in self._room:
                    for _ in range(min(parts, WINDOW)):
                        self._room[call].release()
            case Confirm(number=number):
                confirmation = self._confirmations.pop(number, None)
                if confirmation is not None and not confirmation.done():
                    confirmation.set_result(None)
            case _:
                self.cut(f"it sent a {type(message).__name__}, which only this end sends")

    def _begin(self, call: Call) -> None:
        if len(self._calls) >= self._server.call_limit:
            self.send(Failure(call.id, Failing.BUSY, "service busy", retry_after=1))
        elif call.id in self._calls:
            self.cut(f"it used the number {call.id} of a running call again")
        else:
            self._calls[call.id] = asyncio.create_task(self._carry_out(call))

    async def _carry_out(self, call: Call) -> None:
        """Run a call to its last answer; nothing of it reaches the connection's own task."""
        try:
            answer: Message = Result(call.id, await self._value(call))
            self.send(answer)
        except asyncio.CancelledError:
            self.send(Failure(call.id, Failing.GONE, "cancelled"))
        except Exception as error:
            self.send(_failure(call, error))
        finally:
            self._calls.pop(call.id, None)
            self._room.pop(call.id, None)

    async def _value(self, call: Call) -> Any:
        answer = self._server.begin(call)
        if not isinstance(answer, AsyncIterator):
            return await answer
        room = self._room[call.id] = asyncio.Semaphore(WINDOW)
        async with contextlib.AsyncExitStack() as stack:
            if (close := getattr(answer, "aclose", None)) is not None:
                stack.push_async_callback(close)
            async for part in answer:
                await room.acquire()
                self.send(Part(call.id, part))
        return None


async def _all(confirmations: Iterable[asyncio.Future[None]]) -> None:
    await asyncio.gather(*confirmations)


def _failure(call: Call, error: Exception) -> Failure:
    if isinstance(error, CommandFailed):
        return Failure(call.id, error.kind, error.text, error.detail, error.where, error.retry_after)
    if isinstance(error, StorageError):
        return Failure(call.id, Failing.STORAGE, "storage failed", str(error))
    _log.error("command %s failed", call.command, exc_info=error)
    return Failure(call.id, Failing.INTERNAL, "internal error", f"{type(error).__name__}: {error}")
