"""The log book of a DMED4: stored OCMF records and metrological events, over REST.

Source: communication manual, log book; specification, section 10; DEC-59 to DEC-65.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass

from wattproof.errors import HttpRefused, ProtocolError
from wattproof.meters.dmed4 import restpoints, text
from wattproof.meters.dmed4.resources import LOG_EVENTS, LOG_INFO, LOG_OCMF, Resource
from wattproof.meters.dmed4.text import Record

#: Entries above which a count is no count, but an endless walk: registers hold 65535, virtual meters 100000.
COUNT_LIMIT = 1_000_000
#: Answers that say that there is no such record.
ABSENT = frozenset({400, 404})


@dataclass(frozen=True, slots=True)
class LogInfo:
    """How much the logs hold; ``first`` and ``last`` are progressive numbers of OCMF records, 0 without any."""

    ocmf_max: int
    ocmf_total: int
    last: int
    first: int
    events_max: int
    events_total: int
    search_status: int
    search_position: int


class LogBook(ABC):
    """What a driver over REST offers of the log book."""

    #: What ``index_value`` of ``LAST_BUT`` means the end itself: 0, or 1; ``None`` until it was found out (DEC-61).
    _origin: int | None = None

    @abstractmethod
    async def body(self, resource: Resource, query: Mapping[str, object] | None = None) -> bytes:
        """The body of a GET."""

    @abstractmethod
    async def get(self, resource: Resource, query: Mapping[str, object] | None = None) -> dict[str, object]:
        """The object that a GET gives."""

    async def log_info(self) -> LogInfo:
        """Sizes, counts, progressive numbers; the state of the meter's search is shown only (DEC-64).

        Raises :class:`~wattproof.errors.ProtocolError` if they contradict each other: who walks along them would find
        nothing, or no end.
        """
        document = await self.get(LOG_INFO)
        info = LogInfo(*(restpoints.field_value(document, field) or 0 for field in LOG_INFO.fields))
        if info.first > info.last or max(info.last - info.first, info.events_total) > COUNT_LIMIT:
            raise ProtocolError(
                f"the log book cannot be as the meter says: {info.ocmf_total} records from T{info.first} to "
                f"T{info.last}, {info.events_total} events"
            )
        return info

    async def last_record(self) -> Record | None:
        """The newest stored record."""
        return await self._record({"index_type": "POS", "index_reference": "LAST"})

    async def first_record(self) -> Record | None:
        """The oldest stored record."""
        return await self._record({"index_type": "POS", "index_reference": "FIRST"})

    async def logged(self, number: int) -> Record | None:
        """The record with this progressive number (PG without its T); ``None`` if it is not stored."""
        return await self._record({"index_type": "PROGR", "index_reference": "LAST", "index_value": number})

    async def record_before_last(self, back: int) -> Record | None:
        """The record ``back`` places before the newest one."""
        found = await self._counted(LOG_OCMF, "OCMF_LOG", back)
        return Record(found) if found else None

    async def transaction(self, identification: str) -> Record | None:
        """The newest record of a transaction id, which is ID; where the meter means something else, by walking."""
        query = {"index_type": "TRANS_ID", "index_reference": "LAST", "index_value": identification}
        found = await self._record(query)
        if found is not None and identification in (found.field("ID"), found.field("PG")):
            return found
        info = await self.log_info()
        for number in range(info.last, max(info.first, 1) - 1, -1):
            found = await self.logged(number)
            if found is not None and found.field("ID") == identification:
                return found
        return None

    async def records(self, first: int = 1) -> AsyncIterator[Record]:
        """All stored records from a progressive number on, oldest first; numbers that are gone are passed over."""
        info = await self.log_info()
        for number in range(max(first, info.first, 1), info.last + 1):
            found = await self.logged(number)
            if found is not None:
                yield found

    async def event(self, back: int) -> dict[str, str] | None:
        """The event ``back`` places before the newest one, as the meter tells it: codes are the maker's (DEC-65)."""
        found = await self._counted(LOG_EVENTS, "EVENT_LOG", back)
        return text.event(found) if found else None

    async def events(self) -> AsyncIterator[dict[str, str]]:
        """All stored events, oldest first."""
        info = await self.log_info()
        for back in range(info.events_total - 1, -1, -1):
            found = await self.event(back)
            if found is not None:
                yield found

    async def _record(self, query: Mapping[str, object]) -> Record | None:
        found = await self._search(LOG_OCMF, "OCMF_LOG", query)
        return Record(found) if found else None

    async def _search(self, resource: Resource, key: str, query: Mapping[str, object]) -> bytes:
        """The text of a search; empty if the meter says that there is none, in any of its ways (D-279)."""
        try:
            return text.body_text(await self.body(resource, query), key)
        except HttpRefused as error:
            if error.status in ABSENT:
                return b""
            raise

    async def _counted(self, resource: Resource, key: str, back: int) -> bytes:
        """A text by its position from the newest one; how positions count is found out first, once (DEC-61)."""
        last = {"index_type": "POS", "index_reference": "LAST"}
        if back == 0:
            return await self._search(resource, key, last)
        if self._origin is None:
            newest = await self._search(resource, key, last)
            if not newest:
                return b""
            same = await self._search(resource, key, {**last, "index_reference": "LAST_BUT", "index_value": 0})
            self._origin = 0 if same == newest else 1
            if same and self._origin:
                raise ProtocolError("LAST_BUT 0 is neither the newest record nor none: records came meanwhile?")
        query = {**last, "index_reference": "LAST_BUT", "index_value": back + self._origin}
        return await self._search(resource, key, query)
