"""How long readings are kept as they were polled, and what is left of them afterwards.

Rows of load profiles, previous values and demands, signed records, events and the audit log are kept for ever.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from wattproof.errors import StorageError
from wattproof.gateway.store.base import Store
from wattproof.model.clock import Clock

log = logging.getLogger(__name__)

#: Seconds between two looks at what has become old.
PERIOD = 3600.0
#: Seconds after each small step, in which others commit.
PAUSE = 0.05
_DAY = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Policy:
    """Readings older than ``days`` are thinned out to the first of each ``interval_s``; with 0 days, never.

    What stays is as it was read, with its own time: nothing is averaged. The newest reading of each group stays too.
    """

    days: int = 0
    interval_s: int = 900


async def thin_out(store: Store, policy: Policy, clock: Clock) -> int:
    """Once through all meters; says how many steps it took.

    Raises:
        StorageError: the disk. What was done is done.
    """
    steps = 0
    if policy.days > 0:
        before = clock.time() // 10**6 - policy.days * _DAY
        async for step in store.thinning(before, policy.interval_s * 1000):
            await store.commit(step)
            await clock.sleep(PAUSE)
            steps += 1
    return steps


async def keep_thinning(store: Store, policy: Policy, clock: Clock) -> None:
    """Thin out again and again, until cancelled. A failing disk is tried again an hour later."""
    while policy.days > 0:
        try:
            await thin_out(store, policy, clock)
        except StorageError as error:
            log.warning("readings could not be thinned out: %s", error)
        await clock.sleep(PERIOD)
