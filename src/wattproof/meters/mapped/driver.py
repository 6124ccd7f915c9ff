"""Asking a meter that a map file describes: registers by functions 3 and 4, coils and inputs by 1 and 2."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from wattproof.drivers.mapped import ALL, MOST_SELECTIONS, SILENT, RegisterDriver, Value, cuts, with_companions
from wattproof.drivers.modbus import ModbusLink
from wattproof.drivers.registers import MOST_READ, read_planned
from wattproof.errors import InvalidURL, UnknownName
from wattproof.io.url import MeterURL
from wattproof.meters.mapped.keys import COILS, DISCRETE
from wattproof.meters.mapped.mapfile import MeterMap, find_map, load_map
from wattproof.model.clock import Clock
from wattproof.model.devices import DeviceInfo
from wattproof.model.readings import Reading
from wattproof.wire.modbus.bindings import BoundPoint, RegisterMap
from wattproof.wire.modbus.image import RegisterImage
from wattproof.wire.modbus.pdu import parse_read_response, read_request, write_single_request
from wattproof.wire.modbus.plan import Span, plan

#: Writes one coil (Modbus Application Protocol 1.1b3, 6.5).
WRITE_COIL = 5


class Space(RegisterDriver):
    """The points of one Modbus function. Coils and inputs are taken as registers that are 0 or 1."""

    def __init__(
        self, link: ModbusLink, unit: int, clock: Clock, registers: RegisterMap, function: int, *, chunk: int, gap: int
    ) -> None:
        super().__init__(link, unit, clock, registers=registers, family="map", chunk=chunk)
        self._function = function
        self._gap = gap

    @property
    def _bits(self) -> bool:
        return self._function in (COILS, DISCRETE)

    async def _requests(self, bounds: Iterable[BoundPoint]) -> list[Span]:
        wanted = [bound.span for bound in with_companions(bounds)]
        return plan(wanted, maximum=self.chunk, gap=self._gap, boundaries=cuts(await self.map()))

    async def _image(self, requests: Sequence[Span]) -> RegisterImage:
        if not self._bits:
            return await read_planned(self.link, self.unit, requests, function=self._function)
        image = RegisterImage()
        for request in requests:
            answer = await self.link.exchange(self.unit, read_request(self._function, request.address, request.count))
            packed = parse_read_response(answer, request.count)
            states = (packed[at // 8] >> at % 8 & 1 for at in range(request.count))
            image.write(request.address, b"".join(state.to_bytes(2, "big") for state in states))
        return image

    async def write_registers(self, address: int, data: bytes) -> None:
        """See :meth:`RegisterDriver.write_registers`; coils one by one with function 5."""
        if not self._bits:
            await super().write_registers(address, data)
            return
        for at in range(0, len(data), 2):
            state = int.from_bytes(data[at : at + 2], "big")
            await self.link.exchange(self.unit, write_single_request(WRITE_COIL, address + at // 2, state))


class MappedDriver:
    """A meter at ``unit`` behind ``link`` as ``meter_map`` describes it.

    Points have the names of their quantities, behind the kind of register that they are: ``holding.voltage_l1``, or
    ``voltage_l1`` alone; also ``serial_number``, ``firmware``, ``hardware``, ``clock``. What is said of
    :class:`RegisterDriver` holds here too.
    """

    family: ClassVar[str] = "map"

    def __init__(
        self,
        link: ModbusLink,
        unit: int | None = None,
        clock: Clock | None = None,
        *,
        meter_map: MeterMap,
        chunk: int = MOST_READ,
        variant: str | None = None,
        patience: float | None = None,
    ) -> None:
        self.link = link
        self.unit = 1 if unit is None else unit
        self.clock = clock or link.clock
        self.map_file = meter_map
        most = min(chunk, meter_map.max_registers)
        self._spaces = {
            function: Space(
                link, self.unit, self.clock, registers, function, chunk=most, gap=min(meter_map.max_gap, most)
            )
            for function, registers in meter_map.spaces.items()
        }
        self._chosen: dict[tuple[str, ...], tuple[list[str], dict[Space, list[str]]]] = {}

    @classmethod
    def url_options(cls, place: MeterURL) -> dict[str, Any]:
        """What else the driver takes from an address: ``?map=`` is a file, or the name of one beside.

        Raises ``InvalidURL`` without it, ``UnknownName``, ``InvalidFile``.
        """
        if "map" not in place.options:
            raise InvalidURL(
                f"{place}: the map file is missing; an example: map+tcp://192.168.1.20?unit=1&map=acme.toml"
            )
        return {"meter_map": load_map(find_map(place.options["map"]))}

    async def close(self) -> None:
        """End the connection; harmless when it has ended."""
        await self.link.close()

    def now(self) -> datetime:
        """UTC of the driver's clock."""
        return next(iter(self._spaces.values())).now()

    async def find(self, points: Iterable[str]) -> list[BoundPoint]:
        """The points that the texts name, each once, in their order. Raises ``UnknownName``."""
        found = {bound.path: bound for name in points for _, bound in await self._find(name)}
        return [*found.values()]

    async def _find(self, name: str) -> list[tuple[Space, BoundPoint]]:
        """The points of one text, each with the space that it is in."""
        found: list[tuple[Space, BoundPoint]] = []
        trouble: UnknownName | None = None
        for space in self._spaces.values():
            try:
                bounds = await space.find([name])
            except UnknownName as error:
                trouble = trouble or error
                continue
            found += [(space, bound) for bound in bounds if len(bounds) == 1 or bound.point.type.name not in SILENT]
        if not found and trouble is not None:
            raise trouble
        return found

    async def read(self, *points: str | Iterable[str]) -> list[Reading]:
        """Readings of the points, in their order; without points, all.

        Points of one Modbus function are read with the fewest requests. Raises ``UnknownName`` for an unknown point.
        """
        names = tuple(name for point in points for name in ((point,) if isinstance(point, str) else point)) or (ALL,)
        places, wanted = self._chosen.get(names) or await self._choose(names)
        readings: dict[str, Reading] = {}
        for space, paths in wanted.items():
            readings |= {reading.point: reading for reading in await space.read(paths)}
        return [readings[path] for path in places]

    async def _choose(self, names: tuple[str, ...]) -> tuple[list[str], dict[Space, list[str]]]:
        """Find once what is read again and again: paths in their order, and by the space that they are in."""
        places = {bound.path: space for name in names for space, bound in await self._find(name)}
        wanted: dict[Space, list[str]] = {}
        for path, space in places.items():
            wanted.setdefault(space, []).append(path)
        if len(self._chosen) >= MOST_SELECTIONS:
            self._chosen.clear()
        chosen = self._chosen[names] = ([*places], wanted)
        return chosen

    async def write(self, values: Mapping[str, Value]) -> None:
        """Set points. Raises ``UnknownName``, ``ReadOnly`` or ``InvalidValue`` before anything is written."""
        wanted: dict[Space, dict[str, Value]] = {}
        for name, value in values.items():
            found = await self._find(name)
            if len(found) != 1:
                raise UnknownName(f"{name!r} names {len(found)} points; write one at a time")
            space, bound = found[0]
            wanted.setdefault(space, {})[bound.path] = value
        for space, given in wanted.items():
            await space.write(given)

    async def registers(self, address: int, count: int) -> bytes:
        """``count`` registers from the 0-based ``address`` as bytes, by the file's usual function."""
        space = next((space for function, space in self._spaces.items() if function > DISCRETE), None)
        if space is None:
            raise UnknownName(f"{self.map_file.name} has coils and inputs alone")
        return await space.registers(address, count)

    async def info(self) -> DeviceInfo:
        """Who the meter is: the title of its map, and what ``[serial]`` and ``[firmware]`` say, else empty texts."""
        identity = self.map_file.identity
        names = [identity[name] for name in ("serial", "firmware") if name in identity]
        texts = {reading.point: reading for reading in await self.read(names)} if names else {}

        def text(name: str) -> str:
            reading = texts.get(identity.get(name, ""))
            return "" if reading is None or reading.value is None else str(reading.value).strip()

        return DeviceInfo(self.family, None, "", self.map_file.title, text("serial"), text("firmware"), None)
