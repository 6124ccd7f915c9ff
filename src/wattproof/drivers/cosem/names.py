"""What can be read from any COSEM meter, by name: objects by their OBIS codes (IEC 62056-62).

========================  ============================================================
``1-0:1.8.0``             the value of the object: a register with its unit, a clock's time
``1-0:1.8.0/3``           one attribute as it was sent
``1-0:1.8.0/scaler_unit`` the same by its name in the class
``3/1-0:1.8.0/2``         the same where the meter gives no list of its objects
``all``                   the values of all objects that have one
========================  ============================================================
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from wattproof.drivers.cosem.writing import is_text
from wattproof.errors import FrameError, InvalidValue, UnknownName
from wattproof.model.obis import Obis
from wattproof.model.readings import Reading
from wattproof.model.units import NONE, Unit
from wattproof.model.values import Quality
from wattproof.wire.cosem.classes import CLOCK, DATA, DEMAND_REGISTER, EXTENDED_REGISTER, REGISTER, interface_class
from wattproof.wire.cosem.data import Data, Plain, Tag
from wattproof.wire.cosem.descriptors import Attribute, logical_name, written
from wattproof.wire.cosem.object_list import ObjectEntry
from wattproof.wire.cosem.results import Result
from wattproof.wire.cosem.shapes import INTEGERS
from wattproof.wire.cosem.times import DateTime
from wattproof.wire.cosem.units import scaled

ALL = "all"
#: Classes with one value: its attribute, and that of scaler and unit (0: none).
VALUES: Mapping[int, tuple[int, int]] = {
    DATA.id: (2, 0),
    REGISTER.id: (2, 3),
    EXTENDED_REGISTER.id: (2, 3),
    DEMAND_REGISTER.id: (2, 4),
    CLOCK.id: (2, 0),
}
_TIMES = frozenset({Tag.OCTET_STRING, Tag.DATE_TIME})


@dataclass(frozen=True, slots=True)
class Name:
    """An object, or with ``attribute`` (number or name) one attribute; ``class_id`` where it was given."""

    code: bytes
    attribute: str = ""
    class_id: int | None = None

    @classmethod
    def parse(cls, text: str) -> Name:
        """Raises ``UnknownName`` for a text that is no OBIS code."""
        parts = text.strip().split("/")
        class_id = int(parts.pop(0)) if len(parts) > 1 and parts[0].isdecimal() else None
        try:
            return cls(logical_name(parts[0]), "/".join(parts[1:]), class_id)
        except InvalidValue:
            raise UnknownName(
                f"{text!r} is no object of a COSEM meter: write its OBIS code, such as 1-0:1.8.0, and /2 behind it for "
                f"one attribute"
            ) from None

    def __str__(self) -> str:
        return f"{short(self.code)}/{self.attribute}" if self.attribute else short(self.code)


def short(code: bytes) -> str:
    """A logical name as it is usually written: ``1-0:1.8.0``, with its last group only where that is not 255."""
    return written(code).removesuffix("*255")


def quantity_of(class_id: int, attribute: int) -> str:
    """What an attribute is called: ``scaler_unit``; ``attribute 12`` in a class that is not known."""
    row = interface_class(class_id)
    found = next((one.name for one in row.attributes if one.id == attribute), None) if row else None
    return found or ("logical_name" if attribute == 1 else f"attribute {attribute}")


def access_text(entry: ObjectEntry) -> str:
    """Attributes and methods with what this client may do: ``2 r, 3 rw; m1 x``."""
    letters = {0: "-", 1: "r", 2: "w", 3: "rw"}
    attributes = ", ".join(f"{key} {letters[int(access.mode)]}" for key, access in entry.attributes.items())
    methods = ", ".join(f"m{key} x" for key, allowed in entry.methods.items() if allowed)
    return "; ".join(filter(None, (attributes, methods)))


def entry_dict(entry: ObjectEntry) -> dict[str, object]:
    """An object for JSON."""
    known = entry.interface_class
    return {
        "class": entry.class_id,
        "version": entry.version,
        "name": known.name if known else None,
        "logical_name": short(entry.name),
        "attributes": [
            {"id": key, "name": quantity_of(entry.class_id, key), "access": access.mode.name.lower().replace("_", "-")}
            for key, access in entry.attributes.items()
        ],
        "methods": [key for key, allowed in entry.methods.items() if allowed],
    }


def value_reading(
    point: str, class_id: int, code: bytes, data: Data | Result, scale: tuple[int, Unit] | None, time: datetime
) -> Reading:
    """The value of an object as a reading. A number without scaler is taken as it is."""
    quantity, obis = quantity_of(class_id, VALUES[class_id][0]), str(Obis.from_bytes(code))
    if isinstance(data, Result):
        return refused_reading(point, quantity, obis, data, time)
    if class_id == CLOCK.id and data.tag in _TIMES:
        return _moment(point, quantity, obis, data, time)
    scaler, unit = scale or (0, NONE)
    if data.tag not in INTEGERS or not isinstance(data.value, int):
        return Reading(point, quantity, plain(data), unit.symbol, obis, Quality.GOOD, time, raw(data))
    try:
        value = scaled(data.value, scaler).decimal
    except FrameError:
        return Reading(point, quantity, None, unit.symbol, obis, Quality.INVALID, time, raw(data))
    return Reading(point, quantity, value, unit.symbol, obis, Quality.GOOD, time, raw(data))


def raw_reading(point: str, attribute: Attribute, data: Data | Result, time: datetime) -> Reading:
    """One attribute as it was sent."""
    quantity, obis = quantity_of(attribute.class_id, attribute.attribute_id), str(Obis.from_bytes(attribute.name))
    if isinstance(data, Result):
        return refused_reading(point, quantity, obis, data, time)
    return Reading(point, quantity, plain(data), "", obis, Quality.GOOD, time, raw(data))


def refused_reading(point: str, quantity: str, obis: str, result: Result, time: datetime) -> Reading:
    """What a meter refuses: it does not have it, or cannot tell it now."""
    quality = Quality.INVALID if result in (Result.TEMPORARY_FAILURE, Result.HARDWARE_FAULT) else Quality.MISSING
    return Reading(point, quantity, None, "", obis, quality, time, result.text)


def plain(data: Data) -> Decimal | str | bytes | None:
    """Data as the value of a reading: numbers exact, bytes that are ASCII as text, arrays and structures as JSON."""
    value = data.value
    if isinstance(value, bool | int | float):
        return Decimal(str(float(value))) if isinstance(value, float) else Decimal(int(value))
    if isinstance(value, bytes):
        return value.decode("ascii") if is_text(value) else value
    if isinstance(value, tuple):
        return json.dumps(_listed(data.plain))
    return value


def raw(data: Data) -> int | str:
    """What lay on the wire: the number, else the bytes with their type."""
    if data.tag in INTEGERS and isinstance(data.value, int):
        return data.value
    return data.encode().hex()


def _listed(value: Plain) -> object:
    if isinstance(value, list):
        return [_listed(item) for item in value]
    return value.hex() if isinstance(value, bytes) else value


def _moment(point: str, quantity: str, obis: str, data: Data, time: datetime) -> Reading:
    value, quality = None, Quality.INVALID
    if isinstance(data.value, bytes):
        try:
            moment = DateTime.decode(data.value)
        except FrameError:
            moment = None
        found = None if moment is None else moment.to_datetime()
        if found is not None:
            value, quality = found.isoformat(), Quality.GOOD
    return Reading(point, quantity, value, "", obis, quality, time, raw(data))
