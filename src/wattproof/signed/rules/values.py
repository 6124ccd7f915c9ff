"""Are the meter readings usable, and do they only ever grow? Specification, 3.2, "Values"."""

from __future__ import annotations

from decimal import Decimal

from wattproof.signed.obis_classes import SESSION, TOTAL
from wattproof.signed.records import Reading
from wattproof.signed.registers import EXACT, WATT_HOUR_EXPONENTS, Register, instant, is_event
from wattproof.signed.rules.findings import Say, Thresholds
from wattproof.signed.sessions import Session

_BSM_AGREEMENT = Decimal(10)  # watt hours
_HOUR = Decimal(3_600_000)  # milliseconds


def readings(session: Session, say: Say, _: Thresholds) -> None:
    """Every energy reading: value, unit and spelling of its register."""
    for register in session.registers.values():
        unit, name = register.readings[0].unit, register.readings[0].register
        alike = True
        for reading, energy in zip(register.readings, register.energies, strict=True):
            value = reading.value
            if value is None:
                if not is_event(reading):
                    say("S-VALUE-MISSING", _named(reading))
            elif value < 0:
                say("S-VALUE-NEGATIVE", _named(reading))
            if energy is None and reading.unit not in WATT_HOUR_EXPONENTS:
                say("S-UNIT", _named(reading))
            if reading.unit != unit or reading.register != name:
                alike = False
        if not alike:
            _spelling(register, say)


def _spelling(register: Register, say: Say) -> None:
    units = {reading.unit for reading in register.readings}
    texts = {reading.register for reading in register.readings}
    if len(units) > 1 and units <= WATT_HOUR_EXPONENTS.keys():
        say("S-UNIT-CHANGED", " / ".join(sorted(text or "" for text in units)))
    if len(texts) > 1:
        say("S-OBIS-CHANGED", " / ".join(sorted(text or "" for text in texts)))


def scalers(session: Session, say: Say, _: Thresholds) -> None:
    """Binary formats state a power of ten instead of a unit; it may change, but does not without reason."""
    found: dict[object, None] = {}
    for entry in session.counted:
        stated = entry.record.extra.get("scalers")
        if isinstance(stated, tuple):
            found.update(dict.fromkeys(stated))
    if len(found) > 1:
        say("S-UNIT-CHANGED", "scalers " + " / ".join(map(str, found)))


def data_set(session: Session, say: Say, _: Thresholds) -> None:
    """An ISA data set whose actual value is still the one at the start (2.7)."""
    for register in session.registers.values():
        if register.begins and not register.ends and len(register.readings) > 1:
            first, last = register.energies[register.begins[0]], register.energies[-1]
            if first is not None and first == last:
                say("S-ZERO-ENERGY", str(register.readings[-1].register))


def growth(session: Session, say: Say, _: Thresholds) -> None:
    """No energy register ever runs backwards, intermediate readings included."""
    for register in session.registers.values():
        before: Decimal | None = None
        for reading, energy in zip(register.readings, register.energies, strict=True):
            if energy is None:
                continue
            if before is not None and energy < before:
                say("S-VALUE-DECREASE", _named(reading))
            before = energy


def loss(session: Session, say: Say, _: Thresholds) -> None:
    """Cable losses are counted from the begin on."""
    for registers in (session.registers, session.informative):
        for register in registers.values():
            before: Decimal | None = None
            for position, reading in enumerate(register.readings):
                if reading.loss is None:
                    continue
                if position in register.begins and reading.loss != 0:
                    say("S-LOSS", f"{reading.loss} at begin")
                if before is not None and reading.loss < before:
                    say("S-LOSS", f"{before} -> {reading.loss}")
                before = reading.loss


def amount(session: Session, say: Say, thresholds: Thresholds) -> None:
    """The energy of the billing register, and what the other registers say to it."""
    billing = session.billing
    if billing is None:
        return
    for kind, register in session.registers.items():
        energy = register.energy
        if energy is None:
            continue
        if not energy:
            say("S-ZERO-ENERGY", str(register.readings[0].register))
        elif register is billing and energy > 0:
            if energy > thresholds.energy_wh:
                say("S-ENERGY-HIGH", f"{billing.energy_text()} kWh")
            _power(billing, energy, say, thresholds)
        if kind.scope == SESSION and register.energies[register.begins[0]]:
            say("S-REGISTER-NOT-RESET", _named(register.readings[register.begins[0]]))
    if len(session.registers) > 1:
        _agreement(session, say)


def _power(billing: Register, energy: Decimal, say: Say, thresholds: Thresholds) -> None:
    begin, end = billing.begin, billing.end
    if begin is None or end is None or begin.time is None or end.time is None:
        return
    duration = instant(end.time) - instant(begin.time)
    if duration > 60_000 and energy * _HOUR > thresholds.power_w * duration:
        kilowatts = EXACT.divide(EXACT.multiply(energy, _HOUR), Decimal(duration * 1000))
        say("S-POWER-HIGH", f"{kilowatts:.0f} kW")


def _agreement(session: Session, say: Say) -> None:
    """Session and total register of one point show the same energy, to one step of the coarser one."""
    by_point: dict[tuple[str | None, ...], dict[str | None, Register]] = {}
    for kind, register in session.registers.items():
        if register.complete:
            by_point.setdefault((kind.direction, kind.point, kind.tariff), {})[kind.scope] = register
    for scopes in by_point.values():
        first, second = scopes.get(SESSION), scopes.get(TOTAL)
        if first is None or second is None or first.energy is None or second.energy is None:
            continue
        bsm = session.counted[0].record.format == "BSM"
        step = _BSM_AGREEMENT if bsm else Decimal(1).scaleb(max(first.step, second.step))
        if abs(EXACT.subtract(first.energy, second.energy)) > step:
            say("S-REGISTER-DISAGREE", f"{first.energy_text()} kWh / {second.energy_text()} kWh")


def stated_total(session: Session, say: Say, _: Thresholds) -> None:
    """ChargePoint states the energy beside its readings: it is their difference, to the last printed digit (2.13)."""
    billing, total = session.billing, session.counted[0].record.extra.get("total_energy")
    if billing is None or billing.energy is None or not isinstance(total, Decimal):
        return
    power = WATT_HOUR_EXPONENTS[billing.readings[0].unit or ""]
    stated = EXACT.scaleb(total, power)
    step = max(billing.step, int(stated.as_tuple().exponent))
    if abs(EXACT.subtract(stated, billing.energy)) > Decimal(1).scaleb(step):
        say("S-REGISTER-DISAGREE", f"{billing.energy_text()} kWh / {total} {billing.readings[0].unit}")


def _named(reading: Reading) -> str:
    value = reading.literal if reading.literal is not None else "no value"
    return f"{reading.register}: {value} {reading.unit or ''}".rstrip()
