"""Alarms: a quantity beyond a threshold for some time (abb-meters.md 3.6)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from wattproof.metering.dates import SECOND
from wattproof.metering.dst import FAR

#: Alarms of a meter, and the longest delay, seconds.
ALARMS = 25
MOST_DELAY = 0xFFFFFFFF


class Setting(NamedTuple):
    """What raises an alarm. Thresholds are raw values of the quantity, delays seconds, ``output`` a port or 0.

    A high alarm has ``on`` >= ``off``: it is on above ``on`` and off below ``off``; a low one the other way round.
    """

    quantity: int
    on: int
    off: int
    on_delay: int = 0
    off_delay: int = 0
    log: bool = False
    output: int = 0


@dataclass(slots=True)
class Alarm:
    """One alarm. ``condition``: beyond the threshold; ``active``: that it was for long enough; ``due``: the meter time
    (ms) at which it becomes, or stops being, active if nothing happens before."""

    setting: Setting
    condition: bool = False
    active: bool = False
    due: int = FAR

    def watch(self, value: int | None, now: int) -> bool:
        """The quantity has another value from now on, ``None`` = none; whether ``active`` changed at once."""
        if value is None:
            return False
        on, off = self.setting.on, self.setting.off
        if on >= off:
            beyond, back = value > on, value < off
        else:
            beyond, back = value < on, value > off
        if beyond == self.condition or not (beyond or back):
            return False
        self.condition = beyond
        self.due = FAR
        if beyond != self.active:
            self.due = now + (self.setting.on_delay if beyond else self.setting.off_delay) * SECOND
        return self.expire(now)

    def expire(self, now: int) -> bool:
        """Time has come to ``now``; whether ``active`` changed."""
        if self.due > now:
            return False
        self.due = FAR
        self.active = self.condition
        return True

    def drop(self) -> bool:
        """Nothing is measured any more; whether it was active."""
        was, self.condition, self.active, self.due = self.active, False, False, FAR
        return was

    def save(self) -> list[Any]:
        """Plain data of everything."""
        return [list(self.setting), self.condition, self.active, self.due]

    @classmethod
    def restore(cls, data: list[Any]) -> Alarm:
        """The alarm of :meth:`save`."""
        setting, condition, active, due = data
        return cls(Setting(*setting), condition, active, due)
