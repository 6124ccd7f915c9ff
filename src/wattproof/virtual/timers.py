"""Real time as a virtual meter's runtime needs it: one protocol, and an event loop behind it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Cancel(Protocol):
    """A timer that has been set."""

    def cancel(self) -> None: ...


class Timers(Protocol):
    """Real time, as far as a virtual meter needs it."""

    def now(self) -> int:
        """Monotonic nanoseconds."""
        ...

    def utc(self) -> int:
        """UTC Unix nanoseconds of the monotonic zero point."""
        ...

    def call_at(self, when: int, callback: Callable[[], None]) -> Cancel:
        """Call back at the monotonic instant ``when`` or a little later."""
        ...


class LoopTimers:
    """The timers of an event loop."""

    __slots__ = ("_loop", "_utc")

    now = staticmethod(time.monotonic_ns)

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._utc = time.time_ns() - time.monotonic_ns()

    def utc(self) -> int:
        return self._utc

    def call_at(self, when: int, callback: Callable[[], None]) -> Cancel:
        return self._loop.call_later(max(0, when - time.monotonic_ns()) / 1e9, callback)
