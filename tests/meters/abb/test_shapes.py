"""Settings of ABB meters against worked examples in bytes, in both directions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from wattproof.errors import FrameError, InvalidValue
from wattproof.metering.alarms import Setting
from wattproof.metering.dates import ANY, DatePattern
from wattproof.metering.demand import Entry
from wattproof.metering.dst import Rule
from wattproof.metering.intervals import Period, Span
from wattproof.metering.tariffs import Action, DayProfile, Season, SpecialDay, WeekProfile
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.shapes.alarms import ALARM
from wattproof.meters.abb.shapes.calendar import DAY, DAYS, SEASONS, SPECIAL_DAY, WEEKS
from wattproof.meters.abb.shapes.recording import (
    DEMAND_CONFIGURATION,
    PERIOD,
    PREVIOUS_COLUMNS,
    DemandSettings,
    channel_columns,
)
from wattproof.meters.abb.shapes.scripts import SCRIPTS, script
from wattproof.meters.abb.shapes.summertime import RULE
from wattproof.wire.cosem import data as axdr
from wattproof.wire.cosem.data import NULL, long64, structure, unsigned

SEASON_TABLE = (
    Season(b"Winter", DatePattern(month=10, day=254), b"Week1"),
    Season(b"Summer", DatePattern(month=5, day=1), b"Week2"),
)
EXAMPLES = (
    ("cal-seasons", 13, SEASONS, SEASON_TABLE),
    ("cal-weeks", 13, WEEKS, (WeekProfile(b"Week1", (1, 4, 2, 5, 3, 6, 1)),)),
    ("cal-days", 13, DAYS, (DayProfile(1, (Action(720, 1), Action(900, 2))),)),
    ("cal-special", 13, SPECIAL_DAY, SpecialDay(1, DatePattern(month=11, day=254), 1)),
    ("set-dst", 13, RULE, Rule.of_week(10, 1, 1, 1)),
    ("get-dst-rsp", 4, RULE, Rule.of_week(3, 7, 254, 2)),
    ("lp-capobj", 4, channel_columns(1), (ROWS[1],)),
)


@pytest.mark.proves("A-145", "A-151")
@pytest.mark.parametrize(("example", "begin", "shape", "value"), EXAMPLES, ids=[row[0] for row in EXAMPLES])
def test_settings_are_the_bytes_of_the_examples(vectors: Path, example: str, begin: int, shape, value) -> None:
    rows = json.loads((vectors / "mbus" / "cosem" / "cosem-hdlc.json").read_text())
    octets = bytes.fromhex(next(row["hex"] for row in rows if row["id"] == example))[begin:]
    data = axdr.decode(octets)
    assert shape.read(data) == value
    assert shape.write(value) == data
    with pytest.raises(FrameError):
        shape.read(NULL)


@pytest.mark.proves("A-145")
def test_weeks_of_summer_time_and_their_days() -> None:
    for week, day in ((1, 1), (2, 8), (3, 15), (4, 22), (5, 254), (254, 254)):
        octets = RULE.write(Rule.of_week(6, 1, week, 2)).value
        assert isinstance(octets, bytes)
        assert octets[3] == day
        assert RULE.read(axdr.octet_string(octets)).week == (254 if week == 5 else week)


@pytest.mark.proves("A-186")
def test_the_script_table_is_that_of_the_specification() -> None:
    octets = SCRIPTS.encode()
    assert len(octets) == 314
    assert octets[:2].hex() == "010c"
    assert script(1).encode().hex() == "02021200010101020516011200010906" + "0000600e00ff0f02" + "1101"
    assert script(5).encode().hex() == "02021200050101020516011200010906" + "0001600302ff0f02" + "0301"


@pytest.mark.proves("A-188")
def test_an_action_of_another_table_or_script_is_refused() -> None:
    right = DAY.write(DayProfile(1, (Action(0, 12),)))
    assert DAY.read(right).actions[0].selector == 12
    wrong_script = axdr.decode(right.encode()[:-1] + b"\x0d")
    wrong_table = axdr.decode(right.encode().replace(bytes.fromhex("00000a0064ff"), bytes.fromhex("00000a0065ff")))
    for data in (wrong_script, wrong_table):
        with pytest.raises(InvalidValue):
            DAY.read(data)


@pytest.mark.parametrize(
    ("shape", "value", "time"),
    [
        (DAY, DayProfile(1, (Action(720, 1),)), "0c000000"),
        (SEASONS, SEASON_TABLE, "00000000"),
        (RULE, Rule.of_week(10, 1, 1, 1), "01000000"),
    ],
)
def test_what_would_get_lost_of_a_time_is_refused(shape, value, time: str) -> None:
    octets, kept = shape.write(value).encode(), bytes.fromhex(time)
    for smaller, refused in ((b"\0\x1e", True), (b"\x1e\0", True), (b"\xff\xff", False)):
        data = axdr.decode(octets.replace(kept, kept[:2] + smaller))
        if refused:
            with pytest.raises(InvalidValue, match="smaller has to be 0"):
                shape.read(data)
        else:
            assert shape.read(data) == value


def test_alarms_say_which_quantity_they_watch() -> None:
    setting = Setting(75, 3100, 0, 240, 0, True, 1)
    data = ALARM.write(setting)
    assert data.encode().hex() == (
        "0207" + "09060100480700ff" + "140000000000000c1c" + "140000000000000000" + "06000000f0" + "0600000000" + "0301"
        "1101"
    )
    assert ALARM.read(data) == setting
    off = ALARM.write(None)
    assert off.value[0].value == b""
    assert ALARM.read(off) is None
    with pytest.raises(InvalidValue):
        ALARM.read(axdr.decode(data.encode().replace(bytes.fromhex("0100480700ff"), bytes.fromhex("0101480700ff"))))
    with pytest.raises(FrameError):
        ALARM.read(structure(long64(1), unsigned(2)))


def test_what_is_recorded_round_trips() -> None:
    settings = DemandSettings(900, 60, Period(Span.WEEKLY, 2), (Entry(1, 1), Entry(96, 13)))
    assert DEMAND_CONFIGURATION.read(DEMAND_CONFIGURATION.write(settings)) == settings
    assert [column.plain[0] for column in settings.columns.value] == [8, 3, 3]
    assert PERIOD.read(PERIOD.write(Period(Span.MONTHLY))) == Period(Span.MONTHLY)
    rows = (ROWS[1], ROWS[51], ROWS[171])
    assert PREVIOUS_COLUMNS.read(PREVIOUS_COLUMNS.write(rows)) == rows
    assert channel_columns(3).read(channel_columns(3).write((ROWS[179],))) == (ROWS[179],)
    with pytest.raises(InvalidValue):
        channel_columns(2).read(channel_columns(3).write(()))
    with pytest.raises(InvalidValue):
        PERIOD.read(structure(axdr.enum(3), unsigned(1)))
    with pytest.raises(InvalidValue):
        PERIOD.read(structure(axdr.enum(1), unsigned(8)))
    open_date = SPECIAL_DAY.read(SPECIAL_DAY.write(SpecialDay(3, DatePattern(), 4))).date
    assert (open_date.month, open_date.day, open_date.weekday) == (ANY, ANY, ANY)
