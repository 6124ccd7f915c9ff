"""One request on its way through a virtual meter, and the wire that its answer goes back on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from wattproof.virtual.base import Onward
    from wattproof.virtual.line import Delivery, LineFaults, Value
    from wattproof.wire.modbus.framing.messages import Request

_NOTHING: Mapping[str, Value] = {}


class Wire(Protocol):
    """Where an answer goes: one connection or one line."""

    @property
    def tcp(self) -> bool:
        """Whether it speaks Modbus TCP."""
        ...

    @property
    def network(self) -> bool:
        """Whether it is the network interface of the meter, not a line with several units on it."""
        ...

    @property
    def connection(self) -> bool:
        """Whether there is a connection that can be closed."""
        ...

    @property
    def supersedes(self) -> bool:
        """Half-duplex: who asks anew has given the old question up."""
        ...

    def encode(self, request: Request, pdu: bytes, /) -> bytes:
        """The frame that answers ``request`` with ``pdu``."""
        ...

    def send(self, delivery: Delivery, arrived: int) -> None:
        """Let an answer out; ``arrived`` is when the request's last byte came. Harmless on a closed wire."""
        ...


class Forwarder(Protocol):
    """The way from a meter to the line behind it."""

    def forward(self, request: Request, onward: Onward, reply: Callable[[bytes | None], None], /) -> None:
        """Ask a unit on the line; ``reply`` is called once, with an answer PDU or ``None`` for silence."""
        ...

    async def close(self) -> None:
        """End the line; what still waits is answered with silence."""
        ...


class Job:
    """One request on its way through the meter."""

    __slots__ = ("_drawn", "arrived", "hits", "request", "waited", "wire")

    def __init__(self, request: Request, wire: Wire, arrived: int) -> None:
        self.request = request
        self.wire = wire
        self.arrived = arrived
        #: Whether the meter was blocked when it came.
        self.waited = False
        #: The bus faults that hit it.
        self.hits: tuple[str, ...] = ()
        self._drawn = _NOTHING

    @property
    def broadcast(self) -> bool:
        """Whether it is for everybody on a line: then nobody answers."""
        return self.request.unit == 0 and not self.wire.network

    def strike(self, line: LineFaults) -> None:
        """Draw for the bus faults that are in force now and were not before."""
        active = line.active
        if active is not self._drawn and (active or self._drawn):
            wire = self.wire
            self.hits = line.strike_again(self.hits, self._drawn, tcp=wire.tcp, connection=wire.connection)
            self._drawn = active
