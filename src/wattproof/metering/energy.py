"""Energy as exact integers: sums of mW times ms, and the registers that show them (abb-meters.md 3.3).

A sum only grows, by ``power x duration`` over stretches of constant power, so that one long stretch and many short ones
give the same number. A register shows a sum from some point on, in whole units, and rolls over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

#: mW x ms in a watt hour.
WATT_HOUR = 3_600_000_000
#: mW x ms in 10 Wh, what the last digit of a register of 0.01 kWh stands for.
UNIT = 10 * WATT_HOUR
#: Where such a register goes back to 0.
MODULUS = 10**12

#: A power of each sum that is not 0: (number of the sum, rate per ms).
Rates = tuple[tuple[int, int], ...]


def grow(sums: list[int], rates: Rates, duration: int) -> None:
    """Add a stretch of constant rates, ``duration`` ms long."""
    for number, rate in rates:
        sums[number] += rate * duration


@dataclass(slots=True)
class Register:
    """Shows a sum that grows, in whole units: ``offset`` is added to it, ``resets`` counts how often it was cleared."""

    offset: int = 0
    resets: int = 0

    def content(self, total: int) -> int:
        """What it holds, in units of the sum."""
        return total + self.offset

    def read(self, total: int, unit: int = UNIT, modulus: int = MODULUS) -> int:
        """What it shows."""
        return (total + self.offset) // unit % modulus

    def clear(self, total: int) -> None:
        """Back to 0."""
        self.offset = -total
        self.resets = (self.resets + 1) & 0xFFFFFFFF

    def put(self, total: int, content: int) -> None:
        """Holds ``content`` from now on."""
        self.offset = content - total


@dataclass(slots=True)
class TariffRegisters:
    """The same sums, booked to the tariff that was active meanwhile.

    ``closed[k][t]`` is what tariff t + 1 had of sum k before ``since[k]``, the sum at the last change;
    ``offsets[k][t]`` what its register holds beside it.
    """

    sums: int
    tariffs: int = 4
    active: int = 1
    since: list[int] = field(init=False)
    closed: list[list[int]] = field(init=False)
    offsets: list[list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.since = [0] * self.sums
        self.closed, self.offsets = ([[0] * self.tariffs for _ in range(self.sums)] for _ in range(2))

    def switch(self, totals: Sequence[int], tariff: int) -> None:
        """Another tariff from now on; ``totals`` are the sums at this moment."""
        for number, total in enumerate(totals):
            self.closed[number][self.active - 1] += total - self.since[number]
            self.since[number] = total
        self.active = tariff

    def grown(self, number: int, tariff: int, total: int) -> int:
        """What a tariff has been given of a sum that stands at ``total`` now."""
        held = self.closed[number][tariff - 1]
        return held + total - self.since[number] if tariff == self.active else held

    def content(self, number: int, tariff: int, total: int) -> int:
        """What the register of a tariff holds of it."""
        return self.grown(number, tariff, total) + self.offsets[number][tariff - 1]

    def read(self, number: int, tariff: int, total: int, unit: int = UNIT, modulus: int = MODULUS) -> int:
        """What a tariff register shows."""
        return self.content(number, tariff, total) // unit % modulus

    def put(self, totals: Sequence[int], content: int) -> None:
        """All hold ``content`` from now on."""
        self.offsets = [
            [content - self.grown(number, tariff, total) for tariff in range(1, self.tariffs + 1)]
            for number, total in enumerate(totals)
        ]

    def add(self, number: int, amount: int) -> None:
        """The active tariff jumps by ``amount``."""
        self.offsets[number][self.active - 1] += amount

    def save(self) -> dict[str, Any]:
        """Plain data of everything."""
        return {
            "active": self.active,
            "since": list(self.since),
            "closed": [list(row) for row in self.closed],
            "offsets": [list(row) for row in self.offsets],
        }

    def restore(self, data: dict[str, Any]) -> None:
        """As :meth:`save` left it."""
        self.active = data["active"]
        self.since = list(data["since"])
        self.closed = [list(row) for row in data["closed"]]
        self.offsets = [list(row) for row in data["offsets"]]
