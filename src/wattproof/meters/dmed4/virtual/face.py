"""The face of a virtual DMED4: its parts, and what its registers show of them at a moment."""

from __future__ import annotations

import random
from collections.abc import Mapping
from decimal import Decimal
from typing import cast

from wattproof.meters.dmed4.enums import EVENTS, MeasurementStatus, Operative
from wattproof.meters.dmed4.models import Model
from wattproof.meters.dmed4.parameters import PARAMETERS
from wattproof.meters.dmed4.virtual.access import Access
from wattproof.meters.dmed4.virtual.charge import Charge
from wattproof.meters.dmed4.virtual.electrics import LIMIT, ROUND, Electrics
from wattproof.meters.dmed4.virtual.faults import FAULTS
from wattproof.meters.dmed4.virtual.health import Health
from wattproof.meters.dmed4.virtual.logbook import Event, Logbook
from wattproof.meters.dmed4.virtual.menu import Menu
from wattproof.meters.dmed4.virtual.options import Options
from wattproof.meters.dmed4.virtual.record import Identity
from wattproof.meters.dmed4.virtual.registers import LAYOUTS, NO_TEMPERATURE, Registers
from wattproof.meters.dmed4.virtual.timekeeping import Clock
from wattproof.virtual.base import NEVER, SECOND, SimulationOptions, ignore, sleep_on
from wattproof.virtual.dc import WATT_HOUR, Load
from wattproof.virtual.faults import Armed, Faults
from wattproof.virtual.line import LineFaults
from wattproof.virtual.physics import nearest
from wattproof.virtual.signing import Signer
from wattproof.virtual.switched import SwitchedMeter

#: Refresh of the fast measurements.
FAST = SECOND // 10
HOUR = 3600 * SECOND
#: Firmware of the virtual meter: revisions and checksums of both boards (3.4, 7.8).
MEAS_REVISION, POW_REVISION = "5", "7"
MEAS_CHECKSUM, POW_CHECKSUM = 0x5A3C91E7, 0x1B84D20F
_DEFAULTS = {row.id: row.default for row in PARAMETERS}


