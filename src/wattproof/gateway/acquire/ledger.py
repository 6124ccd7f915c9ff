"""What the meters have said is stored in the order in which it came, many meters in one transaction.

Nothing that belongs together is torn apart: what one call adds is in one transaction. While the disk is full readings
are kept for a while and then given up, oldest first; rows, engine states and events never are.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from wattproof.errors import InvalidValue, StorageError
from wattproof.gateway.acquire.timetable import Timetable
from wattproof.gateway.records import Readings, Write
from wattproof.gateway.store.base import Store

#: Seconds that readings wait for those of other meters, and until a failed transaction is tried again.
GATHER, AGAIN = 0.2, 2.0
#: Polls whose readings wait at most while nothing can be stored.
MOST_WAITING = 20_000
_log = logging.getLogger(__name__)


class Ledger:
    """Gathers writes for ``store``. ``stored`` is told what was added and is on disk now.

    ``lost``: readings given up since the start. ``failure``: why nothing can be stored now, ``None`` where it can.
    """

    def __init__(
        self, store: Store, timetable: Timetable, stored: Callable[[Sequence[Write]], None] = lambda writes: None
    ) -> None:
        self._store = store
        self._timetable = timetable
        self.stored = stored
        self._pending: list[tuple[Write, ...]] = []
        self._armed = False
        self._writing: asyncio.Task[None] | None = None
        self.failure: str | None = None
        self.lost = 0

    def add(self, *writes: Write) -> None:
        """Store these soon."""
        if not writes:
            return
        self._pending.append(writes)
        self._arm(GATHER)

    async def durable(self, *writes: Write) -> None:
        """Store these, with all that was added before, and return when they are on disk.

        Raises ``StorageError``; then these are not stored, the earlier ones are tried again later.
        """
        await self._settle()
        earlier, self._pending = self._pending, []
        task = asyncio.ensure_future(self._commit_all(earlier, writes))
        self._writing = task
        task.add_done_callback(_noticed)
        await asyncio.shield(task)

    async def flush(self) -> None:
        """Store what waits. Raises ``StorageError``."""
        await self.durable()

    async def _commit_all(self, earlier: list[tuple[Write, ...]], writes: Sequence[Write]) -> None:
        """The earlier ones and ``writes`` in one transaction. Where that cannot be stored, the earlier ones alone."""
        try:
            if earlier or writes:
                await self._store.commit(*_flat(earlier), *writes)
        except StorageError as error:
            self._keep(earlier, error)
            raise
        except InvalidValue:
            if not earlier:
                raise
            await self._commit(earlier)
            await self._store.commit(*writes)
            return
        self._done(earlier)

    async def _settle(self) -> None:
        """Wait until no transaction is under way; its failure is told elsewhere."""
        while self._writing is not None and not self._writing.done():
            await asyncio.wait((self._writing,))

    def _arm(self, seconds: float) -> None:
        if not self._armed:
            self._armed = True
            self._timetable.after(seconds, self._due)

    def _due(self) -> None:
        self._armed = False
        if not self._pending:
            return
        if self._writing is not None and not self._writing.done():
            self._arm(GATHER)
            return
        batch, self._pending = self._pending, []
        self._writing = asyncio.ensure_future(self._commit(batch))

    async def _commit(self, batch: list[tuple[Write, ...]]) -> None:
        try:
            await self._store.commit(*_flat(batch))
        except StorageError as error:
            self._keep(batch, error)
        except InvalidValue as error:
            await self._apart(batch, error)
        else:
            self._done(batch)

    async def _apart(self, batch: list[tuple[Write, ...]], error: InvalidValue) -> None:
        """One of many cannot be stored at all: it must not take the others with it."""
        if len(batch) == 1:
            _log.error("%s cannot be stored and is left out: %s", [type(write).__name__ for write in batch[0]], error)
            return
        for writes in batch:
            await self._commit([writes])

    def _keep(self, batch: list[tuple[Write, ...]], error: StorageError) -> None:
        """The transaction failed: its writes come first in the next one."""
        if self.failure is None:
            _log.error("readings cannot be stored and wait: %s", error)
        self.failure = str(error)
        self._pending[:0] = batch
        surplus = len(self._pending) - MOST_WAITING
        if surplus > 0:
            self._give_up(surplus)
        self._arm(AGAIN)

    def _give_up(self, surplus: int) -> None:
        """Forget the readings, and only these, of the oldest that wait."""
        for place in range(surplus):
            writes = self._pending[place]
            kept = tuple(write for write in writes if not isinstance(write, Readings))
            self.lost += len(writes) - len(kept)
            self._pending[place] = kept
        self._pending = [writes for writes in self._pending if writes]

    def _done(self, batch: Sequence[tuple[Write, ...]]) -> None:
        if self.failure is not None:
            _log.warning("readings are stored again; %d were given up", self.lost)
        self.failure = None
        self.stored(_flat(batch))

    @property
    def waiting(self) -> int:
        """Groups of writes that are not on disk yet."""
        return len(self._pending)

    async def close(self) -> None:
        """Store what waits, if that is possible."""
        await self._settle()
        try:
            await self.flush()
        except StorageError as error:
            _log.error("%d groups of writes are lost: %s", len(self._pending), error)


def _flat(batch: Sequence[tuple[Write, ...]]) -> list[Write]:
    return [write for writes in batch for write in writes]


def _noticed(task: asyncio.Task[None]) -> None:
    """Whoever waited for it may have gone: its failure was logged."""
    if not task.cancelled():
        task.exception()
