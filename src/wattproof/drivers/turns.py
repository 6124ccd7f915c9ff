"""Who has the line: one transaction at a time, the most urgent first, then the meters in turn.

The decisions are those of `wattproof.drivers.schedule`. A meter that failed rests, with growing intervals, and its
transactions fail at once meanwhile; so a dead meter costs the others one time-out an interval. With a single caller
nothing here ever suspends, so blocking drivers use it as it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from wattproof.drivers.schedule import BackOff, Entry, Priority, Schedule, UnitState
from wattproof.errors import ResponseTimeout
from wattproof.model.clock import Clock

#: A transaction repeats by itself, so one that failed is enough to rest.
BACK_OFF = BackOff(limit=1)


class Turn:
    """A place in the queue. ``future`` is there while somebody waits in it."""

    __slots__ = ("future",)

    def __init__(self) -> None:
        self.future: asyncio.Future[None] | None = None


class Turns:
    """The order of transactions on one line; meters go by their address as text."""

    def __init__(self, clock: Clock, name: str, back_off: BackOff = BACK_OFF) -> None:
        self.name = name
        self._clock = clock
        self._schedule: Schedule[Turn] = Schedule(back_off, retries=0)
        self._numbers: dict[str, int] = {}
        self._holder: Entry[Turn] | None = None

    @property
    def statistics(self) -> Mapping[str, UnitState]:
        """By meter: transactions, answers, failures, and when it answered last."""
        return {meter: self._schedule.state(number) for meter, number in self._numbers.items()}

    def is_offline(self, meter: str) -> bool:
        """Whether a meter's last transaction failed."""
        return not self._schedule.state(self._number(meter)).is_healthy

    async def take(self, meter: str, priority: int = Priority.POLL) -> Entry[Turn]:
        """Wait for the line. Whoever gets it gives it back with `answered`, `failed` or `dropped`.

        Raises:
            ResponseTimeout: the meter rests after it has failed.
        """
        number = self._number(meter)
        now = self._clock.now()
        if not self._schedule.may_ask(number, now):
            raise self._resting(meter, now)
        entry = self._schedule.add(number, b"", Turn(), priority=priority, reads=False)
        if self._holder is None:
            self._pass_on()
        if self._holder is not entry:
            await self._wait(entry, meter)
        return entry

    async def _wait(self, entry: Entry[Turn], meter: str) -> None:
        entry.work.future = asyncio.get_running_loop().create_future()
        try:
            await entry.work.future
        except BaseException:
            if self._holder is entry:
                self.dropped(entry)
            else:
                self._schedule.remove(entry)
            raise
        if self._holder is not entry:
            raise self._resting(meter, self._clock.now())

    def answered(self, entry: Entry[Turn], *, refused: bool = False) -> None:
        """The meter is alive, be it that it said no."""
        self._schedule.answered(entry, self._clock.now(), refused=refused)
        self._pass_on()

    def failed(self, entry: Entry[Turn], *, damaged: bool = False) -> None:
        """No answer came, or none of use: the meter rests, and whoever waits for it is told."""
        verdict = self._schedule.failed(entry, self._clock.now(), damaged=damaged)
        for hopeless in verdict.hopeless:
            _wake(hopeless)
        self._pass_on()

    def dropped(self, entry: Entry[Turn]) -> None:
        """The transaction ended without saying anything about its meter."""
        self._schedule.dropped(entry)
        self._pass_on()

    def _pass_on(self) -> None:
        self._holder = entry = self._schedule.take(self._clock.now())
        if entry is not None:
            _wake(entry)

    def _number(self, meter: str) -> int:
        return self._numbers.setdefault(meter, len(self._numbers))

    def _resting(self, meter: str, now: int) -> ResponseTimeout:
        number = self._number(meter)
        rest = self._schedule.rest(number, now)
        when = f"the next attempt is in {rest:.1f} s" if rest else "an attempt is under way"
        return ResponseTimeout(
            f"the meter at address {meter} on {self.name} is offline and rests, so that the others stay on time; "
            f"{when}. Nothing was sent. Check its address, wiring and baud rate"
        )


def _wake(entry: Entry[Turn]) -> None:
    future = entry.work.future
    if future is not None and not future.done():
        future.set_result(None)
