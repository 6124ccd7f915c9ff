"""What values of one meter have to do with each other, on any bus (abb-meters.md 1.8, 1.11, 3.2, 3.3, 3.9).

Each check runs on every side that the meter has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import atan2, degrees, hypot

from wattproof.conformance.abb.common import CAPTURE, INFERRED, expect, row, several
from wattproof.conformance.abb.cosem import CosemSide
from wattproof.conformance.abb.mbus import MbusSide, find
from wattproof.conformance.abb.readout import FLAGS, INPUTS, NO_DATA, OUTPUTS
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.engine import Need, NotApplicable, Skipped
from wattproof.meters.abb.mbus.binding import by_sense
from wattproof.meters.abb.quantities import ROWS as QUANTITIES
from wattproof.meters.abb.records import Category
from wattproof.meters.abb.statusword import ALARMS, BITS, FIRST_ALARM
from wattproof.model.values import Scaled
from wattproof.wire.cosem.data import Data
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.mbus.telegrams import Identification, Telegram

#: Steps of energy (Wh) by which registers read one after the other may differ.
STEP = 10
#: Net energy, and the import and export that it is the difference of.
NETS = {13: (1, 2), 29: (21, 22), 41: (33, 34), **{n: (n - 11, n - 8) for n in (14, 15, 16)},
        **{n: (n - 7, n - 4) for n in (30, 31, 32)}, **{n: (n - 7, n - 4) for n in (42, 43, 44)}}  # fmt: skip
#: Totals and their phases: active and reactive power.
TOTALS = {96: (93, 94, 95), 100: (97, 98, 99)}
#: Active, reactive, apparent power, power factor, angle: of all and of each phase.
POWERS = ((96, 100, 104, 82, 108), (93, 97, 101, 71, 105), (94, 98, 102, 74, 106), (95, 99, 103, 77, 107))
#: Voltage, current, apparent power of each phase.
PHASES = ((69, 70, 101), (72, 73, 102), (75, 76, 103))
TARIFFS = (9, 10, 11, 12)
ERRORS, WARNINGS, INFORMATION = (
    sum(1 << bit.number for bit in BITS.values() if bit.category is category)
    for category in (Category.ERROR, Category.WARNING, Category.INFORMATION)
)
ALARM_BITS = (1 << ALARMS) - 1 << FIRST_ALARM
#: Date or time not set.
NOT_SET = 1 << 10 | 1 << 11
#: Bits of the status byte of M-Bus.
PERMANENT, TEMPORARY, ALARM = 0x08, 0x10, 0x20
#: Seconds that a load has to move the registers, and by how many steps it must.
PATIENCE, STEPS = 30.0, 6

Values = Mapping[int, Decimal]


async def read(side: MbusSide | CosemSide, ids: Iterable[int]) -> dict[int, Decimal]:
    """The values of quantities that the meter has, in their units, as much at one moment as the bus allows."""
    wanted = [*ids]
    return await _from_records(side, wanted) if isinstance(side, MbusSide) else await _from_objects(side, wanted)


async def _from_records(side: MbusSide, ids: list[int]) -> dict[int, Decimal]:
    records = [record for telegram in await side.read() for record in telegram]
    found = {}
    for id in ids:
        record = find(records, id)
        if record is not None and isinstance(record.value, Scaled):
            found[id] = record.value.decimal
    return found


async def _from_objects(side: CosemSide, ids: list[int]) -> dict[int, Decimal]:
    session = await side.session()
    objects = await side.objects(session)
    here = [QUANTITIES[id] for id in ids if objects.find(QUANTITIES[id].ln) is not None]
    values = await session.get_list([Attribute(one.class_id, one.ln, one.attribute) for one in here])
    return {
        one.id: Decimal(value.value).scaleb(one.scale)
        for one, value in zip(here, values, strict=True)
        if isinstance(value, Data) and isinstance(value.value, int)
    }


async def everywhere(meter: Abb, ids: Iterable[int]) -> list[tuple[str, dict[int, Decimal]]]:
    """The values on every side."""
    wanted = [*ids]
    return [(side.name, await read(side, wanted)) for side in meter.sides]


def _near(found: Decimal | float, wanted: Decimal | float, within: float, what: str) -> None:
    expect(abs(float(found) - float(wanted)) <= within, f"{what}: {float(found):g} instead of {float(wanted):g}")


def _between(found: Decimal, low: Decimal, high: Decimal, within: float, what: str) -> None:
    """Registers grow while they are read: what follows from them lies between two readings."""
    fits = float(low) - within <= float(found) <= float(high) + within
    expect(fits, f"{what}: {found:f} instead of {low:f} to {high:f}")


async def net(meter: Abb) -> None:
    wanted = {id for pair in NETS.items() for id in (pair[0], *pair[1])}
    tried = 0
    for side in meter.sides:
        values, later = await read(side, wanted), await read(side, wanted)
        for id, (imported, exported) in NETS.items():
            if {id, imported, exported} <= values.keys() & later.keys():
                low = values[imported] - later[exported]
                high = later[imported] - values[exported]
                _between(values[id], low, high, 2 * STEP, f"{QUANTITIES[id].name} over {side.name}")
                tried += 1
    if not tried:
        raise NotApplicable("the meter has no net energies")


async def totals(meter: Abb) -> None:
    tried = 0
    for bus, values in await everywhere(meter, {id for pair in TOTALS.items() for id in (pair[0], *pair[1])}):
        for id, phases in TOTALS.items():
            if values.keys() >= {id, *phases}:
                within = 0.05 + 0.001 * abs(float(values[id]))
                _near(values[id], sum(values[phase] for phase in phases), within, f"{QUANTITIES[id].name} over {bus}")
                tried += 1
    if not tried:
        raise NotApplicable("the meter has no powers of three phases")


async def triangle(meter: Abb) -> str | None:
    """Apparent power is never below the root of P and Q; more than that, and other angles, are harmonics (3.2)."""
    remarks, tried = [], 0
    for bus, values in await everywhere(meter, {id for group in POWERS for id in group}):
        for p, q, s, factor, angle in POWERS:
            if not {p, q, s} <= values.keys():
                continue
            tried += 1
            active, reactive, apparent = (float(values[id]) for id in (p, q, s))
            least = hypot(active, reactive)
            within = 0.05 + 0.002 * apparent
            expect(
                apparent >= least - within, f"{QUANTITIES[s].name} over {bus} is {apparent:g}, P and Q make {least:g}"
            )
            if apparent > least + within:
                remarks.append("apparent power is more than P and Q make: harmonics")
            if apparent and factor in values:
                _near(values[factor], active / apparent, 0.006, f"{QUANTITIES[factor].name} over {bus}")
            if apparent and angle in values and apparent <= least + within:
                turned = (float(values[angle]) - degrees(atan2(reactive, active)) + 180) % 360 - 180
                expect(
                    abs(turned) < 0.6, f"{QUANTITIES[angle].name} over {bus} is {values[angle]}, by {turned:.1f} wrong"
                )
    if not tried:
        raise NotApplicable("the meter has no reactive power")
    return several(remarks)


async def scales(meter: Abb) -> None:
    """Voltage times current is apparent power: each in the unit and scale that its codes say."""
    tried = 0
    for bus, values in await everywhere(meter, {id for group in PHASES for id in group}):
        for voltage, current, apparent in PHASES:
            if values.keys() >= {voltage, current, apparent} and values[current] > Decimal("0.2"):
                product = float(values[voltage] * values[current])
                what = f"{QUANTITIES[apparent].name} over {bus}, voltage times current"
                _near(values[apparent], product, 0.05 * product, what)
                tried += 1
    if not tried:
        raise NotApplicable("no current flows, or the meter has no apparent power of a phase")


async def follows(meter: Abb) -> str:
    """CO2 and currency are active import times their factors (3.3)."""
    wanted = {1, 122, 84, 113, 83}
    told = []
    for side in meter.sides:
        values, later = await read(side, wanted), await read(side, wanted)
        if not wanted <= values.keys() & later.keys():
            continue
        for id, factor in ((122, 84), (113, 83)):
            low, high = (found[1] / 1000 * values[factor] for found in (values, later))
            within = float(values[factor]) * 2 * STEP / 1000 + 0.02
            _between(values[id], low, high, within, f"{QUANTITIES[id].name} over {side.name}")
        told.append(f"{values[122]} kg")
    if not told:
        raise NotApplicable("the meter has neither CO2 nor currency")
    return told[0]


async def counts(meter: Abb) -> str:
    """Energy grows by power times time, and the register of the active tariff by as much as the total (3.3).

    The time is that of the meter's clock: a virtual one may run faster.
    """
    side = meter.sides[0]
    before = await _moment(side)
    for _ in range(round(PATIENCE / 5)):
        await side.clock.sleep(5.0)
        after = await _moment(side)
        if after.imported - before.imported >= STEPS * STEP:
            break
    else:
        raise Skipped(f"the load moves the registers by less than {STEPS * STEP} Wh in {PATIENCE:g} s")
    grown = after.imported - before.imported
    if before.tariffs is not None and after.tariffs is not None:
        _near(after.tariffs - before.tariffs, grown, 2 * STEP, "the tariffs together grow")
    if before.time is not None and after.time is not None and before.power is not None and after.power is not None:
        powers = float(before.power), float(after.power)
        _fits_power(float(grown), (after.time - before.time).total_seconds(), powers)
    return f"{grown:f} Wh"


@dataclass(frozen=True, slots=True)
class Moment:
    """Active import, that of the tariffs together (Wh), power (W), the meter's clock; as far as it has them."""

    imported: Decimal
    tariffs: Decimal | None
    power: Decimal | None
    time: datetime | None


