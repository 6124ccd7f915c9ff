"""Which tariff is active, and what each has been given: from the moment of registration on, every increment of a total
is booked to exactly one tariff (g13-api.md 81, 82, 10.3; abb-meters.md 3.8).

A reading seldom lies at the moment of a change; what was counted between the two readings around it is then shared by
time, to the thousandth of a Wh, so that the sum of the tariffs stays the sum of the increments.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any

from wattproof.gateway.engines.books import Books, Part
from wattproof.gateway.engines.calendar import CalendarTables
from wattproof.gateway.engines.failing import invalid, unsupported
from wattproof.gateway.engines.readings import Point
from wattproof.gateway.engines.scales import FOLLOWED, TARIFFS
from wattproof.metering.dates import DAY
from wattproof.metering.dst import FAR
from wattproof.metering.energy import TariffRegisters

CLOCK, COMMUNICATION, INPUTS = range(3)


class Booking:
    """The tariff registers of one total, and the changes of the tariff that its readings have not reached yet."""

    __slots__ = ("changes", "registers")

    def __init__(self, tariff: int) -> None:
        self.registers = TariffRegisters(1, active=tariff)
        self.changes: deque[tuple[int, int]] = deque()

    def book(self, before: Point | None, after: Point) -> None:
        """A reading was believed."""
        while self.changes and self.changes[0][0] <= after.time:
            moment, tariff = self.changes.popleft()
            self.registers.switch([_between(before, after, moment)], tariff)

    def content(self, tariff: int, booked: int) -> int:
        """What a tariff holds when so much was booked in all."""
        return self.registers.content(0, tariff, max(booked, self.registers.since[0]))


def _between(before: Point | None, after: Point, moment: int) -> int:
    """What was booked until a moment between two readings."""
    if before is None or moment >= after.time or after.time <= before.time:
        return after.booked
    grown, part = after.booked - before.booked, max(moment - before.time, 0)
    return before.booked + grown * part // (after.time - before.time)


class Tariffs(Part):
    """``source`` 0 the calendar, 1 communication; ``active`` the tariff of this moment, from ``since`` on; ``seen`` the
    host time until which the calendar has decided."""

    name = "tariffs"

    def __init__(self, books: Books, calendar: CalendarTables) -> None:
        super().__init__()
        self._books = books
        self.calendar = calendar
        self.source, self.active = COMMUNICATION, 1
        self.seen = 0
        self._due: int | None = None
        self._bookings = {id: Booking(1) for id, first in FOLLOWED.items() if first in books.facts.derived}

    # booking

    def book(self, id: int, before: Point | None, after: Point) -> None:
        """A reading of a total was believed."""
        booking = self._bookings.get(id)
        if booking is not None:
            booking.book(before, after)
            self.changed = True

    def content(self, id: int, booked: int) -> int | None:
        """A tariff register when so much of its total was booked, ``None`` if there is no such register."""
        total, tariff = TARIFFS[id]
        booking = self._bookings.get(total)
        return None if booking is None else booking.content(tariff, booked)

    # deciding

    def advance(self, at: int) -> None:
        """Time has come to ``at``: the calendar may have changed the tariff meanwhile."""
        while (moment := self.due()) <= at:
            self._decide(moment)

    def decide(self, at: int) -> None:
        """Source, calendar or local time have changed."""
        self.seen, self._due, self.changed = at, None, True
        if self.source == CLOCK:
            self._decide(at)

    def due(self) -> int:
        """When the calendar may decide next (host time)."""
        if self._due is None:
            self._due = FAR if self.source != CLOCK or self.calendar.empty else self._next(self.seen)
        return self._due

    def _next(self, moment: int) -> int:
        clock = self._books.clock
        standard = clock.standard(moment)
        shift, change = clock.summer.shift(standard), clock.summer.until(standard)
        return clock.when(min(self.calendar.next_action(standard + shift) - shift, change))

    def _decide(self, moment: int) -> None:
        self.seen, self._due = moment, None
        self._activate(self.calendar.tariff(self._books.clock.local(moment)), moment)

    def _activate(self, tariff: int, moment: int) -> None:
        if tariff == self.active:
            return
        self.active, self.changed = tariff, True
        for booking in self._bookings.values():
            booking.changes.append((moment, tariff))

    # resources 81, 82

    def document(self, at: int) -> dict[str, Any]:
        """The body of 81."""
        valid = self.calendar.valid(self._books.clock.local(at) // DAY)
        return {"daytype": valid.day or 0, "season": valid.season, "tariff": self.active, "source": self.source}

    def put(self, body: Mapping[str, Any], at: int) -> None:
        """Carry out 82. Raises ``CommandFailed``; nothing has changed then."""
        source, tariff = body.get("source", self.source), body.get("tariff")
        if source == INPUTS:
            raise unsupported("tariff inputs")
        if source not in (CLOCK, COMMUNICATION):
            raise invalid("invalid source")
        if "inputconfig" in body:
            raise invalid("invalid inputconfig")
        if tariff is not None and tariff not in range(1, 5):
            raise invalid("invalid tariff")
        if tariff is not None and source != COMMUNICATION:
            raise invalid("tariff source is not communication")
        if tariff is None and "source" not in body:
            raise invalid("missing tariff in JSON")
        self.source = source
        if tariff is not None:
            self._activate(tariff, at)
        self.decide(at)

    # what stays

    def turn_back(self, at: int) -> None:
        """The host's clock was set back."""
        for booking in self._bookings.values():
            booking.changes = deque((min(moment, at), tariff) for moment, tariff in booking.changes)
        self.changed = True

    def save(self) -> Any:
        return {
            "source": self.source,
            "active": self.active,
            "seen": self.seen,
            "bookings": [
                [id, booking.registers.save(), [list(change) for change in booking.changes]]
                for id, booking in self._bookings.items()
            ],
        }

    def restore(self, data: Any) -> None:
        self.source, self.active, self.seen = data["source"], data["active"], data["seen"]
        self._due = None
        for booking in self._bookings.values():
            booking.registers.active = self.active
        for id, registers, changes in data["bookings"]:
            if id in self._bookings:
                self._bookings[id].registers.restore(registers)
                self._bookings[id].changes = deque((moment, tariff) for moment, tariff in changes)
