"""Local time by zones and by rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from wattproof.gateway.acquire.sources.localtime import LocalTime, rules_of

BERLIN = ZoneInfo("Europe/Berlin")
LAST_SUNDAY = {"day": 7, "week": 254}


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("zone", "begin", "end"),
    [
        ("Europe/Berlin", (3, 7, 254, 2), (10, 7, 254, 3)),
        ("America/New_York", (3, 7, 2, 2), (11, 7, 1, 2)),
        ("Australia/Sydney", (10, 7, 1, 2), (4, 7, 1, 3)),
    ],
)
def test_rules_of_zones(zone: str, begin: tuple[int, ...], end: tuple[int, ...]) -> None:
    rules = rules_of(ZoneInfo(zone), 2026)
    assert rules is not None
    assert [(rule.month, rule.weekday, rule.week, rule.hour) for rule in rules] == [begin, end]


def test_an_hour_that_is_passed_twice_is_told_apart() -> None:
    """By what the clock says of itself; one that says nothing begins the hour anew when its time does not go on."""
    local = LocalTime(BERLIN)
    hours = "01:30 02:00 02:30 02:00 02:30 03:00".split()
    shown = [datetime.fromisoformat(f"2026-10-25T{hour}") for hour in hours]
    moments = [at("2026-10-24T23:30:00") + 1800 * number for number in range(6)]
    telling = [(time, number < 3) for number, time in enumerate(shown)]
    assert local.moments(telling) == moments == local.moments((time, False) for time in shown)
    assert local.moments(telling[2:]) == moments[2:]
    assert local.moments([(datetime.fromisoformat("2026-07-01T12:00"), False)]) == [at("2026-07-01T10:00:00")]


def test_zones_without_summer_time() -> None:
    assert rules_of(ZoneInfo("Asia/Tokyo"), 2026) is None
    local = LocalTime(ZoneInfo("Asia/Tokyo"))
    assert local.members(at("2026-07-01T00:00:00")) == {"dst": 0, "dstenable": False}
    assert local.offset(at("2026-07-01T00:00:00")) == 540


def test_members_of_a_zone() -> None:
    members = LocalTime(BERLIN).members(at("2026-07-01T00:00:00"))
    assert members == {
        "dst": 1,
        "dstenable": True,
        "dststart": {"month": 3, "hour": 2, **LAST_SUNDAY},
        "dstend": {"month": 10, "hour": 3, **LAST_SUNDAY},
    }


def test_rules_equal_to_those_of_the_zone_give_the_same_times() -> None:
    zone, ruled = LocalTime(BERLIN), LocalTime(BERLIN)
    ruled.set(
        {"dstenable": True, **{name: zone.members(at("2026-01-01T00:00:00"))[name] for name in ("dststart", "dstend")}}
    )
    assert ruled.kept == LocalTime(BERLIN, ruled.kept).kept
    moment = datetime.fromisoformat("2026-01-01T00:30:00")
    for _ in range(0, 365 * 24, 7):
        moment += timedelta(hours=7)
        seconds = int(moment.replace(tzinfo=UTC).timestamp())
        assert ruled.offset(seconds) == zone.offset(seconds), moment
        shown = moment + timedelta(minutes=zone.offset(seconds))
        assert ruled.seconds(shown) == zone.seconds(shown), shown


def test_summer_time_turned_off_leaves_standard_time() -> None:
    local = LocalTime(BERLIN)
    local.set({"datetime": "2026-07-01T12:00:00", "dstenable": False})
    assert local.offset(at("2026-07-01T00:00:00")) == 60
    assert local.seconds(datetime.fromisoformat("2026-07-01T12:00:00")) == at("2026-07-01T11:00:00")
    assert local.members(at("2026-07-01T00:00:00"))["dstenable"] is False
    assert local.members(at("2026-07-01T00:00:00"))["dst"] == 0