def _fits_power(grown: float, passed: float, powers: tuple[float, float]) -> None:
    """Energy is power times the seconds that have passed on the meter's clock, which shows whole ones."""
    low, high = (power / 3600 for power in sorted(powers))
    within = 2 * STEP + high * (0.1 * passed + 1.5)
    fits = low * passed - within <= grown <= high * passed + within
    expect(fits, f"{grown:g} Wh in {passed:g} s at {min(powers):g} to {max(powers):g} W")


async def _moment(side: MbusSide | CosemSide) -> Moment:
    values = await read(side, (1, *TARIFFS, 96))
    if 1 not in values:
        raise NotApplicable("the meter has no active import")
    tariffs = sum((values[id] for id in TARIFFS), Decimal()) if values.keys() >= set(TARIFFS) else None
    try:
        now = await side.time()
    except NotApplicable:
        now = None
    return Moment(values[1], tariffs, values.get(96), now)


# Flags and ports -------------------------------------------------------------------------------------------------


async def flags(meter: Abb) -> str:
    """Each word has bits of its class; alarm flags are information flags shifted to bit 0."""
    side = meter.mbus
    told = _flags(await side.standard())
    for name, word, allowed in zip(("error", "warning", "information"), told, (ERRORS, WARNINGS, INFORMATION),
                                   strict=False):  # fmt: skip
        strange = word & ~allowed
        expect(not strange, f"the {name} flags have bits of another class: {strange:016x}")
    expect(told[3] == (told[2] & ALARM_BITS) >> FIRST_ALARM, f"alarm flags {told[3]:x} do not fit {told[2]:x}")
    return " ".join(f"{word:x}" for word in told)


