"""What the parts of one engine share: the facts, local time, and what is to be written."""

from __future__ import annotations

from datetime import tzinfo
from typing import Any, ClassVar

from wattproof.gateway.engines.facts import Facts
from wattproof.gateway.records import EngineState, MeterEvent, Write
from wattproof.metering.clock import Clock
from wattproof.metering.zones import EPOCH_MS, Zone
from wattproof.meters.abb.records import category_of

SYSTEM, QUALITY, EVENT = "system", "quality", "event"


class Part:
    """A part of an engine that keeps something: plain data under ``name``, written whenever it ``changed``."""

    name: ClassVar[str]

    def __init__(self) -> None:
        self.changed = True

    def save(self) -> Any:
        """Plain data of everything."""
        raise NotImplementedError

    def restore(self, data: Any) -> None:
        """As :meth:`save` left it."""
        raise NotImplementedError


class Books(Part):
    """``clock`` turns host time (UTC ms) into standard time, which is the gateway's UTC, and into local time.

    Log entries are numbered here. ``open`` are those that last: number, host time and local seconds of the begin, by
    log and code.
    """

    name = "books"

    def __init__(self, facts: Facts, zone: tzinfo, offset: int) -> None:
        super().__init__()
        self.facts = facts
        self.zone = str(zone)
        self.clock = Clock(shifted=offset - EPOCH_MS, summer=Zone(zone))
        self.number = 0
        self.open: dict[tuple[str, int], tuple[int, int, int]] = {}
        self._writes: list[Write] = []

    @property
    def offset(self) -> int:
        """The gateway's time less host time, ms."""
        return self.clock.shifted + EPOCH_MS

    @offset.setter
    def offset(self, offset: int) -> None:
        self.clock.shifted = offset - EPOCH_MS
        self.changed = True

    def local(self, moment: int) -> int:
        """Local civil seconds at a host time."""
        return self.clock.local(moment) // 1000

    # what is to be written

    def write(self, *writes: Write) -> None:
        """These, in this order."""
        self._writes.extend(writes)

    def take(self) -> list[Write]:
        """What has come together, which the caller commits."""
        taken, self._writes = self._writes, []
        return taken

    def state(self, part: Part) -> EngineState:
        """A part as it is kept."""
        part.changed = False
        return EngineState(self.facts.serial, part.name, part.save())

    # log

    def note(self, log: str, code: int, moment: int, duration: int = 0) -> None:
        """Something happened."""
        self._entry(log, code, self._next(), moment, self.local(moment), duration)

    def begin(self, log: str, code: int, moment: int) -> None:
        """Something begins that lasts until :meth:`end`."""
        if (log, code) not in self.open:
            number, local = self._next(), self.local(moment)
            self.open[log, code] = number, moment, local
            self._entry(log, code, number, moment, local, 0)

    def end(self, log: str, code: int, moment: int) -> None:
        """What lasted is over."""
        found = self.open.pop((log, code), None)
        if found is not None:
            number, began, local = found
            self.changed = True
            self._entry(log, code, number, began, local, max(0, (moment - began) // 1000))

    def _next(self) -> int:
        self.number += 1
        self.changed = True
        return self.number

    def _entry(self, log: str, code: int, number: int, moment: int, local: int, duration: int) -> None:
        category = int(category_of(code))
        self.write(MeterEvent(self.facts.serial, log, number, moment, local, duration, category, code))

    def save(self) -> Any:
        entries = [[*key, *began] for key, began in self.open.items()]
        return {"offset": self.offset, "zone": self.zone, "number": self.number, "open": entries}

    def restore(self, data: Any) -> None:
        """The zone stays the one that was given: compare it with what was."""
        self.offset = data["offset"]
        self.number = data["number"]
        self.open = {(log, code): (number, moment, local) for log, code, number, moment, local in data["open"]}
