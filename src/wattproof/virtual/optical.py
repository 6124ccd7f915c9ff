"""Listeners for an optical head (EN 62056-21): a socket, a pseudo-terminal or a serial device in front of one meter.

The head itself belongs to the meter family and is sans-I/O; here it gets its time, its bytes, the faults of the bus
and the journal. It has a timer only while somebody can receive what it sends.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol, cast

from wattproof.io.serial import SerialSettings, set_line
from wattproof.virtual.line import Delivery
from wattproof.virtual.reading import PIECE, Reading

if TYPE_CHECKING:
    from wattproof.virtual.line import Value
    from wattproof.virtual.runtime import Runtime

_SOH, _ETX, _LF, _NAK = 0x01, 0x03, 0x0A, 0x15
#: What has so many bytes and no end is no message.
_LONGEST = 1024


class Output(Protocol):
    """Bytes to send, the real instant at which they start (ns), and the bit rate of the line while they pass."""

    @property
    def at(self) -> int: ...
    @property
    def data(self) -> bytes: ...
    @property
    def baudrate(self) -> int: ...


class Head(Protocol):
    """What a meter family offers as its optical head; times are real nanoseconds."""

    paced: bool
    baudrate: int

    @property
    def broadcasts(self) -> bool: ...
    def receive(self, data: bytes, now: int) -> None: ...
    def due(self, now: int) -> Sequence[Output]: ...
    def next_event(self) -> int | None: ...
    def reset(self) -> None: ...


class OpticalPort:
    """One head and whoever listens to it.

    :param write: sends bytes to all who listen; the second argument is the bit rate while they pass.
    :param close: ends the connection, ``None`` on a line.
    """

    def __init__(
        self,
        head: Head,
        runtime: Runtime,
        loop: asyncio.AbstractEventLoop,
        write: Callable[[bytes, int], None],
        close: Callable[[], None] | None,
    ) -> None:
        self.head = head
        self._runtime = runtime
        self._loop = loop
        self._write = write
        self._close = close
        self._timer: asyncio.TimerHandle | None = None
        self._message = bytearray()
        self._request = b""
        self._hits: tuple[str, ...] = ()
        self._drawn: Mapping[str, Value] = {}
        self._listeners = 0

    def joined(self) -> None:
        """Somebody listens from now on."""
        self._listeners += 1
        self._pump()

    def left(self) -> None:
        """Somebody has gone; when it was the last one, the session is over."""
        self._listeners -= 1
        if self._listeners == 0:
            self._message.clear()
            self.head.reset()
            self._rest()

    def receive(self, data: bytes) -> None:
        """Bytes of the reader. Each message is drawn for once, at its first byte."""
        if self.head.broadcasts:
            return
        runtime = self._runtime
        runtime.catch_up()
        for byte in data:
            if not self._message:
                self._strike(anew=True)
            self._message.append(byte)
            if _complete(self._message):
                self._end_message()
            elif len(self._message) > _LONGEST:
                self._message.clear()
        runtime.keep()
        runtime.refresh()
        self._pump()

    def _strike(self, *, anew: bool) -> None:
        """Draw for a new message, or, for the same one, for what has come into force since."""
        line = self._runtime.meter.line
        if anew:
            self._hits, self._drawn = (), {}
        if line.active is not self._drawn:
            connection = self._close is not None
            self._hits = line.strike_again(self._hits, self._drawn, optical=True, connection=connection)
            self._drawn = line.active

    def _end_message(self) -> None:
        runtime, now = self._runtime, self._runtime.now()
        self._request = bytes(self._message)
        self._message.clear()
        details = {"meaning": _text(self._request)}
        runtime.ring.record(now, "request", data=self._request, details=details)
        if "drop" in self._hits:
            runtime.meter.line.lose()
        else:
            self.head.receive(self._request, now)

    def _pump(self) -> None:
        self._rest()
        runtime = self._runtime
        if self._listeners:
            runtime.catch_up()
            for output in self.head.due(runtime.now()):
                self._send(output)
            event = self.head.next_event()
            if event is not None:
                self._timer = self._loop.call_later(max(0, event - runtime.now()) / 1e9 + 1e-4, self._pump)

    def _rest(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send(self, output: Output) -> None:
        runtime = self._runtime
        if not runtime.keep():
            return
        line = runtime.meter.line
        self._strike(anew=self.head.broadcasts)
        hits = self._hits
        delivery = line.deliver_text(hits, self._request, output.data) if hits else Delivery(data=output.data)
        if delivery.close and self._close is not None:
            self._close()
        elif delivery.data:
            if delivery.delay:
                self._loop.call_later(delivery.delay / 1e9, self._out, delivery, output)
            else:
                self._out(delivery, output)

    def _out(self, delivery: Delivery, output: Output) -> None:
        data = b"".join(delivery.before) + delivery.data
        runtime = self._runtime
        runtime.ring.record(runtime.now(), "answer", data=data, details={"meaning": _text(data)})
        self._write(data, output.baudrate)

    def close(self) -> None:
        """No more timers."""
        self._listeners = 0
        self._rest()


def _complete(message: bytearray) -> bool:
    """Whether a message of a reader ends here: a line, a NAK, or ETX and the check character behind it."""
    first = message[0] & 0x7F
    if first == _SOH:
        return len(message) > 1 and message[-2] & 0x7F == _ETX
    return message[-1] & 0x7F == _LF or (first == _NAK and len(message) == 1)


def _text(data: bytes) -> str:
    return data[:80].decode("ascii", "backslashreplace").strip() + (f" ... {len(data)} bytes" if len(data) > 80 else "")


class OpticalConnection(Reading):
    """One client on a socket. Modes A and C serve one at a time, a further one is closed at once; D0 sends to all."""

    __slots__ = ("_clients", "_port")

    def __init__(self, port: OpticalPort, clients: set[OpticalConnection]) -> None:
        super().__init__()
        self._port = port
        self._clients = clients

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._clients and (not self._port.head.broadcasts or len(self._clients) >= 64):
            cast(asyncio.Transport, transport).close()
            return
        super().connection_made(transport)
        self._clients.add(self)
        self._port.joined()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self in self._clients:
            self._clients.discard(self)
            self._port.left()

    def take(self, data: bytes) -> None:
        if self in self._clients:
            self._port.receive(data)

    def write(self, data: bytes) -> None:
        """Send; who does not read for long is let go."""
        if self.transport is not None:
            self.transport.write(data)
            if self.transport.get_write_buffer_size() > 1 << 20:
                self.transport.abort()

    def abort(self) -> None:
        """End it now."""
        if self.transport is not None:
            self.transport.abort()


class OpticalLine:
    """The head on a terminal. On a serial device the bit rate follows the session; a pseudo-terminal has none."""

    def __init__(self, descriptor: int, settings: SerialSettings | None, name: str) -> None:
        self._descriptor = descriptor
        self._settings = settings
        self._name = name
        self._restore: asyncio.TimerHandle | None = None

    def attach(self, head: Head, runtime: Runtime, loop: asyncio.AbstractEventLoop) -> OpticalPort:
        """Connect them; there is always somebody who listens to a line."""
        self._loop = loop
        head.paced = self._settings is not None
        self._port = OpticalPort(head, runtime, loop, self._write, None)
        self._set(head.baudrate)
        loop.add_reader(self._descriptor, self._readable)
        self._port.joined()
        return self._port

    def _readable(self) -> None:
        try:
            data = os.read(self._descriptor, PIECE)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._loop.remove_reader(self._descriptor)
            return
        self._port.receive(data)

    def _write(self, data: bytes, baudrate: int) -> None:
        if self._restore is not None:
            self._restore.cancel()
        self._set(baudrate)
        try:
            os.write(self._descriptor, data)
        except OSError:
            return  # nobody reads: light into the void
        if self._settings is not None:
            seconds = len(data) * 10 / baudrate
            self._restore = self._loop.call_later(seconds, lambda: self._set(self._port.head.baudrate))

    def _set(self, baudrate: int) -> None:
        if self._settings is not None and self._settings.baudrate != baudrate:
            self._settings = replace(self._settings, baudrate=baudrate)
            set_line(self._descriptor, self._name, self._settings)

    def close(self) -> None:
        """Hear and send no more; the descriptor stays open."""
        if self._restore is not None:
            self._restore.cancel()
        self._port.close()
        self._loop.remove_reader(self._descriptor)
