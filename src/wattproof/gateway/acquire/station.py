"""A registered meter seen from inside ``acquire``: what asks it, and what the gateway adds to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from wattproof.gateway.answers import Trait
from wattproof.gateway.records import Group, Value, Write

if TYPE_CHECKING:
    from wattproof.gateway.engines.gaps import Gap, Recorded


class Document(NamedTuple):
    """The body of a resource in the default form of section 3, and when it was read (UTC ms)."""

    body: Any
    time: int


class Answerer(Protocol):
    """Answers resources 41 to 90 of one meter, by their numbers.

    Raises:
        CommandFailed: ``invalid``, ``unsupported``, ``denied``, ``meter``; ``where`` names the member reached.
    """

    async def get(self, resource: int, arguments: Mapping[str, Any]) -> Document:
        """The body of a reading resource that is one document."""
        ...

    async def put(self, resource: int, body: Mapping[str, Any], arguments: Mapping[str, Any]) -> None:
        """Carry out a writing or deleting resource. The body has passed the shape of the resource."""
        ...

    def rows(self, resource: int, arguments: Mapping[str, Any]) -> AsyncIterator[Any]:
        """Resources 69, 73, 77: first the head (mapping, interval ...), then lists of finished items.

        ``arguments``: ``channel``, ``from``, ``to`` (local time as text), ``count``.
        """
        ...


class Source(Answerer, Protocol):
    """Asks the meter itself, whatever its family and transport. Nothing is kept: the station does that."""

    @property
    def serial(self) -> str:
        """Serial number by 10.1, known after ``open``."""
        ...

    @property
    def label(self) -> str:
        """What #43 and #49 call it."""
        ...

    def groups(self) -> Mapping[Group, frozenset[int]]:
        """Ids of quantities that the meter gives, by what is polled together."""
        ...

    async def open(self) -> None:
        """Find out who and what the meter is. Raises ``LinkError``, ``ProtocolError``, ``Refused``."""
        ...

    async def execute(self, obis: bytes, class_id: int, attributes: Mapping[str, int]) -> dict[str, Any]:
        """What it says of a COSEM object (16): ``values``, ``error`` where there is none; raises as drivers do."""
        ...

    async def read(self, ids: Collection[int]) -> dict[int, Value]:
        """Values by id, with the time of their reading; raises as drivers do."""
        ...

    async def close(self) -> None:
        """Let go of the meter, not of the bus."""
        ...


def charging_driver(source: Source) -> Any:
    """The driver with which a signed charging session may begin; ``None`` where the meter has no sessions."""
    driver = getattr(source, "driver", None)
    return driver if hasattr(driver, "session") else None


def traits_of(source: Source) -> tuple[str, ...]:
    """What the meter's record keeps of it beside quantities; known after ``open``."""
    signing = () if charging_driver(source) is None else (Trait.SIGNS,)
    return (*getattr(source, "traits", ()), *signing)


class Engine(Answerer, Protocol):
    """What the gateway adds to a meter (10.3, E). It computes; whoever calls it commits the writes it returns, in one
    transaction with the readings that caused them."""

    @property
    def provides(self) -> frozenset[int]:
        """Ids of quantities that it adds (tariff registers, resettable registers, CO2, currency)."""
        ...

    def feed(self, values: Mapping[int, Value], at: int) -> list[Write]:
        """New readings at ``at`` (host time, UTC ms)."""
        ...

    def tick(self, at: int) -> list[Write]:
        """Close what is due."""
        ...

    def due(self) -> int | None:
        """When :meth:`tick` has something to do (UTC ms)."""
        ...

    def boundary(self) -> int | None:
        """The next moment of which a reading is wanted, because a row ends there (UTC ms)."""
        ...

    def values(self, at: int) -> dict[int, Value]:
        """The quantities it adds, as of the last reading."""
        ...

    def lacks(self) -> list[Gap]:
        """Gaps that are over, for which the meter's own profile is to be asked before anything is estimated."""
        ...

    def fill(self, channel: int, rows: Iterable[Recorded], at: int) -> list[Write]:
        """What the meter itself has of the rows that a channel lacks, or none."""
        ...

    def clock_moved(self, offset: int, at: int) -> list[Write]:
        """The gateway's time was set (8.2): the offset to host time is now ``offset`` ms."""
        ...
