"""Rounding of whole numbers."""

from __future__ import annotations


def nearest(value: int, divisor: int) -> int:
    """``value / divisor``, rounded half away from zero; ``divisor`` is positive.

    >>> nearest(15, 10), nearest(-15, 10), nearest(14, 10)
    (2, -2, 1)
    """
    if value < 0:
        return -((divisor - 2 * value) // (2 * divisor))
    return (2 * value + divisor) // (2 * divisor)
