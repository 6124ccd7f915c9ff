"""What may be set and executed: clock, ratios, ports, tariffs, calendar, alarms, image; and what is refused."""

from __future__ import annotations

import zlib
from typing import Any

import pytest

from tests.meters.abb.virtual.cosem.bench import Bench
from wattproof.metering.alarms import Setting
from wattproof.metering.dates import DatePattern
from wattproof.metering.dst import Rule
from wattproof.metering.tariffs import Action, DayProfile, Season, SpecialDay, WeekProfile
from wattproof.meters.abb.shapes.alarms import ALARM
from wattproof.meters.abb.shapes.calendar import DAYS, SEASONS, SPECIAL_DAY, SPECIAL_DAYS, WEEKS
from wattproof.meters.abb.shapes.scripts import SCRIPTS
from wattproof.meters.abb.shapes.summertime import RULE
from wattproof.wire.cosem.data import (
    FALSE,
    TRUE,
    Data,
    array,
    boolean,
    double_long_unsigned,
    enum,
    integer,
    long,
    long_unsigned,
    octet_string,
    structure,
    unsigned,
)
from wattproof.wire.cosem.data import decode as axdr

Examples = dict[str, dict[str, Any]]
DENIED, UNDEFINED, CLASS, TYPE, RANGE, BUSY, HARDWARE = 3, 4, 9, 12, 13, 2, 1
ZERO = integer(0)
CLOCK, TARIFF, SOURCE, SCRIPT = "0-0:1.0.0", "0-0:96.14.0", "0-0:96.14.128", "0-0:10.0.100"
CALENDAR, SPECIAL = "0-0:13.0.0", "0-0:11.0.0"


def octets(text: str) -> Data:
    return octet_string(bytes.fromhex(text))


@pytest.mark.proves("A-126")
def test_every_kind_of_refusal() -> None:
    asking = Bench().client()
    assert asking.get(3, "1-0:99.99.99") == UNDEFINED
    assert asking.get(1, "1-0:1.8.0") == CLASS
    assert asking.get(3, "1-0:1.8.0", 4) == UNDEFINED
    assert asking.set(3, "1-0:1.8.0", unsigned(0)) == DENIED
    assert asking.set(1, TARIFF, long_unsigned(1)) == TYPE
    assert asking.set(1, TARIFF, unsigned(5)) == RANGE
    assert asking.act(3, "1-0:1.8.0", ZERO) == DENIED
    assert asking.act(3, "1-0:1.8.128", ZERO, 2) == UNDEFINED
    assert asking.act(3, "1-0:1.8.128", integer(1)) == RANGE
    assert asking.act(3, "1-0:1.8.128", unsigned(0)) == TYPE
    assert asking.act(3, "1-0:1.8.128", ZERO) == 0


@pytest.mark.proves("A-144")
def test_the_clock_is_set_read_and_adjusted() -> None:
    bench = Bench()
    asking = bench.client()
    assert asking.set(8, CLOCK, octets("07dc0805ff010b1f00003c80")) == 0
    assert asking.get(8, CLOCK).hex() == "07dc080507010b1f00800000"
    assert asking.set(8, CLOCK, octets("07dc080507010b1f00")) == TYPE
    assert asking.set(8, CLOCK, octets("07dc0d0507010b1f00800000")) == RANGE
    assert asking.set(8, CLOCK, octets("07dc021eff010b1f00800000")) == RANGE
    assert asking.set(8, CLOCK, octets("ffff0805ff010b1f00800000")) == RANGE
    assert asking.act(8, CLOCK, ZERO, 1) == 0
    assert asking.get(8, CLOCK)[5:8] == bytes((1, 15, 0))
    bench.wait(20)
    assert asking.act(8, CLOCK, ZERO, 3) == 0
    assert asking.get(8, CLOCK)[5:8] == bytes((1, 15, 0))
    assert asking.act(8, CLOCK, long(-61), 6) == 0
    assert asking.get(8, CLOCK)[5:8] == bytes((1, 13, 59))
    assert [asking.act(8, CLOCK, ZERO, method) for method in (2, 4)] == [DENIED, DENIED]
    bench.fault("clock-lost")
    assert asking.get(8, CLOCK)[11] == asking.get(8, CLOCK, 4) == 1
    assert asking.get(1, "0-0:97.97.0") == 0b11 << 10
    assert asking.set(8, CLOCK, octets("07ea0701ff080000ff800000")) == 0
    assert (asking.get(8, CLOCK, 4), asking.get(1, "0-0:97.97.0")) == (0, 0)
    assert asking.set(8, CLOCK, long(120), 3) == 0 and asking.set(8, CLOCK, long(900), 3) == RANGE
    assert [asking.get(8, CLOCK, attribute) for attribute in (3, 9)] == [120, 1]


