"""End points of the gateway itself: lights, events, audit log, buses, the scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wattproof.g13.rights import ADMIN
from wattproof.gateway import records
from wattproof.gateway.events import Id
from wattproof.gateway.local import CommandFailed
from wattproof.gateway.serve.modern import shapes
from wattproof.gateway.serve.modern.face import Called, Face, shown
from wattproof.gateway.serve.problems import Problem
from wattproof.gateway.store import chain

#: Protocols of 10.1 behind light B; the others are behind light C.
WIRED = frozenset({1, 2, 3, 6})
#: State of ``acquire`` while it is not there.
AWAY: Mapping[str, Any] = {"buses": [], "meters": [], "uptime_s": 0, "busy": [], "gone": True}


async def health(face: Face, called: Called) -> shapes.Health:
    """Alive."""
    return shapes.Health()


async def _state(face: Face) -> Mapping[str, Any]:
    """The state of ``acquire``, or that it is away."""
    try:
        found: Mapping[str, Any] = await face.local.call("state")
    except CommandFailed:
        return AWAY
    return found


async def status(face: Face, called: Called) -> shapes.Status:
    """Lights, addresses, clock, buses (8.7)."""
    state = await _state(face)
    meters = await face.reader.meters()
    clock = await face.reader.setting("clock", {})
    return shapes.Status(
        leds=leds(state, [(one.protocol, one.status) for one in meters], receiving=face.serving.receiving > 0),
        listen=list(face.listen()),
        allow_network=face.serving.moving.allowed,
        clock=shapes.ClockState(
            offset_ms=int(clock.get("offset_ms", 0)),
            status="set" if clock or state.get("synchronised") else "not set",
        ),
        buses=[
            shapes.BusState(**{name: bus[name] for name in ("name", "state", "meters", "online", "queue")})
            for bus in state["buses"]
        ],
        awaited=[shapes.AwaitedMeter(**one) for one in state.get("awaited", ()) if called.user.may(ADMIN)],
        storage=shapes.Storage(**state["storage"]) if "storage" in state else None,
        uptime_s=int(state["uptime_s"]),
    )


def leds(state: Mapping[str, Any], meters: Sequence[tuple[int, int]], *, receiving: bool = False) -> shapes.Leds:
    """The lights (8.7): A is the gateway, B meters on wires, C those on networks; ``meters``: protocol and status."""
    busy = {*state.get("busy", ()), *(("image",) if receiving else ())}
    a = shapes.Led(colour="green", mode="steady")
    if state.get("gone"):
        a = shapes.Led(colour="red", mode="flash")
    elif "image" in busy:
        a = shapes.Led(colour="green", mode="flash")
    elif "starting" in busy:
        a = shapes.Led(colour="green", mode="flash2")
    wired = [found for protocol, found in meters if protocol in WIRED]
    others = [found for protocol, found in meters if protocol not in WIRED]
    return shapes.Leds(a=a, b=_led(wired, "scan" in busy), c=_led(others, "scan" in busy))


def _led(statuses: Sequence[int], scanning: bool) -> shapes.Led:
    if scanning:
        return shapes.Led(colour="green", mode="flash")
    if not statuses:
        return shapes.Led(colour="off", mode="off")
    if any(found < 0 for found in statuses):
        return shapes.Led(colour="red", mode="steady")
    return shapes.Led(colour="green", mode="steady")


async def buses(face: Face, called: Called) -> shapes.Buses:
    """Statistics of buses, and of the meters that the user may see."""
    state = await face.local.call("state")
    meters = [one for one in state["meters"] if called.user.sees(one["serial"])]
    return shapes.Buses(buses=state["buses"], meters=meters)


def _cursor(text: str | None) -> int | None:
    """The number that a cursor is. Raises ``Problem``."""
    if text is None:
        return None
    if not text.isascii() or not text.isdigit() or len(text) > 16:
        raise Problem(400, "invalid cursor")
    return int(text)


async def events(face: Face, called: Called) -> shapes.GatewayEvents:
    """Events of the gateway, newest first."""
    before, limit = _cursor(called.query.cursor), called.query.limit
    found = [(index, one) for index, one in await face.reader.events() if before is None or index < before]
    items = [
        shapes.GatewayEvent(
            index=index,
            id=one.id,
            name=event_name(one.id),
            category=one.category,
            time=shown(one.time),
            detail=one.detail,
        )
        for index, one in found[:limit]
    ]
    return shapes.GatewayEvents(items=items, next=str(items[-1].index) if len(found) > limit else None)


def event_name(id: int) -> str:
    """The name of an event id (5.1), with the prefix of the table."""
    return f"GW_{Id(id).name}" if id in list(Id) else f"GW_{id}"


async def audit(face: Face, called: Called) -> shapes.AuditLog:
    """Who did what, a page of it, and whether its entries are the chain that they were written as."""
    query: shapes.AuditQuery = called.query
    cursor, newest, limit = _cursor(query.cursor), query.order == "newest", query.limit
    if newest:  # numbers have no gaps: the page is those before the cursor
        last = await face.reader.last_audit()
        end = last if cursor is None else max(0, min(last, cursor - 1))
        after = max(0, end - limit)
    else:
        after = cursor or 0
        end = after + limit
    # And the entry before the page, whose hash the first one covers, and one after it, which says that there is more.
    found = [one async for one in face.reader.audit(after=max(0, after - 1), limit=limit + 2)]
    broken = chain.broken([one for one in found if one[0] <= end], anchor=after)
    items = [_entry(*one) for one in found if after < one[0] <= end]
    if newest:
        return shapes.AuditLog(items=items[::-1], next=str(after + 1) if after else None, broken=broken)
    more = bool(found) and found[-1][0] > end
    return shapes.AuditLog(items=items, next=str(end) if more else None, broken=broken)


def _entry(number: int, digest: str, one: records.Audit) -> shapes.AuditEntry:
    return shapes.AuditEntry(
        number=number,
        hash=digest,
        time=shown(one.time),
        user=one.user,
        address=one.address,
        action=one.action,
        subject=one.subject,
        detail=one.detail,
    )


async def scan(face: Face, called: Called) -> shapes.Scan:
    """The scan that runs or ran last."""
    found = await face.local.call("scanned")
    return shapes.Scan(
        complete=found["scancomplete"], progress=int(found.get("progress", 0)), results=found["scanresult"]
    )
