"""What REST shows as readings: the registers' names where a value is the same quantity, else RESOURCE.KEY.

A number counts a unit of its own, such as tenths of a volt; the row says how many raw units of the register one step
is, so the value is exact. Source: specification, section 7; DEC-35, DEC-36, DEC-39.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from wattproof.errors import ProtocolError, UnknownName
from wattproof.meters.dmed4.enums import ERROR_1_NAMES, ERROR_2_NAMES, FLAG_ALIASES, SIGNATURE_NAMES
from wattproof.meters.dmed4.points import MAP
from wattproof.meters.dmed4.resources import (
    CHARGE_SETTINGS,
    CHARGE_STATUS,
    LOG_INFO,
    MEASURE,
    SYSTEM_STATUS,
    Field,
    Resource,
    Shape,
)
from wattproof.model.quantities import Kind, Quantity
from wattproof.model.readings import Reading
from wattproof.model.values import Quality, to_decimal
from wattproof.wire.modbus.bindings import BoundPoint, symbol_text
from wattproof.wire.modbus.types import Blob

#: Resources whose GET gives values without a login.
SHOWN = (MEASURE, CHARGE_STATUS, CHARGE_SETTINGS, LOG_INFO, SYSTEM_STATUS)
#: Those of a read without points.
OVERVIEW = (MEASURE, CHARGE_STATUS)
#: A temperature sensor that is broken (15.3).
BROKEN_SENSOR = -32768
_BITS = {"signature_status": SIGNATURE_NAMES, "error_1": ERROR_1_NAMES, "error_2": ERROR_2_NAMES}


@dataclass(frozen=True, slots=True)
class Shown:
    """One value of a resource under the name by which it is read."""

    resource: Resource
    field: Field
    path: str
    bound: BoundPoint | None

    @property
    def names(self) -> Iterator[str]:
        """Everything it is found by: its path, the register's bare name, the key of the listing."""
        yield self.path
        yield self.path.partition(".")[2]
        yield self.field.key


def _shown(resource: Resource) -> Iterator[Shown]:
    for field in resource.of("GET"):
        bound = MAP.find(field.point)[0] if field.point else None
        path = bound.path if bound is not None else f"{resource.path.replace('/', '_')}.{field.key}"
        yield Shown(resource, field, path, bound)


VALUES = tuple(value for resource in SHOWN for value in _shown(resource))
_BY_NAME: dict[str, Shown] = {}
for _value in VALUES:
    for _name in _value.names:
        _BY_NAME.setdefault(_name.casefold(), _value)
_BY_GROUP: dict[str, list[Shown]] = {}
for _value in VALUES:
    for _name in (_value.path.partition(".")[0], _value.resource.path.replace("/", "_")):
        if _value not in _BY_GROUP.setdefault(_name.casefold(), []):
            _BY_GROUP[_name.casefold()].append(_value)


def find(names: Iterable[str]) -> list[Shown]:
    """The values that the names mean, each once, in their order; ``all`` means every one.

    Raises :class:`~wattproof.errors.UnknownName`.
    """
    found: dict[str, Shown] = {}
    for name in names:
        folded = name.strip().replace("/", ".").casefold()
        if folded == "all":
            chosen = list(VALUES)
        elif folded in _BY_NAME:
            chosen = [_BY_NAME[folded]]
        elif folded in _BY_GROUP:
            chosen = _BY_GROUP[folded]
        else:
            MAP.find(name)  # says so if there is no such thing at all
            raise UnknownName(f"REST does not show {name}: read it over Modbus, such as dmed4+tcp://192.168.1.1:502")
        found.update((value.path, value) for value in chosen)
    return list(found.values())


def is_shown(name: str) -> bool:
    """Whether REST shows something of this name, in small letters."""
    return name in _BY_NAME


def reading(value: Shown, document: Mapping[str, Any], time: datetime) -> Reading:
    """A value of a resource's answer. A key that is missing is a reading without value."""
    field = value.field
    raw = field_value(document, field)
    quantity = value.bound.point.quantity if value.bound is not None else Quantity(field.key, Kind.STATE)
    shown, quality = (None, Quality.MISSING) if raw is None else _judge(value, raw)
    kept = raw if isinstance(raw, int | str) else None if raw is None else str(raw)
    return Reading(value.path, quantity.name, shown, quantity.unit.symbol, quantity.obis, quality, time, kept)


def field_value(document: Mapping[str, Any], field: Field) -> Any:
    """A key of an answer, also under another spelling of the manual or in another case (DEC-39).

    Numbers come as ``int``: integers, floats without fraction and numeric texts are the same (DEC-35). ``None`` if it
    is missing. Raises :class:`~wattproof.errors.ProtocolError` for a number that is none.
    """
    found = spelt(document, field.key)
    if found is None or field.shape is not Shape.NUMBER:
        return str(found) if field.shape is Shape.STRING and found is not None else found
    return number(found, field.key)


def number(value: Any, key: str) -> int:
    """A number as VM and devices may write it. Raises :class:`~wattproof.errors.ProtocolError`."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    text = value.strip() if isinstance(value, str) else ""
    if text.removeprefix("-").isdecimal() and text.isascii() and len(text) <= 20:
        return int(text)
    raise ProtocolError(f"{key} is {value!r}, which is no whole number")


def spelt(document: Mapping[str, Any], key: str) -> Any:
    """What stands under a key. The exact spelling comes first: ``energy_neg`` and ``energyNeg`` are two keys."""
    if key in document:
        return document[key]
    for name, value in document.items():
        folded = name.casefold()
        if FLAG_ALIASES.get(folded, folded).replace("poisition", "position") == key.casefold():
            return value
    return None


def flags(document: Mapping[str, Any], rows: Iterable[Field]) -> dict[str, bool]:
    """The flags of a board by the names of the listing, whatever their spelling; missing ones are not set."""
    extra = spelt(document, "hw_test_ongoing")
    found = {} if extra is None else {"hw_test_ongoing": bool(number(extra, "hw_test_ongoing"))}
    for row in rows:
        if row.shape is Shape.NUMBER:
            found[row.key] = bool(field_value(document, row) or 0)
    return found


def set_flags(document: Any, field: Field) -> list[str]:
    """Names of the flags that are set in an object of flags, those of an object inside it too."""
    if not isinstance(document, Mapping):
        return []
    names = [name for name, is_set in flags(document, field.fields).items() if is_set]
    for row in field.fields:
        if row.shape is Shape.OBJECT:
            names += set_flags(spelt(document, row.key), row)
    return names


def _judge(value: Shown, raw: Any) -> tuple[Decimal | str | bytes | None, Quality]:
    field, bound = value.field, value.bound
    if field.shape is Shape.OBJECT:
        return ", ".join(set_flags(raw, field)) or "none", Quality.GOOD
    if field.shape is Shape.STRING:
        if bound is not None and isinstance(bound.point.type, Blob):
            try:
                return bytes.fromhex(raw), Quality.GOOD
            except ValueError:
                return None, Quality.INVALID
        return raw, Quality.GOOD
    if bound is None:
        return Decimal(raw), Quality.GOOD
    if field.point in _BITS or bound.point.symbols is not None:
        return symbol_text(bound.point, raw), Quality.GOOD
    if raw == BROKEN_SENSOR and field.point.startswith("temp_"):
        return None, Quality.MISSING
    scale = bound.point.scale if isinstance(bound.point.scale, int) else 0
    return to_decimal(raw, scale + len(str(field.step)) - 1), Quality.GOOD
