"""What a broken ABB meter says in place of the value of an attribute: attribute and value in, value out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from wattproof.meters.abb.quantities import ROWS
from wattproof.wire.cosem.data import Data, Tag, array, octet_string
from wattproof.wire.cosem.descriptors import Attribute
from wattproof.wire.cosem.object_list import Access, AttributeAccess, ObjectList
from wattproof.wire.cosem.results import Result


def narrow(attribute: Attribute, found: Data | Result) -> Data | Result:
    """Energies of half the length."""
    wide = isinstance(found, Data) and found.tag is Tag.LONG64_UNSIGNED
    return found._replace(tag=Tag.DOUBLE_LONG_UNSIGNED) if wide and isinstance(found, Data) else found


def nameless(attribute: Attribute, found: Data | Result) -> Data | Result:
    return octet_string(bytes(6)) if attribute.attribute_id == 1 else found


def all_read_only(attribute: Attribute, found: Data | Result) -> Data | Result:
    if isinstance(found, Result):
        return found
    entries = ObjectList.read(found)
    read_only = AttributeAccess(Access.READ)
    return ObjectList(replace(entry, attributes=dict.fromkeys(entry.attributes, read_only)) for entry in entries).data


def cut(attribute: Attribute, found: Data | Result) -> Data | Result:
    """The last element of an array is missing."""
    return array(found.value[:-1]) if isinstance(found, Data) and isinstance(found.value, tuple) else found


def turned(attribute: Attribute, found: Data | Result) -> Data | Result:
    """An array the other way round."""
    return array(found.value[::-1]) if isinstance(found, Data) and isinstance(found.value, tuple) else found


def byte(place: int) -> Any:
    """An octet-string with another byte."""

    def change(attribute: Attribute, found: Data | Result) -> Data | Result:
        if isinstance(found, Result) or not isinstance(found.value, bytes):
            return found
        data = bytearray(found.value)
        data[place] = data[place] % 7 + 1
        return octet_string(bytes(data))

    return change


def at_noon(attribute: Attribute, found: Data | Result) -> Data | Result:
    """Periods that end at noon."""
    if isinstance(found, Result) or not isinstance(found.value, tuple):
        return found
    rows = []
    for row in found.value:
        assert isinstance(row.value, tuple) and isinstance(row.value[0].value, bytes)
        time = row.value[0].value
        rows.append(row._replace(value=(octet_string(time[:5] + b"\x0c" + time[6:]), *row.value[1:])))
    return array(rows)


def ten_more(attribute: Attribute, found: Data | Result) -> Data | Result:
    counted = isinstance(found, Data) and found.tag is Tag.LONG64_UNSIGNED and isinstance(found.value, int)
    return found._replace(value=found.value + 10) if counted else found  # type: ignore[union-attr,operator]


def statuses(attribute: Attribute, found: Data | Result) -> Data | Result:
    """Rows of a load profile whose status says more."""
    if isinstance(found, Result) or not isinstance(found.value, tuple):
        return found
    rows = [row.value for row in found.value if isinstance(row.value, tuple)]
    return array(
        Data(Tag.STRUCTURE, (time, status._replace(value=int(str(status.value)) ^ 2), *rest))
        for time, status, *rest in rows
    )


def cut_text(attribute: Attribute, found: Data | Result) -> Data | Result:
    """A type of another length."""
    return found._replace(value="A44 552-110") if isinstance(found, Data) else found


def scaled(attribute: Attribute, found: Data | Result) -> Data | Result:
    """Another unit for every register."""
    if isinstance(found, Result) or attribute.attribute_id != 3 or not isinstance(found.value, tuple):
        return found
    scaler, unit = found.value
    return found._replace(value=(scaler, unit._replace(value=1)))


def all_writable(attribute: Attribute, found: Data | Result) -> Data | Result:
    if isinstance(found, Result):
        return found
    free = AttributeAccess(Access.READ_WRITE)
    entries = ObjectList.read(found)
    return ObjectList(replace(entry, attributes=dict.fromkeys(entry.attributes, free)) for entry in entries).data


def inverted(bit: int) -> Any:
    """A word with one other bit."""

    def change(attribute: Attribute, found: Data | Result) -> Data | Result:
        counted = isinstance(found, Data) and isinstance(found.value, int)
        return found._replace(value=found.value ^ 1 << bit) if counted else found  # type: ignore[union-attr,operator]

    return change


def no_frequency(attribute: Attribute, found: Data | Result) -> Data | Result:
    if isinstance(found, Result):
        return found
    return ObjectList(entry for entry in ObjectList.read(found) if entry.name != ROWS[170].ln).data


def other_category(attribute: Attribute, found: Data | Result) -> Data | Result:
    """Entries of a log are exceptions, all of them."""
    if isinstance(found, Result) or not isinstance(found.value, tuple):
        return found
    rows = [row.value for row in found.value if isinstance(row.value, tuple)]
    return array(Data(Tag.STRUCTURE, (time, kind._replace(value=1), *rest)) for time, kind, *rest in rows)
