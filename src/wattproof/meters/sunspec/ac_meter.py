"""Models 201 to 204 and 211 to 214: AC meters, with integers and scale factors or with floats.

All eight carry the same quantities in the same order; they differ in the wiring they stand for, and in how a number is
written. So there is one table of quantities, and the eight models are made from it.

Source: SunSpec Information Model Reference, models 201 to 204 (integers) and 211 to 214 (floats).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wattproof.meters.sunspec.model import Model, model, row
from wattproof.model.quantities import Kind
from wattproof.model.units import (
    AMPERE,
    HERTZ,
    PERCENT,
    VAR,
    VAR_HOUR,
    VOLT,
    VOLT_AMPERE,
    VOLT_AMPERE_HOUR,
    WATT,
    WATT_HOUR,
    Unit,
)
from wattproof.wire.modbus.bindings import Point
from wattproof.wire.modbus.types import ACC32, BITFIELD32, FLOAT32, INT16, SUNSSF

#: Names of the bits of Evt: 8 to 15 are reserved, 16 to 30 the manufacturer's own.
EVENTS = {
    2: "Power_Failure",
    3: "Under_Voltage",
    4: "Low_PF",
    5: "Over_Current",
    6: "Over_Voltage",
    7: "Missing_Sensor",
    **{7 + number: f"Reserved{number}" for number in range(1, 9)},
    **{15 + number: f"OEM{number:02d}" for number in range(1, 16)},
}

PHASES = (("A", "L1"), ("B", "L2"), ("C", "L3"))
LINES = (("AB", "L1-L2"), ("BC", "L2-L3"), ("CA", "L3-L1"))


@dataclass(frozen=True, slots=True)
class Family:
    """Points that share a scale factor: a total and its phases, several times for energies."""

    scale: str
    unit: Unit
    kind: Kind
    totals: tuple[tuple[str, str], ...]  # name of the point, what it says


# In register order. A total is followed by its three phases.
MOMENTARY = (
    Family("A_SF", AMPERE, Kind.GAUGE, (("A", "current"),)),
    Family("V_SF", VOLT, Kind.GAUGE, (("PhV", "voltage line to neutral"), ("PPV", "voltage line to line"))),
    Family("Hz_SF", HERTZ, Kind.GAUGE, (("Hz", "frequency"),)),
    Family("W_SF", WATT, Kind.GAUGE, (("W", "active power"),)),
    Family("VA_SF", VOLT_AMPERE, Kind.GAUGE, (("VA", "apparent power"),)),
    Family("VAR_SF", VAR, Kind.GAUGE, (("VAR", "reactive power"),)),
    Family("PF_SF", PERCENT, Kind.GAUGE, (("PF", "power factor"),)),
)
ENERGIES = (
    Family(
        "TotWh_SF",
        WATT_HOUR,
        Kind.COUNTER,
        (("TotWhExp", "active energy exported"), ("TotWhImp", "active energy imported")),
    ),
    Family(
        "TotVAh_SF",
        VOLT_AMPERE_HOUR,
        Kind.COUNTER,
        (("TotVAhExp", "apparent energy exported"), ("TotVAhImp", "apparent energy imported")),
    ),
    Family(
        "TotVArh_SF",
        VAR_HOUR,
        Kind.COUNTER,
        tuple((f"TotVArh{way}Q{q}", f"reactive energy Q{q}") for q, way in enumerate(("Imp", "Imp", "Exp", "Exp"), 1)),
    ),
)


def _family(family: Family, *, floats: bool, line: str) -> Iterator[Point]:
    """The rows of one family; ``line`` begins the names of the line-to-line voltages."""
    energy = family.kind is Kind.COUNTER
    wire = FLOAT32 if floats else ACC32 if energy else INT16
    scale = None if floats else family.scale
    for name, words in family.totals:
        yield row(name, wire, family.kind, words, unit=family.unit, scale=scale)
        if name == "Hz":
            continue
        parts = LINES if name == "PPV" else PHASES
        infix = ("ph" if floats and family.unit is VAR_HOUR else "Ph") if energy else "ph"
        stem = line if name == "PPV" else f"{name}{infix}"
        for letters, phase in parts:
            words_of_phase = f"{words} {phase}"
            yield row(f"{stem}{letters}", wire, family.kind, words_of_phase, unit=family.unit, phase=phase, scale=scale)
    if not floats:
        yield row(family.scale, SUNSSF, Kind.SETTING, f"scale of {family.totals[0][1]}", quantity="scale")


def ac_meter(id: int, name: str, label: str, *, floats: bool, line: str) -> Model:
    """One of the eight AC meter models."""
    rows = [point for family in (*MOMENTARY, *ENERGIES) for point in _family(family, floats=floats, line=line)]
    rows.append(row("Evt", BITFIELD32, Kind.STATE, "events", symbols=EVENTS))
    return model(id, name, label, rows, f"SunSpec model {id}")


SINGLE_PHASE = ac_meter(201, "ac_meter", "AC Meter (single-phase)", floats=False, line="PPVph")
SPLIT_PHASE = ac_meter(202, "ac_meter", "AC Meter (split-phase)", floats=False, line="PhVph")
WYE = ac_meter(203, "ac_meter", "AC Meter (three-phase, wye)", floats=False, line="PhVph")
DELTA = ac_meter(204, "ac_meter", "AC Meter (three-phase, delta)", floats=False, line="PhVph")
SINGLE_PHASE_FLOAT = ac_meter(211, "ac_meter", "AC Meter (single-phase, float)", floats=True, line="PPVph")
SPLIT_PHASE_FLOAT = ac_meter(212, "ac_meter", "AC Meter (split-phase, float)", floats=True, line="PPVph")
WYE_FLOAT = ac_meter(213, "ac_meter", "AC Meter (three-phase, wye, float)", floats=True, line="PPVph")
DELTA_FLOAT = ac_meter(214, "ac_meter", "AC Meter (three-phase, delta, float)", floats=True, line="PPVph")
