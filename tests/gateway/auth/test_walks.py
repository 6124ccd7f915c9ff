"""Random walks of users, guessers, restarts and changes, beside a reading of 9.4 as plain as can be.

The reference keeps every failure for ever and looks at all of them each time; it knows nothing of stores, caches and
processes. Whatever path a walk takes, both must give the same answer, and a refusal without judgement costs nothing.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest

from tests.gateway.auth.house import LIGHT, House, basic, request
from wattproof.gateway.auth.gate import Gate
from wattproof.gateway.auth.identity import Refusal
from wattproof.gateway.auth.sessions import Sessions
from wattproof.gateway.records import User

ADDRESSES = ("192.0.2.1", "192.0.2.2", "198.51.100.7")
NAMES = ("admin", "operator", "nobody")
WINDOW, DAY = 15 * 60, 24 * 3600
LADDER = (60, 120, 240, 480, 900)


@dataclass
class Counter:
    """Failures of one pair, user or address in seconds, and the locks that followed."""

    limit: int
    steps: tuple[int, ...]
    failures: list[float] = field(default_factory=list)
    locks: int = 0
    until: float = 0.0

    def fail(self, now: float) -> None:
        if self.failures and now - self.failures[-1] >= DAY:
            self.locks = 0
        self.failures.append(now)
        recent = [time for time in self.failures if now - time < WINDOW]
        if len(recent) >= self.limit or (self.locks and len(self.steps) > 1):
            self.until = now + self.steps[min(self.locks, len(self.steps) - 1)]
            self.locks += 1


class Reference:
    """Section 9.4 and the negative entries of 9.3."""

    def __init__(self) -> None:
        self.pairs: dict[tuple[str, str], Counter] = {}
        self.users: dict[str, Counter] = {}
        self.addresses: dict[str, Counter] = {}
        self.known: dict[tuple[str, str], float] = {}

    def counters(self, user: str, address: str) -> tuple[Counter, Counter, Counter]:
        return (
            self.pairs.setdefault((user, address), Counter(5, LADDER)),
            self.users.setdefault(user, Counter(100, (WINDOW,))),
            self.addresses.setdefault(address, Counter(30, (WINDOW,))),
        )

    def locked(self, user: str, address: str, now: float) -> bool:
        pair, everywhere, here = self.counters(user, address)
        known = (user, address) in self.known and now - self.known[user, address] < 30 * DAY
        return pair.until > now or here.until > now or (everywhere.until > now and not known)

    def fail(self, user: str, address: str, now: float) -> None:
        for counter in self.counters(user, address):
            counter.fail(now)

    def succeed(self, user: str, address: str, now: float) -> None:
        self.pairs.pop((user, address), None)
        self.known[user, address] = now


async def attempt(gate: Gate, user: str, password: str, address: str) -> int:
    try:
        await gate.admit(basic(user, password, request(address=address)))
    except Refusal as refusal:
        return refusal.status
    return 200


@pytest.mark.proves("G-313", "G-316", "G-317")
@pytest.mark.parametrize("seed", range(8))
async def test_a_walk(house: House, seed: int):
    dice, reference = random.Random(seed), Reference()
    passwords = {"admin": "admin-secret", "operator": "operator-secret"}
    gates = [house.gate(told=seed % 2 == 0) for _ in range(2)]
    guess, start = 0, house.clock.now()
    for _ in range(160):
        now = (house.clock.now() - start) / 10**9
        user, address, gate = dice.choice(NAMES), dice.choice(ADDRESSES), dice.choice(gates)
        match dice.choices(["guess", "right", "wait", "restart", "change"], [10, 3, 4, 1, 0.5])[0]:
            case "guess":
                guess += 1
                before, locked = house.verifier.count, reference.locked(user, address, now)
                found = await attempt(gate, user, f"guess {guess}", address)
                assert found == (429 if locked else 401), (seed, user, address, now)
                assert house.verifier.count - before == (not locked)
                if not locked:
                    reference.fail(user, address, now)
            case "right" if user in passwords:
                before, locked = house.verifier.count, reference.locked(user, address, now)
                found = await attempt(gate, user, passwords[user], address)
                assert found == (429 if locked else 200), (seed, user, address, now)
                if house.verifier.count > before:
                    reference.succeed(user, address, now)
                assert not locked or house.verifier.count == before
            case "wait":
                house.clock.advance(dice.choice([0.5, 7, 61, 250, 900, 5000, 90_000]))
            case "restart":
                gates[dice.randrange(2)] = house.gate(told=seed % 2 == 0)
            case "change" if user in passwords:
                passwords[user] = f"secret number {guess} of {user}"
                present = await house.store.user(user)
                generation = present.generation + 1
                await house.commit(User(user, LIGHT.hash(passwords[user]), generation, admin=present.admin))
        house.clock.advance(0.2)  # the limit of requests without credentials is another test's
    assert guess > 40


@pytest.mark.proves("G-319")
@pytest.mark.parametrize("seed", range(4))
def test_a_walk_of_sessions(seed: int):
    """No more than 5 and 64, and none beyond its times, whatever happens."""
    dice, sessions, now = random.Random(seed), Sessions(), 0
    alive: dict[str, tuple[str, int, int]] = {}
    for _ in range(3000):
        now += dice.choice([0, 1, 1000, 60_000, 600_000])
        alive = {t: (u, b, s) for t, (u, b, s) in alive.items() if now - s < 900_000 and now - b < 43_200_000}
        user = f"u{dice.randrange(20)}"
        if dice.random() < 0.5:
            own = sorted((begun, token) for token, (of, begun, _) in alive.items() if of == user)
            gone = own[0][1] if len(own) == 5 else None
            if len(alive) - (gone is not None) >= 64:
                continue
            if gone is not None and len(own) > 1 and own[0][0] == own[1][0]:
                continue  # two of the same moment: either may go
            alive.pop(gone, None)
            alive[sessions.open(user, 1, "x", now)] = (user, now, now)
        elif alive:
            token = dice.choice(sorted(alive))
            assert sessions.find(token, now) is not None
            alive[token] = (*alive[token][:2], now)
        assert len(sessions) <= 64
