"""The tariff calendar that an engine keeps for its meter (g13-api.md 83 to 90)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from wattproof.errors import InvalidValue
from wattproof.gateway.engines.books import Part
from wattproof.gateway.engines.failing import invalid
from wattproof.metering.tariffs import ActivityCalendar, Season, SpecialDay, Valid, WeekProfile
from wattproof.meters.abb.calendarjson import (
    day_dict,
    day_of,
    season_dict,
    season_of,
    special_day_dict,
    special_day_of,
    week_dict,
    week_of,
)

T = TypeVar("T")
#: Ids of day profiles that can be written (GD-10: 1 to 16; 0 as well with ``compat=g13``, which is checked before).
DAY_IDS = range(17)


class CalendarTables(Part):
    """One `ActivityCalendar`: what is written acts at once."""

    name = "calendar"

    def __init__(self) -> None:
        super().__init__()
        self._calendar = ActivityCalendar()

    # deciding

    @property
    def empty(self) -> bool:
        """Whether it can decide nothing."""
        return self._calendar.empty

    def tariff(self, local: int) -> int:
        """The tariff at a local time, ms since 2000-01-01 00:00."""
        return self._calendar.tariff(local)

    def next_action(self, local: int) -> int:
        """When something may happen next."""
        return self._calendar.next_action(local)

    def valid(self, day: int) -> Valid:
        """Day profile and season of a day."""
        return self._calendar.valid(day)

    # reading

    def document(self, resource: int) -> dict[str, Any]:
        """The body of 83, 85, 87 or 89."""
        calendar = self._calendar
        tables: Mapping[int, tuple[str, Callable[[Any], dict[str, object]], Iterable[Any]]] = {
            83: ("dayprofiles", day_dict, calendar.active.days),
            85: ("weekprofiles", week_dict, calendar.active.weeks),
            87: ("seasonprofiles", season_dict, calendar.active.seasons),
            89: ("specialdayprofiles", special_day_dict, calendar.special.values()),
        }
        name, render, entries = tables[resource]
        return {name: [render(entry) for entry in entries]}

    # writing

    def put(self, resource: int, body: Mapping[str, Any]) -> None:
        """Carry out 84, 86, 88 or 90. Raises ``CommandFailed``; nothing has changed then."""
        {84: self._put_day, 86: self._put_weeks, 88: self._put_seasons, 90: self._put_special}[resource](body)
        self.changed = True

    def _put_day(self, body: Mapping[str, Any]) -> None:
        """One day: it replaces the day of its id, or is added."""
        if body.get("profile") not in DAY_IDS or isinstance(body["profile"], bool):
            raise invalid("invalid profile", "a day profile is numbered 1 to 16")
        day = _read(day_of, body, "invalid actions")
        days = {one.id: one for one in self._calendar.active.days} | {day.id: day}
        self._replace("invalid profile", days=tuple(days[id] for id in sorted(days)))

    def _put_weeks(self, body: Mapping[str, Any]) -> None:
        """A list is the whole table; a single week replaces the one of its name, or is added."""
        text = "invalid weekprofiles"
        weeks: tuple[WeekProfile, ...] = _entries(body, "weekprofiles", week_of, text)
        known = {day.id for day in self._calendar.active.days}
        for week in weeks:
            if not known.issuperset(week.days):
                raise invalid(text, f"week {week.name.decode()} names a day that there is not")
        if "weekprofiles" not in body:
            weeks = tuple(({week.name: week for week in (*self._calendar.active.weeks, *weeks)}).values())
        self._replace(text, weeks=weeks)

    def _put_seasons(self, body: Mapping[str, Any]) -> None:
        """A list is the whole table; a single season replaces the one of its name, or is added."""
        text = "invalid seasonprofiles"
        seasons: tuple[Season, ...] = _entries(body, "seasonprofiles", season_of, text)
        known = {week.name for week in self._calendar.active.weeks}
        for season in seasons:
            if season.week not in known:
                raise invalid(text, f"season {season.name.decode()} names a week that there is not")
        if "seasonprofiles" not in body:
            seasons = tuple(({one.name: one for one in (*self._calendar.active.seasons, *seasons)}).values())
        self._replace(text, seasons=seasons)

    def _put_special(self, body: Mapping[str, Any]) -> None:
        """Each entry updates the one of its date, or is added under its id (GD-33)."""
        special = dict(self._calendar.special)
        for entry in _entries(body, "specialdayprofiles", special_day_of, "invalid date"):
            same = next((one for one in special.values() if one.date == entry.date), None)
            if same is None and entry.index in special:
                raise invalid("profile id in use")
            index = entry.index if same is None else same.index
            special[index] = SpecialDay(index, entry.date, entry.day)
        self._calendar.write_special(special.values())

    def _replace(self, text: str, **tables: Any) -> None:
        try:
            self._calendar.write_passive(**tables)
        except ValueError as error:
            raise invalid(text, str(error)) from None
        self._calendar.activate()

    # what stays

    def save(self) -> Any:
        return self._calendar.save()

    def restore(self, data: Any) -> None:
        self._calendar = ActivityCalendar.restore(data)


def _entries(body: Mapping[str, Any], name: str, read: Callable[[Any], T], text: str) -> tuple[T, ...]:
    """The entries of a list, or the body itself as the only one."""
    found = body.get(name, [body])
    if not isinstance(found, list):
        raise invalid(text, f"{name} is no list")
    return tuple(_read(read, entry, text) for entry in found)


def _read(read: Callable[[Any], T], members: Any, text: str) -> T:
    try:
        return read(members)
    except InvalidValue as error:
        raise invalid(text, str(error)) from None
