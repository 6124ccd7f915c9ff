"""How many connections there may be, in all and from one address, and how fast they may come (g13-api.md 9.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from wattproof.gateway.auth.addresses import Network, counted, is_trusted, parsed
from wattproof.gateway.auth.buckets import Buckets
from wattproof.model.clock import Clock

#: Connections in all and from one address; TLS handshakes of one address: a second, and at once.
IN_ALL, PER_ADDRESS = 256, 64
HANDSHAKES = (20, 40)
#: Nanoseconds between two events that there were too many connections.
QUIET = 60 * 10**9


class Place:
    """One connection's place; leaving it twice is leaving it once."""

    __slots__ = ("_address", "_door", "peer")

    def __init__(self, door: Door, address: str, peer: str) -> None:
        self._door: Door | None = door
        self._address, self.peer = address, peer

    def leave(self) -> None:
        """The connection is over."""
        if self._door is not None:
            door, self._door = self._door, None
            door.left(self._address)


class Door:
    """``crowded`` is called with a text when a connection found no place, at most once a minute. A proxy in ``trusted``
    stands for many clients, and only the number of all connections holds for it."""

    def __init__(
        self,
        clock: Clock,
        crowded: Callable[[str], None],
        *,
        trusted: Sequence[Network] = (),
        in_all: int = IN_ALL,
        per_address: int = PER_ADDRESS,
        handshakes: tuple[float, float] = HANDSHAKES,
    ) -> None:
        self._clock, self._crowded, self._trusted = clock, crowded, trusted
        self._in_all, self._per_address = in_all, per_address
        self._handshakes = Buckets(*handshakes)
        self._places: Counter[str] = Counter()
        self._said: int | None = None

    def __len__(self) -> int:
        return self._places.total()

    def enter(self, peer: str) -> Place | None:
        """A place for a connection from ``peer``, ``None`` where there is none."""
        name, address = counted(peer), parsed(peer)
        proxy = address is not None and is_trusted(address, self._trusted)
        if not proxy and not self._handshakes.take(name, self._clock.now() // 10**6):
            return None
        if len(self) >= self._in_all:
            self._tell(f"{self._in_all} connections are open; one from {peer} was closed")
            return None
        if not proxy and self._places[name] >= self._per_address:
            self._tell(f"{self._per_address} connections from {peer} are open; one more was closed")
            return None
        self._places[name] += 1
        return Place(self, name, peer)

    def left(self, name: str) -> None:
        """A place is free again."""
        self._places[name] -= 1
        if not self._places[name]:
            del self._places[name]

    def _tell(self, text: str) -> None:
        now = self._clock.now()
        if self._said is None or now - self._said >= QUIET:
            self._said = now
            self._crowded(text)
