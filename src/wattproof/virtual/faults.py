"""Closed tables of options, faults and controls, and the faults in force.

A row says which values it takes; texts of the command line and values of JSON or Python go through the same row.
Everything that is not in a table is refused by name. The rows themselves belong to the meter families.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import NamedTuple, Protocol

from wattproof.errors import InvalidValue, UnknownName


class Kind(Protocol):
    """What a row accepts. ``limits`` is for people; ``read`` returns the value or raises ``ValueError``."""

    @property
    def limits(self) -> str: ...
    def read(self, value: object) -> object: ...


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError
    try:
        number = Decimal(str(value).strip())
    except InvalidOperation:
        raise ValueError from None
    if not number.is_finite():
        raise ValueError
    return number


def plain(number: Decimal) -> int | str:
    """A number as JSON shows it: whole ones as integers, others as exact text."""
    return int(number) if number == number.to_integral_value() else format(number.normalize(), "f")


@dataclass(frozen=True, slots=True)
class Flag:
    """On or off, nothing else."""

    limits: str = "flag"

    def read(self, value: object) -> object:
        raise ValueError


@dataclass(frozen=True, slots=True)
class Switch:
    """``true`` or ``false`` (``words``), as a value of its own."""

    words: tuple[str, str] = ("true", "false")

    @property
    def limits(self) -> str:
        return ", ".join(self.words)

    def read(self, value: object) -> object:
        if isinstance(value, bool):
            return value
        if not isinstance(value, str):
            raise ValueError
        return (True, False)[self.words.index(value)]


@dataclass(frozen=True, slots=True)
class Number:
    """A decimal number with a unit."""

    low: Decimal | int
    high: Decimal | int
    unit: str = ""

    @property
    def limits(self) -> str:
        return f"{self.low}..{self.high} {self.unit}".strip()

    def read(self, value: object) -> object:
        number = _decimal(value)
        if not self.low <= number <= self.high:
            raise ValueError
        return number


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number with a unit."""

    low: int
    high: int
    unit: str = ""

    @property
    def limits(self) -> str:
        return f"{self.low}..{self.high} {self.unit}".strip()

    def read(self, value: object) -> object:
        number = _decimal(value)
        if number != number.to_integral_value() or not self.low <= number <= self.high:
            raise ValueError
        return int(number)