def _flags(telegrams: Iterable[Telegram]) -> list[int]:
    """Error, warning, information and alarm flags. ``NotApplicable`` without them."""
    found = by_sense(record for telegram in telegrams for record in telegram)
    if any(sense not in found for sense in FLAGS):
        raise NotApplicable("the meter sends no flags")
    return [int.from_bytes(found[sense].data, "little") for sense in FLAGS]


async def status_byte(meter: Abb) -> str:
    side = meter.mbus
    await side.start()
    telegram = await side.telegram()
    errors, warnings, information, _ = _flags([telegram])
    others = warnings & ~NOT_SET or information & ALARM_BITS
    wanted = bool(errors) * PERMANENT | bool(warnings & NOT_SET) * TEMPORARY | bool(others) * ALARM
    header = telegram.header
    status = header.status if isinstance(header, Identification) else None
    expect(status == wanted, f"the status byte is {status or 0:02X}, the flags say {wanted:02X}")
    return f"{wanted:02X}"


async def ports(meter: Abb) -> str:
    """A port is an input or an output: one of its two levels has data, the other status 15."""
    found = by_sense(await meter.mbus.records())
    if not any(sense in found for sense in (*INPUTS, *OUTPUTS)):
        raise NotApplicable("the meter has no ports")
    kinds = []
    for number, pair in enumerate(zip(INPUTS, OUTPUTS, strict=True), 1):
        if any(sense in found and found[sense].status is None for sense in pair):
            raise NotApplicable("the meter sends no record status")
        good = [sense in found and found[sense].status != NO_DATA for sense in pair]
        expect(good.count(True) <= 1, f"port {number} is input and output at once")
        kinds.append("input" if good[0] else "output" if good[1] else "none")
    expect(set(kinds) != {"none"}, "no port has a level")
    return ", ".join(kinds)


ROWS = (
    row("A-038", "Voltage times current is apparent power: scales are as the codes say", CAPTURE, Need.READ, scales),
    row("A-057", "A port is an input or an output, the other level has status 15", CAPTURE, Need.READ, ports),
    row("A-062", "Alarm flags are information flags from bit 13 on", CAPTURE, Need.READ, flags),
    row("A-082", "The status byte follows errors, clock, alarms and warnings", INFERRED, Need.READ, status_byte,
        "the bits of the status byte are inferred: a real meter may set others"),
    row("A-159", "CO2 and currency are active import times their factors", CAPTURE, Need.READ, follows),
    row("A-170", "Energy grows by power times time, total and tariffs alike", INFERRED, Need.READ, counts),
    row("A-171", "Net energy is import less export", CAPTURE, Need.READ, net),
    row("A-172", "Total power is the sum of the phases", INFERRED, Need.READ, totals),
    row("A-173", "Apparent power, power factor and angle fit active and reactive power", INFERRED, Need.READ, triangle,
        "a real meter measures apparent power: with harmonics it is more"),
)  # fmt: skip
