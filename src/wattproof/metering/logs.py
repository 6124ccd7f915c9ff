"""Logs of events with a begin and a duration, each a ring (abb-meters.md 3.10)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from wattproof.metering.clock import Stamp
from wattproof.metering.dates import SECOND

#: Entries that a log keeps.
ENTRIES = 500


class Category(IntEnum):
    """How grave an entry is."""

    EXCEPTION = 1
    ERROR = 2
    WARNING = 4
    INFORMATION = 8


@dataclass(slots=True)
class Entry:
    """One event: when it began, what it is, how long it lasted in seconds (0 while it lasts or if it is a moment).

    ``since``: the running time of the clock at the begin, ms, while it lasts.
    """

    stamp: Stamp
    category: int
    code: int
    duration: int = 0
    since: int | None = None


class Log:
    """The last entries, oldest first. ``capacity`` bounds them."""

    __slots__ = ("capacity", "entries")

    def __init__(self, capacity: int = ENTRIES) -> None:
        self.capacity = capacity
        self.entries: deque[Entry] | None = None

    def note(self, stamp: Stamp, category: int, code: int, since: int | None = None) -> None:
        """Something happened; with ``since`` it lasts until :meth:`end`."""
        if self.entries is None:
            self.entries = deque(maxlen=self.capacity)
        self.entries.append(Entry(stamp, category, code, 0, since))

    def end(self, code: int, run: int) -> None:
        """What lasted is over; ``run``: the running time of the clock, ms."""
        for entry in reversed(self.entries or ()):
            if entry.code == code and entry.since is not None:
                entry.duration = (run - entry.since) // SECOND
                entry.since = None
                return

    def clear(self) -> None:
        """Forget everything."""
        self.entries = None

    def __len__(self) -> int:
        return len(self.entries or ())

    def rows(self, newest_first: bool = False) -> Iterator[Entry]:
        """All entries, oldest first unless said otherwise."""
        found = self.entries or ()
        return reversed(found) if newest_first else iter(found)

    def between(self, first: int, last: int) -> list[int]:
        """Numbers of the entries between two local times, both included (s since 2000-01-01 00:00)."""
        return [number for number, row in enumerate(self.entries or ()) if first <= row.stamp.seconds <= last]

    def save(self) -> list[list[Any]]:
        """Plain data of everything."""
        return [[*row.stamp, row.category, row.code, row.duration, row.since] for row in self.entries or ()]

    def restore(self, data: list[list[Any]]) -> None:
        """As :meth:`save` left it."""
        self.clear()
        for seconds, clock, category, code, duration, since in data:
            self.note(Stamp(seconds, clock), category, code, since)
            if self.entries is not None:
                self.entries[-1].duration = duration