@dataclass(frozen=True, slots=True)
class Count:
    """How many times a fault hits; without a number it stays."""

    high: int = 1_000_000

    @property
    def limits(self) -> str:
        return "count, all without one"

    def read(self, value: object) -> object:
        return value if value == "all" else Whole(1, self.high).read(value)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of some words."""

    words: tuple[str, ...]

    @property
    def limits(self) -> str:
        return ", ".join(self.words)

    def read(self, value: object) -> object:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or value not in self.words:
            raise ValueError
        return value


@dataclass(frozen=True, slots=True)
class Text:
    """A text of a certain form; ``convert`` makes the value and raises ``ValueError``."""

    limits: str
    pattern: str = ".*"
    convert: Callable[[str], object] | None = None

    def read(self, value: object) -> object:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not re.fullmatch(self.pattern, value, re.DOTALL):
            raise ValueError
        return self.convert(value) if self.convert else value


def instant(text: str) -> tuple[int, int]:
    """UTC Unix seconds and minutes east of an ISO 8601 time with offset; ``ValueError`` otherwise."""
    moment = datetime.fromisoformat(text)
    offset = moment.utcoffset()
    if offset is None or offset.total_seconds() % 60:
        raise ValueError
    seconds = int(moment.timestamp() // 1)
    if not 0 <= seconds < 0xFFFFFFFF:
        raise ValueError
    return seconds, int(offset.total_seconds()) // 60


@dataclass(frozen=True, slots=True)
class Row:
    """One name of a closed table: what it takes, what it takes by itself, what it does, where that is written.

    ``once``: it acts at its moment and reads false afterwards.
    """

    name: str
    kind: Kind
    default: object
    description: str
    source: str = ""
    once: bool = False

    @property
    def limits(self) -> str:
        return self.kind.limits

    def read(self, value: object, what: str) -> object:
        """The value inside; ``InvalidValue`` naming the row otherwise. ``what`` is the kind of row, for the message."""
        try:
            return self.kind.read(value)
        except (ValueError, TypeError):
            pass
        raise InvalidValue(f"{what} {self.name}: {spoken(value)} is not possible: write {self.limits}")


_WORDS: Mapping[object, str] = {True: "true", False: "false", None: "null"}


def spoken(value: object) -> str:
    """A value as people wrote it, in a message: texts in quotes, numbers and words of JSON as they stand.

    >>> spoken(Decimal("1.5")), spoken("x"), spoken(None), spoken([1])
    ('1.5', "'x'", 'null', 'a list')
    """
    if value is None or isinstance(value, bool):
        return _WORDS[value]
    if isinstance(value, str):
        return repr(value) if len(value) <= 100 else f"a text of {len(value)} characters"
    if isinstance(value, int) and value.bit_length() > 256:
        return "so large a number"
    if isinstance(value, int | float | Decimal):
        return str(value)
    return "a list" if isinstance(value, list | tuple) else "an object"


#: The value that ends a fault.
ENDED = None


@dataclass(frozen=True, slots=True)
class Table:
    """A closed table of rows. ``what`` is what one row is called in messages: option, fault, control."""

    what: str
    rows: tuple[Row, ...]
    by_name: Mapping[str, Row] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {row.name: row for row in self.rows})

    def row(self, name: str) -> Row:
        """The row of that name, ``UnknownName`` otherwise."""
        found = self.by_name.get(name)
        if found is None:
            raise UnknownName(f"no {self.what} {name!r}: take one of {', '.join(self.by_name)}")
        return found

    def read(self, name: str, value: object) -> object:
        """The value of a row that always has one (options, controls)."""
        return self.row(name).read(value, self.what)

    def read_fault(self, name: str, value: object) -> object:
        """The value of a row that can be on or off: ``True``, ``"true"`` or ``""`` take the default, ``False``,
        ``"false"`` and ``None`` end it."""
        row = self.row(name)
        if value is None or value is False or value == "false":
            return ENDED
        if value is True or value in ("true", ""):
            return row.default
        return row.read(value, self.what)


def split_fault(text: str) -> tuple[str, object, str | None]:
    """``NAME[=VALUE][@STATE]`` of the command line as name, value (``True`` without one) and state.

    >>> split_fault("contactor-slow=0.7@turn-on:opening")
    ('contactor-slow', '0.7', 'turn-on:opening')
    >>> split_fault("wrong-key")
    ('wrong-key', True, None)
    """
    rest, _, when = text.partition("@")
    name, given, value = rest.partition("=")
    return name, value if given else True, when or None


class OnFace(NamedTuple):
    """The value of a fault of the link that is restricted to one face of a meter, not yet read."""

    face: str
    value: object


@dataclass(frozen=True, slots=True)
class Armed:
    """A change that waits for a named state."""

    when: str
    controls: Mapping[str, object]
    faults: Mapping[str, object]

    def matches(self, state: str) -> bool:
        """Whether entering ``state`` releases it; ``*:STATE`` stands for every instance."""
        return self.when == state or (self.when.startswith("*:") and self.when[1:] == state[state.find(":") :])


@dataclass(slots=True)
class Faults:
    """The faults in force: values and the hits that remain of those with a count.

    ``excluding`` are pairs that cannot be in force together; ``journal`` is told of every change and hit.
    """

    table: Table
    journal: Callable[[str, Mapping[str, object]], None]
    excluding: Sequence[tuple[str, str]] = ()
    active: dict[str, object] = field(default_factory=dict)

    def check(self, changes: Mapping[str, object]) -> None:
        """``InvalidValue`` if the changes (read values) would bring a contradiction into force."""
        after = {**self.active, **changes}
        for first, second in self.excluding:
            if after.get(first) is not None and after.get(second) is not None:
                new = second if second in changes and second not in self.active else first
                raise InvalidValue(f"fault {new}: contradicts {first if new == second else second}, which is in force")

    def put(self, name: str, value: object) -> None:
        """Set or end one fault; a fault that acts once is journalled and not kept."""
        row = self.table.by_name[name]
        if value is ENDED:
            if self.active.pop(name, None) is not None:
                self.journal("fault-ended", {"fault": name})
            return
        self.journal("fault-set", {"fault": name, "value": shown(value)})
        if not row.once:
            self.active[name] = value

    def __contains__(self, name: str) -> bool:
        return name in self.active

    def get(self, name: str) -> object:
        return self.active.get(name)

    def hit(self, name: str) -> bool:
        """Whether the fault is in force; then this is one of its hits, and the last one of a count ends it."""
        if name not in self.active:
            return False
        value = self.active[name]
        self.journal("fault-hit", {"fault": name})
        if isinstance(self.table.by_name[name].kind, Count | Whole) and isinstance(value, int):
            if value > 1:
                self.active[name] = value - 1
            else:
                self.put(name, ENDED)
        return True


def shown(value: object) -> object:
    """A value as JSON shows it."""
    return plain(value) if isinstance(value, Decimal) else value


def join(what: str, *tables: Iterable[Row]) -> Table:
    """One closed table of several."""
    return Table(what, tuple(row for rows in tables for row in rows))
