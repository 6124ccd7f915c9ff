"""The electrical side of one virtual DMED4: what the charger's switch lets through and what the meter counts of it."""

from __future__ import annotations

from wattproof.virtual.base import NEVER
from wattproof.virtual.dc import WATT_HOUR, Counters, Load, Segment
from wattproof.virtual.physics import crossing

#: Where the totals roll over: 100 000 000 kWh (8.7), in Wh.
LIMIT = 10**11
#: The same in the units of energy.
ROUND = LIMIT * WATT_HOUR
DEAD = Segment(0, 0)


class Electrics:
    """``advance`` counts until an instant; ``settle`` finds out what flows from then on.

    ``boundary``: when that changes by itself, or a total rolls over.

    ``charging``: the charger's switch is closed; ``counting``: a cycle is open, whose energies count.

    :param amperes: nominal current of the model, which limits what the load draws.
    :param reverse: whether the model counts exports (DEC-03).
    :param follows: whether current flows only in a charge cycle, as behind the switch of a charger (14.4).
    """

    __slots__ = (
        "amperes",
        "at",
        "boundary",
        "charging",
        "counters",
        "counting",
        "delivered",
        "draw",
        "follows",
        "load",
        "plugged",
        "segment",
        "since",
        "supplied",
    )

    def __init__(self, now: int, load: Load, amperes: int, *, follows: bool, reverse: bool = True) -> None:
        self.at = self.since = now
        self.load = load
        self.amperes = amperes
        self.follows = follows
        self.plugged = True
        self.supplied = True
        self.charging = False
        self.counting = False
        self.delivered = 0
        self.draw = 0
        self.boundary = NEVER
        self.counters = Counters(now, reverse)
        self.segment = DEAD

    def advance(self, now: int) -> None:
        """Count the energy until ``now``; nothing may have changed since the last ``settle``."""
        self.counters.integrate(now)
        self.delivered += self.draw * (now - self.at)
        self.at = now

    def settle(self, *, turned: bool, blind: bool) -> None:
        """What flows from ``self.at`` on. ``turned``: the current is reversed; ``blind``: nothing is measured."""
        counters = self.counters
        segment = DEAD
        self.boundary = NEVER
        if self.supplied:
            elapsed = self.at - self.since
            segment = self.load.segment(elapsed, self.delivered).limited(self.amperes)
            if not self.plugged or (self.follows and not self.charging):
                segment = segment.idle
            self.boundary = self.since + self.load.next_time(elapsed)
        self.draw = abs(segment.power)
        if self.draw:
            ends = self.load.next_energy(self.delivered)
            if ends != NEVER:
                self.boundary = min(self.boundary, self.at + crossing(ends - self.delivered, self.draw))
        self.segment = segment.turned if turned else segment
        counters.power = 0 if blind else self.segment.power
        counters.charging = self.counting
        counters.supplied = self.supplied
        if counters.power:
            total = counters.imported if counters.power > 0 else counters.exported
            self.boundary = min(self.boundary, self.at + crossing(ROUND - total % ROUND, abs(counters.power)))

    def begin_cycle(self) -> None:
        """A new cycle: its energies are 0, and the load begins anew.

        The hidden part of a watt hour is kept, so that the cycle's energy is always the difference of the totals.
        """
        counters = self.counters
        counters.cycle, counters.cycle_export = counters.imported % WATT_HOUR, counters.exported % WATT_HOUR
        self.since, self.delivered = self.at, 0

    def plug(self, present: bool) -> None:
        """The car comes (its curve begins at 0) or goes."""
        self.plugged = present
        if present:
            self.since, self.delivered = self.at, 0

    def hang(self, load: Load) -> None:
        """Another load from now on."""
        self.load = load
        self.since, self.delivered = self.at, 0
