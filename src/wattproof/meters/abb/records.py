"""What an ABB meter has recorded, as typed rows: the same from M-Bus and from COSEM (abb-meters.md 1.14, 2.9, 3.10).

Times are those of the meter: local, without a zone. Values are exact and in the unit of their column; ``None`` where
the meter has none. Rows come oldest first, log entries newest first. ``as_dict`` gives the members of the gateway's
JSON interface (g13-api.md 47, 51, 61, 63, 69, 73, 77).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum, IntFlag
from types import MappingProxyType

from wattproof.errors import UnknownName
from wattproof.meters.abb.quantities import by_name
from wattproof.meters.abb.rows import Row
from wattproof.model.readings import value_text
from wattproof.model.units import VAR, VAR_HOUR, VOLT_AMPERE, VOLT_AMPERE_HOUR, WATT, WATT_HOUR, Unit

#: What a demand without value holds in JSON (g13-api.md 77).
NO_DEMAND = 4_294_967_295
#: Demand of an energy is its average power (3.10).
POWER_OF: Mapping[Unit, Unit] = MappingProxyType(
    {WATT_HOUR: WATT, VAR_HOUR: VAR, VOLT_AMPERE_HOUR: VOLT_AMPERE}
)  # fmt: skip


class ProfileStatus(IntFlag):
    """One interval of a load profile."""

    EXISTS = 0x01
    POWER_OUTAGE = 0x02
    LONG = 0x04
    SHORT = 0x08
    CLOCK_CHANGED = 0x10
    BAD_VALUE = 0x20


class PeriodStatus(IntFlag):
    """One value of a period: previous values and demand."""

    EXISTS = 0x01
    DATA_ERROR = 0x02
    POWER_OFF = 0x04


class Category(IntEnum):
    """What kind of event a log entry is."""

    EXCEPTION = 1
    ERROR = 2
    WARNING = 4
    INFORMATION = 8


#: Codes of log entries are the number of a bit of the status word and one of these (3.9).
CODE_CLASSES: Mapping[int, Category] = MappingProxyType(
    {0: Category.ERROR, 1000: Category.WARNING, 2000: Category.INFORMATION}
)


def category_of(code: int) -> Category:
    """The category that the number of a log entry says; M-Bus sends no other."""
    return CODE_CLASSES.get(code // 1000 * 1000, Category.EXCEPTION)


@dataclass(frozen=True, slots=True)
class Column:
    """What recorded values are of. ``row`` is ``None`` for a quantity that the table does not have."""

    name: str
    unit: Unit
    row: Row | None = None

    @classmethod
    def of(cls, row: Row, unit: Unit | None = None) -> Column:
        """The column of a quantity, in its own unit unless another is named."""
        return cls(row.name.lower(), row.unit if unit is None else unit, row)

    @classmethod
    def named(cls, name: str) -> Column:
        """The column of a quantity by its name. Raises ``UnknownName``."""
        return cls.of(by_name(name))

    @property
    def as_power(self) -> Column:
        """The same as demand has it: an energy in watts."""
        return Column(self.name, POWER_OF.get(self.unit, self.unit), self.row)

    def as_list(self) -> list[str]:
        return [self.name, self.unit.symbol]


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One interval: ``time`` is its end. ``summer_time``: whether the clock was on summer time, where it says so."""

    time: datetime
    value: Decimal | None
    status: ProfileStatus = ProfileStatus.EXISTS
    summer_time: bool = False

    def as_dict(self) -> dict[str, object]:
        return {"status": int(self.status), "timestamp": _moment(self.time), "value": value_text(self.value)}


@dataclass(frozen=True, slots=True)
class LoadProfile:
    """Rows of one channel. ``interval`` in seconds; energies and counters are readings, all else averages."""

    column: Column
    interval: int
    rows: tuple[ProfileRow, ...]
    channel: int | None = None

    def as_dict(self) -> dict[str, object]:
        items = [row.as_dict() for row in self.rows]
        return {"mapping": self.column.as_list(), "interval": self.interval, "items": items}


@dataclass(frozen=True, slots=True)
class DemandValue:
    """The ``level``-th highest (or lowest) average of a period, and the end of its interval."""

    column: Column
    value: Decimal | None
    time: datetime
    level: int
    maximum: bool = True
    sliding: bool = False
    status: PeriodStatus = PeriodStatus.EXISTS

    @property
    def code(self) -> int:
        """Level, maximum (4) and sliding (8) in one number (AD-21)."""
        return self.level | self.maximum << 2 | self.sliding << 3

    def as_list(self) -> list[object]:
        value = NO_DEMAND if self.value is None else value_text(self.value)
        return [int(self.status), value, _moment(self.time), self.level]


@dataclass(frozen=True, slots=True)
class DemandRow:
    """One period. ``end`` is its end, or the present of the meter while it is ``running``."""

    end: datetime
    values: tuple[DemandValue, ...]
    running: bool = False

    def as_dict(self) -> dict[str, object]:
        return {"values": [value.as_list() for value in self.values], "time": _moment(self.end)}


