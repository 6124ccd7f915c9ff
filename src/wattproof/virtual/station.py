"""Who hears one wire, virtual meters for example, and a stream of bytes on which they are asked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from wattproof.virtual.base import Onward
from wattproof.virtual.line import Delivery
from wattproof.virtual.runtime import NEVER
from wattproof.wire.modbus.framing.messages import BROADCAST, Request, ServerFramer

if TYPE_CHECKING:
    from wattproof.virtual.job import Wire
    from wattproof.virtual.runtime import Runtime
    from wattproof.virtual.timers import Cancel, Timers


class Respondent(Protocol):
    """Who answers what is asked at a listener: virtual meters (`Station`), or whoever asks somebody else for it."""

    @property
    def network(self) -> bool:
        """Whether the listener is a network interface of its own rather than a line with several units."""
        ...

    @property
    def timers(self) -> Timers:
        """Real time."""
        ...

    def __contains__(self, unit: object, /) -> bool:
        """Whether requests for this unit are answered here; on a line, all others are other units' traffic."""
        ...

    def route(self, request: Request, wire: Wire, arrived: int, frame: bytes = b"", /) -> None:
        """One request, complete at the real instant ``arrived``. Its answer, if any, goes to ``wire`` once it is there;
        ``frame`` are its bytes, where they are at hand."""
        ...


class Station:
    """Meters behind one listener, found by the unit they answer to at this moment (a written DA counts at once).

    :param deaf: why a meter does not hear what is sent here now, "" if it does. It may have been told another bit rate.
    """

    __slots__ = ("_by_unit", "_deaf", "network", "runtimes")

    def __init__(
        self, runtimes: Sequence[Runtime], *, network: bool = False, deaf: Callable[[Runtime], str] | None = None
    ) -> None:
        self.runtimes = tuple(runtimes)
        self._deaf = deaf
        #: Whether it is the network interface of its meter rather than a line with several units.
        self.network = network
        self._by_unit: dict[int, Runtime] = {}

    @property
    def timers(self) -> Timers:
        return self.runtimes[0].timers

    def find(self, unit: int) -> Runtime | None:
        """The meter that takes requests for this unit; with two of them, the one that came first."""
        found = self._by_unit.get(unit)
        if found is not None and found.meter.takes(unit, self.network):
            return found
        for runtime in self.runtimes:
            if runtime.meter.takes(unit, self.network):
                self._by_unit[unit] = runtime
                return runtime
        return None

    def __contains__(self, unit: object) -> bool:
        return isinstance(unit, int) and self.find(unit) is not None

    def route(self, request: Request, wire: Wire, arrived: int, frame: bytes = b"") -> None:
        """Hand a request to its meter; for another unit, answer as the meters here do or stay silent."""
        for runtime in self.runtimes:
            if runtime.due <= arrived:
                runtime.catch_up()
        if request.unit == BROADCAST and not self.network and len(self.runtimes) > 1:
            for runtime in self.runtimes:
                if runtime.meter.takes(BROADCAST, network=False):
                    self._submit(runtime, request, wire, arrived, frame)
            return
        runtime_found = self.find(request.unit)
        if runtime_found is not None:
            self._submit(runtime_found, request, wire, arrived, frame)
        else:
            self._foreign(request, wire, arrived, frame)

    def _submit(self, runtime: Runtime, request: Request, wire: Wire, arrived: int, frame: bytes) -> None:
        reason = self._deaf(runtime) if self._deaf is not None else ""
        if reason:
            runtime.ring.record(arrived, "lost", unit=request.unit, pdu=request.pdu, details={"reason": reason})
        else:
            runtime.submit(request, wire, arrived, frame)

    def _foreign(self, request: Request, wire: Wire, arrived: int, frame: bytes) -> None:
        runtime = self.runtimes[0]
        code = None if runtime.meter.silent else runtime.meter.foreign(request.unit, self.network)
        if isinstance(code, Onward):
            runtime.pass_on(request, wire, arrived, code, frame)
            return
        if len(self.runtimes) == 1:
            details = {"reason": "the request is for another unit"}
            runtime.ring.record(arrived, "foreign", unit=request.unit, pdu=request.pdu, details=details)
        if code is None:
            return
        answer = bytes((request.pdu[0] | 0x80, code))
        data = wire.encode(request, answer)
        if len(self.runtimes) == 1:
            runtime.ring.record(runtime.now(), "answer", unit=request.unit, pdu=answer, data=data)
        wire.send(Delivery(data=data), arrived)

    @property
    def due(self) -> int:
        """Real instant of the next event of any meter here."""
        return min((runtime.due for runtime in self.runtimes), default=NEVER)


class Stream:
    """One stream of framed requests: a connection, or a line. It turns bytes into requests and answers into bytes.

    :param write: takes one answer with everything before it, and the instant at which its request ended.
    :param close: ends the connection; ``None`` where there is none (a line).
    :param gap: nanoseconds of silence that end a frame, whatever its length.
    """

    __slots__ = ("_close", "_framer", "_gap", "_heard", "_silence", "_station", "_write", "tcp")

    def __init__(
        self,
        station: Respondent,
        framer: ServerFramer,
        write: Callable[[Delivery, int], None],
        *,
        close: Callable[[], None] | None = None,
        tcp: bool = False,
        gap: Callable[[], int] = lambda: 50_000_000,
    ) -> None:
        self._station = station
        self._write = write
        self._close = close
        self._gap = gap
        self._heard = 0
        self._silence: Cancel | None = None
        self._framer = framer
        self.tcp = tcp

    @property
    def network(self) -> bool:
        """Whether it is the network interface of its meter."""
        return self._station.network

    @property
    def connection(self) -> bool:
        """Whether there is a connection that can be closed."""
        return self._close is not None

    @property
    def supersedes(self) -> bool:
        """On a half-duplex line a new request means that the master has given the old one up."""
        return not self.tcp

    def encode(self, request: Request, pdu: bytes, /) -> bytes:
        """The frame that answers ``request`` with ``pdu``."""
        return self._framer.encode(request, pdu)

    def receive(self, data: bytes, arrived: int) -> None:
        """Bytes that ended at the real instant ``arrived``."""
        if self._silence is not None:
            self._silence.cancel()
            self._silence = None
        if arrived - self._heard > self._gap():
            self._framer.gap()
        self._heard = arrived
        requests = self._framer.receive(data)
        self._hand_over(requests)
        if not requests and not self.tcp:
            self._silence = self._station.timers.call_at(arrived + self._gap(), self._fall_silent)
        if self._framer.broken is not None and self._close is not None:
            self._close()

    def _fall_silent(self) -> None:
        """Nothing followed: what only a silence completes (a frame of the wrong length) is refused now."""
        self._silence = None
        self._hand_over(self._framer.gap())

    def _hand_over(self, requests: Iterable[Request]) -> None:
        arrived = self._heard
        for request in requests:
            self._station.route(request, self, arrived)

    def send(self, delivery: Delivery, arrived: int) -> None:
        """Let one answer out."""
        if delivery.close and self._close is not None:
            self._close()
        elif delivery.data:
            self._write(delivery, arrived)
