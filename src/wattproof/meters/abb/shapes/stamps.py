"""Moments of the meter's clock, twelve bytes of local time without deviation (abb-meters.md 2.6, 2.11, AD-19)."""

from __future__ import annotations

import struct

from wattproof.errors import InvalidValue
from wattproof.metering.clock import Stamp
from wattproof.metering.dates import fields, seconds_of
from wattproof.meters.abb.shapes.shape import Shape, moment
from wattproof.wire.cosem.data import Data, octet_string
from wattproof.wire.cosem.times import DateTime

_LAYOUT = struct.Struct(">H6BxhB")
_NO_DEVIATION = -0x8000
#: A moment that is not given: every field is open.
OPEN = octet_string(DateTime().encode())


def _write(stamp: Stamp) -> Data:
    year, month, day, weekday, hour, minute, second = fields(stamp.seconds)
    packed = _LAYOUT.pack(year, month, day, weekday, hour, minute, second, _NO_DEVIATION, stamp.status)
    return octet_string(packed)


def _read(data: Data) -> Stamp:
    found = date_time(data)
    return Stamp(seconds(found), found.status or 0)


def date_time(data: Data) -> DateTime:
    """The twelve bytes of a moment, fields open or not. Raises ``FrameError``, ``InvalidValue``."""
    return moment(DateTime.decode, data, 12)


def seconds(found: DateTime) -> int:
    """Seconds since 2000-01-01 00:00 of local time, whatever its deviation. An open second counts as 0.

    Raises ``InvalidValue`` where another field is open, or there is no such day.
    """
    year, month, day, hour, minute, second, _ = found.parts
    if year is None or month is None or day is None or hour is None or minute is None:
        raise InvalidValue(f"{found.encode().hex()} leaves open which moment it is")
    try:
        return seconds_of(year, month, day, hour, minute, second or 0)
    except ValueError as error:
        raise InvalidValue(str(error)) from None


#: Local time with the clock status, as attribute 2 of the clock and the first column of every profile.
STAMP: Shape[Stamp] = Shape(_write, _read)
