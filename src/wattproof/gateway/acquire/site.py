"""What all parts of ``acquire`` share: store, time, and whom to tell."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Sequence
from typing import Any, Protocol

from wattproof.errors import StorageError
from wattproof.gateway.acquire.ledger import Ledger
from wattproof.gateway.acquire.notices import notices_of
from wattproof.gateway.acquire.timetable import Timetable
from wattproof.gateway.config import Config
from wattproof.gateway.events import Id, event
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Write
from wattproof.gateway.store.base import Store
from wattproof.model.clock import Clock

_log = logging.getLogger(__name__)
MILLISECOND = 10**6
#: What the interface says when the disk is full or failing.
NO_SPACE = "no space on the gateway"


class Teller(Protocol):
    """Whoever tells every ``serve`` (`wattproof.gateway.localsocket.LocalServer`)."""

    def tell(self, kind: str, value: Any = None) -> None:
        """Send a notice."""
        ...

    async def tell_and_wait(self, kind: str, value: Any = None) -> None:
        """Send a notice and return when it has taken effect everywhere."""
        ...


class Silence:
    """Nobody listens yet."""

    def tell(self, kind: str, value: Any = None) -> None:
        """Nothing."""

    async def tell_and_wait(self, kind: str, value: Any = None) -> None:
        """Nothing."""


class Site:
    """One gateway. ``offset``: its time beside the host's, in milliseconds (g13-api.md 8.2)."""

    def __init__(self, store: Store, clock: Clock, config: Config, teller: Teller | None = None) -> None:
        self.store = store
        self.clock = clock
        self.config = config
        self.teller: Teller = teller or Silence()
        self.timetable = Timetable(clock)
        self.ledger = Ledger(store, self.timetable, self._stored)
        self.offset = 0
        self._tasks: set[asyncio.Task[Any]] = set()

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Let something go on by itself until :meth:`close`; what goes wrong with it is logged."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("something that went on by itself has failed", exc_info=error)

    async def close(self) -> None:
        """Break off what goes on by itself, and store what waits."""
        for task in [*self._tasks]:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        await self.ledger.close()

    @property
    def now(self) -> int:
        """Host time, UTC ms: what the store keeps."""
        return self.clock.time() // MILLISECOND

    @property
    def time(self) -> int:
        """The gateway's time in UTC nanoseconds: what boundaries of intervals follow."""
        return self.clock.time() + self.offset * MILLISECOND

    def record(self, id: Id, detail: str = "") -> Write:
        """An event that happens now, to be stored."""
        return event(id, self.now, detail)

    async def commit(self, *writes: Write) -> None:
        """Store these behind all that waits; they are on disk and known to every ``serve`` when this returns.

        Raises ``CommandFailed`` (``storage``): nothing of it is stored.
        """
        try:
            await self.ledger.durable(*writes)
        except StorageError as error:
            raise CommandFailed(Failing.STORAGE, NO_SPACE, detail=str(error)) from error
        for kind, value in notices_of(writes):
            await self.teller.tell_and_wait(kind, value)

    def _stored(self, writes: Sequence[Write]) -> None:
        for kind, value in notices_of(writes):
            self.teller.tell(kind, value)
