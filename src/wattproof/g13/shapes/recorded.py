"""Bodies of the resources about what one meter records, and its tariffs: 69 to 90 (g13-api.md 3, 5.6, 5.7, 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wattproof.g13.parameters import DEMANDED, PROFILED, STORABLE
from wattproof.g13.shapes.common import (
    ANY_MOMENT,
    ANY_NUMBER,
    ANY_TEXT,
    PERIODS,
    SUCCESS,
    WEEKDAY,
    check_weekday,
    listed,
    numbers,
    texts,
    weekday_rule,
)
from wattproof.g13.shapes.compound import (
    Array,
    Either,
    Member,
    Named,
    Null,
    Object,
    Row,
    either,
    needs,
    optional,
    record,
    row,
    same,
)
from wattproof.g13.shapes.scalars import Exact, Text, Whole
from wattproof.g13.shapes.shape import Body, How, Shape, Unfit
from wattproof.g13.shapes.times import TimeOfDay

#: 75: intervals of a load profile in seconds, and how many rows all channels hold together.
PROFILE_INTERVALS = (60, 120, 180, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
CHANNELS, PROFILE_ROWS = 8, 40000
UNUSED = [0, 0, 0]
#: 79: intervals of the demand in seconds.
DEMAND_INTERVALS = (60, 120, 180, 300, 600, 900, 1800, 3600)
#: 5.7: level 1 to 3, bit 2 for maximum, bit 3 for the second billing block.
DEMAND_CODES = tuple(block + extreme + level for block in (0, 8) for extreme in (0, 4) for level in (1, 2, 3))
#: 90: days of a month that are counted from its end; any day, month, weekday; any year.
LAST, LAST_BUT_ONE, ANY, ANY_YEAR = 254, 253, 255, 65535


def _check_previous(body: dict[str, Any], how: How) -> None:
    check_weekday(body, "interval")


def _check_profiles(body: dict[str, Any], how: How) -> None:
    if sum(items for _, _, items in body["lpconfig"]) > PROFILE_ROWS:
        raise Unfit("too many items")


def _check_demand(body: dict[str, Any], how: How) -> None:
    interval, part = body["interval"]
    if interval % part:
        raise Unfit("invalid interval")
    check_weekday(body, "period")


def _check_tariff(body: dict[str, Any], how: How) -> None:
    """What may stand together (82). Whether the source in force is communication, the meter knows."""
    if "inputconfig" in body and body.get("source") != INPUTS:
        raise Unfit("invalid inputconfig")
    if "tariff" not in body and "source" not in body:
        raise Unfit("missing tariff in JSON")
    if "tariff" in body and body.get("source", COMMUNICATION) != COMMUNICATION:
        raise Unfit("tariff source is not communication")


def _check_special_days(body: dict[str, Any], how: How) -> None:
    """An entry id has one date (GD-33); other entries, the meter knows."""
    dates: dict[int, Any] = {}
    for day in body["specialdayprofiles"]:
        if dates.setdefault(day["profile"], day["date"]) != day["date"]:
            raise Unfit("profile id in use")


class Channel(Row):
    """Interval, quantity, item count of a channel; all noughts: unused (74, 75)."""

    def take(self, value: Any, how: How) -> list[Any]:
        return list(UNUSED) if value == UNUSED else super().take(value, how)

    def schema(self, *, request: bool) -> dict[str, Any]:
        return {"anyOf": [super().schema(request=request), {"const": UNUSED}]}


class Divided(Row):
    """An interval and the sub-interval that divides it (79)."""

    def schema(self, *, request: bool) -> dict[str, Any]:
        pairs = [[whole, part] for whole in DEMAND_INTERVALS for part in DEMAND_INTERVALS if not whole % part]
        return {"enum": pairs} if request else super().schema(request=request)


CLOCK, COMMUNICATION, INPUTS = 0, 1, 2
_DAY_ID = Whole(1, 16, compat_low=0)  # GD-10
_NAME = Text(30, octets=True, least=1)
_ACTION = row(Whole(1, 12), TimeOfDay())
_DAY = Whole(1, 31, also=(LAST_BUT_ONE, LAST, ANY))
#: Months 253 and 254 of a COSEM date are the end and the beginning of summer time.
_MONTH = Whole(1, 12, also=(253, 254, ANY))
_DATE = record(
    Member("day", _DAY),
    Member("month", _MONTH),
    optional("week", Whole(1, 7, also=(ANY,)), default=ANY),
    Member("year", Whole(2000, 2099, also=(ANY_YEAR,))),
)

REQUESTS: Mapping[int, Body] = {
    71: Body(
        record(
            Member("interval", PERIODS),
            optional("weekday", WEEKDAY),
            Member("pvconfig", Array(Whole(only=STORABLE["pv"]), most=23, unique=same), invalid="invalid pvconfig"),
            rules=weekday_rule("interval"),
        ),
        check=_check_previous,
    ),
    75: Body(
        record(
            Member(
                "lpconfig",
                Array(
                    Channel(
                        (
                            Named("interval", Whole(only=PROFILE_INTERVALS)),
                            Named("quantity", Whole(only=PROFILED)),
                            Whole(1, 0xFFFFFFFF),
                        )
                    ),
                    most=CHANNELS,
                ),
            )
        ),
        check=_check_profiles,
    ),
    79: Body(
        record(
            Member(
                "dmc",
                Array(
                    row(
                        Named("quantity", Whole(only=tuple(sorted(DEMANDED)))),
                        Named("demand code", Whole(only=DEMAND_CODES)),
                    ),
                    most=50,
                ),
            ),
            Member("interval", Divided((Whole(only=DEMAND_INTERVALS), Whole(only=DEMAND_INTERVALS)))),
            Member("period", PERIODS),
            optional("weekday", WEEKDAY),
            rules=weekday_rule("period"),
        ),
        check=_check_demand,
    ),
    82: Body(
        record(
            optional("tariff", Whole(1, 4)),
            optional("source", Whole(CLOCK, INPUTS)),
            optional("inputconfig", Array(Whole(1, 4), least=1, most=4), invalid="invalid inputconfig"),
            rules=either(
                needs("tariff", without=("inputconfig",), source=COMMUNICATION),
                needs("source", without=("tariff", "inputconfig")),
                needs("source", without=("tariff",), source=INPUTS),
            ),
        ),
        check=_check_tariff,
    ),
    84: Body(
        record(
            Member("actions", Array(_ACTION, most=30, sort=lambda action: action[1]), invalid="invalid actions"),
            Member("profile", _DAY_ID),
        )
    ),
    86: Body(
        record(
            Member(
                "weekprofiles",
                Array(
                    record(Member("dayid", Array(_DAY_ID, least=7, most=7)), Member("profile", _NAME)),
                    most=4,
                    unique=lambda week: week["profile"],
                ),
                invalid="invalid weekprofiles",
            )
        )
    ),
    88: Body(
        record(
            Member(
                "seasonprofiles",
                Array(
                    record(
                        Member("day", _DAY),
                        Member("month", _MONTH),
                        Member("profile", _NAME),
                        Member("weekprofile", _NAME),
                    ),
                    most=4,
                    unique=lambda season: season["profile"],
                ),
                invalid="invalid seasonprofiles",
            )
        )
    ),
    90: Body(
        record(
            Member(
                "specialdayprofiles",
                Array(
                    record(
                        Member("date", _DATE, invalid="invalid date"),
                        Member("dayprofile", _DAY_ID, aliases=("dayprofileid",)),  # GD-32
                        Member("profile", Whole(1, 50)),
                    ),
                    most=50,
                ),
            )
        ),
        check=_check_special_days,
    ),
}

_COLUMN = row(ANY_TEXT, Either((ANY_TEXT, Null())))
#: A recorded value: decimal text, harmonics as several of them, ``null`` where there was none.
_RECORDED = Either((ANY_TEXT, Null(), Array(ANY_TEXT)))


def _several(width: int, items: list[Any]) -> dict[str, Any]:
    """An item whose columns stand before its time, each as an array or one after the other (GD-34)."""
    *columns, time = items
    if columns and not isinstance(columns[0], list):
        if len(columns) % width:
            raise Unfit
        columns = [columns[place : place + width] for place in range(0, len(columns), width)]
    return {"values": columns, "time": time}


def _previous(items: list[Any]) -> dict[str, Any]:
    return _several(2, items)


def _demand(items: list[Any]) -> dict[str, Any]:
    return _several(4, items)


def _profile(items: list[Any]) -> dict[str, Any]:
    status, value, time = items if len(items) == 3 else (None, None, None)
    return {"status": status, "timestamp": time, "value": value}


#: What an item of a recorded resource is; such answers may be long and are streamed (69, 73, 77).
ITEMS: Mapping[int, Object] = {
    69: Object(
        (Member("values", Array(row(ANY_NUMBER, _RECORDED))), Member("time", ANY_MOMENT)),
        flat=_previous,
    ),
    73: Object(
        (Member("status", ANY_NUMBER), Member("timestamp", ANY_MOMENT), Member("value", _RECORDED)), flat=_profile
    ),
    77: Object(
        (
            Member("values", Array(row(ANY_NUMBER, Exact(), ANY_MOMENT, ANY_NUMBER))),
            Member("time", ANY_MOMENT),
        ),
        flat=_demand,
    ),
}
_CONFIGURED = Array(ANY_NUMBER)
_DATE_SHOWN = record(*numbers("day", "month", "week", "year"))

RESPONSES: Mapping[int, Shape] = {
    69: record(
        Member("mapping", Array(_COLUMN)), Member("interval", PERIODS, shown=False), Member("items", Array(ITEMS[69]))
    ),
    70: record(Member("interval", PERIODS), optional("weekday", ANY_NUMBER), Member("pvconfig", _CONFIGURED)),
    73: record(
        Member("mapping", _COLUMN, shown=False),
        Member("interval", ANY_NUMBER, shown=False),
        Member("items", Array(ITEMS[73])),
    ),
    74: record(Member("lpconfig", Array(row(ANY_NUMBER, ANY_NUMBER, ANY_NUMBER)))),
    77: record(Member("mapping", Array(_COLUMN)), Member("items", Array(ITEMS[77]))),
    78: record(
        Member("dmc", Array(row(ANY_NUMBER, ANY_NUMBER))),
        Member("interval", row(ANY_NUMBER, ANY_NUMBER)),
        Member("period", PERIODS),
        optional("weekday", ANY_NUMBER),
    ),
    81: record(
        *numbers("daytype", "season", shown=False),
        *numbers("tariff"),
        *numbers("source", shown=False),  # M-Bus does not tell it
        optional("inputconfig", _CONFIGURED),
    ),
    83: listed("dayprofiles", Member("actions", Array(row(ANY_NUMBER, TimeOfDay()))), *numbers("profile")),
    85: listed("weekprofiles", Member("dayid", _CONFIGURED), *texts("profile")),
    87: listed("seasonprofiles", *numbers("day", "month"), *texts("profile", "weekprofile")),
    89: listed(
        "specialdayprofiles",
        Member("date", _DATE_SHOWN),
        Member("dayprofile", ANY_NUMBER, aliases=("dayprofileid",)),
        *numbers("profile"),
    ),
    **dict.fromkeys((71, 72, 75, 76, 79, 80, 82, 84, 86, 88, 90), SUCCESS),
}
