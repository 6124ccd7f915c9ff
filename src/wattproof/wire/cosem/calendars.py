"""Tables of activity calendar, special days and scripts (IEC 62056-62, classes 20, 11, 9; abb-meters.md 2.10).

Every entry writes itself as data and is read from it; :func:`table` and :func:`read_table` do that for whole tables.

>>> from wattproof.wire.cosem.descriptors import logical_name
>>> day = DayProfile(1, (DayAction(Time(12, 0, 0, 0), logical_name("0-0:10.0.100"), 1),))
>>> read_table(DayProfile, table([day])) == (day,)
True
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol, Self, TypeVar

from wattproof.errors import FrameError
from wattproof.wire.cosem.data import (
    Data,
    array,
    enum,
    integer,
    long_unsigned,
    octet_string,
    structure,
    unsigned,
)
from wattproof.wire.cosem.shapes import fields, items, number, octets
from wattproof.wire.cosem.times import Date, DateTime, Time

#: Services of a script: write an attribute, execute a method.
WRITE, EXECUTE = 1, 2


class Entry(Protocol):
    """What all entries have in common; ``read`` raises ``FrameError`` where the structure is another."""

    @property
    def data(self) -> Data: ...

    @classmethod
    def read(cls, data: Data) -> Self: ...


E = TypeVar("E", bound=Entry)


def table(entries: Iterable[Entry]) -> Data:
    """The attribute that holds these entries."""
    return array(entry.data for entry in entries)


def read_table(kind: type[E], data: Data) -> tuple[E, ...]:
    """The entries of an attribute. Raises ``FrameError``."""
    return tuple(map(kind.read, items(data)))


class DayAction(NamedTuple):
    """At ``start`` of the day the script ``selector`` of a script table is executed."""

    start: Time
    script_table: bytes
    selector: int

    @property
    def data(self) -> Data:
        return structure(
            octet_string(self.start.encode()), octet_string(self.script_table), long_unsigned(self.selector)
        )

    @classmethod
    def read(cls, data: Data) -> DayAction:
        start, script_table, selector = fields(data, 3)
        return cls(Time.decode(octets(start, 4)), octets(script_table, 6), number(selector))


class DayProfile(NamedTuple):
    """What happens on a day of this id."""

    day_id: int
    actions: tuple[DayAction, ...]

    @property
    def data(self) -> Data:
        return structure(unsigned(self.day_id), table(self.actions))

    @classmethod
    def read(cls, data: Data) -> DayProfile:
        day_id, actions = fields(data, 2)
        return cls(number(day_id), read_table(DayAction, actions))


class WeekProfile(NamedTuple):
    """Day ids from Monday to Sunday."""

    name: bytes
    days: tuple[int, ...]

    @property
    def data(self) -> Data:
        return structure(octet_string(self.name), *map(unsigned, self.days))

    @classmethod
    def read(cls, data: Data) -> WeekProfile:
        name, *days = fields(data, 8)
        return cls(octets(name), tuple(map(number, days)))


class Season(NamedTuple):
    """From ``start`` on, every year if its year is open, a week profile holds."""

    name: bytes
    start: DateTime
    week: bytes

    @property
    def data(self) -> Data:
        return structure(octet_string(self.name), octet_string(self.start.encode()), octet_string(self.week))

    @classmethod
    def read(cls, data: Data) -> Season:
        name, start, week = fields(data, 3)
        return cls(octets(name), DateTime.decode(octets(start, 12)), octets(week))


class SpecialDay(NamedTuple):
    """On this date, or these dates if fields are open, a day id holds that is not the week's."""

    index: int  # type: ignore[assignment]  # the standard's word, and not that of tuples
    date: Date
    day_id: int

    @property
    def data(self) -> Data:
        return structure(long_unsigned(self.index), octet_string(self.date.encode()), unsigned(self.day_id))

    @classmethod
    def read(cls, data: Data) -> SpecialDay:
        index, date, day_id = fields(data, 3)
        return cls(number(index), Date.decode(octets(date, 5)), number(day_id))


class ScriptAction(NamedTuple):
    """One thing that a script does: write (``service`` 1) an attribute or execute (2) a method with a parameter."""

    service: int
    class_id: int
    name: bytes
    number: int
    parameter: Data

    @property
    def data(self) -> Data:
        return structure(
            enum(self.service),
            long_unsigned(self.class_id),
            octet_string(self.name),
            integer(self.number),
            self.parameter,
        )

    @classmethod
    def read(cls, data: Data) -> ScriptAction:
        service, class_id, name, target, parameter = fields(data, 5)
        if number(service) not in (WRITE, EXECUTE):
            raise FrameError(f"service {number(service)} of a script: 1 (write) and 2 (execute) are known")
        return cls(number(service), number(class_id), octets(name, 6), number(target), parameter)


class Script(NamedTuple):
    """A script with its selector."""

    identifier: int
    actions: tuple[ScriptAction, ...]

    @property
    def data(self) -> Data:
        return structure(long_unsigned(self.identifier), table(self.actions))

    @classmethod
    def read(cls, data: Data) -> Script:
        identifier, actions = fields(data, 2)
        return cls(number(identifier), read_table(ScriptAction, actions))
