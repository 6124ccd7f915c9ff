"""Signed sessions through the gateway, with virtual meters in memory and the real store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.sources.rig import Rig, bsm
from wattproof.gateway.acquire.charging import Sessions
from wattproof.gateway.acquire.sources import Options
from wattproof.gateway.acquire.station import traits_of
from wattproof.gateway.answers import Trait
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import PublicKey, Session
from wattproof.gateway.store.base import Store
from wattproof.gateway.store.opening import open_store
from wattproof.signed import examine

WHO = {"user": "kim", "address": "192.0.2.7"}


class Bench:
    """A meter, a store, and the sessions between them; ``again`` is a gateway started anew on the same two."""

    def __init__(self, rig: Rig, store: Store) -> None:
        self.rig = rig.opened()
        self.store = store
        self.sessions = self.again()

    def again(self) -> Sessions:
        async def source_of(serial: str) -> Any:
            if serial != self.rig.source.serial:
                raise CommandFailed(Failing.UNKNOWN, "meter not found")
            return self.rig.source

        return Sessions(self.store, source_of, lambda: self.rig.clock.time() // 10**6)

    @property
    def serial(self) -> str:
        return str(self.rig.source.serial)

    async def pass_(self, seconds: float) -> None:
        await self.rig.clock.run(seconds)
        self.rig.meter.advance(self.rig.clock.now())

    async def kept(self, id: str) -> tuple[Session, list[str]]:
        session = await self.store.session(id)
        assert session is not None
        return session, [record.role for record in await self.store.signed_records(id)]


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = await open_store("sqlite", tmp_path)
    one = Bench(bsm(Options(), load="constant:11040"), store)
    yield one
    await one.sessions.close()
    await store.close()


async def test_a_session_is_kept_judged_and_told(bench: Bench) -> None:
    options = {"identification": "rfid:12345678", "evse": "DE*BDO*E1"}
    id = await bench.sessions.begin(bench.serial, options, WHO)
    session, roles = await bench.kept(id)
    assert (session.state, session.user, roles) == ("running", "kim", ["begin"])
    assert bench.sessions.charging(bench.serial)
    with pytest.raises(CommandFailed, match="a session is running") as raised:
        await bench.sessions.begin(bench.serial, {}, WHO)
    assert raised.value.kind is Failing.CONFLICT
    await bench.pass_(60)
    assert await bench.sessions.end(id, WHO) == id
    session, roles = await bench.kept(id)
    assert (session.state, roles) == ("ended", ["begin", "end", "session"])
    assert session.verdict is not None
    assert [judged["verdict"] for judged in session.verdict["sessions"]] == ["ok"]
    assert float(session.options["measured_wh"]) >= 180
    begin, end, whole = await bench.store.signed_records(id)
    assert (begin.signature, end.signature) == ("valid", "valid")
    report = examine(whole.data, bench.rig.meter.public_key, allow_test_keys=True)
    assert [one.signature.verdict for one in report.sessions[0].records] == ["valid", "valid"]
    assert [key.key for key in await bench.store.keys(bench.serial)] == [bench.rig.meter.public_key]
    assert not bench.sessions.charging(bench.serial)
    assert await bench.sessions.end(id, WHO) == id, "ending twice changes nothing"
    audit = [(entry.user, entry.address, entry.action) async for _, _, entry in bench.store.audit()]
    assert audit == [("kim", "192.0.2.7", "session begin"), ("kim", "192.0.2.7", "session end")]


async def test_a_session_goes_on_after_a_restart(bench: Bench) -> None:
    id = await bench.sessions.begin(bench.serial, {"identification": "T"}, WHO)
    later = bench.again()
    await later.resume()
    assert later.charging(bench.serial)
    await bench.pass_(30)
    await later.end(id, WHO)
    session, roles = await bench.kept(id)
    assert (session.state, roles) == ("ended", ["begin", "end", "session"])
    await later.close()


async def test_what_had_not_begun_is_ended_at_the_meter(bench: Bench) -> None:
    """The process died after it had stored that a session begins: the contactor may be closed."""
    lost = Session("0123", bench.serial, "beginning", 1, "kim", {"identification": "T", "family": "bsm"})
    await bench.store.commit(lost)
    driver = bench.rig.source.driver
    bench.rig.run(driver.session(identification="T").begin())
    later = bench.again()
    await later.resume()
    for _ in range(200):
        session, roles = await bench.kept("0123")
        if session.state == "failed":
            break
        await asyncio.sleep(0.01)
    assert (session.state, roles) == ("failed", ["end"])
    assert "restarted" in session.options["failure"]
    (demand,) = bench.rig.run(driver.read("bs_meter.DO"))
    assert demand.value == 0
    await later.close()


async def test_energy_ends_a_session_by_itself(bench: Bench) -> None:
    id = await bench.sessions.begin(bench.serial, {"energy_wh": 100}, WHO)
    for _ in range(500):
        session, roles = await bench.kept(id)
        if session.state not in ("beginning", "running"):
            break
        await bench.pass_(1)
        await asyncio.sleep(0.001)  # commits and verdicts come from threads
    assert (session.state, roles) == ("ended", ["begin", "end", "session"])
    assert 100 <= float(session.options["measured_wh"]) <= 130


async def test_another_key_than_the_first_is_told_and_kept(bench: Bench) -> None:
    other = bytes(range(91))
    await bench.store.commit(PublicKey(bench.serial, other, 1))
    id = await bench.sessions.begin(bench.serial, {}, WHO)
    await bench.sessions.end(id, WHO)
    assert [key.key for key in await bench.store.keys(bench.serial)] == [other, bench.rig.meter.public_key]
    session, _ = await bench.kept(id)
    assert session.verdict is not None
    assert session.verdict["summary"]["green"] == 0


async def test_refusals_name_their_kind(bench: Bench) -> None:
    cases = (
        (bench.sessions.begin("NONE", {}, WHO), Failing.UNKNOWN),
        (bench.sessions.begin(bench.serial, {"identification": "x" * 200}, WHO), Failing.INVALID),
        (bench.sessions.end("none", WHO), Failing.UNKNOWN),
    )
    for work, kind in cases:
        with pytest.raises(CommandFailed) as raised:
            await work
        assert raised.value.kind is kind
    assert await bench.store.sessions() == []
    assert Trait.SIGNS in traits_of(bench.rig.source)
    bench.rig.source.driver = object()
    assert Trait.SIGNS not in traits_of(bench.rig.source)
    with pytest.raises(CommandFailed, match="not supported by this meter: signed sessions"):
        await bench.sessions.begin(bench.serial, {}, WHO)
