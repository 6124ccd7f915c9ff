"""The clocks of the real world, for asyncio and for code that blocks: `wattproof.model.clock` in nanoseconds."""

from __future__ import annotations

import asyncio
import math
import time


class SystemClock:
    """The operating system's clock; ``sleep`` lets other tasks of the event loop run."""

    __slots__ = ()

    def now(self) -> int:
        """Monotonic nanoseconds; the zero point means nothing."""
        return time.monotonic_ns()

    def time(self) -> int:
        """UTC as nanoseconds since 1970-01-01."""
        return time.time_ns()

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds`` or a little later; at once if not positive."""
        # Event loops count milliseconds, and uvloop rounds: what is left of one would be slept in a dozen turns of 0.
        await asyncio.sleep(math.ceil(seconds * 1000) / 1000 if seconds > 0 else 0)


class BlockingClock(SystemClock):
    """The same clock for a driver that is stepped without an event loop: ``sleep`` blocks and never suspends."""

    __slots__ = ()

    async def sleep(self, seconds: float) -> None:
        """Block the thread for ``seconds``."""
        if seconds > 0:
            time.sleep(seconds)  # noqa: ASYNC251 - that is what this clock is for
