"""What ABB meters have recorded, over M-Bus (abb-meters.md 1.14)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from tests.mbusline import BusLink, PlayedMeter, abb_frames
from tests.meters.abb.mbus.bench import CLOCK, AbbMeter, demand, record
from wattproof.drivers.mbus.address import Address
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import InvalidValue, UnknownName
from wattproof.meters.abb.mbus.driver import AbbMbusDriver
from wattproof.meters.abb.mbus.recorded import demand_rows, profile_rows
from wattproof.meters.abb.records import Category, Log, PeriodStatus, ProfileStatus
from wattproof.wire.mbus.frames import Long, decode
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.telegrams import Telegram, decode_answer

QUARTER = timedelta(minutes=15)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.fixture(scope="module")
def frames(vectors: Path) -> dict[str, bytes]:
    return abb_frames(vectors)


def request_of(frames: dict[str, bytes], name: str) -> bytes:
    frame = decode(frames[name])
    assert isinstance(frame, Long)
    return frame.data


def records_of(frame: bytes) -> tuple[Record, ...]:
    long = decode(frame)
    assert isinstance(long, Long)
    answer = decode_answer(long)
    assert isinstance(answer, Telegram)
    return answer.records


def played(frames: dict[str, bytes], request: str, *telegrams: str, standard: str = "a41-readout-1") -> AbbMbusDriver:
    """A meter that answers a printed request with printed telegrams."""
    meter = PlayedMeter(
        [frames[standard]], 1, lists={request_of(frames, request): [frames[name] for name in telegrams]}
    )
    return AbbMbusDriver(BusLink([meter]).bus(), Address.parse("1"))


@pytest.mark.proves("A-063", "A-064")
def test_the_printed_demand(frames: dict[str, bytes]) -> None:
    driver = played(frames, "a43-demand-req", "a43-demand-1", "a43-demand-6")
    found = run_blocking(driver.demand(end=at("2014-08-17T23:00:00")))
    assert (found.interval, found.sub_interval) == (900, 60)
    ended, running = found.rows
    assert (running.running, running.end) == (True, at("2014-08-16T00:42:04"))
    active = [(value.code, value.value, value.time) for value in running.values[:4]]
    assert active == [
        (5, Decimal("131.58"), at("2014-08-16T00:15:00")),
        (6, Decimal("6.18"), at("2014-08-16T00:30:00")),
        (7, None, at("2000-01-01T00:00:00")),
        (9, Decimal("3.96"), at("2014-08-16T00:28:00")),
    ]
    assert [value.status for value in running.values[1:3]] == [PeriodStatus.EXISTS, PeriodStatus(0)]
    reactive = [(value.code, value.value) for value in running.values[4:7]]
    assert reactive == [(13, Decimal("21.60")), (14, Decimal("19.20")), (15, Decimal("16.56"))]
    assert {(value.column.name, value.column.unit.symbol) for value in running.values} == {
        ("active_energy_import_total", "W"),
        ("reactive_energy_import_total", "var"),
    }
    assert (ended.running, ended.end) == (False, at("2014-08-16T00:00:00"))
    power, pulses = ended.values
    assert (power.column.name, power.value, power.time) == (
        *("active_energy_import_tar2", Decimal("90.18"), at("2014-08-15T14:00:00")),
    )
    assert (pulses.column.name, pulses.value, pulses.time, pulses.code) == (
        *("io_input_cumulation_1", Decimal(244), at("2014-08-15T13:46:00"), 13),
    )


@pytest.mark.proves("A-065")
def test_the_printed_previous_values(frames: dict[str, bytes]) -> None:
    """Asked for by a date as in 1.14; the printed telegram has padding behind it and no status of records."""
    request = bytes.fromhex("02 EC FF F9 19 C1 16")
    meter = PlayedMeter([frames["a41-readout-1"]], 1, lists={request: [frames["a43-previous-last-padded"]]})
    driver = AbbMbusDriver(BusLink([meter]).bus(), Address.parse("1"))
    (row,) = run_blocking(driver.previous_values(end=at("2014-06-01T00:00:00"))).rows
    assert row.time == at("2006-06-01T00:00:00")
    assert [(value.column.name, value.value) for value in row.values[:5]] == [
        ("active_energy_import_total", Decimal(5170)),
        ("active_energy_import_tar1", Decimal(1550)),
        ("active_energy_import_tar2", Decimal(2270)),
        ("active_energy_import_tar3", Decimal(310)),
        ("active_energy_import_tar4", Decimal(1040)),
    ]


@pytest.mark.proves("A-066")
def test_the_printed_net_quality_log(frames: dict[str, bytes]) -> None:
    request = bytes.fromhex("0E ED FF F9 30 00 00 00 07 01 10")
    meter = PlayedMeter([frames["a41-readout-1"]], 1, lists={request: [frames["a43-netquality-1"]]})
    driver = AbbMbusDriver(BusLink([meter]).bus(), Address.parse("1"))
    entries = run_blocking(driver.log(Log.QUALITY, until=at("2010-01-07T00:00:00"), count=5))
    assert [entry.code for entry in entries] == [2017, 2014, 1008, 1000, 2018]
    assert [entry.duration for entry in entries] == [989, 989, 999, 999, 999]
    assert [entry.category for entry in entries][1:4] == [Category.INFORMATION, Category.WARNING, Category.WARNING]
    assert entries[0].time == at("2010-01-06T23:47:21")


@pytest.mark.proves("A-067")
@pytest.mark.parametrize(
    ("vector", "log", "until"),
    [
        ("a43-eventlog-req", Log.EVENT, "2014-12-11T02:03:04"),
        ("a43-netquality-req", Log.QUALITY, "2011-12-22T03:02:01"),
    ],
)
def test_the_printed_log_requests_come_from_the_driver(
    frames: dict[str, bytes], vector: str, log: Log, until: str
) -> None:
    """Entries behind an offset: the driver asks with the same record; the print has superfluous DIFE once."""
    link = BusLink([meter := PlayedMeter([frames["a41-readout-1"]], 1)])
    driver = AbbMbusDriver(link.bus(), Address.parse("1"))
    run_blocking(driver.log(log, until=at(until), offset=-1))
    (printed,), (asked,) = (_decoded(data) for data in (request_of(frames, vector), meter.data[0]))
    assert asked.key == printed.key and asked.data == printed.data
    assert (asked.storage, asked.subunit) == (1, 1)
    if log is Log.EVENT:
        assert meter.data[0] == request_of(frames, vector)


def _decoded(data: bytes) -> tuple[Record, ...]:
    from wattproof.wire.mbus.abb import MAKER
    from wattproof.wire.mbus.records import decode_records

    return decode_records(data, MAKER).records


def profile(count: int, *, first: datetime = CLOCK, per_telegram_interval: bool = False) -> list[Record]:
    """Rows of active import, newest first; the second row is of a long interval, the third missing, the fourth bad."""
    found = [record("01 / FD A5", 15)]
    for number in range(count):
        status = {2: 0x15, 3: 0x18}.get(number, 0)
        vib = "84 FF FE 81" if number == 1 else "84"
        found += [
            record("4E / ED EB", Moment.of(first - number * QUARTER)),
            record(f"4E / {vib}", 10000 - number, status),
        ]
    return found


def test_a_load_profile_comes_oldest_first_with_its_status() -> None:
    meter = AbbMeter()
    meter.lists["load_profile_channel", 1] = profile(6)
    found = run_blocking(meter.driver().load_profile(1))
    assert (found.interval, found.channel, found.column.name) == (900, 1, "active_energy_import_total")
    assert found.column.as_list() == ["active_energy_import_total", "Wh"]
    assert [(CLOCK - row.time) / QUARTER for row in found.rows] == [5, 4, 3, 2, 1, 0]
    assert [row.value for row in found.rows] == [99950, 99960, None, None, 99990, 100000]
    assert [row.status for row in found.rows[2:]] == [
        ProfileStatus.EXISTS | ProfileStatus.BAD_VALUE,
        ProfileStatus(0),
        ProfileStatus.EXISTS | ProfileStatus.LONG,
        ProfileStatus.EXISTS,
    ]


@pytest.mark.parametrize(
    ("bit", "meaning"), [(0x10, 0x11), (0x08, 0x21), (0x04, 0x03), (0x02, 0x09), (0x01, 0x05), (0x03, 0x0D)]
)
def test_bits_of_an_abnormal_interval(bit: int, meaning: int) -> None:
    rows = [record("4E / ED EB", Moment.of(CLOCK)), record(f"4E / 84 FF FE {0x80 | bit:02X}", 1)]
    ((_, row),) = profile_rows(rows)
    assert int(row.status) == meaning


def test_no_more_telegrams_are_read_than_the_range_needs() -> None:
    meter = AbbMeter()
    meter.lists["load_profile_channel", 2] = profile(600)
    driver = meter.driver()

    def telegrams() -> int:
        requests = driver.bus.line.statistics.requests
        return requests - 2  # SND_NKE and SND_UD

    start, end = CLOCK - 20 * QUARTER, CLOCK - 10 * QUARTER
    found = run_blocking(driver.load_profile(2, start=start, end=end))
    assert [row.time for row in (found.rows[0], found.rows[-1])] == [start, end]
    assert len(found.rows) == 11 and telegrams() == 4
    assert [row.time for row in run_blocking(driver.load_profile(2, start=start, count=3)).rows] == [
        start + n * QUARTER for n in range(3)
    ]
    newest = run_blocking(driver.load_profile(2, count=3)).rows
    assert [row.time for row in newest] == [CLOCK - n * QUARTER for n in (2, 1, 0)]
    whole = run_blocking(driver.load_profile(2))
    assert len(whole.rows) == 600  # far more telegrams than a standard readout may have
    assert meter.asked[0].value == Moment.of((end + timedelta(days=1)).date())


def test_a_load_profile_of_a_quantity() -> None:
    meter = AbbMeter()
    meter.lists["load_profile", "current"] = [
        record("01 / FD A6", 1),
        *(
            item
            for hours in range(2)
            for phase in ("81", "82")
            for item in (
                record("4E / ED EB", Moment.of(CLOCK - timedelta(hours=hours))),
                record(f"44 / FD DA FF {phase}", 100 * hours + int(phase)),
            )
        ),
    ]
    driver = meter.driver()
    found = run_blocking(driver.load_profile("CURRENT_L2", end=CLOCK))
    assert (found.interval, found.channel, found.column.name) == (3600, None, "current_l2")
    assert [row.value for row in found.rows] == [Decimal("1.82"), Decimal("0.82")]
    assert meter.asked[-1].value == Moment.of(CLOCK)
    assert run_blocking(driver.load_profile("70")).column.name == "current_l1"
    for name in ("FREQUENCY", "CURRENT_QUADRANT_L1", "nothing"):
        with pytest.raises(UnknownName):
            run_blocking(driver.load_profile(name))
    for channel in (0, 9):
        with pytest.raises(InvalidValue, match="not 1 to 8"):
            run_blocking(driver.load_profile(channel))


def test_a_meter_that_records_nothing_sends_its_standard_readout_which_is_no_row() -> None:
    driver = AbbMeter().driver()
    assert run_blocking(driver.load_profile(1)).rows == ()
    assert run_blocking(driver.demand(end=CLOCK)).rows == ()
    assert run_blocking(driver.previous_values(end=CLOCK)).rows == ()
    assert run_blocking(driver.log(Log.SYSTEM, until=CLOCK)) == []
    assert driver.bus.line.statistics.requests == 4 * 3


def test_a_profile_without_rows_has_its_interval_only() -> None:
    meter = AbbMeter()
    meter.lists["load_profile_channel", 1] = [record("01 / FD A5", 15)]
    found = run_blocking(meter.driver().load_profile(1))
    assert (found.interval, found.rows, found.as_dict()["items"]) == (900, (), [])


def test_the_present_of_the_meter_is_where_readouts_begin() -> None:
    meter = AbbMeter()
    meter.lists["demand", None] = demand(3)
    driver = meter.driver()
    rows = run_blocking(driver.demand(count=2)).rows
    assert [(row.running, row.end) for row in rows] == [(False, CLOCK.replace(hour=0)), (True, CLOCK)]
    assert meter.asked[0].value == Moment.of(CLOCK.date())
    meter.status["CLOCK"] = 0x18
    run_blocking(driver.demand())
    assert meter.asked[-1].value == Moment.of(at("2024-01-01T00:00:00").date())  # the system's: the meter has none


def test_windows_that_are_none() -> None:
    driver = AbbMeter().driver()
    with pytest.raises(InvalidValue, match="lies before the start"):
        run_blocking(driver.demand(start=CLOCK, end=CLOCK - QUARTER))
    with pytest.raises(InvalidValue, match="ask for 1 or more"):
        run_blocking(driver.previous_values(count=0))
    with pytest.raises(InvalidValue, match="ask for 1 or more"):
        run_blocking(driver.log(Log.EVENT, count=0))


def test_demand_without_levels_has_no_rows() -> None:
    assert [*demand_rows([record("0E / ED", Moment.of(CLOCK)), record("04 / A9", 5)])] == []
