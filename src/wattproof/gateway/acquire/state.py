"""How the gateway is: buses, meters, memory (the status object of g13-api.md 8.7, metrics, the page of buses)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wattproof.drivers.schedule import UnitState
from wattproof.gateway.acquire.buses import Runner
from wattproof.gateway.acquire.fleet import BusLanes, Fleet
from wattproof.gateway.acquire.presence import Status
from wattproof.gateway.acquire.scanning import RUNNING, Scanning
from wattproof.gateway.acquire.site import Site
from wattproof.gateway.acquire.stations import Station
from wattproof.io.hostclock import synchronised

SECOND = 10**9


def state(site: Site, fleet: Fleet, scanning: Scanning, started: int, busy: Iterable[str]) -> dict[str, Any]:
    """Plain data."""
    stations = list(fleet.stations.values())
    return {
        "buses": [_bus(lanes, stations) for lanes in fleet.buses.values()],
        "meters": [_meter(station) for station in stations],
        "awaited": [asdict(one) for one in fleet.awaited.values()],
        "uptime_s": (site.clock.now() - started) / SECOND,
        "busy": sorted({*busy, *(["scan"] if scanning.state == RUNNING else [])}),
        "memory": memory(),
        "synchronised": synchronised(),
        "storage": {
            "failure": site.ledger.failure,
            "waiting": site.ledger.waiting,
            "lost": site.ledger.lost,
        },
    }


def _bus(lanes: BusLanes, stations: Iterable[Station]) -> dict[str, Any]:
    runners = lanes.runners
    here = [station for station in stations if station.runner in runners]
    online = sum(station.presence.status is Status.ONLINE for station in here)
    stretch = max(runner.load.stretch for runner in runners)
    word = "ok" if stretch <= 1 else "stretched"
    if here and all(station.presence.is_offline for station in here):
        word = "offline"
    return {
        "name": lanes.config.name,
        "url": lanes.url.place,
        "state": word,
        "meters": len(here),
        "online": online,
        "queue": sum(runner.queue for runner in runners),
        "stretch": round(stretch, 3),
        "load": round(max(runner.load.share for runner in runners), 4),
        "late_s": round(max(runner.statistics.late for runner in runners), 3),
        **{name: _sum(runners, name) for name in ("polls", "commands", "refused", "mistakes")},
        "busy_s": round(sum(runner.statistics.busy for runner in runners), 3),
    }


def _sum(runners: Iterable[Runner], name: str) -> int:
    return sum(getattr(runner.statistics, name) for runner in runners)


def _meter(station: Station) -> dict[str, Any]:
    counted: Mapping[Any, UnitState] = station.runner.line.statistics
    unit = counted.get(station.runner.line.key(station.record.place))
    statistics = station.statistics
    row: dict[str, Any] = {
        "serial": station.serial,
        "bus": station.runner.name,
        "status": int(station.presence.status),
        "polls": statistics.polls,
        "failures": statistics.failures,
        "shared": statistics.shared,
        "skipped": sum(poll.skipped for poll in station.polls),
        "last_s": round(statistics.seconds, 4),
        "error": statistics.error,
    }
    if unit is not None:
        row |= {
            "requests": unit.requests,
            "answers": unit.answers,
            "refusals": unit.refusals,
            "timeouts": unit.timeouts,
            "damaged": unit.damaged,
            "retries": unit.retries,
        }
    return row


def memory() -> int | None:
    """Resident bytes of this process, ``None`` where the system does not tell (proc(5), ``statm``)."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")
