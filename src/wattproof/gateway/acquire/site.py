"""What all parts of ``acquire`` share: store, time, and whom to tell."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Any

from wattproof.gateway.acquire.ledger import Ledger
from wattproof.gateway.acquire.notices import notices_of
from wattproof.gateway.acquire.timetable import Timetable
from wattproof.gateway.config import Config
from wattproof.gateway.events import Id, event
from wattproof.gateway.records import Write
from wattproof.gateway.store.base import Store
from wattproof.model.clock import Clock

MILLISECOND = 10**6
#: Tells every ``serve``: kind of notice, value.
Tell = Callable[[str, Any], None]
_log = logging.getLogger(__name__)


def nobody(kind: str, value: Any) -> None:
    """Nobody listens."""


class Site:
    """One gateway. ``offset``: its time beside the host's, in milliseconds (g13-api.md 8.2)."""

    def __init__(self, store: Store, clock: Clock, config: Config, tell: Tell = nobody) -> None:
        self.store = store
        self.clock = clock
        self.config = config
        self.tell = tell
        self.timetable = Timetable(clock)
        self.ledger = Ledger(store, self.timetable, self._stored)
        self.offset = 0

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

    def _stored(self, writes: Sequence[Write]) -> None:
        for kind, value in notices_of(writes):
            self.tell(kind, value)
