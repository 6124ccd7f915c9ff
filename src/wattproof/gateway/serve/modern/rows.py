"""The end points of the modern interface as rows: routing, checks, OpenAPI document and reference page come from
them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from wattproof.g13.rights import ADMIN, CONFIGURE, LOGIN, VIEW, Right
from wattproof.g13.routing import Router
from wattproof.gateway.auth.scopes import Scope
from wattproof.gateway.serve.modern import shapes

PREFIX = "/api/v1"


@dataclass(frozen=True, slots=True)
class EndPoint:
    """One end point. ``name``: of the function that answers. ``right``: ``None``: open to everybody. ``scope``: one
    that a token may have instead of those that the right asks for. ``query``, ``body``, ``answer``: shapes;
    ``answer`` a text: its media type. ``created``: whether success is 201. ``errors``: statuses besides those of
    every end point."""

    method: str
    path: str
    name: str
    summary: str
    right: Right | None = LOGIN
    scope: Scope | None = None
    query: Any = None
    body: Any = None
    answer: Any = shapes.Done
    created: bool = False
    errors: tuple[int, ...] = ()
    aliases: tuple[str, ...] = field(default=())

    @property
    def of_meter(self) -> bool:
        """Whether the right is one on the meter in the path."""
        return "{serial}" in self.path


def _get(path: str, name: str, answer: Any, summary: str, **more: Any) -> EndPoint:
    return EndPoint("GET", PREFIX + path, name, summary, answer=answer, **more)


def _post(path: str, name: str, summary: str, **more: Any) -> EndPoint:
    return EndPoint("POST", PREFIX + path, name, summary, **more)


METER = "/meters/{serial}"
END_POINTS = (
    # who
    _get("/health", "health", shapes.Health, "Whether it is alive; open to everybody.", right=None),
    _post("/login", "login", "Begin a session of the browser.", right=None, body=shapes.Login, answer=shapes.Account),
    _post("/logout", "logout", "End it."),
    _get("/me", "me", shapes.Me, "Who has logged in, and what for."),
    _post("/users/{name}/password", "password", "Change a password.", body=shapes.NewKey, errors=(400, 404)),
    _get("/tokens", "tokens", shapes.Tokens, "API tokens."),
    _post(
        "/tokens",
        "make_token",
        "Make an API token.",
        body=shapes.NewToken,
        answer=shapes.MadeToken,
        created=True,
        errors=(409,),
    ),
    EndPoint("DELETE", f"{PREFIX}/tokens/{{id}}", "drop_token", "Revoke an API token.", errors=(404,)),
    # the gateway
    _get("/status", "status", shapes.Status, "Lights, addresses, clock, buses."),
    _get("/about", "about", shapes.About, "Licences and memory."),
    _get("/about/licences/{name}", "licence", "text/plain", "The licence of a distribution.", errors=(404,)),
    _get("/buses", "buses", shapes.Buses, "Statistics of buses and meters."),
    _get("/events", "events", shapes.GatewayEvents, "Events of the gateway.", query=shapes.Page, errors=(400,)),
    _get("/audit", "audit", shapes.AuditLog, "Who did what.", right=ADMIN, query=shapes.AuditQuery, errors=(400,)),
    _get("/scan", "scan", shapes.Scan, "The scan that runs or ran last.", right=ADMIN),
    # meters
    _get("/meters", "meters", shapes.Meters, "Meters that the user may see."),
    _get(METER, "meter", shapes.MeterInfo, "One meter.", right=VIEW),
    _get(f"{METER}/latest", "latest", shapes.Latest, "Its newest values.", right=VIEW),
    _get(
        f"{METER}/readings",
        "readings",
        shapes.History,
        "Stored readings.",
        right=VIEW,
        query=shapes.ReadingsQuery,
        errors=(400,),
    ),
    _get(
        f"{METER}/profiles/{{channel}}",
        "profile",
        shapes.Profile,
        "Rows of a load profile, of the gateway or of the meter itself.",
        right=VIEW,
        query=shapes.Range,
        errors=(400, 409),
    ),
    _get(f"{METER}/corrections", "corrections", shapes.Corrections, "Counters that fell.", right=VIEW),
    _get(f"{METER}/keys", "keys", shapes.Keys, "Its public keys as first seen.", right=VIEW),
    _get("/live", "live", "text/event-stream", "Live values as server-sent events.", query=shapes.LiveQuery),
    # charging sessions
    _get(
        f"{METER}/sessions",
        "sessions",
        shapes.Sessions,
        "Charging sessions.",
        right=VIEW,
        query=shapes.SessionsQuery,
        scope=Scope.SESSIONS,
        errors=(400,),
    ),
    _post(
        f"{METER}/sessions",
        "begin_session",
        "Begin a charging session.",
        right=CONFIGURE,
        scope=Scope.SESSIONS,
        body=shapes.NewSession,
        answer=shapes.Session,
        created=True,
        errors=(409,),
    ),
    _get(
        "/sessions/{id}",
        "session",
        shapes.Session,
        "A charging session, and whether it is true.",
        scope=Scope.SESSIONS,
        errors=(404,),
    ),
    _post(
        "/sessions/{id}/end",
        "end_session",
        "End a charging session.",
        scope=Scope.SESSIONS,
        answer=shapes.Session,
        errors=(404, 409),
    ),
    # descriptions
    _get("/openapi.json", "openapi", "application/json", "This interface as OpenAPI 3.1."),
    _get("/g13/openapi.json", "g13_openapi", "application/json", "The 91 resources as OpenAPI 3.1."),
    EndPoint(
        "GET",
        "/metrics",
        "metrics",
        "Figures for Prometheus.",
        scope=Scope.METRICS,
        answer="text/plain; version=0.0.4; charset=utf-8",
    ),
)
BY_NAME = {row.name: row for row in END_POINTS}
ROUTER: Router[EndPoint] = Router(END_POINTS)
