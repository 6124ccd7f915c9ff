"""One request on its way through a virtual meter, and the wire that its answer goes back on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
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

    def strike(self, line: LineFaults) -> None:
        """Draw for the bus faults that are in force now and were not before."""
        active = line.active
        if active is not self._drawn and (active or self._drawn):
            wire = self.wire
            self.hits = line.strike_again(self.hits, self._drawn, tcp=wire.tcp, connection=wire.connection)
            self._drawn = active
