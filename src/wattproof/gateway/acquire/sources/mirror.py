"""Asking another G13 gateway for one of its meters (``family = "g13"``): every resource is passed on.

The other gateway reads, records and keeps; this one polls values for its own history. What the other one does not have,
this one does not invent (10.3).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from wattproof.errors import UnknownName
from wattproof.g13.client import USER, G13Client
from wattproof.g13.failures import GatewayRefused, MeterFailed
from wattproof.g13.resources import BY_NUMBER
from wattproof.gateway.acquire.sources.base import MILLISECOND, UNDEFINED, Arguments, BaseSource, Options
from wattproof.gateway.acquire.sources.failures import UNSUPPORTED
from wattproof.gateway.acquire.sources.serials import sanitised
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.quantities import NUMBERS
from wattproof.gateway.records import Meter, Value
from wattproof.io.web import WebLink
from wattproof.meters.abb.driver import Cause
from wattproof.meters.g13.places import PLACES, Place
from wattproof.model.units import prefixed
from wattproof.model.values import Quality, Scaled

#: Resources whose values are polled; the others are asked for as documents.
POLLED = frozenset({54, 55, 56, 58, 59, 60})
EXECUTE, INFO = 16, 43
#: Number of a resource, and the arguments of its path beside the serial number.
Request = tuple[int, tuple[tuple[str, str], ...]]
BAD_REQUEST = 400
#: Streamed resources, and those that answer with one document.
STREAMS = (69, 73, 77)
READS = tuple(n for n in (30, *range(41, 91)) if BY_NUMBER[n].method == "GET" and n not in STREAMS)
WRITES = tuple(n for n in range(41, 91) if BY_NUMBER[n].method != "GET")
#: Units of the interface that are no units of ours (1.7).
UNITS = {"KG": "kg", "curr": "currency", "deg": "°", None: ""}
#: Members that are decimal text here and numbers in the original's examples (45, 53).
DECIMALS = frozenset({"co2", "currency", "onthreshold", "offthreshold"})


class MirrorSource(BaseSource):
    """The meter ``meter.place["serial"]`` of the gateway behind ``link``, asked as ``options.user``."""

    def __init__(self, meter: Meter, options: Options, link: WebLink) -> None:
        super().__init__(meter, options, link.clock)
        self.client = G13Client(link, user=options.user or USER, password=options.password, retries=0)
        self.remote = str(meter.place.get("serial") or options.serial or meter.serial)
        self._places: dict[int, Place] = {}
        self.reads = {number: self._reader(number) for number in READS}
        self.writes = {number: self._writer(number) for number in WRITES}
        self.streams = {number: self._streamer(number) for number in STREAMS}

    async def open(self) -> None:
        info = await self.client.ask(INFO, serial=self.remote)
        self.label = str(info.get("manufacturing", {}).get("label", ""))
        self.serial = self.options.serial or sanitised(self.remote)
        requests = dict.fromkeys(place.request for place in PLACES.values() if place.resource in POLLED)
        documents = await self._documents(requests)
        self._places = {
            id: place
            for id, place in PLACES.items()
            if id in NUMBERS and place.request in documents and _found(place, documents[place.request][0]) is not None
        }

    def ids(self) -> Collection[int]:
        return self._places

    async def read(self, ids: Collection[int]) -> dict[int, Value]:
        """See :class:`~wattproof.gateway.acquire.station.Source`. No value is newer than its reading (11.2)."""
        wanted = {id: self._places[id] for id in ids if id in self._places}
        now = self.now
        documents = await self._documents(dict.fromkeys(place.request for place in wanted.values()))
        values = {}
        for id, place in wanted.items():
            document, time = documents.get(place.request, ({}, now))
            values[id] = value_of(_found(place, document), id, time)
        return values

    async def _documents(self, requests: Iterable[Request]) -> dict[Request, tuple[Any, int]]:
        """Documents and their times by request, as far as the other gateway has them now.

        A single resource that it cannot answer hides no other. Raises ``MeterFailed`` if it can answer none.
        """
        found: dict[Request, tuple[Any, int]] = {}
        problem: MeterFailed | None = None
        for request in requests:
            try:
                found[request] = await self._polled(request)
            except MeterFailed as error:
                problem = error
        if problem is not None and not any(document for document, _ in found.values()):
            raise problem
        return found

    async def _polled(self, request: Request) -> tuple[Any, int]:
        """A document and the time of its oldest value; an empty one where the meter has no such thing."""
        number, arguments = request
        time = self.clock.time()
        try:
            document = await self.client.ask(number, serial=self.remote, **dict(arguments))
        except GatewayRefused as error:
            if error.status != BAD_REQUEST:
                raise
            document = {}
        return document, time // MILLISECOND - 1000 * self.client.age

    async def execute(self, obis: bytes, class_id: int, attributes: Mapping[str, int]) -> dict[str, Any]:
        body = {
            "devices": [self.remote],
            "obis": ".".join(map(str, obis)),
            "classid": class_id,
            "attributes": dict(attributes),
        }
        found = await self.client.ask(EXECUTE, body)
        device = next((row for row in found.get("devices", ()) if row.get("serial") == self.remote), UNDEFINED)
        return {name: value for name, value in device.items() if name != "serial"}

    # Passing on -------------------------------------------------------------------------------------------------------

    def _reader(self, number: int) -> Any:
        async def read(arguments: Arguments) -> Any:
            with passed_on(number):
                return await self.client.ask(number, **self._given(arguments))

        return read

    def _writer(self, number: int) -> Any:
        async def write(body: Mapping[str, Any], arguments: Arguments) -> None:
            with passed_on(number, writing=True):
                sent = None if BY_NUMBER[number].method == "DELETE" else as_numbers(body)
                await self.client.ask(number, sent, **self._given(arguments))

        return write

    def _streamer(self, number: int) -> Any:
        async def stream(arguments: Arguments) -> AsyncIterator[Any]:
            with passed_on(number):
                document = await self.client.ask(number, **self._given(arguments))
            items = document.pop("items", [])
            yield document
            if items:
                yield items

        return stream

    def _given(self, arguments: Arguments) -> dict[str, Any]:
        """The arguments of the other gateway's path: the same, of the meter as it is called there."""
        given = {name: value for name, value in arguments.items() if name != "serial" and value is not None}
        return {**given, "serial": self.remote}


