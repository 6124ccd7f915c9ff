"""The short way of requests that are made again and again: as right as the long one, and gone with any change."""

from __future__ import annotations

import asyncio
import pickle
from typing import Any

import msgspec
import pytest

from tests.gateway.serve.requests import prepare
from tests.gateway.serve.rig import SERIAL, Answered, Rig, meter
from wattproof.gateway.local import Notice
from wattproof.gateway.records import Access, Binding, DropUser, Value
from wattproof.gateway.serve.cache import Kept

PATH = f"/meters/{SERIAL}/instrument"


class Short:
    """A rig, and which requests went the short way."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.taken = 0
        passes: Any = rig.app._passes
        find = passes.find

        def counted(scope: Any) -> Kept | None:
            found: Kept | None = find(scope)
            self.taken += found is not None
            return found

        passes.find = counted

    async def ask(self, user: str = "vera", path: str = PATH, **more: Any) -> tuple[Answered, bool]:
        before = self.taken
        answer = await self.rig.ask("GET", path, user=user, **more)
        return answer, self.taken > before


@pytest.fixture
async def short(rig: Rig) -> Short:
    await prepare(rig)
    made = Short(rig)
    for _ in range(2):  # the first verifies the password, which is a change
        answer, way = await made.ask()
        assert answer.status == 200 and not way
    return made


async def test_the_second_request_gets_the_same_by_the_short_way(short: Short) -> None:
    long, _ = await short.ask("carl")
    await short.ask()
    for _ in range(3):
        answer, way = await short.ask()
        assert way and (answer.status, answer.headers, answer.body) == (200, long.headers, long.body)
    assert short.rig.asked.count("values") == 1
    short.rig.clock.advance(1)
    answer, way = await short.ask()
    assert not way and answer.header("age") == "1"


@pytest.mark.proves("G-013")
async def test_a_thousand_parallel_requests_ask_once(short: Short) -> None:
    short.rig.clock.advance(5)
    short.rig.line.asked.clear()
    answers = await asyncio.gather(*(short.ask("carl") for _ in range(1000)))
    assert {answer.status for answer, _ in answers} == {200}
    assert short.rig.asked.count("values") == 1


@pytest.mark.proves("G-310", "G-311")
async def test_any_change_ends_it_at_once(short: Short) -> None:
    rig = short.rig
    vera = await rig.store.user("vera")
    assert vera is not None
    ends: list[tuple[list[Any], int]] = [
        ([Binding("vera", SERIAL, Access.NONE)], 403),
        ([Binding("vera", SERIAL, Access.VIEW)], 200),
        ([msgspec.structs.replace(vera, due=True)], 403),
        ([vera], 200),
        ([meter(active=False)], 403),
        ([meter()], 200),
        ([msgspec.structs.replace(vera, generation=2)], 200),
        ([DropUser("vera")], 401),
    ]
    for writes, status in ends:
        if status != 200:
            assert (await short.ask())[1]
        await rig.desk.commit(writes, {})
        answer, way = await short.ask()
        assert (writes, answer.status, way) == (writes, status, False)


async def test_it_is_nothing_for_others(short: Short) -> None:
    rig = short.rig
    for user, password, status in (("vera", "wrong", 401), ("nina", None, 403), ("carl", None, 200)):
        answer, way = await short.ask(user, password=password)
        assert (user, answer.status, way) == (user, status, False)
    answer, way = await short.ask(path=PATH + "/")
    assert answer.status == 200 and not way
    assert (await rig.ask("HEAD", PATH, user="vera")).status == 405
    assert (await rig.ask("POST", PATH, user="vera")).status == 405
    elsewhere = {"type": "http", "method": "GET", "path": PATH, "raw_path": PATH.encode(), "headers": []}
    answer = await rig.exchange(elsewhere | {"client": ("192.0.2.9", 1), "server": None}, [b""])
    assert answer.status == 401


@pytest.mark.proves("G-313")
async def test_a_locked_user_has_none(short: Short) -> None:
    for guess in range(5):
        short.rig.clock.advance(0.2)
        await short.ask(password=f"guess-{guess}")
    answer, way = await short.ask()
    assert answer.status == 429 and not way


@pytest.mark.proves("G-309")
async def test_it_ends_with_the_verification(short: Short) -> None:
    rig = short.rig
    rig.clock.advance(59.5)
    rig.desk.values[SERIAL] = {69: Value(1, 0, rig.clock.time() // 10**6)}
    await short.ask()
    assert (await short.ask())[1]
    rig.clock.advance(0.6)
    rig.desk.values[SERIAL] = {69: Value(2, 0, rig.clock.time() // 10**6)}
    assert (await short.ask())[1] is False


async def test_while_changes_are_not_heard_of_there_is_none(short: Short) -> None:
    short.rig.current = False
    assert (await short.ask())[1] is False
    short.rig.current = True
    short.rig.service.take(Notice("connected"))
    assert (await short.ask())[1] is False


async def test_who_logs_out_has_none(short: Short) -> None:
    assert (await short.ask())[1]
    await short.rig.ask("POST", "/logout", user="vera")
    assert (await short.ask())[1] is False


@pytest.mark.proves("G-312")
async def test_no_password_is_kept(short: Short) -> None:
    known: Any = short.rig.app._passes._known  # type: ignore[attr-defined]
    kept = pickle.dumps([(key, found.version, found.until, found.paths) for key, found in known.items()])
    assert known and b"vera" not in kept and b"dmVyY" not in kept


async def test_behind_a_proxy_every_request_is_looked_at(rig: Rig, tmp_path: Any, store: Any, verifier: Any) -> None:
    behind = Rig(tmp_path, store, verifier, trusted_proxies=("192.0.2.9",))
    await prepare(behind)
    short = Short(behind)
    for address in ("198.51.100.1", "198.51.100.2"):
        answer, way = await short.ask(headers={"x-forwarded-for": address})
        assert answer.status == 200 and not way
    await behind.close()