@pytest.mark.proves("A-144", "A-145")
def test_summer_time_follows_its_rules(examples: Examples) -> None:
    bench = Bench(time="2026-03-29T01:59:00")
    asking = bench.client()
    begin, end = Rule.of_week(3, 7, 254, 2), Rule.of_week(10, 1, 1, 1)
    assert axdr(examples["set-dst"]["octets"][13:]) == RULE.write(end)
    assert asking.set(8, CLOCK, RULE.write(begin), 5) == asking.set(8, CLOCK, RULE.write(end), 6) == 0
    assert asking.set(8, CLOCK, TRUE, 8) == 0
    assert asking.set(8, CLOCK, integer(30), 7) == RANGE
    assert asking.set(8, CLOCK, octets("ffff0d010101000000800000"), 6) == RANGE
    assert asking.get(8, CLOCK, 6).hex() == "ffff0a010101000000800000"
    bench.step(60)
    assert asking.get(8, CLOCK).hex()[10:14] == "0300" and asking.get(8, CLOCK)[11] == 0x80
    assert asking.set(8, CLOCK, octets("07ea0a05ff000000ff800080")) == 0
    bench.step(3600)
    moment = asking.get(8, CLOCK)
    assert (moment[5:7], moment[11]) == (bytes((0, 0)), 0)


def test_ratios_factors_and_counters() -> None:
    asking = Bench().client()
    assert asking.set(1, "1-0:0.4.2", double_long_unsigned(100)) == 0
    assert asking.set(1, "1-0:0.4.5", double_long_unsigned(101)) == RANGE
    assert asking.set(1, "1-0:0.4.5", double_long_unsigned(5)) == 0
    assert asking.get(3, "1-0:16.7.0") == 2_000_000
    assert asking.set(3, "1-0:0.4.128", double_long_unsigned(500)) == 0
    assert asking.get(3, "1-0:0.4.128") == 500
    assert asking.set(1, "0-0:96.7.21", double_long_unsigned(1)) == RANGE
    assert asking.set(1, "0-0:96.7.21", double_long_unsigned(0)) == 0
    assert asking.set(3, "0-0:96.7.128", double_long_unsigned(0)) == 0


@pytest.mark.proves("A-159")
def test_resettable_registers_count_their_resets() -> None:
    bench = Bench()
    asking = bench.client()
    bench.step(3600)
    assert asking.get(3, "1-0:1.8.128") == 100
    assert asking.act(3, "1-0:1.8.128", ZERO) == 0
    assert (asking.get(3, "1-0:1.8.128"), asking.get(3, "1-0:1.8.129"), asking.get(3, "1-0:1.8.0")) == (0, 1, 100)
    assert asking.get(3, "1-0:1.8.130") == 1000
    assert asking.set(3, "1-0:0.4.128", double_long_unsigned(250)) == 0
    assert asking.get(3, "1-0:1.8.130") == 250


