"""One meter behind a G13 gateway, or all of them by name (g13-api.md; ``g13+https://HOST?serial=S``)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from wattproof.errors import InvalidValue, ReadOnly, UnknownName, UsageError
from wattproof.g13 import jsontext
from wattproof.g13.bodies import validate
from wattproof.g13.client import G13Client, Registered
from wattproof.g13.failures import GatewayRefused
from wattproof.g13.resources import BY_NUMBER
from wattproof.io.trace import Trace
from wattproof.io.url import MeterURL
from wattproof.io.web import WebLink
from wattproof.meters.abb import points as abb
from wattproof.meters.abb.points import Point
from wattproof.meters.g13.places import FLAGS, PLACES, Place
from wattproof.model.clock import Clock
from wattproof.model.devices import DeviceInfo
from wattproof.model.readings import Reading
from wattproof.model.values import Quality

NOT_SUPPORTED = 400
STATUS = {-1: "offline", 0: "registered", 1: "online"}
#: What a read without points gives, as far as the meter has it.
OVERVIEW = abb.OVERVIEW
#: Resources that set a quantity by its id: the members of the body on the way to it.
SETTABLE: Mapping[int, tuple[int, tuple[str, ...]]] = {
    83: (45, ("conversionfactor", "currency")),
    84: (45, ("conversionfactor", "co2")),
    141: (48, ("ctnum",)),
    142: (48, ("ctdenum",)),
    143: (48, ("vtnum",)),
    144: (48, ("vtdenum",)),
    146: (42, ("datetime",)),
    189: (82, ("tariff",)),
    190: (82, ("source",)),
}
RATIO, INFO = 48, 43


class G13Meter:
    """The meter ``serial`` of the gateway behind ``client``; without a serial number the gateway itself, whose points
    are its meters.

    Points have the names of ABB meters, values the unit that the gateway prints. Methods raise what
    :class:`~wattproof.g13.client.G13Client` raises; ``client`` asks for everything else.
    """

    family = "g13"

    def __init__(self, client: G13Client, serial: str | None = None) -> None:
        self.client = client
        self.serial = serial
        self.link: WebLink = client.link
        self.clock: Clock = client.clock

    @classmethod
    async def open(cls, place: MeterURL, *, trace: Trace | None = None) -> G13Meter:
        """The driver of an address, on the running event loop; it connects when asked."""
        return cls(G13Client.open(place, trace=trace), place.options.get("serial"))

    @classmethod
    def open_blocking(cls, place: MeterURL, *, trace: Trace | None = None) -> G13Meter:
        """The same without an event loop: its coroutines never suspend."""
        return cls(G13Client.open_blocking(place, trace=trace), place.options.get("serial"))

    @property
    def warnings(self) -> list[str]:
        """What was odd in answers, but taken."""
        return self.client.warnings

    async def close(self) -> None:
        """End what is open; harmless at any time."""
        await self.client.close()

    async def meters(self) -> list[Registered]:
        """The meters of the gateway that the user may see."""
        return await self.client.meters()

    async def info(self) -> DeviceInfo:
        """Who the meter is, or the gateway."""
        if self.serial is None:
            about = await self.client.ask(1)
            maker = "Wattproof" if self.client.ours else "ABB"
            return DeviceInfo(
                "g13", None, maker, "G13", about.get("serial", ""), about.get("firmwareversion", ""), None
            )
        found = (await self.client.ask(INFO, serial=self.serial)).get("manufacturing", {})
        label = found.get("label", "")
        return DeviceInfo("g13", None, "", label, self.serial, found.get("firmwareversion", ""), None)

    # Reading --------------------------------------------------------------------------------------------------------

    async def read(self, *points: str | Iterable[str]) -> list[Reading]:
        """Readings of the points, in their order; without points the main values. Each resource is asked once.

        What the meter lacks is missing, also where the gateway refuses a whole resource for that. Without a serial
        number: alias, location, protocol, address and status of each meter, ``points`` being serial numbers.

        Raises :class:`~wattproof.errors.UnknownName` for what the interface does not show; nothing was sent.
        """
        names = [name for point in points for name in ((point,) if isinstance(point, str) else point)]
        if self.serial is None:
            return await self._listed(names)
        chosen = find_all(names or OVERVIEW)
        answers: dict[Any, tuple[Any, datetime]] = {}
        for _, place in chosen:
            if place.request not in answers:
                answers[place.request] = await self._answer(place)
        return [reading(point, place, *answers[place.request]) for point, place in chosen]

    async def _answer(self, place: Place) -> tuple[Any, datetime]:
        """The document that holds a place, empty where the meter has none, and the time of its oldest value."""
        number, arguments = place.request
        try:
            document = await self.client.ask(number, serial=str(self.serial), **dict(arguments))
        except GatewayRefused as error:
            if error.status != NOT_SUPPORTED:
                raise
            document = {}
        return document, self.now() - timedelta(seconds=self.client.age)

    async def _listed(self, serials: list[str]) -> list[Reading]:
        found = {meter.serial: meter for meter in await self.meters()}
        unknown = [serial for serial in serials if serial not in found]
        if unknown:
            known = ", ".join(found) or "none"
            raise UnknownName(f"{self.link.name} shows no meter {unknown[0]!r} to {self.client.user}; known: {known}")
        now = self.now()
        return [
            Reading(f"{meter.serial}.{name}", name, value, "", None, Quality.GOOD, now, value)
            for meter in (found[serial] for serial in serials or found)
            for name, value in described(meter)
        ]

    def now(self) -> datetime:
        """UTC of the driver's clock."""
        return datetime.fromtimestamp(self.clock.time() // 10**9, UTC)

    # Writing --------------------------------------------------------------------------------------------------------

    async def write(self, values: Mapping[str, object]) -> None:
        """Set points one resource after the other: ``CLOCK``, ``TARIFF_ACTIVE``, ``TARIFF_SOURCE``, conversion factors,
        transformer ratios.

        Raises:
            UnknownName, ReadOnly, InvalidValue: before anything is sent.
            GatewayRefused: the gateway, or the meter, says no; what was set before stays.
        """
        serial = self._named()
        bodies: dict[int, dict[str, Any]] = {}
        for name, value in values.items():
            number, path = settable(name)
            body = bodies.setdefault(number, {})
            for step in path[:-1]:
                body = body.setdefault(step, {})
            body[path[-1]] = shown(value)
        if RATIO in bodies:
            ratio = (await self.client.ask(INFO, serial=serial)).get("ratio", {})
            bodies[RATIO] = {**ratio, **bodies[RATIO]}
        for number, body in bodies.items():
            checked(number, body)
        for number, body in bodies.items():
            await self.client.ask(number, body, serial=serial)

    def _named(self) -> str:
        if self.serial is None:
            raise UsageError(
                f"{self.link.name} is a gateway: name one of its meters with ?serial=S; reading the address without it "
                "lists them"
            )
        return self.serial


def find_all(names: Iterable[str]) -> list[tuple[Point, Place]]:
    """Points and places of all names, each once; of a group those that the interface shows.

    Raises :class:`~wattproof.errors.UnknownName`.
    """
    found: dict[Point, Place] = {}
    for name in names:
        points = abb.find(name)
        shown = {point: place for point in points if (place := place_of(point)) is not None}
        if not shown:
            raise UnknownName(f"the interface of a G13 does not show {name} as a value of a meter")
        found |= shown
    return list(found.items())


def place_of(point: Point) -> Place | None:
    """Where the interface shows a point, if it does."""
    if point.group == "previous":
        return None
    return FLAGS.get(point.name) if point.row is None else PLACES.get(point.row.id)


def reading(point: Point, place: Place, document: Any, time: datetime) -> Reading:
    """A reading from the document that should hold it."""
    quantity = point.quantity
    try:
        value = place.find(document)
    except LookupError:
        return Reading(
            point.full_name, quantity.name, None, quantity.unit.symbol, quantity.obis, Quality.MISSING, time, None
        )
    unit = quantity.unit.symbol
    if isinstance(value, list):
        value, unit = (value[0], value[1] or "") if point.row is not None else (", ".join(map(str, value)), "")
    raw = None if value is None else value if isinstance(value, int) else str(value)
    number = numeric(value, text=point.row is None or point.row.type in ("text", "date-time"))
    quality = Quality.INVALID if value is None else Quality.GOOD
    return Reading(point.full_name, quantity.name, number, unit, quantity.obis, quality, time, raw)


def numeric(value: Any, *, text: bool) -> Decimal | str | None:
    """A value of a document as a reading has it."""
    if value is None:
        return None
    return str(value) if text else Decimal(value)


def described(meter: Registered) -> list[tuple[str, str]]:
    """What the list of a gateway says of a meter; what it does not say is left out."""
    rows = (
        ("alias", meter.alias),
        ("location", meter.location),
        ("protocol", meter.protocol),
        ("address", meter.address),
        ("status", None if meter.status is None else STATUS.get(meter.status, str(meter.status))),
    )
    return [(name, str(value)) for name, value in rows if value is not None]


def settable(name: str) -> tuple[int, tuple[str, ...]]:
    """Resource and member that set a point. Raises :class:`~wattproof.errors.UnknownName` and
    :class:`~wattproof.errors.ReadOnly`."""
    points = abb.find(name)
    # CLOCK is a point, and the group that it is in.
    own = [point for point in points if len(points) == 1 or point.name == name.rpartition(".")[2].upper()]
    row = own[0].row if own else None
    if row is None or row.id not in SETTABLE:
        known = ", ".join(abb.by_id(id).name for id in SETTABLE)
        raise ReadOnly(f"{name} is not set through the interface of a G13 as a point; these are: {known}")
    return SETTABLE[row.id]


def shown(value: object) -> Any:
    """A value as JSON takes it: numbers as they are, a time without its zone (1.2)."""
    if isinstance(value, datetime):
        return value.replace(tzinfo=None).isoformat(timespec="seconds")
    return value if isinstance(value, int | Decimal) else str(value)


def checked(number: int, body: Mapping[str, Any]) -> None:
    """Whether a body is one of its resource. Raises :class:`~wattproof.errors.InvalidValue`."""
    try:
        validate(BY_NUMBER[number], jsontext.encode(body))
    except InvalidValue as error:
        values = ", ".join(map(str, body.values()))
        raise InvalidValue(f"{BY_NUMBER[number]} does not take {values}: {error}") from None
