"""Asking a BSM for the resources of the interface (g13-api.md 10.3).

Never written from here: RCR, snapshots, metadata, address and rate (G-359).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar

from wattproof.drivers.modbus import ModbusLink
from wattproof.gateway.acquire.sources.base import Arguments, Options
from wattproof.gateway.acquire.sources.failures import denied, invalid, told, unsupported
from wattproof.gateway.acquire.sources.localtime import LocalTime, datetime_document
from wattproof.gateway.acquire.sources.points import Binding, Bound, PointSource
from wattproof.gateway.acquire.sources.serials import sanitised
from wattproof.gateway.answers import Trait, associations
from wattproof.gateway.records import Meter
from wattproof.meters.bsm.driver import BsmDriver
from wattproof.meters.bsm.enums import EVENT_BITS
from wattproof.model.readings import Reading

#: Model 203 gives power factors in percent.
PERCENT = -2
BINDINGS: Mapping[int, Binding] = {
    1: Bound("ac_meter.TotWhImp"),
    **{id: Bound(f"ac_meter.PhVph{letter}") for id, letter in ((69, "A"), (72, "B"), (75, "C"))},
    **{id: Bound(f"ac_meter.Aph{letter}") for id, letter in ((70, "A"), (73, "B"), (76, "C"))},
    **{id: Bound(f"ac_meter.PFph{letter}", PERCENT) for id, letter in ((71, "A"), (74, "B"), (77, "C"))},
    **{id: Bound(f"ac_meter.W{end}") for id, end in ((93, "phA"), (94, "phB"), (95, "phC"), (96, ""))},
    **{id: Bound(f"ac_meter.VAR{end}") for id, end in ((97, "phA"), (98, "phB"), (99, "phC"), (100, ""))},
    **{id: Bound(f"ac_meter.VA{end}") for id, end in ((101, "phA"), (102, "phB"), (103, "phC"), (104, ""))},
    170: Bound("ac_meter.Hz"),
}

EPOCH, OFFSET = "bs_meter.Epoch", "bs_meter.TZO"
ERROR_CODE = "bs_meter.ErrM"
VOLTAGES = tuple(f"ac_meter.PhVph{letter}" for letter in "ABC")
#: Below 20 % of 230 V a phase is missing.
PHASE_LIMIT = 46
#: Ports: the input is a feedback, the output a switching demand.
INPUT, OUTPUT = 1, 2
#: Where TotWhImp begins anew, Wh.
MODULUS = (1, 9)
#: Low voltage in Europe, V.
NOMINAL = 230
#: What it counts at most, W: 3 x 60 A at 230 V are 41.4 kW (manual, 14), and a fifth more of what is beyond that.
MOST = 50_000
#: Seconds by which the clock may differ when it is read back.
TOLERANCE = 2


class BsmSource(PointSource):
    """A BSM at ``meter.place["unit"]`` behind ``link``."""

    nominal: ClassVar[int | None] = NOMINAL

    def __init__(self, meter: Meter, options: Options, link: ModbusLink) -> None:
        self.driver = BsmDriver(link, meter.place.get("unit"))
        super().__init__(meter, options, self.driver, BINDINGS)
        self.local = LocalTime(options.zone, options.kept)
        self.reads |= {
            30: self._associations, 41: self._datetime, 43: self._info, 46: self._hardware, 49: self._status,
            50: self._flags, 63: self._ports, 64: self._port_functions,
        }  # fmt: skip
        self.writes |= {42: self._set_datetime, 66: self._set_ports}

    @property
    def traits(self) -> tuple[str, ...]:
        return (Trait.INTEGRATE,) if self.options.integrate else ()

    @property
    def kept(self) -> dict[str, Any]:
        return self.local.kept

    async def open(self) -> None:
        info = await self.driver.info()
        self.label = info.type
        serial = info.serial
        if not serial:
            readings, _ = await self.points(["bs_meter.SNM"])
            serial = _text(readings["bs_meter.SNM"])
        self.serial = self.options.serial or sanitised(serial)

    @property
    def moduli(self) -> Mapping[int, tuple[int, int]]:
        return {1: MODULUS}

    @property
    def most(self) -> int:
        return MOST

    # Time -------------------------------------------------------------------------------------------------------------

    async def time(self) -> int | None:
        """The meter's clock (UTC ms), ``None`` while nobody has set it."""
        seconds, _ = await self._clock()
        return None if seconds is None else seconds * 1000

    async def set_time(self, time: int) -> None:
        """Set clock and offset in one request to a moment (UTC ms), with the offset that holds then."""
        seconds = round(time / 1000)
        zone = timezone(timedelta(minutes=self.local.offset(seconds)))
        await self.driver.set_time(datetime.fromtimestamp(seconds, zone))

    async def follow_summer_time(self) -> bool:
        """Write the offset if another one holds now; whether it did. A clock that is not set stays so."""
        seconds, offset = await self._clock()
        if seconds is None or offset == self.local.offset(seconds):
            return False
        await self.driver.write({OFFSET: self.local.offset(seconds)})
        return True

    async def is_charging(self) -> bool:
        """Whether the meter is in a session, during which its clock is left alone: only sessions of ours are known."""
        return self.options.charging()

    async def _clock(self) -> tuple[int | None, int]:
        readings, _ = await self.points([EPOCH, OFFSET])
        seconds, offset = readings[EPOCH].raw, readings[OFFSET].raw
        return seconds if isinstance(seconds, int) else None, offset if isinstance(offset, int) else 0

    async def _datetime(self, arguments: Arguments) -> dict[str, Any]:
        seconds, offset = await self._clock()
        return datetime_document(seconds, offset, self.local, self.now // 1000, is_set=seconds is not None)

    async def _set_datetime(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        local = LocalTime(self.options.zone, self.local.kept)
        local.set(body)
        seconds = local.seconds(datetime.fromisoformat(body["datetime"]))
        before, self.local = self.local, local
        try:
            with told(writing=True, where="datetime"):
                await self.set_time(seconds * 1000)
                read, offset = await self._clock()
        except BaseException:
            self.local = before
            raise
        if read is None or abs(read - seconds) > TOLERANCE or offset != local.offset(seconds):
            self.local = before
            raise denied(f"the clock was set to {seconds} s and reads {read}, its offset {offset} min")

    # Identity and state -----------------------------------------------------------------------------------------------

    async def _associations(self, arguments: Arguments) -> dict[str, Any]:
        return {"associationobjects": associations(self.record), "role": "Configure", "serial": self.meter.serial}

    async def _info(self, arguments: Arguments) -> dict[str, Any]:
        readings, _ = await self.points(["common.Md", "bs_meter.VrM", "bs_meter.PDCnt"])
        label, version, failures = readings.values()
        who = {"serial": self.serial, "label": _text(label), "firmwareversion": _text(version)}
        return {"manufacturing": who, "power": {"powerfailcounter": failures.raw}}

    async def _hardware(self, arguments: Arguments) -> dict[str, Any]:
        readings, _ = await self.points(["bs_meter.VrM", "bs_meter.VrC"])
        return {"version": [_text(reading) for reading in readings.values()]}

    async def _status(self, arguments: Arguments) -> dict[str, Any]:
        return {"serial": self.serial, "label": self.label}

    async def _flags(self, arguments: Arguments) -> dict[str, Any]:
        readings, _ = await self.points(["ac_meter.Evt", ERROR_CODE, EPOCH, *VOLTAGES])
        events, code = readings["ac_meter.Evt"].raw, _text(readings[ERROR_CODE])
        bits = events if isinstance(events, int) else 0
        errors = [EVENT_BITS.get(bit, f"bit {bit}") for bit in range(bits.bit_length()) if bits >> bit & 1]
        if code.strip("0"):  # not 00000000
            errors.append(f"ErrM {code}")
        missing = [f"U{phase} Missing" for phase, name in enumerate(VOLTAGES, 1) if _is_low(readings[name])]
        unset = [] if isinstance(readings[EPOCH].raw, int) else ["Date Not Set", "Time Not SET"]
        return {"errors": errors, "warnings": missing + unset, "informationflags": []}

    # Ports ------------------------------------------------------------------------------------------------------------

    async def _ports(self, arguments: Arguments) -> dict[str, Any]:
        readings, _ = await self.points(["bs_meter.DI", "bs_meter.DO"])
        states = [(port, reading.raw) for port, reading in zip((INPUT, OUTPUT), readings.values(), strict=True)]
        return {"iostatus": [{"port": port, "currentstate": state} for port, state in states]}

    async def _port_functions(self, arguments: Arguments) -> dict[str, Any]:
        return {"ioconfig": ["input", "communiation_out"]}

    async def _set_ports(self, body: Mapping[str, Any], arguments: Arguments) -> None:
        wanted = [(port["port"], port) for port in body["iostatus"]]
        if any("reset" in port for _, port in wanted):
            raise unsupported("stored state")
        if any(number != OUTPUT for number, _ in wanted):
            raise invalid("invalid port", "port 2 is the only output of a BSM")
        if not self.options.allow_switching:
            raise denied("the output of this meter is not switched from here: allow_switching is false")
        if self.options.charging():
            raise denied("a charging session of ours runs: it switches the output")
        for _, port in wanted:
            with told(writing=True, where="currentstate"):
                await self.driver.write({"bs_meter.DO": port["currentstate"]})
                readings, _ = await self.points(["bs_meter.DO"])
            if readings["bs_meter.DO"].raw != port["currentstate"]:
                raise denied(f"DO was set to {port['currentstate']} and reads {readings['bs_meter.DO'].raw}")


def _text(reading: Reading) -> str:
    return reading.value.strip() if isinstance(reading.value, str) else ""


def _is_low(reading: Reading) -> bool:
    return reading.value is not None and not isinstance(reading.value, str | bytes) and reading.value < PHASE_LIMIT
