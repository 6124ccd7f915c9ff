"""Activity calendar, special days and scripts (abb-meters.md 2.10, 2.16)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from wattproof.metering.clock import Stamp
from wattproof.meters.abb.rows import GOLD
from wattproof.meters.abb.shapes.calendar import DAYS, SEASONS, SPECIAL_DAY, SPECIAL_DAYS, WEEKS
from wattproof.meters.abb.shapes.scripts import SCRIPTS
from wattproof.meters.abb.shapes.shape import Shape
from wattproof.meters.abb.shapes.stamps import OPEN, STAMP, date_time, seconds
from wattproof.meters.abb.variants import Variant
from wattproof.meters.abb.virtual.body import Body
from wattproof.meters.abb.virtual.cosem.binding import Members, Object, executes, resets, setting
from wattproof.wire.cosem.classes import ACTIVITY_CALENDAR, SCRIPT_TABLE
from wattproof.wire.cosem.classes import SPECIAL_DAYS as SPECIAL_DAYS_TABLE
from wattproof.wire.cosem.data import Data, Tag, octet_string
from wattproof.wire.cosem.objects import Bound
from wattproof.wire.cosem.shapes import number, octets
from wattproof.wire.cosem.times import DateTime

_NAME: Shape[bytes] = Shape(octet_string, octets)
#: Tables of a calendar: the engine's name, the attribute's, the shape.
_TABLES: tuple[tuple[str, str, Shape[Any]], ...] = (
    ("name", "calendar_name", _NAME),
    ("seasons", "season_profile", SEASONS),
    ("weeks", "week_profile_table", WEEKS),
    ("days", "day_profile_table", DAYS),
)


def _active(table: str, shape: Shape[Any]) -> Callable[[Body], Data]:
    return lambda body: shape.write(getattr(body.tariffing.calendar.active, table))


def _passive(table: str, shape: Shape[Any]) -> Bound[Body]:
    return setting(
        lambda body: shape.write(getattr(body.tariffing.calendar.passive, table)),
        lambda body, value: body.write_passive(**{table: value}),
        shape.read,
    )


def _activation(body: Body) -> Data:
    moment = body.tariffing.activation
    return OPEN if moment is None else STAMP.write(Stamp(moment))


def _moment(data: Data) -> int | None:
    """A moment, or ``None`` where all of it is open: never."""
    moment = date_time(data)
    return None if moment.parts == DateTime().parts else seconds(moment)


_CALENDAR: Members = {
    **{f"{name}_active": _active(table, shape) for table, name, shape in _TABLES},
    **{f"{name}_passive": _passive(table, shape) for table, name, shape in _TABLES},
    "activate_passive_calendar_time": setting(
        _activation, Body.activate_calendar_at, _moment, Tag.OCTET_STRING, Tag.DATE_TIME
    ),
}


def tariffs(variant: Variant) -> Iterator[Object]:
    """Those of a variant with a calendar; the active tariff, its source and its inputs are quantities."""
    if variant.level < GOLD:
        return
    yield Object(
        ACTIVITY_CALENDAR, "0-0:13.0.0", _CALENDAR, {"activate_passive_calendar": resets(Body.activate_calendar)}
    )
    entries = setting(
        lambda body: SPECIAL_DAYS.write(tuple(body.tariffing.calendar.special.values())),
        Body.write_special_days,
        SPECIAL_DAYS.read,
    )
    yield Object(
        SPECIAL_DAYS_TABLE,
        "0-0:11.0.0",
        {"entries": entries},
        {
            "insert": executes(Body.insert_special_day, SPECIAL_DAY.read),
            "delete": executes(Body.delete_special_day, number),
        },
    )
    yield Object(SCRIPT_TABLE, "0-0:10.0.100", {"scripts": SCRIPTS}, {"execute": executes(Body.execute_script, number)})
