"""The 91 resources over the examples: requests are checked, answers written by the tables of the interface."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from frontend.dev import examples
from frontend.dev.site import Site
from wattproof.g13.bodies import BadRequest, encode, validate
from wattproof.g13.parameters import STORABLE
from wattproof.g13.resources import RESOURCES, Resource
from wattproof.g13.routing import Match, Router
from wattproof.gateway.quantities import NUMBERS

Json = dict[str, Any]
ROUTER: Router[Resource] = Router(RESOURCES)
OK: Json = {"status": "success"}
SERIES = {69: "previousvalues", 73: "loadprofiles", 77: "demand"}


class Refused(Exception):
    """A status and a text."""


def answer(site: Site, user: str, method: str, path: str, data: bytes) -> tuple[int, bytes]:
    """Status and body of a request."""
    match = ROUTER.find(method, path)
    try:
        if not isinstance(match, Match):
            raise Refused(404, "not found")
        resource, arguments = match.resource, match.arguments
        body = validate(resource, data)
        if resource.number in GATEWAY:
            return 200, encode(resource, GATEWAY[resource.number](site, user, arguments, body))
        return 200, encode(resource, _meter(site, resource, path, arguments, body))
    except BadRequest as error:
        return 400, _error(error.text)
    except Refused as error:
        return error.args[0], _error(error.args[1])


def _error(text: str) -> bytes:
    return f'{{"status":"error","des":"{text}"}}'.encode()


def _meter(site: Site, resource: Resource, path: str, arguments: dict[str, str], body: Json) -> Json:
    """41 to 90."""
    meter = site.meter(arguments["serial"])
    if meter is None:
        raise Refused(404, "meter not found")
    if resource.number not in meter["resources"]:
        raise Refused(400, f"not supported by this meter: {resource.name}")
    if resource.number in SERIES:
        times = [part for part in path.split("/") if "T" in part]
        start, end = (
            map(dt.datetime.fromisoformat, times) if len(times) == 2 else (site.now - dt.timedelta(40), site.now)
        )
        return examples.rows(SERIES[resource.number], start, end)
    if resource.number == 51:
        event = {"datetime": "2026-11-29T10:12:00", "duration": 12, "category": 4, "logid": 1002}
        return {"system": [event], "quality": [event], "event": []}
    documents = site.documents[meter["serial"]]
    rest = path.rstrip("/").split("/", 3)[3]
    if resource.method == "GET":
        return documents[rest]
    if meter["status"] == -1:
        raise Refused(500, "received invalid response from COSEM.")
    if resource.method == "POST":
        examples.CHANGES[rest](documents, body)
    return OK


def _datetime(site: Site, user: str, arguments: dict[str, str], body: Json) -> Json:
    site.offset += dt.datetime.fromisoformat(body["datetime"]) - site.now
    return OK


def _reset_events(site: Site, user: str, arguments: dict[str, str], body: Json) -> Json:
    site.events = [{"category": 8, "index": 1, "id": 12, "timestamp": site.now.isoformat(), "type": 2}]
    return OK


def _change_user(site: Site, user: str, arguments: dict[str, str], body: Json) -> Json:
    known = site.users[body["name"]]
    known["key"] = body.get("key", known["key"])
    known["admin"] = body.get("gatewayadmin", known["admin"])
    return OK


def _add_user(site: Site, user: str, arguments: dict[str, str], body: Json) -> Json:
    site.users[body["name"]] = {"key": body["key"], "admin": body.get("gatewayadmin", False), "due": False}
    site.access[body["name"]] = {meter["serial"]: "View Only" for meter in site.meters}
    return OK


def _remove_user(site: Site, user: str, arguments: dict[str, str], body: Json) -> Json:
    del site.users[arguments["user"]]
    return OK


def _scan(site: Site, user: str, arguments: dict[str, str], body: Json) -> Json:
    row = {"token": int(arguments["token"]), "serial": "ABB_3", "protocol": "3", "address": "21", "family": "abb"}
    found = [row] if site.meter("ABB_3") is None else []
    site.scan = {"scanresult": found, "scancomplete": 1, "progress": 100}
    return OK


def _forget(site: Site, user: str, arguments: dict[str, str], body: Json) -> Json:
    site.scan["scanresult"] = []
    return {"deleted": [{"serial": one["serial"], "status": 0} for one in body.get("scanned") or []]}


def _rename(site: Site, user: str, arguments: dict[str, str], body: Json) -> Json:
    meter = site.meter(arguments["serial"])
    if meter is None:
        raise Refused(404, "meter not found")
    meter.update(alias=body["alias"], location=body["location"])
    return OK


def _deregister(site: Site, user: str, arguments: dict[str, str], body: Json) -> Json:
    meter = site.meter(arguments["serial"])
    if meter is None:
        raise Refused(404, "meter not found")
    if meter["origin"] == "file":
        raise Refused(400, "configured by file")
    site.meters.remove(meter)
    return OK


def _no_installation(site: Site, user: str, arguments: dict[str, str], body: Json) -> Json:
    raise Refused(400, "firmware installation is not configured")


def _updates(site: Site, user: str, arguments: dict[str, str], body: Json) -> Json:
    row = {"status": "pending", "state": "transferring", "progress": 42, "blocks": [42, 100]}
    devices = [{"serial": serial, **row} for serial in site.updating]
    return {"devices": devices, "firmwareupdatecomplete": 1 if devices else 0}


def _done(change: Callable[[Site, Json], object]) -> Callable[[Site, str, dict[str, str], Json], Json]:
    def handle(site: Site, user: str, arguments: dict[str, str], body: Json) -> Json:
        change(site, body)
        return OK

    return handle


def _told(document: Callable[[Site, dict[str, str]], Json]) -> Callable[[Site, str, dict[str, str], Json], Json]:
    return lambda site, user, arguments, body: document(site, arguments)


def _bindings(site: Site, arguments: dict[str, str]) -> Json:
    access = site.access.get(arguments["user"], {})
    return {"bindings": [{"serial": serial, "access": level} for serial, level in access.items()]}


#: Resources of the gateway itself, by number.
GATEWAY: dict[int, Callable[[Site, str, dict[str, str], Json], Json]] = {
    1: _told(lambda site, arguments: examples.ABOUT),
    4: _told(lambda site, arguments: site.configuration),
    5: _done(lambda site, body: site.configuration["ip"].update(body)),
    6: _done(lambda site, body: site.configuration["eqbus"].update(body)),
    7: _done(lambda site, body: site.configuration["mbus-wired"].update(body)),
    8: _done(lambda site, body: site.configuration["mbus-ir"].update(body)),
    9: _told(lambda site, arguments: site.gateway),
    10: _done(lambda site, body: site.gateway.update(body)),
    11: _told(lambda site, arguments: {"datetime": site.now.isoformat(), "status": "set"}),
    12: _datetime,
    13: _told(lambda site, arguments: {"events": site.events}),
    14: _reset_events,
    15: _told(lambda site, arguments: {"status": "Rebooting"}),
    17: _told(
        lambda site, arguments: {"users": [{"name": n, "gatewayadmin": u["admin"]} for n, u in site.users.items()]}
    ),
    18: _change_user,
    19: _add_user,
    20: _remove_user,
    21: _told(_bindings),
    22: _done(lambda site, body: site.access.setdefault(body["name"], {}).update({body["serial"]: body["access"]})),
    24: _updates,
    26: _no_installation,
    27: _done(lambda site, body: setattr(site, "updating", body["meters"])),
    28: _told(lambda site, arguments: {str(id): row.name for id, row in sorted(NUMBERS.items())}),
    29: _told(lambda site, arguments: {kind: list(ids) for kind, ids in STORABLE.items()}),
    32: _rename,
    33: lambda site, user, arguments, body: site.register(body, user) or OK,
    34: _deregister,
    35: _told(lambda site, arguments: site.scan),
    36: _scan,
    37: _forget,
    38: _told(lambda site, arguments: {"meters": site.permitted}),
    39: _done(lambda site, body: setattr(site, "permitted", sorted({*site.permitted, *body["meters"]}))),
    40: _done(
        lambda site, body: setattr(site, "permitted", [one for one in site.permitted if one not in body["meters"]])
    ),
}
