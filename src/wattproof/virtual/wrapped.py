"""COSEM APDUs over TCP and UDP, with the header of the IP wrapper (abb-meters.md 2.17; IEC 62056-47).

One port is one meter. The meter's face knows the rules of associations; here are sockets, damage and time.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from dataclasses import dataclass
from typing import Protocol, cast

from wattproof.errors import FrameError
from wattproof.io.http import address_error
from wattproof.virtual.framed import Face, FrameBus, FramedMeter
from wattproof.virtual.framefaults import Delivery
from wattproof.virtual.reading import Reading
from wattproof.virtual.runtime import Runtime
from wattproof.virtual.timers import Cancel
from wattproof.wire.cosem import wrapper
from wattproof.wire.cosem.wrapper import PATIENCE, Message, Receiver
from wattproof.wire.hdlc.server import INACTIVITY

#: Bytes of rubbish that the journal keeps.
_KEPT = 260


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A message and who sent it."""

    message: Message
    peer: str

    def encode(self) -> bytes:
        """Its bytes with the header."""
        return self.message.encode()


class WrapperFace(Face, Protocol):
    """A face of kind W. Its frames are of the kind that :meth:`wrap` makes."""

    def wrap(self, message: Message, peer: str, /) -> Wrapped:
        """A message as the face hears it."""
        ...

    def left(self, peer: str, /) -> None:
        """A peer is gone, and its association with it."""
        ...


class Port:
    """One meter at a port: what comes in is heard, journalled and answered."""

    def __init__(self, runtime: Runtime, protocol: str) -> None:
        self.runtime = runtime
        self.bus = FrameBus([runtime], protocol)
        self.face = cast(WrapperFace, cast(FramedMeter, runtime.meter).face(protocol))

    def hear(self, message: Message, peer: str, arrived: int, *, connection: bool) -> tuple[Delivery, int] | None:
        """What leaves, and when."""
        return self.bus.hear(self.face.wrap(message, peer), arrived, connection=connection)

    def rubbish(self, data: bytes, arrived: int, error: FrameError) -> None:
        """What was no message is told to the journal."""
        self.runtime.ring.record(arrived, "rubbish", data=data[:_KEPT], details={"reason": str(error)})


# -- TCP -------------------------------------------------------------------------------------------------------------


class Streams:
    """The one connection of a TCP port. A further one is closed at once, unless the first has been silent for so long
    that it has no association any more."""

    def __init__(self, port: Port) -> None:
        self.port = port
        self._open: WrapperStream | None = None

    def admit(self, stream: WrapperStream, now: int) -> bool:
        """Whether there is room for a new connection."""
        if self._open is not None:
            if now - self._open.used < INACTIVITY:
                return False
            self._open.abort()
        self._open = stream
        return True

    def discard(self, stream: WrapperStream) -> None:
        """A connection has ended."""
        if self._open is stream:
            self._open = None

    def close(self) -> None:
        """End what is open."""
        if self._open is not None:
            self._open.abort()


