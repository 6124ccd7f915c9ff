"""Who answers a resource of a meter: the table of g13-api.md 10.3.

The rule behind it: the meter first; where meter and transport together cannot, the gateway's engine; where that would
be an invention, 400. Columns are families by transport. A cell is an answer, the text of a refusal, or a rule that
looks at the meter's record: its quantities (``provides``) and what else it has (``traits``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from wattproof.g13.resources import BY_NUMBER
from wattproof.gateway.records import Meter

#: Before the name of what a meter does not have.
NOT_SUPPORTED = "not supported by this meter: "


class Answer(StrEnum):
    """Who answers. ``MERGED``: the meter, and the engine adds to its document (:func:`merged`)."""

    METER = "meter"
    ENGINE = "engine"
    MERGED = "merged"
    GATEWAY = "gateway"


@dataclass(frozen=True, slots=True)
class Unsupported:
    """400: the meter has no such thing, and the gateway invents none."""

    what: str

    @property
    def text(self) -> str:
        return NOT_SUPPORTED + self.what


METER, ENGINE, MERGED, GATEWAY = Answer.METER, Answer.ENGINE, Answer.MERGED, Answer.GATEWAY
Arguments = Mapping[str, Any]
Rule = Callable[[Meter, Arguments], "Answer | str"]
Cell = Answer | str | Rule
Column = Mapping[int, Cell]


class Trait(StrEnum):
    """What the answers depend on beside quantities; a source tells them, the meter's record keeps them. ``SIGNS``: a
    signed charging session may begin with it; no resource depends on that, the modern interface tells it."""

    CLOCK = "clock"
    CLOCK_SET = "clock-set"
    HARDWARE = "hardware"
    TRANSFORMER = "transformer"
    PORTS = "ports"
    PORTS_SET = "ports-set"
    PORTS_CONFIGURED = "ports-configured"
    PULSES = "pulses"
    ALARMS = "alarms"
    PREVIOUS = "previous"
    PROFILES = "profiles"
    DEMAND = "demand"
    CALENDAR = "calendar"
    TARIFF = "tariff"
    LOGS = "logs"
    FACTORS = "factors"
    VOLTAGE_HARMONICS = "voltage-harmonics"
    CURRENT_HARMONICS = "current-harmonics"
    INTEGRATE = "integrate"
    SIGNS = "signs"


# Ids of quantities by what a resource shows ---------------------------------------------------------------------------

ENERGIES: Mapping[str, frozenset[int]] = MappingProxyType(
    {
        "active": frozenset({*range(1, 17), *range(85, 89)}),
        "reactive": frozenset({*range(17, 33), *range(89, 93)}),
        "apparent": frozenset(range(33, 45)),
    }
)
POWERS = frozenset(range(93, 105))
INSTRUMENTS = frozenset({*range(69, 83), *range(105, 109), *range(158, 167), 169, 170})
TOTALS = frozenset({1, 2, 21, 22})
RESETTABLE = frozenset(range(171, 179))
CONVERTED = frozenset({113, 122})
EQ_BUS, REST = 3, 7

# Cells ----------------------------------------------------------------------------------------------------------------


def _with(trait: Trait, answer: Answer, what: str) -> Rule:
    return lambda meter, arguments: answer if trait in meter.traits else what


def _of(ids: frozenset[int], answer: Answer, what: str) -> Rule:
    return lambda meter, arguments: answer if ids & {*meter.provides} else what


def _energy(meter: Meter, arguments: Arguments) -> Answer | str:
    """Row 54: quantities that there are, else integrated ones where that is asked for."""
    kinds = [arguments["type"]] if "type" in arguments else [*ENERGIES]
    for kind in kinds:
        if ENERGIES.get(kind, frozenset()) & {*meter.provides}:
            return METER
        if kind != "active" and Trait.INTEGRATE in meter.traits:
            return ENGINE
    return f"{kinds[0]} energy"


def _only_active(meter: Meter, arguments: Arguments) -> Answer | str:
    """Row 54 of meters that always have active energy."""
    kind = arguments.get("type", "active")
    return METER if kind == "active" else _energy(meter, arguments)


def _each(resources: Iterable[int], cell: Cell) -> dict[int, Cell]:
    return dict.fromkeys(resources, cell)


RECORDED = (*range(69, 81), 81, 82, *range(83, 91))
#: What all families without a COSEM interface have in common.
_OTHERS: dict[int, Cell] = {
    16: GATEWAY, 27: "firmware update", 30: GATEWAY, 43: MERGED, **_each((44, 45), ENGINE), 47: "M-Bus", 49: GATEWAY,
    50: MERGED, **_each((51, 52, 53), ENGINE), **_each((56, 57, 58), ENGINE), **_each((61, 62), "harmonics"),
    **_each((65, 68), "pulse outputs"), 67: "input and output configuration", **_each(RECORDED, ENGINE),
}  # fmt: skip
BSM: Column = {
    **_OTHERS, **_each((41, 42, 46), METER), 48: "transformer ratio", 54: _only_active, 55: ENGINE,
    **_each((59, 60), METER), **_each((63, 66), METER), 64: GATEWAY,
}  # fmt: skip
DMED4: Column = {
    **_OTHERS, **_each((41, 42, 46), METER), 48: "transformer ratio", 54: _only_active, 55: ENGINE,
    **_each((59, 60), METER), **_each((63, 64, 66), "inputs and outputs"),
}  # fmt: skip
#: Over REST the meter has a log of its own.
DMED4_REST: Column = {**DMED4, 51: MERGED}
MAPPED: Column = {
    **_OTHERS,
    41: _with(Trait.CLOCK, METER, "clock"),
    42: _with(Trait.CLOCK_SET, METER, "clock"),
    46: _with(Trait.HARDWARE, METER, "hardware version"),
    48: _with(Trait.TRANSFORMER, ENGINE, "transformer ratio"),
    54: _energy,
    55: _of(frozenset({1}), ENGINE, "active energy"),
    **_each((56, 57, 58), _of(TOTALS, ENGINE, "resettable energy")),
    59: _of(POWERS, METER, "power"),
    60: _of(INSTRUMENTS, METER, "instrument values"),
    61: _with(Trait.VOLTAGE_HARMONICS, METER, "harmonics"),
    62: _with(Trait.CURRENT_HARMONICS, METER, "harmonics"),
    63: _with(Trait.PORTS, METER, "inputs and outputs"),
    64: _with(Trait.PORTS, GATEWAY, "inputs and outputs"),
    66: _with(Trait.PORTS, METER, "inputs and outputs"),
}


def _abb(resources: Iterable[int], trait: Trait, otherwise: Answer | None = None) -> dict[int, Cell]:
    """Resources of what an ABB meter has on its bus; without it ``otherwise``, or a refusal by their names."""
    return {number: _with(trait, METER, otherwise or BY_NUMBER[number].name) for number in resources}


def _recorded(data: Iterable[int], settings: Iterable[int], trait: Trait) -> dict[int, Cell]:
    """What a meter records and, on the EQ bus alone, how. An engine that keeps the settings keeps the rows too."""

    def rule(meter: Meter, arguments: Arguments) -> Answer:
        engine = meter.protocol != EQ_BUS and engines_of(meter)
        return METER if trait in meter.traits and not engine else ENGINE

    def settings_rule(meter: Meter, arguments: Arguments) -> Answer:
        return METER if trait in meter.traits and meter.protocol == EQ_BUS else ENGINE

    return _each(data, rule) | _each(settings, settings_rule)


#: ABB meters on both buses: what a bus carries and the meter has are its traits. A calendar chooses among tariffs that
#: the meter itself counts, so no engine keeps one in its place.
ABB: Column = {
    **_each((16, 30, 41, 42, 43, 47, 50), METER),
    27: lambda meter, arguments: METER if meter.protocol == EQ_BUS else BY_NUMBER[27].name,
    **_abb((44, 45), Trait.FACTORS, ENGINE),
    **_abb((46,), Trait.HARDWARE),
    **_abb((48,), Trait.TRANSFORMER),
    49: GATEWAY,
    **_abb((51,), Trait.LOGS, ENGINE),
    **_abb((52, 53), Trait.ALARMS, ENGINE),
    54: _energy,
    55: lambda meter, arguments: METER if CONVERTED & {*meter.provides} else ENGINE,
    **_each((56, 57, 58), lambda meter, arguments: METER if RESETTABLE & {*meter.provides} else ENGINE),
    59: _of(POWERS, METER, "power"),
    60: _of(INSTRUMENTS, METER, "instrument values"),
    61: _with(Trait.VOLTAGE_HARMONICS, METER, "harmonics"),
    62: _with(Trait.CURRENT_HARMONICS, METER, "harmonics"),
    **_abb((63, 66), Trait.PORTS),
    **_abb((64, 67), Trait.PORTS_CONFIGURED),
    **_abb((65, 68), Trait.PULSES),
    **_recorded((69, 72), (70, 71), Trait.PREVIOUS),
    **_recorded((73, 76), (74, 75), Trait.PROFILES),
    **_recorded((77, 80), (78, 79), Trait.DEMAND),
    **_abb((81, 82), Trait.TARIFF),
    **_abb(range(83, 91), Trait.CALENDAR),
}
#: A meter behind another gateway: that one answers, also that it has no such thing.
MIRROR: Column = {**_each((16, 30, *range(41, 91)), METER), 27: BY_NUMBER[27].name, 49: GATEWAY}


def column(meter: Meter) -> Column:
    """The cells of a meter's family on its transport; families that no row names are those of map files."""
    if meter.family == "dmed4":
        return DMED4_REST if meter.protocol == REST else DMED4
    return {"bsm": BSM, "abb": ABB, "g13": MIRROR}.get(meter.family, MAPPED)


