"""Serves the built pages and answers their requests with examples: ``python -m frontend.dev.server [--port N]``.

For looking at the pages while the gateway is not there. What it answers is made up; only the shapes are those of the
interface. It listens on the loopback address alone and knows one user with a known password.
"""

from __future__ import annotations

import argparse
import asyncio
import datetime as dt
import json
import random
import secrets
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from frontend.dev import examples
from wattproof.meters.abb import quantities

PAGES = Path(__file__).resolve().parents[2] / "src" / "wattproof" / "gateway" / "serve" / "pages"
POLICY = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
UNAUTHORISED = "<HTML><HEAD><TITLE>401 Unauthorized</TITLE></HEAD><BODY><H1>401 Unauthorized</H1></BODY></HTML>"
OK = {"status": "success"}

#: Ids of what can be stored (section 4.2).
STORABLE = {
    "pv": [*range(1, 13), 21, 22, 51, 52, 53, 54, 113, 122, 171, 172, 173, 174],
    "lp": [*range(1, 9), *range(21, 29), *range(33, 41), 51, 52, 53, 54, 113, 122, *range(69, 83), 96],
    "dm": [1, 2, 51, 52, 53, 54, *range(59, 71), 72, 73, 75, 76, 78, 79, 80, 81, *range(93, 105)],
    "ac": [*range(59, 83), *range(93, 105)],
}
ROWS = {
    row.id: row
    for table in vars(quantities).values()
    if isinstance(table, tuple)
    for row in table
    if hasattr(row, "logical_name")
}
#: What the meters measure: base value, and which quantities each family has.
BASES = {
    "VOLTAGE": 231.0,
    "CURRENT": 16.2,
    "ACTIVE_POWER": 3650.0,
    "REACTIVE_POWER": 410.0,
    "APPARENT_POWER": 3700.0,
    "POWER_FACTOR": 0.98,
    "FREQUENCY": 50.01,
    "ACTIVE_ENERGY": 1758397.36,
    "REACTIVE_ENERGY": 70310.0,
    "APPARENT_ENERGY": 1799000.0,
    "PHASE_ANGLE": 11.2,
    "CURRENT_QUADRANT": 1,
    "THD": 3.4,
    "NRG_ENERGY_VALUE": 668.19,
    "TARIFF_ACTIVE": 1,
}
MEASURED = [row for row in ROWS.values() if any(row.name.startswith(base) for base in BASES) and row.id < 190]
FEWER = ("VOLTAGE_L", "CURRENT_L", "ACTIVE_POWER", "POWER_FACTOR", "FREQUENCY", "ACTIVE_ENERGY_IMPORT_TOTAL")


def refused(status: int, text: str, **headers: str) -> Response:
    return JSONResponse({"status": "error", "des": text}, status, headers)


class Site:
    """What the examples have become since the start."""

    def __init__(self, *, due: bool) -> None:
        self.users: dict[str, dict[str, Any]] = {"admin": {"key": "wattproof-dev", "admin": True, "due": due}}
        self.tokens: dict[str, str] = {}
        self.failures = 0
        self.meters = [dict(meter) for meter in examples.METERS]
        self.documents = {meter["serial"]: examples.documents(meter) for meter in self.meters}
        self.access = {"admin": {meter["serial"]: "Configure" for meter in self.meters}}
        self.gateway = {"serial": "WTP0000000000001", "alias": "Gateway", "location": "Plant North"}
        self.offset = dt.timedelta()
        times = {
            "ack": 1000,
            "delay_after_telegram": 1000,
            "delay_before_requd2": 200,
            "get_request": 500,
            "meter_contact": 100,
            "response_timeout": 300,
            "response_timeout_base": 800,
        }
        self.configuration: dict[str, Any] = {
            "ip": {
                "dhcp": False,
                "dns": False,
                "gateway": "192.168.1.1",
                "ip": "192.168.1.12",
                "mac": "0.0.0.0.0.0",
                "pdns": "0.0.0.0",
                "sdns": "0.0.0.0",
                "subnet": "255.255.255.0",
            },
            "eqbus": {"baudrate": 500000, "interoctettimeout": 40},
            "mbus-wired": dict(times),
            "mbus-ir": dict(times),
        }
        self.events = [
            {
                "category": 8 if id != 9 else 4,
                "index": index,
                "id": id,
                "timestamp": f"2026-11-30T{9 + index:02d}:02:02",
                "type": 2,
            }
            for index, id in enumerate((11, 6, 6, 9, 5), 1)
        ][::-1]
        self.scan: dict[str, Any] = {"scanresult": [], "scancomplete": 0}
        self.permitted: list[str] = []
        self.image: dict[str, Any] | None = None
        self.updating: list[str] = []
        self.sessions = [dict(examples.SESSION)]

    def user(self, request: Request) -> str | None:
        return self.tokens.get(request.cookies.get("wattproof", ""))

    def meter(self, serial: str) -> dict[str, Any] | None:
        return next((meter for meter in self.meters if meter["serial"] == serial), None)

    def values(self, serial: str) -> dict[str, Any]:
        meter = self.meter(serial)
        rows = MEASURED if meter and meter["family"] == "abb" else [r for r in MEASURED if r.name.startswith(FEWER)]
        now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        found = {}
        for row in rows:
            base = max((name for name in BASES if row.name.startswith(name)), key=len)
            spread = 0 if "ENERGY" in base or "QUADRANT" in base or "TARIFF" in base else 0.02
            value = BASES[base] * (1 + random.uniform(-spread, spread))
            found[row.name.lower()] = {
                "value": f"{value:.{max(0, -row.scale)}f}",
                "unit": row.unit.symbol or None,
                "obis": f"{row.logical_name}*255",
                "quality": "good",
                "time": now,
            }
        return found

    @property
    def now(self) -> dt.datetime:
        return (dt.datetime.now(dt.UTC).astimezone() + self.offset).replace(tzinfo=None, microsecond=0)


