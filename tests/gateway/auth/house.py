"""A gate with the real store behind it, told of changes as ``acquire`` tells them, and requests for it."""

from __future__ import annotations

import base64
import threading
from dataclasses import dataclass, field, replace
from typing import Any

from wattproof.gateway.acquire.notices import CHANGED, notices_of
from wattproof.gateway.auth.facts import Facts
from wattproof.gateway.auth.gate import Gate
from wattproof.gateway.auth.identity import Refusal
from wattproof.gateway.auth.passwords import Hashing, Verifier
from wattproof.gateway.records import Access, Binding, Meter, User, Write
from wattproof.gateway.store.base import Store
from wattproof.model.clock import VirtualClock

LIGHT = Hashing(memory=64, passes=1)
HERE, THERE = "192.0.2.1", "198.51.100.7"
COMMON = {"admin": "admin-secret", "operator": "operator-secret"}
HASHES = {name: LIGHT.hash(password) for name, password in COMMON.items()}


class House:
    """``gates`` stand for processes that serve."""

    def __init__(self, store: Store, verifier: Verifier) -> None:
        self.store, self.verifier, self.clock = store, verifier, VirtualClock()
        self.gates: list[Gate] = []
        self.failing: Exception | None = None
        self.written: list[Write] = []

    async def furnish(self) -> None:
        """Users ``admin`` (gateway admin) and ``operator`` (who may see M1 and configure M2), two meters."""
        users = [User(name, HASHES[name], admin=name == "admin") for name in COMMON]
        meters = [Meter(serial, "abb", 3, 17, "line", registered=1) for serial in ("M1", "M2")]
        access = [Binding("operator", "M1", Access.VIEW), Binding("operator", "M2", Access.CONFIGURE)]
        await self.store.commit(*users, *meters, *access)

    def gate(self, *, told: bool = True, **options: Any) -> Gate:
        """One more process that serves; with ``told=False`` one that hears of no change."""
        gate = Gate(self.store, self.commit, self.verifier, self.clock, current=lambda: told, **options)
        self.gates.append(gate)
        return gate

    async def commit(self, *writes: Write) -> None:
        if self.failing is not None:
            raise self.failing
        await self.store.commit(*writes)
        self.written += writes
        for kind, value in notices_of(writes):
            for gate in self.gates if kind == CHANGED else ():
                gate.changed(value)

    async def events(self) -> list[int]:
        """Ids of the events, oldest first."""
        return [event.id for _, event in reversed(await self.store.events())]


def request(method: str = "GET", path: str = "/gateway", address: str = HERE, **headers: str | None) -> Facts:
    return Facts(method, path, address, host="gateway:8443", **headers)


def basic(user: str, password: str | None = None, facts: Facts | None = None) -> Facts:
    """``facts`` with Basic credentials, by default the right ones."""
    pair = f"{user}:{COMMON[user] if password is None else password}"
    return replace(facts or request(), authorization="Basic " + base64.b64encode(pair.encode()).decode())


async def status(gate: Gate, facts: Facts) -> int:
    """200, or the status with which the gate refuses."""
    try:
        await gate.admit(facts)
    except Refusal as refusal:
        return refusal.status
    return 200


@dataclass(frozen=True)
class Held(Hashing):
    """Verifications that wait until they are let go, and count how many run at once."""

    gate: threading.Event = field(default_factory=threading.Event)
    running: list[int] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def verify(self, stored: str, password: str) -> bool:
        with self.lock:
            self.running.append(1)
        assert self.gate.wait(10)
        return super().verify(stored, password)
