"""What a meter keeps: everything that it has counted, recorded and been told, as plain data (A-176)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from wattproof.metering.clock import Clock

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
    body.ports.advance(body.measured, body.at)
    data: dict[str, Any] = {name: getattr(body, name) for name in FIELDS}
    data |= {name: getattr(body, name).save() for name in PARTS}
    data["clock"] = body.clock.save()
    data["access"], data["password"] = int(body.access), body.password.hex()
    data["voltage"], data["current"] = list(body.supply.wiring.voltage), list(body.supply.wiring.current)
    data["since"] = body.supply.since
    return data


def restore(body: Body, data: Mapping[str, Any]) -> None:
    """As :func:`save` left it; the source and what is wrong with it are those of now.

    Raises ``KeyError``, ``ValueError`` or ``TypeError`` for data of another kind.
    """
    from wattproof.meters.abb.virtual.body import Access

    for name in FIELDS:
        setattr(body, name, data[name])
    for name in PARTS:
        getattr(body, name).restore(data[name])
    body.clock = Clock.restore(data["clock"])
    body.access, body.password = Access(data["access"]), bytes.fromhex(data["password"])
    (a, b), (c, d) = data["voltage"], data["current"]
    body.supply.wiring = body.supply.wiring._replace(voltage=(a, b), current=(c, d))
    body.supply.since = data["since"]
    body.measured, body._rates = None, ()
    if body.supplied:
        orders = body.orders
        body.turn()
        body.orders = orders
    body.plan()
