"""The reset button: what it forgets, what it keeps, and that nothing is reset by halves."""

from __future__ import annotations

import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from wattproof.errors import UsageError
from wattproof.gateway import reset
from wattproof.gateway.auth.firststart import FILE, keep
from wattproof.gateway.auth.passwords import Hashing
from wattproof.gateway.config import Config
from wattproof.gateway.records import (
    Access,
    Binding,
    Event,
    Group,
    Meter,
    Readings,
    Setting,
    Token,
    User,
)
from wattproof.gateway.store.base import Store
from wattproof.gateway.store.opening import open_store
from wattproof.io.journal import DirectoryLock
from wattproof.model.clock import VirtualClock


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = await open_store("sqlite", tmp_path)
    layout = await made.layout({1: 0})
    await made.commit(
        User("admin", "old", 7, admin=True),
        User("kim", "old"),
        Token("t", "kim", "00", "poller"),
        Meter("M1", "bsm", 5, "h:502/42", "hall", origin="api"),
        Binding("kim", "M1", Access.CONFIGURE),
        Readings("M1", Group.ENERGY, 1000, layout, (12345,)),
        Setting("gateway", {"alias": "Cellar", "location": "Home"}),
        Setting("identity", {"serial": "0123456789"}),
        Event(5, 8, 1000),
    )
    (tmp_path / "certificate.pem").write_text("old")
    yield made
    await made.close()


async def forgotten(folder: Path) -> bool:
    """Whether everything is reset; or, the other way round, nothing."""
    store = await open_store("sqlite", folder)
    try:
        await reset.finish(store, folder)
        admin = await store.user("admin")
        assert admin is not None
        gone = [
            await store.user("kim") is None,
            await store.tokens() == [],
            await store.meters() == [],
            await store.setting("gateway") is None,
            admin.due and admin.generation == 8,
            not (folder / "certificate.pem").exists(),
            (folder / FILE).exists(),
        ]
        assert len(set(gone)) == 1, gone
        assert not (folder / reset.STAGED).exists()
        assert await store.setting("identity") == {"serial": "0123456789"}
        assert [value.mantissa for value in (await store.latest("M1")).values()] == [12345], "history is kept"
        return gone[0]
    finally:
        await store.close()


@pytest.mark.proves("G-323")
async def test_a_reset_forgets_all_but_history(store: Store, tmp_path: Path) -> None:
    await store.close()
    done = await reset.factory_reset(Config(data=tmp_path), VirtualClock())
    assert (done["reset"], done["user"], done["password_file"]) == (True, "admin", str(tmp_path / FILE))
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600
    assert (tmp_path / FILE).read_text().strip() == done["password"]
    assert await forgotten(tmp_path)
    after = await open_store("sqlite", tmp_path)
    admin = await after.user("admin")
    assert admin is not None
    assert Hashing().verify(admin.hash, done["password"])
    assert [event.id for _, event in await after.events()] == [12]
    await after.close()


@pytest.mark.proves("G-323")
async def test_a_running_gateway_is_not_reset(store: Store, tmp_path: Path) -> None:
    await store.close()
    with DirectoryLock(tmp_path), pytest.raises(UsageError, match="stop that process"):
        await reset.factory_reset(Config(data=tmp_path), VirtualClock())
    assert not await forgotten(tmp_path)


@pytest.mark.proves("G-323")
async def test_interrupted_before_its_transaction_nothing_is_reset(store: Store, tmp_path: Path) -> None:
    keep(tmp_path, "new", reset.STAGED)
    await store.close()
    assert not await forgotten(tmp_path)


@pytest.mark.proves("G-323")
@pytest.mark.parametrize("renamed", [False, True])
async def test_interrupted_after_it_everything_is(store: Store, tmp_path: Path, renamed: bool) -> None:
    keep(tmp_path, "new", reset.STAGED)
    await store.commit(*await reset._writes(store, "hash", 2000))
    await store.close()
    if renamed:
        (tmp_path / reset.STAGED).rename(tmp_path / FILE)
    assert await forgotten(tmp_path)
    assert (tmp_path / FILE).read_text() == "new\n"


async def test_where_there_is_no_gateway_none_is_made(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no gateway in"):
        await reset.factory_reset(Config(data=tmp_path / "typo"), VirtualClock())
    assert not (tmp_path / "typo").exists()
