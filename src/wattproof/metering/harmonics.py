"""Harmonics in parts of a thousand of the fundamental, and their sum (abb-meters.md 3.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isqrt

#: The orders that are measured; an array begins with order 1, the fundamental itself (AD-22).
ORDERS = range(2, 17)
WHOLE = 1000
#: The largest value of a register.
MOST = 0xFFFF


def root(square: int) -> int:
    """The square root of a whole number, rounded to the nearest one.

    >>> root(6), root(7), root(10**20)
    (2, 3, 10000000000)
    """
    return (isqrt(4 * square) + 1) // 2


def distortion(orders: Iterable[int]) -> int:
    """Total harmonic distortion, 0.1 %, of the orders from 2 on.

    >>> distortion([30, 40])
    50
    """
    return min(root(sum(order * order for order in orders)), MOST)


def spectrum(orders: Sequence[int]) -> tuple[int, ...]:
    """The array that a meter shows: order 1 first, 16 numbers of 0.1 %."""
    return (WHOLE, *orders, *(0,) * (len(ORDERS) - len(orders)))
