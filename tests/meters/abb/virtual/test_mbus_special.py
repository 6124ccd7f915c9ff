"""Special readouts on M-Bus: load profile, previous values, demand, logs, harmonics (abb-meters.md 1.14)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest

from tests.meters.abb.virtual.mbusmaster import DAY, HOUR, Master, made
from wattproof.metering.alarms import Setting
from wattproof.metering.demand import Entry
from wattproof.metering.intervals import Period
from wattproof.meters.abb.virtual.mbus.special import PROFILES
from wattproof.wire.mbus.abb import LOAD_PROFILES
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.records import Record
from wattproof.wire.mbus.requests import Request
from wattproof.wire.mbus.telegrams import Telegram

MIDNIGHT = Moment(2026, 1, 2, 0, 0, 0)


def texts(records: Iterable[Record]) -> list[str]:
    """Values, or why there is none."""
    return [str(record.value) if record.value is not None else record.problem for record in records]


def flat(telegrams: Iterable[Telegram]) -> list[Record]:
    return [record for telegram in telegrams for record in telegram]


def profile(telegrams: Sequence[Telegram]) -> list[tuple[str, str]]:
    """Time stamps and values, behind the interval."""
    _, *records = flat(telegrams)
    shown = texts(records)
    return list(zip(shown[::2], shown[1::2], strict=True))


@pytest.fixture(scope="module")
def recorded() -> Master:
    """Two days of an A44: import at 15 minutes, voltage and an input, demand and harmonics."""
    master = Master(made("A44", load="curve:day"))
    body = master.meter.body
    body.set_channel(2, 69, 3600, 100)
    body.set_channel(3, 53, 21600, 100)
    body.set_channel(4, 186, 43200, 100)
    entries = [
        Entry(1, 5),
        Entry(1, 6),
        Entry(1, 7),
        Entry(96, 1),
        Entry(97, 13),
        Entry(53, 5),
        Entry(2, 9),
        Entry(10, 5),
    ]
    body.set_demand(entries, 900, 300, Period())
    master.patch({"harmonics": "u1:3=50,i2:5=120,i2:3=50"})
    master.run(1.5 * DAY)
    for _ in range(3):
        master.patch({"input-3": True})
        master.patch({"input-3": False})
    master.run(DAY / 2)
    return master


@pytest.mark.proves("A-076")
def test_a_load_profile_goes_back_from_the_newest_row(recorded: Master) -> None:
    telegrams = recorded.special(Request("load_profile", subject="active_energy_import"))
    first = telegrams[0].records[:3]
    assert [record.header.encoded.hex(" ") for record in first] == ["01 fd a5 00", "4e ed eb 00", "4e 84 00"]
    rows = profile(telegrams)
    assert len(rows) == 192 and rows[0] == ("2026-01-03 00:00:00", "31680")
    assert rows[-1] == ("2026-01-01 00:15:00", "70") and rows == sorted(rows, reverse=True)
    assert all(telegram.more_follow for telegram in telegrams[:-1]) and not telegrams[-1].more_follow
    assert max(len(telegram.encode()) for telegram in telegrams) <= 252
    kept = recorded.meter.body.recorder.channels[0]
    assert kept is not None and [value for _, value in rows] == [
        str(row.value * 10) for row in kept.rows(newest_first=True)
    ]  # type: ignore[operator]


@pytest.mark.proves("A-076", "A-077")
@pytest.mark.parametrize(
    ("when", "newest", "count"),
    [
        (Moment(2026, 1, 1), "2026-01-02 00:00:00", 96),
        (Moment(2026, 1, 1, 12, 0, 0), "2026-01-01 12:00:00", 48),
        (Moment(2026, 1, 1, 12, 14, 59), "2026-01-01 12:00:00", 48),
        (Moment(2030, 1, 1), "2026-01-03 00:00:00", 192),
        (Moment(2025, 12, 31), "", 0),
        (Moment(2026, 1, 1, 0, 14, 59), "", 0),
    ],
)
def test_a_load_profile_begins_at_the_nearest_time(recorded: Master, when: Moment, newest: str, count: int) -> None:
    telegrams = recorded.special(Request("load_profile", when, "active_energy_import"))
    rows = profile(telegrams)
    assert len(rows) == count and (rows[0][0] if rows else "") == newest
    if not count:
        assert [record.raw.hex(" ") for record in flat(telegrams)] == ["01 fd a5 00 0f"]


@pytest.mark.proves("A-076")
@pytest.mark.parametrize(
    ("request_", "interval", "last"),
    [
        (Request("load_profile_channel", subject=2), "60 min", "voltage L1 storage 1 = 230.0 V"),
        (Request("load_profile", subject="voltage"), "60 min", "voltage L1 storage 1 = 230.0 V"),
        (Request("load_profile", subject="input_3"), "6 h", "cumulation_counter storage 1 subunit 3 = 3"),
        (Request("load_profile_channel", Moment(2026, 1, 1), 3), "6 h", "cumulation_counter storage 1 subunit 3 = 0"),
    ],
)
def test_profiles_of_channels_and_of_averages(recorded: Master, request_: Request, interval: str, last: str) -> None:
    first, _, value, *_ = flat(recorded.special(request_))
    assert f"{first.value} {first.unit}" == interval and str(value) == last


def test_harmonics_are_recorded_order_by_order(recorded: Master) -> None:
    _, stamp, *values = flat(recorded.special(Request("load_profile_channel", subject=4)))[:17]
    assert str(stamp.value) == "2026-01-03 00:00:00"
    assert texts(values) == ["0.0", "5.0", "0.0", "12.0", *["0.0"] * 11]
    assert values[1].header.encoded.hex(" ") == "42 ff ed ff 82 ff f8 83 00"


def test_what_no_channel_records_has_no_interval(recorded: Master) -> None:
    assert set(PROFILES) == set(LOAD_PROFILES.values())
    for request in (Request("load_profile", subject="power_factor"), Request("load_profile_channel", subject=8)):
        (record,) = flat(recorded.special(request))
        assert record.raw.hex(" ") == "01 fd a5 15 00"


@pytest.mark.proves("A-078")
def test_abnormal_intervals_say_what_happened() -> None:
    master = Master(made("A44", load="constant:1000"))
    master.run(2100)
    for faults in ({"clock-back": 3600}, {"clock-forward": 3600}):
        master.patch(None, None, **faults)
        master.run(1800)
    master.patch({"power": False})
    master.run(60)
    master.patch({"power": True})
    master.run(1800)
    records = flat(master.special(Request("load_profile", subject="active_energy_import")))
    marks = [record.header.encoded.hex(" ") for record in records if b"\xff\xfe" in record.header.encoded]
    assert sorted(set(marks)) == ["4e 84 ff fe 84 00", "4e 84 ff fe 91 00", "4e 84 ff fe 92 00"]
    assert all(record.value is not None for record in records)


@pytest.mark.proves("A-076")
def test_previous_values_are_numbered_from_the_newest(recorded: Master) -> None:
    telegrams = recorded.special(Request("previous_values", Moment(2030, 1, 1)))
    assert [record.storage for telegram in telegrams for record in telegram] == [1] * 5 + [2] * 5
    assert [texts(telegram)[:2] for telegram in telegrams] == [
        ["2026-01-03 00:00:00", "31680"],
        ["2026-01-02 00:00:00", "15840"],
    ]
    (older,) = recorded.special(Request("previous_values", Moment(2026, 1, 1)))
    assert older.records == telegrams[1].records
    (nothing,) = recorded.special(Request("previous_values", Moment(2025, 12, 30)))
    assert not nothing.records


@pytest.mark.proves("A-076")
def test_demand_goes_back_period_by_period(recorded: Master) -> None:
    telegrams = recorded.special(Request("demand", Moment(2026, 1, 2)))
    assert all(texts(telegram)[:2] == ["15", "5"] for telegram in telegrams)
    shown = [
        f"{record.header.encoded.hex(' ')} {text}"
        for record, text in zip(flat(telegrams), texts(flat(telegrams)), strict=True)
    ]
    assert shown[2:8] == [
        "54 a9 ff f9 d1 00 1800.00", "4e ed eb 00 2026-01-02 18:15:00",
        "54 a9 ff f9 d2 00 1800.00", "4e ed eb 00 2026-01-02 18:30:00",
        "54 a9 ff f9 d3 00 1800.00", "4e ed eb 00 2026-01-02 18:45:00",
    ]  # fmt: skip
    assert "64 a9 ff f9 d1 00 250.00" in shown
    assert "d4 80 40 a9 ff 81 ff f9 d9 00 194.95" in shown
    assert "de c0 40 fd e1 a2 ff f9 d1 00 12" in shown
    assert "e4 40 a9 ff f9 d9 00 0.00" in shown
    assert "d4 20 a9 ff f9 d1 15 no data available" not in shown and "d4 20 a9 ff f9 d1 00 0.00" in shown
    ends = [
        record
        for record in flat(telegrams)
        if record.qualifiers and str(record.qualifiers[-1]) == "end of demand period"
    ]
    assert [(str(end.value), end.storage) for end in ends] == [("2026-01-03 00:00:00", 1), ("2026-01-02 00:00:00", 2)]
    (running, *_) = recorded.special(Request("demand", Moment(2026, 1, 3)))
    assert {record.storage for record in running} == {0} and running.records[2].status == 0x15
    assert texts(running)[3] == "2000-01-01 00:00:00"
    (nothing,) = recorded.special(Request("demand", Moment(2025, 12, 31)))
    assert texts(nothing) == ["15", "5"]


@pytest.fixture(scope="module")
def logged() -> Master:
    """An event every hour for twelve hours: an alarm that comes and goes."""
    master = Master(made("A44", load="constant:100"))
    master.meter.body.set_alarm(1, Setting(96, 50_000, 40_000, log=True))
    for hour in range(12):
        master.run(HOUR - 60)
        master.patch({"load": f"constant:{1000 + hour}"})
        master.run(60)
        master.patch({"load": "constant:100"})
    return master


def entries(master: Master, moment: Moment, offset: int) -> list[str]:
    """Times of the begin of the entries, as they come."""
    records = flat(master.special(Request("log", moment, "event", offset)))
    assert all(record.value is not None for record in records)
    return [str(record.value)[11:16] for record in records[1::3]]


@pytest.mark.proves("A-076")
def test_a_log_goes_back_five_entries_a_telegram(logged: Master) -> None:
    telegrams = logged.special(Request("log", Moment(2026, 1, 2, 0, 0, 0), "event"))
    assert [len(telegram.records) for telegram in telegrams] == [15, 15, 6]
    assert [record.header.encoded.hex(" ") for record in telegrams[0].records[:3]] == [
        "02 ff f9 b7 00",
        "0e ed b9 00",
        "04 a0 00",
    ]
    assert texts(telegrams[0].records[:3]) == ["2013", "2026-01-01 11:59:00", "60"]
    times = entries(logged, Moment(2026, 1, 1, 12, 0, 0), 0)
    assert times == [f"{hour:02d}:59" for hour in range(11, -1, -1)]
    for offset, begin in ((0, 7), (-1, 8), (-3, 10), (1, 6), (3, 4), (20, 0)):
        assert entries(logged, Moment(2026, 1, 1, 5, 0, 0), offset) == times[begin:]
    assert entries(logged, Moment(2026, 1, 1, 12, 0, 0), -12) == []
    assert entries(logged, Moment(2025, 1, 1, 0, 0, 0), 0) == []
    assert entries(logged, Moment(2025, 1, 1, 0, 0, 0), 1) == times[-1:]


@pytest.mark.proves("A-079")
@pytest.mark.parametrize(
    ("request_", "label", "phases"),
    [
        (Request("current_harmonics"), "A44", [1, 2, 3, 4]),
        (Request("voltage_harmonics"), "A44", [1, 2, 3, 5, 6, 7]),
        (Request("current_harmonics", 2), "A44", [2]),
        (Request("voltage_harmonics", 7), "A44", [7]),
        (Request("current_harmonics"), "A42", [1]),
        (Request("voltage_harmonics"), "A42", [1]),
    ],
)
def test_harmonics_come_phase_by_phase(request_: Request, label: str, phases: list[int]) -> None:
    master = Master(made(label, load="constant:3000"))
    master.patch({"harmonics": "u1:3=50,i1:3=50,i2:3=50"})
    early = master.special(request_)
    assert all(record.status == 0x15 for record in flat(early))
    master.run(16.5)
    some = master.special(request_)
    assert [record.status for record in some[0]] == [0x15, 0, 0, *[0x15] * 13]
    master.run(30)
    telegrams = master.special(request_)
    assert [3 + len(telegram.encode()) for telegram in telegrams] == [0xC0] * len(phases)
    kind = 0xED if request_.name == "current_harmonics" else 0xEE
    for telegram, phase in zip(telegrams, phases, strict=True):
        codes = [record.header.encoded for record in telegram]
        head = bytes((0x02, 0xFF, kind, 0xFF, 0x80 | phase, 0xFF, 0xF8))
        assert codes == [head + bytes((0x80 | order, 0)) for order in (0, *range(2, 17))]
    if phases[0] < 3:
        assert texts(telegrams[0].records[:3]) == ["5.0", "0.0", "5.0"]


@pytest.mark.proves("A-076")
def test_snd_nke_ends_a_special_readout(recorded: Master) -> None:
    recorded.nke()
    recorded.tell(Request("load_profile", subject="active_energy_import"))
    assert isinstance(recorded.next(), Telegram)
    recorded.nke()
    first = recorded.next()
    assert isinstance(first, Telegram) and first.records[0].quantity == "active_energy_import"


def test_a_repetition_gives_the_same_rows_and_new_rows_do_not_move_them(recorded: Master) -> None:
    master = Master(made("A44", load="constant:1000"))
    master.meter.body.set_channel(1, 1, 60, 100)
    master.run(DAY)
    master.nke()
    master.tell(Request("load_profile", subject="active_energy_import"))
    first = master.next()
    master.run(3600)
    master.fcb = not master.fcb
    assert isinstance(first, Telegram) and master.next().body == first.body  # type: ignore[union-attr]
    rest = master.readout()
    assert len(profile([first, *rest])) == 100 and profile([first, *rest])[-1][0] == "2026-01-01 22:21:00"


@pytest.mark.parametrize("label", ["A44-412-100", "A43-312-100", "B23"])
def test_what_a_variant_cannot_read_out_is_not_read_out(label: str) -> None:
    master = Master(made(label))
    level = master.meter.body.variant.level
    wanted = [Request("load_profile", subject="active_energy_import"), Request("current_harmonics")]
    wanted += [Request("demand", Moment(2026, 1, 1)), Request("log", MIDNIGHT, "event", -1)] if level < 4 else []
    for request in wanted:
        first = master.special(request)[0].records[0]
        assert first.quantity == "active_energy_import" and master.events[-1][0] == "command-refused"
