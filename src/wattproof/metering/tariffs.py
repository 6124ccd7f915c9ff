"""The activity calendar: seasons, weeks, days and special days that decide what happens at which time of day
(abb-meters.md 2.10; IEC 62056-62, classes 11 and 20).

Selectors name scripts: 1 to 4 activate a tariff, 5 to 12 set and reset outputs 1 to 4 in turn.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from wattproof.metering.dates import ANY, DAY, MINUTE, DatePattern, civil, day_number, day_of_month, weekday

#: What a calendar holds at most (2.10).
DAYS, ACTIONS, WEEKS, SEASONS, SPECIAL_DAYS = 16, 30, 4, 4, 50
#: Bytes of a name.
NAME = 29
TARIFF_SELECTORS = range(1, 5)
SELECTORS = range(1, 13)
DAY_MINUTES = 1440


class Action(NamedTuple):
    """A script at a time of day: minutes since midnight, selector."""

    minute: int
    selector: int


@dataclass(frozen=True, slots=True)
class DayProfile:
    """What happens on a day; actions are kept in the order of their times."""

    id: int
    actions: tuple[Action, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.id <= 255:
            raise ValueError(f"day id {self.id} is not possible: write 0 to 255")
        if len(self.actions) > ACTIONS:
            raise ValueError(f"day {self.id} has {len(self.actions)} actions: write at most {ACTIONS}")
        for minute, selector in self.actions:
            if not 0 <= minute < DAY_MINUTES or selector not in SELECTORS:
                raise ValueError(f"day {self.id}: action {selector} at minute {minute} is not possible")
        object.__setattr__(self, "actions", tuple(sorted(self.actions, key=lambda action: action.minute)))

    def tariff(self, until: int) -> int | None:
        """The tariff of the last tariff action not after a minute of the day."""
        found = None
        for minute, selector in self.actions:
            if minute > until:
                break
            if selector in TARIFF_SELECTORS:
                found = selector
        return found


@dataclass(frozen=True, slots=True)
class WeekProfile:
    """Day ids from Monday to Sunday."""

    name: bytes
    days: tuple[int, ...]

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.days) != 7 or not all(0 <= day <= 255 for day in self.days):
            raise ValueError(f"week {self.name!r} needs seven day ids of 0 to 255")


@dataclass(frozen=True, slots=True)
class Season:
    """A week profile from a date on; the date may count from the end of the month or leave a part open."""

    name: bytes
    start: DatePattern
    week: bytes

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_name(self.week)

    def begun(self, day: int) -> int:
        """The latest day not after ``day`` on which it starts (days since 2000-01-01)."""
        start = self.start
        if ANY not in (start.month, start.day) and start.weekday == ANY:
            year = civil(day)[0]
            found = [
                day_number(near, start.month, day_of_month(near, start.month, start.day)) for near in (year - 1, year)
            ]
            return max(moment for moment in found if moment <= day)
        return next((back for back in range(day, day - 366, -1) if start.matches(back)), -1)


@dataclass(frozen=True, slots=True)
class SpecialDay:
    """A day profile for a date, whatever the season."""

    index: int
    date: DatePattern
    day: int

    def __post_init__(self) -> None:
        if not 1 <= self.index <= SPECIAL_DAYS:
            raise ValueError(f"special day {self.index} is not possible: write 1 to {SPECIAL_DAYS}")
        if not 0 <= self.day <= 255:
            raise ValueError(f"special day {self.index}: day id {self.day} is not possible: write 0 to 255")


def _check_name(name: bytes) -> None:
    if len(name) > NAME:
        raise ValueError(f"the name {name!r} is too long: write at most {NAME} bytes")


@dataclass(frozen=True, slots=True)
class Calendar:
    """The tables of a calendar. Raises ``ValueError`` for more than it holds and for names or ids that repeat."""

    name: bytes = b""
    seasons: tuple[Season, ...] = ()
    weeks: tuple[WeekProfile, ...] = ()
    days: tuple[DayProfile, ...] = ()

    def __post_init__(self) -> None:
        _check_name(self.name)
        _check_table("seasons", [season.name for season in self.seasons], SEASONS)
        _check_table("weeks", [week.name for week in self.weeks], WEEKS)
        _check_table("days", [day.id for day in self.days], DAYS)

    def day(self, number: int) -> DayProfile | None:
        """The day profile of an id."""
        return next((day for day in self.days if day.id == number), None)


def _check_table(what: str, keys: list[Any], most: int) -> None:
    if len(keys) > most:
        raise ValueError(f"{len(keys)} {what} are too many: write at most {most}")
    if len(set(keys)) != len(keys):
        raise ValueError(f"the {what} repeat one of {keys}")


EMPTY = Calendar()


class Valid(NamedTuple):
    """What is valid on a day: the day id, ``None`` without one, and the number of the season, 0 without one."""

    day: int | None
    season: int


@dataclass(slots=True)
class ActivityCalendar:
    """The active and the passive tables, and the special days, which have no passive ones."""

    active: Calendar = EMPTY
    passive: Calendar = EMPTY
    special: Mapping[int, SpecialDay] = field(default_factory=dict)

    def write_passive(self, **tables: Any) -> None:
        """Replace tables of the passive calendar: ``name``, ``seasons``, ``weeks``, ``days``. Raises ``ValueError``."""
        self.passive = replace(self.passive, **tables)

    def activate(self) -> None:
        """The passive tables become the active ones."""
        self.active = self.passive

    def insert(self, entry: SpecialDay) -> None:
        """A special day, in place of another one with its index."""
        self.special = dict(sorted({**self.special, entry.index: entry}.items()))

    def delete(self, index: int) -> bool:
        """Forget a special day; whether there was one."""
        if index not in self.special:
            return False
        self.special = {number: entry for number, entry in self.special.items() if number != index}
        return True

    def write_special(self, entries: Iterable[SpecialDay]) -> None:
        """Replace all special days. Raises ``ValueError`` if an index repeats."""
        found = list(entries)
        _check_table("special days", [entry.index for entry in found], SPECIAL_DAYS)
        self.special = {entry.index: entry for entry in sorted(found, key=lambda entry: entry.index)}

    @property
    def empty(self) -> bool:
        """Whether it can decide nothing."""
        return not self.active.days

    # evaluation

    def valid(self, day: int) -> Valid:
        """What is valid on a local day (days since 2000-01-01): a special day, first by index, else the season's."""
        season = self._season(day)
        for entry in self.special.values():
            if entry.date.matches(day):
                return Valid(entry.day, season)
        if season:
            name = self.active.seasons[season - 1].week
            for week in self.active.weeks:
                if week.name == name:
                    return Valid(week.days[weekday(day) - 1], season)
        return Valid(None, season)

    def _season(self, day: int) -> int:
        begun = [(season.begun(day), -number) for number, season in enumerate(self.active.seasons, 1)]
        latest = max((found for found in begun if found[0] >= 0), default=(0, 0))
        return -latest[1]

    def _profile(self, day: int) -> DayProfile | None:
        number = self.valid(day).day
        return None if number is None else self.active.day(number)

    def tariff(self, local: int) -> int:
        """The tariff at a local time, ms since 2000-01-01 00:00: by today's last action, else by yesterday's; else 1.

        Raises nothing: what a table names and no other has, decides nothing.
        """
        day, rest = divmod(local, DAY)
        for profile, until in ((self._profile(day), rest // MINUTE), (self._profile(day - 1), DAY_MINUTES)):
            found = profile and profile.tariff(until)
            if found:
                return found
        return 1

    def next_action(self, local: int) -> int:
        """The next local time after ``local`` at which something may happen: an action, or the end of the day."""
        day, rest = divmod(local, DAY)
        profile = self._profile(day)
        for minute, _ in profile.actions if profile else ():
            if minute * MINUTE > rest:
                return day * DAY + minute * MINUTE
        return (day + 1) * DAY

    def outputs(self, after: int, until: int) -> Iterator[tuple[int, bool]]:
        """Outputs that are set or reset after one local time until another one of the same day, both in ms."""
        day = until // DAY
        profile = self._profile(day)
        for minute, selector in profile.actions if profile else ():
            if after < day * DAY + minute * MINUTE <= until and selector not in TARIFF_SELECTORS:
                yield output_of(selector)

    # what stays

    def save(self) -> dict[str, Any]:
        """Plain data of everything."""
        return {
            "active": _plain(self.active),
            "passive": _plain(self.passive),
            "special": [[entry.index, *_pattern(entry.date), entry.day] for entry in self.special.values()],
        }

    @classmethod
    def restore(cls, data: dict[str, Any]) -> ActivityCalendar:
        """The calendar of :meth:`save`."""
        kept = cls(_calendar(data["active"]), _calendar(data["passive"]))
        kept.write_special(SpecialDay(index, DatePattern(*date), day) for index, *date, day in data["special"])
        return kept


def output_of(selector: int) -> tuple[int, bool]:
    """Output and state of a script 5 to 12.

    >>> output_of(5), output_of(12)
    ((1, True), (4, False))
    """
    return (selector - 3) // 2, selector % 2 == 1


def _pattern(date: DatePattern) -> list[int]:
    return [date.year, date.month, date.day, date.weekday]


def _plain(calendar: Calendar) -> dict[str, Any]:
    return {
        "name": calendar.name.hex(),
        "seasons": [[season.name.hex(), *_pattern(season.start), season.week.hex()] for season in calendar.seasons],
        "weeks": [[week.name.hex(), list(week.days)] for week in calendar.weeks],
        "days": [[day.id, [list(action) for action in day.actions]] for day in calendar.days],
    }


def _calendar(data: dict[str, Any]) -> Calendar:
    calendar = Calendar(
        bytes.fromhex(data["name"]),
        tuple(
            Season(bytes.fromhex(name), DatePattern(*start), bytes.fromhex(week))
            for name, *start, week in data["seasons"]
        ),
        tuple(WeekProfile(bytes.fromhex(name), tuple(days)) for name, days in data["weeks"]),
        tuple(DayProfile(number, tuple(Action(*action) for action in actions)) for number, actions in data["days"]),
    )
    return EMPTY if calendar == EMPTY else calendar
