"""A meter on its bus: polls, requests, and being away."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from itertools import pairwise
from typing import Any

import pytest

from tests.gateway.acquire.rig import Rig, virtual
from wattproof.gateway.acquire.buses import MOST_WAITING, Urgency
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Group, Meter


async def everything(coroutines: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
    return list(await asyncio.gather(*coroutines))


async def test_polls_are_stored_with_the_time_of_their_reading() -> None:
    async with Rig() as rig:
        await rig.pass_(60)
        live, energy = rig.readings(42, Group.LIVE), rig.readings(42, Group.ENERGY)
        assert 58 <= len(live) <= 61 and 3 <= len(energy) <= 6
        asked = {round((rig.clock.time() - rig.clock.now()) / 1e6 + second * 1000) for second in rig.wire.times(42)}
        assert all(row.time in asked for row in (*live, *energy))
        assert all(row.qualities is None and None not in row.values for row in live)
        # Groups that are due together are one transaction, at the bus and in the store.
        times = {row.time for row in live}
        assert all(row.time in times for row in energy)
        assert len(rig.wire.asked) <= 61 + 3


async def test_the_grid_follows_the_gateways_time() -> None:
    async with Rig(range(1, 6), kind="rtu") as rig:
        await rig.pass_(120)
        for unit in range(1, 6):
            rows = rig.readings(unit, Group.ENERGY)[1:]
            assert all(row.time % 15_000 < 3_500 for row in rows) and len(rows) >= 6
            assert {after.time - before.time for before, after in pairwise(rows)} <= set(range(14_800, 15_200))


@pytest.mark.proves("G-013")
async def test_a_thousand_requests_cost_one_transaction() -> None:
    async with Rig() as rig:
        station = rig.stations[42]
        await rig.pass_(20)
        station.polls.clear()
        await rig.pass_(5)
        before = len(rig.wire.asked)
        answers = await rig.run(everything(station.values([69, 96], 1.0, 10) for _ in range(1000)))
        assert len(rig.wire.asked) == before + 1
        assert all(answer == answers[0] and set(answer) == {69, 96} for answer in answers)
        await rig.run(station.values([69], 1.0, 10))
        assert len(rig.wire.asked) == before + 1


async def test_an_answer_is_not_older_than_asked_for() -> None:
    async with Rig() as rig:
        station = rig.stations[42]
        await rig.pass_(2)
        station.polls.clear()
        await rig.run(station.values([69], 0.0, 10))
        read = station.latest[69].time
        await rig.pass_((read + 5000 - rig.site.now) / 1000)
        before = len(rig.wire.asked)
        assert (await rig.run(station.values([69], 5.0, 10)))[69].time == read
        assert len(rig.wire.asked) == before
        await rig.pass_(0.001)
        assert (await rig.run(station.values([69], 5.0, 10)))[69].time == read + 5001
        assert len(rig.wire.asked) == before + 1


async def test_a_dead_meter_is_told_once_probed_seldom_and_told_again_when_it_is_back() -> None:
    async with Rig() as rig:
        station = rig.stations[42]
        await rig.pass_(10)
        assert [(row.status, row.traits) for row in rig.store.all(Meter)] == [(1, ("signs",))]
        assert rig.events() == {}
        rig.wire.dead.add(42)
        await rig.pass_(3)
        assert station.presence.status == -1 and rig.events() == {9: 1}
        start = len(rig.wire.asked)
        with pytest.raises(CommandFailed) as failed:
            await station.values([69], 1.0, 10)
        assert failed.value.kind is Failing.METER
        assert failed.value.text == "received invalid response from COSEM."
        assert "offline" in failed.value.detail
        assert len(rig.wire.asked) == start
        await rig.pass_(300)
        probes = rig.wire.times(42)[start:]
        assert [round(after - before) for before, after in pairwise(probes)][:5] == [20, 40, 60, 60, 60]
        assert rig.events() == {9: 1}
        # The last probe is long ago, so a request is one.
        await rig.pass_(probes[-1] + 12 - rig.now if rig.now < probes[-1] + 12 else 0)
        before = len(rig.wire.asked)
        with pytest.raises(CommandFailed):
            await rig.run(station.values([69], 1.0, 10))
        assert len(rig.wire.asked) == before + 1
        rig.wire.dead.clear()
        await rig.pass_(61)
        assert station.presence.status == 1 and rig.events() == {9: 1, 5: 1}
        assert [row.status for row in rig.store.all(Meter)] == [1, -1, 1]
        assert [value["id"] for kind, value in rig.told if kind == "event"] == [9, 5]


@pytest.mark.proves("G-373")
async def test_a_dead_meter_delays_the_others_by_no_more_than_its_probes() -> None:
    units = range(1, 33)
    async with Rig(units, kind="rtu", delay=0.05) as rig:
        rig.wire.dead.add(7)
        await rig.pass_(180)
        for unit in units:
            if unit == 7:
                continue
            rows = rig.readings(unit, Group.LIVE)
            gaps = [after.time - before.time for before, after in pairwise(rows[1:])]
            assert len(rows) >= 34 and max(gaps) <= 5000 + 3 * 300 + 400
        assert len(rig.wire.times(7)) <= 3 + 5


@pytest.mark.proves("G-373")
async def test_writes_go_before_reads_and_reads_before_polls() -> None:
    units = range(1, 9)
    async with Rig(units, kind="rtu", delay=0.1) as rig:
        await rig.pass_(20)
        rig.wire.asked.clear()
        order: list[str] = []

        async def noted(name: str) -> None:
            order.append(name)
            await rig.stations[1].source.read([69])

        reads = [rig.runner.submit(lambda n=n: noted(f"read {n}"), Urgency.READ) for n in (1, 2)]
        write = rig.runner.submit(lambda: noted("write"), Urgency.WRITE)
        for command in (*reads, write):
            await rig.run(rig.runner.outcome_of(command, 10))
        assert order == ["write", "read 1", "read 2"]


async def test_too_many_waiting_commands_are_turned_away() -> None:
    async with Rig() as rig:
        await rig.pass_(5)

        async def slow() -> None:
            await rig.clock.sleep(0.5)

        commands = [rig.runner.submit(slow, Urgency.READ) for _ in range(MOST_WAITING)]
        with pytest.raises(CommandFailed) as refused:
            rig.runner.submit(slow, Urgency.READ)
        assert refused.value.kind is Failing.BUSY and (refused.value.retry_after or 0) >= 1
        # While these go on for half a minute no poll is missed by more than its turn.
        await rig.pass_(40)
        assert all(command.outcome.done() for command in commands)
        rows = rig.readings(42, Group.LIVE)
        assert max(after.time - before.time for before, after in pairwise(rows)) <= 2100


async def test_a_lost_connection_is_taken_up_again_before_a_meter_counts_as_away() -> None:
    async with Rig() as rig:
        await rig.pass_(5)
        rig.wire.cut = 2
        await rig.pass_(5)
        assert rig.events() == {} and len(rig.readings(42, Group.LIVE)) >= 9
        rig.wire.down = True
        await rig.pass_(5)
        assert rig.events() == {9: 1}


async def test_a_bus_that_cannot_keep_up_stretches_all_intervals_equally() -> None:
    units = range(1, 21)
    async with Rig(units, kind="rtu", delay=0.5) as rig:
        await rig.pass_(400)
        assert rig.runner.load.stretch > 1.5
        counts = [len([row for row in rig.readings(unit, Group.LIVE) if row.time]) for unit in units]
        assert max(counts) - min(counts) <= 3 and min(counts) > 20


async def test_another_meter_at_the_address_is_not_taken_for_it() -> None:
    async with Rig() as rig:
        await rig.pass_(5)
        station = rig.stations[42]
        station.record.place["identity"] = station.source.serial
        rig.wire.meters[42] = virtual(42, seed=43)
        rig.wire.dead.add(42)
        await rig.pass_(5)
        rig.wire.dead.clear()
        stored = len(rig.readings(42, Group.LIVE))
        await rig.pass_(30)
        assert len(rig.readings(42, Group.LIVE)) == stored
        assert "another meter answers" in station.statistics.error


async def test_readings_wait_while_the_disk_is_full() -> None:
    async with Rig() as rig:
        await rig.pass_(5)
        rig.store.failing = True
        await rig.pass_(10)
        assert rig.site.ledger.failure == "no space left on the disk"
        rig.store.failing = False
        await rig.pass_(5)
        assert rig.site.ledger.failure is None
        rows = rig.readings(42, Group.LIVE)
        assert max(after.time - before.time for before, after in pairwise(rows)) <= 1500
        assert rig.site.ledger.lost == 0


async def test_a_meter_that_signs_is_left_alone_and_not_taken_to_be_away() -> None:
    async with Rig(range(1, 3)) as rig:
        await rig.pass_(20)
        station = rig.stations[1]
        with station.signing():
            rig.wire.dead.add(1)  # it answers nobody while it signs
            began = rig.now
            await rig.pass_(15)
            assert not [second for second in rig.wire.times(1) if second > began]
            with pytest.raises(CommandFailed):
                await rig.run(station.values([69], 1.0, 10))
            assert not station.presence.is_offline
            rig.wire.dead.clear()
        await rig.pass_(3)
        assert [second for second in rig.wire.times(1) if second > began + 15], "polled again at once"
        assert len([second for second in rig.wire.times(2) if second > began]) >= 15, (
            "the others were polled all the time"
        )
        assert rig.events()[9] == 0


async def test_a_mistake_of_ours_with_one_meter_ends_neither_its_bus_nor_the_others(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with Rig((1, 2)) as rig:
        await rig.pass_(10)
        source: Any = rig.stations[1].source

        async def broken(ids: object) -> dict[int, object]:
            raise RuntimeError("a mistake of ours")

        monkeypatch.setattr(source, "read", broken)
        await rig.pass_(10)
        assert rig.runner.statistics.mistakes > 0 and "a mistake of ours" in caplog.text
        assert len(rig.readings(2, Group.LIVE)) >= 12
        with pytest.raises(CommandFailed) as failed:
            await rig.run(rig.stations[1].values([69], 0.0, 10))
        assert failed.value.kind is Failing.INTERNAL
        monkeypatch.undo()
        before = len(rig.readings(1, Group.LIVE))
        await rig.pass_(10)
        assert len(rig.readings(1, Group.LIVE)) > before + 5


@pytest.mark.proves("G-374")
async def test_no_value_gets_a_newer_time_than_its_reading() -> None:
    async with Rig(delay=0.4) as rig:
        station = rig.stations[42]
        await rig.pass_(10)
        asked = {round((rig.clock.time() - rig.clock.now()) / 1e6 + second * 1000) for second in rig.wire.times(42)}
        assert {value.time for value in station.latest.values()} <= asked
        rig.wire.dead.add(42)
        await rig.pass_(30)
        last = max(value.time for value in station.latest.values())
        with pytest.raises(CommandFailed):
            await rig.run(station.values([69], 5.0, 10))
        # However long it is asked for, what was read last keeps its time, in memory and in the store.
        assert max(value.time for value in station.latest.values()) == last <= rig.site.now - 20_000
        assert rig.readings(42, Group.LIVE)[-1].time == last
