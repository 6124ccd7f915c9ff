"""Asking a DMED4 over Modbus or REST for the resources of the interface (g13-api.md 10.3).

Never written from here: commands of the charge cycle, fixed fields, tariff code, parameters (G-359).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from wattproof.drivers.modbus import ModbusLink
from wattproof.errors import ProtocolError
from wattproof.g13.composition import TEMPERATURE_1, TEMPERATURE_2
from wattproof.gateway.acquire.sources.base import Arguments, Options
from wattproof.gateway.acquire.sources.failures import denied, told
from wattproof.gateway.acquire.sources.localtime import LocalTime, datetime_document
from wattproof.gateway.acquire.sources.points import Binding, Bound, PointSource, Sum
from wattproof.gateway.acquire.sources.serials import fingerprint, sanitised
from wattproof.gateway.answers import Trait, associations
from wattproof.gateway.records import Meter
from wattproof.io.web import WebLink
from wattproof.meters.dmed4.driver import DmedDriver
from wattproof.meters.dmed4.enums import ERROR_1_NAMES, ERROR_2_NAMES, Signature
from wattproof.meters.dmed4.models import MODELS
from wattproof.meters.dmed4.resources import SYSTEM_STATUS
from wattproof.meters.dmed4.rest import RestDriver
from wattproof.meters.dmed4.restpoints import field_value, set_flags
from wattproof.model.devices import DeviceInfo
from wattproof.model.readings import Reading

IMPORT, EXPORT = Bound("measure.energy_import_total"), Bound("measure.energy_export_total")
BINDINGS: Mapping[int, Binding] = {
    1: IMPORT,
    2: EXPORT,
    13: Sum(((IMPORT, 1), (EXPORT, -1))),
    69: Bound("measure.voltage"),
    70: Bound("measure.current"),
    96: Bound("measure.power"),
    TEMPERATURE_1: Bound("measure.temp_i1_c"),
    TEMPERATURE_2: Bound("measure.temp_i2_c"),
}
MEASURE = "measure"
CLOCK, OFFSET, SIGNATURE = "clock.datetime", "control.datetime_offset", "status.signature_status"
ERRORS = (("errors.error_1", ERROR_1_NAMES), ("errors.error_2", ERROR_2_NAMES))
BOARDS = ("board_1_status_bits", "board_2_status_bits")
#: Totals begin anew at 100 000 000 kWh (DEC-51), Wh.
MODULUS = (1, 11)
#: The voltage that no charger of the class goes beyond, V (low voltage DC ends there), and how much more than its
#: nominal current a meter may be given.
MOST_VOLTS, OVERLOAD = 1500, 1.2
#: Log ids of the meter's own events stand behind those of the interface.
OWN_EVENTS = 3000
INFORMATION = 8
#: Seconds by which the clock may differ when it is read back.
TOLERANCE = 2


class DmedSource(PointSource):
    """What both ways to a DMED4 share. ``driver`` offers the charge cycle, which is left alone, and points."""

    driver: Any

    def __init__(self, meter: Meter, options: Options, driver: Any) -> None:
        self.driver = driver
        super().__init__(meter, options, driver, BINDINGS)
        self.local = LocalTime(options.zone, options.kept)
        self._firmware = ""
        self.reads |= {
            30: self._associations, 41: self._datetime, 43: self._info, 46: self._hardware, 49: self._status,
            50: self._flags,
        }  # fmt: skip
        self.writes |= {42: self._set_datetime}

    @property
    def traits(self) -> tuple[str, ...]:
        return (Trait.INTEGRATE,) if self.options.integrate else ()

    @property
    def kept(self) -> dict[str, Any]:
        return self.local.kept

    @property
    def moduli(self) -> Mapping[int, tuple[int, int]]:
        return {1: MODULUS, 2: MODULUS}

    @property
    def most(self) -> int | None:
        named = self.label or self.meter.label  # over Modbus it names two models, of the same current
        amperes = max((model.amperes for model in MODELS if model.name in named), default=0)
        return round(amperes * MOST_VOLTS * OVERLOAD) or None

    async def open(self) -> None:
        """See :class:`~wattproof.gateway.acquire.station.Source`.

        Raises ``ProtocolError`` where nothing tells a serial number and the configuration names none.
        """
        info: DeviceInfo = await self.driver.info()
        self.label = info.type
        self.serial = self.options.serial or self._serial(info)
        if not self.serial:
            raise ProtocolError("the meter tells neither serial number nor public key: name its serial in the file")

    def _serial(self, info: DeviceInfo) -> str:
        """By 10.1: the number that REST gives, MS of a record, or the fingerprint of the key. A meter that is known by
        its key keeps that name when a record tells a number later."""
        names = [] if info.public_key is None else [fingerprint(info.public_key)]
        if info.serial and self.meter.place.get("identity", self.meter.serial) not in names:
            names.insert(0, sanitised(info.serial))
        return names[0] if names else ""

    # Time -------------------------------------------------------------------------------------------------------------

    async def time(self) -> int | None:
        """The meter's clock (UTC ms), ``None`` while nobody has set it since its start."""
        seconds, _, is_set = await self._clock()
        return seconds * 1000 if is_set else None

    async def set_time(self, time: int) -> None:
        """Set clock and offset to a moment (UTC ms), with the offset that holds then."""
        seconds = round(time / 1000)
        await self.driver.set_clock(seconds, self.local.offset(seconds))

    async def follow_summer_time(self) -> bool:
        """Write the offset if another one holds now; whether it did. A clock that is not set, or locked, stays so."""
        seconds, offset, is_set = await self._clock()
        wanted = self.local.offset(seconds)
        if not is_set or offset == wanted or await self.is_charging():
            return False
        await self.driver.write({"datetime_offset": wanted})
        return True

    async def is_charging(self) -> bool:
        """Whether a charge cycle is open: the clock is locked then (DEC-32)."""
        state = await self.driver.state()
        return bool(state.measurement.charging)

    async def _clock(self) -> tuple[int, int, bool]:
        readings, _ = await self.points([CLOCK, OFFSET, SIGNATURE])
        seconds, offset = (_raw(readings[name]) for name in (CLOCK, OFFSET))
        return seconds, offset, bool(_raw(readings[SIGNATURE]) & Signature.SYNCHRONIZED)

    async def _datetime(self, arguments: Arguments) -> dict[str, Any]:
        seconds, offset, is_set = await self._clock()
        return datetime_document(seconds, offset, self.local, self.now // 1000, is_set=is_set)

    async def _set_datetime(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        local = LocalTime(self.options.zone, self.local.kept)
        local.set(body)
        seconds = local.seconds(datetime.fromisoformat(body["datetime"]))
        with told(writing=True, where="datetime"):
            if await self.is_charging():
                raise denied("a charge cycle is open: clock and offset are locked")
            await self.driver.set_clock(seconds, local.offset(seconds))
            read, offset, _ = await self._clock()
        if abs(read - seconds) > TOLERANCE or offset != local.offset(seconds):
            raise denied(f"the clock was set to {seconds} s and reads {read}, its offset {offset} min")
        self.local = local

    # Identity and state -----------------------------------------------------------------------------------------------

    @property
    def _role(self) -> str:
        return "View Only"

    async def _associations(self, arguments: Arguments) -> dict[str, Any]:
        return {"associationobjects": associations(self.record), "role": self._role, "serial": self.meter.serial}

    async def _info(self, arguments: Arguments) -> dict[str, Any]:
        who = {"serial": self.serial, "label": self.label, "firmwareversion": await self._version()}
        return {"manufacturing": who}

    async def _version(self) -> str:
        raise NotImplementedError

    async def _hardware(self, arguments: Arguments) -> dict[str, Any]:
        raise NotImplementedError

    async def _status(self, arguments: Arguments) -> dict[str, Any]:
        return {"serial": self.serial, "label": self.label}

    async def _flags(self, arguments: Arguments) -> dict[str, Any]:
        readings, _ = await self.points([*(name for name, _ in ERRORS), SIGNATURE])
        errors = [text for name, texts in ERRORS for text in _set_bits(_raw(readings[name]), texts)]
        is_set = _raw(readings[SIGNATURE]) & Signature.SYNCHRONIZED
        warnings = [] if is_set else ["Date Not Set"]
        return {"errors": errors + await self._board_errors(), "warnings": warnings, "informationflags": []}

    async def _board_errors(self) -> list[str]:
        """What the boards say, where the way to the meter tells it."""
        return []


class DmedModbusSource(DmedSource):
    """A DMED4 at ``meter.place["unit"]`` behind ``link``."""

    def __init__(self, meter: Meter, options: Options, link: ModbusLink) -> None:
        super().__init__(meter, options, DmedDriver(link, meter.place.get("unit")))

    async def points(self, names: Iterable[str]) -> tuple[dict[str, Reading], int]:
        """See :meth:`PointSource.points`. Measured values lie close together: all of them are one request."""
        wanted = [*names]
        if not wanted or not all(name.startswith(f"{MEASURE}.") for name in wanted):
            return await super().points(wanted)
        time = self.now
        return {reading.point: reading for reading in await self.driver.read(MEASURE)}, time

    async def _version(self) -> str:
        return str((await self.driver.identity()).firmware)

    async def _hardware(self, arguments: Arguments) -> dict[str, Any]:
        """Revisions of the hardware and of the Ethernet board's firmware, bytes of function 17."""
        identity = await self.driver.identity()
        return {"version": [str(identity.hardware), str(identity.ethernet)]}


class DmedRestSource(DmedSource):
    """A DMED4 behind ``link``, on channel ``meter.place["channel"]`` of a display if there is one."""

    def __init__(self, meter: Meter, options: Options, link: WebLink) -> None:
        channel = meter.place.get("channel")
        driver = RestDriver(link, channel=channel, password=options.password, host=options.host)
        super().__init__(meter, options, driver)
        self.reads[51] = self._events

    @property
    def _role(self) -> str:
        return "View Only" if self.options.password is None else "Configure"

    async def _version(self) -> str:
        return str(field_value(await self.driver.system_status(), SYSTEM_STATUS.by_key["meas_fw_rev"]) or "")

    async def _hardware(self, arguments: Arguments) -> dict[str, Any]:
        """Revisions of the measuring and of the communication board."""
        status = await self.driver.system_status()
        found = [field_value(status, SYSTEM_STATUS.by_key[key]) for key in ("meas_fw_rev", "pow_fw_rev")]
        return {"version": [str(revision) for revision in found if revision is not None]}

    async def _board_errors(self) -> list[str]:
        status = await self.driver.system_status()
        fields = [SYSTEM_STATUS.by_key[key] for key in BOARDS]
        return [name for field in fields for name in set_flags(field_value(status, field), field)]

    async def _events(self, arguments: Arguments) -> dict[str, Any]:
        """The meter's own log: its newest entries up to a time, newest first. Its times are UTC (DEC-65)."""
        until, count = datetime.fromisoformat(arguments["datetime"]), int(arguments.get("count", 100))
        total = (await self.driver.log_info()).events_total
        found: list[dict[str, Any]] = []
        for back in range(total):
            event = await self.driver.event(back)
            entry = None if event is None else self._entry(event)
            if entry is not None and datetime.fromisoformat(entry["datetime"]) <= until:
                found.append(entry)
            if len(found) >= count:
                break
        return {"system": found, "quality": [], "event": []}

    def _entry(self, event: Mapping[str, str]) -> dict[str, Any] | None:
        """An event as an entry of a log; ``None`` for one whose time or code cannot be read."""
        try:
            moment = datetime.fromisoformat(f"{event['date']}T{event['time']}").replace(tzinfo=UTC)
            code = int(event["event_code"])
        except (KeyError, ValueError):
            return None
        local = moment + timedelta(minutes=self.local.offset(int(moment.timestamp())))
        return {
            "datetime": f"{local:%Y-%m-%dT%H:%M:%S}",
            "duration": 0,
            "category": INFORMATION,
            "logid": OWN_EVENTS + code,
        }


def _raw(reading: Reading) -> int:
    return reading.raw if isinstance(reading.raw, int) else 0


def _set_bits(bits: int, names: Mapping[int, str]) -> list[str]:
    return [names.get(bit, f"bit {bit}") for bit in range(bits.bit_length()) if bits >> bit & 1]
