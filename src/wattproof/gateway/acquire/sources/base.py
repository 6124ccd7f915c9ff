"""What every source has: its meter, its resources by number, and values with their times.

A family's source is a class with two tables: what reads a resource, and what writes it. What stands in neither is no
matter of the meter; :mod:`wattproof.gateway.answers` says who answers it then.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from decimal import Context, Decimal, Inexact
from pathlib import Path
from typing import Any, ClassVar

from msgspec import structs

from wattproof.gateway.acquire.sources.failures import told, unsupported
from wattproof.gateway.acquire.station import Document
from wattproof.gateway.engines.gaps import Recorded
from wattproof.gateway.quantities import NUMBERS, grouped
from wattproof.gateway.records import Group, Meter, Value
from wattproof.model.clock import Clock
from wattproof.model.readings import Reading, value_text
from wattproof.model.values import EXPONENT_LIMIT, Quality, to_decimal
from wattproof.wire.cosem.descriptors import logical_name

#: Path arguments of a resource.
Arguments = Mapping[str, Any]
Read = Callable[[Arguments], Awaitable[Any]]
Write = Callable[[Mapping[str, Any], Arguments], Awaitable[None]]
Rows = Callable[[Arguments], AsyncIterator[Any]]
MILLISECOND = 10**6
_EXACT = Context(prec=2 * EXPONENT_LIMIT, traps=[Inexact])
#: COSEM classes that hold one value: data, register, extended register.
CLASSES = frozenset({1, 3, 4})
#: What #16 says of an object that a device does not have.
UNDEFINED: Mapping[str, Any] = {"values": [], "error": "OBJECT_UNDEFINED"}


def never() -> bool:
    """No charging session runs."""
    return False


@dataclass(frozen=True, slots=True)
class Options:
    """What the configuration says of a meter beside its record.

    ``zone``: local time. ``folders``: where map files lie. ``password``: the advanced password of a DMED4 over REST,
    the password of an ABB meter, that of ``user`` at another gateway. ``host``: by which a REST meter is reached.
    ``serial``: by the configuration file. ``allow_switching``, ``integrate``: 10.3. ``charging``: whether a charging
    session of ours runs on this meter now. ``kept``: what :attr:`BaseSource.kept` said last, from the store.
    """

    zone: tzinfo = UTC
    folders: Sequence[Path] = ()
    password: str | None = None
    user: str | None = None
    host: str = ""
    serial: str | None = None
    allow_switching: bool = False
    integrate: bool = False
    charging: Callable[[], bool] = never
    kept: Mapping[str, Any] = field(default_factory=dict)


class BaseSource:
    """The part of a source that all families share; see :class:`wattproof.gateway.acquire.station.Source`.

    Subclasses know ``clock`` when they are made, and ``serial``, ``label`` and :meth:`ids` after ``open``.
    """

    #: Nominal voltage of an AC meter, V.
    nominal: ClassVar[int | None] = None
    #: Whether it does not know its transformers, so that the gateway multiplies (48).
    transformer = False

    def __init__(self, meter: Meter, options: Options, clock: Clock) -> None:
        self.meter = meter
        self.options = options
        self.clock = clock
        self.serial = ""
        self.label = ""
        self.reads: dict[int, Read] = {}
        self.writes: dict[int, Write] = {}
        self.streams: dict[int, Rows] = {}
        #: Values as they were read, on the primary side of transformers that the meter does not know.
        self.primary: Callable[[Mapping[int, Value]], dict[int, Value]] = dict

    @property
    def traits(self) -> tuple[str, ...]:
        """What the answers of 10.3 depend on beside quantities, for the meter's record; known after ``open``."""
        return ()

    @property
    def record(self) -> Meter:
        """The meter's record with what it is known to have now."""
        provides = tuple(sorted({*self.meter.provides, *self.ids()}))
        return structs.replace(self.meter, provides=provides, traits=self.traits)

    @property
    def moduli(self) -> Mapping[int, tuple[int, int]]:
        """Where counters begin anew, by id: mantissa and exponent in the unit of the quantity. Others never do."""
        return {}

    @property
    def most(self) -> int | None:
        """The most power that it can count, W; ``None`` where nobody says."""
        return None

    @property
    def recorded(self) -> bool:
        """Whether it keeps a load profile of its own."""
        return False

    @property
    def kept(self) -> dict[str, Any]:
        """What the station stores for it after a write, and gives back as :attr:`Options.kept`."""
        return {}

    async def open(self) -> None:
        """Find out who and what the meter is. Raises ``LinkError``, ``ProtocolError``, ``Refused``."""
        raise NotImplementedError

    def ids(self) -> Collection[int]:
        """Ids of all quantities that the meter gives."""
        raise NotImplementedError

    def groups(self) -> Mapping[Group, frozenset[int]]:
        """The same by what is polled together."""
        return grouped(self.ids())

    async def read(self, ids: Collection[int]) -> dict[int, Value]:
        """Values by id; those that the meter has not are left out. One read that is planned as a whole."""
        raise NotImplementedError

    async def own_rows(self, quantity: int, first: int, last: int) -> list[Recorded]:
        """Readings of a quantity from the meter's own load profile, oldest first: ends of intervals from ``first`` to
        ``last`` (UTC ms, as its clock has them), none if it records no such thing. Raises as drivers do."""
        return []

    async def execute(self, obis: bytes, class_id: int, attributes: Mapping[str, int]) -> dict[str, Any]:
        """Resource 16: the object of a logical name (six bytes), by the table of quantities (10.3).

        ``attributes``: numbers of those that hold ``value`` and ``unit``. What there is not is no failure: it has an
        ``error`` of its own. Raises as drivers do.
        """
        known = next((known for known in NUMBERS.values() if known.obis and logical_name(known.obis) == obis), None)
        if known is None or known.id not in self.ids() or class_id not in CLASSES or attributes.get("value", 2) != 2:
            return dict(UNDEFINED)
        value = (await self.read([known.id]))[known.id]
        if value.mantissa is None:
            return dict(UNDEFINED)
        unit = {"unit": known.unit.symbol} if "unit" in attributes else {}
        return {"values": [{"value": value_text(to_decimal(value.mantissa, value.exponent)), **unit}]}

    async def close(self) -> None:
        """Nothing: the bus belongs to others too."""

    @property
    def now(self) -> int:
        """Host time, UTC ms."""
        return self.clock.time() // MILLISECOND

    async def get(self, resource: int, arguments: Arguments) -> Document:
        """See :class:`~wattproof.gateway.acquire.station.Answerer`. The time is that before the meter is asked."""
        read = self.reads.get(resource)
        if read is None:
            raise unsupported(f"resource {resource}")
        time = self.now
        with told():
            return Document(await read(arguments), time)

    async def put(self, resource: int, body: Mapping[str, Any], arguments: Arguments) -> None:
        """See :class:`~wattproof.gateway.acquire.station.Answerer`."""
        write = self.writes.get(resource)
        if write is None:
            raise unsupported(f"resource {resource}")
        with told(writing=True):
            await write(body, arguments)

    async def rows(self, resource: int, arguments: Arguments) -> AsyncIterator[Any]:
        """See :class:`~wattproof.gateway.acquire.station.Answerer`."""
        stream = self.streams.get(resource)
        if stream is None:
            raise unsupported(f"resource {resource}")
        with told():
            async for part in stream(arguments):
                yield part


def value_of(reading: Reading, time: int, shift: int = 0) -> Value:
    """A reading as a value, exactly; ``shift``: power of ten from its unit to that of the quantity."""
    number = reading.value
    if not isinstance(number, Decimal):
        quality = Quality.MISSING if reading.quality is Quality.GOOD else reading.quality
        return Value(None, 0, time, quality)
    exponent = number.as_tuple().exponent
    if not isinstance(exponent, int):
        return Value(None, 0, time, Quality.INVALID)
    # Many times faster than through the digits, and exact: the context never rounds.
    return Value(int(number.scaleb(-exponent, _EXACT)), exponent + shift, time, reading.quality)