def engines_of(meter: Meter) -> bool:
    """Whether the gateway adds what the meter lacks."""
    return meter.engines == "auto"


def answer(meter: Meter, resource: int, arguments: Arguments | None = None) -> Answer | Unsupported:
    """Who answers a resource (16, 27, 30, 41 to 90) of a meter.

    ``arguments``: those of the path; without them, whether any of its forms is answered. Of a meter that has never been
    reached nothing is known, so it will be asked.
    """
    cell = column(meter)[resource]
    if callable(cell):
        cell = cell(meter, arguments or {}) if meter.provides else METER
    if isinstance(cell, Answer):
        if engines_of(meter) or cell in (METER, GATEWAY):
            return cell
        return METER if cell is MERGED else Unsupported(BY_NUMBER[resource].name)
    return Unsupported(cell)


def supported(meter: Meter) -> list[int]:
    """The numbers of the resources of 30 and 41 to 90 that this meter answers."""
    return [number for number in (30, *range(41, 91)) if not isinstance(answer(meter, number), Unsupported)]


# What engines add -----------------------------------------------------------------------------------------------------

#: Which document of the engine a merged resource takes its part from.
ENGINE_PART: Mapping[int, int] = MappingProxyType({43: 43, 50: 50, 51: 51})
_INFO = ("manufacturing", "ratio", "conversionfactor", "power")


