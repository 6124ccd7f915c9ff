"""Any meter that speaks COSEM: who it is, which objects it has, and their values (abb-meters.md 2.7, 2.13).

Names of points are those of `wattproof.drivers.cosem.names`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import ClassVar, Self

from wattproof.drivers.cosem.bus import Bus, Service, Station
from wattproof.drivers.cosem.line import blocking_line_of, line_of
from wattproof.drivers.cosem.names import ALL, VALUES, Name, plain, raw_reading, short, value_reading
from wattproof.drivers.cosem.place import Place
from wattproof.drivers.cosem.writing import like
from wattproof.drivers.schedule import Priority
from wattproof.errors import FrameError, InvalidValue, ProtocolError, ReadOnly, UnknownName
from wattproof.io.clock import BlockingClock, SystemClock
from wattproof.io.trace import Trace
from wattproof.io.url import MeterURL
from wattproof.model.devices import DeviceInfo
from wattproof.model.readings import Reading
from wattproof.model.units import Unit
from wattproof.wire.cosem.classes import interface_class
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.cosem.object_list import Access, ObjectEntry, ObjectList
from wattproof.wire.cosem.reading import read_objects
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.units import read_scaler_unit

#: Attributes that are asked for in one turn, so that other meters of the line have theirs.
AT_ONCE = 40
#: Who a meter is (2.8): logical device name, serial number, type, firmware.
LOGICAL_DEVICE_NAME = Attribute.of(1, "0-0:42.0.0")
IDENTITY = (LOGICAL_DEVICE_NAME, *(Attribute.of(1, code) for code in ("0-0:96.1.0", "0-0:96.1.1", "1-0:0.2.0")))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a meter says it is; empty where it says nothing."""

    logical_device: str
    serial: str
    type: str
    firmware: str

    @property
    def manufacturer(self) -> str:
        """The three letters that every logical device name begins with (IEC 62056-62, 4.1.8.1)."""
        letters = self.logical_device[:3]
        return letters if letters.isalpha() else ""

    def info(self, model: str, variant: str | None = None) -> DeviceInfo:
        """The same as drivers give it."""
        serial = self.serial or self.logical_device
        return DeviceInfo(model, variant, self.manufacturer, self.type, serial, self.firmware, None)


