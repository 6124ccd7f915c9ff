"""What an engine is told about its meter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from wattproof.gateway.engines.scales import (
    ACTIVE_POWER,
    APPARENT_EXPORT,
    APPARENT_IMPORT,
    APPARENT_POWER,
    COUNTERS,
    GAUGES,
    REACTIVE_EXPORT,
    REACTIVE_IMPORT,
    REACTIVE_POWER,
)

#: How far a reading may lie from the moment it is taken for, ms: usually, and on M-Bus (10.3).
REACH, MBUS_REACH = 5_000, 60_000
#: How long a reading may be under way from the meter to here, ms; longer on M-Bus.
DELIVERY = 2_000
#: How long a gauge is taken to stand at its last value, ms, beyond twice the reach.
HOLD = 60_000


@dataclass(frozen=True)
class Facts:
    """One meter.

    :param quantities: ids of what it gives itself.
    :param reach: how far a reading may lie from the end of an interval, ms.
    :param moduli: where its counters roll over, in thousandths of their base unit (energies) or in pulses.
    :param most: the most power that it can count, W, ``None`` if unknown.
    :param integrate: integrate power to the reactive and apparent energies that it lacks (10.4).
    :param recorded: it keeps a load profile of its own, which is asked after a gap before anything is estimated.
    """

    serial: str
    quantities: frozenset[int]
    reach: int = REACH
    moduli: Mapping[int, int] = field(default_factory=dict)
    most: int | None = None
    integrate: bool = False
    recorded: bool = False

    @property
    def patience(self) -> int:
        """How long after a moment a reading of it, or near it, may still be delivered, ms."""
        return self.reach + max(DELIVERY, self.reach // 6)

    @property
    def hold(self) -> int:
        """How long a gauge is taken to stand at its last value, ms."""
        return HOLD + 2 * self.reach

    @property
    def integrated(self) -> frozenset[int]:
        """Energies that are integrated from power."""
        if not self.integrate:
            return frozenset()
        found: set[int] = set()
        if REACTIVE_POWER in self.quantities:
            found |= {REACTIVE_IMPORT, REACTIVE_EXPORT}
        if {APPARENT_POWER, ACTIVE_POWER} <= self.quantities:
            found |= {APPARENT_IMPORT, APPARENT_EXPORT}
        return frozenset(found) - self.quantities

    @property
    def counters(self) -> frozenset[int]:
        """Everything that only grows."""
        return (self.quantities & COUNTERS) | self.integrated

    @property
    def gauges(self) -> frozenset[int]:
        """Everything that can be averaged."""
        return self.quantities & GAUGES