def merged(resource: int, meter: Mapping[str, Any], engine: Mapping[str, Any], count: int = 100) -> dict[str, Any]:
    """The document of a :attr:`Answer.MERGED` resource: the meter's, and what the engine's has beside it.

    Members that both have are lists: joined, and for logs the newest ``count``, newest first.
    """
    if resource == 43:
        found = {**meter, **engine}
        return {name: found[name] for name in _INFO if name in found}
    joined = {name: [*meter.get(name, ()), *engine.get(name, ())] for name in {**meter, **engine}}
    if resource == 51:
        return {name: newest(rows)[:count] for name, rows in joined.items()}
    return joined


def newest(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Log entries, newest first."""
    return sorted(rows, key=lambda row: str(row["datetime"]), reverse=True)


# Association objects (30) of meters that have none --------------------------------------------------------------------

#: Ids of the rights list that a resource stands for, beside quantities (abb-meters.md 2.13).
_READ: Mapping[int, tuple[int, ...]] = MappingProxyType(
    {
        41: (146, 155), 43: (138, 139), 44: (83, 84), 46: (191, 192), 52: (112,), 69: (109,), 73: (111,), 77: (110,),
        81: (189, 190), 83: (148,), 85: (147,), 87: (114,), 89: (115,),
    }
)  # fmt: skip
_WRITTEN: Mapping[int, tuple[int, ...]] = MappingProxyType(
    {
        42: (241,), 45: (230, 231), 66: (239,), 72: (215,), 76: (217,), 80: (216,), 82: (236, 237), 84: (234,),
        86: (233,), 88: (232,), 90: (235,),
    }
)  # fmt: skip
#: Resets of registers: 171 to 174 have 201 to 204.
_RESET = 30
FLAGS = 241
LAST_READ = 200


def associations(meter: Meter) -> list[int]:
    """The 241 flags of #30 by what is served, reset and configured for this meter: ids 1 to 200 read, 201 to 220 reset,
    221 to 241 configured."""
    numbers = supported(meter)
    ids = {id for number in numbers for id in (*_READ.get(number, ()), *_WRITTEN.get(number, ()))}
    ids |= {id for id in meter.provides if id <= LAST_READ}
    if 57 in numbers:
        ids |= {id + _RESET for id in meter.provides if 171 <= id <= 174}
    return [int(id in ids) for id in range(1, FLAGS + 1)]
