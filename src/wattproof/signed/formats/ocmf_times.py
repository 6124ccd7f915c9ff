"""OCMF time stamps, ``2022-07-08T10:05:52,000+0200 S``: instant, offset and status. Source: OCMF 1.4, key TM."""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import NamedTuple

from wattproof.signed.records import Clock, Time

_EXACT = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d):(\d\d):(\d\d),(\d{3})([+-])(\d\d)(\d\d) ([UISR])",
    re.ASCII,
)
_TOLERATED = re.compile(
    r"(\d{4}-\d\d-\d\d)T(\d\d):(\d\d):(\d\d)[,.](\d{3})(?:([+-])(\d\d):?(\d\d)|[Zz])(?: ([UISR]))?",
    re.ASCII,
)
_EPOCH = date(1970, 1, 1).toordinal()
_LONGEST = 40
_STATUS = {letter: Clock(letter) for letter in "UISR"}


class Stamp(NamedTuple):
    """A time stamp as read. ``time`` is ``None`` if it is unreadable; ``exact`` is false for every deviation."""

    time: Time | None
    clock: Clock | None
    exact: bool


UNREADABLE = Stamp(None, None, False)


def parse(text: str) -> Stamp:
    """Reads a time stamp; a missing status counts as U; ``.``, ``Z`` and ``+02:00`` are accepted deviations."""
    return UNREADABLE if len(text) > _LONGEST else _parse(text)


@lru_cache(maxsize=4096)
def _parse(text: str) -> Stamp:
    match = _EXACT.fullmatch(text)
    exact = match is not None
    if match is None:
        match = _TOLERATED.fullmatch(text)
        if match is None:
            return UNREADABLE
    day, hour, minute, second, milliseconds, sign, zone_hours, zone_minutes, status = match.groups()
    hours, minutes, seconds = int(hour), int(minute), int(second)
    offset = int(zone_hours) * 60 + int(zone_minutes) if sign else 0
    if hours > 23 or minutes > 59 or seconds > 60 or offset >= 1440 or (sign and int(zone_minutes) > 59):
        return UNREADABLE
    if sign == "-":
        offset = -offset
    try:  # a leap second, 60, is 59 plus one second: the sum is the same
        days = date.fromisoformat(day).toordinal() - _EPOCH
    except ValueError:
        return UNREADABLE
    instant = days * 86400 + hours * 3600 + minutes * 60 + seconds - offset * 60
    return Stamp(Time(instant, offset, int(milliseconds)), _STATUS[status or "U"], exact)
