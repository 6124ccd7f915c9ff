"""A meter of the configuration file that has not said yet who it is: asked until it does."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from wattproof.errors import WattproofError
from wattproof.gateway.acquire.buses import Runner
from wattproof.gateway.acquire.fleet import Fleet
from wattproof.gateway.acquire.polling import Poll
from wattproof.gateway.acquire.presence import PROBES, SECOND
from wattproof.gateway.records import Meter

_log = logging.getLogger(__name__)


class Newcomer:
    """A visitor of its bus (`wattproof.gateway.acquire.buses.Visitor`). ``arrived`` is told its identity, once."""

    def __init__(
        self, record: Meter, runner: Runner, fleet: Fleet, arrived: Callable[[Newcomer, str], Awaitable[None]]
    ) -> None:
        self.record = record
        self.runner = runner
        self.polls: list[Poll] = []
        self._fleet = fleet
        self._arrived = arrived
        self._due = fleet.site.clock.now()
        self._attempts = 0

    def due(self) -> int | None:
        """See `Visitor`."""
        return self._due

    async def visit(self) -> None:
        """Ask the meter who it is."""
        clock = self._fleet.site.clock
        # Whatever happens below, the other meters of the bus have their turn before this one has another.
        self._due = clock.now() + PROBES[-1] * SECOND
        self.runner.line.forgive(self.record.place)
        try:
            source = await self._fleet.source(self.record, self.runner)
            await source.open()
        except WattproofError as error:
            if not self._attempts:
                _log.warning("%s at %s is not there yet: %s", self.record.family, self.record.address, error)
            awaited = self._fleet.awaited.get((self.record.bus, str(self.record.address)))
            if awaited is not None:
                awaited.why = str(error)
            self._due = clock.now() + PROBES[min(self._attempts, len(PROBES) - 1)] * SECOND
            self._attempts += 1
            return
        await self._arrived(self, source.serial)
