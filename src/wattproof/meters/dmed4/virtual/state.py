"""What a DMED4 keeps over power loss (8.6), and how it is written down. Its logs lie in a file of their own.

A checkpoint is one line of JSON with exact integers; energies hold all their hidden digits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wattproof.errors import StorageError
from wattproof.meters.dmed4.parameters import PARAMETERS
from wattproof.meters.dmed4.virtual.cycle import Cycle

VERSION = 1
#: Counters of ``dc.Counters`` that are kept.
COUNTERS = ("imported", "exported", "cycle", "cycle_export", "powered", "working")


@dataclass(frozen=True, slots=True)
class Durable:
    """One checkpoint. ``key``: the private scalar, only of keys that were given. ``utc``: the clock in nanoseconds at
    the Unix second ``wall`` of the machine, ``None`` where that is not known."""

    serial: str
    variant: str
    key: int | None
    counters: Mapping[str, int]
    utc: int
    wall: float | None
    offset: int
    progressive: int
    parameters: Mapping[str, int]
    commissioned: bool
    cable_locked: bool
    cable: int
    tariff: int
    cycle: Mapping[str, Any] | None
    last: Mapping[str, Any] | None

    def encode(self) -> bytes:
        fields: dict[str, Any] = {"version": VERSION}
        fields.update((name, getattr(self, name)) for name in self.__slots__)
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def decode(data: bytes) -> Durable:
    """A checkpoint read back. Raises ``StorageError`` if it is none, or of a later version."""
    try:
        fields = json.loads(data)
        if fields.pop("version") != VERSION:
            raise StorageError("the state directory was written by another version of Wattproof: use a new directory")
        durable = Durable(**fields)
        whole = all(_natural(durable.counters[name]) for name in COUNTERS) and _natural(durable.progressive)
        known = {row.id: row for row in PARAMETERS}
        settings = durable.parameters.keys() == known.keys() and all(
            type(value) is int and value in known[name].allowed for name, value in durable.parameters.items()
        )
        cycles = [open_cycle(durable.cycle), open_cycle(durable.last)]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise StorageError("the state directory holds no state of a DMED4: use another one") from None
    key = durable.key is None or (type(durable.key) is int and durable.key > 0)
    if not (whole and settings and key and len(cycles) == 2 and isinstance(durable.serial, str)):
        raise StorageError("the state directory holds a damaged state of a DMED4: use another one")
    return durable


def open_cycle(fields: Mapping[str, Any] | None) -> Cycle | None:
    """A kept cycle, ``None`` without one."""
    return None if fields is None else Cycle.of(dict(fields))


def _natural(value: object) -> bool:
    return type(value) is int and value >= 0
