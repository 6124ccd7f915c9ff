"""Serves the built pages and answers their requests with examples: ``python -m frontend.dev.server [--port N]``.

For looking at the pages without a gateway. What it answers is made up; only the shapes are those of the interface, and
requests are checked by the tables of the gateway. It listens on the loopback address alone, speaks plain HTTP and has
one user with a known password.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from frontend.dev import examples, face
from frontend.dev.site import Site
from wattproof.gateway.serve.static import Pages

PASSWORD = "wattproof-dev"
UNAUTHORISED = "<HTML><HEAD><TITLE>401 Unauthorized</TITLE></HEAD><BODY><H1>401 Unauthorized</H1></BODY></HTML>"
OK = {"status": "success"}


def refused(status: int, text: str, **headers: str) -> Response:
    return JSONResponse({"status": "error", "des": text}, status, headers)


async def page(request: Request) -> Response:
    found = Pages().find(request.url.path)  # anew each time: a build shows at once
    if found is None:
        return refused(404, "not found")
    return Response(found.body, headers={name.decode(): value.decode() for name, value in found.headers})


async def login(request: Request) -> Response:
    site: Site = request.app.state.site
    body = await request.json()
    user = site.users.get(body["user"])
    if site.failures[body["user"]] >= 5:
        return refused(429, "too many failed logins", **{"Retry-After": "60"})
    if user is None or user["key"] != body["password"]:
        site.failures[body["user"]] += 1
        return HTMLResponse(UNAUTHORISED, 401)
    token = secrets.token_hex(16)
    site.tokens[token] = body["user"]
    answer = JSONResponse({"user": body["user"], "admin": user["admin"], "due": user["due"]})
    answer.set_cookie("wattproof", token, httponly=True, samesite="strict")
    return answer


async def stream(site: Site, serials: list[str]) -> AsyncIterator[str]:
    yield "retry: 1000\n\n"
    while True:
        for serial in serials:
            meter = site.meter(serial)
            if meter and meter["status"] == 1:
                yield f"event: values\ndata: {json.dumps({'serial': serial, 'values': site.values(serial)})}\n\n"
        await asyncio.sleep(1)


async def resources(request: Request) -> Response:
    """Everything else: the 91, and what the pages use of /api/v1."""
    site: Site = request.app.state.site
    user = site.tokens.get(request.cookies.get("wattproof", ""))
    if user is None:
        return HTMLResponse(UNAUTHORISED, 401)
    if request.url.path.startswith("/api/v1/"):
        return await modern(site, user, request)
    if (request.method, request.url.path) == ("POST", "/firmware"):
        await request.form()
        return JSONResponse(OK)
    status, body = face.answer(site, user, request.method, request.scope["raw_path"].decode(), await request.body())
    return Response(body, status, media_type="application/json")


def _account(site: Site, user: str) -> dict[str, Any]:
    known = site.users[user]
    return {"user": user, "admin": known["admin"], "due": known["due"], "access": site.access.get(user, {})}


def _change_password(site: Site, user: str, name: str, body: dict[str, Any]) -> Response:
    known = site.users[name]
    if name == user and known["key"] != body.get("oldkey"):
        return refused(403, "Forbidden: Access Denied")
    if not 8 <= len(body["key"]) <= 64:
        return refused(400, "invalid key length")
    known.update(key=body["key"], due=False)
    return JSONResponse(OK)


def _begin(site: Site, serial: str, body: dict[str, Any]) -> Response:
    fresh = {"state": "running", "ended": None, "options": body, "verdict": None, "true": None, "records": []}
    session = {**examples.SESSION, "id": f"s-{len(site.sessions) + 1}", "serial": serial, **fresh}
    site.sessions.insert(0, session)
    return JSONResponse(session, 201)


def _readings(site: Site, serial: str, names: list[str]) -> Response:
    found = {
        name: {**value, "value": str(float(value["value"]) - 12.5)}
        for name, value in site.values(serial).items()
        if name in names
    }
    return JSONResponse({"items": [{"time": site.now.isoformat() + "Z", "values": found}], "next": None})


async def modern(site: Site, user: str, request: Request) -> Response:
    body = await request.json() if request.method == "POST" and await request.body() else {}
    match request.url.path.removeprefix("/api/v1/").split("/"):
        case ["me"]:
            return JSONResponse(_account(site, user))
        case ["logout"]:
            site.tokens.pop(request.cookies["wattproof"], None)
            return JSONResponse(OK)
        case ["users", name, "password"]:
            return _change_password(site, user, name, body)
        case ["meters"]:
            granted = site.access.get(user, {})
            visible = [meter for meter in site.meters if granted.get(meter["serial"], "No Access") != "No Access"]
            return JSONResponse({"meters": [{**m, "quantities": [*site.values(m["serial"])]} for m in visible]})
        case ["meters", serial, "latest"]:
            return JSONResponse({"serial": serial, "values": site.values(serial)})
        case ["meters", serial, "readings"]:
            return _readings(site, serial, request.query_params["quantity"].split(","))
        case ["meters", serial, "sessions"] if request.method == "POST":
            return _begin(site, serial, body)
        case ["meters", serial, "sessions"]:
            return JSONResponse({"sessions": [one for one in site.sessions if one["serial"] == serial]})
        case ["sessions", id, *rest]:
            session = next(one for one in site.sessions if one["id"] == id)
            if rest == ["end"]:
                session.update({**examples.SESSION, **{name: session[name] for name in ("id", "options", "begun")}})
            return JSONResponse(session)
        case ["live"]:
            serials = request.query_params.getlist("serial") or [meter["serial"] for meter in site.meters]
            return StreamingResponse(stream(site, serials), media_type="text/event-stream")
        case ["status"]:
            return JSONResponse({**examples.STATUS, "listen": [str(request.base_url)]})
        case ["health"]:
            return JSONResponse({"status": "ok"})
        case ["about"]:
            return JSONResponse(examples.MADE_OF)
    return refused(404, "not found")


def application(*, due: bool = False) -> Starlette:
    """The server. ``due``: its user has a one-time password."""
    every = ["GET", "POST", "PUT", "DELETE"]
    app = Starlette(
        routes=[
            Route("/", page),
            Route("/ui{path:path}", page),
            Route("/api/v1/login", login, methods=["POST"]),
            Route("/{path:path}", resources, methods=every),
        ]
    )
    app.state.site = Site(due=due)
    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=8444)
    parser.add_argument("--due", action="store_true", help="the password must be changed first")
    options = parser.parse_args()
    print(f"examples, not a gateway: http://127.0.0.1:{options.port}/ user admin, password {PASSWORD}")
    uvicorn.run(application(due=options.due), host="127.0.0.1", port=options.port, log_level="warning")


if __name__ == "__main__":
    main()
