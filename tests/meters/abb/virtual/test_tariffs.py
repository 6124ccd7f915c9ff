"""Tariffs of the body: by clock, communication, inputs; scripts."""

from __future__ import annotations

import pytest

from tests.meters.abb.virtual.rigs import DAY, HOUR, Rig
from tests.meters.abb.virtual.test_recording import refused
from wattproof.metering.dates import DatePattern, civil, seconds_of, weekday
from wattproof.metering.tariffs import Action, DayProfile, Season, SpecialDay, WeekProfile
from wattproof.meters.abb.virtual.refusals import Reason


def with_calendar(rig: Rig) -> Rig:
    """Tariff 1 by day and 2 by night on workdays, 3 at weekends; from the last day of October on 4 all day."""
    rig.body.write_passive(
        days=(
            DayProfile(1, (Action(6 * 60, 1), Action(8 * 60, 5), Action(9 * 60, 6), Action(22 * 60, 2))),
            DayProfile(2, (Action(0, 3),)),
            DayProfile(3, (Action(0, 4),)),
            DayProfile(4, (Action(2 * 60 + 30, 2),)),
        ),
        weeks=(WeekProfile(b"s", (1, 1, 1, 1, 1, 2, 2)), WeekProfile(b"w", (3,) * 7)),
        seasons=(Season(b"S", DatePattern(month=3, day=1), b"s"), Season(b"W", DatePattern(month=10, day=254), b"w")),
    )
    rig.body.activate_calendar()
    rig.body.set_tariff_source(0)
    return rig


@pytest.mark.proves("A-153")
def test_tariffs_of_a_year():
    rig = with_calendar(Rig(load="constant:1000", summer=True))
    rig.body.insert_special_day(SpecialDay(1, DatePattern(2024, 6, 5), 2))
    rig.run(366 * DAY)
    hours = {1: 0, 2: 0, 3: 0, 4: 0}
    for day in range(366):
        year_day = seconds_of(2024, 1, 1) // DAY + day
        _, month, number = civil(year_day)
        winter = (month, number) < (3, 1) or (month, number) >= (10, 31)
        if winter:
            hours[4] += 24
        elif weekday(year_day) >= 6 or (month, number) == (6, 5):
            hours[3] += 24 + {(3, 31): -1, (10, 27): 1}.get((month, number), 0)
        else:
            previous = civil(year_day - 1)[1:]
            carried = 4 if previous == (2, 29) else 3 if weekday(year_day) == 1 or previous == (6, 5) else 2
            hours[carried] += 6
            hours[1] += 16
            hours[2] += 2
    assert rig.values(9, 10, 11, 12) == [100 * hours[tariff] for tariff in (1, 2, 3, 4)]
    assert sum(rig.values(9, 10, 11, 12)) == rig.body.value(1) == 366 * 2400


@pytest.mark.parametrize(
    ("day", "on"),
    [((2024, 3, 31), []), ((2024, 10, 27), [(2, 30, True), (2, 30, False)]), ((2024, 6, 1), [(2, 30, True)])],
)
def test_actions_of_an_hour_that_is_left_out_or_passed_twice(day, on):
    """Output 1 is on from 02:30 to 02:45, tariff 2 from 02:30 on; what is left out happens when the hour is over."""
    rig = Rig(start=(*day, 0, 0), summer=True)
    actions = (Action(0, 1), Action(150, 5), Action(150, 2), Action(165, 6))
    rig.body.write_passive(days=(DayProfile(1, actions),))
    rig.body.insert_special_day(SpecialDay(1, DatePattern(*day), 1))
    rig.body.activate_calendar()
    rig.body.set_tariff_source(0)
    edges, tariffs, before = [], [rig.body.value(189)], 0
    for _ in range(300):
        rig.run(60)
        if rig.body.outputs > before:
            edges.append((*rig.time[2:4], rig.body.stamp.summer))
        before = rig.body.outputs
        if rig.body.value(189) != tariffs[-1]:
            tariffs.append(rig.body.value(189))
    assert edges == on
    assert tariffs == ([1, 2, 1, 2] if len(on) == 2 else [1, 2])


