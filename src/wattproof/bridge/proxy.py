"""Several masters on one line: what they ask is judged, put into the order of a `Bus`, and answered to each.

::

    client -> access -> rate -> [drop, exception] -> bus (equal reads once, dead units rest) -> faults -> client

The bus decides when a request goes out, so one dead unit costs the others next to nothing. What a request may meet
before it gets there are exceptions as gateways give them: 0x0A for a unit that may not be asked or a line that is not
there, 0x0B for a unit that does not answer, 0x01 for a write to what may only be read, 0x06 beyond the limits.

The line faults are those of virtual meters. They act on what was forwarded, so that a real meter behind misbehaves as
told; what the proxy says for itself they leave alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wattproof.bridge.access import Access, Bucket, only_reads
from wattproof.bridge.counts import Counts, Departed
from wattproof.drivers.schedule import Priority
from wattproof.errors import LinkError, ModbusRefused, ProtocolError, ResponseTimeout, Unreachable, WattproofError
from wattproof.virtual.exchange import Ring, Times, as_dict
from wattproof.virtual.job import Job
from wattproof.virtual.line import Delivery, LineFaults
from wattproof.wire.modbus.exceptions import ExceptionCode, exception
from wattproof.wire.modbus.framing.messages import BROADCAST, Request

if TYPE_CHECKING:
    from wattproof.drivers.bus import Bus, Work
    from wattproof.drivers.schedule import Entry
    from wattproof.virtual.job import Wire
    from wattproof.virtual.timers import Timers

#: Requests of one client that are under way or wait, and of all clients together.
CLIENT_LIMIT, LIMIT = 32, 512

_BUSY = ExceptionCode.SERVER_DEVICE_BUSY
_SILENT = ExceptionCode.GATEWAY_TARGET_FAILED_TO_RESPOND


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests a second that pass: of one client, and for one unit; ``None``: any number."""

    client: float | None = None
    unit: float | None = None


class Client:
    """One master: a connection, or a line. A `wattproof.virtual.station.Respondent` for its stream."""

    __slots__ = ("bucket", "counts", "label", "name", "network", "pending", "proxy")

    def __init__(self, proxy: Proxy, *, network: bool) -> None:
        self.proxy = proxy
        self.network = network
        self.name = ""
        self.label: Mapping[str, object] = {}
        self.counts = Counts()
        self.bucket = None if proxy.rates.client is None else Bucket(proxy.rates.client)
        self.pending: set[Forward] = set()

    @property
    def timers(self) -> Timers:
        return self.proxy.timers

    def arrive(self, name: str) -> None:
        """It is there; ``name`` says where it comes from."""
        self.name = name
        self.label = {"client": name}
        self.proxy.enter(self)

    def depart(self) -> None:
        """It is gone: nothing is sent for it any more."""
        self.proxy.leave(self)

    @property
    def host(self) -> str:
        """The name without its port."""
        return self.name.rpartition(":")[0] or self.name

    def __contains__(self, unit: object, /) -> bool:
        return isinstance(unit, int) and self.proxy.access.allows(unit)

    def route(self, request: Request, wire: Wire, arrived: int, frame: bytes = b"", /) -> None:
        self.proxy.serve(self, request, wire, arrived, frame)


class Forward(Job):
    """One request on its way over the line."""

    __slots__ = ("client", "entry", "proxy")

    def __init__(self, proxy: Proxy, client: Client, request: Request, wire: Wire, arrived: int) -> None:
        super().__init__(request, wire, arrived)
        self.proxy = proxy
        self.client = client
        #: Its place on the bus; ``None`` before, and when its answer is not wanted any more.
        self.entry: Entry[Work] | None = None

    def finish(self, outcome: asyncio.Future[bytes]) -> None:
        """The bus is done with it."""
        if self.entry is not None:
            self.entry = None
            self.client.pending.discard(self)
            self.proxy.finish(self, outcome)


