"""The face of a virtual BSM: everything it shows, in registers, on the display and through the optical head."""

from __future__ import annotations

import random
from abc import abstractmethod
from collections.abc import Callable, Mapping
from fractions import Fraction

from wattproof.meters.bsm.enums import NO_ERROR, Event
from wattproof.meters.bsm.optical.source import OpticalValues
from wattproof.meters.bsm.points import COMMON_BLOCK, FIRMWARE_HASH_BLOCK, SIGNING_METER_BLOCK
from wattproof.meters.bsm.virtual.creation import Maker
from wattproof.meters.bsm.virtual.display import Display, DisplayValues
from wattproof.meters.bsm.virtual.electrics import Electrics
from wattproof.meters.bsm.virtual.faults import EXCLUDING, FAULTS
from wattproof.meters.bsm.virtual.ocmf import Identity
from wattproof.meters.bsm.virtual.options import Options
from wattproof.meters.bsm.virtual.registers import Registers, clamp
from wattproof.meters.bsm.virtual.state import Counters, Durable
from wattproof.meters.bsm.virtual.timekeeping import NO_EPOCH, NO_TZO, Timekeeping
from wattproof.virtual.base import NEVER, SimulationOptions, ignore, sleep_on
from wattproof.virtual.contactor import Contactor
from wattproof.virtual.faults import Armed, Faults
from wattproof.virtual.line import LineFaults
from wattproof.virtual.loads import Load
from wattproof.virtual.physics import WATT_HOUR, nearest
from wattproof.virtual.signing import Signer
from wattproof.virtual.switched import SwitchedMeter

#: Energy units of the least digit shown: 10 Wh.
DIGIT = 10 * WATT_HOUR
UNSTAMPED = (NO_EPOCH, NO_EPOCH, NO_TZO)


