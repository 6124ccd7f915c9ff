"""What this process remembers: bodies, tables, and work that equal requests share."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from wattproof.gateway.local import CONNECTED, Notice
from wattproof.gateway.records import Meter, Setting
from wattproof.gateway.serve.cache import Bodies
from wattproof.gateway.serve.tables import Tables
from wattproof.gateway.store.sqlite import SQLiteStore
from wattproof.model.clock import VirtualClock

KEY = ("A", 60)


class Line:
    """Whether the other process is heard."""

    def __init__(self) -> None:
        self.current = True

    def __call__(self) -> bool:
        return self.current


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def bodies(clock: VirtualClock, line: Line) -> Bodies:
    return Bodies(clock, line)


def keep(bodies: Bodies, clock: VirtualClock, age: float, most: float, key: Any = KEY) -> None:
    bodies.keep(key, b"body", clock.time() // 10**6 - round(1000 * age), most, bodies.version)


@pytest.mark.proves("G-371")
def test_a_body_is_good_until_its_oldest_value_is_too_old(bodies: Bodies, clock: VirtualClock) -> None:
    keep(bodies, clock, age=4.5, most=5)
    clock.advance(0.499)
    assert bodies.get(KEY) is not None
    clock.advance(0.001)
    assert bodies.get(KEY) is None
    keep(bodies, clock, age=5, most=5)
    assert bodies.get(KEY) is None


def test_a_body_is_good_for_a_second_at_most(bodies: Bodies, clock: VirtualClock) -> None:
    keep(bodies, clock, age=0, most=60)
    clock.advance(0.999)
    assert bodies.get(KEY) is not None
    clock.advance(0.001)
    assert bodies.get(KEY) is None


def test_changes_drop_bodies(bodies: Bodies, clock: VirtualClock, line: Line) -> None:
    other = ("B", 60)

    def fill() -> None:
        keep(bodies, clock, 0, 5)
        keep(bodies, clock, 0, 5, other)

    fill()
    bodies.take(Notice("changed", {"kinds": ["meters"], "serials": ["A"]}))
    assert bodies.get(KEY) is None and bodies.get(other) is not None
    fill()
    bodies.take(Notice(CONNECTED))
    assert bodies.get(KEY) is None and bodies.get(other) is None
    fill()
    line.current = False
    assert bodies.get(KEY) is None
    fill()
    line.current = True
    bodies.forget()
    version = bodies.version
    bodies.forget("A")
    bodies.keep(KEY, b"begun before the change", clock.time() // 10**6, 5, version)
    assert bodies.get(KEY) is None


@pytest.mark.proves("G-013")
async def test_a_thousand_equal_requests_share_one_piece_of_work(bodies: Bodies) -> None:
    begun = 0

    async def work() -> int:
        nonlocal begun
        begun += 1
        await asyncio.sleep(0)
        return begun

    assert set(await asyncio.gather(*(bodies.share(KEY, work) for _ in range(1000)))) == {1}
    assert await bodies.share(KEY, work) == 2
    before = asyncio.create_task(bodies.share(KEY, work))
    await asyncio.sleep(0)
    bodies.forget("A")  # who asks after a change must not get what was begun before it
    assert await asyncio.gather(before, bodies.share(KEY, work)) == [4, 4] or begun == 4


async def test_shared_work_goes_on_when_one_leaves_and_fails_for_all(bodies: Bodies) -> None:
    free = asyncio.Event()

    async def work() -> str:
        await free.wait()
        return "done"

    first, second = (asyncio.create_task(bodies.share(KEY, work)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    free.set()
    assert await second == "done"

    async def fail() -> str:
        raise ZeroDivisionError

    results = await asyncio.gather(*(bodies.share(KEY, fail) for _ in range(3)), return_exceptions=True)
    assert [type(result) for result in results] == [ZeroDivisionError] * 3


async def test_tables_are_read_once_until_a_notice_comes(tmp_path: Any, line: Line) -> None:
    store = SQLiteStore(tmp_path / "store.sqlite")
    tables = Tables(store, line)
    try:
        assert await tables.setting("ip", "none") == "none"
        await store.commit(Setting("ip", {"dhcp": True}), Meter("A", "bsm", 5, "h:1/1", "bus"))
        assert await tables.setting("ip") is None  # no notice yet: nobody was told that it is durable
        assert await tables.meter("A") is not None
        tables.take(Notice("changed", {"kinds": ["meters"], "serials": ["A"]}))
        assert await tables.setting("ip") is None
        tables.take(Notice("changed", {"kinds": ["settings"]}))
        assert await tables.setting("ip") == {"dhcp": True}
        await store.commit(Setting("ip"), Meter("B", "bsm", 5, "h:1/2", "bus"))
        line.current = False
        assert await tables.setting("ip", 1) == 1
        assert list(await tables.meters()) == ["A", "B"]
        line.current = True
        tables.take(Notice(CONNECTED))
        assert list(await tables.meters()) == ["A", "B"]
    finally:
        await store.close()


async def test_what_was_read_before_a_change_is_not_remembered(line: Line) -> None:
    answers = [{"a": 1}, {"a": 2}]
    reading = asyncio.Event()

    class Slow:
        async def settings(self) -> dict[str, int]:
            found = answers.pop(0)
            await reading.wait()
            return found

    tables = Tables(Slow(), line)  # type: ignore[arg-type]
    first = asyncio.create_task(tables.setting("a"))
    await asyncio.sleep(0)
    tables.take(Notice("changed", {"kinds": ["settings"]}))
    reading.set()
    assert await first == 1
    assert await tables.setting("a") == 2