class Face(SwitchedMeter):
    """The parts of one meter and how they show. Attributes may be read from outside."""

    __slots__ = (
        "_due",
        "_fast_tick",
        "_fatal",
        "_fresh",
        "_image",
        "_init_until",
        "_kept",
        "_main_tick",
        "_power_at",
        "_reboot_at",
        "_second_due",
        "_seed",
        "_silent_until",
        "_stored",
        "_time_high",
        "_wraps",
        "access",
        "active",
        "cable",
        "cable_locked",
        "charge",
        "clock",
        "commissioned",
        "display_on",
        "display_page",
        "electrics",
        "flash",
        "health",
        "identity",
        "kind",
        "layout",
        "logbook",
        "menu",
        "now",
        "options",
        "read_text",
        "registers",
        "signer",
        "supplied",
        "tariff",
        "temperatures",
    )

    charge: Charge
    supplied: bool

    def __init__(
        self,
        options: SimulationOptions,
        chosen: Options,
        kind: Model,
        serial: str,
        signer: Signer,
        seed: int,
        load: Load,
    ) -> None:
        self.model, self.variant, self.serial = options.model, kind.variant, serial
        self.kind, self.options, self.signer = kind, chosen, signer
        self.public_key = signer.public_key
        self.speed = options.speed
        self.read_text = options.read_text
        self.line = LineFaults(random.Random(seed))
        self.journal, self.wake = ignore, sleep_on
        self._seed = seed
        self.now = options.start
        self._offset = 0
        self._due = self._power_at = self._reboot_at = self._silent_until = self._init_until = NEVER
        self._fresh = self._second_due = options.start
        self._main_tick = self._fast_tick = options.start
        self._armed: list[Armed] = []
        self._watch = False
        self._kept: object = None
        self._stored: bytes | None = None
        self._time_high: int | None = None
        self._wraps = (0, 0)
        self._fatal: frozenset[str] = frozenset()
        self.supplied = True
        self.layout = LAYOUTS[chosen.block_4000_offset]
        self.registers = Registers()
        self._image = self.registers.data
        self.faults = Faults(FAULTS, self._note_fault)
        self.health = Health(self.faults, self._errors_set)
        follows = chosen.load_follows == "session"
        self.electrics = Electrics(self.now, load, kind.amperes, follows=follows, reverse=kind.reverse)
        self.clock = Clock(self.now)
        self.logbook = Logbook(chosen.ocmf_log_size, chosen.event_log_size)
        self.access = Access(chosen.login_timeout)
        self.menu = Menu()
        #: Parameters in force, and those that the next start brings into force.
        self.active = self.flash = chosen.parameters
        self.identity = Identity(kind.name, serial, MEAS_REVISION, chosen.ri_import, chosen.ri_export, chosen.ri_cycle)
        self.commissioned, self.cable_locked = chosen.commissioned, chosen.cable_locked
        self.cable = self.tariff = 0
        self.temperatures = [250, 250]
        self.display_on, self.display_page = True, 1

    def _note_fault(self, event: str, details: Mapping[str, object]) -> None:
        self.journal(event, details)

    def _errors_set(self, first: int, second: int) -> None:
        self.note(9, f"{first:08X};{second:08X}")

    # what it is at this moment

    @property
    def charging(self) -> bool:
        """Whether a cycle is open: clock and settings are locked (6.6)."""
        return self.charge.status.charging

    @property
    def operative(self) -> Operative:
        """``operative_status`` (7.8)."""
        if self.charging:
            return Operative.CHARGING
        return Operative.OPERATING if self.commissioned else Operative.READY

    @property
    def parameters_locked(self) -> bool:
        """Whether parameters cannot be changed: commissioned, or charging."""
        return self.charging or self.commissioned

    @property
    def starting_up(self) -> bool:
        """Whether keys and signature engine are still being made ready."""
        return self._init_until < NEVER or self._silent_until < NEVER

    @property
    def silent(self) -> bool:
        return not self.supplied or self._silent_until < NEVER

    @property
    def starting(self) -> bool:
        return self.supplied and self._silent_until < NEVER

    @property
    def gateway(self) -> bool:
        """Whether it stands between Ethernet and its serial line (P05_05)."""
        return self.active["P05_05"] == 1

    # what is shown

    def show(self) -> None:
        """The main measurements of this moment (4.3)."""
        self._notice_wraps()
        faults, health = self.faults, self.health
        counters = self.electrics.counters
        self.registers.set_hours(counters.powered // HOUR, counters.working // HOUR)
        if health.silent or "frozen" in faults:
            return
        voltage, current, power = self._measured(self._main_tick // SECOND)
        imported, exported = counters.imported // WATT_HOUR % LIMIT, counters.exported // WATT_HOUR % LIMIT
        first, second = (self._temperature(number) for number in (1, 2))
        self.registers.set_measure(
            imported, counters.cycle // WATT_HOUR, voltage, current, power,
            first, fahrenheit(first), second, fahrenheit(second),
            exported, counters.cycle_export // WATT_HOUR, (imported + exported) % LIMIT,
        )  # fmt: skip

    def sample(self, tick: int) -> None:
        """The fast measurements of an instant, and when that was (4.3)."""
        if self.health.silent:
            return
        if "frozen" not in self.faults:
            self.registers.set_fast(*self._measured(tick // FAST))
        if not self.health.blind:
            self.registers.set_sample(self.clock.seconds(tick), self.clock.offset)

    def _measured(self, draw: int) -> tuple[int, int, int]:
        """Voltage (0.01 V), current (0.1 mA) and power (W) as registers show them; ``draw`` numbers the refresh."""
        segment = self.electrics.segment
        if self.health.blind:
            return 0, 0, 0
        voltage, current, power = segment.voltage, abs(segment.current), segment.power
        noise = self.faults.get("noise")
        if noise is not None:
            percent = float(cast(Decimal, noise)) / 100
            chance = random.Random(self._seed * 0x1_0000_0000 + draw)
            factors = [max(0, round(10**6 * (1 + chance.gauss(0, percent)))) for _ in range(2)]
            voltage, current = nearest(voltage * factors[0], 10**6), nearest(current * factors[1], 10**6)
            power = voltage * current * (-1 if power < 0 else 1)
        return min(nearest(voltage, 10), 0xFFFFFFFF), min(nearest(current, 100), 0xFFFFFFFF), nearest(power, 10**9)

    def _temperature(self, number: int) -> int:
        if self.health.blind_sensor(number):
            return NO_TEMPERATURE
        segment = self.electrics.segment
        recorded = segment.first if number == 1 else segment.second
        return self.temperatures[number - 1] if recorded is None else recorded

    def _notice_wraps(self) -> None:
        counters = self.electrics.counters
        wraps = counters.imported // ROUND, counters.exported // ROUND
        for name, before, after in zip(("imported", "exported"), self._wraps, wraps, strict=True):
            if after > before:
                self.note(12, name)
        self._wraps = wraps

    def present(self) -> None:
        """Statuses, errors, settings, logs and areas of this moment."""
        registers, charge, log = self.registers, self.charge, self.logbook
        output = charge.output
        registers.set_errors(self.health.first, self.health.second, MEAS_CHECKSUM)
        sizes = (len(output.payload), len(output.signature)) if output is not None else (0, 0)
        parameters = self.shown_parameters()
        registers.set_status(charge.status, charge.signature_status(self.now), *sizes)
        registers.set_control(
            charge.command,
            registers.number("input_length"),
            parameters["P06_01"],
            parameters["P06_02"],
            self.clock.offset,
        )
        registers.set_clock(self.clock.seconds(self.now))
        self._second_due = self.clock.next_second(self.now)
        registers.set_logs(log.events.maxlen or 0, len(log.events), log.records.maxlen or 0, len(log.records))
        registers.set_menu(self.menu.menu, self.menu.submenu, self.menu.parameter)
        registers.set_area("parameter_value", self.menu.words(parameters))
        registers.set_area("public_key", b"" if self.health.no_key else self.public_key[-64:])
        payload, signature = (output.payload, output.signature) if output is not None else (b"", b"")
        if payload != self._stored:
            self._stored = payload
            registers.set_area("output_json", payload)
        registers.set_area("signature_der", signature)
        registers.set_area("signature_raw", raw_signature(signature) if signature else b"")

    def note(self, code: int, arguments: str = "") -> None:
        """A metrological event (10.5)."""
        event = Event(self.clock.seconds(self.now), code, arguments)
        self.logbook.note(event, ring=self.commissioned)
        self.journal("event", {"code": code, "meaning": EVENTS[code], "arguments": arguments})

    def shown_parameters(self) -> Mapping[str, int]:
        """The parameters as the meter reads them; a broken EEPROM gives the defaults (15.2)."""
        return _DEFAULTS if "error-eeprom-read" in self.faults else self.active

    @property
    def status(self) -> MeasurementStatus:
        """Measurement status."""
        return self.charge.status


def fahrenheit(celsius: int) -> int:
    """Tenths of a degree Fahrenheit of tenths of a degree Celsius (4.3)."""
    return NO_TEMPERATURE if celsius == NO_TEMPERATURE else nearest(celsius * 9 + 1600, 5)


def raw_signature(signature: bytes) -> bytes:
    """r and s, 32 bytes each, of a DER signature (DEC-24)."""
    size = signature[3]
    numbers = signature[4 : 4 + size], signature[6 + size :]
    return b"".join(number.lstrip(b"\0").rjust(32, b"\0") for number in numbers)
