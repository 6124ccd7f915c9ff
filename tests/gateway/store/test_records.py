"""What is written is read back: users, settings, meters, readings, events, sessions."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from wattproof.errors import InvalidValue, StorageError
from wattproof.gateway import records
from wattproof.gateway.records import (
    Access,
    Audit,
    Binding,
    ClearEvents,
    Correction,
    DropFailures,
    DropToken,
    DropUser,
    EngineState,
    Event,
    Failures,
    Group,
    Kind,
    Layout,
    Meter,
    MeterEvent,
    PublicKey,
    Readings,
    RegisteredKey,
    Series,
    Session,
    Setting,
    SignedRecord,
    Token,
    User,
    Value,
)
from wattproof.gateway.store import chain
from wattproof.gateway.store.base import Store
from wattproof.gateway.store.opening import open_reader, open_store
from wattproof.gateway.store.tables import TABLES
from wattproof.model.values import Quality

USER = User("anna", "$argon2id$...", 3, admin=True, due=True)
METER = Meter(
    "00123",
    "map",
    6,
    "10.0.0.7",
    "hall",
    {"unit": 3, "options": {"parity": "E"}},
    alias="Kühlung",
    location="Halle 1",
    origin="file",
    provides=(1, 2, 33),
    status=1,
    registered=1_700_000_000_123,
)
COUNTERS = ("user:anna", "pair:anna@::1", "known:anna@::1", "pair:annabel@::1")
TRUSTED = [("2026-01-01T00:00:00Z", "seen", "a\tfile"), ("2026-01-02T00:00:00Z", "trusted", "Säule")]
RECORD = SignedRecord("s1", "00123", "end", 20, "OCMF", b"OCMF|{}|\x00\xff", "valid", "green")


@pytest.mark.parametrize(
    ("writes", "read", "expected"),
    [
        ([Setting("ip", {"ip": "1.2.3.4", "dhcp": False})], ("setting", "ip"), {"ip": "1.2.3.4", "dhcp": False}),
        ([Setting("a", 1), Setting("a", [2, None]), Setting("b", "x")], ("settings",), {"a": [2, None], "b": "x"}),
        ([Setting("a", 1), Setting("a")], ("setting", "a", "none"), "none"),
        ([USER, User("bob", "h")], ("users",), [USER, User("bob", "h")]),
        (
            [USER, msgspec.structs.replace(USER, hash="new", generation=4)],
            ("user", "anna"),
            User("anna", "new", 4, True, True),
        ),
        ([METER], ("meter", "00123"), METER),
        ([METER], ("meter", "123"), None),
        (
            [EngineState("1", "demand", {"a": [1]}), EngineState("1", "x", 1)],
            ("engine_states", "1"),
            {"demand": {"a": [1]}, "x": 1},
        ),
        ([EngineState("1", "x", 1), EngineState("1", "x")], ("engine_states", "1"), {}),
        (
            [PublicKey("1", b"\x00B", 5), PublicKey("1", b"A", 4), PublicKey("1", b"A", 9)],
            ("keys", "1"),
            [PublicKey("1", b"A", 4), PublicKey("1", b"\x00B", 5)],
        ),
        (
            [
                RegisteredKey("1", b"\x00B", [("2026-01-01T00:00:00Z", "seen", "a\tfile")]),
                RegisteredKey("", b"A", [("2026-01-01T00:00:00Z", "revoked", "")]),
                RegisteredKey("1", b"\x00B", TRUSTED),
            ],
            ("registered_keys",),
            [RegisteredKey("", b"A", [("2026-01-01T00:00:00Z", "revoked", "")]), RegisteredKey("1", b"\x00B", TRUSTED)],
        ),
        (
            [RECORD, msgspec.structs.replace(RECORD, role="begin", time=10), RECORD],
            ("signed_records", "s1"),
            [RECORD, msgspec.structs.replace(RECORD, role="begin", time=10)],
        ),
        (
            [Correction("1", 1, 7, "reset", 2**40, 0), Correction("1", 1, 3, "glitch", None, 5)],
            ("corrections", "1"),
            [Correction("1", 1, 3, "glitch", None, 5), Correction("1", 1, 7, "reset", 2**40, 0)],
        ),
    ],
)
async def test_a_record_is_read_as_it_was_written(
    store: Store, writes: list[records.Write], read: tuple[Any, ...], expected: Any
) -> None:
    await store.commit(*writes)
    method, *arguments = read
    assert await getattr(store, method)(*arguments) == expected


async def test_meters_come_by_location_and_serial(store: Store) -> None:
    meters = [Meter(serial, "bsm", 5, 1, "b", location=location) for serial, location in ("2B", "1B", "3A")]
    gone = Meter("0", "bsm", 5, 1, "b", location="C", active=False)
    await store.commit(*meters, gone)
    assert [meter.serial for meter in await store.meters()] == ["3", "1", "2"]
    assert [meter.serial for meter in await store.meters(active=False)] == ["3", "1", "2", "0"]


async def test_a_dropped_user_leaves_nothing_behind(store: Store) -> None:
    counters = [
        Failures(key, (1, 2), 1, 9) for key in ("user:anna", "pair:anna@::1", "known:anna@::1", "pair:annabel@::1")
    ]
    token = Token("t1", "anna", "ab", "grafana", ("read", "metrics"), 5, None)
    await store.commit(USER, Binding("anna", "1", Access.NONE), token, Token("t2", "bob", "cd", "x"), *counters)
    assert await store.bindings("anna") == {"1": Access.NONE}
    assert await store.tokens("anna") == [token]
    await store.commit(DropUser("anna"))
    assert await store.users() == []
    assert await store.bindings("anna") == {}
    assert [one.id for one in await store.tokens()] == ["t2"]
    assert await store.failures([counter.key for counter in counters]) == {"pair:annabel@::1": counters[3]}
    await store.commit(DropFailures("pair:annabel@::1"), DropToken("t2"))
    assert await store.failures(["pair:annabel@::1"]) == {}
    assert await store.tokens() == []


async def test_latest_is_the_newest_value_of_each_quantity(store: Store) -> None:
    live = await store.layout({54: -1, 57: -3})
    energy = await store.layout({1: 0, 2: 0})
    await store.commit(
        Readings("m", Group.LIVE, 1000, live, (2301, 5000)),
        Readings("m", Group.LIVE, 2000, live, (2302, None), "gm"),
        Readings("m", Group.ENERGY, 1500, energy, (10**15, None)),
        Readings("m", Group.LIVE, 1800, live, (1, 1)),
        Readings("n", Group.LIVE, 9000, live, (7, 7), "ei"),
    )
    assert await store.latest("m") == {
        54: Value(2302, -1, 2000),
        57: Value(None, -3, 2000, Quality.MISSING),
        1: Value(10**15, 0, 1500),
        2: Value(None, 0, 1500, Quality.MISSING),
    }
    assert await store.latest("n", [57, 99]) == {57: Value(7, -3, 9000, Quality.INVALID)}
    assert await store.latest("nobody") == {}


@pytest.mark.parametrize("restart", [False, True])
async def test_latest_knows_quantities_of_former_layouts(url: str, tmp_path: Path, restart: bool) -> None:
    store = await open_store(url, tmp_path)
    old, new = await store.layout({1: 0, 2: 0}), await store.layout({1: 0})
    await store.commit(Readings("m", Group.ENERGY, 1, old, (1, 1)), Readings("m", Group.ENERGY, 2, old, (2, 2)))
    if restart:
        await store.close()
        store = await open_store(url, tmp_path)
    await store.commit(Readings("m", Group.ENERGY, 3, new, (3,)), Readings("m", Group.ENERGY, 4, new, (4,)))
    assert await store.latest("m") == {1: Value(4, 0, 4), 2: Value(2, 0, 2)}
    found = [reading async for reading in store.readings("m", [2], 0, 9)]
    assert found == [(1, {2: Value(1, 0, 1)}), (2, {2: Value(2, 0, 2)})]
    await store.close()


async def test_layouts_are_made_once(store: Store) -> None:
    assert await store.layout({1: 0, 2: -3}) == await store.layout({1: 0, 2: -3})
    assert await store.layout({2: -3, 1: 0}) != await store.layout({1: 0, 2: -3})
    assert len({await store.layout({1: 0}), await store.layout({1: -1}), await store.layout({11: 0})}) == 3


@pytest.mark.parametrize("part", [3, 4096])
async def test_readings_of_all_groups_in_the_order_of_time(
    store: Store, part: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattproof.gateway.store.streams.PART", part)
    live, energy = await store.layout({54: -1, 1: 0}), await store.layout({1: 0})
    await store.commit(
        *(Readings("m", Group.LIVE, time, live, (time, time + 1)) for time in range(0, 20, 2)),
        *(Readings("m", Group.ENERGY, time, energy, (time + 2,)) for time in range(0, 20, 3)),
    )
    expected = sorted(
        [(time, {1: Value(time + 1, 0, time)}) for time in range(2, 17, 2)]
        + [(time, {1: Value(time + 2, 0, time)}) for time in range(3, 17, 3)],
        key=lambda reading: (reading[0], reading[1][1].mantissa),
    )
    assert [reading async for reading in store.readings("m", [1], 2, 16)] == expected
    assert [reading async for reading in store.readings("m", [1], 2, 16, limit=5)] == expected[:5]
    assert [time async for time, _ in store.readings("m", [54], 0, 6)] == [0, 2, 4, 6]
    assert [time async for time, _ in store.readings("m", [1], 0, 6, group=Group.ENERGY)] == [0, 3, 6]
    assert [time async for time, _ in store.readings("m", [99], 0, 99)] == []
    assert [time async for time, _ in store.readings("other", [1], 0, 99)] == []


async def test_a_reading_is_written_once(store: Store) -> None:
    layout = await store.layout({1: 0})
    reading = Readings("m", Group.ENERGY, 5, layout, (1,))
    await store.commit(reading, reading)
    await store.commit(msgspec.structs.replace(reading, values=(2,)))
    assert [values async for _, values in store.readings("m", [1], 0, 9)] == [{1: Value(1, 0, 5)}]


@pytest.mark.parametrize(
    "wrong",
    [Readings("m", Group.LIVE, 5, 99, (1,)), Readings("m", Group.LIVE, 5, 1, (1, 2)), Layout(0, (1, 2), (0,))],
    ids=["unknown layout", "too many values", "no layout"],
)
async def test_one_wrong_call_harms_no_other_of_its_group(store: Store, wrong: records.Write) -> None:
    layout = await store.layout({1: 0})
    good = [Readings("m", Group.ENERGY, time, layout, (time,)) for time in range(20)]
    calls = [store.commit(reading) for reading in good[:10]]
    calls.append(store.commit(Setting("half"), Setting("half", 1), wrong))
    calls += [store.commit(reading) for reading in good[10:]]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(results.pop(10), InvalidValue)
    assert results == [None] * 20
    assert [time async for time, _ in store.readings("m", [1], 0, 99)] == list(range(20))
    assert await store.settings() == {}


async def test_events_are_counted_from_the_last_clearing(store: Store) -> None:
    await store.commit(*(Event(id, 8, id * 10, "x") for id in (4, 5, 6)))
    assert await store.events(limit=2) == [(3, Event(6, 8, 60, "x")), (2, Event(5, 8, 50, "x"))]
    await store.commit(ClearEvents(70), Event(9, 4, 80))
    await store.commit(Event(1, 4, 90))
    assert await store.events() == [(2, Event(1, 4, 90)), (1, Event(9, 4, 80))]
    await store.commit(ClearEvents(91), ClearEvents(92))
    assert await store.events() == []


async def test_meter_events_newest_first_until_a_local_time(store: Store) -> None:
    events = [MeterEvent("m", "system", number, number, number * 100, 0, 2, 15) for number in range(1, 6)]
    await store.commit(*events, MeterEvent("m", "quality", 1, 1, 1, 0, 2, 3))
    ended = msgspec.structs.replace(events[2], duration=60)
    await store.commit(ended)
    assert await store.meter_events("m", "system", until=399, count=2) == [ended, events[1]]
    assert await store.meter_events("m", "system", until=None, count=99) == [*events[:2:-1], ended, *events[1::-1]]


async def test_series_are_the_newest_of_each_channel(store: Store) -> None:
    series = [
        Series("m", Kind.PROFILE, 1, 10, ([1, 0],), 900, 35040),
        Series("m", Kind.PROFILE, 2, 10, ([2, 0],), 900),
        Series("m", Kind.PREVIOUS, 0, 10, ([1, 0], [2, 0]), "daily"),
        Series("m", Kind.PROFILE, 1, 20, ([5, -3],), "monthly", 40),
    ]
    await store.commit(*series)
    assert await store.series("m") == [series[2], series[3], series[1]]


async def test_sessions_newest_first(store: Store) -> None:
    sessions = [Session(str(number), "m", "running", number, "anna", {"evse": "E1"}) for number in range(5)]
    await store.commit(*sessions, Session("x", "n", "failed", 2, "bob"))
    ended = msgspec.structs.replace(sessions[4], state="ended", ended=99, verdict={"overall": "green"})
    await store.commit(ended)
    assert await store.session("4") == ended
    assert await store.session("nobody") is None
    assert await store.sessions("m", limit=2) == [ended, sessions[3]]
    assert len(await store.sessions()) == 6


async def test_the_audit_log_is_a_chain(store: Store) -> None:
    entries = [Audit(time, "anna", "::1", "PUT /users", "bob", "ü") for time in range(5)]
    await store.commit(*entries[:3])
    await store.commit(*entries[3:])
    found = [entry async for entry in store.audit()]
    assert [(number, entry) for number, _, entry in found] == list(enumerate(entries, 1))
    assert await chain.check(store.audit()) == (5, found[-1][1])
    assert [number async for number, _, _ in store.audit(after=2, limit=2)] == [3, 4]
    assert await store.last_audit() == 5
    assert chain.broken(found) is None and chain.broken(found[2:], anchor=3) is None and chain.broken([]) is None
    assert chain.broken(found[2:]) == 3 and chain.broken(found[2:], anchor=2) == 3

    async def forged(position: int, replacement: list[tuple[int, str, Audit]]) -> Any:
        for entry in found[:position] + replacement + found[position + 1 :]:
            yield entry

    number, hash, entry = found[2]
    changed = (number, hash, msgspec.structs.replace(entry, user="eve"))
    for replacement in ([], [changed]):
        with pytest.raises(StorageError, match="audit log is broken: entry"):
            await chain.check(forged(2, replacement))
    assert chain.broken([*found[:2], changed, *found[3:]]) == 3
    assert chain.broken([*found[1:2], *found[3:]], anchor=2) == 4


async def test_what_was_committed_is_there_after_a_restart(url: str, tmp_path: Path) -> None:
    store = await open_store(url, tmp_path)
    await store.commit(USER, Event(1, 4, 5), Audit(1, "a", "b", "c"))
    await store.close()
    await store.close()
    with pytest.raises(StorageError, match="closed"):
        await store.commit(USER)
    store = await open_store(url, tmp_path)
    await store.commit(Event(2, 4, 6), Audit(2, "a", "b", "d"))
    assert await store.users() == [USER]
    assert [index for index, _ in await store.events()] == [2, 1]
    assert (await chain.check(store.audit()))[0] == 2
    await store.close()


async def test_a_reader_of_another_process_sees_what_is_committed(store: Store, url: str, tmp_path: Path) -> None:
    reader = await open_reader(url, tmp_path)
    await store.commit(METER)
    assert await reader.meters() == [METER]
    layout = await store.layout({1: 0})
    await store.commit(Readings("m", Group.ENERGY, 5, layout, (1,)))
    assert await reader.latest("m") == {1: Value(1, 0, 5)}
    newer = await store.layout({1: -3})
    await store.commit(Readings("m", Group.ENERGY, 6, newer, (2,)))
    assert await reader.latest("m") == {1: Value(2, -3, 6)}
    await reader.close()
    await reader.close()


def test_every_write_is_stored_somewhere() -> None:
    apart = {"DropUser", "DropFailures", "DropToken", "Readings", "Row", "ClearRows", "ClearEvents"}
    every = {kind.__name__ for kind in records.Write.__subclasses__() if kind.__module__ == records.__name__}
    assert {record.__name__ for record in TABLES} | apart == every
