"""The electrical side of one virtual BSM: supply, load, contactor and what the meter measures of them."""

from __future__ import annotations

import random
from decimal import Decimal
from typing import cast

from wattproof.meters.bsm.virtual.timekeeping import Timekeeping
from wattproof.virtual.base import NEVER
from wattproof.virtual.contactor import Contactor, Stuck
from wattproof.virtual.faults import Faults
from wattproof.virtual.loads import Load
from wattproof.virtual.physics import (
    DEAD,
    WATT_HOUR,
    Energy,
    Segment,
    crossing,
    idle,
    reversed_,
    shaken,
    started,
    three,
    without,
)

#: Where the energy registers roll over: a million kilowatt hours (BD-30).
OVERFLOW = 10**9 * WATT_HOUR
_OFF = three(DEAD, DEAD, DEAD, 0)


class Electrics:
    """``advance`` counts until an instant; ``settle`` finds out what flows from then on."""

    __slots__ = (
        "at",
        "boundary",
        "contactor",
        "delivered",
        "draw",
        "energy",
        "load",
        "load_since",
        "noisy",
        "plugged",
        "seed",
        "segment",
        "supplied",
        "threshold",
    )

    def __init__(self, now: int, load: Load, contactor: Contactor | None, threshold: int, seed: int) -> None:
        self.at = now
        self.load = load
        self.load_since = now
        self.plugged = True
        self.delivered = 0
        self.contactor = contactor
        self.threshold = threshold
        self.seed = seed
        self.supplied = True
        self.energy = Energy(0, 0, OVERFLOW, now)
        self.segment: Segment = _OFF
        self.draw = 0
        self.boundary = NEVER
        self.noisy = False

    @property
    def closed(self) -> bool:
        """Whether the load hangs on the meter."""
        return self.contactor is None or self.contactor.closed

    def advance(self, now: int) -> None:
        """Count the energy until ``now``; nothing may have changed since the last ``settle``."""
        self.energy.integrate(now)
        self.delivered += self.draw * (now - self.at)
        self.at = now

    def settle(self, faults: Faults, clock: Timekeeping) -> bool:
        """What flows from ``self.at`` on; whether that differs from before."""
        now, before = self.at, self.segment
        elapsed = now - self.load_since
        flowing = self.supplied and self.plugged and self.closed
        segment = self.load.segment(elapsed, self.delivered)
        self.boundary = self.load_since + self.load.next_time(elapsed) if self.supplied else NEVER
        if not flowing:
            segment = idle(segment) if self.supplied else _OFF
        lost = faults.get("phase-lost")
        if lost is not None:
            segment = without(segment, cast(int, lost))
        noise = faults.get("noise")
        self.noisy = noise is not None and self.supplied
        if self.noisy:
            segment = shaken(segment, self._deviates(cast(Decimal, noise), clock.os(now)))
        self.draw = sum(abs(one.power) for one in segment.phases)
        if self.draw:
            self._find_boundary(clock)
        if "reverse" in faults:
            segment = reversed_(segment)
        self.segment = started(segment, self.threshold)
        self.energy.run(now, self.segment.power)
        return self.segment != before

    def _find_boundary(self, clock: Timekeeping) -> None:
        limit = self.load.next_energy(self.delivered)
        if limit < NEVER:
            self.boundary = min(self.boundary, self.at + crossing(limit - self.delivered, self.draw))
        if self.noisy:
            self.boundary = min(self.boundary, clock.next_tick(self.at))

    def _deviates(self, percent: Decimal, second: int) -> tuple[float, ...]:
        """Six factors that belong to this second of operation, whatever was asked before."""
        draw = random.Random(self.seed * 0x1_0000_0000 + second)
        return tuple(1 + draw.gauss(0, float(percent) / 100) for _ in range(6))

    def next_event(self) -> int:
        """When something changes by itself."""
        moves = self.contactor.moves_at if self.contactor is not None else NEVER
        return min(self.boundary, moves)

    def plug(self, present: bool) -> None:
        """The car comes (its curve begins at 0) or goes."""
        self.plugged = present
        if present:
            self.delivered = 0

    def hang(self, load: Load) -> None:
        """Another load from now on."""
        self.load = load
        self.load_since = self.at
        self.delivered = 0

    def jam(self, faults: Faults) -> None:
        """Bring the contactor's mechanical faults into force."""
        if self.contactor is None:
            return
        closed, opened = "contactor-stuck-closed" in faults, "contactor-stuck-open" in faults
        stuck = Stuck.CLOSED if closed else Stuck.OPEN if opened else Stuck.NO
        if stuck is not self.contactor.stuck:
            self.contactor.jam(stuck, self.at)
