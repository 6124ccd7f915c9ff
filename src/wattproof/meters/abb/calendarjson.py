"""The tariff calendar as the gateway's JSON interface writes it (abb-meters.md 2.10; g13-api.md 83 to 90).

>>> day_of({"actions": [[1, "12:00"], [2, "15:00"]], "profile": 1})
DayProfile(id=1, actions=(Action(minute=720, selector=1), Action(minute=900, selector=2)))
>>> day_dict(_)
{'actions': [[1, '12:00'], [2, '15:00']], 'profile': 1}
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from wattproof.errors import InvalidValue
from wattproof.metering.dates import ANY, DatePattern
from wattproof.metering.dst import Rule
from wattproof.metering.tariffs import Action, DayProfile, Season, SpecialDay, WeekProfile

T = TypeVar("T")
_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")


def day_dict(day: DayProfile) -> dict[str, object]:
    actions = [[action.selector, f"{action.minute // 60:02d}:{action.minute % 60:02d}"] for action in day.actions]
    return {"actions": actions, "profile": day.id}


def day_of(members: Mapping[str, Any]) -> DayProfile:
    """Raises ``InvalidValue``, as all functions that read do."""
    actions = _member(members, "actions", list)
    return _made(lambda: DayProfile(_member(members, "profile", int), tuple(map(_action, actions))))


def _action(pair: object) -> Action:
    if isinstance(pair, list) and len(pair) == 2 and _is(pair[0], int) and isinstance(pair[1], str):
        time = _TIME.fullmatch(pair[1])
        if time is not None:
            return Action(60 * int(time[1]) + int(time[2]), pair[0])
    raise InvalidValue(f'{pair!r} is no action of a day: write its number and its time, such as [1, "12:00"]')


def week_dict(week: WeekProfile) -> dict[str, object]:
    return {"dayid": list(week.days), "profile": _text(week.name)}


def week_of(members: Mapping[str, Any]) -> WeekProfile:
    days = _member(members, "dayid", list)
    if not all(_is(day, int) for day in days):
        raise InvalidValue(f"dayid {days!r} has something else than day profiles")
    return _made(lambda: WeekProfile(_name(members, "profile"), tuple(days)))


def season_dict(season: Season) -> dict[str, object]:
    start = season.start
    return {
        "day": start.day, "month": start.month, "profile": _text(season.name), "weekprofile": _text(season.week),
    }  # fmt: skip


def season_of(members: Mapping[str, Any]) -> Season:
    start = _made(lambda: DatePattern(month=_member(members, "month", int), day=_member(members, "day", int)))
    return _made(lambda: Season(_name(members, "profile"), start, _name(members, "weekprofile")))


def special_day_dict(day: SpecialDay) -> dict[str, object]:
    date = day.date
    written = {"day": date.day, "month": date.month, "week": date.weekday, "year": date.year}
    return {"date": written, "dayprofile": day.day, "profile": day.index}


def special_day_of(members: Mapping[str, Any]) -> SpecialDay:
    """``dayprofileid`` may stand for ``dayprofile``, and ``week`` may be left out."""
    date = _member(members, "date", dict)
    day = _member(members, "dayprofile" if "dayprofile" in members else "dayprofileid", int)
    numbers = (_member(date, "year", int), _member(date, "month", int), _member(date, "day", int))
    weekday = _member(date, "week", int) if "week" in date else ANY
    return _made(lambda: SpecialDay(_member(members, "profile", int), DatePattern(*numbers, weekday), day))


def rule_dict(rule: Rule) -> dict[str, int]:
    """A rule of summer time: ``day`` is the weekday, ``week`` 1 to 5 or 254 for the last (g13-api.md 41)."""
    return {"month": rule.month, "day": rule.weekday, "week": rule.week, "hour": rule.hour}


def rule_of(members: Mapping[str, Any]) -> Rule:
    numbers = [_member(members, name, int) for name in ("month", "day", "week", "hour")]
    return _made(lambda: Rule.of_week(*numbers))


def _text(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _name(members: Mapping[str, Any], key: str) -> bytes:
    name: bytes = _member(members, key, str).encode()
    return name


def _is(value: object, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _member(members: Mapping[str, Any], key: str, kind: type) -> Any:
    if not isinstance(members, Mapping) or not _is(members.get(key), kind):
        wanted = {int: "a whole number", str: "a text", list: "a list", dict: "an object"}[kind]
        raise InvalidValue(f"{key} is missing, or no {wanted.split(' ', 1)[1]}: it has to be {wanted}")
    return members[key]


def _made(make: Callable[[], T]) -> T:
    try:
        return make()
    except InvalidValue:
        raise
    except ValueError as error:
        raise InvalidValue(str(error)) from None
