"""Exact numbers: an integer mantissa and a decimal exponent, and how far they can be trusted."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from wattproof.errors import InvalidValue

#: Larger exponents are no measurement but an attack on memory.
EXPONENT_LIMIT = 400


class Quality(StrEnum):
    """How far a value can be trusted."""

    GOOD = "good"
    ESTIMATED = "estimated"  # computed or interpolated, not measured
    INVALID = "invalid"  # the device gave something that is no value of this quantity
    MISSING = "missing"  # the device says that it has none, or was not asked


@dataclass(frozen=True, slots=True)
class Scaled:
    """``mantissa`` x 10 ** ``exponent``, exactly. Equality compares the pair; compare ``decimal`` for the number."""

    mantissa: int
    exponent: int = 0

    def __post_init__(self) -> None:
        if not -EXPONENT_LIMIT <= self.exponent <= EXPONENT_LIMIT:
            raise InvalidValue(f"exponent {self.exponent} is beyond {EXPONENT_LIMIT} decimal places")

    @classmethod
    def of(cls, number: Decimal | int | str) -> Scaled:
        """Mantissa and exponent of a finite decimal number as written. Raises ``InvalidValue``."""
        try:
            value = Decimal(number)
        except ArithmeticError:
            raise InvalidValue(f"{number!r} is not a decimal number") from None
        sign, digits, exponent = value.as_tuple()
        if not isinstance(exponent, int):
            raise InvalidValue(f"{number!r} is not a finite number")
        mantissa = int("".join(map(str, digits)))
        return cls(-mantissa if sign else mantissa, exponent)

    @property
    def decimal(self) -> Decimal:
        """The number as ``Decimal``, unrounded whatever the decimal context says."""
        return to_decimal(self.mantissa, self.exponent)

    def at(self, exponent: int) -> Scaled:
        """The same number with another exponent. Raises ``InvalidValue`` where digits would be lost."""
        step = self.exponent - exponent
        if abs(step) > 2 * EXPONENT_LIMIT:
            raise InvalidValue(f"exponent {exponent} is beyond {EXPONENT_LIMIT} decimal places")
        if step >= 0:
            return Scaled(self.mantissa * 10**step, exponent)
        mantissa, lost = divmod(self.mantissa, 10**-step)
        if lost:
            raise InvalidValue(f"{self} has more digits than steps of 10^{exponent} can hold")
        return Scaled(mantissa, exponent)

    def __str__(self) -> str:
        return format(self.decimal, "f")


def to_decimal(mantissa: int, exponent: int) -> Decimal:
    """``mantissa`` x 10 ** ``exponent`` as ``Decimal`` without rounding."""
    if exponent == 0:
        return Decimal(mantissa)
    return Decimal(f"{mantissa}E{exponent}")