class WrapperStream(Reading):
    """One TCP client. Answers leave in the order of their requests, however late each is."""

    __slots__ = ("_alarm", "_answers", "_peer", "_receiver", "_sender", "_streams", "used")

    def __init__(self, streams: Streams) -> None:
        super().__init__()
        self._streams = streams
        self._receiver = Receiver()
        self._peer = ""
        self._answers: deque[tuple[int, bytes]] = deque()
        self._sender: Cancel | None = None
        #: Set while a message that has begun must be complete by then.
        self._alarm: Cancel | None = None
        #: Real instant of the last received bytes.
        self.used = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.used = self._streams.port.runtime.now()
        if not self._streams.admit(self, self.used):
            cast(asyncio.Transport, transport).close()
            return
        super().connection_made(transport)
        self._peer = _name(transport.get_extra_info("peername"))
        peer = transport.get_extra_info("socket")
        if peer is not None:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)

    def connection_lost(self, exc: Exception | None) -> None:
        if self.transport is not None:
            self._streams.port.face.left(self._peer)
        super().connection_lost(exc)
        self._streams.discard(self)
        self._answers.clear()
        for timer in (self._alarm, self._sender):
            if timer is not None:
                timer.cancel()

    def take(self, data: bytes) -> None:
        port = self._streams.port
        self.used = now = port.runtime.now()
        messages = self._receiver.receive(data, now)
        for message in messages:
            answer = port.hear(message, self._peer, now, connection=True)
            if answer is not None and not self._deliver(*answer):
                return
        if self._receiver.broken is not None:
            self._break(data)
        elif messages or self._alarm is None:
            self._watch(now + PATIENCE)

    def _watch(self, until: int) -> None:
        """What has begun by now must be complete ``until`` then."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = self._streams.port.runtime.timers.call_at(until, self._expire)

    def _expire(self) -> None:
        self._alarm = None
        self._receiver.tick(self._streams.port.runtime.now())
        if self._receiver.broken is not None:
            self._break(b"")

    def _break(self, data: bytes) -> None:
        """The stream cannot be trusted any more; what has been answered still goes out."""
        if self.transport is not None and self._receiver.broken is not None:
            self._streams.port.rubbish(data, self.used, self._receiver.broken)
            self.transport.close()

    def _deliver(self, delivery: Delivery, moment: int) -> bool:
        """Let an answer out at its moment, not before those in front of it; ``False``: the connection is closed."""
        if delivery.close:
            self.abort()
            return False
        self._answers.append((moment, delivery.data))
        self._flush()
        return True

    def _flush(self) -> None:
        timers = self._streams.port.runtime.timers
        while self._answers and self._answers[0][0] <= timers.now():
            self._write(self._answers.popleft()[1])
        if self._answers and self._sender is None:
            self._sender = timers.call_at(self._answers[0][0], self._send_on)

    def _send_on(self) -> None:
        self._sender = None
        self._flush()

    def _write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)

    def abort(self) -> None:
        """End it now."""
        if self.transport is not None:
            self.transport.abort()


# -- UDP -------------------------------------------------------------------------------------------------------------


class Datagrams(asyncio.DatagramProtocol):
    """The socket of a UDP port. What cannot be read is dropped. It is its own server behind a gate."""

    def __init__(self, port: Port) -> None:
        self._port = port
        self._transport: asyncio.DatagramTransport | None = None
        self._pending: set[_Later] = set()

    @classmethod
    async def listen(cls, port: Port, host: str, number: int) -> Datagrams:
        """Open it. Raises ``PortInUse``: the address is taken, or not one of this machine."""
        loop = asyncio.get_running_loop()
        try:
            _, protocol = await loop.create_datagram_endpoint(lambda: cls(port), (host, number))
        except OSError as error:
            raise address_error(f"dlms+udp://{host}:{number}", error) from error
        return protocol

    @property
    def port(self) -> int:
        """Where it listens."""
        number: int = cast(asyncio.DatagramTransport, self._transport).get_extra_info("sockname")[1]
        return number

    async def close(self) -> None:
        """Hear no more; what has not been sent yet is not sent."""
        for later in self._pending:
            later.timer.cancel()
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        arrived = self._port.runtime.now()
        try:
            message = wrapper.decode(data)
        except FrameError as error:
            self._port.rubbish(data, arrived, error)
            return
        answer = self._port.hear(message, _name(address), arrived, connection=False)
        if answer is None or not answer[0].data:
            return
        (delivery, moment), timers = answer, self._port.runtime.timers
        if moment <= timers.now():
            self._send(delivery.data, address)
        else:
            later = _Later(self, delivery.data, address)
            self._pending.add(later)
            later.timer = timers.call_at(moment, later)

    def _send(self, data: bytes, address: tuple[str, int]) -> None:
        if self._transport is not None:
            self._transport.sendto(data, address)

    def error_received(self, exc: Exception) -> None:
        """A peer is not there any more; that is no matter of the meter."""


class _Later:
    """A datagram that waits."""

    __slots__ = ("_address", "_data", "_socket", "timer")

    timer: Cancel

    def __init__(self, socket: Datagrams, data: bytes, address: tuple[str, int]) -> None:
        self._socket, self._data, self._address = socket, data, address

    def __call__(self) -> None:
        self._socket._pending.discard(self)
        self._socket._send(self._data, self._address)


def _name(address: object) -> str:
    """A peer as text."""
    return ":".join(map(str, cast(tuple[str, int], address)[:2])) if isinstance(address, tuple) else str(address)
