"""The byte stream under every protocol: one small protocol, one implementation for asyncio, one that blocks.

::

    drivers (coroutines)  --->  ByteLink  <---  TransportLink   asyncio transports: TCP, TLS
                                           <---  DescriptorLink  asyncio on a file descriptor: serial, pseudo-terminal
                                           <---  BlockingLink    sockets and descriptors without an event loop
                                           <---  MemoryLink      joined pair in memory, any clock

The blocking link has the same ``async`` methods, but none of them ever suspends: a driver coroutine over it is run to
its end by ``coroutine.send(None)`` (see ``wattproof.drivers.modbus.run_blocking``), so no protocol is written twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import ssl
from collections.abc import Callable
from typing import Protocol, cast

from wattproof.errors import Disconnected
from wattproof.io.clock import BlockingClock, SystemClock
from wattproof.model.clock import Clock

#: Received and unread bytes above which the other side is told to wait (it babbles, nobody asked).
HIGH_WATER = 256 * 1024
#: Written and untransmitted bytes above which the connection counts as dead.
STUCK = 1024 * 1024
CHUNK = 65536


class ByteLink(Protocol):
    """A stream of bytes to one place. ``name`` is the address as error messages show it."""

    name: str
    clock: Clock
    #: ``clock.now()`` when the last byte arrived; 0 before the first.
    heard: int

    @property
    def closed(self) -> bool:
        """Whether either side has ended it; nothing more can be sent."""
        ...

    async def send(self, data: bytes) -> None:
        """Hand ``data`` to the line. Raises ``Disconnected``."""
        ...

    async def receive(self, timeout: float) -> bytes:
        """The bytes that have arrived, at least one; ``b""`` after ``timeout`` seconds without any.

        Raises:
            Disconnected: the other side has ended the stream and everything before was received.
        """
        ...

    def discard(self) -> bytes:
        """Take away what has arrived and was not received; of a peer that babbles on, a part."""
        ...

    def wake(self) -> None:
        """Let a `receive` that waits in another task return at once, with ``b""`` if there is nothing."""
        ...

    async def rest(self, seconds: float) -> None:
        """Return after ``seconds``. What arrives meanwhile is received in one piece afterwards, which costs less than
        to look at each byte of a slow line."""
        ...

    async def close(self) -> None:
        """End it; harmless when it has ended."""
        ...

    def abort(self) -> None:
        """End it without waiting for anything."""
        ...


def ended(name: str, cause: Exception | None = None) -> Disconnected:
    """The error for a stream that is over."""
    reason = f" ({cause})" if cause is not None and str(cause) else ""
    return Disconnected(f"the connection to {name} was closed by the other side{reason}: it may serve one client only")


class _Inbox:
    """Bytes that wait for a reader, and the reader that waits for bytes; shared by both asyncio links."""

    __slots__ = ("_data", "_loop", "_waiter", "cause", "over")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._data = bytearray()
        self._waiter: asyncio.Future[None] | None = None
        self.over = False
        self.cause: Exception | None = None

    def __len__(self) -> int:
        return len(self._data)

    def put(self, data: bytes) -> None:
        self._data += data
        self.wake()

    def end(self, cause: Exception | None) -> None:
        self.over = True
        self.cause = self.cause or cause
        self.wake()

    def wake(self) -> None:
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def take(self) -> bytes:
        data = bytes(self._data)
        self._data.clear()
        return data

    async def get(self, timeout: float, name: str) -> bytes:
        if not self._data and not self.over:
            self._waiter = waiter = self._loop.create_future()
            timer = self._loop.call_later(max(0.0, timeout), self.wake)
            try:
                await waiter
            finally:
                timer.cancel()
                self._waiter = None
        if self._data:
            return self.take()
        if self.over:
            raise ended(name, self.cause)
        return b""


class TransportLink(asyncio.Protocol):
    """A link over an asyncio stream transport; pass an instance as protocol to ``loop.create_connection``."""

    def __init__(self, name: str, clock: Clock | None = None) -> None:
        self.name = name
        self.clock: Clock = clock or SystemClock()
        self.heard = 0
        self._inbox = _Inbox(asyncio.get_running_loop())
        self._transport: asyncio.Transport | None = None
        self._paused = False
        self._gone = self._inbox._loop.create_future()

    # what asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.heard = self.clock.now()
        self._inbox.put(data)
        if len(self._inbox) > HIGH_WATER and self._transport is not None and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._inbox.end(None)
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._inbox.end(exc)
        if not self._gone.done():
            self._gone.set_result(None)

    # what a driver calls

    @property
    def transport(self) -> asyncio.Transport:
        """The transport below, for the certificate of the other side and the like."""
        if self._transport is None:
            raise ended(self.name)
        return self._transport

    @property
    def closed(self) -> bool:
        return self._inbox.over or self._transport is None or self._transport.is_closing()

    async def send(self, data: bytes) -> None:
        if self.closed:
            raise ended(self.name, self._inbox.cause)
        self.transport.write(data)
        if self.transport.get_write_buffer_size() > STUCK:
            self.transport.abort()
            raise Disconnected(f"{self.name} takes no more bytes; the connection was given up")

    async def receive(self, timeout: float) -> bytes:
        data = await self._inbox.get(timeout, self.name)
        self._resume()
        return data

    def discard(self) -> bytes:
        data = self._inbox.take()
        self._resume()
        return data

    def wake(self) -> None:
        self._inbox.wake()

    async def rest(self, seconds: float) -> None:
        await self.clock.sleep(seconds)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    async def close(self) -> None:
        if self._transport is None:
            return
        self._transport.close()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await asyncio.shield(self._gone)
        if not self._gone.done():
            self._transport.abort()

    def _resume(self) -> None:
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()


class DescriptorLink:
    """A link over a non-blocking file descriptor in an event loop: a serial device or a pseudo-terminal."""

    def __init__(
        self, descriptor: int, name: str, *, clock: Clock | None = None, on_close: Callable[[], None] | None = None
    ) -> None:
        self.name = name
        self.clock: Clock = clock or SystemClock()
        self.heard = 0
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._inbox = _Inbox(self._loop)
        self._outbox = bytearray()
        self._on_close = on_close
        self._open = True
        os.set_blocking(descriptor, False)
        self._loop.add_reader(descriptor, self._readable)

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, CHUNK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        if not data:
            self._lose(None)
            return
        self.heard = self.clock.now()
        self._inbox.put(data)
        if len(self._inbox) > HIGH_WATER:  # nobody asked for this much: the oldest is noise
            self._inbox.take()

    def _writable(self) -> None:
        try:
            written = os.write(self._descriptor, self._outbox)
        except (BlockingIOError, InterruptedError):
            return
        except OSError as error:
            self._lose(error)
            return
        del self._outbox[:written]
        if not self._outbox:
            self._loop.remove_writer(self._descriptor)

    def _lose(self, error: OSError | None) -> None:
        self._inbox.end(error)
        self._loop.remove_reader(self._descriptor)
        self._loop.remove_writer(self._descriptor)

    @property
    def closed(self) -> bool:
        return not self._open or self._inbox.over

    async def send(self, data: bytes) -> None:
        if self.closed:
            raise ended(self.name, self._inbox.cause)
        self._outbox += data
        if len(self._outbox) > STUCK:
            self._lose(None)
            raise Disconnected(f"{self.name} takes no more bytes; the line was given up")
        if len(self._outbox) == len(data):
            self._loop.add_writer(self._descriptor, self._writable)
            self._writable()

    async def receive(self, timeout: float) -> bytes:
        return await self._inbox.get(timeout, self.name)

    def discard(self) -> bytes:
        return self._inbox.take()

    def wake(self) -> None:
        self._inbox.wake()

    async def rest(self, seconds: float) -> None:
        if self.closed:
            return
        self._loop.remove_reader(self._descriptor)
        try:
            await self.clock.sleep(seconds)
        finally:
            if not self.closed:
                self._loop.add_reader(self._descriptor, self._readable)
                self._readable()

    async def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self._open:
            return
        self._open = False
        self._lose(None)
        os.close(self._descriptor)
        if self._on_close is not None:
            self._on_close()


class Stream(Protocol):
    """What `BlockingLink` needs of a socket, a TLS socket or a device: non-blocking, with a descriptor."""

    def fileno(self) -> int: ...
    def recv(self, size: int, /) -> bytes: ...
    def send(self, data: bytes, /) -> int: ...
    def close(self) -> None: ...


class DescriptorStream:
    """A file descriptor with the methods of a socket."""

    def __init__(self, descriptor: int, on_close: Callable[[], None] | None = None) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._on_close = on_close

    def fileno(self) -> int:
        return self._descriptor

    def recv(self, size: int, /) -> bytes:
        return os.read(self._descriptor, size)

    def send(self, data: bytes, /) -> int:
        return os.write(self._descriptor, data)

    def close(self) -> None:
        os.close(self._descriptor)
        if self._on_close is not None:
            self._on_close()


class BlockingLink:
    """A link whose methods block the calling thread and never suspend."""

    def __init__(self, stream: Stream, name: str, clock: Clock | None = None) -> None:
        self.name = name
        self.clock: Clock = clock or BlockingClock()
        self.heard = 0
        self._stream = stream
        self._over = False
        self._cause: Exception | None = None

    @property
    def closed(self) -> bool:
        return self._over

    async def send(self, data: bytes) -> None:
        if self._over:
            raise ended(self.name, self._cause)
        view = data
        limit = self.clock.now() + 10**10
        while view:
            try:
                view = view[self._stream.send(view) :]
            except (BlockingIOError, ssl.SSLWantWriteError, ssl.SSLWantReadError, InterruptedError):
                if self.clock.now() > limit:
                    self._over = True
                    raise Disconnected(f"{self.name} takes no more bytes; the connection was given up") from None
                wait_ready(self._stream.fileno(), 1.0, write=True)
            except OSError as error:
                self._lose(error)
                raise ended(self.name, error) from error

    async def receive(self, timeout: float) -> bytes:
        if self._over:
            raise ended(self.name, self._cause)
        # Decrypted bytes may wait inside a TLS socket where the descriptor shows nothing: try before waiting there.
        until = self.clock.now() + round(max(0.0, timeout) * 1e9)
        eager = isinstance(self._stream, ssl.SSLSocket)
        while True:
            if eager or wait_ready(self._stream.fileno(), (until - self.clock.now()) / 1e9):
                data = self._read()
                if data:
                    self.heard = self.clock.now()
                    return data
            eager = False
            if self.clock.now() >= until:
                return b""

    def discard(self) -> bytes:
        # Bounded: one who babbles without end sends faster than this takes away.
        taken = bytearray()
        with contextlib.suppress(Disconnected):
            while not self._over and len(taken) <= HIGH_WATER and wait_ready(self._stream.fileno(), 0.0):
                data = self._read()
                if not data:
                    break
                taken += data
        return bytes(taken)

    def wake(self) -> None:
        """Nothing to do: nobody else runs while this thread waits."""

    async def rest(self, seconds: float) -> None:
        """Return at once: whoever blocks has nothing better to do than to listen, and hears the end sooner."""

    async def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        self._over = True
        with contextlib.suppress(OSError):
            self._stream.close()

    def _read(self) -> bytes:
        try:
            data = self._stream.recv(CHUNK)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError, InterruptedError):
            return b""
        except OSError as error:
            self._lose(error)
            raise ended(self.name, error) from error
        if not data:
            self._lose(None)
            raise ended(self.name)
        return data

    def _lose(self, error: Exception | None) -> None:
        self._over = True
        self._cause = error


def wait_ready(descriptor: int, timeout: float, *, write: bool = False) -> bool:
    """Wait until a descriptor is ready, at most ``timeout`` seconds."""
    timeout = max(0.0, timeout)
    if not hasattr(select, "poll"):
        reading, writing = ([], [descriptor]) if write else ([descriptor], [])
        return any(select.select(reading, writing, [], timeout))
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT if write else select.POLLIN)
    # Rounded up: a remainder below a millisecond must not turn into a busy loop.
    return bool(poll.poll(int(timeout * 1000) + (timeout > 0)))