@pytest.mark.proves("A-157")
def test_inputs_and_outputs() -> None:
    bench = Bench()
    asking = bench.client()
    bench.control("input-3", True)
    assert (asking.get(1, "0-3:96.3.1"), asking.get(1, "0-3:96.3.129"), asking.get(3, "1-3:82.8.0")) == (True, True, 1)
    assert asking.set(1, "0-3:96.3.129", TRUE) == RANGE
    assert asking.set(1, "0-3:96.3.129", FALSE) == 0 and asking.get(1, "0-3:96.3.129") is False
    assert asking.act(3, "1-3:82.8.0", ZERO) == 0 and asking.get(3, "1-3:82.8.0") == 0
    assert (asking.get(1, "0-1:96.3.1"), asking.get(1, "0-3:96.3.2")) == (UNDEFINED, UNDEFINED)
    assert asking.set(1, "0-0:96.3.2", unsigned(0b1111)) == 0 and asking.get(1, "0-0:96.3.2") == 0b11
    assert asking.set(1, "0-2:96.3.2", FALSE) == 0 and asking.get(1, "0-0:96.3.2") == 0b01
    for function, shown in ((5, True), (6, False), (4, True)):
        assert asking.set(1, "0-1:96.3.130", enum(function)) == 0
        assert asking.get(1, "0-1:96.3.2") is shown
        assert asking.set(1, "0-1:96.3.2", boolean(not shown)) == DENIED
    assert asking.set(1, "0-1:96.3.130", enum(0)) == 0
    assert (asking.get(1, "0-1:96.3.1"), asking.get(1, "0-1:96.3.2")) == (False, UNDEFINED)
    assert asking.set(1, "0-1:96.3.130", enum(7)) == RANGE


def test_pulse_outputs() -> None:
    asking = Bench().client()
    for group, value, bad in (
        (131, long_unsigned(50), long_unsigned(9)),
        (132, double_long_unsigned(1000), double_long_unsigned(0)),
        (133, enum(2), enum(5)),
        (134, unsigned(1), unsigned(9)),
    ):
        assert asking.set(1, f"0-2:96.3.{group}", value) == 0
        assert asking.set(1, f"0-2:96.3.{group}", bad) == RANGE
        assert asking.data(1, f"0-2:96.3.{group}") == value


@pytest.mark.proves("A-154", "A-155", "A-187")
def test_tariffs_and_scripts() -> None:
    bench = Bench()
    asking, public = bench.client(), bench.client(16, "tcp")
    assert asking.set(1, TARIFF, unsigned(2)) == 0 and asking.get(1, TARIFF) == 2
    assert [asking.act(9, SCRIPT, long_unsigned(selector)) for selector in (4, 5, 7, 8)] == [0] * 4
    assert (asking.get(1, TARIFF), asking.get(1, "0-0:96.3.2")) == (4, 0b01)
    assert [asking.act(9, SCRIPT, long_unsigned(selector)) for selector in (0, 13, 9)] == [RANGE, RANGE, DENIED]
    assert asking.act(9, SCRIPT, unsigned(1)) == TYPE
    assert public.act(9, SCRIPT, long_unsigned(1)) == asking.set(9, SCRIPT, SCRIPTS) == DENIED
    assert asking.set(1, SOURCE, enum(2)) == 0
    assert asking.set(1, TARIFF, unsigned(1)) == asking.act(9, SCRIPT, long_unsigned(1)) == DENIED
    assert asking.set(1, "0-0:96.14.129", array(map(unsigned, (4, 3, 2, 1)))) == 0
    assert asking.set(1, "0-0:96.14.129", array([unsigned(5)])) == RANGE
    found = []
    for four, three in ((False, False), (False, True), (True, False), (True, True)):
        bench.control("input-3", three)
        bench.control("input-4", four)
        found.append(asking.get(1, TARIFF))
    assert found == [4, 3, 2, 1]


@pytest.mark.proves("A-186")
def test_the_script_table() -> None:
    scripts = Bench().client(16).data(9, SCRIPT)
    assert isinstance(scripts, Data)
    encoded = scripts.encode()
    assert len(encoded) == 314 and encoded[:2].hex() == "010c"
    first, fifth = (scripts.value[number].encode().hex() for number in (0, 4))  # type: ignore[index, union-attr]
    assert first == "020212000101010205160112000109060000600e00ff0f021101"
    assert fifth == "020212000501010205160112000109060001600302ff0f020301"


WEEK = WeekProfile(b"Week1", (1, 1, 1, 1, 1, 2, 2))
SEASON = Season(b"Year", DatePattern(month=1, day=1), b"Week1")
DAY1 = DayProfile(1, (Action(0, 1), Action(360, 2), Action(420, 5), Action(480, 6)))
DAY2 = DayProfile(2, (Action(0, 3),))


