"""Why a streamed answer broke off: what #91 tells (g13-api.md 1.3, 11.5)."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from wattproof.gateway.records import Setting
from wattproof.gateway.store.base import Reader
from wattproof.model.clock import Clock

#: Ids count up to here and start again at 1.
LAST_ID = 2147483647
#: So many ids are reserved at once.
BLOCK = 1000
#: Entries kept, and for how long (s).
KEPT, KEPT_FOR = 1000, 86400
#: Name of the setting that holds the first id of which no process makes use.
SETTING = "errors"


@dataclass(slots=True)
class Entry:
    """One streamed answer. ``failure`` is ``None`` while it runs and when it has ended well."""

    user: str
    resource: str
    serial: str
    begun: int
    failure: str | None = None
    detail: str = ""


class LastErrors:
    """Gives ids to streamed answers and keeps their ends.

    ``commit`` takes writes and returns when they are durable: a block of ids is reserved in the store before the first
    of them is used, so that none comes back soon after a restart.
    """

    def __init__(self, reader: Reader, commit: Callable[..., Awaitable[None]], clock: Clock) -> None:
        self._reader = reader
        self._commit = commit
        self._clock = clock
        self._entries: OrderedDict[int, Entry] = OrderedDict()
        self._next = self._end = 0
        self._reserving = asyncio.Lock()

    async def begin(self, user: str, resource: str, serial: str) -> int:
        """A new id for an answer that is about to be streamed."""
        id = await self._take()
        self._entries[id] = Entry(user, resource, serial, self._clock.now())
        self._forget()
        return id

    def fail(self, id: int, text: str, detail: str) -> None:
        """The answer broke off."""
        if (entry := self._entries.get(id)) is not None:
            entry.failure, entry.detail = text, detail

    def find(self, id: int) -> Entry | None:
        """The entry of an id, if it is still known."""
        self._forget()
        return self._entries.get(id)

    async def _take(self) -> int:
        async with self._reserving:
            if self._next >= self._end:
                await self._reserve()
            id = self._next
            self._next += 1
            return id

    async def _reserve(self) -> None:
        first = await self._reader.setting(SETTING, 1)
        if first + BLOCK - 1 > LAST_ID:
            first = 1
        await self._commit(Setting(SETTING, first + BLOCK))
        self._next, self._end = first, first + BLOCK

    def _forget(self) -> None:
        too_old = self._clock.now() - KEPT_FOR * 10**9
        while self._entries:
            oldest = next(iter(self._entries.values()))
            if len(self._entries) <= KEPT and oldest.begun > too_old:
                return
            self._entries.popitem(last=False)


def shown(id: int, entry: Entry | None) -> dict[str, Any]:
    """The body of #91 in the default form; ``entry`` is ``None`` for the id 0."""
    if entry is None:
        return {"status": "success"}
    if entry.failure is None:
        return {"id": id, "status": "success"}
    return {
        "id": id,
        "status": "error",
        "des": entry.failure,
        "serial": entry.serial,
        "resource": entry.resource,
        "detail": entry.detail,
    }
