"""Places for connections, without any connection."""

from __future__ import annotations

import pytest

from wattproof.gateway.auth.addresses import networks
from wattproof.gateway.serve.door import Door
from wattproof.model.clock import VirtualClock


class Hall:
    def __init__(self, **options) -> None:
        self.clock, self.said = VirtualClock(), []
        self.door = Door(self.clock, self.said.append, **options)

    def enter(self, peer: str, count: int = 1):
        """So many from one address, not faster than may be."""
        places = []
        for _ in range(count):
            self.clock.advance(0.1)
            places.append(self.door.enter(peer))
        return places


@pytest.mark.proves("G-318")
def test_64_from_one_address_and_256_in_all():
    hall = Hall()
    first = hall.enter("192.0.2.1", 64)
    assert None not in first
    assert hall.enter("192.0.2.1") == [None]
    others = [place for number in (2, 3, 4) for place in hall.enter(f"192.0.2.{number}", 64)]
    assert None not in others
    assert len(hall.door) == 256
    assert hall.enter("192.0.2.5") == [None]
    first[0].leave()
    first[0].leave()
    assert len(hall.door) == 255
    [place] = hall.enter("192.0.2.5")
    assert place.peer == "192.0.2.5"
    assert hall.enter("192.0.2.1") == [None]
    for taken in (*first, *others, place):
        taken.leave()
    assert len(hall.door) == 0
    assert None not in hall.enter("192.0.2.1", 64)


@pytest.mark.proves("G-318")
def test_it_is_told_once_a_minute():
    hall = Hall(per_address=1)
    hall.enter("192.0.2.1")
    hall.enter("192.0.2.1", 3)
    assert len(hall.said) == 1
    hall.clock.advance(59.6)
    hall.enter("192.0.2.1")
    assert len(hall.said) == 1
    hall.enter("192.0.2.1", 2)
    assert len(hall.said) == 2
    assert "192.0.2.1" in hall.said[0]


@pytest.mark.proves("G-318")
def test_twenty_handshakes_a_second_and_forty_at_once():
    hall = Hall(per_address=1000, in_all=1000)
    assert [hall.door.enter("192.0.2.1") is None for _ in range(41)] == [False] * 40 + [True]
    assert hall.door.enter("192.0.2.2") is not None
    hall.clock.advance(0.05)
    assert [hall.door.enter("192.0.2.1") is None for _ in range(2)] == [False, True]
    assert hall.said == [], "that is no lack of places"


def test_a_trusted_proxy_stands_for_many():
    hall = Hall(trusted=networks(["10.0.0.0/8"]), in_all=100)
    assert None not in [hall.door.enter("10.0.0.1") for _ in range(100)]
    assert hall.door.enter("10.0.0.1") is None


def test_a_network_of_ipv6_is_one_address():
    hall = Hall(per_address=2)
    found = [hall.enter(f"2001:db8::{number}")[0] for number in range(3)]
    assert [place is None for place in found] == [False, False, True]
    found[0].leave()
    assert hall.enter("2001:db8::9") != [None]