def _found(place: Place, document: Any) -> Any:
    """A value with its unit, ``None`` where the meter has no such value."""
    try:
        found = place.find(document)
    except LookupError:
        return None
    return found if isinstance(found, list) and len(found) == 2 else None


def value_of(pair: Any, id: int, time: int) -> Value:
    """A value of the interface in the unit of its quantity, exactly (1.7)."""
    if pair is None or pair[0] is None:
        return Value(None, 0, time, Quality.MISSING if pair is None else Quality.INVALID)
    number = Scaled.of(Decimal(pair[0]))
    return Value(number.mantissa, number.exponent + shift(pair[1], id), time)


def shift(unit: str | None, id: int) -> int:
    """The power of ten from a printed unit to that of the quantity; 0 where it is another unit's name."""
    try:
        known, power = prefixed(UNITS.get(unit, unit or ""))
    except UnknownName:
        return 0
    return power if known == NUMBERS[id].unit else 0


def as_numbers(body: Any) -> Any:
    """A body in its normal form as the original's examples write it: decimals as numbers."""
    if isinstance(body, Mapping):
        return {
            name: Decimal(value) if name in DECIMALS and isinstance(value, str) else as_numbers(value)
            for name, value in body.items()
        }
    return [as_numbers(item) for item in body] if isinstance(body, list) else body


@contextmanager
def passed_on(number: int, *, writing: bool = False) -> Iterator[None]:
    """Raise what the other gateway says as ``CommandFailed``, in its own words where they are about the meter."""
    try:
        yield
    except GatewayRefused as error:
        raise _refusal(error, number, writing) from error
    except MeterFailed as error:
        # An original says this of what a meter does not have as well: whether it is there, the polled values tell.
        raise CommandFailed(Failing.METER, _cosem(error.text), detail=error.detail or str(error)) from None


def _refusal(error: GatewayRefused, number: int, writing: bool) -> CommandFailed:
    if error.denied:
        return CommandFailed(Failing.DENIED, Cause.READ_WRITE_DENIED.value, detail=str(error))
    if error.status == BAD_REQUEST and error.text.startswith(UNSUPPORTED):
        return CommandFailed(Failing.UNSUPPORTED, error.text, detail=str(error))
    if error.status == BAD_REQUEST and writing:
        return CommandFailed(Failing.INVALID, error.text, detail=str(error))
    if error.status == BAD_REQUEST:
        return CommandFailed(Failing.UNSUPPORTED, UNSUPPORTED + BY_NUMBER[number].name, detail=str(error))
    # Not known there, no right there, locked there: for our clients the meter does not answer.
    return CommandFailed(Failing.METER, Cause.INVALID_RESPONSE.value, detail=str(error))


def _cosem(text: str) -> str:
    """The other gateway's text if it is one of the interface's, else that of a meter that does not answer."""
    return text if text.startswith("received ") else Cause.INVALID_RESPONSE.value
