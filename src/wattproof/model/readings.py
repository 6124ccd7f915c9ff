"""A reading: what a meter said about one point at one time."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from wattproof.model.values import Quality


class Reading(NamedTuple):
    """One value of one point.

    ``value`` is in ``unit``: an exact number, a text, bytes, or ``None`` where there is none; ``quality`` says why.
    ``raw`` is what lay on the wire, before scale and meaning (bytes as hexadecimal text). ``time`` is aware.
    """

    point: str
    quantity: str
    value: Decimal | str | bytes | None
    unit: str
    obis: str | None
    quality: Quality
    time: datetime | None
    raw: int | str | None

    def as_dict(self) -> dict[str, object]:
        """For JSON: the value as text (plain digits, no exponent), bytes as hexadecimal, time as ISO 8601."""
        return {
            "point": self.point,
            "quantity": self.quantity,
            "value": value_text(self.value),
            "unit": self.unit,
            "obis": self.obis,
            "quality": self.quality.value,
            "time": None if self.time is None else self.time.isoformat(),
            "raw": self.raw,
        }


def value_text(value: Decimal | str | bytes | None) -> str | None:
    """A value as text: digits without exponent, bytes as hexadecimal, ``None`` as it is."""
    if isinstance(value, Decimal):
        return format(value, "f")
    return value.hex() if isinstance(value, bytes) else value
