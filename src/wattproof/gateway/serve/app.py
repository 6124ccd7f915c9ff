"""The ASGI application: finds what a request means, checks it in the order of GD-40, and sends the answer.

Paths below ``/api/`` and ``/metrics`` belong to the modern interface, ``/`` and ``/ui/`` to the web pages, all others
to the 91 resources.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from wattproof.g13 import bodies
from wattproof.g13.bodies import UPLOAD, BadRequest
from wattproof.g13.resources import METHODS, RESOURCES, Resource
from wattproof.g13.routing import Match, Missed, Router
from wattproof.gateway.auth.addresses import Network
from wattproof.gateway.auth.facts import Facts
from wattproof.gateway.serve import admission
from wattproof.gateway.serve.body import Body, ClientGone, Receive
from wattproof.gateway.serve.call import METER_NOT_FOUND, PATH_LIMIT, Call, Handler, Serving
from wattproof.gateway.serve.framing import Answer, Framing, Send
from wattproof.gateway.serve.freshness import aged
from wattproof.gateway.serve.handlers import HANDLERS
from wattproof.gateway.serve.passes import Passes
from wattproof.gateway.serve.problems import INTERNAL, Problem, problem, worded
from wattproof.gateway.serve.static import Pages
from wattproof.gateway.serve.streaming import Asked, Streamed, Streaming

Scope = Mapping[str, Any]
#: Paths that were routed lately are remembered, so many of them.
ROUTES = 4096

_log = logging.getLogger(__name__)


class Area(Protocol):
    """What answers below some first segment of the path."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As an ASGI application."""
        ...


class App:
    """``areas``: applications by the first segments of the paths that are theirs."""

    def __init__(
        self,
        serving: Serving,
        *,
        trusted: Sequence[Network] = (),
        areas: Mapping[str, Area] | None = None,
        pages: Pages | None = None,
        handlers: Mapping[int, Handler] = HANDLERS,
        router: Router[Resource] | None = None,
    ) -> None:
        self.serving = serving
        self.framing = Framing(compat=serving.compat)
        self._streaming = Streaming(self.framing, serving.errors)
        self._trusted = trusted
        self._areas = areas or {}
        self._pages = pages or Pages()
        self._handlers = handlers
        self._router = router or Router(RESOURCES)
        self._passes = Passes(serving.gate, serving.tables, serving.bodies, proxied=bool(trusted))
        self._routes: dict[tuple[str, bytes], Match[Resource] | Missed] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            return
        if (kept := self._passes.find(scope)) is not None:
            self.serving.moving.visit(scope["server"])
            extra = aged(kept.oldest, self.serving.now, compat=self.framing.compat)
            await self.framing.send(send, Answer(kept.body, extra=extra))
            return
        first = scope["path"].split("/", 2)[1] if "/" in scope["path"] else ""
        if (area := self._areas.get(first)) is not None:
            await area(scope, receive, send)
        elif scope["method"] == "GET" and (page := self._pages.find(scope["path"])) is not None:
            known = next((value for name, value in scope["headers"] if name == b"if-none-match"), None)
            await self._pages.send(send, page, known)
        else:
            await self._resource(scope, receive, send)

    async def _resource(self, scope: Scope, receive: Receive, send: Send) -> None:
        version = self._passes.begin()
        route = self._route(scope)
        number = route.resource.number if isinstance(route, Match) else None
        try:
            facts = Facts.of(scope, self._trusted)
            identity = await self.serving.gate.admit(facts)
            self.serving.moving.visit(scope["server"])
            resource, arguments = _found(route, scope)
            call = Call(self.serving, resource, arguments, identity, facts, Body(scope["headers"], receive))
            answer = await self._answer(call)
            if isinstance(answer, Streamed):
                asked = Asked(identity.user, resource.number, scope["path"], str(arguments.get("serial", "")))
                await self._streaming.send(send, answer, asked)
                return
            if answer.kept:
                self._passes.keep(scope, facts, identity, call.key, version)
            await self.framing.send(send, answer)
        except ClientGone:
            return
        except Exception as error:
            await self._refuse(scope, send, error, number)

    async def _refuse(self, scope: Scope, send: Send, error: Exception, number: int | None) -> None:
        found = problem(error)
        if found.text == INTERNAL:
            _log.error("%s %s failed: %s", scope["method"], scope["path"], found.detail, exc_info=error)
        words = worded(found, number, compat=self.framing.compat)
        await self.framing.send_problem(send, words, challenge=_wants_challenge(scope))

    async def _answer(self, call: Call) -> Answer | Streamed:
        unknown = await admission.check(call)
        if call.resource.number != UPLOAD:
            await self._read(call)
        await admission.check_body(call)
        if unknown:
            raise Problem(404, METER_NOT_FOUND)
        return await self._handlers[call.resource.number](call)

    async def _read(self, call: Call) -> None:
        """Take arguments and body. Raises ``Problem`` 413, 415, ``BadRequest``."""
        compat, resource = self.serving.compat, call.resource
        try:
            data = await call.raw.read_json() if resource.method != "GET" else b""
            call.arguments = bodies.check_arguments(resource, call.arguments, compat=compat)
            call.body = bodies.validate(resource, data, compat=compat)
        except (BadRequest, Problem):
            admission.check_unread(call)
            raise

    def _route(self, scope: Scope) -> Match[Resource] | Missed:
        key = scope["method"], scope["raw_path"]
        found = self._routes.get(key)
        if found is None:
            path = scope["raw_path"].decode("latin-1")
            found = self._router.find(scope["method"], path) if len(path) <= PATH_LIMIT else Missed()
            if len(self._routes) >= ROUTES:
                self._routes.clear()
            if isinstance(found, Match):
                self._routes[key] = found
        return found


def _found(route: Match[Resource] | Missed, scope: Scope) -> tuple[Resource, Mapping[str, str]]:
    """Raises ``Problem``: 404, 405, 414."""
    if len(scope["raw_path"]) > PATH_LIMIT:
        raise Problem(414, "path too long")
    if isinstance(route, Match):
        return route.resource, route.arguments
    if scope["method"] not in METHODS or route.allow:
        raise Problem(405, "method not allowed", allow=route.allow)
    raise Problem(404, "not found")


def _wants_challenge(scope: Scope) -> bool:
    """Whether a 401 may make a browser ask for a password: not when a script of a page has sent the request."""
    modes = [value for name, value in scope["headers"] if name == b"sec-fetch-mode"]
    return not modes or modes == [b"navigate"]
