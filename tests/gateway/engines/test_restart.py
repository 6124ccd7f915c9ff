"""Killed at any moment: what is committed is all that counts (G-357)."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.engines.bench import BSM, HOUR, MINUTE, SECOND, Bench, bench_at, utc
from wattproof.errors import StorageError
from wattproof.gateway.engines.engine import MeterEngine
from wattproof.gateway.records import EngineState, Kind, Row

START = utc(2026, 6, 1, 20, 50)
SETTINGS: tuple[tuple[int, dict[str, Any]], ...] = (
    (84, {"actions": [[2, "06:00"], [1, "23:10"], [3, "23:40"]], "profile": 1}),
    (86, {"weekprofiles": [{"dayid": [1] * 7, "profile": "W"}]}),
    (88, {"seasonprofiles": [{"day": 1, "month": 1, "profile": "S", "weekprofile": "W"}]}),
    (82, {"source": 0}),
    (79, {"dmc": [[1, 5], [1, 13], [96, 1]], "interval": [900, 300], "period": "daily"}),
    (71, {"interval": "daily", "pvconfig": [1, 9, 10, 11, 171]}),
    (53, {"alarmconfig": [{"id": 1, "quantity": 96, "onthreshold": 3500, "offthreshold": 3000, "ondelay": 60,
                           "offdelay": 120, "log": True}]}),
    (45, {"conversionfactor": {"co2": "0.380"}}),
)  # fmt: skip


def load(at: int) -> int:
    """Watts: steps of seven minutes, with a peak now and then."""
    step = (at - START) // (7 * MINUTE)
    return 1000 + 700 * (step * step % 5)


class Metered(Bench):
    """The steps as power and, summed up exactly, as energy."""

    def __init__(self) -> None:
        super().__init__(BSM, START, self._energy, lambda at: {96: load(at) * 100})
        self.polls = MINUTE

    def _energy(self, at: int) -> dict[int, int]:
        whole, rest = divmod(at - START, 7 * MINUTE)
        total = sum(load(START + k * 7 * MINUTE) for k in range(whole)) * 7 * MINUTE + load(at) * rest
        return {1: 5_000 + total // 3600}


async def metered() -> Metered:
    bench = Metered()
    await bench.start()
    for resource, body in SETTINGS:
        await bench.put(resource, body)
    return bench


def everything(bench: Bench) -> Any:
    """Rows, log and what the registers show."""
    shown = {id: value[:3] for id, value in bench.engine.values(bench.at).items()}
    return bench.kept.table, bench.kept.log, shown, bench.engine.alarm_flags, bench.kept.states


@pytest.fixture(scope="module")
def undisturbed() -> Any:
    async def run() -> Any:
        bench = await metered()
        bench.run(START + 80 * MINUTE)
        return everything(bench)

    return asyncio.run(run())


@pytest.mark.proves("G-357")
@settings(max_examples=6, deadline=None)
@given(moments=st.lists(st.integers(0, 80 * 60), min_size=3, max_size=12))
async def test_killed_at_any_moments_nothing_differs(undisturbed, moments):
    """Between a commit and what comes next: rows, log, registers and state are those of an engine never killed."""
    killed = await metered()
    end = START + 80 * MINUTE
    for seconds in sorted(moments):
        killed.run(START + seconds * SECOND)
        await killed.restart()
    killed.run(end)
    assert everything(killed) == undisturbed
    assert killed.kept.all(Kind.PREVIOUS) and killed.kept.all(Kind.DEMAND) and killed.kept.log


@pytest.mark.proves("G-357")
async def test_killed_before_the_commit_the_reading_counts_for_nothing():
    """What was not committed has not happened: the next reading books it, and no row is written twice."""
    bench = await bench_at(2026, 6, 1, 10)
    bench.polls = 5 * SECOND
    bench.run(bench.at + 15 * MINUTE - SECOND)
    kept, bench.kept.states = bench.kept.states, dict(bench.kept.states)
    bench.at += SECOND
    writes = bench.engine.feed({}, bench.at)
    assert not [write for write in writes if isinstance(write, Row)]
    bench.kept.states = kept
    await bench.restart()
    bench.run(bench.at + MINUTE)
    [row] = bench.kept.all(Kind.PROFILE, 1)
    assert (row.status, row.values) == (1, (1_000_000 + 15 * MINUTE - 5 * SECOND,)) or row.values[0] > 1_000_000
    assert bench.engine.values(bench.at)[9].mantissa == bench.energy(bench.at)[1] - 1_000_000


@pytest.mark.proves("G-357", "G-378")
async def test_a_write_that_cannot_be_stored_has_not_happened():
    bench = await metered()
    bench.run(START + 20 * MINUTE)
    numbers = (44, 52, 70, 74, 78, 81, 83, 85, 87, 89)
    before = [await bench.get(number) for number in numbers], everything(bench)
    bench.kept.full = True
    for resource, body in (
        (45, {"conversionfactor": {"co2": 1, "currency": 2}}), (53, {"alarmconfig": []}),
        (57, {"resettableenergy": {"activeimport": True}}), (71, {"interval": "monthly", "pvconfig": [1]}),
        (72, {}), (75, {"lpconfig": []}), (76, {}), (79, {"dmc": [], "interval": [60, 60], "period": "daily"}),
        (80, {}), (82, {"source": 1, "tariff": 3}), (84, {"actions": [], "profile": 3}), (86, {"weekprofiles": []}),
        (90, {"specialdayprofiles": []}),
    ):  # fmt: skip
        with pytest.raises(StorageError):
            await bench.put(resource, body)
    bench.kept.full = False
    assert ([await bench.get(number) for number in numbers], everything(bench)) == before
    other = await metered()
    bench.run(START + 90 * MINUTE)
    other.run(START + 90 * MINUTE)
    assert everything(bench) == everything(other)


async def test_what_is_read_while_a_write_is_under_way_waits_for_its_outcome():
    """Whether the write is stored or not: nothing read meanwhile is lost, and no row either."""
    for stored in (True, False):
        bench = await bench_at(2026, 6, 1, 10)
        bench.run(bench.at + 15 * MINUTE - SECOND)
        commit = bench.kept.commit

        async def slow(writes: Any, bench: Bench = bench, commit: Any = commit, stored: bool = stored) -> None:
            bench.at += SECOND
            assert bench.engine.feed({1: replaced(bench)}, bench.at) == []
            if not stored:
                raise StorageError("no space left")
            await commit(writes)

        bench.engine._commit = slow
        if stored:
            await bench.put(82, {"tariff": 2})
        else:
            with pytest.raises(StorageError):
                await bench.put(82, {"tariff": 2})
        assert bench.engine.due() is not None and bench.engine.due() <= bench.at
        bench.kept.keep(bench.engine.tick(bench.at))
        assert [row.status for row in bench.kept.all(Kind.PROFILE, 1)] == [1]
        assert (await bench.get(81))["tariff"] == (2 if stored else 1)


@pytest.mark.proves("G-357")
@pytest.mark.parametrize("stored", [True, False])
async def test_who_asked_has_gone_before_the_write_was_stored(stored):
    """The state is that of the store, whatever becomes of the request."""
    bench = await bench_at(2026, 6, 1, 10)
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow(writes: Any) -> None:
        begun.set()
        await go_on.wait()
        if not stored:
            raise StorageError("no space left")
        bench.kept.keep(writes)

    bench.engine._commit = slow
    asking = asyncio.create_task(bench.put(82, {"tariff": 3}))
    await begun.wait()
    asking.cancel()
    await asyncio.sleep(0)
    assert not asking.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError if stored else StorageError):
        await asking
    assert (await bench.get(81))["tariff"] == (3 if stored else 1)
    await bench.restart()
    assert (await bench.get(81))["tariff"] == (3 if stored else 1)


def replaced(bench: Bench) -> Any:
    from wattproof.gateway.records import Value

    return Value(bench.energy(bench.at)[1], -3, bench.at)


async def test_a_new_engine_on_old_states_writes_nothing_by_itself():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + HOUR)
    before = bench.kept.table, dict(bench.kept.states)
    await bench.restart()
    assert (bench.kept.table, bench.kept.states) == before


async def test_a_meter_that_gives_less_or_more_than_before():
    bench = await bench_at(2026, 6, 1, 10)
    bench.run(bench.at + HOUR)
    bench.facts = replace(BSM, quantities=BSM.quantities | {2})
    await bench.restart()
    bench.energy = lambda at: {1: 5_000_000, 2: at // 1000}
    bench.run(bench.at + HOUR)
    assert bench.engine.values(bench.at)[85].mantissa == 3600 - 15
    bench.facts = replace(BSM, quantities=frozenset({2}))
    await bench.restart()
    bench.run(bench.at + 20 * MINUTE)
    assert 9 not in bench.engine.provides and 85 in bench.engine.provides


async def test_states_are_small_and_only_what_changed_is_written():
    bench = await metered()
    bench.run(START + HOUR)
    bench.at += 7 * SECOND
    writes = bench.engine.feed({1: replaced(bench)}, bench.at)
    assert {write.name for write in writes if isinstance(write, EngineState)} <= {"counters", "tariffs"}
    assert sum(len(repr(write.state)) for write in writes if isinstance(write, EngineState)) < 1500
    assert sum(len(repr(state)) for state in bench.kept.states.values()) < 10_000
    assert isinstance(bench.engine, MeterEngine)
