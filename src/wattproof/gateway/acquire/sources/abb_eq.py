"""ABB meters on the EQ bus: everything that the interface has (abb-meters.md 2)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, ClassVar

from wattproof.drivers.cosem.bus import Bus
from wattproof.drivers.cosem.meter import CosemMeter
from wattproof.drivers.cosem.place import HDLC, TCP, Place
from wattproof.errors import InvalidValue, UnknownName
from wattproof.gateway.acquire.sources.abb import AbbSource, Window
from wattproof.gateway.acquire.sources.base import UNDEFINED, Arguments, Options
from wattproof.gateway.acquire.sources.failures import invalid, told, valid
from wattproof.gateway.answers import Trait
from wattproof.gateway.quantities import NUMBERS
from wattproof.gateway.records import Meter
from wattproof.meters.abb.calendarjson import (
    day_dict,
    day_of,
    rule_of,
    season_dict,
    season_of,
    special_day_dict,
    special_day_of,
    week_dict,
    week_of,
)
from wattproof.meters.abb.cosem.binding import attribute_of
from wattproof.meters.abb.cosem.driver import AbbCosemDriver
from wattproof.meters.abb.cosem.settings import Alarm, ChannelSettings
from wattproof.meters.abb.cosem.settingsjson import (
    alarm_of,
    channel_list,
    channel_of,
    demand_dict,
    demand_of,
    port_functions_of,
    port_names,
    previous_dict,
    previous_of,
    pulse_output_of,
)
from wattproof.meters.abb.quantities import ROWS
from wattproof.meters.abb.records import Column
from wattproof.model.obis import Obis
from wattproof.model.readings import value_text
from wattproof.model.values import Quality
from wattproof.wire.cosem.descriptors import logical_name

#: What tells that a meter has something: a logical name in its list of objects.
OBJECTS: Mapping[Trait, tuple[str, ...]] = {
    Trait.HARDWARE: ("0-0:96.1.128",),
    Trait.FACTORS: ("1-0:0.4.128", "1-0:0.4.129"),
    Trait.TRANSFORMER: ("1-0:0.4.2", "1-0:0.4.3"),
    Trait.LOGS: ("0-0:99.98.0",),
    Trait.ALARMS: ("0-0:128.1.1",),
    Trait.VOLTAGE_HARMONICS: ("1-0:32.7.128",),
    Trait.CURRENT_HARMONICS: ("1-0:31.7.128",),
    Trait.PORTS: tuple(f"0-{port}:96.3.{kind}" for port in range(1, 5) for kind in (1, 2)),
    Trait.PORTS_CONFIGURED: ("0-1:96.3.130",),
    Trait.PULSES: ("0-1:96.3.131",),
    Trait.PREVIOUS: ("1-0:98.1.0",),
    Trait.PROFILES: ("1-0:99.1.1",),
    Trait.DEMAND: ("1-0:98.2.0",),
    Trait.TARIFF: ("0-0:96.14.0",),
    Trait.CALENDAR: ("0-0:13.0.0",),
    Trait.CLOCK: ("0-0:1.0.0",),
    Trait.CLOCK_SET: ("0-0:1.0.0",),
}
HARDWARE = tuple(range(191, 199))
DAY_TYPE, SEASON, TARIFF, SOURCE, INPUTS = 149, 150, 189, 190, 140
#: Codes of the tariff source.
COMMUNICATION, BY_INPUTS = 1, 2
#: Not told over COSEM: the version byte of this product family on M-Bus, and that no primary address is known.
MBUS_VERSION, NO_ADDRESS, ELECTRICITY = 0x20, 255, 2


class AbbEqSource(AbbSource):
    """A meter at the HDLC address ``meter.place["address"]`` on ``bus``; without one it is behind the wrapper over TCP,
    or what ``meter.place["transport"]`` names."""

    summer_time: ClassVar[bool] = True

    def __init__(self, meter: Meter, options: Options, bus: Bus) -> None:
        address = meter.place.get("address")
        transport = meter.place.get("transport", TCP if address is None else HDLC)
        secret = None if options.password is None else options.password.encode()
        place = Place(transport, password=secret) if address is None else Place(transport, int(address), None, secret)
        super().__init__(meter, options, AbbCosemDriver(bus.station(place)), bus.clock)
        self.reads |= {
            46: self._hardware, 52: self._alarms, 64: self._port_functions, 65: self._pulses, 70: self._previous,
            74: self._channels, 78: self._demand, 83: self._days, 85: self._weeks, 87: self._seasons,
            89: self._special_days,
        }  # fmt: skip
        self.writes |= {
            53: self._set_alarms, 67: self._set_port_functions, 68: self._set_pulses, 71: self._set_previous,
            75: self._set_channels, 79: self._set_demand, 84: self._set_day, 86: self._set_weeks,
            88: self._set_seasons, 90: self._set_special_days,
        }  # fmt: skip

    async def _look(self) -> None:
        objects = await self.driver.objects()
        self._ids = frozenset(id for id in NUMBERS if id in ROWS and objects.find(attribute_of(ROWS[id]).name))
        self._traits = tuple(
            trait for trait, names in OBJECTS.items() if any(objects.find(logical_name(name)) for name in names)
        )

    async def close(self) -> None:
        """End association and link; the bus belongs to others too."""
        await self.driver.close()

    # One object of any class (16) -------------------------------------------------------------------------------------

    async def execute(self, obis: bytes, class_id: int, attributes: Mapping[str, int]) -> dict[str, Any]:
        """See :meth:`BaseSource.execute`: whatever object the meter has."""
        name = str(Obis.from_bytes(obis))
        entry = (await self.driver.objects()).find(obis)
        if entry is None or entry.class_id != class_id:
            return dict(UNDEFINED)
        value = int(attributes.get("value", 2))
        try:
            (whole,) = await CosemMeter.read(self.driver, [name])
            found = whole if value == 2 else (await CosemMeter.read(self.driver, [f"{name}/{value}"]))[0]
        except UnknownName:
            return dict(UNDEFINED)
        if found.quality is Quality.MISSING:
            return dict(UNDEFINED)
        unit = {"unit": whole.unit} if "unit" in attributes else {}
        return {"values": [{"value": value_text(found.value) or "", **unit}]}

    # Identity ---------------------------------------------------------------------------------------------------------

    async def _hardware(self, arguments: Arguments) -> dict[str, Any]:
        found = await self._numbers(HARDWARE)
        return {"version": [str(reading.value) for reading in found.values() if reading.value]}

    async def _mbus_info(self, arguments: Arguments) -> dict[str, Any]:
        """What COSEM tells of it: the identification number is the serial number's digits."""
        identity = await self.driver.identity()
        digits = "".join(letter for letter in identity.serial if letter.isdecimal())[-8:]
        return {
            "manufacturer": identity.manufacturer,
            "devicetype": ELECTRICITY,
            "addressingmode": NO_ADDRESS,
            "version": MBUS_VERSION,
            "id": int(digits or 0),
        }

    async def _set_summer_time(self, body: Mapping[str, Any]) -> None:
        if not body["dstenable"]:
            await self.driver.set_summer_time(False)
            return
        with valid("invalid dststart"):
            begin = rule_of(body["dststart"])
        with valid("invalid dstend"):
            end = rule_of(body["dstend"])
        await self.driver.set_summer_time(True, begin, end)

    # Alarms, ports, pulses --------------------------------------------------------------------------------------------

    async def _alarms(self, arguments: Arguments) -> dict[str, Any]:
        return {"alarmconfig": [alarm.as_dict() for alarm in await self.driver.alarms()]}

    async def _set_alarms(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        """Those named alone; an empty list turns all off (GD-51)."""
        wanted: list[Alarm] = []
        for members in body["alarmconfig"]:
            with valid("invalid onthreshold"):
                wanted.append(alarm_of(members))
            self._check_ids([members["quantity"]] if "quantity" in members else [], "invalid quantity")
        if not wanted:
            wanted = [Alarm(alarm.number) for alarm in await self.driver.alarms() if alarm.quantity is not None]
        for alarm in wanted:
            with told(writing=True, where=f"id {alarm.number}"):
                await self.driver.set_alarms([alarm])

    def _check_ids(self, ids: list[int], text: str) -> None:
        """Raises 400 for quantities that this meter does not have."""
        absent = [id for id in ids if id in NUMBERS and id not in self._ids]
        if absent:
            raise invalid(text, f"the meter does not have {', '.join(NUMBERS[id].name for id in absent)}")

    async def _port_functions(self, arguments: Arguments) -> dict[str, Any]:
        return {"ioconfig": port_names(await self.driver.port_functions())}

    async def _set_port_functions(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        with valid("invalid io function"):
            wanted = port_functions_of(body["ioconfig"])
        for port, function in wanted.items():
            with told(writing=True, where=f"port {port}"):
                await self.driver.set_port_functions({port: function})

    async def _pulses(self, arguments: Arguments) -> dict[str, Any]:
        return {"pulse": [output.as_dict() for output in await self.driver.pulse_outputs()]}

    async def _set_pulses(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        with valid("Invalid Request"):
            wanted = [pulse_output_of(members) for members in body["pulse"]]
        for output in wanted:
            with told(writing=True, where=f"id {output.number}"):
                await self.driver.set_pulse_outputs([output])

    # What is recorded -------------------------------------------------------------------------------------------------

    async def _previous(self, arguments: Arguments) -> dict[str, Any]:
        return previous_dict(await self.driver.previous_settings())

    async def _set_previous(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        with valid("invalid pvconfig"):
            wanted = previous_of(body)
        self._check_ids([row.id for row in wanted.quantities], "invalid pvconfig")
        await self.driver.set_previous(wanted)

    async def _channels(self, arguments: Arguments) -> dict[str, Any]:
        return {"lpconfig": [channel_list(channel) for channel in await self.driver.load_profile_settings()]}

    async def _set_channels(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        """The channels in their order, those that are not named stay; an empty list turns all off (GD-51)."""
        present = {channel.number: channel for channel in await self.driver.load_profile_settings()}
        lists = body["lpconfig"] or [[0, 0, 0]] * len(present)
        with valid("invalid quantity"):
            wanted = [channel_of(number, members, present.get(number)) for number, members in enumerate(lists, 1)]
        self._check_ids([one.quantity.id for one in wanted if one.quantity is not None], "invalid quantity")
        with valid("too many items"):
            await self.driver.set_load_profile(wanted)

    async def _demand(self, arguments: Arguments) -> dict[str, Any]:
        return demand_dict(await self.driver.demand_settings())

    async def _set_demand(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        with valid("invalid demand code"):
            wanted = demand_of(body)
        self._check_ids([entry.quantity for entry in wanted.entries], "invalid quantity")
        with valid("invalid interval"):
            await self.driver.set_demand(wanted)

    async def _previous_head(self, document: dict[str, Any], times: Sequence[str]) -> dict[str, Any]:
        """Without rows the columns are those that the settings name."""
        if not document["mapping"]:
            settings = await self.driver.previous_settings()
            document["mapping"] = [Column.of(row).as_list() for row in settings.quantities]
        return document

    async def _demand_head(self, document: dict[str, Any]) -> dict[str, Any]:
        if not document["mapping"]:
            settings = await self.driver.demand_settings()
            rows = [ROWS[entry.quantity] for entry in settings.entries]
            document["mapping"] = [Column.of(row).as_power.as_list() for row in rows]
        return document

    async def _profile_rows(self, arguments: Arguments) -> AsyncIterator[Any]:
        """Piece by piece, as the meter sends them."""
        window = Window.of(arguments)
        parts = self.driver.load_profile_parts(int(arguments.get("channel") or 1), **window.asked)
        try:
            document = (await anext(parts)).as_dict()
        except UnknownName:  # the channel records nothing
            yield {"interval": 0}
            return
        yield {name: value for name, value in document.items() if name != "items"}
        if window.is_empty:
            return
        async for part in parts:
            if items := part.as_dict()["items"]:
                yield items

    async def _own_channel(self, quantity: int) -> int:
        channels = [one for one in await self.driver.load_profile_settings() if one.quantity is ROWS[quantity]]
        if not channels:
            raise UnknownName(f"no channel of the load profile records {ROWS[quantity].name}")
        best: ChannelSettings = min(channels, key=lambda channel: channel.interval)
        return best.number

    async def _clear_profiles(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        channel = arguments.get("channel")
        await self.driver.reset(f"LOAD_PROFILE_CH_{channel}" if channel else "LOAD_PROFILE")

    # Tariffs ----------------------------------------------------------------------------------------------------------

    async def _tariff(self, arguments: Arguments) -> dict[str, Any]:
        found = await self._numbers([DAY_TYPE, SEASON, TARIFF, SOURCE, INPUTS])
        numbers = (("daytype", DAY_TYPE), ("season", SEASON), ("tariff", TARIFF), ("source", SOURCE))
        document: dict[str, Any] = {
            name: int(value) for name, id in numbers if id in found and (value := found[id].value) is not None
        }
        if document.get("source") == BY_INPUTS and INPUTS in found:
            document["inputconfig"] = json.loads(str(found[INPUTS].value))
        return document

    async def _set_tariff(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        """The source goes first: it decides whether a tariff may be chosen."""
        source = body.get("source")
        if "tariff" in body:
            present = source if source is not None else (await self._tariff(arguments)).get("source")
            if present != COMMUNICATION:
                raise invalid("tariff source is not communication")
        for member, id in (("source", SOURCE), ("inputconfig", INPUTS), ("tariff", TARIFF)):
            if member in body:
                await self._write(member, id, body[member])

    async def _days(self, arguments: Arguments) -> dict[str, Any]:
        return {"dayprofiles": [day_dict(day) for day in await self.driver.day_profiles()]}

    async def _set_day(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        with valid("invalid actions"):
            day = day_of(body)
        with valid("invalid profile"):
            await self.driver.write_day(day)

    async def _weeks(self, arguments: Arguments) -> dict[str, Any]:
        return {"weekprofiles": [week_dict(week) for week in await self.driver.week_profiles()]}

    async def _set_weeks(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        """The list is the whole table, as the read gives it and as for meters with an engine."""
        text = "invalid weekprofiles"
        with valid(text):
            weeks = [week_of(members) for members in body["weekprofiles"]]
        known = {day.id for day in await self.driver.day_profiles()}
        if any({*week.days} - known for week in weeks):
            raise invalid(text, "a week names a day profile that there is not")
        with told(writing=True, where="weekprofiles"), valid(text):
            await self.driver.write_weeks(weeks)

    async def _seasons(self, arguments: Arguments) -> dict[str, Any]:
        return {"seasonprofiles": [season_dict(season) for season in await self.driver.season_profiles()]}

    async def _set_seasons(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        """The whole table, as for weeks."""
        text = "invalid seasonprofiles"
        with valid(text):
            seasons = [season_of(members) for members in body["seasonprofiles"]]
        known = {week.name for week in await self.driver.week_profiles()}
        if any(season.week not in known for season in seasons):
            raise invalid(text, "a season names a week profile that there is not")
        with told(writing=True, where="seasonprofiles"), valid(text):
            await self.driver.write_seasons(seasons)

    async def _special_days(self, arguments: Arguments) -> dict[str, Any]:
        return {"specialdayprofiles": [special_day_dict(day) for day in await self.driver.special_days()]}

    async def _set_special_days(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        with valid("invalid date"):
            days = [special_day_of(members) for members in body["specialdayprofiles"]]
        taken = {day.index: day.date for day in await self.driver.special_days()}
        dates = {*taken.values()}
        for day in days:
            if day.date not in dates and taken.get(day.index, day.date) != day.date:
                raise invalid("profile id in use", f"special day {day.index} is of another date")
        for day in days:
            with told(writing=True, where=f"profile {day.index}"):
                try:
                    await self.driver.write_special_day(day)
                except InvalidValue as error:
                    raise invalid("profile id in use", str(error)) from error
