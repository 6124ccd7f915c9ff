"""Asking any SunSpec meter: find its models, read points with few requests, write points together.

A driver awaits nothing but ``link.exchange`` and ``clock.sleep``, so it runs on asyncio and, stepped, without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import ClassVar

from wattproof.drivers.modbus import ModbusLink
from wattproof.drivers.registers import read_planned, write_registers
from wattproof.errors import InvalidValue, LinkError, ProtocolError, Refused
from wattproof.meters.sunspec import chain, models
from wattproof.meters.sunspec.model import Model
from wattproof.model.clock import Clock
from wattproof.model.devices import DeviceInfo
from wattproof.model.readings import Reading
from wattproof.wire.modbus.bindings import ABSENT, BoundPoint, RegisterMap, encode_value
from wattproof.wire.modbus.decoder import Decoder
from wattproof.wire.modbus.image import RegisterImage
from wattproof.wire.modbus.plan import Span, plan
from wattproof.wire.modbus.types import Blob, Text

#: What a point can be set to: a number, a text (or the name of a symbol), bytes; ``None`` writes "unavailable".
Value = Decimal | int | str | bytes | None

MOST_READ = 125
MOST_WRITTEN = 123
#: Selections that are remembered; a poller has a few.
MOST_SELECTIONS = 32
#: The word that stands for every point of the meter.
ALL = "all"


@dataclass(frozen=True, slots=True)
class Selection:
    """Points that were asked for together, and the requests that bring them."""

    decoder: Decoder
    requests: tuple[Span, ...]


class SunspecDriver:
    """A SunSpec meter at ``unit`` behind ``link``.

    ``chunk``: most registers in one read, 1..125. ``variant``: firmware, where it is known beforehand.
    ``patience``: seconds that what takes long may take, for drivers of meters that know such a thing.
    Points are written ``INSTANCE.POINT``, ``INSTANCE/POINT``, ``INSTANCE`` for all of it, or ``POINT`` where only one
    instance has it; case does not matter. Methods raise :class:`~wattproof.errors.LinkError` if the meter is not
    reached, :class:`~wattproof.errors.ProtocolError` if it does not keep to the rules,
    :class:`~wattproof.errors.ModbusRefused` if it refuses.
    """

    family: ClassVar[str] = "sunspec"
    #: Unit identifier where none is given.
    default_unit: ClassVar[int] = 1
    #: Models whose rows are known.
    known: ClassVar[Mapping[int, Model]] = models.BY_ID
    #: Instances that a read without points gives; empty: all that are known.
    overview: ClassVar[Sequence[str]] = ()
    #: Read-only registers that one write may pass over, because the device ignores them there.
    write_gap: ClassVar[int] = 0

    def __init__(
        self,
        link: ModbusLink,
        unit: int | None = None,
        clock: Clock | None = None,
        *,
        chunk: int = MOST_READ,
        variant: str | None = None,
        patience: float | None = None,
    ) -> None:
        self.link = link
        self.unit = self.default_unit if unit is None else unit
        self.clock = clock or link.clock
        self.variant = variant
        self.patience = patience
        if not 1 <= chunk <= MOST_READ:
            raise InvalidValue(f"chunk {chunk} is not possible: a request reads 1 to {MOST_READ} registers")
        self.chunk = chunk
        self._map: RegisterMap | None = None
        self._selections: dict[tuple[str, ...], Selection] = {}

    async def close(self) -> None:
        """End the connection; harmless when it has ended."""
        await self.link.close()

    # Where things are ---------------------------------------------------------------------------------------------

    async def map(self) -> RegisterMap:
        """The meter's blocks; found by walking its chain of models when first asked."""
        if self._map is None:
            self._map = await self.discover()
        return self._map

    async def chain(self) -> list[chain.Instance]:
        """All model headers of the meter, walked anew."""
        return await chain.walk(self.registers, await chain.find_base(self.registers))

    async def discover(self) -> RegisterMap:
        """Walk the chain and use what was found from now on."""
        self._map = chain.blocks(await self.chain(), self.known)
        self._selections.clear()
        return self._map

    async def find(self, points: Iterable[str]) -> list[BoundPoint]:
        """The points that the texts name, each once, in their order.

        Raises :class:`~wattproof.errors.UnknownName`.
        """
        registers = await self.map()
        found: dict[str, BoundPoint] = {}
        for text in points:
            bounds = self._all(registers) if text.casefold() == ALL else registers.find(text)
            found.update((bound.path, bound) for bound in bounds)
        return list(found.values())

    def _all(self, registers: RegisterMap) -> list[BoundPoint]:
        return [BoundPoint(block, point) for block in registers.blocks for point in block.points]

    async def _overview(self) -> list[BoundPoint]:
        registers = await self.map()
        blocks = [registers.block(name) for name in self.overview] or registers.blocks
        return [
            BoundPoint(block, point) for block in blocks for point in block.points if tells(BoundPoint(block, point))
        ]

    # Reading ------------------------------------------------------------------------------------------------------

    async def read(self, *points: str | Iterable[str]) -> list[Reading]:
        """Readings of the points, in their order; without points those that tell something about the meter.

        Each 32-bit number comes from one request. Raises :class:`~wattproof.errors.UnknownName` for an unknown point.
        """
        names = tuple(name for point in points for name in ((point,) if isinstance(point, str) else point))
        selection = self._selections.get(names) or await self._select(names)
        image = await read_planned(self.link, self.unit, selection.requests)
        return selection.decoder.decode(image, self.now())

    async def _select(self, names: tuple[str, ...]) -> Selection:
        """Find and plan once what is read again and again."""
        bounds = await self.find(names) if names else await self._overview()
        if len(self._selections) >= MOST_SELECTIONS:
            self._selections.clear()
        selection = self._selections[names] = Selection(Decoder(bounds), tuple(await self._requests(bounds)))
        return selection

    async def _requests(self, bounds: Iterable[BoundPoint]) -> list[Span]:
        """The fewest requests for the points and for the scale factors and lengths that go with them."""
        wanted = [bound.span for bound in with_companions(bounds)]
        return plan(wanted, maximum=self.chunk, gap=self.chunk, boundaries=cuts(await self.map()))

    async def image(self, bounds: Iterable[BoundPoint]) -> RegisterImage:
        """The registers of the points and of the scale factors and lengths that go with them."""
        return await read_planned(self.link, self.unit, await self._requests(bounds))

    async def registers(self, address: int, count: int) -> bytes:
        """``count`` registers from the 0-based ``address`` as bytes, in as many requests as it takes."""
        image = await read_planned(self.link, self.unit, plan([Span(address, count)], maximum=self.chunk))
        return image.read(address, count)

    def now(self) -> datetime:
        """UTC of the driver's clock."""
        return datetime.fromtimestamp(self.clock.time() // 10**9, UTC)

    # Writing ------------------------------------------------------------------------------------------------------

    async def write(self, values: Mapping[str, Value]) -> None:
        """Set points. Neighbours go into one request; within one request the meter takes all or nothing.

        Raises :class:`~wattproof.errors.UnknownName`, :class:`~wattproof.errors.ReadOnly` or
        :class:`~wattproof.errors.InvalidValue` before anything is sent.
        """
        registers = await self.map()
        encoded: list[tuple[BoundPoint, bytes]] = []
        for text, value in values.items():
            bounds = registers.find(text)
            if len(bounds) != 1:
                raise InvalidValue(
                    f"{text!r} names {len(bounds)} points; write one at a time, such as {bounds[0].path}"
                )
            encoded.append((bounds[0], encode_value(bounds[0], prepared(bounds[0], value))))
        for address, data in joined(registers, encoded, self.write_gap):
            await self.write_registers(address, data)

    async def write_registers(self, address: int, data: bytes) -> None:
        """One write of whole registers from the 0-based ``address``."""
        await write_registers(self.link, self.unit, address, data)

    # Identity -----------------------------------------------------------------------------------------------------

    async def info(self) -> DeviceInfo:
        """Who the meter says it is (model 1)."""
        readings = {reading.point: reading.value for reading in await self.read("common")}

        def text(name: str) -> str:
            value = readings.get(f"common.{name}")
            return value if isinstance(value, str) else ""

        return DeviceInfo(self.family, self.variant, text("Mn"), text("Md"), text("SN"), text("Vr"), None)


def tells(bound: BoundPoint) -> bool:
    """Whether a point says something by itself: no header, no scale factor, no filling, nothing reserved."""
    point = bound.point
    return (
        point.constant is ABSENT
        and point.offset >= 2
        and point.type.name not in ("sunssf", "pad")
        and bound.block.id is not None
    )


@lru_cache(maxsize=8)
def cuts(registers: RegisterMap) -> list[int]:
    """Where a read may be divided: anywhere but inside a number."""
    places: set[int] = set()
    for block in registers.blocks:
        places.update(range(block.address, block.span.end + 1))
        for point in block.points:
            if not isinstance(point.type, Text | Blob):
                first = block.address + point.offset
                places.difference_update(range(first + 1, first + point.registers))
    return sorted(places)


def with_companions(bounds: Iterable[BoundPoint]) -> Iterator[BoundPoint]:
    """The points, and the points of the same block that give their scale or their used length."""
    for bound in bounds:
        yield bound
        for name in (bound.point.scale, bound.point.length):
            if isinstance(name, str):
                yield bound.block.bind(name)


def prepared(bound: BoundPoint, value: Value) -> Value:
    """A value of the command line or of a program as its point takes it: texts as UTF-8 bytes, numbers also as 0x."""
    if not isinstance(value, str):
        return value
    if isinstance(bound.point.type, Text):
        return value.encode("utf-8")
    if isinstance(bound.point.type, Blob):
        try:
            return bytes.fromhex(value)
        except ValueError:
            raise InvalidValue(f"{bound.path} takes hexadecimal digits, not {value!r}") from None
    text = value.strip()
    return int(text, 16) if text.lower().startswith("0x") and _is_hex(text[2:]) else text


def _is_hex(digits: str) -> bool:
    return bool(digits) and all(digit in "0123456789abcdefABCDEF" for digit in digits)


def joined(
    registers: RegisterMap, encoded: Sequence[tuple[BoundPoint, bytes]], gap: int
) -> Iterator[tuple[int, bytes]]:
    """Writes by ascending address: neighbours together, at most 123 registers each.

    ``gap`` read-only registers between two points are passed over with zeros; a writable point is never in between.
    """
    address, data = 0, b""
    for bound, value in sorted(encoded, key=lambda pair: pair[0].address):
        end = address + len(data) // 2
        filling = bound.address - end
        fits = (bound.address + bound.registers - address) <= MOST_WRITTEN
        if data and fits and 0 <= filling <= gap and not _writable_between(registers, end, bound.address):
            data += bytes(2 * filling) + value
            continue
        if data:
            yield address, data
        address, data = bound.address, value
    if data:
        yield address, data


def _writable_between(registers: RegisterMap, begin: int, end: int) -> bool:
    found = (registers.at(address) for address in range(begin, end))
    return any(bound is None or bound.point.writable for bound in found)


async def probe(link: ModbusLink, unit: int) -> DeviceInfo | None:
    """Whether a SunSpec meter answers at ``unit``; ``None`` if something else does.

    Raises :class:`~wattproof.errors.LinkError` if nothing answers.
    """
    driver = SunspecDriver(link, unit)
    try:
        registers = await driver.map()
        if not any(block.id in METERS for block in registers.blocks):
            return None
        return await driver.info()
    except (ProtocolError, Refused):
        return None
    except LinkError:
        raise


#: Numbers of the AC meter models.
METERS = frozenset({201, 202, 203, 204, 211, 212, 213, 214})
