"""The Modbus client: one implementation for every framing, transport and clock, suspended or blocking.

Whoever asks becomes the *leader* while its request is under way: it sends what waits, receives, and hands answers to
whom they belong, those of other callers included. The others wait; when the leader has its answer (or is cancelled)
it passes the lead on. So there is no background task, nothing outlives its caller, and with a single caller, as in
blocking use, nothing ever suspends but the link itself.

::

    exchange -> queue -> _launch (gap, pause, frame) -> flying -> _deliver (answers) or _expire (time) -> done
                  ^                                                   |
                  '------------------ repeated read ------------------'

On Modbus TCP up to ``depth`` requests are under way, told apart by their transaction; an answer to a transaction that
nobody waits for any more is dropped. On a line there is one, with the gap of 3.5 characters before it, and markers
(see `wattproof.drivers.late`) keep a late answer from being taken for the next one.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import replace

from wattproof.drivers.answers import accept, describe_request, is_repeatable
from wattproof.drivers.job import Job, Statistics, Timing, Wire
from wattproof.drivers.late import Owed
from wattproof.errors import Disconnected, FrameError, InvalidValue, ModbusRefused, ResponseTimeout, WattproofError
from wattproof.io.link import ByteLink
from wattproof.model.clock import Clock
from wattproof.wire.modbus.framing.messages import BROADCAST, ClientFramer, Request

#: Seconds given to the units of a line to act on a broadcast, which nobody answers (Modbus over Serial Line 1.02, 2.1).
TURNAROUND = 0.1
#: Between one transaction and the next. It is odd, so all 65,536 take their turn, and far from 1, so that a server that
#: is out of step by a few transactions never hits another request under way.
STRIDE = 40503
#: Seconds by which timers of event loops may be late; nobody should rest longer than the answer takes.
GRAIN = 0.0005
#: After so many requests in a row without a single byte a TCP connection counts as dead and is opened anew.
SILENT_LIMIT = 3


class ModbusClient:
    """A `wattproof.drivers.modbus.ModbusLink` over a byte stream.

    ``opener`` opens the stream, and opens it again after it has ended; ``framer`` makes the client side of a framing.
    ``wire`` is ``None`` for Modbus TCP, where requests carry transactions. ``timings`` may be filled by unit.
    """

    def __init__(
        self,
        opener: Callable[[], Awaitable[ByteLink]],
        framer: Callable[[], ClientFramer],
        *,
        name: str,
        clock: Clock,
        timing: Timing | None = None,
        wire: Wire | None = None,
        depth: int = 1,
    ) -> None:
        self.name = name
        self.clock = clock
        self.timing = timing or Timing()
        self.timings: dict[int, Timing] = {}
        self._byte_counts: set[int] = set()
        self.statistics = Statistics()
        self._opener = opener
        self._make_framer = framer
        self._framer = framer()
        self._wire = wire
        self._depth = depth if wire is None else 1
        self._link: ByteLink | None = None
        self._queue: deque[Job] = deque()
        self._flying: dict[int, Job] = {}
        self._waiting: set[Job] = set()
        self._leading = False
        self._transaction = 0
        self._quiet_until = 0
        self._silent = 0
        self._owed = Owed()

    # what drivers call

    async def exchange(
        self, unit: int, pdu: bytes, *, timeout: float | None = None, retries: int | None = None
    ) -> bytes:
        """See `wattproof.drivers.modbus.ModbusLink.exchange`. A broadcast on a line (unit 0) returns ``b""``."""
        timing = self._timing(unit, timeout)
        if retries is not None and retries != timing.retries:
            timing = replace(timing, retries=retries)
        job = Job(unit, pdu, timing)
        await self._run((job,))
        if job.error is not None:
            raise job.error
        return job.answer or b""

    async def exchange_all(self, unit: int, pdus: Sequence[bytes], *, timeout: float | None = None) -> list[bytes]:
        """See `wattproof.drivers.modbus.BatchLink.exchange_all`."""
        timing = self._timing(unit, timeout)
        jobs = [Job(unit, pdu, timing) for pdu in pdus]
        await self._run(jobs)
        for job in jobs:
            if job.error is not None:
                raise job.error
        return [job.answer or b"" for job in jobs]

    def tolerate_byte_counts(self, unit: int) -> None:
        """See `wattproof.drivers.modbus.TolerantLink.tolerate_byte_counts`."""
        self._byte_counts.add(unit)

    async def open(self) -> None:
        """Connect now instead of at the first request. Raises ``Unreachable``."""
        await self._connected()

    async def dial(self) -> ByteLink:
        """A further connection to the same place, for those who speak the bytes themselves. The caller closes it.

        Raises ``Unreachable``.
        """
        return await self._opener()

    async def close(self) -> None:
        """End the connection; a later exchange opens it again."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()

    def _timing(self, unit: int, timeout: float | None) -> Timing:
        timing = self.timings.get(unit, self.timing)
        # Who names a time means all of it: no repetition that would multiply it.
        return timing if timeout is None else replace(timing, timeout=timeout, retries=0)

    # the lead

    async def _run(self, jobs: Sequence[Job]) -> None:
        self._queue.extend(jobs)
        if self._leading and self._link is not None:
            self._link.wake()  # the leader may have room for these, and its wait may outlast their time
        try:
            for job in jobs:
                await self._see_to(job)
                if job.error is not None:
                    break  # the answers to the others are of no use any more
        finally:
            if not all(job.done for job in jobs):
                self._abandon(jobs)
            if not self._leading and self._waiting:
                next(iter(self._waiting)).wake()

    async def _see_to(self, job: Job) -> None:
        while not job.done:
            step = self._follow if self._leading else self._lead
            await step(job)

    async def _follow(self, job: Job) -> None:
        job.waiter = asyncio.get_running_loop().create_future()
        self._waiting.add(job)
        try:
            await job.waiter
        finally:
            self._waiting.discard(job)
            job.waiter = None

    async def _lead(self, job: Job) -> None:
        self._leading = True
        try:
            while not job.done:
                await self._launch()
                await self._listen()
        except WattproofError as error:
            self._fail_all(error)
        finally:
            self._leading = False

    async def _listen(self) -> None:
        """Receive once, until the first of those under way has run out of time at the latest."""
        link = self._link
        if link is None or not self._flying:
            return
        flying = self._flying.values()
        first = next(iter(flying)).deadline if len(flying) == 1 else min(job.deadline for job in flying)
        wait = first - self.clock.now()
        try:
            data = await link.receive(wait / 1e9) if wait > 0 else b""
        except Disconnected as error:
            await self._lose(error)
            return
        if data:
            self._deliver(data)
        if self._flying:
            self._expire()
            if data and self._wire is not None and self._wire.character:
                await self._let_come(link, self._wire.character)

    async def _let_come(self, link: ByteLink, character: float) -> None:
        """The answer has begun: until it can be whole there is nothing to look at. Not beyond its time."""
        missing = self._framer.missing()
        job = next(iter(self._flying.values()), None)
        if missing > 1 and job is not None:
            left = (job.deadline - self.clock.now()) / 1e9
            await link.rest(max(0.0, min(missing * character - GRAIN, left)))

    def _abandon(self, jobs: Iterable[Job]) -> None:
        """The caller was cancelled: what waits is forgotten, what is under way keeps its place until its time is up,
        because the unit is still busy with it."""
        for job in jobs:
            job.orphan = True
            if job in self._queue:
                self._queue.remove(job)

    # sending

    async def _connected(self) -> ByteLink:
        link = self._link
        if link is not None and not link.closed:
            return link
        if link is not None:
            await self._lose(Disconnected(f"the connection to {self.name} was closed by the other side"))
        self._link = link = await self._opener()
        self._framer = self._make_framer()
        self._owed.settle_all()
        self._silent = 0
        self.statistics.connections += 1
        return link

    async def _launch(self) -> None:
        """Send what waits, as far as there is room. Between leaving the queue and being sent nothing is awaited, so
        a cancelled leader never takes a job of another caller with it."""
        if not self._queue or len(self._flying) >= self._depth:
            return
        link = await self._connected()
        if self._quiet_until or self._wire is not None:
            await self._keep_quiet(link)
        frames: list[bytes] = []
        while self._queue and len(self._flying) < self._depth:
            job = self._queue[0]
            if self._wire is not None and self._owed.endangers(job.unit, job.pdu):
                job = Job(job.unit, self._owed.marker(job.unit, job.pdu), job.timing, marks=job)
            else:
                self._queue.popleft()
            try:
                frames.append(self._take_off(job))
            except InvalidValue as error:
                job.finish(None, error)
        if not frames:
            return
        try:
            await link.send(b"".join(frames))
        except Disconnected as error:
            await self._lose(error)

    def _take_off(self, job: Job) -> bytes:
        self._transaction = transaction = self._free_transaction()
        job.request = request = Request(job.unit, job.pdu, transaction)
        frame = self._framer.encode(job.unit, job.pdu, transaction)
        self._framer.expecting(request)
        job.attempts += 1
        job.problem = None
        wait = TURNAROUND if self._is_broadcast(job) else job.timing.timeout
        if self._wire is not None:
            # The answer's own way over the wire is not the unit's delay; 256 characters are the longest.
            wait += self._wire.character * (len(frame) + 256)
        job.deadline = self.clock.now() + round(wait * 1e9)
        self._flying[transaction] = job
        self.statistics.requests += 1
        return frame

    def _free_transaction(self) -> int:
        transaction = (self._transaction + STRIDE) & 0xFFFF
        while transaction in self._flying:
            transaction = (transaction + STRIDE) & 0xFFFF
        return transaction

    def _is_broadcast(self, job: Job) -> bool:
        return self._wire is not None and job.unit == BROADCAST

    async def _keep_quiet(self, link: ByteLink) -> None:
        """Wait until the line has been silent for its gap and the pause is over; what comes meanwhile is noise or
        late, and is dropped. A line that never falls silent is spoken on after a second."""
        gap = round(self._wire.gap * 1e9) if self._wire is not None else 0
        patience = self.clock.now() + 10**9
        while True:
            now = self.clock.now()
            ready = max(self._quiet_until, min(link.heard + gap, patience) if link.heard else 0)
            if ready <= now:
                break
            await self.clock.sleep((ready - now) / 1e9)
        self._quiet_until = 0
        if self._wire is not None:
            if link.discard():
                self.statistics.late += 1
            self._framer.gap()

    # receiving

    def _deliver(self, data: bytes) -> None:
        self._silent = 0
        for event in self._framer.receive(data):
            if isinstance(event, FrameError):
                self.statistics.damaged += 1
                for job in self._flying.values():
                    job.problem = str(event)
            elif (claimant := self._claimant(event.unit, event.transaction)) is not None:
                self._land(claimant, event.pdu)
        broken = self._framer.broken
        if broken is not None:
            # Nothing behind this point can be understood: a new connection starts a new stream.
            self._drop()
            self._flunk_flying(FrameError(f"{self.name}: {broken}"))

    def _claimant(self, unit: int, transaction: int) -> Job | None:
        if self._wire is not None:
            transaction = next(iter(self._flying), -1)
        job = self._flying.get(transaction)
        if job is None:
            self.statistics.late += 1
        elif job.unit != unit:
            job.problem = f"unit {unit} answered instead"
            return None
        return job

    def _land(self, job: Job, pdu: bytes) -> None:
        assert job.request is not None  # noqa: S101 - set when it took off
        try:
            answer = accept(job.pdu, pdu, self._who(job), byte_counts=job.unit in self._byte_counts)
        except FrameError as error:
            job.problem = str(error)
            self.statistics.damaged += 1
            if self._wire is None:
                del self._flying[job.request.transaction]
                self._again(job, error)
            return
        except ModbusRefused as error:
            self._leave(job, None, error)
            return
        self._leave(job, answer, None)

    def _leave(self, job: Job, answer: bytes | None, error: WattproofError | None) -> None:
        """The job is answered."""
        assert job.request is not None  # noqa: S101 - set when it took off
        del self._flying[job.request.transaction]
        self.statistics.answers += 1
        if job.timing.pause:
            self._quiet_until = self.clock.now() + round(job.timing.pause * 1e9)
        if job.marks is not None:
            self._owed.settle(job.unit)
        job.finish(answer, error)

    # giving up

    def _expire(self) -> None:
        now = self.clock.now()
        for transaction, job in list(self._flying.items()):
            if job.deadline > now:
                continue
            del self._flying[transaction]
            if self._is_broadcast(job):
                job.finish(b"")
                continue
            self.statistics.timeouts += 1
            self._silent += 1
            if self._wire is not None:
                self._owed.give_up(job.unit, job.pdu)
                self._framer.gap()
            elif self._silent >= SILENT_LIMIT:
                self._drop()
            self._again(job, self._timeout(job))

    def _timeout(self, job: Job) -> WattproofError:
        what = describe_request(job.pdu)
        if job.problem is not None:
            return FrameError(
                f"no usable answer from unit {job.unit} at {self.name} to the {what}: {job.problem}; check cable, "
                f"termination, baud rate and parity, and that no two units have one address"
            )
        times = f", asked {job.attempts} times" if job.attempts > 1 else ""
        return ResponseTimeout(
            f"no answer from unit {job.unit} at {self.name} within {job.timing.timeout:g} s to the {what}{times}: "
            f"check the unit number, wiring and {'baud rate' if self._wire is not None else 'gateway'}, or allow more "
            f"time with ?timeout="
        )

    def _again(self, job: Job, error: WattproofError) -> None:
        """Repeat a failed job, or end it with ``error``."""
        if job.marks is not None:
            # The request that needed the marker still waits at the head of the queue; the attempt counts as its own.
            self._marker_failed(job, job.marks)
            return
        if job.orphan:
            job.done = True
        elif job.attempts <= job.timing.retries and is_repeatable(job.pdu):
            self.statistics.repeated += 1
            self._queue.appendleft(job)
        else:
            job.finish(None, error)

    def _marker_failed(self, marker: Job, job: Job) -> None:
        """The request that needed the marker still waits at the head of the queue; the attempt counts as its own."""
        job.attempts += 1
        if job not in self._queue or job.attempts <= job.timing.retries:
            return
        self._queue.remove(job)
        job.problem = marker.problem
        job.finish(None, self._timeout(job))

    async def _lose(self, cause: Disconnected) -> None:
        """The connection has ended: reads are asked again on a new one, the fate of writes is unknown."""
        link, self._link = self._link, None
        if link is not None:
            await link.close()
        self._flunk_flying(cause)

    def _flunk_flying(self, cause: WattproofError) -> None:
        flying = list(self._flying.values())
        self._flying.clear()
        for job in reversed(flying):
            what = describe_request(job.pdu)
            fate = (
                ""
                if is_repeatable(job.pdu)
                else "; whether it was done is unknown: read the state before writing again"
            )
            self._again(job, type(cause)(f"{cause}; unit {job.unit} was asked for the {what}{fate}"))

    def _fail_all(self, error: WattproofError) -> None:
        """There is no connection: nobody who waits will be answered."""
        jobs = [*self._flying.values(), *self._queue]
        self._flying.clear()
        self._queue.clear()
        for job in jobs:
            if not job.done:
                job.finish(None, error)

    def _drop(self) -> None:
        """Give the connection up without ceremony; the next request opens another one."""
        link, self._link = self._link, None
        if link is not None:
            link.abort()

    def _who(self, job: Job) -> str:
        return f"unit {job.unit} at {self.name}"