@pytest.mark.proves("A-151", "A-152", "A-189")
def test_a_calendar_is_written_activated_and_followed(examples: Examples) -> None:
    bench = Bench(time="2026-03-02T05:00:00")
    asking = bench.client()
    for key, shape, attribute in (("cal-seasons", SEASONS, 7), ("cal-weeks", WEEKS, 8), ("cal-days", DAYS, 9)):
        given = axdr(examples[key]["octets"][13:])
        assert asking.set(20, CALENDAR, given, attribute) == 0
        assert asking.data(20, CALENDAR, attribute) == given == shape.write(shape.read(given))
    assert asking.set(20, CALENDAR, octet_string(b"2026"), 6) == 0
    assert asking.set(20, CALENDAR, SEASONS.write((SEASON,)), 7) == 0
    assert asking.set(20, CALENDAR, WEEKS.write((WEEK,)), 8) == 0
    assert asking.set(20, CALENDAR, DAYS.write((DAY1, DAY2)), 9) == 0
    assert [asking.get(20, CALENDAR, attribute) for attribute in (2, 3, 4, 5)] == [b"", [], [], []]
    bench.fault("activate-fails")
    assert asking.act(20, CALENDAR, ZERO) == HARDWARE
    assert asking.get(20, CALENDAR, 5) == [] and len(asking.get(20, CALENDAR, 9)) == 2
    bench.fault("activate-fails", False)
    assert asking.act(20, CALENDAR, ZERO) == 0
    assert asking.data(20, CALENDAR, 5) == DAYS.write((DAY1, DAY2)) and asking.get(20, CALENDAR, 2) == b"2026"
    assert asking.set(1, SOURCE, enum(0)) == 0
    seen = []
    for hour in (0, 1, 1, 1, 1):
        bench.step(hour * 3600)
        seen.append((asking.get(1, TARIFF), asking.get(1, "0-1:96.3.2")))
    assert seen == [(1, False), (2, False), (2, True), (2, False), (2, False)]
    assert (asking.get(1, "0-0:96.14.130"), asking.get(1, "0-0:96.14.131")) == (1, 1)
    special = axdr(examples["cal-special"]["octets"][13:])
    assert asking.act(11, SPECIAL, special, 1) == 0
    assert asking.act(11, SPECIAL, SPECIAL_DAY.write(SpecialDay(7, DatePattern(2026, 3, 2), 2)), 1) == 0
    assert (asking.get(1, TARIFF), asking.get(1, "0-0:96.14.130")) == (3, 2)
    assert len(asking.get(11, SPECIAL)) == 2 and asking.get(11, SPECIAL)[0][0] == 1
    assert asking.act(11, SPECIAL, long_unsigned(7), 2) == 0 and asking.get(1, TARIFF) == 2
    assert asking.act(11, SPECIAL, long_unsigned(7), 2) == RANGE
    assert asking.set(11, SPECIAL, SPECIAL_DAYS.write(())) == 0 and asking.get(11, SPECIAL) == []


def test_the_passive_calendar_becomes_active_at_its_time() -> None:
    bench = Bench(time="2026-03-02T05:00:00")
    asking = bench.client()
    assert asking.get(20, CALENDAR, 10).hex() == "ffffffffffffffffff800000"
    assert asking.set(20, CALENDAR, octet_string(b"later"), 6) == 0
    assert asking.set(20, CALENDAR, octets("07ea0302ff060000ff800000"), 10) == 0
    assert asking.get(20, CALENDAR, 10).hex() == "07ea03020106000000800000"
    bench.step(3599)
    assert asking.get(20, CALENDAR, 2) == b""
    bench.step(1)
    assert asking.get(20, CALENDAR, 2) == b"later"
    assert asking.get(20, CALENDAR, 10).hex() == "ffffffffffffffffff800000"


