"""One line, many meters: a dead one costs the others nearly nothing, equal questions are asked once.

`Bus` stands in front of a link and is a link itself, so any driver runs on it. The decisions are those of
`wattproof.drivers.schedule`; here requests are carried out and answers handed back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from wattproof.drivers.answers import describe_request, is_repeatable
from wattproof.drivers.modbus import ModbusLink, TolerantLink
from wattproof.drivers.schedule import BackOff, Entry, Priority, Schedule, UnitState
from wattproof.errors import Disconnected, FrameError, ModbusRefused, ResponseTimeout, WattproofError
from wattproof.model.clock import Clock


@dataclass(slots=True, eq=False)
class Work:
    """What the callers of one request wait for: ``outcome``. ``callers``: how many still want the answer."""

    outcome: asyncio.Future[bytes]
    timeout: float | None
    callers: int = 0


class OnceLink(ModbusLink, Protocol):
    """A link that can be told not to repeat: whether and when to ask again is decided here."""

    async def exchange(
        self, unit: int, pdu: bytes, *, timeout: float | None = None, retries: int | None = None
    ) -> bytes: ...


class Bus:
    """Many units on one link, on asyncio.

    ``depth`` requests are handed to the link at once: 1 on a line, as many as its pipeline on Modbus TCP. Workers
    live only while there is something to do.
    """

    def __init__(
        self,
        link: OnceLink,
        *,
        name: str = "the bus",
        back_off: BackOff | None = None,
        retries: int = 2,
        depth: int = 1,
    ) -> None:
        self.name = name
        #: The clock of the link.
        self.clock: Clock = link.clock
        self._link = link
        self._schedule: Schedule[Work] = Schedule(back_off, retries)
        self._depth = depth
        self._workers: set[asyncio.Task[None]] = set()

    @property
    def statistics(self) -> Mapping[int, UnitState]:
        """By unit: requests, answers, time-outs, damage, shared and declined requests, and when it answered last."""
        return self._schedule.states()

    async def exchange(
        self,
        unit: int,
        pdu: bytes,
        *,
        timeout: float | None = None,
        priority: int = Priority.POLL,
        retries: int | None = None,
    ) -> bytes:
        """See `wattproof.drivers.modbus.ModbusLink.exchange`.

        A read that another caller has just asked for, with no write in between, is not asked twice. ``retries``: how
        often a read goes out again, where it is not as often as usual.

        Raises:
            ResponseTimeout: also at once, without anything being sent, while the unit rests after failures.
        """
        entry = self.submit(unit, pdu, timeout=timeout, priority=priority, retries=retries)
        try:
            return await asyncio.shield(entry.work.outcome)
        finally:
            self.leave(entry)

    def submit(
        self,
        unit: int,
        pdu: bytes,
        *,
        timeout: float | None = None,
        priority: int = Priority.POLL,
        retries: int | None = None,
    ) -> Entry[Work]:
        """The same for callers that don't wait: the outcome comes in ``work.outcome`` of what is returned.

        That future may be shared with others who asked the same: don't cancel it, but `leave`.

        Raises:
            ResponseTimeout: the unit rests after failures.
        """
        reads = is_repeatable(pdu)
        entry = self._schedule.twin(unit, pdu, reads=reads)
        if entry is None:
            now = self.clock.now()
            if not self._schedule.may_ask(unit, now):
                raise self._resting(unit, pdu, now)
            work = Work(asyncio.get_running_loop().create_future(), timeout)
            entry = self._schedule.add(unit, pdu, work, priority=priority, reads=reads, retries=retries)
            self._hire()
        entry.work.callers += 1
        return entry

    def leave(self, entry: Entry[Work]) -> None:
        """The outcome is not wanted any more: what nobody wants and has not been sent is not sent."""
        work = entry.work
        work.callers -= 1
        if not work.callers and not work.outcome.done():
            self._schedule.remove(entry)

    def tolerate_byte_counts(self, unit: int) -> None:
        """See `wattproof.drivers.modbus.TolerantLink`: the link below decides what an answer is."""
        if isinstance(self._link, TolerantLink):
            self._link.tolerate_byte_counts(unit)

    def on(self, priority: int) -> ModbusLink:
        """The same bus for a driver whose requests have another priority than polls."""
        return _Prioritised(self, priority)

    async def close(self) -> None:
        """End the link; whoever still waits gets `Disconnected`."""
        for worker in [*self._workers]:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)
        while (entry := self._schedule.take(self.clock.now())) is not None:
            self._schedule.dropped(entry)
            _fail(entry.work.outcome, self._closed())
        await self._link.close()

    def _resting(self, unit: int, pdu: bytes, now: int) -> ResponseTimeout:
        state = self._schedule.state(unit)
        rest = self._schedule.rest(unit, now)
        when = f"the next probe is in {rest:.1f} s" if rest else "a probe is under way"
        return ResponseTimeout(
            f"unit {unit} on {self.name} has not answered {state.failures} times in a row and rests, so that the "
            f"others stay on time; {when}. Not sent: the {describe_request(pdu)}. Check supply, wiring, unit number"
        )

    def _closed(self) -> Disconnected:
        return Disconnected(f"{self.name} was closed while its answer was awaited")

    def _hire(self) -> None:
        if len(self._workers) < self._depth:
            self._workers.add(asyncio.create_task(self._work()))

    async def _work(self) -> None:
        try:
            while (entry := self._schedule.take(self.clock.now())) is not None:
                await self._carry_out(entry)
        finally:
            # In the same step as the last look at the schedule, or a request could be added that nobody carries out.
            self._workers.discard(asyncio.current_task())

    async def _carry_out(self, entry: Entry[Work]) -> None:
        outcome = entry.work.outcome
        try:
            answer = await self._link.exchange(entry.unit, entry.pdu, timeout=entry.work.timeout, retries=0)
        except (ResponseTimeout, FrameError) as error:
            self._no_answer(entry, error)
        except ModbusRefused as error:
            self._schedule.answered(entry, self.clock.now(), refused=True)
            _fail(outcome, error)
        except WattproofError as error:
            self._schedule.dropped(entry)
            _fail(outcome, error)
        except BaseException:
            self._schedule.dropped(entry)
            _fail(outcome, self._closed())
            raise
        else:
            self._schedule.answered(entry, self.clock.now())
            if not outcome.done():
                outcome.set_result(answer)

    def _no_answer(self, entry: Entry[Work], error: WattproofError) -> None:
        now = self.clock.now()
        verdict = self._schedule.failed(entry, now, damaged=isinstance(error, FrameError))
        if not verdict.repeated:
            _fail(entry.work.outcome, error)
        elif not entry.work.callers:
            self._schedule.remove(entry)
        for hopeless in verdict.hopeless:
            _fail(hopeless.work.outcome, self._resting(hopeless.unit, hopeless.pdu, now))


def _fail(outcome: asyncio.Future[bytes], error: WattproofError) -> None:
    if not outcome.done():
        outcome.set_exception(error)
        outcome.exception()  # all callers may have gone; that is no error of its own


class _Prioritised:
    """A bus seen with one priority."""

    def __init__(self, bus: Bus, priority: int) -> None:
        self._bus = bus
        self._priority = priority

    @property
    def clock(self) -> Clock:
        return self._bus.clock

    async def exchange(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        return await self._bus.exchange(unit, pdu, timeout=timeout, priority=self._priority)

    def tolerate_byte_counts(self, unit: int) -> None:
        self._bus.tolerate_byte_counts(unit)

    async def close(self) -> None:
        """Nothing: the bus belongs to others too."""