async def page(request: Request) -> Response:
    name = request.path_params.get("name") or "index.html"
    path = PAGES / name
    if path.parent != PAGES or not path.is_file():
        return refused(404, "no such page")
    return FileResponse(
        path,
        headers={"Content-Security-Policy": POLICY, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff"},
    )


async def login(request: Request) -> Response:
    site: Site = request.app.state.site
    body = await request.json()
    user = site.users.get(body["user"])
    if site.failures >= 5:
        return refused(429, "too many failed logins", **{"Retry-After": "60"})
    if user is None or user["key"] != body["password"]:
        site.failures += 1
        return HTMLResponse(UNAUTHORISED, 401)
    site.failures = 0
    token = secrets.token_hex(16)
    site.tokens[token] = body["user"]
    answer = JSONResponse({"user": body["user"], "admin": user["admin"], "due": user["due"]})
    answer.set_cookie("wattproof", token, httponly=True, samesite="strict")
    return answer


async def stream(site: Site, serials: list[str]) -> AsyncIterator[str]:
    while True:
        for serial in serials:
            meter = site.meter(serial)
            if meter and meter["status"] == 1:
                yield f"event: values\ndata: {json.dumps({'serial': serial, 'values': site.values(serial)})}\n\n"
        await asyncio.sleep(1)


async def modern(request: Request) -> Response:
    site: Site = request.app.state.site
    user = site.user(request)
    path = request.url.path.removeprefix("/api/v1/")
    if user is None:
        return HTMLResponse(UNAUTHORISED, 401)
    match path.split("/"):
        case ["me"]:
            known = site.users[user]
            access = site.access.get(user, {})
            return JSONResponse({"user": user, "admin": known["admin"], "due": known["due"], "access": access})
        case ["logout"]:
            site.tokens.pop(request.cookies["wattproof"], None)
            return JSONResponse(OK)
        case ["users", name, "password"]:
            body = await request.json()
            known = site.users[name]
            if name == user and known["key"] != body.get("oldkey"):
                return refused(403, "Forbidden: Access Denied")
            if not 8 <= len(body["key"]) <= 64:
                return refused(400, "invalid key length")
            known.update(key=body["key"], due=False)
            return JSONResponse(OK)
        case ["meters"]:
            granted = site.access.get(user, {})
            visible = [meter for meter in site.meters if granted.get(meter["serial"], "No Access") != "No Access"]
            listed = [{**meter, "quantities": list(site.values(meter["serial"]))} for meter in visible]
            return JSONResponse({"meters": listed})
        case ["meters", serial, "latest"]:
            return JSONResponse({"serial": serial, "values": site.values(serial)})
        case ["meters", serial, "readings"]:
            first = {
                name: {**value, "value": str(float(value["value"]) - 12.5)}
                for name, value in site.values(serial).items()
                if name in request.query_params["quantity"].split(",")
            }
            return JSONResponse({"items": [{"time": site.now.isoformat(), "values": first}], "next": None})
        case ["meters", serial, "sessions"]:
            if request.method == "POST":
                body = await request.json()
                session = {
                    **examples.SESSION,
                    "id": f"s-{len(site.sessions) + 1}",
                    "serial": serial,
                    "state": "running",
                    "ended": None,
                    "options": body,
                    "verdict": None,
                    "true": None,
                    "records": [],
                }
                site.sessions.insert(0, session)
                return JSONResponse(session, 201)
            return JSONResponse({"sessions": [one for one in site.sessions if one["serial"] == serial]})
        case ["sessions", id, *rest]:
            session = next(one for one in site.sessions if one["id"] == id)
            if rest == ["end"]:
                kept = {"id": id, "options": session["options"], "begun": session["begun"]}
                session.update({**examples.SESSION, **kept})
            return JSONResponse(session)
        case ["live"]:
            serials = request.query_params.getlist("serial")
            return StreamingResponse(stream(site, serials), media_type="text/event-stream")
        case ["status"]:
            buses = [{"name": name, "state": "ok", "meters": 1, "online": 1, "queue": 0} for name in ("line1", "line2")]
            return JSONResponse(
                {
                    "leds": {"a": {"colour": "green", "mode": "steady"}},
                    "listen": [str(request.base_url)],
                    "clock": {"offset_ms": 0, "status": "set"},
                    "buses": buses,
                    "uptime_s": 4711,
                    "allow_network": False,
                }
            )
        case ["events"]:
            items = [{**event, "detail": ""} for event in site.events]
            return JSONResponse({"items": items, "next": None})
        case ["about"]:
            licences = [{"name": "starlette", "version": "1.0", "licence": "BSD-3-Clause", "text": "/ui/icon.svg"}]
            ram = {"total": 8 << 30, "available": 5 << 30, "acquire": 61 << 20, "serve": 74 << 20}
            return JSONResponse({"licences": licences, "ram": ram})
    return refused(404, "not found")


async def meter(request: Request) -> Response:
    site: Site = request.app.state.site
    user = site.user(request)
    if user is None:
        return HTMLResponse(UNAUTHORISED, 401)
    serial, path = request.path_params["serial"], request.path_params["path"].rstrip("/")
    found = site.meter(serial)
    if found is None:
        return refused(404, "meter not found")
    for series in ("previousvalues", "loadprofiles", "demand"):
        if path.startswith(series) and not path.endswith("configuration"):
            if request.method == "DELETE":
                return JSONResponse(OK)
            times = [part for part in path.split("/") if "T" in part]
            start, end = (
                (map(dt.datetime.fromisoformat, times)) if len(times) == 2 else (site.now - dt.timedelta(40), site.now)
            )
            return JSONResponse(examples.rows(series, start, end))
    if path.startswith("events/"):
        event = {"datetime": "2026-11-29T10:12:00", "duration": 12, "category": 4, "logid": 1002}
        return JSONResponse({"system": [event], "quality": [event], "event": []})
    documents = site.documents[serial]
    if request.method == "GET":
        return (
            JSONResponse(documents[path]) if path in documents else refused(400, f"not supported by this meter: {path}")
        )
    if found["status"] == -1:
        return refused(500, "received invalid response from COSEM.")
    body = await request.json()
    if path == "transformersettings":
        documents["info"]["ratio"] = {key: value for key, value in body.items() if key != "serial"}
    elif path == "energy/resettable":
        for name in (name for name, wanted in body["resettableenergy"].items() if wanted):
            documents["energy/resettable"]["resettableenergy"][name][0] = "0.000"
            counter = documents["energy/resetcounter"]["resetcounter"][name]
            counter[0] = str(int(counter[0]) + 1)
    else:
        examples.CHANGES[path](documents[path], body)
    return JSONResponse(OK)


async def gateway(request: Request) -> Response:
    site: Site = request.app.state.site
    user = site.user(request)
    if user is None:
        return HTMLResponse(UNAUTHORISED, 401)
    body = await request.json() if request.headers.get("content-type") == "application/json" else {}
    match (request.method, *request.url.path.strip("/").split("/")):
        case ("GET", "about"):
            return JSONResponse(
                {
                    "cosemversion": "6",
                    "firmwareversion": "G0.0.0.0",
                    "hardwareversion": "",
                    "model": "wattproof",
                    "jsonapiversion": "1.0",
                    "logicaldevicename": "WTP0000000000001",
                    "releasedate": "2026-11-30T12:00:00",
                    "serial": "1234567890",
                }
            )
        case ("GET", "gateway"):
            return JSONResponse(site.gateway)
        case ("POST", "gateway"):
            site.gateway.update(body)
        case ("GET", "gateway", "datetime"):
            return JSONResponse({"datetime": site.now.isoformat(), "status": "set"})
        case ("POST", "gateway", "datetime"):
            site.offset += dt.datetime.fromisoformat(body["datetime"]) - site.now
        case ("GET", "gateway", "events"):
            return JSONResponse({"events": site.events})
        case ("DELETE", "gateway", "events"):
            site.events = [{"category": 8, "index": 1, "id": 12, "timestamp": site.now.isoformat(), "type": 2}]
        case ("POST", "gateway", "reboot"):
            return JSONResponse({"status": "Rebooting"})
        case ("GET", "configuration"):
            return JSONResponse(site.configuration)
        case ("POST", "configuration", *names):
            site.configuration["-".join(names)].update(body)
        case ("GET", "parametermapping"):
            return JSONResponse({str(id): row.name for id, row in sorted(ROWS.items())})
        case ("GET", "storablequantities"):
            return JSONResponse(STORABLE)
        case ("GET", "users"):
            return JSONResponse({"users": [{"name": n, "gatewayadmin": u["admin"]} for n, u in site.users.items()]})
        case ("PUT", "users"):
            site.users[body["name"]] = {"key": body["key"], "admin": False, "due": False}
            site.access[body["name"]] = {meter["serial"]: "View Only" for meter in site.meters}
        case ("POST", "users", name):
            if "key" in body:
                site.users[name]["key"] = body["key"]
            if "gatewayadmin" in body:
                site.users[name]["admin"] = body["gatewayadmin"]
        case ("DELETE", "users", name):
            site.users.pop(name)
        case ("GET", "users", name, "bindings"):
            rows = [{"serial": serial, "access": access} for serial, access in site.access.get(name, {}).items()]
            return JSONResponse({"bindings": rows})
        case ("PUT", "users", name, "bindings"):
            site.access.setdefault(name, {})[body["serial"]] = body["access"]
        case ("GET", "permittedmeters"):
            return JSONResponse({"meters": site.permitted})
        case ("PUT", "permittedmeters"):
            site.permitted = sorted({*site.permitted, *body["meters"]})
        case ("DELETE", "permittedmeters"):
            site.permitted = [serial for serial in site.permitted if serial not in body["meters"]]
        case ("POST", "firmware"):
            await request.form()
        case ("PUT", "firmware"):
            return refused(400, "firmware installation is not configured")
        case ("GET", "meters", "firmwareupdatestatus"):
            devices = [
                {"serial": s, "status": "pending", "state": "transferring", "progress": 42, "blocks": [42, 100]}
                for s in site.updating
            ]
            return JSONResponse({"devices": devices, "firmwareupdatecomplete": 1 if devices else 0})
        case ("PUT", "meters", "firmware"):
            site.updating = body["meters"]
        case ("GET", "meters", "scanned"):
            return JSONResponse(site.scan)
        case ("POST", "meters", "scanned", token):
            row = {"token": int(token), "serial": "ABB_3", "protocol": "3", "address": "21", "family": "abb"}
            site.scan = {"scanresult": [row], "scancomplete": 1, "progress": 100}
        case ("DELETE", "meters", "scanned"):
            site.scan = {"scanresult": [], "scancomplete": 1}
        case ("PUT", "meters"):
            row = {**examples.METERS[0], **body, "status": 0}
            site.meters.append(row)
            site.documents[body["serial"]] = examples.documents(row)
            site.access[user][body["serial"]] = "Configure"
        case ("POST", "meters", serial):
            found = site.meter(serial)
            if found is None:
                return refused(404, "meter not found")
            found.update(body)
        case ("DELETE", "meters", serial):
            site.meters = [one for one in site.meters if one["serial"] != serial]
        case _:
            return refused(404, "not found")
    return JSONResponse(OK)


def application(*, due: bool = False) -> Starlette:
    every = ["GET", "POST", "PUT", "DELETE"]
    routes = [
        Route("/", page),
        Route("/ui/", page),
        Route("/ui/{name}", page),
        Route("/api/v1/login", login, methods=["POST"]),
        Route("/api/v1/{path:path}", modern, methods=every),
        Route("/meters/{serial}/{path:path}", meter, methods=every),
        Route("/{path:path}", gateway, methods=every),
    ]
    # What is literal below /meters comes before the serial (section 2).
    routes[5:5] = [Route(f"/meters/{name}", gateway, methods=every) for name in ("firmwareupdatestatus", "firmware")]
    routes[5:5] = [
        Route("/meters/scanned", gateway, methods=every),
        Route("/meters/scanned/{token}", gateway, methods=every),
    ]
    app = Starlette(routes=routes)
    app.state.site = Site(due=due)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8444)
    parser.add_argument("--due", action="store_true", help="the password must be changed first")
    options = parser.parse_args()
    print(f"examples, not a gateway: http://127.0.0.1:{options.port}/ user admin, password wattproof-dev")
    uvicorn.run(application(due=options.due), host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
