"""Exact energy arithmetic, and the readings of one session sorted by register.

All comparisons are made in watt hours with exact decimals: 40 digits and exponents of -30 to 30 (the limits of a
number in a record) never lose a digit here. Source: verifier specification, sections 1.9, 1.12 and 3.1 (rule 6).
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

from msgspec import Struct

from wattproof.signed.obis_classes import RegisterClass, classify
from wattproof.signed.records import Moment, Reading, Time

EXACT = Context(prec=160, rounding=ROUND_HALF_EVEN)

#: Energy units and the power of ten that turns them into watt hours.
WATT_HOUR_EXPONENTS = {"kWh": 3, "Wh": 0}
_KILO = Decimal(1000)
_BEGIN, _END = Moment.BEGIN, Moment.END  # asked for with every reading


def watt_hours(reading: Reading) -> Decimal | None:
    """The value in watt hours; ``None`` without usable value or with a unit that is no energy."""
    if reading.value is None:
        return None
    if reading.unit == "kWh":
        return EXACT.multiply(reading.value, _KILO)
    return reading.value if reading.unit == "Wh" else None


def instant(time: Time) -> int:
    """Milliseconds since 1970 of a time stamp."""
    return time.seconds * 1000 + time.milliseconds


class Register(Struct, eq=False, gc=False):
    """The readings of one register class in session order; ``energies`` are their values in watt hours."""

    kind: RegisterClass
    readings: list[Reading] = []
    energies: list[Decimal | None] = []
    begins: list[int] = []  # positions in readings
    ends: list[int] = []

    def add(self, reading: Reading) -> None:
        readings, moment = self.readings, reading.moment
        if moment is _BEGIN:
            self.begins.append(len(readings))
        elif moment is _END:
            self.ends.append(len(readings))
        readings.append(reading)
        self.energies.append(watt_hours(reading))

    @property
    def complete(self) -> bool:
        """Holds its own begin and its own end."""
        return bool(self.begins and self.ends)

    @property
    def begin(self) -> Reading | None:
        return self.readings[self.begins[0]] if self.begins else None

    @property
    def end(self) -> Reading | None:
        return self.readings[self.ends[-1]] if self.ends else None

    @property
    def energy(self) -> Decimal | None:
        """End minus begin in watt hours, exact; ``None`` without both values."""
        if not self.complete:
            return None
        begin, end = self.energies[self.begins[0]], self.energies[self.ends[-1]]
        return None if begin is None or end is None else EXACT.subtract(end, begin)

    @property
    def step(self) -> int:
        """Decimal exponent, in watt hours, of the less precise of begin and end."""
        return max(_exponent(self.readings[at]) for at in (self.begins[0], self.ends[-1]))

    def energy_text(self) -> str | None:
        """The energy in kWh with as many decimals as the less precise of begin and end."""
        energy = self.energy
        if energy is None:
            return None
        with localcontext(EXACT):
            kilo = energy.scaleb(-3).quantize(Decimal(1).scaleb(min(self.step - 3, 0)))
            return format(kilo if kilo else abs(kilo), "f")


def _exponent(reading: Reading) -> int:
    exponent = reading.value.as_tuple().exponent if reading.value is not None else 0
    return (exponent if isinstance(exponent, int) else 0) + WATT_HOUR_EXPONENTS.get(reading.unit or "", 0)


def is_event(reading: Reading) -> bool:
    """Reports an event only: neither value nor register."""
    return reading.literal is None and reading.value is None and not reading.value_error and not reading.register


def sort_registers(readings: list[Reading]) -> tuple[dict[RegisterClass, Register], dict[str | None, Register]]:
    """Energy registers by class and informative registers by their text, each in session order."""
    energy: dict[RegisterClass, Register] = {}
    informative: dict[str | None, Register] = {}
    register: Register | None = None
    text: str | None = None
    counts: RegisterClass | None = None
    for reading in readings:
        if register is None or reading.register != text or reading.counts is not counts:
            text, counts = reading.register, reading.counts
            kind = counts or classify(text)
            if kind.direction is not None:
                register = energy.get(kind)
                if register is None:
                    register = energy[kind] = Register(kind)
            else:
                register = informative.get(text)
                if register is None:
                    register = informative[text] = Register(kind)
        register.add(reading)
    return energy, informative


def billing_register(registers: dict[RegisterClass, Register]) -> Register | None:
    """The complete register that supplies the energy figure."""
    if len(registers) == 1:
        (register,) = registers.values()
        return register if register.complete else None
    complete = [register for register in registers.values() if register.complete]
    if len(complete) < 2:
        return complete[0] if complete else None
    return min(complete, key=lambda register: (register.kind.rank, register.kind.tariff or ""))
