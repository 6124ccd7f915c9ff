"""The advanced password: one login for the whole device, and a lock-out after three wrong ones (7.10, DEC-44)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from enum import Enum

from wattproof.virtual.base import NEVER, SECOND

#: Wrong passwords in a row that lock, and for how long.
ATTEMPTS = 3
LOCKOUT = 900 * SECOND


class Verdict(Enum):
    """What came of an attempt."""

    RIGHT = "right"
    WRONG = "wrong"
    LOCKED_NOW = "locked now"
    LOCKED = "locked"


@dataclass(slots=True)
class Access:
    """``idle``: meter ns after which a login ends by itself, 0 = never."""

    idle: int = 0
    logged: bool = False
    failures: int = 0
    locked_until: int = 0
    used_at: int = 0

    def attempt(self, given: str, password: str, now: int) -> Verdict:
        """Judge a password. During a lock-out none is right, and it is not made longer."""
        if now < self.locked_until:
            return Verdict.LOCKED
        if hmac.compare_digest(given.encode("utf-8", "replace"), password.encode("utf-8")):
            self.failures = 0
            return Verdict.RIGHT
        self.failures += 1
        if self.failures >= ATTEMPTS:
            self.lock(LOCKOUT, now)
            return Verdict.LOCKED_NOW
        return Verdict.WRONG

    def lock(self, duration: int, now: int) -> None:
        """A lock-out of this length begins."""
        self.locked_until, self.failures = now + duration, 0

    def log_in(self, now: int) -> None:
        self.logged, self.used_at = True, now

    def use(self, now: int) -> bool:
        """Whether somebody is logged in; a request that needs it keeps the login alive."""
        self.expire(now)
        if self.logged:
            self.used_at = now
        return self.logged

    def expire(self, now: int) -> None:
        """End a login that has been idle for too long."""
        if self.logged and self.expires_at() <= now:
            self.logged = False

    def expires_at(self) -> int:
        """When the login ends by itself."""
        return self.used_at + self.idle if self.logged and self.idle else NEVER

    def forget(self) -> None:
        """A restart: login and lock-out are lost (8.6)."""
        self.logged, self.failures, self.locked_until = False, 0, 0
