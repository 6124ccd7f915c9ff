"""Which quantities may be recorded, alarmed, and what the flags of a meter mean (g13-api.md 4, 4.2, 30).

Quantities are known by the ids of section 4; their names, units and OBIS codes are those of the ABB meters.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

#: 30: a flag per quantity; 1 to 200 can be read, 201 to 220 reset, 221 to 241 configured.
FLAGS = 241


def _ids(*parts: int | range) -> tuple[int, ...]:
    return tuple(number for part in parts for number in (part if isinstance(part, range) else (part,)))


#: 29, printed: previous values, load profile, demand, alarms.
STORABLE: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        "pv": _ids(range(1, 13), 21, 22, range(51, 55), 113, 122, range(171, 175)),
        "lp": _ids(range(1, 9), range(21, 29), range(33, 41), range(51, 55), 113, 122, range(69, 83), range(179, 189)),
        "dm": _ids(range(51, 55), range(59, 71), 72, 73, 75, 76, range(78, 82), range(93, 105)),
        "ac": _ids(range(59, 83), range(93, 105)),
    }
)
#: 79: the printed list has lost its head; the example averages energy 1 as power, so the energies that a load profile
#: records belong to it (4.2, inferred).
DEMANDED = frozenset(STORABLE["dm"]) | frozenset(_ids(range(1, 9), range(21, 29), range(33, 41)))
#: 75: 10.3 records the total active power on channel 2 from the start, which the printed list does not name; a client
#: that sends back what it has read must not be refused.
PROFILED = (*STORABLE["lp"], 96)
