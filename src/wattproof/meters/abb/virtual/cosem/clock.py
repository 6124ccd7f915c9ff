"""The clock, class 8 (abb-meters.md 2.11)."""

from __future__ import annotations

from collections.abc import Iterator

from wattproof.metering.dates import MINUTE, SECOND
from wattproof.meters.abb.rows import GOLD
from wattproof.meters.abb.shapes.stamps import STAMP
from wattproof.meters.abb.shapes.summertime import RULE
from wattproof.meters.abb.variants import Variant
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.cosem.binding import CLOSED, Members, Object, executes, setting, zero
from wattproof.wire.cosem.classes import CLOCK
from wattproof.wire.cosem.data import Data, Tag, boolean, enum, integer, long, unsigned
from wattproof.wire.cosem.objects import Bound
from wattproof.wire.cosem.shapes import flag, number

#: The clock is driven by a crystal.
_CRYSTAL = 1
QUARTER = 15 * MINUTE
_MOMENT = (Tag.OCTET_STRING, Tag.DATE_TIME)


def _adjust(to: int) -> object:
    def read(parameter: Data) -> int:
        zero(parameter)
        return to

    return executes(Body.adjust_clock, read)


_ATTRIBUTES: Members = {
    "time": setting(lambda body: STAMP.write(body.stamp), lambda body, stamp: body.set_clock(stamp.seconds), STAMP.read,
                    *_MOMENT),
    "time_zone": setting(lambda body: long(body.time_zone), Body.set_time_zone, number),
    "status": lambda body: unsigned(body.stamp.status),
    "daylight_savings_begin": setting(
        lambda body: RULE.write(body.clock.summer.begin), lambda body, rule: body.set_summer_time(begin=rule),
        RULE.read, *_MOMENT,
    ),
    "daylight_savings_end": setting(
        lambda body: RULE.write(body.clock.summer.end), lambda body, rule: body.set_summer_time(end=rule),
        RULE.read, *_MOMENT,
    ),
    "daylight_savings_deviation": setting(
        lambda body: integer(body.clock.summer.deviation),
        lambda body, minutes: body.set_summer_time(deviation=minutes), number,
    ),
    "daylight_savings_enabled": setting(
        lambda body: boolean(body.clock.summer.enabled), lambda body, on: body.set_summer_time(enabled=on), flag
    ),
    "clock_base": Bound[Body](enum(_CRYSTAL)),
}  # fmt: skip
#: Periods and preset times are none of this clock (2.7).
_METHODS: Members = {
    "adjust_to_quarter": _adjust(QUARTER),
    "adjust_to_measuring_period": CLOSED,
    "adjust_to_minute": _adjust(MINUTE),
    "adjust_to_preset_time": CLOSED,
    "preset_adjusting_time": CLOSED,
    "shift_time": executes(lambda body, seconds: body.shift_clock(seconds * SECOND), number),
}


def clock(variant: Variant) -> Iterator[Object]:
    """The clock of a variant that has one."""
    if variant.level >= GOLD:
        yield Object(CLOCK, "0-0:1.0.0", _ATTRIBUTES, _METHODS)
