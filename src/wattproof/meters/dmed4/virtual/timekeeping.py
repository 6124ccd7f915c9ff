"""The clock of the DMED4: Unix time UTC that runs from the factory on, and whether anybody has set it lately."""

from __future__ import annotations

from dataclasses import dataclass

from wattproof.virtual.base import NEVER, SECOND

#: 2020-01-01 00:00:00 UTC, where the clock of a new meter begins (DEC-74).
FACTORY = 1_577_836_800
MINUTE = 60 * SECOND
MILLION = 1_000_000


@dataclass(slots=True)
class Clock:
    """``base`` (UTC ns) was the time at ``at`` (meter ns); ``drift`` in parts per million.

    ``synced_at``: when the time was written last, ``None`` since the start; ``timeout``: minutes until that counts no
    more, 0 = never.
    """

    at: int
    base: int = FACTORY * SECOND
    offset: int = 0
    timeout: int = 1440
    drift: int = 0
    synced_at: int | None = None
    #: Fault never-synchronised.
    deaf: bool = False

    def utc(self, now: int) -> int:
        """Unix time in nanoseconds."""
        return self.base + (now - self.at) * (MILLION + self.drift) // MILLION

    def seconds(self, now: int) -> int:
        """Unix time in whole seconds, as registers show it."""
        return min(max(self.utc(now) // SECOND, 0), 0xFFFFFFFF)

    def write(self, now: int, seconds: int) -> None:
        """A time write: taken as it is, from this instant on."""
        self.base, self.at = seconds * SECOND, now
        if not self.deaf:
            self.synced_at = now

    def set_drift(self, now: int, ppm: int) -> None:
        """From now on the clock gains or loses."""
        self.base, self.at, self.drift = self.utc(now), now, ppm

    def expires_at(self) -> int:
        """When the last setting counts no more."""
        if self.synced_at is None or not self.timeout:
            return NEVER
        return self.synced_at + self.timeout * MINUTE

    def synchronised(self, now: int) -> bool:
        """Bit 5 of the signature status."""
        return self.synced_at is not None and now < self.expires_at()

    def flag(self, now: int) -> str:
        """The letter behind a time in OCMF (9.4): S set lately, I set and expired, U not set since the start."""
        if self.synced_at is None:
            return "U"
        return "S" if self.synchronised(now) else "I"

    def next_second(self, now: int) -> int:
        """When the seconds change next; a clock that drifts is looked at a little later rather than earlier."""
        missing = SECOND - self.utc(now) % SECOND
        return now + max(1, -(-missing * MILLION // (MILLION + self.drift)))
