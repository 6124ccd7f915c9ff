"""Counters of failed logins that say nothing any more are forgotten: every address that ever failed has left some."""

from __future__ import annotations

import logging
from typing import Final

from wattproof.errors import StorageError
from wattproof.gateway.auth.lockout import DAY, KNOWN
from wattproof.gateway.records import DropFailures
from wattproof.gateway.store.base import Store
from wattproof.model.clock import Clock

_log = logging.getLogger(__name__)
#: Seconds between two looks, and after each small step, in which others commit.
PERIOD: Final = DAY / 1000
PAUSE: Final = 0.05


async def clear(store: Store, clock: Clock) -> int:
    """Forget the counters whose last failure, success or lock is longer ago than any of them counts; says how many.

    Raises:
        StorageError: the disk. What was done is done.
    """
    cleared = 0
    async for keys in store.idle_failures(clock.time() // 10**6 - KNOWN):
        if keys:
            await store.commit(*map(DropFailures, keys))
            cleared += len(keys)
        await clock.sleep(PAUSE)
    return cleared


async def keep_clearing(store: Store, clock: Clock) -> None:
    """Forget again and again, until cancelled. A failing disk is tried again a day later."""
    while True:
        try:
            await clear(store, clock)
        except StorageError as error:
            _log.warning("old counters of failed logins could not be forgotten: %s", error)
        await clock.sleep(PERIOD)
