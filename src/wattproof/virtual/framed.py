"""Buses of frames (M-Bus, HDLC): many meters on one pair of wires, and each of them hears every frame.

A meter has a *face* for each protocol; the state of its link belongs to the face, whoever asks. What a stream brings
goes through one receiver into frames, every frame to every meter, and what they answer at the same time is combined as
copper would (bitwise and). Delays of the bus are real ones whatever the speed of the meter.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, cast

from wattproof.io.serial import SerialSettings
from wattproof.virtual.framefaults import UNSTRUCK, Delivery, LinkFaults
from wattproof.virtual.reading import Reading

if TYPE_CHECKING:
    from wattproof.io.url import MeterURL
    from wattproof.virtual.runtime import Runtime
    from wattproof.virtual.serialline import Line
    from wattproof.virtual.timers import Cancel, Timers


#: Bits of a character on the wire, with start, parity and stop bit.
BITS = 11
#: Clients that one socket serves at once.
CLIENTS = 16


class Framer(Protocol):
    """Turns bytes into frames, and finds its way again after rubbish."""

    def receive(self, data: bytes, now: int, /) -> Sequence[Any]:
        """The frames that end in ``data``, whose last byte came at the real instant ``now`` (ns)."""
        ...


class Face(Protocol):
    """A protocol that one meter speaks on a bus. Instants are real nanoseconds."""

    #: Which faults of the link act here: M, H or W.
    kind: str

    @property
    def delay(self) -> int:
        """From the end of a request to the start of its answer."""
        ...

    def concerns(self, frame: Any, /) -> bool:
        """Whether this meter is meant, be it among others: only then the frame is in its journal."""
        ...

    def answer(self, frame: Any, now: int, /) -> bytes | None:
        """Take a frame in, whomever it is for, and answer it or not. The meter has been advanced to the present."""
        ...

    def meaning(self, answer: bytes, /) -> str:
        """What an answer says, for the journal; it may have been damaged."""
        ...

    def spoil(self, fault: str, value: object, request: Any, answer: bytes, chance: random.Random, /) -> bytes | None:
        """The answer as a fault of the frame leaves it; ``None``: this answer cannot be hit."""
        ...


class FramedMeter(Protocol):
    """What a meter on such a bus has."""

    link: LinkFaults

    def face(self, protocol: str) -> Face:
        """Its face for ``mbus`` or ``hdlc``, always the same one."""
        ...

    def framer(self, protocol: str, *, network: bool) -> Framer:
        """A new receiver for a stream; ``network``: its bytes come over a network, with longer pauses in between."""
        ...

    def settle(self, now: int) -> None:
        """Bytes have come at the real instant ``now`` (ns), whether or not they are a frame: a link may have timed
        out meanwhile."""
        ...


class Words:
    """What an answer says, found when somebody reads it."""

    __slots__ = ("_data", "_find")

    def __init__(self, find: Callable[[bytes], str], data: bytes) -> None:
        self._find, self._data = find, data

    def __str__(self) -> str:
        return self._find(self._data)


class FrameBus:
    """Meters on one bus. ``deaf`` tells why a meter does not hear what is sent now, ``""`` if it does."""

    def __init__(
        self, runtimes: Sequence[Runtime], protocol: str, *, deaf: Callable[[Runtime], str] = lambda _: ""
    ) -> None:
        self.runtimes = tuple(runtimes)
        self.protocol = protocol
        self._deaf = deaf
        self._faces = [(runtime, _framed(runtime).face(protocol)) for runtime in self.runtimes]

    @property
    def timers(self) -> Timers:
        """Real time."""
        return self.runtimes[0].timers

    def framer(self, *, network: bool) -> Framer:
        """A new receiver for a stream."""
        return _framed(self.runtimes[0]).framer(self.protocol, network=network)

    def settle(self, arrived: int) -> None:
        """Bytes have come at ``arrived``, whether or not they are a frame."""
        for runtime in self.runtimes:
            _framed(runtime).settle(arrived)

    def hear(self, frame: Any, arrived: int, *, connection: bool) -> tuple[Delivery, int] | None:
        """Let every meter hear a frame that ended at ``arrived``; what leaves the bus, and from which instant on."""
        answers = []
        for runtime, face in self._faces:
            delivery = self._ask(runtime, face, frame, arrived, connection)
            if delivery is not None:
                answers.append((delivery, arrived + face.delay + delivery.delay))
        if not answers:
            return None
        if len(answers) == 1:
            return answers[0]
        return _together(answers, BITS * 1_000_000_000 // self.runtimes[0].meter.baudrate)

    def _ask(self, runtime: Runtime, face: Face, frame: Any, arrived: int, connection: bool) -> Delivery | None:
        meter, ring = runtime.meter, runtime.ring
        if runtime.due <= arrived:
            runtime.catch_up()
        meant = face.concerns(frame)
        if meant:
            ring.record(arrived, "request", data=frame.encode(), details={"meaning": frame})
        lost = self._deaf(runtime)
        if not lost and (meter.silent or runtime.failure is not None):
            lost = "the meter has no supply, or is starting" if meter.silent else "the meter's state cannot be kept"
        link = _framed(runtime).link
        struck = link.strike(face.kind, connection=connection) if meant and not lost else UNSTRUCK
        if fault := link.loses(struck.hits):
            lost = f"the fault {fault} took it"
        if lost:
            if meant:
                ring.record(runtime.now(), "lost", details={"reason": lost})
            return None
        answer = self._execute(runtime, face, frame, arrived, meant)
        if answer is None:
            return None
        struck = link.strike(face.kind, connection=connection, before=struck)
        delivery = link.deliver(struck.hits, face, frame, answer)
        if delivery.data:
            details = {"meaning": Words(face.meaning, delivery.data)}
            ring.record(runtime.now(), "answer", data=delivery.data, details=details)
        else:
            took = "disconnect" if delivery.close else "drop-answer"
            ring.record(runtime.now(), "lost", details={"reason": f"the fault {took} took the answer"})
        return delivery

    @staticmethod
    def _execute(runtime: Runtime, face: Face, frame: Any, arrived: int, meant: bool) -> bytes | None:
        """Nothing that shows a change leaves the meter before the change is kept."""
        now = runtime.advance()
        if meant:
            runtime.meter.before_request(now)
        answer = face.answer(frame, arrived)
        kept = runtime.keep()
        runtime.refresh()
        if not kept:
            runtime.ring.record(runtime.now(), "lost", details={"reason": "the meter's state cannot be kept"})
        return answer if kept else None


def _framed(runtime: Runtime) -> FramedMeter:
    return cast(FramedMeter, runtime.meter)


def _together(answers: Sequence[tuple[Delivery, int]], character: int) -> tuple[Delivery, int]:
    """Several meters at once, each from its own moment on: a 0 of any of them wins, where only one sends, its bytes
    stand, and where none does there is nothing. ``character``: nanoseconds that a byte takes on the wire."""
    first = min(moment for _, moment in answers)
    mixed: dict[int, int] = {}
    for delivery, moment in answers:
        start = (moment - first + character // 2) // character
        for index, byte in enumerate(delivery.data, start):
            mixed[index] = mixed.get(index, 0xFF) & byte
    close = any(delivery.close for delivery, _ in answers)
    return Delivery(bytes(mixed[index] for index in sorted(mixed)), close=close), first


class FrameStream:
    """One way onto a bus: a connection or a terminal. Half duplex: who asks anew has given the old question up.

    :param write: hands bytes to the wire, now. :param close: ends the connection; ``None`` on a line.
    """

    def __init__(
        self, bus: FrameBus, write: Callable[[bytes], None], close: Callable[[], None] | None, *, network: bool
    ) -> None:
        self._bus = bus
        self._write = write
        self._close = close
        self._framer = bus.framer(network=network)
        self._pending: list[Cancel] = []

    def receive(self, data: bytes, arrived: int) -> None:
        """Bytes whose last one came at the real instant ``arrived``."""
        self._bus.settle(arrived)
        for frame in self._framer.receive(data, arrived):
            self.forget()
            answer = self._bus.hear(frame, arrived, connection=self._close is not None)
            if answer is not None:
                self._schedule(*answer)

    def _schedule(self, delivery: Delivery, moment: int) -> None:
        if delivery.close and self._close is not None:
            self._close()
        elif delivery.pace:
            for index in range(len(delivery.data)):
                self._later(delivery.data[index : index + 1], moment + index * delivery.pace)
        elif delivery.data:
            self._later(delivery.data, moment)

    def _later(self, data: bytes, moment: int) -> None:
        timers = self._bus.timers
        if moment <= timers.now():
            self._write(data)
        else:
            self._pending.append(timers.call_at(moment, lambda: self._write(data)))

    def forget(self) -> None:
        """What has not been sent yet is not sent."""
        for timer in self._pending:
            timer.cancel()
        self._pending.clear()


class FrameConnection(Reading):
    """One client on a socket: a converter's network side."""

    __slots__ = ("_bus", "_clients", "_stream")

    def __init__(self, bus: FrameBus, clients: set[FrameConnection], limit: int) -> None:
        super().__init__()
        self._bus = bus
        self._clients = clients
        self._stream: FrameStream | None = None
        if len(clients) < limit:
            self._stream = FrameStream(bus, self._write, self.abort, network=True)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self._stream is None:
            cast(asyncio.Transport, transport).close()
            return
        super().connection_made(transport)
        self._clients.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._clients.discard(self)
        if self._stream is not None:
            self._stream.forget()

    def take(self, data: bytes) -> None:
        if self._stream is not None:
            self._stream.receive(data, self._bus.timers.now())

    def _write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)
            if self.transport.get_write_buffer_size() > 1 << 20:
                self.transport.abort()

    def abort(self) -> None:
        """End it now."""
        if self.transport is not None:
            self.transport.abort()


def line_settings(url: MeterURL) -> SerialSettings:
    """How a line of frames is set unless its address says otherwise: M-Bus 2400 8E1, HDLC 9600 8N1."""
    rate, parity = (2400, "E") if url.framing == "mbus" else (9600, "N")
    named = SerialSettings.of(url)
    baudrate = named.baudrate if "baudrate" in url.options else rate
    return replace(named, baudrate=baudrate, parity=url.options.get("parity", parity).upper())


def attach(bus: FrameBus, line: Line) -> FrameStream:
    """Let a bus be heard on a terminal."""
    stream = FrameStream(bus, line.put, None, network=False)

    def receive(data: bytes, arrived: int) -> None:
        bus.settle(arrived)
        line.follow()  # a rate at which nothing was understood may have been given up
        stream.receive(data, arrived)

    line.listen(receive)
    return stream
