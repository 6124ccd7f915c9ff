"""Points of ABB meters by name, for the drivers of both buses (abb-meters.md 1.12).

A point is ``GROUP.NAME``, the bare name where only one group has it, or the id of the quantity; ``GROUP`` means all of
its points and ``all`` everything. Upper and lower case are the same. Beside the quantities there are the words of the
flags (3.9), the levels of inputs and outputs, and the newest previous values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from wattproof.errors import UnknownName
from wattproof.meters.abb.quantities import CONVERSION, ENERGY, GROUPS, PORTS, RESETTABLE, ROWS
from wattproof.meters.abb.rows import COUNTER, STATE, TIME, Row
from wattproof.model.quantities import Quantity

ALL = "all"
#: What a read without points gives on every bus, as far as the meter has it.
OVERVIEW = (
    *("energy.ACTIVE_ENERGY_IMPORT_TOTAL", "energy.ACTIVE_ENERGY_EXPORT_TOTAL", "energy.REACTIVE_ENERGY_IMPORT_TOTAL"),
    *("energy.REACTIVE_ENERGY_EXPORT_TOTAL", "instrument", "tariffs.TARIFF_ACTIVE", "flags"),
)
PORT_NUMBERS = (1, 2, 3, 4)
#: Type of rows that have a shape of their own: methods of the drivers read them.
TABLE = "table"


@dataclass(frozen=True)
class Point:
    """One thing that can be read. ``row``: its quantity, ``None`` for those beside the table."""

    group: str
    name: str
    quantity: Quantity
    row: Row | None = None

    @cached_property
    def full_name(self) -> str:
        """``GROUP.NAME``."""
        return f"{self.group}.{self.name}"


def _beside(group: str, name: str, obis: str) -> Point:
    return Point(group, name, Quantity(name.lower(), STATE, obis=obis))


#: Words of the status word by class; ``ALARMS`` has alarm k at bit k - 1 (3.9).
FLAGS = (
    *(_beside("flags", name, "0-0:97.97.0") for name in ("ERRORS", "WARNINGS", "INFORMATION")),
    _beside("flags", "ALARMS", "0-0:97.98.0"),
)
LEVELS = (
    *(_beside("ports", f"INPUT_STATE_{port}", f"0-{port}:96.3.1") for port in PORT_NUMBERS),
    *(_beside("ports", f"OUTPUT_STATE_{port}", f"0-{port}:96.3.2") for port in PORT_NUMBERS),
)
#: What a meter may store at the end of a period (g13-api.md 4.2), and when that was.
PREVIOUS = (
    Point("previous", "TIME", Quantity("previous_time", TIME, obis="1-0:98.1.0")),
    *(
        Point("previous", row.name, row.quantity, row)
        for row in (*ENERGY, *PORTS, *RESETTABLE, *CONVERSION)
        if row.kind is COUNTER and row.type == "u64"
    ),
)

_EXTRA = {"flags": FLAGS, "ports": LEVELS, "previous": PREVIOUS}
POINTS: Mapping[str, tuple[Point, ...]] = MappingProxyType(
    {
        group: (
            *(Point(group, row.name, row.quantity, row) for row in GROUPS.get(group, ()) if row.type != TABLE),
            *_EXTRA.get(group, ()),
        )
        for group in dict.fromkeys((*GROUPS, *_EXTRA))
        if group != "recorded"
    }
)


def _index() -> dict[str, tuple[Point, ...]]:
    """Every text that means points. Bare names are those of the present: ``previous`` needs its group."""
    found: dict[str, tuple[Point, ...]] = {ALL: tuple(point for points in POINTS.values() for point in points)}
    for group, points in POINTS.items():
        for point in points:
            found[point.full_name.casefold()] = (point,)
            if group != "previous":
                found[point.name.casefold()] = (point,)
            if group != "previous" and point.row is not None:
                found[str(point.row.id)] = (point,)
    return found | dict(POINTS)


_INDEX = _index()
_TABLES = {
    text.casefold(): row
    for group, rows in GROUPS.items()
    for row in rows
    if row.type == TABLE
    for text in (row.name, f"{group}.{row.name}", str(row.id))
}


def find(text: str) -> tuple[Point, ...]:
    """The points that a text means.

    Raises ``UnknownName``, also for what has a shape of its own.
    """
    wanted = text.strip().replace("/", ".").casefold()
    points = _INDEX.get(wanted)
    if points is not None:
        return points
    if wanted in _TABLES:
        raise UnknownName(f"{_TABLES[wanted].name} is no single value: a method of the driver reads it")
    raise UnknownName(f"ABB meters have no point {text!r}: `wattproof models abb` lists them")


def find_all(texts: Iterable[str]) -> list[Point]:
    """The points of all texts in their order, each once. Raises ``UnknownName``."""
    return [*dict.fromkeys(point for text in texts for point in find(text))]


def by_id(id: int) -> Point:
    """The point of a quantity. Raises ``UnknownName``."""
    return find(str(id) if id in ROWS else f"id {id}")[0]
