"""Guesses at the gate: counted, locked, the same for names that do not exist."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace

import pytest

from tests.gateway.auth.house import HERE, LIGHT, THERE, Held, House, basic, request, status
from wattproof.errors import StorageError
from wattproof.gateway.auth.gate import Gate
from wattproof.gateway.auth.identity import Refusal
from wattproof.gateway.auth.lockout import Keys
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.records import User


def guess(number: int, user: str = "operator", address: str = HERE):
    return basic(user, f"guess {number}", request(address=address))


async def guesses(gate: Gate, count: int, user: str = "operator", address: str = HERE) -> list[int]:
    return [await status(gate, guess(number, user, address)) for number in range(count)]


@pytest.mark.proves("G-313")
@pytest.mark.parametrize("told", [True, False])
async def test_five_guesses_lock_the_pair_and_the_right_password_with_it(house: House, told: bool):
    gate = house.gate(told=told)
    assert await guesses(gate, 6) == [401] * 5 + [429]
    assert await status(gate, basic("operator")) == 429
    assert await status(gate, basic("operator", facts=request(address=THERE))) == 200
    assert await status(gate, basic("admin")) == 200
    verified = house.verifier.count
    number = 10
    for seconds in (60, 120, 240, 480, 900, 900):
        with pytest.raises(Refusal) as refused:
            await gate.admit(basic("operator"))
        assert (refused.value.status, refused.value.text) == (429, "too many failed logins")
        assert refused.value.retry_after == seconds
        house.clock.advance(seconds - 0.001)
        assert await status(gate, guess(number)) == 429
        house.clock.advance(0.001)
        number += 1
        verified += 1
        assert await status(gate, guess(number)) == 401
        assert house.verifier.count == verified, "a guess while it is locked costs nothing"
    house.clock.advance(900)
    assert await status(gate, basic("operator")) == 200
    assert await guesses(gate, 4) == [401] * 4
    assert await status(gate, basic("operator")) == 200, "a success has cleared the ladder"


@pytest.mark.proves("G-310", "G-313")
async def test_a_lock_ends_the_session_and_the_remembered_credentials_of_its_address(house: House):
    gate = house.gate()
    here, there, admin = [
        (await gate.login(await gate.admit(basic(user, facts=request(address=address)))))[10:42]
        for user, address in (("operator", HERE), ("operator", THERE), ("admin", HERE))
    ]
    live = await gate.admit(request(cookie=here))
    await guesses(gate, 5)
    assert await status(gate, basic("operator")) == 429
    with pytest.raises(Refusal):
        await gate.recheck(live)
    house.clock.advance(60)
    assert await status(gate, request(cookie=here)) == 401
    assert await status(gate, request(cookie=there, address=THERE)) == 200, "nobody locks him out from outside"
    assert await status(gate, request(cookie=admin)) == 200


@pytest.mark.proves("G-316")
@pytest.mark.parametrize("told", [True, False])
async def test_counters_survive_a_restart_and_hold_in_every_process(house: House, told: bool):
    assert await guesses(house.gate(told=told), 4) == [401] * 4
    restarted = house.gate(told=told)
    assert await status(restarted, guess(4)) == 401
    for gate in house.gates:
        assert await status(gate, basic("operator")) == 429
    assert await status(house.gate(told=told), basic("operator")) == 429


@pytest.mark.proves("G-317", "G-308")
async def test_names_that_do_not_exist_get_the_same_answers_locks_and_costs(house: House):
    for user in ("operator", "nobody", "Not A Name"):
        gate, before = house.gate(), house.verifier.count
        found = await guesses(gate, 6, user)
        costs = house.verifier.count - before
        house.clock.advance(60)
        found += [await status(gate, guess(10, user)), await status(gate, guess(11, user))]
        keys = Keys(user.lower(), HERE)
        counters = await house.store.failures(keys.all())
        assert (found, costs) == ([401] * 5 + [429, 401, 429], 5)
        assert [len(counters[key].times) for key, _ in keys.rules()][:2] == [5, 6]
        house.clock.advance(24 * 3600)


@pytest.mark.proves("G-318")
async def test_a_hundred_failures_from_everywhere_spare_the_addresses_that_the_user_comes_from(house: House):
    gate = house.gate()
    facts = basic("operator", facts=request(address=THERE))
    cookie = (await gate.login(await gate.admit(facts)))[10:42]
    for number in range(100):
        assert await status(gate, guess(number, address=f"203.0.113.{number // 4}")) == 401
    assert await status(gate, guess(100, address="203.0.113.200")) == 429
    assert await status(gate, basic("operator", facts=request(address="203.0.113.201"))) == 429
    assert await status(gate, facts) == 200
    assert await status(gate, request(cookie=cookie, address=THERE)) == 401, "his sessions have ended once"
    assert await status(house.gate(), facts) == 200, "that he comes from there is known after a restart"
    house.clock.advance(15 * 60)
    assert await status(gate, basic("operator", facts=request(address="203.0.113.201"))) == 200


@pytest.mark.proves("G-318")
async def test_thirty_failures_over_all_users_lock_the_address(house: House):
    gate = house.gate()
    assert await status(gate, basic("admin", facts=request(address=THERE))) == 200
    for number in range(10):
        assert await guesses(gate, 3, f"user{number}") == [401] * 3
        house.clock.advance(1)
    for facts in (basic("admin"), request(), replace(request(), authorization="Bearer x"), request(cookie="x")):
        assert await status(gate, facts) == 429
    assert await status(gate, basic("admin", facts=request(address=THERE))) == 200
    house.clock.advance(15 * 60 - 2)
    assert await status(gate, basic("admin")) == 429
    house.clock.advance(2)
    assert await status(gate, basic("admin")) == 200


@pytest.mark.proves("G-314")
async def test_a_poller_with_an_old_password_costs_little_and_locks_nobody(house: House):
    gate = house.gate()
    old = basic("operator", "old-secret")
    for _ in range(3600):
        assert await status(gate, old) == 401
        house.clock.advance(1)
    assert house.verifier.count == 60
    keys = Keys("operator", HERE)
    counters = await house.store.failures(keys.all())
    assert sum(len(counters[key].times) for key, _ in keys.rules()) == 3, "one failure in three counters"
    assert await status(gate, basic("operator")) == 200
    assert await house.events() == [1]


@pytest.mark.proves("G-315")
async def test_a_hundred_guesses_at_once_cost_no_more_than_five(house: House):
    gate = house.gate()
    await gate.admit(basic("admin"))
    crowd = [asyncio.create_task(status(gate, guess(number))) for number in range(100)]
    await asyncio.sleep(0)
    for _ in range(50):
        assert await status(gate, basic("admin")) == 200, "who is known is not slowed"
    found = await asyncio.gather(*crowd)
    assert found.count(401) == 5
    assert set(found) == {401, 429, 503}
    counters = await house.store.failures(Keys("operator", HERE).all())
    assert len(counters[Keys("operator", HERE).pair].times) == 5


@pytest.mark.proves("G-315")
async def test_the_right_password_among_many_guesses_is_not_answered_once_they_are_too_many(house: House):
    gate = house.gate()
    crowd = [asyncio.create_task(status(gate, guess(number))) for number in range(12)]
    late = asyncio.create_task(status(gate, basic("operator")))
    assert await late == 429
    assert sorted(await asyncio.gather(*crowd)) == [401] * 5 + [429] * 7


async def test_the_same_pair_at_once_is_judged_once(house: House):
    gate = house.gate()
    right = [asyncio.create_task(status(gate, basic("operator"))) for _ in range(25)]
    assert await asyncio.gather(*right) == [200] * 25
    wrong = [asyncio.create_task(status(gate, basic("admin", "wrong"))) for _ in range(25)]
    assert await asyncio.gather(*wrong) == [401] * 25
    assert house.verifier.count == 2
    assert len((await house.store.failures([Keys("admin", HERE).pair]))[Keys("admin", HERE).pair].times) == 1


async def test_who_leaves_takes_nobody_along(house: House):
    gate = house.gate()
    first = asyncio.create_task(status(gate, basic("operator")))
    second = asyncio.create_task(status(gate, basic("operator")))
    alone = asyncio.create_task(status(gate, basic("admin", "wrong")))
    await asyncio.sleep(0)
    first.cancel()
    alone.cancel()
    assert await second == 200
    assert first.cancelled()


@pytest.mark.proves("G-324", "G-312")
async def test_event_1_at_the_first_failure_and_at_each_lock_without_secrets(
    house: House, caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.DEBUG)
    gate = house.gate()
    await guesses(gate, 5)
    assert await house.events() == [1, 1]
    house.clock.advance(60)
    await status(gate, guess(9))
    await status(gate, basic("my-password-by-mistake", "x"))
    events = [event for _, event in await house.store.events()]
    assert [event.id for event in events] == [1, 1, 1, 1]
    assert {event.category for event in events} == {4}
    assert events[-1].time == house.clock.time() // 10**6 - 60_000
    assert "operator" in events[-1].detail
    written = repr(house.written) + caplog.text
    assert "guess" not in written
    assert "mistake" not in written


async def test_a_full_disk_is_no_way_round(house: House, caplog: pytest.LogCaptureFixture):
    gate = house.gate()
    house.failing = StorageError("no space")
    assert await guesses(gate, 6) == [401] * 5 + [429]
    gate.changed(None)
    assert await status(gate, basic("operator")) == 429
    assert "cannot be stored" in caplog.text
    house.failing = None
    house.clock.advance(60)
    assert await status(gate, guess(9)) == 401
    assert await status(house.gate(), basic("operator")) == 429, "and it is stored as soon as it can be"


async def test_setting_the_clock_of_the_host_neither_opens_nor_prolongs_a_lock(house: House):
    gate = house.gate()
    cookie = (await gate.login(await gate.admit(basic("admin"))))[10:42]
    await guesses(gate, 5)
    for step in (+86_400, -7 * 86_400):
        house.clock.set_time(house.clock.time() + step * 10**9)
        assert await status(gate, basic("operator")) == 429
        assert await status(gate, request(cookie=cookie)) == 200
    await guesses(gate, 1, "nobody")
    [newest, *_] = [event for _, event in await house.store.events()]
    assert newest.time == house.clock.time() // 10**6, "what is written down has the time of the clock"
    restarted = house.gate()
    assert await status(restarted, basic("operator")) == 429
    house.clock.advance(60)
    assert await status(gate, basic("operator")) == 200
    await guesses(restarted, 5)
    house.clock.advance(15 * 60)
    assert await status(restarted, basic("operator")) == 200, (
        "no lock is longer than the longest, whatever the clock said"
    )


async def test_a_wrong_token_is_a_failure_of_its_address(house: House):
    gate = house.gate()
    for number in range(30):
        assert await status(gate, basic("admin")) == 200
        for _ in range(2 if number < 29 else 1):
            assert await status(gate, replace(request(), authorization=f"Bearer t{number}")) == 401
        house.clock.advance(1)
    assert await status(gate, basic("admin")) == 429
    assert house.verifier.count == 1


async def test_a_password_that_changes_while_it_is_judged_is_not_the_right_one(house: House):
    hashing = Held(memory=64, passes=1)
    verifier = Verifier(hashing)
    gate = Gate(house.store, house.commit, verifier, house.clock, current=lambda: True)
    house.gates.append(gate)
    try:
        waiting = asyncio.create_task(status(gate, basic("operator")))
        while not hashing.running:
            await asyncio.sleep(0.001)
        await house.commit(User("operator", LIGHT.hash("changed-secret"), generation=2))
        new = asyncio.create_task(status(gate, basic("operator", "changed-secret")))
        hashing.gate.set()
        assert await waiting == 401
        assert await new == 200
        assert await house.store.failures([Keys("operator", HERE).pair]) == {}
    finally:
        hashing.gate.set()
        verifier.close()


@pytest.mark.proves("G-317")
async def test_one_network_of_ipv6_is_locked_as_one(house: House):
    gate = house.gate()
    found = [await status(gate, guess(n, address=f"2001:db8::{n}")) for n in range(6)]
    assert found == [401] * 5 + [429]
    assert await status(gate, basic("operator", facts=request(address="2001:db8:0:1::1"))) == 200
