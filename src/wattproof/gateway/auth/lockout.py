"""Counters of failed logins and the locks that follow from them: pure figures, time is an argument (g13-api.md 9.4).

Times are host time in UTC milliseconds. A counter is a :class:`~wattproof.gateway.records.Failures`; what it counts is
in its key, and a key says nothing about whether the user exists.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from wattproof.gateway.auth.addresses import counted
from wattproof.gateway.auth.keys import NAME
from wattproof.gateway.records import Failures

MINUTE: Final = 60_000
DAY: Final = 24 * 60 * MINUTE
#: Failures count for so long (ms).
WINDOW: Final = 15 * MINUTE
#: A counter without failures for so long begins anew (ms).
CLEARED: Final = DAY
#: An address that had a success of a user so long ago (ms) is judged although the user is locked.
KNOWN: Final = 30 * DAY


@dataclass(frozen=True, slots=True)
class Rule:
    """``limit`` failures within the window lock for the first of ``steps`` (ms). Where there are more steps, each
    further failure locks at once, for the next of them."""

    limit: int
    steps: tuple[int, ...]


PAIR: Final = Rule(5, (60_000, 120_000, 240_000, 480_000, 900_000))
USER: Final = Rule(100, (WINDOW,))
ADDRESS: Final = Rule(30, (WINDOW,))


@dataclass(frozen=True, slots=True)
class Keys:
    """Names of the counters that an attempt of a user from an address concerns. Without a user: of an API token."""

    user: str | None
    address: str

    @property
    def at(self) -> str:
        return f"address:{counted(self.address)}"

    @property
    def of(self) -> str | None:
        return None if self.user is None else f"user:{_short(self.user)}"

    @property
    def pair(self) -> str | None:
        return None if self.user is None else f"pair:{_short(self.user)}@{counted(self.address)}"

    @property
    def known(self) -> str | None:
        """Not a counter: its one time is the last success of the user from the address."""
        return None if self.user is None else f"known:{_short(self.user)}@{counted(self.address)}"

    def all(self) -> list[str]:
        """All of them."""
        return [key for key in (self.at, self.pair, self.of, self.known) if key is not None]

    def rules(self) -> list[tuple[str, Rule]]:
        """The counters with their rules."""
        pairs = ((self.pair, PAIR), (self.of, USER), (self.at, ADDRESS))
        return [(key, rule) for key, rule in pairs if key is not None]


def _short(user: str) -> str:
    """A name that no user can have may be anything of any length: it is counted under its digest."""
    return user if NAME.fullmatch(user) else "?" + hashlib.sha256(user.encode("utf-8", "surrogatepass")).hexdigest()


def failed(counter: Failures, rule: Rule, now: int) -> Failures:
    """The counter after one more failure."""
    last = counter.times[-1] if counter.times else 0
    locks = 0 if now - last >= CLEARED else counter.locks
    times = (*(time for time in counter.times if 0 <= now - time < WINDOW), now)[-rule.limit :]
    escalates = locks > 0 and len(rule.steps) > 1
    if len(times) < rule.limit and not escalates:
        return Failures(counter.key, times, locks, 0)
    step = rule.steps[min(locks, len(rule.steps) - 1)]
    return Failures(counter.key, times, locks + 1, now + step)


def locked(counter: Failures | None, now: int) -> int:
    """For how long yet (ms), 0 if it is not."""
    return 0 if counter is None else max(counter.until - now, 0)


def sane(counter: Failures, now: int) -> Failures:
    """A counter as it was stored, for a host whose clock may have been set back meanwhile: no lock is longer than the
    longest step from now on."""
    longest = now + WINDOW
    return counter if counter.until <= longest else Failures(counter.key, counter.times, counter.locks, longest)


def first(counter: Failures | None, now: int) -> bool:
    """Whether the next failure is the first for a while (event 1)."""
    return counter is None or not counter.times or now - counter.times[-1] >= WINDOW


def remaining(keys: Keys, counters: dict[str, Failures], now: int) -> int:
    """For how long an attempt is refused without being judged (ms), 0 if it is judged.

    The lock of a user from all addresses spares those from which he has come lately.
    """
    waits = [locked(counters.get(key), now) for key, _ in keys.rules() if key != keys.of]
    if keys.of is not None and not is_known(keys, counters, now):
        waits.append(locked(counters.get(keys.of), now))
    return max(waits)


def is_known(keys: Keys, counters: dict[str, Failures], now: int) -> bool:
    """Whether the user had a success from this address within 30 days."""
    success = counters.get(keys.known or "")
    return success is not None and bool(success.times) and now - success.times[-1] < KNOWN