class CosemMeter:
    """A meter behind ``station``. ``owner``: its bus ends with the meter.

    ``priority``: how urgent its requests are among those of other meters.
    """

    family: ClassVar[str] = "cosem"

    def __init__(self, station: Station, *, priority: int = Priority.COMMAND, owner: bool = False) -> None:
        self.station = station
        self.priority = priority
        self._owner = owner
        self._objects: ObjectList | None = None
        self._identity: Identity | None = None
        #: Whether lists of attributes are answered as they should be.
        self._lists = True
        self._scales: dict[bytes, tuple[int, Unit] | None] = {}

    @classmethod
    async def open(cls, url: MeterURL, *, trace: Trace | None = None) -> Self:
        """The meter of a URL, on the running event loop, connected.

        Raises:
            InvalidURL: its address is none.
            Unreachable: no connection, or no such device.
        """
        place = Place.of(url)
        meter = cls(Bus(line_of(url, trace=trace, clock=SystemClock())).station(place), owner=True)
        await meter.station.bus.line.open()
        return meter

    @classmethod
    def open_blocking(cls, url: MeterURL, *, trace: Trace | None = None) -> Self:
        """The same without an event loop: its coroutines never suspend. It connects with the first request."""
        place = Place.of(url)
        return cls(Bus(blocking_line_of(url, trace=trace, clock=BlockingClock())).station(place), owner=True)

    @classmethod
    def instead_of(cls, other: CosemMeter) -> Self:
        """The driver of this class on the connection of another one, which is not used any more."""
        meter = cls(other.station, priority=other.priority, owner=other._owner)
        meter._identity, meter._objects = other._identity, other._objects
        return meter

    async def close(self) -> None:
        """End association and link, and the line if it is the meter's own."""
        await self.station.close()
        if self._owner:
            await self.station.bus.close()

    async def identity(self) -> Identity:
        """Who answers. Raises what `Station.ask` raises."""
        if self._identity is None:
            self._identity = Identity(*map(_text, await self.get_all(IDENTITY)))
        return self._identity

    async def info(self) -> DeviceInfo:
        """Who answers. Raises what `Station.ask` raises."""
        return (await self.identity()).info(self.family)

    async def objects(self) -> ObjectList:
        """The objects that this client sees, with what it may do; asked for once.

        Raises:
            CosemRefused: the meter gives no list.
        """
        if self._objects is None:
            self._objects = await self.station.ask(read_objects, priority=self.priority)
        return self._objects

    async def read(self, names: Sequence[str] = ()) -> list[Reading]:
        """Values by name, see `wattproof.drivers.cosem.names`; without names those of all objects that have one.

        What the meter does not have has quality missing; without names it is left out.

        Raises:
            UnknownName: no OBIS code, no such object, or no such attribute of its class.
        """
        wanted = [name for text in names or (ALL,) for name in await self._expand(text)]
        located = [await self._locate(name) for name in wanted]
        scales = await self._scales_of(one for one, whole in located if whole)
        data = await self.get_all([one for one, _ in located])
        time = datetime.fromtimestamp(self.station.clock.time() / 1e9, UTC)
        return [
            value_reading(str(name), one.class_id, one.name, found, scales.get(one.name), time)
            if whole
            else raw_reading(str(name), one, found, time)
            for name, (one, whole), found in zip(wanted, located, data, strict=True)
        ]

    async def write(self, values: Mapping[str, object]) -> None:
        """Write attributes one after the other, numbers in the unit of their register, bytes as hexadecimal text.

        Raises:
            UnknownName, ReadOnly, InvalidValue: before anything is written; types are those that the meter has now.
            CosemRefused: the meter says no.
        """
        located = [(await self._locate(Name.parse(text)), value) for text, value in values.items()]
        objects = await self.objects()
        for (one, _), _ in located:
            if not may(objects[one.name], one.attribute_id, Access.WRITE):
                raise ReadOnly(
                    f"{short(one.name)}/{one.attribute_id} cannot be written as client {self.station.place.sap}"
                )
        scales = await self._scales_of(one for (one, whole), _ in located if whole)
        present = await self.get_all([one for (one, _), _ in located])
        encoded = []
        for ((one, whole), value), now in zip(located, present, strict=True):
            if isinstance(now, Result):
                raise InvalidValue(f"{short(one.name)} tells no value now ({now.text}): what type it has is not known")
            scaler = (scales.get(one.name) or (0, None))[0] if whole else 0
            encoded.append((one, like(now, value, scaler)))
        for one, data in encoded:
            await self.station.set(one, data, priority=self.priority)

    async def get_all(self, attributes: Sequence[Attribute]) -> list[Data | Result]:
        """Attributes in their order, with a result in the place of each that is refused.

        As many as fit are asked for together, unless the meter answers that with rubbish, as some do.

        Raises what `Station.ask` raises.
        """
        found: list[Data | Result] = []
        for at in range(0, len(attributes), AT_ONCE):
            found += await self._get_part(attributes[at : at + AT_ONCE])
        return found

    async def _get_part(self, attributes: Sequence[Attribute]) -> list[Data | Result]:
        if self._lists:
            try:
                return await self.station.ask(_get_list(attributes), priority=self.priority)
            except ProtocolError:
                if len(attributes) == 1:
                    raise
                self._lists = False
        return [(await self.station.ask(_get_list((one,)), priority=self.priority))[0] for one in attributes]

    async def _expand(self, text: str) -> list[Name]:
        if text.strip().casefold() != ALL:
            return [Name.parse(text)]
        return [
            Name(entry.name, "", entry.class_id)
            for entry in await self.objects()
            if entry.class_id in VALUES and may(entry, VALUES[entry.class_id][0], Access.READ)
        ]

    async def _locate(self, name: Name) -> tuple[Attribute, bool]:
        """The attribute that a name means, and whether it stands for the whole object."""
        class_id = name.class_id
        if class_id is None:
            entry = (await self.objects()).find(name.code)
            if entry is None:
                raise UnknownName(
                    f"the meter has no object {short(name.code)}: `wattproof read URL` lists those it has"
                )
            class_id = entry.class_id
        if not name.attribute and class_id in VALUES:
            return Attribute(class_id, name.code, VALUES[class_id][0]), True
        return Attribute(class_id, name.code, _attribute(class_id, name.attribute)), False

    async def _scales_of(self, attributes: Iterable[Attribute]) -> Mapping[bytes, tuple[int, Unit] | None]:
        """Scaler and unit of objects; asked for once, ``None`` where there are none."""
        unknown = [
            Attribute(one.class_id, one.name, VALUES[one.class_id][1])
            for one in attributes
            if VALUES[one.class_id][1] and one.name not in self._scales
        ]
        for one, data in zip(unknown, await self.get_all(unknown), strict=True):
            self._scales[one.name] = _scale(data)
        return self._scales


def _get_list(attributes: Sequence[Attribute]) -> Service[list[Data | Result]]:
    return lambda client: client.get_list(attributes)


def _attribute(class_id: int, text: str) -> int:
    if not text:
        return 2
    if text.isdecimal():
        return int(text) if int(text) < 128 else 127
    row = interface_class(class_id)
    if row is None:
        raise UnknownName(f"attribute {text!r}: class {class_id} is not known here, use the attribute's number")
    return 1 if text == "logical_name" else row.attribute(text).id


def may(entry: ObjectEntry, attribute: int, wanted: Access) -> bool:
    """Whether this client may read or write an attribute. Some meters list no rights: there it may try."""
    access = entry.attributes.get(attribute)
    return not entry.attributes if access is None else bool(access.mode & wanted)


def _scale(data: Data | Result) -> tuple[int, Unit] | None:
    if isinstance(data, Result):
        return None
    try:
        return read_scaler_unit(data)
    except FrameError:
        return None


def _text(data: Data | Result) -> str:
    """An identity as text: octets that are no ASCII as hexadecimal."""
    value = None if isinstance(data, Result) else plain(data)
    if isinstance(value, bytes):
        return value.rstrip(b"\0").hex()
    return "" if value is None else str(value).strip().rstrip("\0")
