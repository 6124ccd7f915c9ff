"""Operating seconds and time of the BSM (sections 8 and 9).

Both tick together, once a second of operation. A write of Epoch or TZO is a *setting* (counted) or an *updating*.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from wattproof.virtual.base import NEVER, SECOND

#: Epoch and TZO while the time is invalid.
NO_EPOCH = 0xFFFFFFFF
NO_TZO = -0x8000
MICRO = 1_000_000


@dataclass(slots=True)
class Timekeeping:
    """``seconds`` are those of earlier operation, counted on from ``boot`` (meter ns) while ``running``.

    ``cone`` off: every written Epoch with unchanged TZO is an updating (2.8).
    """

    boot: int
    seconds: int = 0
    running: bool = True
    cone: bool = True
    cone_seconds: Decimal = Decimal(2)
    cone_percent: Decimal = Decimal(1)
    expiry: int = 172_800
    settings: int = 0  # EpochSetCnt
    setting_os: int = NO_EPOCH  # EpochSetOS
    drift: int = 0  # parts per million
    synchronised: bool = True  # letter S, else U
    _epoch: int | None = None  # microseconds at _epoch_os
    _epoch_os: int = 0
    _tzo: int | None = None
    _refreshed_os: int = 0

    def os(self, now: int) -> int:
        """Operating seconds; after 136 years they stand still."""
        return min(self.seconds + (now - self.boot) // SECOND, NO_EPOCH - 1) if self.running else self.seconds

    def next_tick(self, now: int) -> int:
        """The next instant at which the operating seconds change."""
        return now + SECOND - (now - self.boot) % SECOND if self.running else NEVER

    @property
    def valid(self) -> bool:
        return self._epoch is not None

    def epoch(self, os: int) -> int:
        """UTC Unix seconds at an operating second, ``NO_EPOCH`` while invalid."""
        if self._epoch is None:
            return NO_EPOCH
        return min((self._epoch + (os - self._epoch_os) * (MICRO + self.drift)) // MICRO, NO_EPOCH - 1)

    @property
    def tzo(self) -> int:
        """Minutes east, ``NO_TZO`` while invalid."""
        return NO_TZO if self._tzo is None else self._tzo

    def stamp(self, os: int) -> tuple[int, int, int]:
        """OS, Epoch and TZO of a change of DI or DO."""
        return os, self.epoch(os), self.tzo

    def accepts(self, epoch: int | None, tzo: int | None) -> bool:
        """Whether a write is allowed: values in range, both while the time is invalid (BD-09)."""
        if epoch == NO_EPOCH or tzo == NO_TZO:
            return False
        return self.valid or (epoch is not None and tzo is not None)

    def write(self, now: int, epoch: int | None, tzo: int | None) -> bool:
        """Take a written Epoch and / or TZO; whether it was a setting. Ask ``accepts`` first."""
        os = self.os(now)
        before = self.epoch(os) if self.valid else None
        inside = before is None or epoch is None or self._inside(abs(epoch - before), os - self._refreshed_os)
        setting = before is None or not inside or (tzo is not None and tzo != self._tzo)
        if before is None:
            self.synchronised = True
        elif not inside:
            self.synchronised = False
        elif epoch is not None and not setting and self.cone:
            self.synchronised = True
        if epoch is not None:
            self._epoch, self._epoch_os = epoch * MICRO, os
        if tzo is not None:
            self._tzo = tzo
        self._refreshed_os = os
        if setting:
            self.settings = (self.settings + 1) % NO_EPOCH
            self.setting_os = os
        return setting

    def _inside(self, deviation: int, elapsed: int) -> bool:
        return not self.cone or deviation <= max(self.cone_seconds, self.cone_percent * elapsed / 100)

    def lose(self) -> None:
        """The time becomes invalid."""
        self._epoch = self._tzo = None

    def set_drift(self, now: int, ppm: int) -> None:
        """From now on Epoch gains ``ppm`` microseconds a second of operation."""
        if self._epoch is not None:
            os = self.os(now)
            self._epoch += (os - self._epoch_os) * (MICRO + self.drift)
            self._epoch_os = os
        self.drift = ppm

    def expires_at(self) -> int:
        """Meter time at which the time becomes invalid if nobody refreshes it."""
        if not self.expiry or self._epoch is None or not self.running:
            return NEVER
        return self.boot + (self._refreshed_os + self.expiry - self.seconds) * SECOND

    def stop(self, now: int) -> None:
        """Supply off: the seconds stand still, the time is lost."""
        self.seconds = self.os(now)
        self.running = False
        self.lose()

    def start(self, now: int) -> None:
        """Supply on, without a time."""
        self.lose()
        self.boot = now
        self.running = True
