"""A contactor: a coil, mechanics that take their time, and what can go wrong with both.

``closed`` is where the main contacts are. ``next_event`` is when they will have moved; the owner calls ``advance`` at
that instant. The auxiliary contact follows the main contacts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from wattproof.virtual.base import NEVER


class Stuck(Enum):
    """A contactor that no longer follows its coil."""

    NO = "no"
    CLOSED = "closed"  # welded: once closed, it stays
    OPEN = "open"  # the armature does not pull in


@dataclass(slots=True)
class Contactor:
    """``delay`` is the mechanical delay in both directions, nanoseconds."""

    delay: int
    closed: bool = False
    coil: bool = False
    stuck: Stuck = Stuck.NO
    moves_at: int = NEVER

    def energise(self, coil: bool, now: int) -> bool:
        """Drive the coil; whether the contacts moved at once."""
        self.coil = coil
        return self._aim(now)

    def jam(self, stuck: Stuck, now: int) -> bool:
        """Begin or end a mechanical fault; whether the contacts moved at once."""
        self.stuck = stuck
        if stuck is Stuck.OPEN and self.closed:
            self.closed = False
            self.moves_at = NEVER
            return True
        return self._aim(now)

    def _wanted(self) -> bool:
        if self.stuck is Stuck.CLOSED:
            return self.closed or self.coil
        return self.coil and self.stuck is not Stuck.OPEN

    def _aim(self, now: int) -> bool:
        if self._wanted() == self.closed:
            self.moves_at = NEVER
            return False
        if self.moves_at == NEVER:
            self.moves_at = now + self.delay
        return self.advance(now)

    def advance(self, now: int) -> bool:
        """Let the contacts arrive if it is time; whether they moved."""
        if now < self.moves_at:
            return False
        self.closed = not self.closed
        self.moves_at = NEVER
        return True

    def release(self) -> None:
        """No supply: the coil is dead and the contacts open, unless they are welded."""
        self.coil = False
        self.moves_at = NEVER
        if self.stuck is not Stuck.CLOSED:
            self.closed = False
