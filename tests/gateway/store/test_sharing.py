"""Several writers, connections that break, servers that are full."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.gateway.postgres import Cluster
from wattproof.errors import StorageError
from wattproof.gateway.records import Audit, ClearRows, Event, Group, Kind, Readings, Row, Setting, SignedRecord, Value
from wattproof.gateway.store import chain
from wattproof.gateway.store.opening import open_reader, open_store


def database(url: str) -> str:
    """The name of a PostgreSQL database."""
    return url.split("/")[3].split("?")[0]


async def test_two_writers_give_out_no_number_twice(url: str, tmp_path: Path) -> None:
    """SQLite: the gateway and a command that resets it. PostgreSQL: gateways of several sites."""
    one, two = await open_store(url, tmp_path), await open_store(url, tmp_path)

    async def write(number: int) -> None:
        store = (one, two)[number % 2]
        await store.commit(
            Row(f"m{number // 2}", Kind.PROFILE, 1, number, number, 1, (number,)),
            Event(1, 8, number),
            Audit(number, "anna", "::1", "PUT"),
            SignedRecord("s", "m", str(number), number, "OCMF", b"%d" % number, "valid", "green"),
        )

    await asyncio.gather(*(write(number) for number in range(40)))
    assert sorted(event.time for _, event in await one.events()) == list(range(40))
    assert (await chain.check(two.audit()))[0] == 40
    assert len(await one.signed_records("s")) == 40
    for meter in range(20):
        times = [row.time async for row in one.rows(f"m{meter}", Kind.PROFILE, 1)]
        assert times == [2 * meter, 2 * meter + 1]
    assert await one.layout({1: 0}) == await two.layout({1: 0}) != await two.layout({2: 0}) == await one.layout({2: 0})
    for store in (one, two):
        await store.close()


async def test_what_another_process_changed_is_not_remembered(tmp_path: Path) -> None:
    one, two = await open_store("sqlite", tmp_path), await open_store("sqlite", tmp_path)
    old, new = Row("m", Kind.PROFILE, 1, 5, 5, 1, (1,)), Row("m", Kind.PROFILE, 1, 5, 5, 1, (2,))
    await one.commit(old)
    await two.commit(ClearRows("m", Kind.PROFILE, 1, 6))
    await one.commit(new)
    assert [row async for row in two.rows("m", Kind.PROFILE, 1)] == [new]
    for store in (one, two):
        await store.close()


async def test_broken_connections_are_made_anew(postgres: Cluster, tmp_path: Path) -> None:
    url = postgres.database()
    store = await open_store(url, tmp_path)
    reader = await open_reader(url, tmp_path)
    layout = await store.layout({1: 0})
    for number in range(3):
        postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'wattproof'")
        await store.commit(Readings("m", Group.LIVE, number, layout, (number,)), Event(1, 8, number))
        assert await reader.latest("m") == {1: Value(number, 0, number)}
    assert [event.time for _, event in await store.events()] == [2, 1, 0]
    await reader.close()
    await store.close()


async def test_a_server_without_space_is_named(postgres: Cluster, tmp_path: Path) -> None:
    url = postgres.database()
    store = await open_store(url, tmp_path)
    postgres.psql(_FULL, database(url))
    calls = [store.commit(Setting(f"s{number}", 1)) for number in range(3)]
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [type(result) for result in results] == [StorageError] * 3
    assert all("no space" in str(result) for result in results)
    postgres.psql("DROP TRIGGER full_disk ON settings", database(url))
    await store.commit(Setting("s", 1))
    assert await store.settings() == {"s": 1}
    await store.close()


#: What PostgreSQL says when a write meets ENOSPC (53100, disk_full).
_FULL = """
CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100'; END $$;
CREATE TRIGGER full_disk BEFORE INSERT ON settings FOR EACH ROW EXECUTE FUNCTION full_disk()
"""


async def test_a_server_that_is_gone_is_named(
    postgres: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wattproof.gateway.store.postgres.PAUSES", (0.0, 0.01))
    url = postgres.database()
    store = await open_store(url, tmp_path)
    reader = await open_reader(url, tmp_path)
    postgres.stop()
    try:
        with pytest.raises(StorageError, match="failed"):
            await store.commit(Setting("a", 1))
        with pytest.raises(StorageError, match="failed"):
            await reader.setting("a")
    finally:
        postgres.start()
    await store.commit(Setting("a", 2))
    assert await reader.setting("a") == 2
    await reader.close()
    await store.close()
