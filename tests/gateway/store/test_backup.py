"""The restore drill: a backup taken while the store is written to comes back whole, in either engine."""

from __future__ import annotations

import asyncio
import zipfile
from pathlib import Path

import pytest

from tests.gateway.postgres import Cluster
from tests.gateway.store.conftest import ENGINES
from tests.gateway.store.filling import content, fill
from wattproof.errors import StorageError
from wattproof.gateway.records import EngineState, Kind, Row, Setting
from wattproof.gateway.store import archive, chain
from wattproof.gateway.store.backup import backup, restore
from wattproof.gateway.store.opening import open_reader, open_source, open_store, open_target
from wattproof.model.clock import VirtualClock


async def taken(url: str, data: Path, path: Path) -> archive.Manifest:
    source = await open_source(url, data)
    try:
        return await backup(source, path, created=5, release="1.2.3")
    finally:
        await source.close()


async def restored(path: Path, url: str, data: Path, *, replace: bool = False) -> None:
    with archive.reading(path) as found:
        target = await open_target(url, data, found.manifest.schema, VirtualClock(), replace=replace)
        try:
            await restore(found, target)
        finally:
            await target.close()


@pytest.fixture(params=ENGINES)
def other(request: pytest.FixtureRequest) -> str:
    """A second store, which nobody has made yet."""
    if request.param == "sqlite":
        return "sqlite"
    made: Cluster = request.getfixturevalue("postgres")
    return made.database()


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Data directories of two gateways."""
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    return tmp_path / "one", tmp_path / "two"


async def test_everything_comes_back_in_either_engine(url: str, other: str, folders: tuple[Path, Path]) -> None:
    one, two = folders
    store = await open_store(url, one)
    await fill(store)
    told: list[tuple[str, int, int]] = []
    source = await open_source(url, one)
    made = await backup(source, one / "b.zip", created=5, release="1", progress=lambda *now: told.append(now))
    await source.close()
    await store.close()
    assert (one / "b.zip").stat().st_mode & 0o777 == 0o600
    assert all(made.tables[name].rows for name in made.tables), "the drill leaves no table out"
    assert archive.check(one / "b.zip") == made
    assert told[-1][1] == told[-1][2] == sum(table.rows for table in made.tables.values())
    await restored(one / "b.zip", other, two)
    assert await content(other, two) == await content(url, one)
    again = await open_store(other, two)
    assert [index for index, _ in await again.events()] == [1]
    assert (await chain.check(again.audit()))[0] == 3
    await fill(again, rows=120)
    assert len([row async for row in again.rows("00000001", Kind.PROFILE, 1)]) == 120
    assert (await chain.check(again.audit()))[0] == 6
    await again.close()


async def test_a_backup_taken_under_load_holds_whole_transactions(url: str, folders: tuple[Path, Path]) -> None:
    """Each commit is a row and the state that counts it: never one without the other."""
    one, two = folders
    store = await open_store(url, one)
    await fill(store, rows=20)
    acknowledged = 0

    async def write() -> None:
        nonlocal acknowledged
        for number in range(1, 2000):
            row = Row("m", Kind.PROFILE, 1, number, number, 1, (number,))
            await store.commit(row, EngineState("m", "profile", number))
            acknowledged = number

    writing = asyncio.create_task(write())
    while acknowledged < 5:
        await asyncio.sleep(0.001)
    before = acknowledged
    await taken(url, one, one / "b.zip")
    assert not writing.done(), "the writer was held up"
    writing.cancel()
    await asyncio.gather(writing, return_exceptions=True)
    await store.close()
    await restored(one / "b.zip", "sqlite", two)
    reader = await open_reader("sqlite", two)
    state = (await reader.engine_states("m"))["profile"]
    assert state >= before
    assert [row.time async for row in reader.rows("m", Kind.PROFILE, 1)] == list(range(1, state + 1))
    await reader.close()


async def test_a_store_is_replaced_only_when_asked_and_kept(
    url: str, folders: tuple[Path, Path], postgres: Cluster
) -> None:
    one, _ = folders
    if url != "sqlite":
        url = postgres.database()
    store = await open_store(url, one)
    await fill(store, rows=10)
    await taken(url, one, one / "b.zip")
    kept = await content(url, one)
    await store.commit(Setting("later", 1))
    with pytest.raises(StorageError, match=r"already|in use"):
        await restored(one / "b.zip", url, one)
    with pytest.raises(StorageError, match="in use"):
        await restored(one / "b.zip", url, one, replace=True)
    await store.close()
    await restored(one / "b.zip", url, one, replace=True)
    assert await content(url, one) == kept
    if url == "sqlite":
        (one / "old").mkdir()
        (one / "store.sqlite3.replaced-20240101T000000Z").rename(one / "old" / "store.sqlite3")
        reader = await open_reader(url, one / "old")
        assert await reader.setting("later") == 1
        await reader.close()
    else:
        name, old = url.split("/")[3].split("?")[0], "replaced_20240101t000000z"
        assert postgres.psql(f"SELECT value FROM {old}.settings WHERE name = 'later'", name) == "1\n"
        assert postgres.psql(f"SELECT count(*) FROM {old}.rows", name) == "22\n"


async def test_a_damaged_store_is_replaced_with_its_log(folders: tuple[Path, Path]) -> None:
    one, _ = folders
    store = await open_store("sqlite", one)
    await fill(store, rows=10)
    await taken("sqlite", one, one / "b.zip")
    kept = await content("sqlite", one)
    await store.close()
    path = one / "store.sqlite3"
    path.write_bytes(b"rubbish" * 1000)
    path.with_name("store.sqlite3-wal").write_bytes(b"old log")
    with pytest.raises(StorageError, match="damaged"):
        await open_store("sqlite", one)
    await restored(one / "b.zip", "sqlite", one)
    assert await content("sqlite", one) == kept
    assert (one / "store.sqlite3.replaced-20240101T000000Z").read_bytes().startswith(b"rubbish")


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])


def rewrite(path: Path, change: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    with zipfile.ZipFile(path, "w") as file:
        for name, data in {**parts, **change}.items():
            file.writestr(name, data)


DAMAGE = {
    "cut off": (cut, "damaged or no backup"),
    "no archive": (lambda path: path.write_bytes(b"hello"), "damaged or no backup"),
    "another archive": (lambda path: rewrite(path, {"manifest.json": b'{"a": 1}'}), "no backup"),
    "a row changed": (lambda path: rewrite(path, {"tables/users.jsonl": b'["eve"]\n'}), "table users"),
    "a table emptied": (lambda path: rewrite(path, {"tables/rows.jsonl": b""}), "table rows"),
    "no JSON": (lambda path: rewrite(path, {"tables/rows.jsonl": b"x\n"}), "table rows"),
    "another form": (
        lambda path: rewrite(path, {"manifest.json": _manifest(path).replace(b'"version": 1', b'"version": 7')}),
        "version 7",
    ),
    "of a later release": (
        lambda path: rewrite(path, {"manifest.json": _manifest(path).replace(b'"schema": 2', b'"schema": 99')}),
        "schema 99",
    ),
}


def _manifest(path: Path) -> bytes:
    with zipfile.ZipFile(path) as file:
        return file.read("manifest.json")


@pytest.mark.parametrize(("damage", "message"), DAMAGE.values(), ids=DAMAGE)
async def test_a_damaged_backup_changes_nothing(folders: tuple[Path, Path], damage: object, message: str) -> None:
    one, two = folders
    store = await open_store("sqlite", one)
    await fill(store, rows=10)
    await store.close()
    await taken("sqlite", one, one / "b.zip")
    damage(one / "b.zip")  # type: ignore[operator]
    with pytest.raises(StorageError, match=message):
        await restored(one / "b.zip", "sqlite", two)
    assert list(two.iterdir()) == []


async def test_a_backup_that_cannot_be_written_leaves_the_old_one(folders: tuple[Path, Path]) -> None:
    one, _ = folders
    (one / "b.zip").write_bytes(b"old")
    with pytest.raises(StorageError, match="no store"):
        await taken("sqlite", one / "nowhere", one / "b.zip")
    store = await open_store("sqlite", one)
    await store.close()
    with pytest.raises(StorageError, match="cannot write the backup"):
        await taken("sqlite", one, one / "missing" / "b.zip")
    assert (one / "b.zip").read_bytes() == b"old"
