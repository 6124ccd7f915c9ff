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
_DAY = re.compile(r"(\d{4}-\d\d-\d\d)T", re.ASCII)
_ZONE = re.compile(r"([+-])(\d\d)(\d\d) ([UISR])", re.ASCII)
_HOURS = {f"{hour:02d}": hour * 3600 for hour in range(24)}
_MINUTES = {f"{minute:02d}": minute * 60 for minute in range(60)}
#: A leap second, 60, is 59 plus one second: the sum is the same.
_SECONDS = {f"{second:02d}": second for second in range(61)}
_MILLISECONDS = {f"{count:03d}": count for count in range(1000)}
_LENGTH = len("2022-07-08T10:05:52,000+0200 S")
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
    try:
        return exact(text)
    except KeyError:
        return any_form(text)


def exact(text: str) -> Stamp:
    """A time stamp in the form of OCMF, by its parts, which repeat. Raises ``KeyError`` if it has another form."""
    if len(text) != _LENGTH or text[13] != ":" or text[16] != ":" or text[19] != ",":
        raise KeyError
    time = _HOURS[text[11:13]] + _MINUTES[text[14:16]] + _SECONDS[text[17:19]]
    offset, clock = _zone(text[23:])
    return Stamp(Time(_day(text[:11]) + time - offset * 60, offset, _MILLISECONDS[text[20:23]]), clock, True)


@lru_cache(maxsize=1024)
def _day(text: str) -> int:
    """Seconds at the beginning of a day, ``2022-07-08T``."""
    match = _DAY.fullmatch(text)
    try:
        if match is not None:
            return (date.fromisoformat(match[1]).toordinal() - _EPOCH) * 86400
    except ValueError:
        pass
    raise KeyError(text)


@lru_cache(maxsize=1024)
def _zone(text: str) -> tuple[int, Clock]:
    """Minutes east of UTC, and the status."""
    match = _ZONE.fullmatch(text)
    if match is None or int(match[2]) > 23 or int(match[3]) > 59:
        raise KeyError
    offset = int(match[2]) * 60 + int(match[3])
    return -offset if match[1] == "-" else offset, _STATUS[match[4]]


def any_form(text: str) -> Stamp:
    """The same for any form that is accepted."""
    match = _EXACT.fullmatch(text)
    deviates = match is None
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
    return Stamp(Time(instant, offset, int(milliseconds)), _STATUS[status or "U"], not deviates)
