"""Failed logins as they are kept: in the store, so that a restart is no way round, and in memory (9.4)."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from wattproof.errors import WattproofError
from wattproof.gateway.auth.lockout import DAY, Keys, failed, first, locked, sane
from wattproof.gateway.auth.writing import Commit
from wattproof.gateway.events import Id, event
from wattproof.gateway.records import DropFailures, Failures, Write
from wattproof.gateway.store.base import Reader

_log = logging.getLogger(__name__)

#: Counters remembered at the same time.
REMEMBERED = 4096


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a failure has led to: the pair, the user, the address is locked from now on."""

    pair: bool = False
    user: bool = False
    address: bool = False


class Attempts:
    """Counts. ``now`` in milliseconds, as of the gate; ``stamp`` is the host's time of day."""

    def __init__(self, reader: Reader, commit: Commit, current: Callable[[], bool], stamp: Callable[[], int]) -> None:
        self._reader, self._commit, self._current, self._stamp = reader, commit, current, stamp
        self._memory: OrderedDict[str, Failures | None] = OrderedDict()
        # What could not be stored counts all the same, until it can.
        self._unsaved: dict[str, Failures] = {}
        #: Grows with every change of which this process knows.
        self.version = 0

    async def counters(self, keys: Keys, now: int) -> dict[str, Failures]:
        """The counters that an attempt concerns, as far as they exist."""
        names = keys.all()
        known = self._known()
        while missing := [name for name in names if name not in known]:
            version, current = self.version, self._current()
            stored = await self._reader.failures(missing)
            read = {name: sane(stored[name], now) if name in stored else None for name in missing}
            # Somebody may have counted while this was read; what he stored may be in it or not.
            if version != self.version:
                known = self._known()
                continue
            if current and self._current():
                self._remember(read)
            known.update(read)
        return {name: counter for name in names if (counter := known.get(name)) is not None}

    async def fail(self, keys: Keys, now: int, who: str) -> Outcome:
        """Count a failure and store it; ``who`` names the user in the event, where he exists."""
        counters = await self.counters(keys, now)
        new = {name: failed(counters.get(name, Failures(name)), rule, now) for name, rule in keys.rules()}
        outcome = Outcome(*(name in new and locked(new[name], now) > 0 for name in (keys.pair, keys.of, keys.at)))
        events: list[Write] = []
        if outcome != Outcome() or first(counters.get(keys.pair or keys.at), now):
            what = "locked" if outcome != Outcome() else "failed login"
            events.append(event(Id.LOGIN_FAILED, self._stamp(), f"{what}: {who} from {keys.address}"))
        self._remember(new)
        self._unsaved.update(new)
        while len(self._unsaved) > REMEMBERED:
            del self._unsaved[next(iter(self._unsaved))]
        self.version += 1
        await self._save(*events)
        return outcome

    async def succeed(self, keys: Keys, now: int) -> None:
        """A right password: the pair begins anew, and the address is known for the user."""
        counters = await self.counters(keys, now)
        writes: list[Write] = []
        if keys.pair in counters:
            self._unsaved.pop(keys.pair, None)
            self._remember({keys.pair: None})
            writes.append(DropFailures(keys.pair))
        last = counters.get(keys.known or "")
        if keys.known is not None and (last is None or now - max(last.times, default=0) >= DAY):
            known = Failures(keys.known, (now,))
            self._remember({keys.known: known})
            writes.append(known)
        if writes:
            self.version += 1
            await self._save(*writes)

    def forget(self) -> None:
        """Another process has counted."""
        self.version += 1
        self._memory.clear()

    async def _save(self, *writes: Write) -> None:
        saving = dict(self._unsaved)
        try:
            await self._commit(*saving.values(), *writes)
        except WattproofError as error:
            _log.warning("failed logins are counted, but cannot be stored: %s", error)
            return
        for name, counter in saving.items():
            if self._unsaved.get(name) is counter:
                del self._unsaved[name]

    def _known(self) -> dict[str, Failures | None]:
        return {**(self._memory if self._current() else {}), **self._unsaved}

    def _remember(self, counters: Mapping[str, Failures | None]) -> None:
        for name, counter in counters.items():
            self._memory.pop(name, None)
            self._memory[name] = counter
        while len(self._memory) > REMEMBERED:
            self._memory.popitem(last=False)
