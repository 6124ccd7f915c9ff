"""One runner a bus: what somebody waits for goes before the polls, one thing at a time.

::

    writes --.
    reads  ---+--> next --> the line (one transaction at a time) --> outcome
    polls ---'        a dead meter is left alone until its probe is due

The order is write, read on request, poll (g13-api.md 11.1, 11.3). Each request of an image transfer is one on request.
Scans do not pass through here: they take their turns at the drivers below, between two transactions.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol, TypeVar

from wattproof.errors import WattproofError
from wattproof.gateway.acquire.lines import Line
from wattproof.gateway.acquire.polling import Load, Poll
from wattproof.gateway.acquire.timetable import Appointment, Timetable
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Group
from wattproof.meters.abb.driver import Cause

T = TypeVar("T")
#: Commands that wait for one bus at most.
MOST_WAITING = 64
#: Seconds that a transaction may go on when everything ends.
PATIENCE = 5.0
#: Seconds of rest after a mistake in our own code, so that it cannot spin.
STUMBLE = 1.0
_log = logging.getLogger(__name__)


class Urgency(IntEnum):
    """What goes first; smaller does."""

    WRITE = 0
    READ = 1


class Visitor(Protocol):
    """A meter as its bus sees it."""

    polls: list[Poll]

    def due(self) -> int | None:
        """When it wants to be visited next (nanoseconds of the clock's ``now``); ``None``: not at all."""
        ...

    async def visit(self) -> None:
        """Read what is due, or probe. Raises nothing that belongs to the meter."""
        ...


@dataclass(slots=True)
class BusStatistics:
    """What a bus did since the start. ``busy``: seconds; ``late``: the worst delay of a poll in the last minute."""

    polls: int = 0
    commands: int = 0
    refused: int = 0
    mistakes: int = 0
    busy: float = 0.0
    late: float = 0.0


class _Command:
    """Something that somebody waits for."""

    __slots__ = ("outcome", "started", "waiters", "work")

    def __init__(self, work: Callable[[], Awaitable[Any]]) -> None:
        self.work = work
        self.outcome: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.waiters = 0
        self.started = False


class Runner:
    """The only one who uses ``line`` for its meters. ``retries``: further attempts without a connection; ``periods``:
    seconds between two readings of a group, where they are not the usual ones."""

    def __init__(
        self, line: Line, timetable: Timetable, *, retries: int = 2, periods: Mapping[Group, float] | None = None
    ) -> None:
        self.line = line
        self.name = line.name
        self.retries = retries
        self.periods = periods or {}
        self.load = Load()
        self.statistics = BusStatistics()
        #: Held by who reads beside the runner, in turns with it at the driver: one at a time.
        self.aside = asyncio.Lock()
        self._clock = line.clock
        self._timetable = timetable
        self._visitors: list[Visitor] = []
        self._commands: dict[Urgency, deque[_Command]] = {urgency: deque() for urgency in Urgency}
        self._idle: asyncio.Future[None] | None = None
        self._appointment: Appointment | None = None
        self._late: deque[tuple[int, float]] = deque()
        self._read_last = False
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    # meters

    @property
    def visitors(self) -> tuple[Visitor, ...]:
        """The meters on this bus."""
        return tuple(self._visitors)

    def add(self, visitor: Visitor) -> None:
        """Visit this meter from now on."""
        self._visitors.append(visitor)
        self.wake()

    def remove(self, visitor: Visitor) -> None:
        """Visit it no more; a visit under way ends."""
        if visitor in self._visitors:
            self._visitors.remove(visitor)

    # commands

    @property
    def queue(self) -> int:
        """Commands that wait."""
        return sum(len(queue) for queue in self._commands.values())

    async def ask(self, work: Callable[[], Awaitable[T]], urgency: Urgency, wait: float) -> T:
        """Run ``work`` before the polls, and return what it returns, within ``wait`` seconds.

        Raises:
            CommandFailed: ``busy``, too many wait; ``meter``, it took too long. And what ``work`` raises.
        """
        result: T = await self.outcome_of(self.submit(work, urgency), wait)
        return result

    def submit(self, work: Callable[[], Awaitable[T]], urgency: Urgency) -> _Command:
        """The same for several who share the outcome. Raises ``CommandFailed`` (``busy``)."""
        if self._stopping:
            raise CommandFailed(Failing.GONE, "the gateway is restarting")
        if self.queue >= MOST_WAITING:
            self.statistics.refused += 1
            raise CommandFailed(
                Failing.BUSY,
                "too many requests",
                detail=f"{MOST_WAITING} requests wait for the bus {self.name}",
                retry_after=self._patience(),
            )
        command = _Command(work)
        self._commands[urgency].append(command)
        self.wake()
        return command

    async def outcome_of(self, command: _Command, wait: float) -> Any:
        """Wait for a command, ``wait`` seconds at most; one that nobody waits for any more is not begun."""
        command.waiters += 1
        try:
            if not await self._timetable.within(command.outcome, wait):
                raise CommandFailed(
                    Failing.METER,
                    Cause.INVALID_RESPONSE.value,
                    detail=f"no answer on the bus {self.name} within {wait:g} s",
                )
            return command.outcome.result()
        finally:
            command.waiters -= 1
            if not command.waiters and not command.started:
                self._forget(command)

    def _forget(self, command: _Command) -> None:
        for queue in self._commands.values():
            if command in queue:
                queue.remove(command)
                command.outcome.cancel()

    def _patience(self) -> float:
        """Seconds until there is likely room again."""
        done = self.statistics.commands + self.statistics.polls
        each = self.statistics.busy / done if done else 0.0
        return max(1.0, round(each * self.queue / 4))

    # running

    def start(self) -> None:
        """Begin."""
        self._task = asyncio.create_task(self._run(), name=f"bus {self.name}")

    async def stop(self) -> None:
        """End after the transaction under way; who still waits is told."""
        self._stopping = True
        self.wake()
        if self._task is not None and not await self._timetable.within(self._task, PATIENCE):
            self._task.cancel()
            await asyncio.wait([self._task])
        for queue in self._commands.values():
            while queue:
                command = queue.popleft()
                if not command.outcome.done():
                    command.outcome.set_exception(CommandFailed(Failing.GONE, "the gateway is restarting"))
                    command.outcome.exception()
        await self.line.close()

    def wake(self) -> None:
        """Something has changed: look again."""
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    async def _run(self) -> None:
        while not self._stopping:
            try:
                await self._step()
            except Exception:
                # A mistake of ours on one bus must not end this bus, let alone the others.
                self.statistics.mistakes += 1
                _log.exception("bus %s stumbled and goes on", self.name)
                await self._clock.sleep(STUMBLE)

    async def _step(self) -> None:
        visitor, due = self._next_visitor()
        late = -1 if due is None else self._clock.now() - due
        command = self._next_command(overdue=visitor is not None and late > _patience_of(visitor))
        if command is not None:
            await self._carry_out(command)
        elif visitor is not None and late >= 0:
            await self._visit(visitor, late)
        else:
            await self._rest(due)

    def _next_command(self, *, overdue: bool) -> _Command | None:
        """Writes, then reads; a poll that is overdue takes turns with the reads, or a flood would stop all polls."""
        writes, reads = self._commands[Urgency.WRITE], self._commands[Urgency.READ]
        if writes:
            return writes.popleft()
        if reads and not (overdue and self._read_last):
            self._read_last = True
            return reads.popleft()
        self._read_last = False
        return None

    def _next_visitor(self) -> tuple[Visitor | None, int | None]:
        best: Visitor | None = None
        first: int | None = None
        for visitor in self._visitors:
            due = visitor.due()
            if due is not None and (first is None or due < first):
                best, first = visitor, due
        return best, first

    async def _carry_out(self, command: _Command) -> None:
        command.started = True
        began = self._clock.now()
        outcome = command.outcome
        try:
            result = await command.work()
        except WattproofError as error:
            if not outcome.done():
                outcome.set_exception(error)
                outcome.exception()  # all who waited may have gone
        except Exception as error:
            if not outcome.done():
                outcome.set_exception(CommandFailed(Failing.INTERNAL, "internal error", detail=repr(error)))
                outcome.exception()
            raise
        else:
            if not outcome.done():
                outcome.set_result(result)
        finally:
            self.statistics.commands += 1
            self.statistics.busy += (self._clock.now() - began) / 1e9

    async def _visit(self, visitor: Visitor, late: int) -> None:
        began = self._clock.now()
        self._note_lateness(began, late / 1e9)
        try:
            await visitor.visit()
        except Exception:
            self.statistics.mistakes += 1
            _log.exception("a meter on bus %s could not be read; the others are", self.name)
            if (visitor.due() or 0) <= began:
                await self._clock.sleep(STUMBLE)  # it would be the next one again
        finally:
            self.statistics.polls += 1
            self.statistics.busy += (self._clock.now() - began) / 1e9
            self.load.weigh(self._polls())

    def _polls(self) -> Iterator[Poll]:
        for visitor in self._visitors:
            yield from visitor.polls

    def _note_lateness(self, now: int, late: float) -> None:
        """Remember the worst delay of the last minute."""
        while self._late and (self._late[0][0] < now - 60 * 10**9):
            self._late.popleft()
        while self._late and self._late[-1][1] <= late:
            self._late.pop()
        self._late.append((now, late))
        self.statistics.late = self._late[0][1]

    async def _rest(self, due: int | None) -> None:
        self._idle = asyncio.get_running_loop().create_future()
        if due is not None:
            self._appointment = self._timetable.at(due, self.wake)
        try:
            await self._idle
        finally:
            self._idle = None
            if self._appointment is not None:
                self._appointment.cancel()
                self._appointment = None


def _patience_of(visitor: Visitor) -> int:
    """Nanoseconds that a poll of a meter may be late while reads go before it: its shortest interval."""
    return round(min((poll.period for poll in visitor.polls), default=0.0) * 1e9)
