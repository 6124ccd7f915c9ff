"""Who decides which tariff is active: the clock, communication, or two inputs (abb-meters.md 3.8)."""

from __future__ import annotations

from collections.abc import Iterable
from enum import IntEnum
from typing import Any

from wattproof.metering.clock import Clock
from wattproof.metering.dates import DAY
from wattproof.metering.dst import FAR
from wattproof.metering.tariffs import ActivityCalendar

TARIFFS = range(1, 5)


class Source(IntEnum):
    """Who decides."""

    CLOCK = 0
    COMMUNICATION = 1
    INPUTS = 2


class Tariffing:
    """``inputs`` are the tariffs of the combinations 2 x input 4 + input 3; ``seen`` is the local time until which the
    calendar has acted; ``activation`` the local time (s) at which the passive calendar becomes active, if ever; ``due``
    when something else may be decided (standard time, ms)."""

    __slots__ = ("activation", "calendar", "due", "inputs", "seen", "source")

    def __init__(self) -> None:
        self.source = Source.COMMUNICATION
        self.inputs: tuple[int, ...] = (1, 2, 3, 4)
        self.calendar = ActivityCalendar()
        self.seen, self.due = 0, FAR
        self.activation: int | None = None

    def decide(self, local: int, combination: int) -> int | None:
        """The tariff of this moment, ``None`` where nothing decides it anew."""
        if self.source is Source.CLOCK:
            return self.calendar.tariff(local)
        if self.source is Source.INPUTS:
            return self.inputs[min(combination, len(self.inputs) - 1)]
        return None

    def outputs(self, local: int) -> Iterable[tuple[int, bool]]:
        """Outputs that the calendar sets and resets, since the last call until this local time."""
        before, self.seen = self.seen, local
        if before // DAY != local // DAY:
            before = local // DAY * DAY - 1
        return list(self.calendar.outputs(before, local)) if self.source is Source.CLOCK else ()

    def plan(self, clock: Clock, now: int) -> None:
        """Find out when something else may be decided."""
        standard = clock.standard(now)
        shift, change = clock.summer.shift(standard), clock.summer.until(standard)
        self.due = FAR
        if self.source is Source.CLOCK and not self.calendar.empty:
            self.due = min(self.calendar.next_action(standard + shift) - shift, change)
        if self.activation is not None:
            self.due = min(self.due, max(clock.summer.standard(self.activation * 1000), standard + 1))

    def activate_due(self, local: int) -> bool:
        """Activate the passive calendar if its time has come; whether it was."""
        if self.activation is None or local < self.activation * 1000:
            return False
        self.activation = None
        self.calendar.activate()
        return True

    def save(self) -> dict[str, Any]:
        """Plain data of everything."""
        return {
            "source": int(self.source),
            "inputs": list(self.inputs),
            "calendar": self.calendar.save(),
            "seen": self.seen,
            "due": self.due,
            "activation": self.activation,
        }

    def restore(self, data: dict[str, Any]) -> None:
        """As :meth:`save` left it."""
        self.source, self.inputs = Source(data["source"]), tuple(data["inputs"])
        self.calendar = ActivityCalendar.restore(data["calendar"])
        self.seen, self.due, self.activation = data["seen"], data["due"], data["activation"]
