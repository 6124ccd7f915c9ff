"""The calendar in the JSON of the gateway's interface, both ways."""

from __future__ import annotations

import pytest

from wattproof.errors import InvalidValue
from wattproof.metering.dst import Rule
from wattproof.meters.abb import calendarjson as json

#: The examples of g13-api.md 41, 83 to 90.
ROWS = (
    (json.day_of, json.day_dict, {"actions": [[1, "00:00"], [2, "12:00"]], "profile": 0}),
    (json.day_of, json.day_dict, {"actions": [], "profile": 16}),
    (json.week_of, json.week_dict, {"dayid": [1, 4, 2, 5, 3, 6, 1], "profile": "Week1"}),
    (json.season_of, json.season_dict, {"day": 254, "month": 10, "profile": "Winter", "weekprofile": "Week1"}),
    (
        json.special_day_of, json.special_day_dict,
        {"date": {"day": 254, "month": 11, "week": 255, "year": 65535}, "dayprofile": 1, "profile": 1},
    ),
    (
        json.special_day_of, json.special_day_dict,
        {"date": {"day": 1, "month": 255, "week": 255, "year": 2011}, "dayprofile": 2, "profile": 2},
    ),
    (json.rule_of, json.rule_dict, {"month": 6, "day": 1, "week": 1, "hour": 2}),
)  # fmt: skip
WRONG = (
    (json.day_of, {"actions": [[1, "24:00"]], "profile": 1}),
    (json.day_of, {"actions": [[13, "12:00"]], "profile": 1}),
    (json.day_of, {"actions": [[1, "12:00"]] * 31, "profile": 1}),
    (json.day_of, {"actions": [[True, "12:00"]], "profile": 1}),
    (json.day_of, {"actions": [], "profile": True}),
    (json.day_of, {"actions": []}),
    (json.day_of, {"actions": 5, "profile": 1}),
    (json.day_of, []),
    (json.week_of, {"dayid": [1] * 6, "profile": "Week1"}),
    (json.week_of, {"dayid": [1] * 6 + ["1"], "profile": "Week1"}),
    (json.week_of, {"dayid": [1] * 7, "profile": "x" * 30}),
    (json.season_of, {"day": 32, "month": 1, "profile": "S", "weekprofile": "W"}),
    (json.season_of, {"day": 1, "month": 13, "profile": "S", "weekprofile": "W"}),
    (json.special_day_of, {"date": {"day": 1, "month": 1, "year": 2026}, "dayprofile": 1, "profile": 51}),
    (json.special_day_of, {"date": {"day": 1, "month": 1}, "dayprofile": 1, "profile": 1}),
    (json.rule_of, {"month": 6, "day": 1, "week": 6, "hour": 2}),
)


@pytest.mark.proves("A-151")
@pytest.mark.parametrize(("read", "write", "members"), ROWS)
def test_members_are_read_and_written_back(read, write, members) -> None:
    assert write(read(members)) == members


def test_other_spellings_and_the_last_week() -> None:
    read = json.special_day_of({"date": {"day": 1, "month": 5, "year": 65535}, "dayprofileid": 3, "profile": 4})
    assert (read.day, read.date.weekday) == (3, 255)
    assert json.rule_of({"month": 3, "day": 7, "week": 5, "hour": 2}) == Rule.of_week(3, 7, 254, 2)


@pytest.mark.parametrize(("read", "members"), WRONG)
def test_what_is_none_is_refused(read, members) -> None:
    with pytest.raises(InvalidValue):
        read(members)