@dataclass(frozen=True, slots=True)
class Demand:
    """Periods of demand. Both intervals in seconds."""

    interval: int
    sub_interval: int
    rows: tuple[DemandRow, ...]

    def as_dict(self) -> dict[str, object]:
        columns = [value.column.as_list() for value in self.rows[-1].values] if self.rows else []
        return {"mapping": columns, "items": [row.as_dict() for row in self.rows]}


@dataclass(frozen=True, slots=True)
class StoredValue:
    """One value at the end of a period."""

    column: Column
    value: Decimal | None
    status: PeriodStatus = PeriodStatus.EXISTS


@dataclass(frozen=True, slots=True)
class PreviousRow:
    """Registers at the end of a day, week or month."""

    time: datetime
    values: tuple[StoredValue, ...]

    def as_dict(self) -> dict[str, object]:
        values = [[int(value.status), value_text(value.value)] for value in self.values]
        return {"values": values, "time": _moment(self.time)}


@dataclass(frozen=True, slots=True)
class PreviousValues:
    """Ends of periods. ``interval`` is ``daily``, ``weekly`` or ``monthly``; ``None`` where the bus does not tell."""

    rows: tuple[PreviousRow, ...]
    interval: str | None = None

    def as_dict(self) -> dict[str, object]:
        columns = [value.column.as_list() for value in self.rows[-1].values] if self.rows else []
        told = {} if self.interval is None else {"interval": self.interval}
        return {"mapping": columns, **told, "items": [row.as_dict() for row in self.rows]}


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One event. ``duration`` in seconds, 0 while it lasts."""

    time: datetime
    category: Category
    code: int
    duration: int = 0

    def as_dict(self) -> dict[str, object]:
        return {
            "datetime": _moment(self.time),
            "duration": self.duration,
            "category": int(self.category),
            "logid": self.code,
        }


class Log(IntEnum):
    """The three logs; the values are those of their objects in COSEM, 0-0:99.98.e (2.8)."""

    SYSTEM = 0
    EVENT = 1
    QUALITY = 2


def log_of(log: Log | str | int) -> Log:
    """The log of a name, ``system``, ``event`` or ``quality``, or of a number.

    Raises ``UnknownName``.
    """
    for one in Log:
        if log == one or (isinstance(log, str) and log.strip().upper() == one.name):
            return one
    raise UnknownName(f"ABB meters have no log {log!r}: {', '.join(one.name.lower() for one in Log)}")


def logs_dict(logs: Mapping[Log, Iterable[LogEntry]]) -> dict[str, object]:
    """All logs for JSON: system, quality, event."""
    order = (Log.SYSTEM, Log.QUALITY, Log.EVENT)
    return {log.name.lower(): [entry.as_dict() for entry in logs.get(log, ())] for log in order}


@dataclass(frozen=True, slots=True)
class Spectrum:
    """Harmonics of one voltage or current in percent. ``orders`` are 16: the first is order 1, which is 100 %.

    ``None`` where the meter has not measured one yet, or does not send it.
    """

    place: str
    thd: Decimal | None
    orders: tuple[Decimal | None, ...]

    @property
    def text(self) -> str:
        """The orders as a reading has them: with commas, nothing between two where one is missing."""
        return ",".join(value_text(order) or "" for order in self.orders)

    def as_dict(self) -> dict[str, object]:
        return {"harmonics": [_number(order) for order in self.orders], "thd": _number(self.thd)}


@dataclass(frozen=True, slots=True)
class Port:
    """An input or output. ``stored`` and ``counter`` are those of an input."""

    number: int
    is_input: bool
    state: bool | None
    stored: bool | None = None
    counter: int | None = None

    def as_dict(self) -> dict[str, object]:
        members: dict[str, object] = {"port": self.number, "currentstate": self.state}
        if self.is_input:
            members |= {"storedstate": self.stored, "counter": self.counter}
        return {name: int(value) if isinstance(value, bool) else value for name, value in members.items()}


@dataclass(frozen=True, slots=True)
class ClockReading:
    """Date and time of the meter; ``None`` if nobody has set them."""

    time: datetime | None

    def as_dict(self) -> dict[str, object]:
        if self.time is None:
            return {"datetime": None, "dayofweek": None, "status": "not set"}
        return {"datetime": _moment(self.time), "dayofweek": self.time.isoweekday(), "status": "set"}


@dataclass(frozen=True, slots=True)
class Rights:
    """What may be read (ids 1 to 200), executed (201 to 220) and written (221 to 241), one flag an id (2.13)."""

    role: str
    flags: tuple[bool, ...]

    def __contains__(self, id: object) -> bool:
        return isinstance(id, int) and 1 <= id <= len(self.flags) and self.flags[id - 1]

    def as_dict(self) -> dict[str, object]:
        return {"role": self.role, "objects": [int(flag) for flag in self.flags]}


def _moment(time: datetime) -> str:
    return time.isoformat(timespec="seconds")


def _number(value: Decimal | None) -> float | int | None:
    """A percentage as a JSON number; 100.0 is written 100."""
    if value is None:
        return None
    return int(value) if value == value.to_integral_value() else float(value)
