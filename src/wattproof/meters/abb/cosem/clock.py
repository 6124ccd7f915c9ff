"""The clock of an ABB meter and its summer time (abb-meters.md 2.11)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from wattproof.errors import FrameError, InvalidValue
from wattproof.metering.dst import Rule
from wattproof.meters.abb.calendarjson import rule_dict
from wattproof.meters.abb.cosem.asking import Asking, steps, understood
from wattproof.meters.abb.records import ClockReading
from wattproof.meters.abb.shapes.summertime import RULE
from wattproof.wire.cosem.data import Data, boolean, integer, octet_string
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.shapes import flag, octets
from wattproof.wire.cosem.times import INVALID, DateTime

TIME, BEGIN, END, DEVIATION, ENABLED = (Attribute.of(8, "0-0:1.0.0", number) for number in (2, 5, 6, 7, 8))
#: Minutes that summer time adds.
HOUR = 60


@dataclass(frozen=True, slots=True)
class SummerClock(ClockReading):
    """A clock that knows summer time. ``summer``: whether it shows it now; ``begin`` and ``end``: ``None`` where the
    meter has no such rule."""

    summer: bool = False
    enabled: bool = False
    begin: Rule | None = None
    end: Rule | None = None

    def as_dict(self) -> dict[str, object]:
        return {
            **ClockReading.as_dict(self),
            "dst": int(self.summer),
            "dstenable": self.enabled,
            "dststart": None if self.begin is None else rule_dict(self.begin),
            "dstend": None if self.end is None else rule_dict(self.end),
        }


class ClockSetting(Asking):
    """The part of the driver that reads and sets the clock."""

    async def read_clock(self) -> SummerClock:
        """Date, time and summer time of the meter's clock, read at one moment."""
        time, begin, end, enabled = await self.get_all((TIME, BEGIN, END, ENABLED))
        moment = DateTime.decode(octets(_given(time), 12))
        found = None if (moment.status or 0) & INVALID else moment.to_datetime()
        return SummerClock(
            None if found is None else found.replace(tzinfo=None, microsecond=0),
            moment.dst,
            isinstance(enabled, Data) and flag(enabled),
            _rule(begin, BEGIN),
            _rule(end, END),
        )

    async def set_clock(self, time: datetime) -> None:
        """Set date and time as they stand there; a zone is ignored. Raises ``MeterRefused``."""
        moment = DateTime.of(time.replace(tzinfo=None, microsecond=0))
        await self.set(TIME, octet_string(moment.encode()))

    async def set_summer_time(self, enabled: bool, begin: Rule | None = None, end: Rule | None = None) -> None:
        """Turn summer time on by these rules, or off. The rules are written before it is turned on.

        Raises:
            InvalidValue: on, without both rules.
            MeterRefused: the meter says no; the error names what was done.
        """
        if not enabled:
            await self.set(ENABLED, boolean(False))
            return
        if begin is None or end is None:
            raise InvalidValue("summer time needs a rule for its begin and one for its end")
        done: list[str] = []
        for step, attribute, data in (
            ("begin of summer time", BEGIN, RULE.write(begin)),
            ("end of summer time", END, RULE.write(end)),
            ("deviation", DEVIATION, integer(HOUR)),
            ("enabling", ENABLED, boolean(True)),
        ):
            with steps(done, step):
                await self.set(attribute, data)
            done.append(step)


def _given(data: Data | Result) -> Data:
    if isinstance(data, Result):
        raise FrameError(f"the meter has no clock: {data.text}")
    return data


def _rule(data: Data | Result, attribute: Attribute) -> Rule | None:
    return None if isinstance(data, Result) else understood(RULE, data, attribute)
