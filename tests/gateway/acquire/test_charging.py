"""Signed sessions through the gateway, with virtual meters in memory and the real store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.gateway.sources.rig import Rig, bsm, dmed4
from wattproof.errors import ResponseTimeout, StorageError
from wattproof.gateway.acquire import charging
from wattproof.gateway.acquire.charging import Sessions
from wattproof.gateway.acquire.judging import Judge
from wattproof.gateway.acquire.sources import Options
from wattproof.gateway.acquire.station import traits_of
from wattproof.gateway.answers import Trait
from wattproof.gateway.events import Id
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Event, PublicKey, RegisteredKey, Session
from wattproof.gateway.serve.modern.sessions import is_true
from wattproof.gateway.store.base import Store
from wattproof.gateway.store.opening import open_store
from wattproof.signed import curves, examine, testkeys

T = TypeVar("T")
WHO = {"user": "kim", "address": "192.0.2.7"}


class Bench:
    """A meter, a store, and the sessions between them; ``again`` is a gateway started anew on the same two.

    While ``silent`` the meter answers nothing; ``away``: the gateway knows that. While ``full`` nothing is stored.
    """

    def __init__(self, rig: Rig, store: Store) -> None:
        self.rig = rig.opened()
        self.store = store
        self.silent = self.away = self.full = False
        self._exchange = rig.link.exchange
        rig.link.exchange = self._answer
        self.made: list[Sessions] = []
        self.sessions = self.again()

    async def _answer(self, unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        if self.silent:
            self.rig.clock.advance(1)
            self.rig.meter.advance(self.rig.clock.now())
            await asyncio.sleep(0)
            raise ResponseTimeout("no answer")
        return bytes(await self._exchange(unit, pdu, timeout=timeout))

    def again(self, *, allow_test_keys: bool = True) -> Sessions:
        async def source_of(serial: str) -> Any:
            if serial != self.rig.source.serial:
                raise CommandFailed(Failing.UNKNOWN, "meter not found")
            return self.rig.source

        async def commit(*writes: Any) -> None:
            if self.full:
                raise StorageError("the disk is full")
            await self.store.commit(*writes)

        made = Sessions(
            self.store,
            source_of,
            lambda: self.rig.clock.time() // 10**6,
            commit=commit,
            away=lambda serial: self.away,
            judge=Judge(allow_test_keys=allow_test_keys),
        )
        self.made.append(made)
        return made

    async def until(
        self, id: str, right: Callable[[Session], object], *, seconds: float = 0
    ) -> tuple[Session, list[str]]:
        """Wait until a session is as it should be, ``seconds`` at the meter between two looks."""
        for _ in range(1000):
            found = await self.kept(id)
            if right(found[0]):
                return found
            if seconds:
                await self.pass_(seconds)
            await asyncio.sleep(0.002)  # commits and verdicts come from threads
        raise AssertionError(found)

    async def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Do something while time passes at the meter."""
        task = asyncio.create_task(work)
        while not task.done():
            await self.pass_(0.25)
            await asyncio.sleep(0.0005)
        return task.result()

    async def events(self) -> list[Event]:
        return [one for _, one in await self.store.events()]

    def demand(self) -> Any:
        """Whether the meter wants the contactor closed."""
        (demand,) = self.rig.run(self.rig.source.driver.read("bs_meter.DO"))
        return demand.value

    async def close(self) -> None:
        for made in self.made:
            await made.close()
        await self.store.close()

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
    one = Bench(bsm(Options(), load="constant:11040"), await open_store("sqlite", tmp_path))
    yield one
    await one.close()


@pytest.fixture
def started() -> Rig:
    """A DMED4 five seconds after its start, which nobody awaits in an event loop."""
    return dmed4("modbus", Options(), load="constant:36000")


@pytest.fixture
async def direct(tmp_path: Path, started: Rig) -> AsyncIterator[Bench]:
    """The same with a DMED4."""
    one = Bench(started, await open_store("sqlite", tmp_path / "direct"))
    yield one
    await one.close()


def closed(session: Session) -> bool:
    return session.state in ("ended", "failed")


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