def test_outputs_follow_the_calendar():
    rig = with_calendar(Rig(start=(2024, 6, 3, 7, 59)))
    assert rig.body.outputs == 0
    rig.run(60)
    assert rig.body.outputs == 1
    rig.run(HOUR)
    assert rig.body.outputs == 0
    rig.body.set_clock(seconds_of(2024, 6, 4, 7, 59))
    rig.body.set_port(1, 6)
    rig.run(60)
    assert rig.body.outputs == 0
    assert rig.values(149, 150, 190, 189) == [1, 1, 0, 1]


def test_a_calendar_that_is_activated_later():
    rig = with_calendar(Rig(start=(2024, 6, 3, 12)))
    rig.body.write_passive(days=(DayProfile(1, (Action(0, 4),)),))
    rig.body.activate_calendar_at(seconds_of(2024, 6, 3, 13))
    rig.run(HOUR - 1)
    assert rig.body.value(189) == 1
    rig.run(1)
    assert (rig.body.value(189), rig.body.tariffing.activation) == (4, None)


@pytest.mark.proves("A-152")
def test_an_activation_that_fails_leaves_the_active_tables():
    rig = with_calendar(Rig(start=(2024, 6, 3, 12)))
    active = rig.body.tariffing.calendar.active
    rig.body.write_passive(days=(DayProfile(1, (Action(0, 4),)),))
    refused(Reason.RANGE, rig.body.write_passive, days=tuple(DayProfile(number) for number in range(17)))
    rig.fault("activate-fails")
    refused(Reason.HARDWARE, rig.body.activate_calendar)
    assert rig.body.tariffing.calendar.active is active
    rig.fault("activate-fails", False)
    rig.body.activate_calendar()
    assert rig.body.value(189) == 4


@pytest.mark.proves("A-154")
def test_tariffs_by_inputs_and_by_communication():
    rig = Rig("B23", "constant:1000")
    rig.body.set_tariff(3)
    assert rig.body.value(189) == 3
    rig.body.set_tariff_source(2)
    rig.body.set_tariff_inputs([4, 3, 2, 1])
    refused(Reason.DENIED, rig.body.set_tariff, 2)
    for combination in range(4):
        rig.control(input_3=bool(combination & 1), input_4=bool(combination & 2))
        assert rig.body.value(189) == 4 - combination
        rig.run(HOUR)
    assert rig.values(9, 10, 11, 12) == [100] * 4
    refused(Reason.RANGE, rig.body.set_tariff_source, 0)
    refused(Reason.RANGE, rig.body.set_tariff_inputs, [1, 5])
    refused(Reason.RANGE, rig.body.set_tariff_inputs, [])
    rig.body.set_tariff_source(1)
    refused(Reason.RANGE, rig.body.set_tariff, 5)
    refused(Reason.UNDEFINED, Rig("B23-212-100").body.set_tariff, 1)


@pytest.mark.proves("A-155")
def test_scripts():
    rig = Rig()
    for selector in (1, 2, 3, 4):
        rig.body.execute_script(selector)
        assert rig.body.value(189) == selector
    for selector, outputs in ((5, 1), (7, 3), (6, 2), (8, 0)):
        rig.body.execute_script(selector)
        assert rig.body.outputs == outputs
    for selector in (9, 10, 11, 12):
        refused(Reason.DENIED, rig.body.execute_script, selector)
    rig.body.set_port(3, 1)
    rig.body.set_port(4, 1)
    for selector, outputs in ((9, 4), (11, 12), (10, 8), (12, 0)):
        rig.body.execute_script(selector)
        assert rig.body.outputs == outputs
    rig.body.set_tariff_source(0)
    refused(Reason.DENIED, rig.body.execute_script, 1)
    for selector in (0, 13):
        refused(Reason.RANGE, rig.body.execute_script, selector)
    refused(Reason.UNDEFINED, Rig("B23").body.execute_script, 1)
