"""Pulse outputs: the test LED and S0, counted from the energy register (bsm.md section 22, manual 9.3 and 9.4).

A pulse stands for a fixed energy, so the number given out is the register with its hidden digits divided by that
energy. Below the start threshold no energy is counted, hence no pulse comes.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class PulseOutput:
    """One output. ``per_kwh`` is the pulse constant, ``duration_ms`` the length of a pulse (``None``: not stated)."""

    name: str
    per_kwh: int
    duration_ms: int | None = None

    def count(self, energy_wh: Fraction | int) -> int:
        """Pulses since the register was 0, for an energy in Wh with hidden digits.

        >>> S0.count(Fraction(199, 10)), LED.count(1)
        (1, 10)
        """
        return int(Fraction(energy_wh) * self.per_kwh / 1000)

    def between(self, before_wh: Fraction | int, after_wh: Fraction | int) -> int:
        """Pulses while the register went from one energy (Wh) to a later one."""
        return self.count(after_wh) - self.count(before_wh)

    def interval(self, power_w: Fraction | int) -> Fraction | None:
        """Meter seconds from pulse to pulse at a constant power in W; ``None`` without load or with reversed power."""
        return Fraction(3_600_000, self.per_kwh) / power_w if power_w > 0 else None


LED = PulseOutput("test LED", 10_000, 2)
S0 = PulseOutput("S0", 100)
