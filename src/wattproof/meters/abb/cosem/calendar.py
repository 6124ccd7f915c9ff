"""The tariff calendar of an ABB meter: read from its active tables, written by way of the passive ones
(abb-meters.md 2.10, AD-18)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from wattproof.errors import FrameError, InvalidValue
from wattproof.metering import tariffs
from wattproof.metering.tariffs import Calendar, DayProfile, Season, SpecialDay, WeekProfile
from wattproof.meters.abb.cosem.asking import ABSENT, Asking, equals, steps, told
from wattproof.meters.abb.shapes.calendar import DAYS, SEASONS, SPECIAL_DAY, SPECIAL_DAYS, WEEKS
from wattproof.meters.abb.shapes.shape import Shape
from wattproof.wire.conversation import Conversation
from wattproof.wire.cosem.client import Client
from wattproof.wire.cosem.data import Data, long_unsigned
from wattproof.wire.cosem.descriptors import Attribute, Method
from wattproof.wire.cosem.refusals import refusal
from wattproof.wire.cosem.results import Result

T = TypeVar("T")
CALENDAR, DAYS_OF_EXCEPTION = "0-0:13.0.0", "0-0:11.0.0"
ACTIVATE = Method.of(20, CALENDAR)
ENTRIES = Attribute.of(11, DAYS_OF_EXCEPTION)
INSERT, DELETE = Method.of(11, DAYS_OF_EXCEPTION, 1), Method.of(11, DAYS_OF_EXCEPTION, 2)


@dataclass(frozen=True)
class _Table:
    """One table of the calendar: its attribute in the active and in the passive calendar, and what tells entries
    apart. ``member``: its name in `Calendar`."""

    name: str
    member: str
    active: Attribute
    passive: Attribute
    shape: Shape[Any]
    key: Callable[[Any], object]


def _table(name: str, member: str, number: int, shape: Shape[Any], key: Callable[[Any], object]) -> _Table:
    active, passive = (Attribute.of(20, CALENDAR, attribute) for attribute in (number, number + 4))
    return _Table(name, member, active, passive, shape, key)


SEASON_TABLE = _table("seasons", "seasons", 3, SEASONS, lambda season: season.name)
WEEK_TABLE = _table("weeks", "weeks", 4, WEEKS, lambda week: week.name)
DAY_TABLE = _table("days", "days", 5, DAYS, lambda day: day.id)
TABLES = (DAY_TABLE, WEEK_TABLE, SEASON_TABLE)
_NAMES = tuple(Attribute.of(20, CALENDAR, attribute) for attribute in (2, 6))


class CalendarSetting(Asking):
    """The part of the driver that reads and writes the calendar."""

    async def calendar(self) -> Calendar:
        """Seasons, weeks and days that are in force. Raises ``MeterRefused`` where the meter has no calendar."""
        tables = {table.member: await self.get_setting(table.active, table.shape) for table in TABLES}
        try:
            return _checked(**tables)
        except InvalidValue as error:
            raise FrameError(f"the calendar of the meter is none: {error}") from None

    async def day_profiles(self) -> tuple[DayProfile, ...]:
        """The days in force."""
        return await self.get_setting(DAY_TABLE.active, DAYS)

    async def week_profiles(self) -> tuple[WeekProfile, ...]:
        """The weeks in force."""
        return await self.get_setting(WEEK_TABLE.active, WEEKS)

    async def season_profiles(self) -> tuple[Season, ...]:
        """The seasons in force."""
        return await self.get_setting(SEASON_TABLE.active, SEASONS)

    async def special_days(self) -> tuple[SpecialDay, ...]:
        """Days that no season decides about."""
        return await self.get_setting(ENTRIES, SPECIAL_DAYS)

    async def write_day(self, day: DayProfile) -> None:
        """Replace the day of this id, or add it, and put it in force.

        Raises:
            InvalidValue: the calendar cannot hold it; nothing was sent but questions.
            MeterRefused: the meter says no; what was in force before still is. The error names what was done.
        """
        await self._replace(DAY_TABLE, day)

    async def write_week(self, week: WeekProfile) -> None:
        """Replace the week of this name, or add it, and put it in force. Raises as `write_day`."""
        await self._replace(WEEK_TABLE, week)

    async def write_season(self, season: Season) -> None:
        """Replace the season of this name, or add it, and put it in force. Raises as `write_day`."""
        await self._replace(SEASON_TABLE, season)

    async def write_weeks(self, weeks: Sequence[WeekProfile]) -> None:
        """Put this table of weeks in force, in the place of the present one. Raises as `write_day`."""
        await self._put_in_force({WEEK_TABLE: tuple(weeks)})

    async def write_seasons(self, seasons: Sequence[Season]) -> None:
        """Put this table of seasons in force, in the place of the present one. Raises as `write_day`."""
        await self._put_in_force({SEASON_TABLE: tuple(seasons)})

    async def write_calendar(self, calendar: Calendar) -> None:
        """Put other tables in force, all at once. Raises as `write_day`."""
        await self._put_in_force({table: getattr(calendar, table.member) for table in TABLES})

    async def write_special_day(self, day: SpecialDay) -> None:
        """Replace the special day of this date, which keeps its number, or add it under its own.

        Raises:
            InvalidValue: the number belongs to another date, or there are 50 already; nothing was sent but questions.
            MeterRefused: the meter says no.
        """
        entries = await self.special_days()
        same = next((entry for entry in entries if entry.date == day.date), None)
        if same is None:
            if any(entry.index == day.index for entry in entries):
                raise InvalidValue(f"special day {day.index} is of another date: choose a number that is free")
            if len(entries) >= tariffs.SPECIAL_DAYS:
                raise InvalidValue(f"the meter has {len(entries)} special days already, and holds no more")
            await self._insert(day)
            return
        wanted = SpecialDay(same.index, day.date, day.day)
        if wanted != same:
            with steps((), f"deleting special day {same.index}"):
                await self.delete_special_day(same.index)
            with steps((f"deleting special day {same.index}",), f"inserting special day {same.index}"):
                await self._insert(wanted)

    async def delete_special_day(self, index: int) -> None:
        """Remove a special day by its number. Raises ``MeterRefused``."""
        await self.act(DELETE, long_unsigned(index), _holds(index, False))

    async def _insert(self, day: SpecialDay) -> None:
        await self.act(INSERT, SPECIAL_DAY.write(day), _holds(day.index, True))

    async def _replace(self, table: _Table, entry: Any) -> None:
        present: Sequence[Any] = await self.get_setting(table.active, table.shape)
        key = table.key(entry)
        replaced = tuple(entry if table.key(one) == key else one for one in present)
        if not any(table.key(one) == key for one in present):
            replaced = (*present, entry)
        await self._put_in_force({table: replaced})

    async def _put_in_force(self, changed: dict[_Table, tuple[Any, ...]]) -> None:
        """Write passive tables and activate them. Those that do not change are copied where active and passive
        differ, or the activation would change them too."""
        for table, entries in changed.items():
            _checked(**{table.member: entries})
        wanted: list[tuple[str, Attribute, Data]] = []
        for table in TABLES:
            data = table.shape.write(changed[table]) if table in changed else await self.get(table.active)
            wanted.append((f"passive {table.name}", table.passive, data))
        name = await self._name()
        if name is not None:
            wanted.append(("passive name", _NAMES[1], name))
        present = await self.get_all([attribute for _, attribute, _ in wanted])
        done: list[str] = []
        for (step, attribute, data), now in zip(wanted, present, strict=True):
            if now != data:
                with steps(done, step):
                    await self.set(attribute, data)
                done.append(step)
        with steps(done, "activation"):
            await self.act(
                ACTIVATE,
                check=_active({table.active: data for table, (_, _, data) in zip(TABLES, wanted, strict=False)}),
            )

    async def _name(self) -> Data | None:
        """The name in force, ``None`` if the meter has none."""
        name = (await self.get_all(_NAMES[:1]))[0]
        if isinstance(name, Result):
            if name not in ABSENT:
                with told():
                    raise refusal(name, f"GET of {_NAMES[0]}")
            return None
        return name


def _checked(**tables: Any) -> Calendar:
    try:
        return Calendar(**tables)
    except InvalidValue:
        raise
    except ValueError as error:
        raise InvalidValue(str(error)) from None


def _active(tables: dict[Attribute, Data]) -> Callable[[Client], Conversation[bool]]:
    """Reads back whether these tables are in force."""

    def check(client: Client) -> Conversation[bool]:
        for attribute, data in tables.items():
            if not (yield from equals(attribute, data)(client)):
                return False
        return True

    return check


def _holds(index: int, wanted: bool) -> Callable[[Client], Conversation[bool]]:
    """Reads back whether there is a special day of this number."""

    def check(client: Client) -> Conversation[bool]:
        entries = SPECIAL_DAYS.read((yield from client.get(ENTRIES)))
        return any(entry.index == index for entry in entries) is wanted

    return check
