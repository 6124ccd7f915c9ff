"""Parts of a profile's buffer: by a range of times or by entries (IEC 62056-62, 4.3.6; abb-meters.md 2.9).

Both descriptors are written to a :class:`Selection` and read from one.

>>> EntryDescriptor(1, 2).selection.parameter.encode().hex()
'020406000000010600000002120001120000'
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from wattproof.errors import FrameError
from wattproof.model.obis import Obis
from wattproof.wire.cosem.data import (
    Data,
    array,
    double_long_unsigned,
    integer,
    long_unsigned,
    octet_string,
    structure,
)
from wattproof.wire.cosem.descriptors import Selection, logical_name, written
from wattproof.wire.cosem.shapes import fields, items, number, octets
from wattproof.wire.cosem.times import DateTime

RANGE, ENTRIES = 1, 2


class CaptureObject(NamedTuple):
    """One column of a profile: an attribute of an object, or one element of it if ``data_index`` is not 0."""

    class_id: int
    name: bytes
    attribute_id: int
    data_index: int = 0

    @classmethod
    def of(cls, class_id: int, code: str | bytes | Obis, attribute_id: int = 2, data_index: int = 0) -> CaptureObject:
        """The column of the object with this OBIS code. Raises ``InvalidValue``."""
        return cls(class_id, logical_name(code), attribute_id, data_index)

    @property
    def data(self) -> Data:
        return structure(
            long_unsigned(self.class_id),
            octet_string(self.name),
            integer(self.attribute_id),
            long_unsigned(self.data_index),
        )

    @classmethod
    def read(cls, data: Data) -> CaptureObject:
        """Raises ``FrameError`` where the structure is another."""
        class_id, name, attribute_id, data_index = fields(data, 4)
        return cls(number(class_id), octets(name, 6), number(attribute_id), number(data_index))

    def __str__(self) -> str:
        part = f"[{self.data_index}]" if self.data_index else ""
        return f"{self.class_id}/{written(self.name)}/{self.attribute_id}{part}"


#: The column that every profile here begins with: the time of the clock.
CLOCK_TIME = CaptureObject.of(8, "0-0:1.0.0*255", 2)


def capture_objects(data: Data) -> tuple[CaptureObject, ...]:
    """The columns of attribute 3 of a profile. Raises ``FrameError``."""
    return tuple(map(CaptureObject.read, items(data)))


@dataclass(frozen=True, slots=True)
class RangeDescriptor:
    """Rows whose value in the column ``restricting`` lies from ``begin`` to ``end``, both included.

    Both are data as in the buffer: for the clock an octet-string of twelve bytes. ``columns`` empty: all of them.
    """

    begin: Data
    end: Data
    restricting: CaptureObject = CLOCK_TIME
    columns: tuple[CaptureObject, ...] = ()

    @classmethod
    def between(cls, begin: DateTime, end: DateTime, *columns: CaptureObject) -> RangeDescriptor:
        """Rows by their time."""
        return cls(octet_string(begin.encode()), octet_string(end.encode()), CLOCK_TIME, columns)

    @property
    def selection(self) -> Selection:
        columns = array(column.data for column in self.columns)
        return Selection(RANGE, structure(self.restricting.data, self.begin, self.end, columns))

    @classmethod
    def read(cls, parameter: Data) -> RangeDescriptor:
        """Raises ``FrameError`` where the structure is another."""
        restricting, begin, end, columns = fields(parameter, 4)
        return cls(begin, end, CaptureObject.read(restricting), capture_objects(columns))


@dataclass(frozen=True, slots=True)
class EntryDescriptor:
    """Rows and columns by number, counted from 1, both ends included; 0 at an end means the last one."""

    from_entry: int
    to_entry: int = 0
    from_column: int = 1
    to_column: int = 0

    @property
    def selection(self) -> Selection:
        rows = double_long_unsigned(self.from_entry), double_long_unsigned(self.to_entry)
        return Selection(ENTRIES, structure(*rows, long_unsigned(self.from_column), long_unsigned(self.to_column)))

    @classmethod
    def read(cls, parameter: Data) -> EntryDescriptor:
        """Raises ``FrameError`` where the structure is another."""
        return cls(*map(number, fields(parameter, 4)))


_DESCRIPTORS: dict[int, type[RangeDescriptor | EntryDescriptor]] = {RANGE: RangeDescriptor, ENTRIES: EntryDescriptor}


def descriptor(selection: Selection) -> RangeDescriptor | EntryDescriptor:
    """What a selection asks for. Raises ``FrameError``: an unknown selector, or parameters of another shape."""
    kind = _DESCRIPTORS.get(selection.selector)
    if kind is None:
        raise FrameError(f"selector {selection.selector}: 1 (range) and 2 (entries) are known")
    return kind.read(selection.parameter)
