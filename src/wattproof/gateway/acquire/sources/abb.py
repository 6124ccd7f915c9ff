"""Asking ABB meters for the resources of the interface: what both buses carry (g13-api.md 3; abb-meters.md 2)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from wattproof.errors import UnknownName
from wattproof.gateway.acquire.sources.base import Arguments, BaseSource, Options, value_of
from wattproof.gateway.acquire.sources.failures import invalid, told, unsupported
from wattproof.gateway.acquire.sources.localtime import LocalTime
from wattproof.gateway.acquire.sources.serials import sanitised
from wattproof.gateway.answers import Trait
from wattproof.gateway.engines.gaps import NEAR, Recorded
from wattproof.gateway.quantities import NUMBERS
from wattproof.gateway.records import Meter, Value
from wattproof.meters.abb.driver import AbbDriver
from wattproof.meters.abb.quantities import ENERGY, RESETTABLE, ROWS
from wattproof.meters.abb.records import LoadProfile, Log, Port, ProfileStatus, Spectrum, logs_dict
from wattproof.model.clock import Clock
from wattproof.model.quantities import Kind
from wattproof.model.readings import Reading, value_text
from wattproof.model.values import Quality, Scaled

#: Rows that a list of finished items has.
PIECE = 500
CURRENCY, CO2 = 83, 84
FACTORS = {"co2": (CO2, "kg/kWh"), "currency": (CURRENCY, "curr/kWh")}
RATIOS = {"ctdenum": 142, "ctnum": 141, "vtdenum": 144, "vtnum": 143}
#: Numerator and denominator of each transformer.
TRANSFORMERS = (("ctnum", "ctdenum"), ("vtnum", "vtdenum"))
FIRMWARE = 139
POWER = {"powerfailcounter": 152, "poweroutagetime": 151}
RESETS = {
    "activeimport": "RSTREG_ACT_ENERGY_IMP",
    "activeexport": "RSTREG_ACT_ENERGY_EXP",
    "reactiveimport": "RSTREG_REACT_ENERGY_IMP",
    "reactiveexport": "RSTREG_REACT_ENERGY_EXP",
}
#: What of an input can be reset, by the word for it.
STORED = {"storedstate": "IO_STORED_INPUT_STATE", "counter": "IO_INPUT_CUMULATION"}
#: Places of spectra as the interface writes them.
NEUTRAL = {"n": "neutral"}
HOUR = timedelta(hours=1)
#: Energies begin anew at 10^12 steps of 10 Wh (abb-meters.md 3.3).
MODULUS = (1, 13)
ENERGIES = frozenset(
    row.id for rows in (ENERGY, RESETTABLE) for row in rows if row.kind is Kind.COUNTER and row.type == "u64"
)


class AbbSource(BaseSource):
    """An ABB meter behind ``driver``, on either bus."""

    #: Where a kind of bus shows no more, a part of a resource that it cannot carry.
    summer_time: ClassVar[bool] = False

    def __init__(self, meter: Meter, options: Options, driver: AbbDriver, clock: Clock) -> None:
        super().__init__(meter, options, clock)
        self.driver: Any = driver
        self.local = LocalTime(options.zone)
        self._ids: frozenset[int] = frozenset()
        self._traits: tuple[str, ...] = ()
        self.reads |= {
            30: self._associations, 41: self._datetime, 43: self._info, 44: self._factors, 47: self._mbus_info,
            49: self._status, 50: self._flags, 51: self._events, 61: self._voltages, 62: self._currents,
            63: self._ports, 81: self._tariff,
        }  # fmt: skip
        self.writes |= {
            42: self._set_datetime, 45: self._set_factors, 48: self._set_ratios, 57: self._reset_registers,
            66: self._set_ports, 72: self._clear_previous, 76: self._clear_profiles, 80: self._clear_demand,
            82: self._set_tariff,
        }  # fmt: skip
        self.streams |= {69: self._previous_rows, 73: self._profile_rows, 77: self._demand_rows}

    @property
    def traits(self) -> tuple[str, ...]:
        return self._traits

    @property
    def moduli(self) -> Mapping[int, tuple[int, int]]:
        return dict.fromkeys(ENERGIES, MODULUS)

    @property
    def recorded(self) -> bool:
        return Trait.PROFILES in (self._traits or self.meter.traits)

    async def open(self) -> None:
        info = await self.driver.info()
        self.label = info.type
        self.serial = self.options.serial or sanitised(info.serial)
        await self._look()

    async def _look(self) -> None:
        """Find out what the meter has: ids and traits."""
        raise NotImplementedError

    def ids(self) -> Collection[int]:
        return self._ids

    async def read(self, ids: Collection[int]) -> dict[int, Value]:
        """See :class:`~wattproof.gateway.acquire.station.Source`: one read of the driver, whatever the ids are."""
        wanted = [id for id in ids if id in self._ids]
        time = self.now
        readings = await self.driver.read([str(id) for id in wanted]) if wanted else []
        return {id: value_of(reading, time) for id, reading in zip(wanted, readings, strict=True)}

    async def _numbers(self, ids: Collection[int]) -> dict[int, Reading]:
        """Readings of what the meter has of these, in one read."""
        readings = await self.driver.read([str(id) for id in ids])
        pairs = zip(ids, readings, strict=True)
        return {id: reading for id, reading in pairs if reading.quality is Quality.GOOD}

    # Time -------------------------------------------------------------------------------------------------------------

    async def time(self) -> int | None:
        """The meter's clock (UTC ms), which shows local time; ``None`` while nobody has set it."""
        shown = (await self.driver.read_clock()).time
        return None if shown is None else self.local.seconds(shown) * 1000

    async def set_time(self, time: int) -> None:
        """Set the clock to the local time of a moment (UTC ms)."""
        seconds = round(time / 1000)
        shown = datetime.fromtimestamp(seconds + 60 * self.local.offset(seconds), UTC)
        await self.driver.set_clock(shown.replace(tzinfo=None))

    async def follow_summer_time(self) -> bool:
        """Nothing: the meter turns its clock itself, or the next setting does."""
        return False

    async def is_charging(self) -> bool:
        """Never: the meter has no sessions."""
        return False

    async def _datetime(self, arguments: Arguments) -> dict[str, Any]:
        document: dict[str, Any] = (await self.driver.read_clock()).as_dict()
        rules = {name for name in ("dststart", "dstend") if document.get(name) is None}
        return {name: value for name, value in document.items() if name not in rules}

    async def _set_datetime(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        """Rules of summer time go first: turned on behind the time, they would put the clock on by an hour."""
        if "dstenable" in body:
            if self.summer_time:
                with told(writing=True, where="dstenable"):
                    await self._set_summer_time(body)
            elif body["dstenable"]:
                raise unsupported("summer time")
        with told(writing=True, where="datetime"):
            await self.driver.set_clock(datetime.fromisoformat(body["datetime"]))

    async def _set_summer_time(self, body: Mapping[str, Any]) -> None:
        raise unsupported("summer time")

    # Identity ---------------------------------------------------------------------------------------------------------

    async def _associations(self, arguments: Arguments) -> dict[str, Any]:
        rights = await self.driver.rights()
        return {
            "associationobjects": [int(flag) for flag in rights.flags],
            "role": rights.role,
            "serial": self.meter.serial,
        }

    async def _info(self, arguments: Arguments) -> dict[str, Any]:
        found = await self._numbers([FIRMWARE, *RATIOS.values(), CO2, CURRENCY, *POWER.values()])
        who = {"serial": self.serial, "label": self.label}
        if FIRMWARE in found:
            who["firmwareversion"] = str(found[FIRMWARE].value)
        parts: dict[str, Any] = {
            "ratio": {name: _int(found[id]) for name, id in RATIOS.items() if id in found},
            "conversionfactor": _factors(found),
            "power": {name: _int(found[id]) for name, id in POWER.items() if id in found},
        }
        if len(parts["ratio"]) < len(RATIOS) and parts["ratio"]:
            parts["ratio"] = {name: parts["ratio"].get(name, 1) for name in RATIOS}  # no transformer is 1 to 1
        return {"manufacturing": who, **{name: part for name, part in parts.items() if part}}

    async def _factors(self, arguments: Arguments) -> dict[str, Any]:
        return {"conversionfactor": _factors(await self._numbers([CO2, CURRENCY]))}

    async def _set_factors(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        for member, value in body["conversionfactor"].items():
            await self._write(member, FACTORS[member][0], value)

    async def _set_ratios(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        """A transformer that the meter does not have is 1 to 1, and stays so."""
        named = [name for name in body if name in RATIOS]
        found = await self._numbers([RATIOS[name] for name in named])
        present = {name: _int(found[RATIOS[name]]) for name in named if RATIOS[name] in found}
        if any(body[name] != 1 for name in named if name not in present):
            raise unsupported("transformer ratio")
        for member in ratio_order(body, present):
            await self._write(member, RATIOS[member], body[member])

    async def _mbus_info(self, arguments: Arguments) -> dict[str, Any]:
        raise NotImplementedError

    async def _status(self, arguments: Arguments) -> dict[str, Any]:
        return {"serial": self.serial, "label": self.label}

    # State ------------------------------------------------------------------------------------------------------------

    async def _flags(self, arguments: Arguments) -> dict[str, Any]:
        document: dict[str, Any] = (await self.driver.status()).as_dict()
        return document

    async def _events(self, arguments: Arguments) -> dict[str, Any]:
        until, count = datetime.fromisoformat(arguments["datetime"]), int(arguments.get("count") or 100)
        return logs_dict({log: await self.driver.log(log, until=until, count=count) for log in Log})

    async def _voltages(self, arguments: Arguments) -> dict[str, Any]:
        return await self._harmonics("voltage")

    async def _currents(self, arguments: Arguments) -> dict[str, Any]:
        return await self._harmonics("current")

    async def _harmonics(self, kind: str) -> dict[str, Any]:
        spectra: Sequence[Spectrum] = await self.driver.harmonics(kind)
        if not spectra:
            raise unsupported("harmonics")
        places = {spectrum.place.lower(): spectrum for spectrum in spectra}
        return {NEUTRAL.get(place, place): spectrum.as_dict() for place, spectrum in places.items()}

    async def _reset_registers(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        for member, wanted in body["resettableenergy"].items():
            if wanted:
                with told(writing=True, where=member):
                    await self.driver.reset(RESETS[member])

    # Ports ------------------------------------------------------------------------------------------------------------

    async def _ports(self, arguments: Arguments) -> dict[str, Any]:
        return {"iostatus": [port.as_dict() for port in await self.driver.ports()]}

    async def _set_ports(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        present: dict[int, Port] = {port.number: port for port in await self.driver.ports()}
        for wanted in body["iostatus"]:
            port = present.get(wanted["port"])
            if port is None or port.is_input == ("currentstate" in wanted):
                raise invalid(
                    "invalid port", f"port {wanted['port']} is no {'output' if port else 'port'} of the meter"
                )
        for wanted in body["iostatus"]:
            number = wanted["port"]
            with told(writing=True, where=f"port {number}"):
                if "currentstate" in wanted:
                    await self.driver.write({f"ports.OUTPUT_STATE_{number}": wanted["currentstate"]})
                for what in wanted.get("reset", ()):
                    await self.driver.reset(f"{STORED[what]}_{number}")

    # What is recorded -------------------------------------------------------------------------------------------------

    async def _previous_rows(self, arguments: Arguments) -> AsyncIterator[Any]:
        window = Window.of(arguments)
        document = (await self.driver.previous_values(**window.asked)).as_dict()
        items = document.pop("items")
        yield await self._previous_head(document, [item["time"] for item in items])
        for part in window.parts(items):
            yield part

    async def _previous_head(self, document: dict[str, Any], times: Sequence[str]) -> dict[str, Any]:
        """The head of #69; ``times``: the ends of its periods, oldest first."""
        return document

    async def _demand_rows(self, arguments: Arguments) -> AsyncIterator[Any]:
        window = Window.of(arguments)
        document = (await self.driver.demand(**window.asked)).as_dict()
        items = document.pop("items")
        yield await self._demand_head(document)
        for part in window.parts(items):
            yield part

    async def _demand_head(self, document: dict[str, Any]) -> dict[str, Any]:
        return document

    async def _profile_rows(self, arguments: Arguments) -> AsyncIterator[Any]:
        window = Window.of(arguments)
        document = (await self.driver.load_profile(int(arguments.get("channel") or 1), **window.asked)).as_dict()
        items = document.pop("items")
        yield document if document["mapping"][0] else without_mapping(document)
        for part in window.parts(items):
            yield part

    async def own_rows(self, quantity: int, first: int, last: int) -> list[Recorded]:
        """See :meth:`BaseSource.own_rows`. An hour more is read on both sides: local time may lie by so much beside."""
        begin, end = (datetime.fromtimestamp(at // 1000 + 60 * self.local.offset(at // 1000), UTC).replace(tzinfo=None)
                      for at in (first, last))  # fmt: skip
        try:
            channel = await self._own_channel(quantity)
            profile: LoadProfile = await self.driver.load_profile(channel, start=begin - HOUR, end=end + HOUR)
        except UnknownName:
            return []
        if profile.column.unit != NUMBERS[quantity].unit:
            return []
        moments = self.local.moments((row.time, row.summer_time) for row in profile.rows)
        return [
            Recorded(at * 1000, _value(row.value, at * 1000), int(row.status))
            for at, row in zip(moments, profile.rows, strict=True)
            if first - NEAR <= at * 1000 <= last + NEAR and ProfileStatus.BAD_VALUE not in row.status
        ]

    async def _own_channel(self, quantity: int) -> int | str:
        """The channel of the load profile that records a quantity, or the name by which the meter finds it itself.

        Raises ``UnknownName``.
        """
        return ROWS[quantity].name

    async def _clear_previous(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        await self.driver.reset("PREVIOUS_VALUES")

    async def _clear_profiles(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        raise NotImplementedError

    async def _clear_demand(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        await self.driver.reset("DEMAND")

    # Tariffs ----------------------------------------------------------------------------------------------------------

    async def _tariff(self, arguments: Arguments) -> dict[str, Any]:
        raise NotImplementedError

    async def _set_tariff(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        raise NotImplementedError

    async def _write(self, member: str, id: int, value: object) -> None:
        """One point; a failure names the member."""
        with told(writing=True, where=member):
            await self.driver.write({str(id): value})


def without_mapping(document: Mapping[str, Any]) -> dict[str, Any]:
    """The head of a load profile of which nobody knows what it records."""
    return {name: value for name, value in document.items() if name != "mapping"}


def ratio_order(body: Mapping[str, int], present: Mapping[str, int]) -> list[str]:
    """The members of #48 in their order, but numerator and denominator exchanged where the ratio would be below 1 in
    between, which a meter refuses.

    >>> ratio_order({"ctnum": 2, "ctdenum": 1}, {"ctnum": 100, "ctdenum": 5})
    ['ctdenum', 'ctnum']
    """
    members = [name for name in body if name in present]
    for numerator, denominator in TRANSFORMERS:
        if numerator in members and denominator in members:
            places = sorted((members.index(numerator), members.index(denominator)))
            above, below = (body, present) if members[places[0]] == numerator else (present, body)
            if above[numerator] < below[denominator]:
                first, second = places
                members[first], members[second] = members[second], members[first]
    return members


def _value(number: Decimal | None, time: int) -> Value:
    if number is None:
        return Value(None, 0, time, Quality.MISSING)
    exact = Scaled.of(number)
    return Value(exact.mantissa, exact.exponent, time)


def _int(reading: Reading) -> int:
    return int(reading.value) if isinstance(reading.value, Decimal) else 0


def _factors(found: Mapping[int, Reading]) -> dict[str, list[str | None]]:
    return {name: [value_text(found[id].value), unit] for name, (id, unit) in FACTORS.items() if id in found}


@dataclass(frozen=True, slots=True)
class Window:
    """Which rows a request is for, as far as it says."""

    start: datetime | None
    end: datetime | None
    count: int | None

    @classmethod
    def of(cls, arguments: Arguments) -> Window:
        start, end = (
            datetime.fromisoformat(arguments[name]) if arguments.get(name) else None for name in ("from", "to")
        )
        return cls(start, end, arguments.get("count"))

    @property
    def is_empty(self) -> bool:
        """Whether nothing lies between begin and end."""
        return self.start is not None and self.end is not None and self.start > self.end

    @property
    def asked(self) -> dict[str, Any]:
        """What the driver is asked for; of an empty window one row, which tells the columns."""
        return {"count": 1} if self.is_empty else {"start": self.start, "end": self.end, "count": self.count}

    def parts(self, items: Sequence[Any]) -> list[Sequence[Any]]:
        """Items that were read, in lists of at most :data:`PIECE`."""
        return [] if self.is_empty else [items[at : at + PIECE] for at in range(0, len(items), PIECE)]
