"""Running one virtual meter: meter time from real time, requests in turn, nothing shown before it is kept.

A ``Meter`` knows no clock and no wire. ``Runtime`` gives it both, without I/O of its own: time comes from ``Timers``,
requests from whoever calls ``submit``, and answers go back through the request's ``reply``. An idle meter costs
nothing: it has no timer, no task and no thread; it catches up when somebody looks. Only one with a state file keeps it
every few seconds.

A request passes these stations::

    submit -> [drop] -> wait while the meter is blocked -> [silent: lost] -> named state ``request``
           -> [drop, exception] -> execute -> checkpoint to disk -> bus faults -> wait for the answer delay -> reply

Chance is asked when a request arrives, so that its order decides; a bus fault that comes into force on the way (it was
armed for a named state) is drawn for when it does.

``fast`` says that none of them has anything to do for a plain read before the moment ``due``; then a listener may call
``meter.execute`` itself (``virtual.tcp`` does, for that is where the time of a busy server goes).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from wattproof.errors import InvalidValue, StorageError
from wattproof.virtual.base import NOWHERE
from wattproof.virtual.exchange import Describe, Ring, Times, as_dict
from wattproof.virtual.faults import OnFace
from wattproof.virtual.job import Job, Wire
from wattproof.virtual.line import Delivery
from wattproof.virtual.timers import Cancel, Timers

if TYPE_CHECKING:
    from wattproof.io.journal import StateFile
    from wattproof.io.logfile import LogFile
    from wattproof.virtual.base import Meter, Onward
    from wattproof.virtual.job import Forwarder
    from wattproof.wire.modbus.framing.messages import Request

#: Later than any real moment.
NEVER = 1 << 100
#: Requests that wait for one meter at most; what comes on top is lost, as in any real meter.
WAITING_LIMIT = 256
#: A meter with a state file catches up and keeps it by itself: at its events, but not more often than the first and not
#: more rarely than the second of these, real nanoseconds. So much a ``kill -9`` takes of a meter that nobody asks.
KEEP_EVERY = 10**9, 10 * 10**9
#: Catching up may take so much real time (ns), or a quarter of what has passed since the last time.
CATCH_UP = 200_000_000


class Runtime:
    """One meter in real time.

    :param meter: freshly made; its first instant (``start`` in meter nanoseconds) is now.
    :param store: where checkpoints go; without one everything is temporary. ``log``: where log entries go.
    :param journal: how many records the journal holds.
    :param describe: names registers in the journal.
    """

    __slots__ = (
        "__weakref__",
        "_advanced",
        "_alarm",
        "_closed",
        "_denominator",
        "_numerator",
        "_origin",
        "_queue",
        "_start",
        "_stepwise",
        "_watched",
        "describe",
        "due",
        "failure",
        "fast",
        "fast_units",
        "forwarder",
        "listeners",
        "log",
        "meter",
        "now",
        "on_failure",
        "on_network",
        "ring",
        "store",
        "timers",
        "way",
    )

    def __init__(
        self,
        meter: Meter,
        timers: Timers,
        *,
        start: int = 0,
        store: StateFile | None = None,
        log: LogFile | None = None,
        journal: int = 4096,
        describe: Describe | None = None,
    ) -> None:
        self.meter = meter
        self.ring = Ring(journal)
        self.store = store
        self.log = log
        self.describe = describe
        #: Whether a read before ``due`` may go straight to the meter.
        self.fast = False
        #: The units whose reads may.
        self.fast_units: Sequence[int] = ()
        #: Real instant of the meter's next event.
        self.due = 0
        #: What ended this meter: its state could not be kept.
        self.failure: StorageError | None = None
        self.on_failure: Callable[[StorageError], None] | None = None
        #: Where requests for the units behind this meter go, and what opens that way when it is first needed.
        self.forwarder: Forwarder | None = None
        self.way: Callable[[Meter], Forwarder] | None = None
        #: Called when an interface of the meter opens or closes, as at every restart: a line may be set anew then.
        #: By the address of each listener, whether it is open.
        self.listeners: dict[str, Callable[[], bool]] = {}
        self.on_network: list[Callable[[], None]] = []
        self._closed = NOWHERE
        self.timers = timers
        self.now = timers.now
        self._origin = self._advanced = timers.now()
        self._start = start
        self._numerator, self._denominator = meter.speed.numerator, meter.speed.denominator
        self._queue: deque[Job] | None = None
        self._alarm: Cancel | None = None
        self._stepwise: int | None = None
        self._watched = False
        meter.journal = self._event
        meter.line.journal = self._event
        meter.line.changed = self.refresh
        meter.wake = self._wake
        self.keep()
        self.refresh()

    # -- time ------------------------------------------------------------------------------------------------------

    def meter_time(self, real: int) -> int:
        """Meter nanoseconds of a real monotonic instant."""
        return self._start + (real - self._origin) * self._numerator // self._denominator

    def real_time(self, instant: int) -> int:
        """The first real monotonic nanosecond at which ``meter_time`` has reached ``instant``."""
        return self._origin - (self._start - instant) * self._denominator // self._numerator

    def advance(self) -> int:
        """Bring the meter to the present, event by event; returns the present in meter nanoseconds.

        A meter that has more to do than this machine can (``noise`` at a high speed) is given up on after a while, and
        its time goes slower: otherwise each turn would take longer than the one before, and nobody be heard meanwhile.
        """
        began = self.now()
        now = self.meter_time(began)
        limit = began + max(CATCH_UP, (began - self._advanced) // 4)
        event = self.meter.next_event()
        while event is not None and event <= now:
            if self.now() > limit:
                now = self._start = max(event, self._start)
                self._origin = self.now()
                break
            # One event at a time, so that each has its own time in the journal.
            self._stepwise = event
            self.meter.advance(event)
            later = self.meter.next_event()
            if later is not None and later <= event:
                break
            event = later
        self._stepwise = None
        self.meter.advance(now)
        self._advanced = self.now()
        return now

    def refresh(self) -> None:
        """Look anew at what the next request has to pass, and at whether a timer is needed."""
        meter = self.meter
        event = meter.next_event()
        self.due = NEVER if event is None else self.real_time(event)
        self.fast = (
            meter.answer_delay == 0
            and not meter.line.active
            and self.store is None
            and not self._queue
            and self.failure is None
            and not self._watched
            and not meter.blocked
            and not meter.silent
        )
        self.fast_units = meter.fast_units if self.fast else ()
        closed = meter.closed
        wanted = self.due < NEVER and (bool(self._queue) or self.ring.watched or bool(closed))
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        moment = self.due if wanted else NEVER
        if self.store is not None and self.failure is None:
            now, (least, most) = self.now(), KEEP_EVERY
            moment = min(moment, max(now + least, min(self.due, now + most)))
        if moment < NEVER:
            self._alarm = self.timers.call_at(moment, self._tick)
        if closed != self._closed:
            self._closed = closed
            for follow in self.on_network:
                follow()

    def until_ready(self) -> float:
        """Real seconds to wait before asking again whether the start-up of the meter is over; 0 when it is."""
        if self.meter.starting:
            self.catch_up()
        return max(1e-3, (self.due - self.now()) / 1e9) if self.meter.starting else 0.0

    def _tick(self) -> None:
        self._alarm = None
        self.catch_up()

    def _wake(self) -> None:
        """The meter's next event has moved, by something that did not come through here."""
        if self._stepwise is None:
            self.refresh()

    def catch_up(self) -> None:
        """Do what is due now: events of the meter, its state on disk, requests that have waited long enough."""
        self.advance()
        if self.keep():
            self._pump()
        self.refresh()

    # -- requests --------------------------------------------------------------------------------------------------

    def submit(self, request: Request, wire: Wire, arrived: int, frame: bytes = b"") -> None:
        """One request for this meter, complete at the real instant ``arrived``; ``frame`` are its bytes."""
        ring = self.ring
        ring.record(
            arrived, "request", unit=request.unit, pdu=request.pdu, data=frame or wire.encode(request, request.pdu)
        )
        job = Job(request, wire, arrived)
        job.strike(self.meter.line)
        if "drop" in job.hits:
            self._drop(job)
            return
        if self._queue:
            self._wait(job)
        else:
            self.advance()
            if not self._attempt(job):
                self._wait(job)
        self.refresh()

    def _drop(self, job: Job) -> None:
        self.meter.line.lose()
        self._lost(job.request, "the fault drop took it")

    def _wait(self, job: Job) -> None:
        job.waited = True
        if self._queue is None:
            self._queue = deque()
        if job.wire.supersedes:
            for older in [waiting for waiting in self._queue if waiting.wire is job.wire]:
                self._queue.remove(older)
                self._lost(older.request, "the line's master asked anew")
        if len(self._queue) >= WAITING_LIMIT:
            self._lost(job.request, f"{WAITING_LIMIT} requests are waiting already")
            return
        self._queue.append(job)

    def _pump(self) -> None:
        queue = self._queue
        while queue:
            if not self._attempt(queue[0]):
                return
            queue.popleft()
        self._queue = None

    def _attempt(self, job: Job) -> bool:
        """Serve one request at the present moment; ``False`` if it has to wait."""
        meter = self.meter
        if meter.blocked and not meter.silent and self.failure is None:
            return False
        if self.failure is not None:
            self._lost(job.request, "the meter's state cannot be kept")
            return True
        now = self.meter_time(self.now())
        if not meter.silent:
            meter.before_request(now)
        if meter.silent:
            self._lost(job.request, "the meter has no supply, or is starting")
            return True
        job.strike(meter.line)
        if "drop" in job.hits:
            self._drop(job)
            return True
        if job.broadcast:
            meter.broadcast(job.request.pdu, now)
        answer = None if job.broadcast else self._execute(job, now)
        if not self.keep():
            self._lost(job.request, "the meter's state cannot be kept")
        elif answer is None:
            self._lost(job.request, "the meter does not answer it")
        else:
            job.strike(meter.line)
            self._answer(job, answer)
        return True

    def _execute(self, job: Job, now: int) -> bytes | None:
        meter, request = self.meter, job.request
        if "exception" in job.hits:
            return meter.line.exception_answer(request)
        return meter.execute_late(request.pdu, now) if job.waited else meter.execute(request.pdu, now)

    def _answer(self, job: Job, answer: bytes) -> None:
        meter, request = self.meter, job.request
        delivery = meter.line.deliver(job.hits, request, answer, job.wire.encode, tcp=job.wire.tcp)
        now = self.now()
        moment = max(now, job.arrived + meter.answer_delay * self._denominator // self._numerator) + delivery.delay
        if moment <= now:
            self._send(job, answer, delivery)
        else:
            self.timers.call_at(moment, lambda: self._send(job, answer, delivery))

    def _send(self, job: Job, answer: bytes, delivery: Delivery) -> None:
        if self.failure is not None:
            return
        if delivery.data:
            data = b"".join(delivery.before) + delivery.data
            details: Mapping[str, object] = {"to": job.request.pdu}
            self.ring.record(self.now(), "answer", unit=job.request.unit, pdu=answer, data=data, details=details)
        elif not delivery.close:
            self._lost(job.request, "the fault drop-answer took its answer")
        else:
            self._lost(job.request, "the fault disconnect closed the connection")
        job.wire.send(delivery, job.arrived)

    def pass_on(self, request: Request, wire: Wire, arrived: int, onward: Onward, frame: bytes = b"") -> None:
        """A request for a unit behind this meter: the meter's own faults hold for it, the line's answer comes back."""
        data = frame or wire.encode(request, request.pdu)
        self.ring.record(arrived, "forward", unit=request.unit, pdu=request.pdu, data=data)
        job = Job(request, wire, arrived)
        job.strike(self.meter.line)
        if "drop" in job.hits:
            self._drop(job)
        elif "exception" in job.hits:
            self._answer(job, self.meter.line.exception_answer(request))
        else:
            if self.forwarder is None and self.way is not None:
                self.forwarder = self.way(self.meter)
            if self.forwarder is None:
                self._returned(job, bytes((request.pdu[0] | 0x80, 0x0A)))
            else:
                self.forwarder.forward(request, onward, lambda answer: self._returned(job, answer))

    def _returned(self, job: Job, answer: bytes | None) -> None:
        if answer is None:
            self._lost(job.request, "the unit behind this meter does not answer it")
        elif self.meter.silent:
            self._lost(job.request, "the meter has no supply, or is starting")
        else:
            self._answer(job, answer)

    def answer_after(self) -> float:
        """Real seconds between a request and its answer that the meter takes by itself."""
        return self.meter.answer_delay * self._denominator / self._numerator / 1e9

    def _lost(self, request: Request, reason: str) -> None:
        self.ring.record(self.now(), "lost", unit=request.unit, pdu=request.pdu, details={"reason": reason})

    # -- state -----------------------------------------------------------------------------------------------------

    def keep(self) -> bool:
        """Store what changed; ``False`` if the disk refuses, then nothing leaves this meter any more."""
        if self.store is None:
            return True
        if self.failure is not None:
            return False
        entries = self.meter.unsaved()
        state = self.meter.checkpoint()
        if state is None and not entries:
            return True
        try:
            if entries and self.log is not None:
                self.log.append(entries, self.meter.log)
            if state is not None:
                self.store.append(state)
        except StorageError as error:
            self.failure = error
            if self.on_failure is not None:
                self.on_failure(error)
            return False
        return True

    def close(self) -> None:
        """The process ends: the last state goes to disk, as at every power failure of a real meter.

        :raises StorageError: it cannot be kept (also when that was found earlier).
        """
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        self.advance()
        self.keep()
        if self.failure is not None:
            raise self.failure

    # -- control ---------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, object]:
        """The object of ``GET /``, of the present moment."""
        self.catch_up()
        state = self.meter.state()
        if "listen" in state:
            state["listen"] = {url: "open" if is_open() else "closed" for url, is_open in self.listeners.items()}
        return state

    def patch(
        self,
        controls: Mapping[str, object],
        faults: Mapping[str, object],
        when: str | None = None,
        channel: int | None = None,
        face: str | None = None,
    ) -> None:
        """Change controls and faults now, or at a named state; on one ``channel`` of a meter that has them, and faults
        of the link on one ``face`` of a meter that has several.

        :raises UnknownName: a name that is not in the closed tables.
        :raises InvalidValue: a value out of range.
        """
        now = self.advance()
        meter = self.meter
        if channel is not None:
            if channel not in meter.channels:
                known = ", ".join(map(str, meter.channels)) or "none"
                raise InvalidValue(f"channel {channel} of this {meter.model} does not exist; it has {known}")
            meter = meter.channels[channel]
        if face is not None:
            if face not in meter.faces:
                raise InvalidValue(f"face {face!r}: this {meter.model} has {', '.join(meter.faces) or 'none'}")
            faults = {name: OnFace(face, value) for name, value in faults.items()}
        self._watched = self._watched or when is not None
        try:
            meter.patch(now, controls, faults, when)
        finally:
            self.keep()
            self._pump()
            self.refresh()

    def watch_closely(self) -> None:
        """Every request takes the long way from now on (a change waits for one)."""
        self._watched = True
        self.refresh()

    def _event(self, event: str, details: Mapping[str, object]) -> None:
        real = self.now() if self._stepwise is None else self.real_time(self._stepwise)
        self.ring.record(real, event, details=details)

    def journal(self, after: int = 0) -> list[dict[str, object]]:
        """Entries with a number above ``after``, oldest first, as the control interface shows them."""
        self.catch_up()
        times = Times(self.timers.utc(), self.meter_time)
        return [as_dict(entry, times, self.describe) for entry in self.ring.entries(after)]

    def watch(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back at the next journal entry, once; while somebody watches, the meter's events are not late."""
        forget = self.ring.watch(callback)
        self.refresh()
        return forget