@pytest.mark.proves("A-151", "A-188")
def test_a_calendar_beyond_its_limits_is_refused_and_nothing_changes() -> None:
    asking = Bench().client()
    assert asking.set(20, CALENDAR, DAYS.write((DAY1,)), 9) == 0
    action = structure(octets("06000000"), octets("00000a0065ff"), long_unsigned(1))
    for bad, result in (
        (array([structure(unsigned(1), array([action]))]), RANGE),
        (axdr(DAYS.write((DAY1,)).encode().replace(b"\x12\0\x06", b"\x12\0\x0d")), RANGE),
        (axdr(DAYS.write((DAY1,)).encode().replace(b"\x09\x04\x06", b"\x09\x04\x18")), RANGE),
        (DAYS.write(tuple(DayProfile(day) for day in range(17))), RANGE),
        (array([structure(unsigned(1), array([action] * 31))]), RANGE),
        (array([DAYS.write((DAY1,))]), TYPE),
        (array([structure(unsigned(1))]), TYPE),
        (structure(), TYPE),
    ):
        assert asking.set(20, CALENDAR, bad, 9) == result
    assert asking.data(20, CALENDAR, 9) == DAYS.write((DAY1,))
    weeks = tuple(WeekProfile(bytes((65 + k,)), (1,) * 7) for k in range(5))
    seasons = tuple(Season(week.name, DatePattern(month=1, day=1), week.name) for week in weeks)
    assert (
        asking.set(20, CALENDAR, WEEKS.write(weeks), 8) == asking.set(20, CALENDAR, SEASONS.write(seasons), 7) == RANGE
    )
    assert asking.set(20, CALENDAR, octet_string(bytes(30)), 6) == RANGE
    assert asking.set(20, CALENDAR, DAYS.write(()), 5) == DENIED
    assert asking.act(11, SPECIAL, structure(long_unsigned(51), octets("ffff0101ff"), unsigned(1))) == RANGE
    assert asking.act(11, SPECIAL, structure(long_unsigned(1), octets("ffff0d01ff"), unsigned(1))) == RANGE


@pytest.mark.proves("A-156")
def test_alarms_are_set_seen_and_shown_by_their_monitors() -> None:
    bench = Bench()
    asking = bench.client()
    assert asking.set(1, "0-1:96.3.130", enum(2)) == 0
    high = ALARM.write(Setting(96, 150_000, 140_000, 10, 5, True, 1))
    assert asking.set(1, "0-0:128.1.3", high) == 0 and asking.data(1, "0-0:128.1.3") == high
    assert asking.get(21, "0-0:16.1.3") == [150_000, 140_000]
    assert asking.get(21, "0-0:16.1.3", 3) == [3, bytes.fromhex("0100100700ff"), 2]
    table = bytes.fromhex("00000a0064ff")
    assert asking.get(21, "0-0:16.1.3", 4) == [[[table, 5], [table, 0]], [[table, 0], [table, 6]]]
    low = ALARM.write(Setting(69, 2000, 2100))
    assert asking.set(1, "0-0:128.1.25", low) == 0
    assert asking.get(21, "0-0:16.1.25", 4) == [[[table, 0]] * 2] * 2
    assert asking.get(1, "0-0:128.1.1") == [b"", 0, 0, 0, 0, False, 0] and asking.get(21, "0-0:16.1.1") == []
    bench.control("load", "constant:2000")
    bench.step(9)
    assert (asking.get(1, "0-0:97.98.0"), asking.get(1, "0-0:96.3.2")) == (0, 0)
    bench.step(1)
    assert (asking.get(1, "0-0:97.98.0"), asking.get(1, "0-0:96.3.2")) == (0b100, 0b1)
    assert asking.get(1, "0-0:97.97.0") == 1 << 15
    bench.control("load", "none")
    bench.step(5)
    assert asking.get(1, "0-0:97.98.0") == 0
    log = asking.get(7, "0-0:99.98.1")
    assert [entry[1:] for entry in log] == [[8, 2015, 5]]
    assert asking.set(1, "0-0:128.1.1", ALARM.write(Setting(1, 1, 1))) == RANGE
    assert asking.set(1, "0-0:128.1.1", structure(octets("0100630700ff"), *high.value[1:])) == RANGE  # type: ignore[index]
    assert asking.set(1, "0-0:128.1.1", structure(octet_string(b""))) == TYPE
    single = Bench("A41").client()
    assert single.set(1, "0-0:128.1.1", ALARM.write(Setting(72, 1, 1))) == RANGE