async def test_what_had_not_begun_is_ended_at_the_meter(bench: Bench) -> None:
    """The process died after it had stored that a session begins: the contactor may be closed."""
    lost = Session("0123", bench.serial, "beginning", 1, "kim", {"identification": "T", "family": "bsm"})
    await bench.store.commit(lost)
    driver = bench.rig.source.driver
    bench.rig.run(driver.session(identification="T").begin())
    later = bench.again()
    await later.resume()
    session, roles = await bench.until("0123", closed)
    assert (session.state, roles) == ("failed", ["end"])
    assert "restarted" in session.options["failure"]
    assert bench.demand() == 0


async def test_energy_ends_a_session_by_itself(bench: Bench) -> None:
    id = await bench.sessions.begin(bench.serial, {"energy_wh": 100}, WHO)
    session, roles = await bench.until(id, closed, seconds=1)
    assert (session.state, roles) == ("ended", ["begin", "end", "session"])
    assert 100 <= float(session.options["measured_wh"]) <= 130


async def test_another_key_than_the_first_is_told_and_kept(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    other = bytes(range(91))
    await bench.store.commit(PublicKey(bench.serial, other, 1))
    id = await bench.sessions.begin(bench.serial, {}, WHO)
    await bench.sessions.end(id, WHO)
    assert [key.key for key in await bench.store.keys(bench.serial)] == [other, bench.rig.meter.public_key]
    session, _ = await bench.kept(id)
    assert session.verdict is not None
    assert session.verdict["summary"]["green"] == 0
    (told,) = await bench.events()
    assert (told.id, told.detail) == (Id.METER_KEY_CHANGED, f"{bench.serial}, session {id}")
    assert "signs with another public key" in caplog.text


def _history(*states: str) -> list[tuple[str, str, str]]:
    return [("2026-01-01T00:00:00Z", state, "delivery note") for state in states]


async def _judged(bench: Bench) -> tuple[dict[str, Any], list[str]]:
    """The verdict on a session that is taken now, and the colours of its records."""
    id = await bench.sessions.begin(bench.serial, {}, WHO)
    await bench.sessions.end(id, WHO)
    session, _ = await bench.kept(id)
    assert session.verdict is not None
    return session.verdict, [one.overall for one in await bench.store.signed_records(id)]


async def test_a_key_that_the_register_trusts_takes_the_place_of_the_first_seen(bench: Bench) -> None:
    """Somebody has looked at the meter's new key and trusts it."""
    await bench.store.commit(PublicKey(bench.serial, bytes(range(91)), 1))
    verdict, colours = await _judged(bench)
    assert verdict["summary"]["green"] == 0 and "green" not in colours
    await bench.store.commit(RegisteredKey(bench.serial, bench.rig.meter.public_key, _history("seen", "trusted")))
    verdict, colours = await _judged(bench)
    assert verdict["summary"]["green"] == 1 and set(colours) == {"green"}
    assert "F-KEY-REGISTER" in json.dumps(verdict)


@pytest.mark.parametrize("serial", ["", "somebody else's"])
async def test_a_revoked_key_makes_nothing_green(bench: Bench, serial: str) -> None:
    verdict, colours = await _judged(bench)
    assert verdict["summary"]["green"] == 1 and set(colours) == {"green"}
    await bench.store.commit(RegisteredKey(serial, bench.rig.meter.public_key, _history("seen", "revoked")))
    verdict, colours = await _judged(bench)
    assert verdict["summary"]["yellow"] == 1 and set(colours) == {"yellow"}
    assert "F-KEY-REVOKED" in json.dumps(verdict)


async def test_a_key_that_is_only_seen_or_trusted_for_another_meter_changes_nothing(bench: Bench) -> None:
    other = curves.spki(testkeys.private_key("secp256r1", "another key"))
    await bench.store.commit(
        RegisteredKey(bench.serial, other, _history("seen")),
        RegisteredKey("ANOTHER", other, _history("seen", "trusted")),
    )
    verdict, colours = await _judged(bench)
    assert verdict["summary"]["green"] == 1 and set(colours) == {"green"}
    await bench.store.commit(RegisteredKey(bench.serial, other, _history("seen", "trusted")))
    verdict, colours = await _judged(bench)
    assert verdict["summary"]["green"] == 0 and "green" not in colours


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


# A meter that is away -----------------------------------------------------------------------------------------------


async def test_an_outage_does_not_abandon_a_session(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    id = await bench.sessions.begin(bench.serial, {"energy_wh": 1000}, WHO)
    bench.silent = True
    session, roles = await bench.until(id, lambda one: one.options.get("waiting"), seconds=1)
    assert (session.state, session.ended, roles) == ("running", None, ["begin"])
    assert "has not answered for 60 s" in session.options["waiting"]
    assert bench.sessions.charging(bench.serial)
    (told,) = await bench.events()
    assert (told.id, told.detail) == (Id.SESSION_INTERRUPTED, f"{bench.serial}, session {id}")
    assert f"session {id} of {bench.serial} stays open" in caplog.text
    await bench.pass_(600)
    bench.silent = False
    bench.sessions.returned(bench.serial)
    session, roles = await bench.until(id, closed)
    assert (session.state, session.options["failure"], roles) == ("ended", None, ["begin", "end", "session"])
    assert session.options["waiting"] is None
    assert float(session.options["measured_wh"]) >= 1800
    assert bench.demand() == 0
    assert len(await bench.events()) == 1


async def test_an_outage_that_is_over_before_the_limit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to say that the meter is back."""
    monkeypatch.setattr(charging, "AGAIN", 0.01)
    id = await bench.sessions.begin(bench.serial, {"duration_s": 600}, WHO)
    bench.silent = True
    await bench.until(id, lambda one: one.options.get("waiting"), seconds=1)
    bench.silent = False
    session, roles = await bench.until(id, lambda one: not one.options.get("waiting"), seconds=1)
    assert (session.state, roles) == ("running", ["begin"])
    session, _ = await bench.until(id, closed, seconds=5)
    assert (session.state, session.options["failure"]) == ("ended", None)
    assert 600 <= (session.ended or 0) / 1000 - session.begun / 1000 <= 640, "the duration counts from the begin"


async def test_an_end_is_kept_while_the_meter_is_away(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    id = await bench.sessions.begin(bench.serial, {"identification": "T"}, WHO)
    bench.silent = True
    with pytest.raises(CommandFailed, match="no answer: the end is kept") as raised:
        await bench.do(bench.sessions.end(id, WHO))
    assert raised.value.kind is Failing.METER
    session, roles = await bench.until(id, lambda one: one.options.get("waiting"), seconds=1)
    assert (session.state, roles) == ("ending", ["begin"])
    bench.away = True
    asked = len(bench.rig.link.requests)
    for sessions in (bench.sessions, later := bench.again()):
        await sessions.resume() if sessions is later else None
        with pytest.raises(CommandFailed, match="the meter is offline: the end is kept"):
            await asyncio.wait_for(sessions.end(id, WHO), 1)
    assert len(bench.rig.link.requests) == asked, "it is not even asked"
    await bench.sessions.close()
    bench.silent = bench.away = False
    later.returned(bench.serial)
    session, roles = await bench.until(id, closed)
    assert (session.state, session.options["failure"], roles) == ("ended", None, ["begin", "end", "session"])
    assert bench.demand() == 0
    audit = [entry.action async for _, _, entry in bench.store.audit()]
    assert audit == ["session begin", *["session end"] * 3]


async def test_an_end_waits_for_a_meter_only_so_long(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charging, "WAIT", 0.05)
    id = await bench.sessions.begin(bench.serial, {}, WHO)
    never = asyncio.Event()

    async def answer(unit: int, pdu: bytes, *, timeout: float | None = None) -> bytes:
        await never.wait()
        raise AssertionError

    bench.rig.link.exchange = answer
    with pytest.raises(CommandFailed, match="the end is kept"):
        await bench.sessions.end(id, WHO)
    assert (await bench.kept(id))[0].state == "ending"


async def test_a_begin_at_a_meter_that_is_offline_is_refused_at_once(bench: Bench) -> None:
    bench.away = True
    with pytest.raises(CommandFailed, match="the meter is offline") as raised:
        await bench.sessions.begin(bench.serial, {}, WHO)
    assert raised.value.kind is Failing.METER
    assert await bench.store.sessions() == []
    assert not bench.sessions.charging(bench.serial)


async def test_a_begin_that_may_have_closed_the_contactor_is_ended_later(bench: Bench) -> None:
    """The meter falls silent after it was told to turn on, and for longer than anybody waits."""
    driver, snapshot = bench.rig.source.driver, bench.rig.source.driver.snapshot

    async def turned_on(kind: Any) -> Any:
        driver.snapshot = snapshot
        await snapshot(kind)
        bench.silent = True
        raise ResponseTimeout("no answer")

    driver.snapshot = turned_on
    with pytest.raises(CommandFailed, match="CURRENT MAY FLOW"):
        await bench.do(bench.sessions.begin(bench.serial, {"identification": "T"}, WHO))
    (session,) = await bench.store.sessions()
    assert session.state == "ending"
    await bench.until(session.id, lambda one: one.options.get("waiting"), seconds=1)
    bench.silent = False
    assert bench.demand() == 1
    bench.sessions.returned(bench.serial)
    session, roles = await bench.until(session.id, closed)
    assert (session.state, roles) == ("failed", ["end"])
    assert "CURRENT MAY FLOW" in session.options["failure"]
    assert bench.demand() == 0


async def test_the_end_of_a_session_that_failed_is_refused(bench: Bench) -> None:
    await bench.store.commit(Session("0123", bench.serial, "failed", 1, "kim", {"failure": "it rained"}, 2))
    with pytest.raises(CommandFailed, match="the session has failed: it rained") as raised:
        await bench.sessions.end("0123", WHO)
    assert raised.value.kind is Failing.CONFLICT


# What belongs to another session ------------------------------------------------------------------------------------


@pytest.mark.parametrize("switching", [True, False])
async def test_the_records_of_another_session_are_left_alone(bench: Bench, switching: bool) -> None:
    """The backup of an hour ago is back: meanwhile somebody else charges."""
    id = await bench.sessions.begin(bench.serial, {"identification": "A"}, WHO)
    await bench.sessions.close()
    driver = bench.rig.source.driver
    bench.rig.run(driver.session(identification="B", switching=switching).begin())
    later = bench.again()
    await later.resume()
    session, roles = await bench.until(id, closed)
    assert (session.state, session.verdict, roles) == ("failed", None, ["begin"])
    assert ("not the begin of this session" if switching else "of another session") in session.options["failure"]
    assert bench.demand() == 1, "it is not ours to end"
    async with asyncio.timeout(5):
        while later.charging(bench.serial):  # until the task knows what is stored already
            await asyncio.sleep(0.002)
    with pytest.raises(CommandFailed, match="the session has failed"):
        await later.end(id, WHO)


async def test_what_had_not_begun_leaves_another_session_alone(bench: Bench) -> None:
    await bench.store.commit(
        Session("0123", bench.serial, "beginning", 1, "kim", {"identification": "A", "family": "bsm"})
    )
    bench.rig.run(bench.rig.source.driver.session(identification="B").begin())
    await bench.again().resume()
    session, roles = await bench.until("0123", closed)
    assert (session.state, roles, bench.demand()) == ("failed", [], 1)
    assert "carries the metadata of another session" in session.options["failure"]


async def test_an_end_that_the_meter_has_signed_already_is_fetched(bench: Bench) -> None:
    """As where its answer was lost, or where the backup is older than the end."""
    id = await bench.sessions.begin(bench.serial, {"identification": "A"}, WHO)
    await bench.sessions.close()
    signed = bench.rig.run(bench.rig.source.driver.snapshot("turn-off"))
    later = bench.again()
    await later.resume()
    await later.end(id, WHO)
    session, roles = await bench.kept(id)
    assert (session.state, roles) == ("ended", ["begin", "end", "session"])
    assert (await bench.store.signed_records(id))[1].data.decode() == signed.words


@pytest.mark.parametrize("identification", ["A", "B"])
@pytest.mark.parametrize("ended", [True, False])
async def test_a_dmed4_that_serves_another_session(direct: Bench, identification: str, ended: bool) -> None:
    """Also where the other one has the same identification."""
    id = await direct.do(direct.sessions.begin(direct.serial, {"identification": "A"}, WHO))
    await direct.sessions.close()
    driver = direct.rig.source.driver
    await direct.do(driver.sign("E"))
    await direct.pass_(10)
    other = driver.session(identification=identification)
    await direct.do(other.begin())
    await direct.pass_(10)
    if ended:
        await direct.do(other.end())
    later = direct.again()
    await later.resume()
    session, roles = await direct.until(id, closed, seconds=0.25)
    assert (session.state, session.verdict, roles) == ("failed", None, ["begin"])
    assert "for another session: ID" in session.options["failure"]
    assert (await direct.do(driver.status())).charging is not ended, "a cycle of somebody else stays open"


async def test_a_dmed4_session_goes_on_after_an_outage(direct: Bench) -> None:
    id = await direct.do(direct.sessions.begin(direct.serial, {"identification": "A", "duration_s": 300}, WHO))
    direct.silent = True
    await direct.until(id, lambda one: one.options.get("waiting"), seconds=1)
    direct.silent = False
    direct.sessions.returned(direct.serial)
    session, roles = await direct.until(id, closed, seconds=5)
    assert (session.state, roles) == ("ended", ["begin", "end", "session"])
    assert 300 <= (session.ended or 0) / 1000 - session.begun / 1000 <= 340


# Keys, options, disks -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("allowed", [True, False])
async def test_published_test_keys_count_only_where_they_are_allowed(
    bench: Bench, direct: Bench, allowed: bool
) -> None:
    for one in (bench, direct):
        sessions = one.again(allow_test_keys=allowed)
        id = await one.do(sessions.begin(one.serial, {"identification": "A"}, WHO))
        await one.pass_(60)
        await one.do(sessions.end(id, WHO))
        session, _ = await one.kept(id)
        assert session.verdict is not None
        assert session.verdict["sessions"][0]["overall"] == ("green" if allowed else "yellow")
        assert is_true(session) is allowed
        found = {finding["code"] for record in session.verdict["records"] for finding in record["findings"]}
        assert "F-TEST-KEY" in found
        assert {record.overall for record in await one.store.signed_records(id)} == {"green" if allowed else "yellow"}


async def test_options_that_a_meter_cannot_take_are_named(bench: Bench, direct: Bench) -> None:
    cases = (
        (bench, {"identification": "x" * 128}, "identification: .*140 bytes"),
        (bench, {"identification": "ä" * 70}, "identification: .*140 bytes"),
        (bench, {"identification": "x", "evse": "y" * 95}, "evse: .*100 bytes"),
        (direct, {"identification": "a|b"}, "identification: "),
        (direct, {"evse": "a|b"}, "evse: "),
    )
    for one, options, text in cases:
        with pytest.raises(CommandFailed, match=text) as raised:
            await one.sessions.begin(one.serial, options, WHO)
        assert raised.value.kind is Failing.INVALID
    assert await bench.store.sessions() == []


async def test_a_full_disk_is_named_and_nothing_begins(bench: Bench) -> None:
    bench.full = True
    with pytest.raises(CommandFailed, match="no space on the gateway") as raised:
        await bench.sessions.begin(bench.serial, {}, WHO)
    assert raised.value.kind is Failing.STORAGE
    assert bench.demand() == 0
    bench.full = False
    await bench.sessions.begin(bench.serial, {}, WHO)


async def test_a_disk_that_is_full_for_a_while_loses_no_end(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charging, "AGAIN", 0.01)
    id = await bench.sessions.begin(bench.serial, {"duration_s": 60}, WHO)
    bench.full = True
    for _ in range(100):
        await bench.pass_(1)
        await asyncio.sleep(0.002)
    assert (await bench.kept(id))[0].state == "running"
    assert bench.demand() == 0, "the meter has ended it"
    bench.full = False
    session, roles = await bench.until(id, closed)
    assert (session.state, roles) == ("ended", ["begin", "end", "session"])
