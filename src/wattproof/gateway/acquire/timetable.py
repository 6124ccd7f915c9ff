"""Moments at which something is due: one sleeper of the clock for the whole process, however many wait."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import logging
from collections.abc import Callable
from itertools import count
from typing import TypeVar

from wattproof.model.clock import Clock

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Appointment:
    """Something that is due at ``when`` (nanoseconds of the clock's ``now``)."""

    __slots__ = ("call", "when")

    def __init__(self, when: int, call: Callable[[], None]) -> None:
        self.when = when
        self.call: Callable[[], None] | None = call

    def cancel(self) -> None:
        """Let it pass."""
        self.call = None


class Timetable:
    """Calls back when it is time, while :meth:`run` runs."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._order = count()
        self._waiting: list[tuple[int, int, Appointment]] = []
        self._earlier: asyncio.Future[None] | None = None

    def at(self, when: int, call: Callable[[], None]) -> Appointment:
        """Call back at ``when``, or as soon as may be after it."""
        appointment = Appointment(when, call)
        first = self._waiting[0][0] if self._waiting else None
        heapq.heappush(self._waiting, (when, next(self._order), appointment))
        if (first is None or when < first) and self._earlier is not None and not self._earlier.done():
            self._earlier.set_result(None)
        return appointment

    def after(self, seconds: float, call: Callable[[], None]) -> Appointment:
        """Call back in ``seconds``."""
        return self.at(self.clock.now() + round(seconds * 1e9), call)

    async def within(self, outcome: asyncio.Future[T], seconds: float) -> bool:
        """Wait until ``outcome`` is there, but no longer; whether it is. It is not cancelled."""
        if outcome.done():
            return True
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        appointment = self.after(seconds, lambda: None if over.done() else over.set_result(None))
        try:
            await asyncio.wait((outcome, over), return_when=asyncio.FIRST_COMPLETED)
        finally:
            appointment.cancel()
        return outcome.done()

    async def run(self) -> None:
        """Keep the appointments, until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            self._keep()
            self._earlier = loop.create_future()
            if not self._waiting:
                await self._earlier
                continue
            seconds = (self._waiting[0][0] - self.clock.now()) / 1e9
            sleeping = loop.create_task(self.clock.sleep(max(0.0, seconds)))
            try:
                await asyncio.wait((sleeping, self._earlier), return_when=asyncio.FIRST_COMPLETED)
            finally:
                if not sleeping.done():
                    sleeping.cancel()
                    with contextlib.suppress(asyncio.CancelledError):
                        await sleeping

    def _keep(self) -> None:
        while self._waiting and self._waiting[0][0] <= self.clock.now():
            call = heapq.heappop(self._waiting)[2].call
            if call is None:
                continue
            try:
                call()
            except Exception:
                _log.exception("what was due could not be done")