@pytest.mark.proves("A-160")
def test_an_image_is_transferred_verified_and_activated() -> None:
    bench = Bench()
    asking = bench.client()
    content = b"A2.00.0".ljust(16, b"\0") + bytes(900)
    image = content + zlib.crc32(content).to_bytes(4, "little")
    size = asking.get(18, "0-0:44.0.0")
    blocks = [image[at : at + size] for at in range(0, len(image), size)]

    def send(*numbers: int, spoil: bool = False) -> None:
        for number in numbers:
            block = blocks[number][:-1] + b"?" if spoil else blocks[number]
            parameter = structure(double_long_unsigned(number), octet_string(block))
            assert asking.act(18, "0-0:44.0.0", parameter, 2) == 0

    assert (size, asking.get(18, "0-0:44.0.0", 5)) == (448, True)
    assert asking.act(18, "0-0:44.0.0", ZERO, 3) == DENIED
    begin = structure(octet_string(b"A2"), double_long_unsigned(len(image)))
    assert asking.act(18, "0-0:44.0.0", begin, 1) == 0
    send(0, 2)
    assert [asking.get(18, "0-0:44.0.0", attribute) for attribute in (3, 4, 6, 7)] == ["101", 1, 1, []]
    send(1, spoil=True)
    assert asking.act(18, "0-0:44.0.0", ZERO, 3) == BUSY and asking.get(18, "0-0:44.0.0", 6) == 2
    bench.step(2)
    assert asking.get(18, "0-0:44.0.0", 6) == 4
    send(1)
    assert asking.act(18, "0-0:44.0.0", ZERO, 3) == asking.act(18, "0-0:44.0.0", ZERO, 4) == BUSY
    bench.step(2)
    assert asking.get(18, "0-0:44.0.0", 6) == 3
    assert asking.get(18, "0-0:44.0.0", 7) == [[len(image), b"A2", image[-4:]]]
    assert asking.act(18, "0-0:44.0.0", ZERO, 4) == BUSY
    bench.step(5)
    assert (asking.get(18, "0-0:44.0.0", 6), asking.get(1, "1-0:0.2.0")) == (6, "A2.00.0")


@pytest.mark.proves("A-161")
def test_the_write_access_level_and_refused_writes() -> None:
    bench = Bench()
    asking = bench.client()

    def tried() -> list[int]:
        return [
            asking.set(1, TARIFF, unsigned(2)),
            asking.set(8, CLOCK, FALSE, 8),
            asking.set(15, "0-0:40.0.0", octet_string(b"00000000"), 7),
            asking.act(3, "1-0:1.8.128", ZERO),
            asking.act(7, "1-0:99.1.1", ZERO),
            asking.act(20, CALENDAR, ZERO),
            asking.act(9, SCRIPT, long_unsigned(1)),
            asking.act(3, "1-3:82.8.0", ZERO),
        ]

    assert tried() == [0] * 8
    bench.control("front-key", "closed")
    assert asking.get(1, "0-0:128.5.0") == 1
    assert tried() == [DENIED] * 6 + [0, 0]
    bench.control("front-key", "password")
    assert tried() == [0] * 8
    bench.fault("refuse-writes")
    assert tried() == [DENIED] * 8 and asking.get(1, "0-0:128.5.0") == 2


def test_the_password_can_be_changed_by_the_management_client_alone() -> None:
    bench = Bench()
    asking = bench.client()
    assert asking.set(15, "0-0:40.0.0", octet_string(b"short"), 7) == RANGE
    assert asking.set(15, "0-0:40.0.2", octet_string(b"12345678"), 7) == 0
    assert bench.body.password == b"12345678"
    assert asking.get(15, "0-0:40.0.2", 7) == DENIED
    public = bench.client(16, "udp")
    assert public.set(15, "0-0:40.0.0", octet_string(b"87654321"), 7) == DENIED