class Face(SwitchedMeter):
    """The parts of one meter and how they show. Attributes may be read from outside."""

    __slots__ = (
        "_digit",
        "_dirty",
        "_display",
        "_due",
        "_early",
        "_fresh",
        "_image",
        "_journal",
        "_kept",
        "_now",
        "_power_at",
        "_round_at",
        "_service_until",
        "_silent_until",
        "_tick",
        "clock",
        "counters",
        "demanded",
        "di",
        "di_control",
        "di_stamp",
        "do_stamp",
        "doe",
        "electrics",
        "maker",
        "options",
        "read_text",
        "registers",
        "signer",
        "supplied",
    )

    def __init__(
        self, simulation: SimulationOptions, options: Options, serial: str, signer: Signer, seed: int, load: Load
    ) -> None:
        self.model = "bsm"
        self.variant = options.profile.name
        self.serial = serial
        self.public_key = signer.public_key
        self.speed = simulation.speed
        self._early: list[tuple[str, Mapping[str, object]]] | None = []
        self._journal: Callable[[str, Mapping[str, object]], None] = ignore
        self.wake = sleep_on
        self.line = LineFaults(random.Random(seed))
        self.options = options
        self.signer = signer
        self.read_text = simulation.read_text
        self.registers = Registers(options.profile)
        self._image = self.registers.data
        start = simulation.start
        self.clock = Timekeeping(
            start,
            cone=self.speed == 1,
            cone_seconds=options.cone_seconds,
            cone_percent=options.cone_percent,
            expiry=options.time_expiry,
        )
        contactor = None if options.direct else Contactor(options.contactor_delay)
        self.electrics = Electrics(start, load, contactor, options.start_threshold, seed)
        self.counters = Counters(language=options.language)
        self.faults = Faults(FAULTS, self._note, EXCLUDING)
        self.maker = Maker(self)
        self.supplied = True
        self.demanded = False
        self.doe = True
        self.di_control: bool | None = None
        self.di = 0
        self.di_stamp = self.do_stamp = UNSTAMPED
        self._offset = 0
        self._now = start
        self._power_at = self._silent_until = self._service_until = self._round_at = NEVER
        self._tick = self._digit = self._due = self._fresh = start
        self._watch = self._dirty = False
        self._armed: list[Armed] = []
        self._display: Display | None = None
        self._kept: Durable | None = None

    def _note(self, event: str, details: Mapping[str, object]) -> None:
        if self._early is not None:
            self._early.append((event, details))
        self._journal(event, details)

    @property
    def journal(self) -> Callable[[str, Mapping[str, object]], None]:
        """Where events go. Whoever is the first to listen also hears what happened while the meter was made."""
        return self._note

    @journal.setter
    def journal(self, sink: Callable[[str, Mapping[str, object]], None]) -> None:
        self._journal = sink
        early, self._early = self._early, None
        for event, details in early or ():
            sink(event, details)

    # what it is

    @property
    def unit(self) -> int:
        return self.counters.unit

    @property
    def baudrate(self) -> int:
        return self.counters.baudrate

    @property
    def answer_delay(self) -> int:
        return self.options.answer_delay

    @property
    def blocked(self) -> bool:
        return self.maker.job is not None and self.options.blocking

    @property
    def silent(self) -> bool:
        return not self.supplied or self._silent_until < NEVER

    @property
    def starting(self) -> bool:
        return self.supplied and self._silent_until < NEVER

    @property
    def now(self) -> int:
        """The instant up to which everything has happened, meter nanoseconds, steps included."""
        return self._now

    @property
    def enabled(self) -> bool:
        """Whether DOE is high."""
        return self.doe and "doe-low" not in self.faults

    @property
    def output(self) -> bool:
        """Whether DO is closed: demand and DOE (12.1)."""
        return self.supplied and self.demanded and self.enabled

    @property
    def identity(self) -> Identity:
        """The texts that an OCMF text names, as they stand in the registers."""
        text = self.registers.text
        return Identity(
            text(COMMON_BLOCK, "Mn"),
            text(COMMON_BLOCK, "Md"),
            text(SIGNING_METER_BLOCK, "VrM"),
            text(SIGNING_METER_BLOCK, "VrC"),
        )

    @property
    def error(self) -> str:
        """ErrM (section 19); service mode shows in its second digit from the right."""
        code = str(self.faults.get("meter-fatal") or NO_ERROR)
        return code[:6] + "1" + code[7:] if self._service_until < NEVER else code

    @property
    def phase_symbols(self) -> tuple[str, str, str]:
        """L1, L2, L3 of display field 2: ``steady``, ``blinking`` or ``missing`` (20.1)."""
        phases = self.electrics.segment.phases
        present = [one.voltage > 0 for one in phases]
        word = "steady" if all(present) and "phase-order" not in self.faults else "blinking"
        a, b, c = (word if here else "missing" for here in present)
        return a, b, c

    def events(self) -> int:
        """Evt (6.3)."""
        bits = {
            Event.METER_FATAL_ERROR: self.error != NO_ERROR,
            Event.CM_INIT_FAILED: "cm-init-failed" in self.faults,
            Event.CM_FIRMWARE_HASH_MISMATCH: "firmware-hash" in self.faults,
            Event.CM_DEVELOPMENT_MODE: "dev-module" in self.faults,
        }
        return sum(bit for bit, present in bits.items() if present)

    def shown(self, energy: int) -> int:
        """An energy as the registers show it, raw: rounded down to 10 Wh."""
        return energy // DIGIT * self.options.profile.raw_per_digit

    def measured(self) -> tuple[int, int, int]:
        """TotWhImp, RCR and W of this moment, raw, in the limits of model 203 but also while that is frozen."""
        energy, watts = self.electrics.energy, clamp(nearest(self.electrics.segment.power, 10**7))
        return self.shown(energy.total), self.shown(energy.resettable), watts

    # registers

    def _show_energy(self) -> None:
        energy = self.electrics.energy
        self.registers.set_rcr(self.shown(energy.resettable))
        if "frozen" not in self.faults:
            self.registers.set_total(self.shown(energy.total))
        self._digit = energy.next_digit(DIGIT) or NEVER

    def show(self) -> None:
        """Render everything that lives into the image."""
        registers, clock, counters = self.registers, self.clock, self.counters
        os = clock.os(self._now)
        registers.set_state(
            counters.power_downs,
            counters.response,
            os,
            clock.epoch(os),
            clock.tzo,
            clock.settings,
            clock.setting_os,
            self.di,
            int(self.demanded),
            *self.di_stamp,
            *self.do_stamp,
        )
        self._tick = clock.next_tick(self._now)
        self._dirty = False
        if "frozen" not in self.faults:
            registers.set_events(self.events())
            self._show_electric()
        self._show_energy()

    def _show_electric(self) -> None:
        phases = self.electrics.segment.phases
        currents = [one.current for one in phases]
        powers = [one.power for one in phases]
        apparent = [one.apparent for one in phases]
        reactive = [one.reactive for one in phases]
        sums = tuple(
            tuple(nearest(value, unit) for value in (sum(values), *values))
            for values, unit in ((currents, 10**4), (powers, 10**7), (apparent, 10**7), (reactive, 10**7))
        )
        voltages = tuple(nearest(one.voltage, 100) for one in phases)
        factors = tuple(nearest(abs(one.factor), 1000) for one in phases)
        self.registers.set_electric(sums, (voltages, factors), nearest(self.electrics.segment.frequency, 100))

    def present(self) -> None:
        """Render what rarely changes: address, error code, version, firmware hash, address page."""
        registers, profile = self.registers, self.options.profile
        registers.set_address(self.counters.unit, self.counters.baudrate)
        registers.set_text(SIGNING_METER_BLOCK, "ErrM", self.error)
        suffix = "-dirty" if "dev-module" in self.faults else ""
        registers.set_text(SIGNING_METER_BLOCK, "VrC", profile.communication + suffix)
        digest = bytearray(profile.firmware_hash.ljust(32, b"\0"))
        digest[0] ^= 0xFF if "firmware-hash" in self.faults else 0
        registers.set_blob(FIRMWARE_HASH_BLOCK, "B", bytes(digest))
        display = self.display
        registers.set_text(SIGNING_METER_BLOCK, "MA2", display.address_text(self.display_values, self._now))
        self._round_at = display.next_round(self._now) or NEVER

    # the display

    @property
    def display(self) -> Display:
        """The display and its keys, made when first wanted."""
        if self._display is None:
            self._display = Display(self.counters.language, self._keep_language, self._keep_unit, self.clock.boot)
        return self._display

    @property
    def display_values(self) -> DisplayValues:
        """What the display shows, of the present moment."""
        energy, segment = self.electrics.energy, self.electrics.segment
        return DisplayValues(
            rcr_wh=Fraction(energy.resettable, WATT_HOUR),
            total_wh=Fraction(energy.total, WATT_HOUR),
            power=Fraction(segment.power, 10**6),
            epoch=self.clock.epoch(self.clock.os(self._now)) if self.clock.valid else None,
            tzo=self.clock.tzo if self.clock.valid else None,
            address=self.counters.unit,
            baudrate=self.counters.baudrate,
            version=self.options.profile.measuring,
            revision=self.options.profile.communication,
            firmware_hash=self.options.profile.firmware_hash.hex(),
            loaded=any(one.power for one in segment.phases),
            light_always=self.options.profile.steady_light,
            service_mode=self._service_until < NEVER,
        )

    @property
    def optical_values(self) -> OpticalValues:
        electrics, clock, counters = self.electrics, self.clock, self.counters
        phases = electrics.segment.phases
        powers = tuple(Fraction(one.power, 10**6) for one in phases)
        currents = tuple(Fraction(one.current, 10**6) for one in phases)
        voltages = tuple(Fraction(one.voltage, 1000) for one in phases)
        factors = tuple(Fraction(abs(one.factor), 10**6) for one in phases)
        return OpticalValues(
            error=self.error,
            serial=self.serial[-8:],
            version=self.options.profile.measuring,
            address=counters.unit,
            baudrate=counters.baudrate,
            power=sum(powers, Fraction(0)),
            phase_power=_three(powers),
            voltage=_three(voltages),
            current=sum(currents, Fraction(0)),
            phase_current=_three(currents),
            power_factor=_three(factors),
            frequency=Fraction(electrics.segment.frequency, 1000),
            total_wh=Fraction(electrics.energy.total, WATT_HOUR),
            rcr_wh=Fraction(electrics.energy.resettable, WATT_HOUR),
            power_downs=counters.power_downs,
            epoch=clock.epoch(clock.os(self._now)) if clock.valid else None,
            tzo=clock.tzo if clock.valid else None,
            service_mode=self._service_until < NEVER,
        )

    def _keep_language(self, language: str) -> None:
        self.counters.language = language

    def _keep_unit(self, unit: int) -> None:
        self.counters.unit = unit

    @abstractmethod
    def demand(self, on: bool) -> None:
        """The switching demand of DO (12.1)."""


def _three(values: tuple[Fraction, ...]) -> tuple[Fraction, Fraction, Fraction]:
    a, b, c = values
    return a, b, c
