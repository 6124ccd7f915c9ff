"""Bodies of answers that are made of values, kept as long as the values are fresh enough (g13-api.md 11.1), and work
that equal requests share while they wait."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, NamedTuple, TypeVar

from wattproof.gateway.local import Notice
from wattproof.model.clock import Clock

T = TypeVar("T")
#: A body is kept for so long at most (ns), so that an answer shows what was polled meanwhile.
LONGEST = 10**9
LIMIT = 4096
MILLISECOND = 10**6


class Kept(NamedTuple):
    """A body, the time of the oldest value in it (UTC ms), and until when it is good (monotonic ns)."""

    body: bytes
    oldest: int
    until: int


class Bodies:
    """Keys begin with the serial number of the meter. ``current`` says whether changes are heard of; while they are
    not, nothing is kept."""

    def __init__(self, clock: Clock, current: Callable[[], bool]) -> None:
        self._clock = clock
        self._current = current
        self._kept: OrderedDict[tuple[Hashable, ...], Kept] = OrderedDict()
        self._flights: dict[Hashable, asyncio.Task[Any]] = {}
        #: Grows with every change: what was begun before it must not be kept after it.
        self.version = 0

    def get(self, key: tuple[Hashable, ...]) -> Kept | None:
        """A body that is still good."""
        kept = self._kept.get(key)
        if kept is None or kept.until <= self._clock.now() or not self._current():
            return None
        return kept

    def keep(self, key: tuple[Hashable, ...], body: bytes, oldest: int, most: float, version: int) -> None:
        """Keep a body that may be ``most`` seconds old, counted from ``oldest``; ``version``: when it was begun."""
        left = oldest * MILLISECOND + round(most * 10**9) - self._clock.time()
        if left <= 0 or version != self.version or not self._current():
            return
        self._kept[key] = Kept(body, oldest, self._clock.now() + min(left, LONGEST))
        self._kept.move_to_end(key)
        if len(self._kept) > LIMIT:
            self._kept.popitem(last=False)

    def forget(self, serial: str | None = None) -> None:
        """A meter has changed, or was written to; ``None``: anything may have changed."""
        self.version += 1
        for key in [key for key in self._kept if serial is None or key[0] == serial]:
            del self._kept[key]

    def take(self, notice: Notice) -> None:
        """Forget what a notice says has changed."""
        serials = (notice.value or {}).get("serials")
        if serials is None:
            self.forget()
        for serial in serials or ():
            self.forget(serial)

    async def share(self, key: Hashable, make: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What ``make`` returns or raises; those who ask for the same meanwhile, and after the same changes, wait for
        it with the first."""
        key = key, self.version
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(make())
            flight.add_done_callback(lambda done: self._land(key, done))
        found: T = await asyncio.shield(flight)
        return found

    def _land(self, key: Hashable, flight: asyncio.Task[Any]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # whoever waits has got it; nobody may wait any more
