"""Listening at the address that #5 has set, and coming back (8.1)."""

from __future__ import annotations

from typing import Any

import pytest

from wattproof.errors import PortInUse
from wattproof.gateway.serve.network import Moving, mac_text
from wattproof.gateway.serve.problems import Problem
from wattproof.model.clock import VirtualClock

HOME, NEW = "192.0.2.1", "192.0.2.7"
BEFORE = {"dhcp": True, "ip": HOME}


class Listeners:
    """Where a process listens; some addresses cannot be opened."""

    def __init__(self) -> None:
        self.host = HOME
        self.moves: list[str] = []
        self.taken: set[str] = set()

    async def move(self, host: str) -> None:
        if host in self.taken:
            raise PortInUse("address in use")
        self.moves.append(host)
        self.host = host


def _ours(ip: str) -> bool:
    return ip.startswith("192.0.2.")


class Moves:
    def __init__(self) -> None:
        self.clock = VirtualClock()
        self.listeners = Listeners()
        self.restored: list[Any] = []
        self.moving = Moving(self.listeners, self.clock, self.restore, home=HOME, belongs=_ours)

    async def restore(self, settings: dict[str, Any] | None) -> None:
        self.restored.append(settings)

    def begin(self, ip: str, *, dhcp: bool = False) -> None:
        self.moving.begin({"dhcp": dhcp, "ip": ip}, BEFORE)


@pytest.fixture
async def moves() -> Any:
    made = Moves()
    yield made
    await made.moving.close()


@pytest.mark.proves("G-332")
async def test_a_visitor_makes_the_new_address_stay(moves: Moves) -> None:
    moves.begin(NEW)
    await moves.clock.run(0.9)
    assert moves.listeners.host == HOME
    await moves.clock.run(60)
    assert moves.listeners.host == NEW
    moves.moving.visit((HOME, 443))
    moves.moving.visit(None)
    await moves.clock.run(50)
    moves.moving.visit((NEW, 443))
    await moves.clock.run(1000)
    assert moves.listeners.moves == [NEW] and not moves.restored and moves.moving.host == NEW


@pytest.mark.proves("G-332")
async def test_without_a_visitor_everything_is_as_before(moves: Moves) -> None:
    moves.begin(NEW)
    await moves.clock.run(120.9)
    assert moves.listeners.host == NEW and not moves.restored
    await moves.clock.run(0.2)
    assert moves.listeners.moves == [NEW, HOME] and moves.restored == [BEFORE]


async def test_an_address_that_cannot_be_opened_is_given_up(moves: Moves) -> None:
    moves.listeners.taken.add(NEW)
    moves.begin(NEW)
    await moves.clock.run(2)
    assert moves.listeners.host == HOME and moves.restored == [BEFORE]


async def test_with_dhcp_it_listens_where_it_was_started_to(moves: Moves) -> None:
    moves.begin(NEW)
    await moves.clock.run(2)
    moves.moving.visit((NEW, 443))
    await moves.clock.run(1)
    moves.begin("0.0.0.0", dhcp=True)
    await moves.clock.run(2)
    assert moves.listeners.host == HOME


@pytest.mark.proves("G-332")
def test_a_foreign_address_is_refused() -> None:
    moves = Moves()
    moves.moving.check({"dhcp": False, "ip": NEW})
    moves.moving.check({"dhcp": True, "ip": "203.0.113.1"})
    with pytest.raises(Problem, match="ip is not an address of this host"):
        moves.moving.check({"dhcp": False, "ip": "203.0.113.1"})


@pytest.mark.proves("G-331")
async def test_where_the_configuration_does_not_allow_it_nothing_moves() -> None:
    still = Moving(None, VirtualClock(), Moves().restore, home=HOME)
    still.check({"dhcp": False, "ip": "203.0.113.1"})
    still.begin({"dhcp": False, "ip": "203.0.113.1"}, None)
    assert still.host == HOME
    await still.close()


def test_hardware_addresses_are_decimal() -> None:
    assert mac_text(0) == "0.0.0.0.0.0" and mac_text(0xFFFFFFC72200) == "255.255.255.199.34.0"
