"""Rules of summer time: attributes 5 and 6 of the clock (abb-meters.md 2.11, AD-20)."""

from __future__ import annotations

from wattproof.errors import InvalidValue
from wattproof.metering.dates import ANY
from wattproof.metering.dst import Rule
from wattproof.meters.abb.shapes.shape import Shape, moment, nothing_after
from wattproof.wire.cosem.data import Data, octet_string
from wattproof.wire.cosem.times import Date, DateTime, Time


def _write(rule: Rule) -> Data:
    date = Date(None, rule.month, rule.day, None if rule.weekday == ANY else rule.weekday)
    return octet_string(DateTime(date, Time(rule.hour, 0, 0, 0)).encode())


def _read(data: Data) -> Rule:
    begin = moment(DateTime.decode, data, 12)
    date, hour = begin.date, begin.time.hour
    if date.month is None or date.day is None or hour is None:
        raise InvalidValue("a rule of summer time needs month, day and hour")
    nothing_after("summer time begins and ends at a full hour", *begin.parts[4:])
    return Rule(date.month, ANY if date.weekday is None else date.weekday, date.day, hour)


#: Begin or end of summer time, twelve bytes.
RULE = Shape(_write, _read)
