"""What a virtual ABB meter keeps over power loss, and how it is written down (abb-meters.md 3.7, A-176).

A checkpoint is one line of JSON with exact integers: the body as it saves itself, and what belongs to its links.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from wattproof.errors import StorageError

VERSION = 1


@dataclass(frozen=True, slots=True)
class Durable:
    """One checkpoint. ``wall``: the UTC Unix second of the machine, ``None`` where that is not known; ``rate``: of the
    M-Bus line in bit/s."""

    serial: str
    variant: str
    wall: float | None
    address: int
    hdlc_address: int
    record_status: int
    rate: int
    body: Mapping[str, Any]

    def encode(self) -> bytes:
        fields: dict[str, Any] = {"version": VERSION}
        fields.update((name, getattr(self, name)) for name in self.__slots__)
        return json.dumps(fields, separators=(",", ":"), ensure_ascii=True).encode("ascii")


_NUMBERS = {"address": 250, "hdlc_address": 0x3FFF, "record_status": 2, "rate": 38_400}


def decode(data: bytes) -> Durable:
    """A checkpoint read back. Raises ``StorageError`` if it is none, or of another version."""
    try:
        fields = json.loads(data)
        if fields.pop("version") != VERSION:
            raise StorageError("the state directory was written by another version of Wattproof: use a new directory")
        durable = Durable(**fields)
        numbers = all(
            type(number) is int and 0 <= number <= most
            for number, most in ((getattr(durable, name), most) for name, most in _NUMBERS.items())
        )
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise StorageError("the state directory holds no state of an ABB meter: use another one") from None
    texts = isinstance(durable.serial, str) and isinstance(durable.variant, str)
    if not (numbers and texts and isinstance(durable.body, dict)):
        raise damaged()
    return durable


def damaged() -> StorageError:
    """What a state that cannot be taken over raises."""
    return StorageError("the state directory holds a damaged state of an ABB meter: use another one")
