"""The two logs of the meter: signed records and metrological events, each a ring of a fixed size (section 10)."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import IntEnum
from typing import Any

from wattproof.errors import StorageError
from wattproof.meters.dmed4.resources import INDEX_REFERENCES, INDEX_TYPES
from wattproof.meters.dmed4.virtual.record import transaction_ids


class Search(IntEnum):
    """``log_search_status`` (10.4, DEC-64)."""

    NONE = 0
    RUNNING = 1
    FOUND = 2
    NOTHING = 3


#: Stands for a number that no log reaches.
_BEYOND = 10**18


class BadSearch(Exception):
    """The parameters of a search make no sense (10.3)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A record in the log: its progressive number and its text."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class Event:
    """A metrological event: Unix time UTC, code of ``enums.EVENTS``, arguments."""

    time: int
    code: int
    arguments: str

    @property
    def text(self) -> str:
        """``EVENT|{...}``, four strings (10.5)."""
        moment = datetime.fromtimestamp(self.time, UTC)
        values = {
            "date": f"{moment:%Y-%m-%d}",
            "time": f"{moment:%H:%M:%S}",
            "event_code": str(self.code),
            "arguments": self.arguments,
        }
        return "EVENT|" + json.dumps(values, separators=(",", ":"))


class Logbook:
    """Both logs. ``unsaved`` are entries that no file holds yet."""

    __slots__ = ("events", "found", "position", "records", "unsaved")

    def __init__(self, records: int, events: int) -> None:
        self.records: deque[Kept] = deque(maxlen=records)
        self.events: deque[Event] = deque(maxlen=events)
        self.found = Search.NONE
        self.position = 0
        self.unsaved: list[bytes] = []

    @property
    def first(self) -> int:
        """Progressive number of the oldest record, 0 without one."""
        return self.records[0].number if self.records else 0

    @property
    def last(self) -> int:
        """Progressive number of the newest record, 0 without one."""
        return self.records[-1].number if self.records else 0

    def keep(self, record: Kept) -> None:
        """A record; when the ring is full the oldest goes."""
        self.records.append(record)
        self.unsaved.append(_record_entry(record))

    def note(self, event: Event, *, ring: bool) -> bool:
        """An event. ``ring``: a full log drops the oldest, else it takes nothing more; whether it was taken."""
        if len(self.events) == self.events.maxlen and not ring:
            return False
        self.events.append(event)
        self.unsaved.append(_event_entry(event))
        return True

    # the file

    def take_unsaved(self) -> Sequence[bytes]:
        """What has come since the last call."""
        entries, self.unsaved = self.unsaved, []
        return entries

    def entries(self) -> Sequence[bytes]:
        """Everything that both logs hold, as a file keeps it."""
        return [*map(_event_entry, self.events), *map(_record_entry, self.records)]

    def restore(self, entries: Sequence[bytes]) -> None:
        """Fill both logs from a file. Raises ``StorageError`` for what is no entry of theirs."""
        for entry in entries:
            try:
                fields = json.loads(entry)
                if "text" in fields:
                    self.records.append(Kept(int(fields["number"]), str(fields["text"])))
                else:
                    self.events.append(Event(int(fields["time"]), int(fields["code"]), str(fields["arguments"])))
            except (ValueError, TypeError, KeyError):
                raise StorageError("the state directory holds no log of a DMED4: use another one") from None

    # searching (10.2)

    def find_record(self, query: Mapping[str, str]) -> str | None:
        """The text of a stored record, ``None`` if there is none. Raises ``BadSearch``."""
        kind, reference, value = _parameters(query, INDEX_TYPES)
        if kind == "PROGR":
            number = _number(value)
            found = next((record for record in self.records if record.number == number), None)
            return self._remember(None if found is None else found.text, None)
        if kind == "TRANS_ID":
            if value is None:
                raise BadSearch("TRANS_ID needs index_value")
            index = self._by_transaction(value)
        else:
            index = _position(len(self.records), reference, value)
        return self._remember(None if index is None else self.records[index].text, index)

    def find_event(self, query: Mapping[str, str]) -> str | None:
        """The text of a stored event, ``None`` if there is none. Raises ``BadSearch``."""
        _, reference, value = _parameters(query, ("POS",))
        index = _position(len(self.events), reference, value)
        return None if index is None else self.events[index].text

    def _by_transaction(self, wanted: str) -> int | None:
        """The newest record whose ID is this, else whose PG is (DEC-62)."""
        by_page = None
        for index in range(len(self.records) - 1, -1, -1):
            identification, page = transaction_ids(self.records[index].text)
            if identification == wanted:
                return index
            if page == wanted and by_page is None:
                by_page = index
        return by_page

    def _remember(self, text: str | None, index: int | None) -> str | None:
        self.found = Search.NOTHING if text is None else Search.FOUND
        if index is not None:
            self.position = index
        return text


def _parameters(query: Mapping[str, str], kinds: Sequence[str]) -> tuple[str, str, str | None]:
    kind = query.get("index_type", "POS")
    reference = query.get("index_reference", "LAST")
    if kind not in kinds:
        raise BadSearch(f"index_type is one of {', '.join(kinds)}")
    if kind == "POS" and reference not in INDEX_REFERENCES:
        raise BadSearch(f"index_reference is one of {', '.join(INDEX_REFERENCES)}")
    if "index_reference" in query and reference not in INDEX_REFERENCES:
        raise BadSearch(f"index_reference is one of {', '.join(INDEX_REFERENCES)}")
    return kind, reference, query.get("index_value")


def _number(value: str | None) -> int:
    if value is None or not (value.isascii() and value.isdigit()):
        raise BadSearch("index_value is a whole number")
    digits = value.lstrip("0")
    return int(digits or "0") if len(digits) <= 18 else _BEYOND


def _position(count: int, reference: str, value: str | None) -> int | None:
    """Index from the oldest, ``None`` where nothing is stored (DEC-60, DEC-61)."""
    steps = _number(value) if reference.endswith("_BUT") else 0
    if steps >= count:
        return None
    return steps if reference.startswith("FIRST") else count - 1 - steps


def _record_entry(record: Kept) -> bytes:
    fields: dict[str, Any] = {"number": record.number, "text": record.text}
    return json.dumps(fields, separators=(",", ":")).encode("ascii")


def _event_entry(event: Event) -> bytes:
    fields = {"time": event.time, "code": event.code, "arguments": event.arguments}
    return json.dumps(fields, separators=(",", ":")).encode("ascii")
