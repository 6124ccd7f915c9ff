"""Changes that fall between a read and its use: a store that answers late, as one across a network does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.gateway.auth.house import HERE, LIGHT, Held, House, basic, request, status
from wattproof.gateway.auth.gate import Gate
from wattproof.gateway.auth.lockout import Keys
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.auth.tokens import new_token
from wattproof.gateway.records import Access, Binding, DropToken, User


class Late:
    """A store that has read, and is held up before it says what."""

    def __init__(self, store: Any) -> None:
        self._store = store
        self.held: dict[str, asyncio.Event] = {}
        self.reading: dict[str, int] = {}

    def __getattr__(self, name: str) -> Any:
        read = getattr(self._store, name)

        async def late(*arguments: Any, **options: Any) -> Any:
            found = await read(*arguments, **options)
            self.reading[name] = self.reading.get(name, 0) + 1
            await asyncio.sleep(0)
            if name in self.held:
                await self.held[name].wait()
            return found

        return late

    def hold(self, name: str) -> asyncio.Event:
        self.held[name] = asyncio.Event()
        self.reading[name] = 0
        return self.held[name]

    async def has_read(self, name: str, times: int = 1) -> None:
        async with asyncio.timeout(5):
            while self.reading.get(name, 0) < times:
                await asyncio.sleep(0)


@pytest.fixture
async def late(house: House) -> AsyncIterator[tuple[Gate, Late]]:
    reader = Late(house.store)
    gate = Gate(reader, house.commit, house.verifier, house.clock, current=lambda: True)
    house.gates.append(gate)
    yield gate, reader


@pytest.mark.proves("G-311")
async def test_rights_read_before_a_change_are_not_remembered_after_it(house: House, late: tuple[Gate, Late]):
    gate, reader = late
    held = reader.hold("bindings")
    before = asyncio.create_task(gate.admit(basic("operator")))
    await reader.has_read("bindings")
    await house.commit(Binding("operator", "M1", Access.NONE))
    held.set()
    await before
    assert (await gate.admit(basic("operator"))).access["M1"] is Access.NONE


@pytest.mark.proves("G-310")
async def test_a_token_read_before_it_was_revoked_is_not_remembered_after_it(house: House, late: tuple[Gate, Late]):
    gate, reader = late
    token, text = new_token("operator", "t", ["read"], 1, None)
    await house.commit(token)
    facts = request()
    facts = type(facts)(**{**{s: getattr(facts, s) for s in facts.__slots__}, "authorization": f"Bearer {text}"})
    held = reader.hold("tokens")
    before = asyncio.create_task(status(gate, facts))
    await reader.has_read("tokens")
    await house.commit(DropToken(token.id))
    held.set()
    await before
    assert await status(gate, facts) == 401


@pytest.mark.proves("G-316")
async def test_failures_counted_at_the_same_moment_are_all_counted(house: House, late: tuple[Gate, Late]):
    gate, reader = late
    await house.commit(User("other", LIGHT.hash("other-secret")))
    held = reader.hold("failures")
    attempts = gate.attempts
    keys = Keys("operator", HERE)
    now = gate.now()
    counting = [asyncio.create_task(attempts.fail(keys, now, "operator")) for _ in range(4)]
    await reader.has_read("failures", 4)
    held.set()
    await asyncio.gather(*counting)
    assert len((await house.store.failures([keys.pair]))[keys.pair].times) == 4
    assert [await status(gate, basic("operator", f"guess {n}")) for n in range(2)] == [401, 429]


async def test_who_asks_with_the_new_password_does_not_wait_for_the_judgement_by_the_old_one(house: House):
    hashing = Held(memory=64, passes=1)
    verifier = Verifier(hashing)
    gate = Gate(house.store, house.commit, verifier, house.clock, current=lambda: True)
    house.gates.append(gate)
    try:
        early = asyncio.create_task(status(gate, basic("operator", "changed-secret")))
        while not hashing.running:
            await asyncio.sleep(0.001)
        await house.commit(User("operator", LIGHT.hash("changed-secret"), generation=2))
        after = asyncio.create_task(status(gate, basic("operator", "changed-secret")))
        await asyncio.sleep(0)
        hashing.gate.set()
        assert await early == 401, "it was asked before the change"
        assert await after == 200
    finally:
        hashing.gate.set()
        verifier.close()


async def test_a_gate_that_loses_touch_trusts_its_memory_no_more(house: House):
    told = True
    gate = Gate(house.store, house.commit, house.verifier, house.clock, current=lambda: told)
    house.gates.append(gate)
    for _ in range(2):
        assert await status(gate, basic("operator")) == 200
    told = False
    # Changed by another process, of which this one hears nothing.
    await house.store.commit(User("operator", LIGHT.hash("changed-secret"), generation=2))
    assert await status(gate, basic("operator")) == 401
    told = True
    gate.changed(None)  # it is connected again
    assert await status(gate, basic("operator")) == 401
    assert await status(gate, basic("operator", "changed-secret")) == 200
