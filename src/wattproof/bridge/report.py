"""What a proxy has counted, as one object for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wattproof.bridge.counts import Counts
from wattproof.bridge.faults import FAULTS
from wattproof.virtual.faults import shown

if TYPE_CHECKING:
    from wattproof.bridge.proxy import Proxy
    from wattproof.drivers.schedule import UnitState


def statistics(proxy: Proxy) -> dict[str, object]:
    """Keys: ``units`` (what masters asked of each, and under ``line`` what went over the line), ``clients`` that are
    there, ``departed`` ones by host, ``total``, ``faults`` in force."""
    line = proxy.bus.statistics
    now = proxy.bus.clock.now()
    total = Counts()
    for counts in proxy.units.values():
        total.add(counts)
    return {
        "total": total.as_dict(),
        "units": {
            str(unit): {**proxy.units[unit].as_dict(), "line": _line(line[unit], now) if unit in line else None}
            for unit in sorted(proxy.units)
        },
        "clients": {client.name: client.counts.as_dict() for client in proxy.clients},
        "departed": {host: counts.as_dict() for host, counts in proxy.departed.items().items()},
        "faults": {name: shown(proxy.faults.active[name]) for name in FAULTS.by_name if name in proxy.faults.active},
    }


def _line(state: UnitState, now: int) -> dict[str, object]:
    """What is known of a unit. ``resting``: seconds until it is probed, 0 while it is healthy or due;
    ``last_answer``: seconds ago, ``None`` for never."""
    until = state.resting_until
    return {
        "requests": state.requests,
        "answers": state.answers,
        "timeouts": state.timeouts,
        "damaged": state.damaged,
        "retries": state.retries,
        "shared": state.shared,
        "declined": state.declined,
        "healthy": state.is_healthy,
        "resting": 0.0 if until is None else round(max(0, until - now) / 1e9, 3),
        "last_answer": None if state.last_answer is None else round((now - state.last_answer) / 1e9, 3),
    }
