"""What a meter keeps: everything that it has counted, recorded and been told, as plain data (A-176)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wattproof.metering.clock import Clock
from wattproof.meters.abb.virtual.electrics import Wiring

if TYPE_CHECKING:
    from wattproof.meters.abb.virtual.body import Body

#: Parts that save and restore themselves.
PARTS = ("registers", "ports", "recorder", "tariffing", "watch", "image")
#: Plain numbers and texts of the body.
FIELDS = (
    "at", "firmware", "off_at", "orders", "outage", "power_at", "power_fails", "ready_at", "serial", "time_zone",
)  # fmt: skip


def save(body: Body) -> dict[str, Any]:
    """Plain data of everything. The same state gives the same data, whatever way led to it."""
    if body.supplied:
        body.ports.advance(body.measured, body.at)
    wiring = body.supply.wiring
    data: dict[str, Any] = {name: getattr(body, name) for name in FIELDS}
    data |= {name: getattr(body, name).save() for name in PARTS}
    data["clock"] = body.clock.save()
    data["access"], data["password"] = int(body.access), body.password.hex()
    data["wiring"] = [*wiring[:1], list(wiring.voltage), list(wiring.current), *wiring[3:6], wiring.harmonics]
    data["since"], data["noise"] = body.supply.since, body.supply.noise
    return data


def restore(body: Body, data: Mapping[str, Any]) -> None:
    """As :func:`save` left it. Raises ``KeyError``, ``ValueError`` or ``TypeError`` for data of another kind."""
    from wattproof.meters.abb.virtual.body import Access

    for name in FIELDS:
        setattr(body, name, data[name])
    for name in PARTS:
        getattr(body, name).restore(data[name])
    body.clock = Clock.restore(data["clock"])
    body.access, body.password = Access(data["access"]), bytes.fromhex(data["password"])
    phases, voltage, current, turned, lost, frequency, harmonics = data["wiring"]
    parts = tuple(tuple(orders) for orders in harmonics)
    ratios = (voltage[0], voltage[1]), (current[0], current[1])
    body.supply.wiring = Wiring(phases, *ratios, turned, lost, frequency, parts)
    body.supply.since, body.supply.noise = data["since"], data["noise"]
    body.measured, body._rates = None, ()
    if body.supplied:
        orders = body.orders
        body.turn()
        body.orders = orders
    body.plan()
