"""What an engine is told about its meter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from wattproof.gateway.engines.scales import (
    ACTIVE_POWER,
    APPARENT_EXPORT,
    APPARENT_IMPORT,
    APPARENT_POWER,
    GAUGES,
    REACTIVE_EXPORT,
    REACTIVE_IMPORT,
    REACTIVE_POWER,
    REGISTERS,
    SOURCES,
)

#: How far a reading may lie from the moment it is taken for, ms: usually, and on M-Bus (10.3).
REACH, MBUS_REACH = 5_000, 60_000
#: How long a reading may be under way from the meter to here, ms; longer on M-Bus.
DELIVERY = 2_000
#: How long a gauge is taken to stand at its last value, ms, beyond twice the reach.
HOLD = 60_000
#: The largest step of a counter of energy, thousandths of a Wh.
STEP = 10_000


@dataclass(frozen=True)
class Facts:
    """One meter.

    :param quantities: ids of what it gives itself.
    :param reach: how far a reading may lie from the end of an interval, ms.
    :param moduli: where its counters roll over, in thousandths of their base unit (energies) or in pulses.
    :param most: the most power that it can count, W, ``None`` if unknown.
    :param integrate: integrate power to the reactive and apparent energies that it lacks (10.4).
    :param nominal: nominal voltage of an AC meter, V: its log tells what is wrong with the supply.
    :param transformer: it does not know its transformers: :meth:`MeterEngine.transformed` multiplies (48).
    :param recorded: it keeps a load profile of its own, which is asked after a gap before anything is estimated.
    """

    serial: str
    quantities: frozenset[int]
    reach: int = REACH
    moduli: Mapping[int, int] = field(default_factory=dict)
    most: int | None = None
    integrate: bool = False
    nominal: int | None = None
    transformer: bool = False
    recorded: bool = False

    @cached_property
    def slack(self) -> int:
        """How far a counter of energy may be ahead of the most that it can count, thousandths of a Wh: a reading may
        be late, and a meter shows whole steps."""
        return 1 if self.most is None else self.most * self.patience // 3600 + STEP

    @cached_property
    def patience(self) -> int:
        """How long after a moment a reading of it, or near it, may still be delivered, ms."""
        return self.reach + max(DELIVERY, self.reach // 6)

    @cached_property
    def hold(self) -> int:
        """How long a gauge is taken to stand at its last value, ms."""
        return HOLD + 2 * self.reach

    @cached_property
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

    @cached_property
    def counters(self) -> frozenset[int]:
        """Everything that grows and that it gives or that is integrated."""
        return (self.quantities & REGISTERS) | self.integrated

    @cached_property
    def derived(self) -> frozenset[int]:
        """Registers that are computed from its counters, because it has none itself."""
        counters = self.counters
        return frozenset(id for id, total in SOURCES.items() if total in counters) - self.quantities

    def source(self, id: int) -> int:
        """The counter whose readings a register is made of: its own, if the meter has it."""
        return id if id in self.quantities else SOURCES.get(id, id)

    @cached_property
    def gauges(self) -> frozenset[int]:
        """Everything that can be averaged."""
        return self.quantities & GAUGES
