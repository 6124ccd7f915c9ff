"""A clock that is moved by hand, and wires in memory that keep what was sent on them."""

from __future__ import annotations

import heapq
from collections.abc import Callable

from wattproof.virtual.line import Delivery
from wattproof.virtual.listeners import framer
from wattproof.virtual.runtime import Runtime
from wattproof.virtual.station import Station, Stream
from wattproof.wire.modbus.framing import Request, ServerFramer

SECOND = 10**9


class HandTimers:
    """Real time that stands still until ``run`` moves it."""

    def __init__(self) -> None:
        self.time = 1_000 * SECOND
        self.timers: list[tuple[int, int, Callable[[], None], list[bool]]] = []
        self.made = 0

    def now(self) -> int:
        return self.time

    def utc(self) -> int:
        return 1_700_000_000 * SECOND

    def call_at(self, when: int, callback: Callable[[], None]) -> HandTimers.Timer:
        self.made += 1
        alive = [True]
        heapq.heappush(self.timers, (when, self.made, callback, alive))
        return self.Timer(alive)

    class Timer:
        def __init__(self, alive: list[bool]) -> None:
            self.alive = alive

        def cancel(self) -> None:
            self.alive[0] = False

    @property
    def pending(self) -> int:
        return sum(alive[0] for *_, alive in self.timers)

    def run(self, seconds: float) -> None:
        end = self.time + round(seconds * SECOND)
        while self.timers and self.timers[0][0] <= end:
            when, _, callback, alive = heapq.heappop(self.timers)
            self.time = max(self.time, when)
            if alive[0]:
                callback()
        self.time = end


class Wire:
    """A Modbus wire in memory: ``ask`` and ``hear`` send requests, ``sent`` holds (time, delivery).

    ``network``: it is the network interface of its meter; Modbus TCP always is.
    """

    def __init__(
        self, timers: HandTimers, *runtimes: Runtime, framing: str = "tcp", connection: bool = True,
        network: bool | None = None,
    ) -> None:  # fmt: skip
        self.timers = timers
        self.station = Station(runtimes, network=framing == "tcp" if network is None else network)
        self.closed = False
        self.sent: list[tuple[int, Delivery]] = []
        self.framer: ServerFramer = framer(framing, self.station)
        self.stream = Stream(
            self.station, self.framer, self._write, close=self._close if connection else None, tcp=framing == "tcp"
        )

    def _write(self, delivery: Delivery, arrived: int) -> None:
        self.sent.append((self.timers.time, delivery))

    def _close(self) -> None:
        self.closed = True

    def ask(self, pdu: bytes, unit: int = 42, transaction: int = 1) -> None:
        self.hear(self.framer.encode(Request(unit, pdu, transaction), pdu))

    def hear(self, data: bytes) -> None:
        """Bytes as they come in."""
        self.stream.receive(data, self.timers.time)

    def exchange(self, data: bytes, seconds: float = 0.2) -> bytes:
        """Bytes in, and everything that goes out within some real seconds."""
        before = len(self.sent)
        self.hear(data)
        self.timers.run(seconds)
        return b"".join(b"".join((*delivery.before, delivery.data)) for _, delivery in self.sent[before:])

    @property
    def answers(self) -> list[bytes]:
        return [delivery.data for _, delivery in self.sent]
