"""What can be recorded, as #29 lists it (g13-api.md 4.2)."""

from __future__ import annotations

from wattproof.gateway.engines.scales import COUNTERS

#: Columns of previous values (``pv``).
KEPT = frozenset({*range(1, 13), 21, 22, *range(51, 55), 113, 122, *range(171, 175)})
#: Channels of a load profile (``lp``).
PROFILED = frozenset(
    {*range(1, 9), *range(21, 29), *range(33, 41), *range(51, 55), 113, 122, *range(69, 83), *range(179, 189)}
)
#: Demand (``dm``): the list that survives begins at 51; energies belong to it, as the examples show.
DEMANDED = frozenset({*range(51, 71), 72, 73, 75, 76, *range(78, 82), *range(93, 105)}) | COUNTERS
#: Alarms (``ac``).
ALARMED = frozenset({*range(59, 83), *range(93, 105)})
