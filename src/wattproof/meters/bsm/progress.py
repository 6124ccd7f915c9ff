"""Whether a charging session goes on: what is looked at, how often, and when it counts as stalled."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from wattproof.errors import SessionFailed

NANOSECONDS = 10**9

#: Meter seconds without progress after which a session has failed; real seconds where the meter does not answer.
STALL_LIMIT = 60
#: Energy that must have been counted, by the power shown, before a register that stands still counts as stalled.
RESOLUTIONS = 2
#: Bounds of the pause between two looks at the meter, in real seconds.
FASTEST, SLOWEST = 0.02, 1.0

#: Wh of the least digit that the meter shows in any firmware (section 10).
RESOLUTION = Decimal(10)


@dataclass(frozen=True, slots=True)
class Progress:
    """One look at a running session: Wh since its begin, W (``None`` if unavailable), meter seconds, DI and DO."""

    energy: Decimal
    power: Decimal | None
    seconds: int
    closed: bool  # DI low: the contactor says that it is closed
    demand: bool  # DO: the meter wants it closed


class Watch:
    """Whether a session goes on: by the meter's own seconds, so that it holds at any speed of a virtual meter."""

    def __init__(self, now: int) -> None:
        self.pause = FASTEST
        self._answered = now
        self._first: tuple[int, int] | None = None
        self._grown: tuple[int, Decimal] | None = None

    def silent(self, now: int, error: Exception) -> None:
        """An unanswered look. Raises :class:`~wattproof.errors.SessionFailed` after a minute of them."""
        self.pause = SLOWEST
        if now - self._answered >= STALL_LIMIT * NANOSECONDS:
            raise SessionFailed(f"the meter has not answered for {STALL_LIMIT} s: {error}") from error

    def look(self, now: int, progress: Progress) -> None:
        """Take note of a look, and choose the pause: about one meter second, as far as the bounds allow."""
        self._answered = now
        if self._first is None:
            self._first = (now, progress.seconds)
        if self._grown is None or progress.energy > self._grown[1]:
            self._grown = (progress.seconds, progress.energy)
        real = (now - self._first[0]) / NANOSECONDS
        meter = progress.seconds - self._first[1]
        if meter > 0:
            self.pause = min(SLOWEST, max(FASTEST, real / meter))
        elif real > SLOWEST:
            self.pause = SLOWEST

    def check(self, progress: Progress) -> None:
        """Raises :class:`~wattproof.errors.SessionFailed` if the register has stood still for too long."""
        if self._grown is None:
            return
        still = progress.seconds - self._grown[0]
        flowing = (progress.power or Decimal(0)) * still / 3600
        if still >= STALL_LIMIT and (flowing <= 0 or flowing > RESOLUTIONS * RESOLUTION):
            state = "closed" if progress.closed else "open"
            power = "unknown" if progress.power is None else f"{progress.power:f}"
            raise SessionFailed(
                f"no progress for {still} meter seconds at {progress.energy:f} Wh: power {power} W, contactor "
                f"{state}, demand {'on' if progress.demand else 'off'}; is a car plugged in and not full, DOE high?"
            )
