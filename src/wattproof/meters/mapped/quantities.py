"""Names of quantities that a map file may use: those of g13-api.md 4 that one number of a Modbus meter can be.

The names follow a pattern, so they are made here from their parts; a test holds them against the whole table.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from wattproof.model.quantities import Kind, Quantity
from wattproof.model.units import (
    AMPERE,
    DEGREE,
    HERTZ,
    NONE,
    PERCENT,
    SECOND,
    VAR,
    VAR_HOUR,
    VOLT,
    VOLT_AMPERE,
    VOLT_AMPERE_HOUR,
    WATT,
    WATT_HOUR,
    Unit,
)

PHASES = ("L1", "L2", "L3")
LINES = ("L1_L2", "L2_L3", "L1_L3")
PORTS = (1, 2, 3, 4)
#: OBIS group C of import and export in total, in L1, L2, L3; net energies of VAr and VA have none of the standard.
ENERGIES: Mapping[str, tuple[Unit, Mapping[str, tuple[int, ...]]]] = {
    "active": (WATT_HOUR, {"import": (1, 21, 41, 61), "export": (2, 22, 42, 62), "net": (16, 36, 56, 76)}),
    "reactive": (VAR_HOUR, {"import": (3, 23, 43, 63), "export": (4, 24, 44, 64), "net": ()}),
    "apparent": (VOLT_AMPERE_HOUR, {"import": (9, 29, 49, 69), "export": (10, 30, 50, 70), "net": ()}),
}
#: The same of instantaneous values, in total (or of the neutral) first.
POWERS = {
    "active_power": (WATT, (16, 36, 56, 76)),
    "reactive_power": (VAR, (131, 151, 171, 191)),
    "apparent_power": (VOLT_AMPERE, (9, 29, 49, 69)),
    "power_factor": (NONE, (13, 33, 53, 73)),
}


def _energies() -> Iterator[Quantity]:
    for kind, (unit, ways) in ENERGIES.items():
        for way, groups in ways.items():
            stem = f"{kind}_energy_{way}"
            codes: list[str | None] = [f"1-0:{group}.8.0" for group in groups] or [None] * 4
            yield Quantity(f"{stem}_total", Kind.COUNTER, unit, codes[0])
            for phase, code in zip(PHASES, codes[1:], strict=True):
                yield Quantity(f"{stem}_{phase.lower()}", Kind.COUNTER, unit, code, phase)
            if way != "net" and kind != "apparent":
                for tariff in range(1, 5):
                    code = f"1-0:{groups[0]}.8.{tariff}"
                    yield Quantity(f"{stem}_tar{tariff}", Kind.COUNTER, unit, code)


def _gauges() -> Iterator[Quantity]:
    for stem, (unit, groups) in POWERS.items():
        for end, group in zip(("total", *PHASES), groups, strict=True):
            phase = None if end == "total" else end
            yield Quantity(f"{stem}_{end.lower()}", Kind.GAUGE, unit, f"1-0:{group}.7.0", phase)
    for number, phase in enumerate(PHASES):
        yield Quantity(f"voltage_{phase.lower()}", Kind.GAUGE, VOLT, f"1-0:{32 + 20 * number}.7.0", phase)
        yield Quantity(f"current_{phase.lower()}", Kind.GAUGE, AMPERE, f"1-0:{31 + 20 * number}.7.0", phase)
        for what in ("power", "voltage", "current"):
            yield Quantity(f"phase_angle_{what}_{phase.lower()}", Kind.GAUGE, DEGREE, phase=phase)
        yield Quantity(f"current_quadrant_{phase.lower()}", Kind.STATE, phase=phase)
    for number, line in enumerate(LINES):
        name = f"voltage_{line.lower()}"
        yield Quantity(name, Kind.GAUGE, VOLT, f"1-0:{124 + number}.7.0", line.replace("_", "-"))
    yield Quantity("current_neutral", Kind.GAUGE, AMPERE, "1-0:91.7.0", "N")
    yield Quantity("phase_angle_power_total", Kind.GAUGE, DEGREE)
    yield Quantity("current_quadrant_total", Kind.STATE)
    yield Quantity("frequency", Kind.GAUGE, HERTZ, "1-0:14.7.0")


def _others() -> Iterator[Quantity]:
    for place in (*PHASES, *LINES):
        yield Quantity(f"thd_voltage_{place.lower()}", Kind.GAUGE, PERCENT, phase=place.replace("_", "-"))
    for place in (*PHASES, "neutral"):
        phase = "N" if place == "neutral" else place
        yield Quantity(f"thd_current_{place.lower()}", Kind.GAUGE, PERCENT, phase=phase)
    for port in PORTS:
        yield Quantity(f"io_input_cumulation_{port}", Kind.COUNTER, obis=f"1-{port}:82.8.0")
        yield Quantity(f"io_stored_input_state_{port}", Kind.STATE)
    yield Quantity("io_current_output_state", Kind.STATE, obis="0-0:96.3.2")
    yield Quantity("tariff_active", Kind.STATE, obis="0-0:96.14.0")
    yield Quantity("power_fail_counter", Kind.COUNTER, obis="0-0:96.7.21")
    yield Quantity("power_outage_time", Kind.COUNTER, SECOND)


def _ports() -> Iterator[Quantity]:
    for port in PORTS:
        yield Quantity(f"input_state_{port}", Kind.STATE, obis=f"0-{port}:96.3.1")
        yield Quantity(f"output_state_{port}", Kind.STATE, obis=f"0-{port}:96.3.2")


#: Quantities of the interface by name, in small letters.
QUANTITIES: Mapping[str, Quantity] = MappingProxyType(
    {quantity.name: quantity for quantity in (*_energies(), *_gauges(), *_others())}
)
#: States of the ports one by one, which the interface shows without an id (#63).
PORT_STATES: Mapping[str, Quantity] = MappingProxyType({quantity.name: quantity for quantity in _ports()})
