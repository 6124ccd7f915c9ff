"""What is measured or set, apart from where it lies on a wire."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from wattproof.model.units import NONE, Unit


class Kind(StrEnum):
    """How a quantity behaves over time."""

    GAUGE = "gauge"  # goes up and down: power, voltage
    COUNTER = "counter"  # only grows, until it rolls over: energy
    STATE = "state"  # one of few values, or a set of flags
    SETTING = "setting"  # what the owner chose: address, baud rate, metadata
    TEXT = "text"
    BLOB = "blob"  # bytes without a number's meaning: key, signature
    TIME = "time"  # a moment or a count of seconds


@dataclass(frozen=True, slots=True)
class Quantity:
    """One quantity. ``obis`` is the written code; ``phase`` is "L1", "L2", "L3", "L1-L2" or ``None`` for the sum."""

    name: str
    kind: Kind
    unit: Unit = NONE
    obis: str | None = None
    phase: str | None = None
    description: str = ""
