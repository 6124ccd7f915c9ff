"""Asking a meter whose registers are known as rows: read points with few requests, write points together.

This is the whole driver of a meter that does no more than hold registers, and the base of drivers that know more. It
awaits nothing but ``link.exchange`` and ``clock.sleep``, so it runs on asyncio and, stepped, without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import ClassVar

from wattproof.drivers.modbus import ModbusLink
from wattproof.drivers.registers import HOLDING, MOST_READ, MOST_WRITTEN, read_planned, write_registers
from wattproof.errors import InvalidValue, UsageError
from wattproof.model.clock import Clock
from wattproof.model.devices import DeviceInfo
from wattproof.model.readings import Reading
from wattproof.wire.modbus.bindings import BoundPoint, RegisterMap, encode_value, exponent_of
from wattproof.wire.modbus.decoder import Decoder
from wattproof.wire.modbus.image import RegisterImage
from wattproof.wire.modbus.plan import Span, plan
from wattproof.wire.modbus.types import Blob, Text

#: What a point can be set to: a number, a text (or the name of a symbol), bytes; ``None`` writes "unavailable".
Value = Decimal | int | str | bytes | None

#: Selections that are remembered; a poller has a few.
MOST_SELECTIONS = 32
#: The word that stands for every point of the meter.
ALL = "all"


@dataclass(frozen=True, slots=True)
class Selection:
    """Points that were asked for together, and the requests that bring them."""

    decoder: Decoder
    requests: tuple[Span, ...]


class RegisterDriver:
    """A meter at ``unit`` behind ``link`` whose ``registers`` are its rows.

    ``chunk``: most registers in one read, 1..125. ``variant``: firmware, where it is known beforehand. ``family``:
    what the meter is called here. ``patience``: seconds that what takes long may take, for drivers of meters that
    know such a thing. Points are written ``INSTANCE.POINT``, ``INSTANCE/POINT``, ``INSTANCE`` for all of it, or
    ``POINT`` where only one instance has it; case does not matter. Methods raise
    :class:`~wattproof.errors.LinkError` if the meter is not reached, :class:`~wattproof.errors.ProtocolError` if it
    does not keep to the rules, :class:`~wattproof.errors.ModbusRefused` if it refuses.
    """

    family: str = ""
    #: Unit identifier where none is given.
    default_unit: ClassVar[int] = 1
    #: Function that reads the registers: 3, or 4 for a meter that has its values in input registers.
    function: ClassVar[int] = HOLDING
    #: Registers without a row that one read may pass over; 0 for devices that refuse to read what they don't have.
    read_gap: ClassVar[int] = 0
    #: Read-only registers that one write may pass over, because the device ignores them there.
    write_gap: ClassVar[int] = 0

    def __init__(
        self,
        link: ModbusLink,
        unit: int | None = None,
        clock: Clock | None = None,
        *,
        registers: RegisterMap | None = None,
        family: str | None = None,
        chunk: int = MOST_READ,
        variant: str | None = None,
        patience: float | None = None,
    ) -> None:
        self.link = link
        self.unit = self.default_unit if unit is None else unit
        self.clock = clock or link.clock
        self.family = family or self.family
        self.variant = variant
        self.patience = patience
        if not 1 <= chunk <= MOST_READ:
            raise InvalidValue(f"chunk {chunk} is not possible: a request reads 1 to {MOST_READ} registers")
        self.chunk = chunk
        self._map = registers
        self._selections: dict[tuple[str, ...], Selection] = {}

    async def close(self) -> None:
        """End the connection; harmless when it has ended."""
        await self.link.close()

    # Where things are ---------------------------------------------------------------------------------------------

    async def map(self) -> RegisterMap:
        """The meter's blocks. Raises :class:`~wattproof.errors.UsageError` if the driver was made without any."""
        if self._map is None:
            raise UsageError(f"the driver of {self.family or 'this meter'} knows no registers: give it a RegisterMap")
        return self._map

    async def find(self, points: Iterable[str]) -> list[BoundPoint]:
        """The points that the texts name, each once, in their order.

        Raises :class:`~wattproof.errors.UnknownName`.
        """
        registers = await self.map()
        found: dict[str, BoundPoint] = {}
        for text in points:
            bounds = readable(everything(registers)) if text.casefold() == ALL else registers.find(text)
            found.update((bound.path, bound) for bound in bounds)
        return list(found.values())

    async def _overview(self) -> list[BoundPoint]:
        """What a read without points gives."""
        return [bound for bound in readable(everything(await self.map())) if bound.point.type.name not in SILENT]

    # Reading ------------------------------------------------------------------------------------------------------

    async def read(self, *points: str | Iterable[str]) -> list[Reading]:
        """Readings of the points, in their order; without points those that tell something about the meter.

        Each 32-bit number comes from one request. Raises :class:`~wattproof.errors.UnknownName` for an unknown point.
        """
        names = tuple(name for point in points for name in ((point,) if isinstance(point, str) else point))
        selection = self._selections.get(names) or await self._select(names)
        image = await self._image(selection.requests)
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
        return plan(wanted, maximum=self.chunk, gap=min(self.read_gap, self.chunk), boundaries=cuts(await self.map()))

    async def _image(self, requests: Sequence[Span]) -> RegisterImage:
        return await read_planned(self.link, self.unit, requests, function=self.function)

    async def image(self, bounds: Iterable[BoundPoint]) -> RegisterImage:
        """The registers of the points and of the scale factors and lengths that go with them."""
        return await self._image(await self._requests(bounds))

    async def registers(self, address: int, count: int) -> bytes:
        """``count`` registers from the 0-based ``address`` as bytes, in as many requests as it takes."""
        image = await self._image(plan([Span(address, count)], maximum=self.chunk))
        return image.read(address, count)

    def now(self) -> datetime:
        """UTC of the driver's clock."""
        return datetime.fromtimestamp(self.clock.time() // 10**9, UTC)

    # Writing ------------------------------------------------------------------------------------------------------

    async def write(self, values: Mapping[str, Value]) -> None:
        """Set points. Neighbours go into one request; within one request the meter takes all or nothing.

        Raises :class:`~wattproof.errors.UnknownName`, :class:`~wattproof.errors.ReadOnly` or
        :class:`~wattproof.errors.InvalidValue` before anything is written.
        """
        registers = await self.map()
        bounds = {text: one_point(registers, text) for text in values}
        scaled = [bound for bound in bounds.values() if isinstance(bound.point.scale, str) and bound.point.writable]
        factors = await self.image(scaled) if scaled else RegisterImage()
        encoded = [(bounds[text], encoded_value(bounds[text], value, factors)) for text, value in values.items()]
        for address, data in joined(registers, encoded, self.write_gap):
            await self.write_registers(address, data)

    async def write_registers(self, address: int, data: bytes) -> None:
        """One write of whole registers from the 0-based ``address``."""
        await write_registers(self.link, self.unit, address, data)

    # Identity -----------------------------------------------------------------------------------------------------

    async def info(self) -> DeviceInfo:
        """Who the meter says it is, by the rows whose quantity has a name of :data:`IDENTITY`; else empty texts."""
        bounds: dict[str, BoundPoint] = {}
        for bound in everything(await self.map()):
            bounds.setdefault(bound.point.quantity.name, bound)
        paths = {name: bounds[name].path for name in IDENTITY if name in bounds}
        values = {reading.point: reading.value for reading in await self.read(*paths.values())} if paths else {}

        def text(name: str) -> str:
            value = values.get(paths.get(name, ""))
            return "" if value is None else str(value)

        manufacturer, device_type, serial, firmware = map(text, IDENTITY)
        return DeviceInfo(self.family, self.variant, manufacturer, device_type, serial, firmware, None)


#: Names of the quantities that identify a meter, in the order of :class:`~wattproof.model.devices.DeviceInfo`.
IDENTITY = ("manufacturer", "device_type", "serial_number", "firmware")
#: Wire types of points that say nothing by themselves.
SILENT = frozenset({"sunssf", "pad"})


def everything(registers: RegisterMap) -> list[BoundPoint]:
    """All points of a map, in their order."""
    return [BoundPoint(block, point) for block in registers.blocks for point in block.points]


def readable(bounds: Iterable[BoundPoint]) -> list[BoundPoint]:
    """Those that can be read; some registers only take commands."""
    return [bound for bound in bounds if bound.point.readable]


def one_point(registers: RegisterMap, text: str) -> BoundPoint:
    """The one point that a text names. Raises ``UnknownName``, and ``InvalidValue`` if it names more than one."""
    bounds = registers.find(text)
    if len(bounds) != 1:
        raise InvalidValue(f"{text!r} names {len(bounds)} points; write one at a time, such as {bounds[0].path}")
    return bounds[0]


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


def encoded_value(bound: BoundPoint, value: Value, factors: RegisterImage) -> bytes:
    """The registers that write a value; ``factors`` holds the scale factor if the row names one.

    Raises what :func:`~wattproof.wire.modbus.bindings.encode_value` raises, and ``InvalidValue`` if the meter gives
    no scale factor.
    """
    exponent = exponent_of(bound, factors) if bound.point.writable else 0
    if exponent is None:
        raise InvalidValue(f"{bound.path} cannot be set: the meter gives no scale factor {bound.point.scale}")
    return encode_value(bound, prepared(bound, value), exponent)


def prepared(bound: BoundPoint, value: Value) -> Value:
    """A value of the command line or of a program as its point takes it: texts as UTF-8 bytes, numbers also as 0x."""
    if not isinstance(value, str):
        return value
    if isinstance(bound.point.type, Text):
        data, room = value.encode("utf-8"), 2 * bound.registers
        if len(data) > room:
            raise InvalidValue(f"{bound.path}: the text has {len(data)} bytes as UTF-8, there is room for {room}")
        return data
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
