"""Schema files: both engines have the same tables, old stores are brought up to date, newer ones refused."""

from __future__ import annotations

import re
import shutil
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from tests.gateway.postgres import Cluster
from tests.gateway.store.conftest import ENGINES
from tests.gateway.store.filling import content, fill
from wattproof.errors import InvalidURL, StorageError
from wattproof.gateway.records import Setting, User
from wattproof.gateway.store import archive
from wattproof.gateway.store.backup import restore
from wattproof.gateway.store.base import Store
from wattproof.gateway.store.measured import READINGS, ROWS
from wattproof.gateway.store.migrations import SCHEMAS, Script, scripts
from wattproof.gateway.store.opening import FILE, open_reader, open_store, open_target
from wattproof.gateway.store.postgres import PostgresStore
from wattproof.gateway.store.postgres_address import Address
from wattproof.gateway.store.postgres_backup import save
from wattproof.gateway.store.sqlite import SQLiteReader, SQLiteStore
from wattproof.gateway.store.tables import TABLES, Form, Table
from wattproof.model.clock import VirtualClock

_COLUMN = re.compile(r'"(\w+)" (\w+(?:\[\])?)')


def declared(engine: str) -> dict[str, dict[str, str]]:
    """Columns of the tables as the schema files say."""
    text = "\n".join(script.text for script in scripts(engine))
    found: dict[str, dict[str, str]] = {}
    for name, body in re.findall(r"CREATE TABLE (\w+) \((.*?)\)[^()]*;", re.sub("--.*", "", text), re.DOTALL):
        found[name] = dict(_COLUMN.findall(body))
    return found


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_record_has_its_columns_in_both_engines(engine: str, table: Table) -> None:
    columns = declared(engine)[table.name]
    assert set(columns) == {*table.columns, *table.extra}
    for name, form in table.forms.items():
        text = table.name == "layouts" and form is Form.JSON  # compared as text
        assert columns[name] == ("text" if text and engine == "postgres" else form.value[engine == "postgres"]), name


def test_both_engines_have_the_same_tables() -> None:
    ours, theirs = declared("sqlite"), declared("postgres")
    assert {name: set(columns) for name, columns in ours.items()} == {
        name: set(columns) for name, columns in theirs.items()
    }
    assert set(READINGS) == set(ours["readings"])
    assert set(ROWS) == set(ours["rows"])
    assert [script.version for script in scripts("sqlite")] == [script.version for script in scripts("postgres")]


@pytest.fixture
def upgrade(tmp_path: Path) -> Path:
    """Schema files of a later release."""
    folder = tmp_path / "schema"
    shutil.copytree(SCHEMAS, folder)
    for engine in ("sqlite", "postgres"):
        script = 'ALTER TABLE users ADD COLUMN "mail" TEXT; CREATE TABLE extra ("a" INTEGER);'
        (folder / engine / "003.sql").write_text(script)
    return folder


async def open_with(url: str, data: Path, schemas: Path) -> Store:
    """What a later release does."""
    if url == "sqlite":
        return SQLiteStore(data / FILE, schemas=schemas)
    address = Address(url)
    return await PostgresStore.open_store(address, partial(save, address, data), schemas=schemas)


@pytest.fixture(params=ENGINES)
def fresh(request: pytest.FixtureRequest) -> str:
    """A store that nobody shares, because its tables change."""
    if request.param == "sqlite":
        return "sqlite"
    made: Cluster = request.getfixturevalue("postgres")
    return made.database()


async def test_an_old_store_is_saved_and_brought_up_to_date(fresh: str, tmp_path: Path, upgrade: Path) -> None:
    store = await open_store(fresh, tmp_path)
    await fill(store, rows=10)
    await store.close()
    before = await content(fresh, tmp_path)
    newer = await open_with(fresh, tmp_path, upgrade)
    assert await newer.users() == [User("anna", "$argon2id$", 2, admin=True)]
    await newer.commit(Setting("after", 1))
    await newer.close()
    after = await content(fresh, tmp_path)
    assert set(after) - set(before) == {"extra"}
    for opening in (open_store, open_reader):
        with pytest.raises(StorageError, match="has schema 3, and this release knows no later one than 2"):
            await opening(fresh, tmp_path)

    (tmp_path / "saved").mkdir()
    if fresh == "sqlite":
        (tmp_path / "store.sqlite3.schema-002").rename(tmp_path / "saved" / FILE)
    else:
        with archive.reading(tmp_path / "postgres.schema-002.zip") as found:
            target = await open_target("sqlite", tmp_path / "saved", 2, VirtualClock(), replace=False)
            await restore(found, target)
            await target.close()
    assert await content("sqlite", tmp_path / "saved") == before


async def test_a_migration_that_fails_changes_nothing(fresh: str, tmp_path: Path, upgrade: Path) -> None:
    store = await open_store(fresh, tmp_path)
    await fill(store, rows=10)
    await store.close()
    before = await content(fresh, tmp_path)
    for engine in ("sqlite", "postgres"):
        (upgrade / engine / "003.sql").write_text("CREATE TABLE extra (a INTEGER); DROP TABLE nonsense;")
    with pytest.raises(StorageError, match="nonsense"):
        await open_with(fresh, tmp_path, upgrade)
    assert await content(fresh, tmp_path) == before
    store = await open_store(fresh, tmp_path)
    await store.close()


async def test_a_reader_waits_for_the_writer_to_migrate(fresh: str, tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="no store"):
        await open_reader(fresh, tmp_path)
    store = await open_store(fresh, tmp_path)
    await store.close()
    known = [*scripts("sqlite"), Script(3, "")]
    if fresh == "sqlite":
        with pytest.raises(StorageError, match="old schema 2"):
            SQLiteReader(tmp_path / FILE, known=known)


async def test_a_strange_file_is_no_store(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / FILE)) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(StorageError, match="another program"):
        await open_store("sqlite", tmp_path)
    with pytest.raises(InvalidURL):
        await open_store("mysql://x", tmp_path)


async def test_the_files_of_a_store_are_the_owners_alone(tmp_path: Path) -> None:
    store = await open_store("sqlite", tmp_path / "data")
    await store.commit(Setting("a", 1))
    modes = {path.name: path.stat().st_mode & 0o777 for path in (tmp_path / "data").iterdir()}
    assert modes == dict.fromkeys((FILE, FILE + "-wal", FILE + "-shm"), 0o600)
    await store.close()


async def test_the_password_comes_from_a_file(postgres: Cluster, tmp_path: Path) -> None:
    url = postgres.url(postgres.database().split("/")[3].split("?")[0], user="guarded")
    secret = tmp_path / "password"
    secret.write_text("secret\n")
    store = await open_store(url, tmp_path, password_file=secret)
    await store.commit(Setting("a", 1))
    reader = await open_reader(url, tmp_path, password_file=secret)
    assert await reader.setting("a") == 1
    await reader.close()
    await store.close()
    secret.write_text("wrong")
    for wrong in (secret, tmp_path / "missing"):
        with pytest.raises(StorageError, match="password") as caught:
            await open_reader(url, tmp_path, password_file=wrong)
        assert "wrong" not in str(caught.value)
    with pytest.raises(StorageError, match="failed"):
        await open_store("postgresql://owner@/x?host=/nowhere", tmp_path)
