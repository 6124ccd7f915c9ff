"""Time as a parameter: the clock protocol, and a clock that only moves when told to."""

from __future__ import annotations

import asyncio
import heapq
from itertools import count
from typing import Protocol, runtime_checkable

from wattproof.errors import InvalidValue

#: 2024-01-01 00:00 UTC in Unix nanoseconds: where a virtual clock starts unless told otherwise.
DEFAULT_EPOCH = 1_704_067_200 * 10**9


@runtime_checkable
class Clock(Protocol):
    """What everything above ``io`` knows of time."""

    def now(self) -> int:
        """Monotonic nanoseconds from an arbitrary start."""
        ...

    def time(self) -> int:
        """UTC Unix nanoseconds."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds`` of this clock."""
        ...


class VirtualClock:
    """A clock that stands still until :meth:`advance` or :meth:`run` moves it.

    ``start`` is the first :meth:`now` in nanoseconds, ``epoch`` the first :meth:`time` in UTC Unix nanoseconds.
    Outside an event loop nobody else could move the clock, so there :meth:`sleep` moves it itself and never suspends:
    blocking drivers run on it unchanged.
    """

    def __init__(self, start: int = 0, epoch: int = DEFAULT_EPOCH) -> None:
        self._now = start
        self._offset = epoch - start
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = count()

    def now(self) -> int:
        return self._now

    def time(self) -> int:
        return self._now + self._offset

    def set_time(self, epoch: int) -> None:
        """Step the wall clock to ``epoch`` (UTC Unix nanoseconds); monotonic time and sleepers are unaffected."""
        self._offset = epoch - self._now

    async def sleep(self, seconds: float) -> None:
        until = self._now + _nanoseconds(max(seconds, 0))
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self._move(until)
            return
        future: asyncio.Future[None] = loop.create_future()
        heapq.heappush(self._sleepers, (until, next(self._order), future))
        if seconds <= 0:
            self._wake()
        await future

    def advance(self, seconds: float) -> None:
        """Move by ``seconds`` at once and wake who is due, earliest first.

        The woken run at the end of the step; use :meth:`run` where they must act at their exact moments.
        """
        self._move(self._now + _nanoseconds(seconds))

    async def run(self, seconds: float) -> None:
        """Move by ``seconds`` from one sleeper's moment to the next, letting each act before time goes on."""
        end = self._now + _nanoseconds(seconds)
        await _settle()
        while (moment := self.next_wake()) is not None and moment <= end:
            self._move(max(moment, self._now))
            await _settle()
        self._move(end)
        await _settle()

    def next_wake(self) -> int | None:
        """When the next sleeper is due, in nanoseconds of :meth:`now`; ``None`` if nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    def _move(self, until: int) -> None:
        self._now = until
        self._wake()

    def _wake(self) -> None:
        while self._sleepers and self._sleepers[0][0] <= self._now:
            _, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)


def _nanoseconds(seconds: float) -> int:
    if seconds < 0:
        raise InvalidValue(f"a clock cannot go back by {-seconds} s")
    return round(seconds * 10**9)


async def _settle(rounds: int = 50) -> None:
    """Let ready coroutines run on: each round is one pass of the event loop."""
    for _ in range(rounds):
        await asyncio.sleep(0)