@dataclass(slots=True, eq=False)
class Proxy:
    """The masters of one bus.

    ``to_line``: the bus is a line, where unit 0 is everybody. ``faults`` act on what is forwarded; ``ring`` is the
    journal.
    """

    bus: Bus
    timers: Timers
    faults: LineFaults
    access: Access = field(default_factory=Access)
    rates: Rates = field(default_factory=Rates)
    to_line: bool = True
    ring: Ring = field(default_factory=Ring)
    clients: dict[Client, None] = field(default_factory=dict)
    departed: Departed = field(default_factory=Departed)
    units: dict[int, Counts] = field(default_factory=dict)
    _buckets: dict[int, Bucket] = field(default_factory=dict)
    _under_way: int = 0

    def __post_init__(self) -> None:
        self.faults.journal = self._event

    def client(self, *, network: bool) -> Client:
        """A master that is about to come. ``network``: on a connection of its own, not a line that others hear too."""
        return Client(self, network=network)

    def enter(self, client: Client) -> None:
        """A master is there."""
        self.clients[client] = None
        self._event("client", client.label)

    def leave(self, client: Client) -> None:
        """A master is gone."""
        if client in self.clients:
            self._abandon(client, "the client is gone")
            del self.clients[client]
            self.departed.add(client.host, client.counts)
            self._event("client-gone", client.label)

    # -- a request ---------------------------------------------------------------------------------------------------

    def serve(self, client: Client, request: Request, wire: Wire, arrived: int, frame: bytes = b"") -> None:
        """One request of a client, complete at the real instant ``arrived``."""
        unit, pdu = request.unit, request.pdu
        ours = self._unit(unit)
        client.counts.requests += 1
        ours.requests += 1
        self.ring.record(arrived, "request", unit=unit, pdu=pdu, data=frame, details=client.label)
        if client.pending and wire.supersedes:
            self._abandon(client, "the master asked anew")
        broadcast = self.to_line and unit == BROADCAST
        refusal = self._refusal(client, unit, pdu, arrived, broadcast=broadcast)
        if refusal is not None:
            self._refuse(client, request, wire, arrived, None if broadcast else refusal)
            return
        forward = Forward(self, client, request, wire, arrived)
        if self.faults.active:
            forward.strike(self.faults)
            if "drop" in forward.hits:
                self.faults.lose()
                self._lost(forward, "the fault drop took it")
                return
            if "exception" in forward.hits:
                self._answer(forward, self.faults.exception_answer(request))
                return
        self._submit(forward)

    def _refusal(self, client: Client, unit: int, pdu: bytes, now: int, *, broadcast: bool) -> ExceptionCode | None:
        """Why a request does not pass; counted."""
        ours, theirs = self.units[unit], client.counts
        code = self.access.refusal(unit, pdu, broadcast=broadcast)
        if code is ExceptionCode.ILLEGAL_FUNCTION:
            ours.refused += 1
            theirs.refused += 1
        elif code is not None:
            ours.foreign += 1
            theirs.foreign += 1
        elif not self._in_time(client, unit, now):
            ours.limited += 1
            theirs.limited += 1
            code = _BUSY
        elif len(client.pending) >= CLIENT_LIMIT or self._under_way >= LIMIT:
            ours.busy += 1
            theirs.busy += 1
            code = _BUSY
        return code

    def _in_time(self, client: Client, unit: int, now: int) -> bool:
        if client.bucket is not None and not client.bucket.take(now):
            return False
        if self.rates.unit is None:
            return True
        bucket = self._buckets.get(unit)
        if bucket is None:
            bucket = self._buckets[unit] = Bucket(self.rates.unit)
        return bucket.take(now)

    def _refuse(self, client: Client, request: Request, wire: Wire, arrived: int, code: ExceptionCode | None) -> None:
        """The proxy's own word; a broadcast gets none."""
        if code is None:
            client.counts.lost += 1
            self.units[request.unit].lost += 1
            return
        answer = exception(request.pdu[0], code)
        self._count(client, request.unit, answer)
        delivery = Delivery(data=wire.encode(request, answer))
        self._record(request, answer, delivery, client)
        wire.send(delivery, arrived)

    def _submit(self, forward: Forward) -> None:
        request, client = forward.request, forward.client
        # A write goes first: somebody waits for what it does. Not before an earlier request of the same master,
        # whose answer would then show what came later.
        urgent = not client.pending and not only_reads(request.pdu)
        priority = Priority.COMMAND if urgent else Priority.POLL
        try:
            entry = self.bus.submit(request.unit, request.pdu, priority=priority)
        except ResponseTimeout as error:
            self._failed(forward, error)
            return
        forward.entry = entry
        client.pending.add(forward)
        self._under_way += 1
        entry.work.outcome.add_done_callback(forward.finish)

    def finish(self, forward: Forward, outcome: asyncio.Future[bytes]) -> None:
        """What became of a request that was handed to the bus."""
        self._under_way -= 1
        error = outcome.exception()
        if error is None:
            answer = outcome.result()
            if answer:
                self._answer(forward, answer)
            else:
                self._lost(forward, "nobody answers a broadcast")
        elif isinstance(error, WattproofError):
            self._failed(forward, error)

    def _failed(self, forward: Forward, error: WattproofError) -> None:
        request = forward.request
        if self.to_line and request.unit == BROADCAST:
            self._lost(forward, str(error))
            return
        code = exception_code(error)
        if code in (_SILENT, ExceptionCode.GATEWAY_PATH_UNAVAILABLE):
            forward.client.counts.silent += 1
            self.units[request.unit].silent += 1
        self._answer(forward, exception(request.pdu[0], code))

    def _answer(self, forward: Forward, answer: bytes) -> None:
        wire, request = forward.wire, forward.request
        if not self.faults.active:
            self._send(forward, answer, Delivery(data=wire.encode(request, answer)))
            return
        forward.strike(self.faults)
        delivery = self.faults.deliver(forward.hits, request, answer, wire.encode, tcp=wire.tcp)
        if not delivery.delay:
            self._send(forward, answer, delivery)
            return
        moment = self.timers.now() + delivery.delay
        self.timers.call_at(moment, lambda: self._send(forward, answer, delivery))

    def _send(self, forward: Forward, answer: bytes, delivery: Delivery) -> None:
        client = forward.client
        if delivery.data:
            self._count(client, forward.request.unit, answer)
            self._record(forward.request, answer, delivery, client)
        elif delivery.close:
            self._lost(forward, "the fault disconnect closed the connection")
        else:
            self._lost(forward, "the fault drop-answer took its answer")
        forward.wire.send(delivery, forward.arrived)

    def _abandon(self, client: Client, reason: str) -> None:
        for forward in client.pending:
            entry, forward.entry = forward.entry, None
            if entry is not None:
                self._under_way -= 1
                self.bus.leave(entry)
                self._lost(forward, reason)
        client.pending.clear()

    # -- what is counted and kept ------------------------------------------------------------------------------------

    def _unit(self, unit: int) -> Counts:
        counts = self.units.get(unit)
        if counts is None:
            counts = self.units[unit] = Counts()
        return counts

    def _count(self, client: Client, unit: int, answer: bytes) -> None:
        ours = self.units[unit]
        ours.answers += 1
        client.counts.answers += 1
        if answer[0] & 0x80 and len(answer) > 1:
            ours.exceptions[answer[1]] += 1
            client.counts.exceptions[answer[1]] += 1

    def _record(self, request: Request, answer: bytes, delivery: Delivery, client: Client) -> None:
        data = b"".join(delivery.before) + delivery.data if delivery.before else delivery.data
        details = {"to": request.pdu, **client.label}
        self.ring.record(self.timers.now(), "answer", unit=request.unit, pdu=answer, data=data, details=details)

    def _lost(self, forward: Forward, reason: str) -> None:
        client, request = forward.client, forward.request
        client.counts.lost += 1
        self.units[request.unit].lost += 1
        details = {"reason": reason, **client.label}
        self.ring.record(self.timers.now(), "lost", unit=request.unit, pdu=request.pdu, details=details)

    def _event(self, event: str, details: Mapping[str, object]) -> None:
        self.ring.record(self.timers.now(), event, details=details)

    def journal(self, after: int = 0) -> list[dict[str, object]]:
        """Entries with a number above ``after``, oldest first."""
        times = Times(self.timers.utc(), lambda moment: 0)
        entries = [as_dict(entry, times) for entry in self.ring.entries(after)]
        for entry in entries:
            del entry["meter_time"]  # a proxy has no time of its own
        return entries

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back at the next journal entry, once."""
        return self.ring.watch(callback)


def exception_code(error: WattproofError) -> int:
    """What a gateway answers when a request failed (Modbus Application Protocol 1.1b3, section 7)."""
    if isinstance(error, ModbusRefused):
        return error.code
    if isinstance(error, Unreachable):
        return ExceptionCode.GATEWAY_PATH_UNAVAILABLE
    return _SILENT if isinstance(error, LinkError | ProtocolError) else error.modbus_exception
