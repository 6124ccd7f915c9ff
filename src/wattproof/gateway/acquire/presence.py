"""Whether a meter is there: decisions only (g13-api.md 11.3).

::

    registered --answer--> online --1 + retries attempts without answer--> offline --answer--> online
        '---------------------- no answer ----------------------------------^  '-- a probe each 10, 20, 40, 60 s
"""

from __future__ import annotations

from enum import IntEnum

SECOND = 10**9
#: Seconds between the probes of a meter that is offline; the last stays.
PROBES = (10, 20, 40, 60)


class Status(IntEnum):
    """As #31 spells it. Registered: it has not answered since registration or start."""

    OFFLINE = -1
    REGISTERED = 0
    ONLINE = 1


class Presence:
    """The status of one meter. Times are nanoseconds of the bus's clock.

    ``known_offline``: it was so before the start, and event 9 has been told.
    """

    def __init__(self, *, known_offline: bool = False) -> None:
        self.status = Status.REGISTERED
        self.known_offline = known_offline
        self.probes = 0
        self.last_attempt: int | None = None
        self.next_probe = 0

    @property
    def is_offline(self) -> bool:
        return self.status is Status.OFFLINE

    def may_ask(self, now: int) -> bool:
        """Whether a request on behalf of somebody goes out: also to a meter that is offline, unless it was tried less
        than the shortest interval ago."""
        if not self.is_offline or self.last_attempt is None:
            return True
        return now - self.last_attempt >= PROBES[0] * SECOND

    def answered(self, now: int) -> bool:
        """It has answered, be it with a refusal; whether that is news."""
        news = self.status is not Status.ONLINE
        self.status, self.probes, self.last_attempt = Status.ONLINE, 0, now
        return news

    def failed(self, now: int) -> bool:
        """All attempts of a transaction went unanswered; whether that is news."""
        news = self.status is not Status.OFFLINE
        self.probes = 0 if news else self.probes + 1
        self.status, self.last_attempt = Status.OFFLINE, now
        self.next_probe = now + PROBES[min(self.probes, len(PROBES) - 1)] * SECOND
        return news
