"""What a BSM keeps over power loss (section 18), and how it is written down.

A checkpoint is one line of JSON with exact integers; energies hold all their hidden digits.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from wattproof.errors import StorageError
from wattproof.meters.bsm.enums import DEFAULT_BAUD_RATE, DEFAULT_UNIT
from wattproof.meters.bsm.virtual.timekeeping import NO_EPOCH

VERSION = 1


@dataclass(slots=True)
class Counters:
    """Counters and settings of the communication module.

    ``reserved`` is the highest response counter that anything may have been signed with.
    """

    power_downs: int = 0
    response: int = 0
    reserved: int = 0
    unit: int = DEFAULT_UNIT
    baudrate: int = DEFAULT_BAUD_RATE
    language: str = "en"


@dataclass(frozen=True, slots=True)
class Durable:
    """One checkpoint. ``key``: the private scalar, only of keys that were given."""

    serial: str
    key: int | None
    total: int
    resettable: int
    os: int
    power_downs: int
    response: int
    reserved: int
    settings: int
    setting_os: int
    unit: int
    baudrate: int
    language: str

    def encode(self) -> bytes:
        fields: dict[str, Any] = {"version": VERSION}
        fields.update((name, getattr(self, name)) for name in self.__slots__)
        return json.dumps(fields, separators=(",", ":")).encode("ascii")


#: Fields that are numbers, with what they may be at most.
_NUMBERS = {
    "total": None,
    "resettable": None,
    "os": NO_EPOCH,
    "power_downs": NO_EPOCH,
    "response": NO_EPOCH,
    "reserved": NO_EPOCH,
    "settings": NO_EPOCH,
    "setting_os": NO_EPOCH,
    "unit": 247,
    "baudrate": NO_EPOCH,
}


def decode(data: bytes) -> Durable:
    """A checkpoint read back. Raises ``StorageError`` if it is none, or of a later version."""
    try:
        fields = json.loads(data)
        if fields.pop("version") != VERSION:
            raise StorageError("the state directory was written by another version of Wattproof: use a new directory")
        durable = Durable(**fields)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise StorageError("the state directory holds no state of a BSM: use another one") from None
    numbers = all(
        type(value := getattr(durable, name)) is int and value >= 0 and (most is None or value <= most)
        for name, most in _NUMBERS.items()
    )
    texts = isinstance(durable.serial, str) and durable.language in ("en", "de")
    key = durable.key is None or (type(durable.key) is int and durable.key > 0)
    if not (numbers and texts and key):
        raise StorageError("the state directory holds a damaged state of a BSM: use another one")
    return durable
