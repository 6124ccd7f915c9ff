"""Clock, calendar, alarms, ports and pulse outputs of the virtual meter, set by the driver."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from tests.meters.abb.cosem.rig import Rig
from wattproof.errors import InvalidValue
from wattproof.metering.dates import DatePattern
from wattproof.metering.dst import Rule
from wattproof.metering.tariffs import Action, Calendar, DayProfile, Season, SpecialDay, WeekProfile
from wattproof.meters.abb.cosem.settings import Alarm, PortFunction, PulseEnergy, PulseOutput
from wattproof.meters.abb.driver import Cause, MeterRefused
from wattproof.meters.abb.quantities import ROWS

DAY = DayProfile(1, (Action(0, 1), Action(720, 2)))


@pytest.mark.proves("A-144", "A-145")
def test_the_clock_and_its_summer_time() -> None:
    rig = Rig()
    rig.run(rig.driver.set_clock(datetime(2026, 8, 5, 1, 11, 31, tzinfo=UTC)))
    begin, end = Rule.of_week(3, 7, 5, 2), Rule.of_week(10, 1, 1, 1)
    rig.run(rig.driver.set_summer_time(True, begin, end))
    clock = rig.run(rig.driver.read_clock())
    assert clock.as_dict() == {
        "datetime": clock.time.isoformat(), "dayofweek": 3, "status": "set", "dst": 1, "dstenable": True,
        "dststart": {"month": 3, "day": 7, "week": 254, "hour": 2},
        "dstend": {"month": 10, "day": 1, "week": 1, "hour": 1},
    }  # fmt: skip
    for week in (1, 2, 3, 4, 254):
        rule = Rule.of_week(5, 3, week, 4)
        rig.run(rig.driver.set_summer_time(True, rule, end))
        assert rig.run(rig.driver.read_clock()).begin == rule
    rig.run(rig.driver.set_summer_time(False))
    assert not rig.run(rig.driver.read_clock()).enabled
    with pytest.raises(InvalidValue):
        rig.run(rig.driver.set_summer_time(True, begin))
    rig.bench.control("clock", "invalid")
    lost = rig.run(rig.driver.read_clock())
    assert (lost.time, lost.as_dict()["status"]) == (None, "not set")
    rig.bench.control("front-key", "closed")
    with pytest.raises(MeterRefused, match=r"READ_WRITE_DENIED.*begin of summer time"):
        rig.run(rig.driver.set_summer_time(True, begin, end))


@pytest.mark.proves("A-151")
def test_the_calendar_round_trips_and_has_limits() -> None:
    rig = Rig()
    days = tuple(DayProfile(number, tuple(Action(10 * k, 1 + k % 12) for k in range(30))) for number in range(1, 17))
    weeks = tuple(WeekProfile(f"Week{number}".encode(), (1, 2, 3, 4, 5, 6, 7)) for number in range(4))
    seasons = tuple(
        Season(f"S{number}".encode(), DatePattern(month=number, day=254), b"Week1") for number in range(1, 5)
    )
    rig.run(rig.driver.write_calendar(Calendar(b"", seasons, weeks, days)))
    assert rig.run(rig.driver.calendar()) == Calendar(b"", seasons, weeks, days)
    assert rig.bench.body.tariffing.calendar.active.days == days
    for write in (
        rig.driver.write_day(DayProfile(99)),
        rig.driver.write_week(WeekProfile(b"Week9", (1,) * 7)),
        rig.driver.write_season(Season(b"S9", DatePattern(month=9), b"Week1")),
    ):
        with pytest.raises(InvalidValue, match="at most"):
            rig.run(write)
    changed = DayProfile(7, (Action(60, 4),))
    rig.run(rig.driver.write_day(changed))
    assert rig.run(rig.driver.day_profiles()) == (*days[:6], changed, *days[7:])
    assert rig.run(rig.driver.week_profiles()) == weeks
    assert rig.run(rig.driver.season_profiles()) == seasons


@pytest.mark.proves("A-151")
def test_special_days_go_by_their_dates() -> None:
    rig = Rig()
    first, second = SpecialDay(1, DatePattern(month=12, day=25), 3), SpecialDay(2, DatePattern(2026, 5, 1), 4)
    rig.run(rig.driver.write_special_day(first))
    rig.run(rig.driver.write_special_day(second))
    rig.run(rig.driver.write_special_day(SpecialDay(9, first.date, 5)))
    assert sorted(rig.run(rig.driver.special_days()), key=lambda day: day.index) == [
        SpecialDay(1, first.date, 5),
        second,
    ]
    with pytest.raises(InvalidValue, match="another date"):
        rig.run(rig.driver.write_special_day(SpecialDay(2, DatePattern(month=1, day=1), 1)))
    rig.run(rig.driver.delete_special_day(1))
    assert rig.run(rig.driver.special_days()) == (second,)
    for index in (1, *range(3, 51)):
        rig.run(rig.driver.write_special_day(SpecialDay(index, DatePattern(2000 + index, 1, 1), 1)))
    with pytest.raises(InvalidValue):
        rig.run(rig.driver.write_special_day(SpecialDay(50, DatePattern(2090, 1, 1), 1)))


@pytest.mark.proves("A-152")
def test_an_error_before_the_activation_leaves_the_calendar_in_force() -> None:
    rig = Rig()
    rig.run(rig.driver.write_day(DAY))
    rig.run(rig.driver.write_week(WeekProfile(b"Week1", (1,) * 7)))
    rig.bench.fault("activate-fails")
    with pytest.raises(MeterRefused, match=r"activation; done before: passive days") as refused:
        rig.run(rig.driver.write_day(DayProfile(2, (Action(0, 3),))))
    assert refused.value.done == ("passive days",)
    calendar = rig.bench.body.tariffing.calendar
    assert [day.id for day in calendar.active.days] == [1]
    assert [day.id for day in calendar.passive.days] == [1, 2]
    rig.bench.fault("activate-fails", False)
    rig.run(rig.driver.write_week(WeekProfile(b"Week2", (1,) * 7)))
    assert [day.id for day in calendar.active.days] == [1], "what failed before does not come in by the back door"
    assert [week.name for week in calendar.active.weeks] == [b"Week1", b"Week2"]
    rig.requests.clear()
    rig.run(rig.driver.write_week(WeekProfile(b"Week2", (1,) * 7)))
    assert not any(b"\xc1\x01" in request for request in rig.requests), "nothing differs, so nothing is copied"


@pytest.mark.proves("A-188")
def test_a_day_with_a_script_that_there_is_not_is_refused() -> None:
    rig = Rig()
    with pytest.raises(ValueError, match="13"):
        DayProfile(1, (Action(0, 13),))
    from wattproof.meters.abb.cosem.calendar import DAY_TABLE
    from wattproof.wire.cosem.data import decode

    data = DAY_TABLE.shape.write((DAY,)).encode()
    for wrong in (data[:-1] + b"\x0d", data.replace(bytes.fromhex("00000a0064ff"), bytes.fromhex("00000a0065ff"))):
        with pytest.raises(MeterRefused) as refused:
            rig.run(rig.driver.set(DAY_TABLE.passive, decode(wrong)))
        assert refused.value.cause is Cause.SCOPE_OF_ACCESS_VIOLATED
    assert rig.bench.body.tariffing.calendar.passive.days == ()


@pytest.mark.proves("A-156")
def test_alarms_are_set_in_the_unit_of_their_quantity() -> None:
    rig = Rig(load="constant:1000")
    found = rig.run(rig.driver.alarms())
    assert len(found) == 25
    assert found[0].as_dict() == {"id": 1}
    alarm = Alarm(3, ROWS[96], Decimal(900), Decimal("800.5"), 10, 0, True, 0)
    rig.run(rig.driver.set_alarms([alarm]))
    assert rig.run(rig.driver.alarms())[2] == alarm
    assert rig.bench.body.watch.alarms[3].setting.on == 90000
    rig.bench.step(20)
    assert rig.run(rig.driver.status()).alarms == (3,)
    rig.run(rig.driver.set_alarms([Alarm(3)]))
    assert rig.run(rig.driver.alarms())[2] == Alarm(3)
    for wrong in (Alarm(26), Alarm(1, ROWS[69], Decimal("230.05"))):
        with pytest.raises(InvalidValue):
            rig.run(rig.driver.set_alarms([wrong]))
    single = Rig("A41")
    with pytest.raises(MeterRefused, match="SCOPE_OF_ACCESS") as refused:
        single.run(single.driver.set_alarms([Alarm(1, ROWS[69], Decimal(1)), Alarm(2, ROWS[72], Decimal(1))]))
    assert refused.value.done == ("alarm 1",)


@pytest.mark.proves("A-157")
def test_ports_and_pulse_outputs() -> None:
    rig = Rig()
    assert rig.run(rig.driver.port_functions())[3] is PortFunction.INPUT
    rig.run(rig.driver.set_port_functions({1: PortFunction.PULSE_OUT, 2: PortFunction.ALWAYS_ON}))
    assert rig.run(rig.driver.port_functions()) == {
        1: PortFunction.PULSE_OUT, 2: PortFunction.ALWAYS_ON, 3: PortFunction.INPUT, 4: PortFunction.INPUT,
    }  # fmt: skip
    assert rig.run(rig.driver.ports())[1].state is True
    output = PulseOutput(1, 50, 1000, PulseEnergy.REACTIVE_IMPORT, 1)
    rig.run(rig.driver.set_pulse_outputs([output]))
    outputs = rig.run(rig.driver.pulse_outputs())
    assert (len(outputs), outputs[0]) == (4, output)
    assert output.as_dict()["energytype"] == "reactive_import"
    for number, length, frequency, port in ((5, 50, 1, 1), (1, 9, 1, 1), (1, 50, 0, 1), (1, 50, 1, 7)):
        with pytest.raises(InvalidValue):
            PulseOutput(number, length, frequency, PulseEnergy.ACTIVE_IMPORT, port)
    with pytest.raises(InvalidValue):
        rig.run(rig.driver.set_port_functions({5: PortFunction.INPUT}))
