"""A virtual meter over HTTP: its site answers, its runtime keeps and journals, the edge is ``io.http``."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Sequence
from typing import Protocol

from wattproof.errors import UnknownName
from wattproof.io.http import Answer, HttpServer, Limits, Paced, Request
from wattproof.io.url import MeterURL
from wattproof.virtual.base import Admission
from wattproof.virtual.runtime import Runtime
from wattproof.virtual.sockets import Listener, behind_gate, server_tls
from wattproof.wire.http1 import Response


class Site(Protocol):
    """What a meter serves over HTTP. Like a meter it is sans-I/O, and time is an argument."""

    @property
    def limits(self) -> Limits:
        """What one client may do."""
        ...

    def answer(self, request: Request, now: int) -> Response:
        """One request, executed at ``now`` (meter ns)."""
        ...

    def shown(self, request: Request) -> Request:
        """The request as the journal may show it, without passwords."""
        ...

    def shown_answer(self, request: Request, response: Response) -> bytes:
        """The body of its answer as the journal may show it."""
        ...

    def refuse(self, status: int) -> Response:
        """The answer for what the edge turns down: too large, no HTTP."""
        ...

    def deliver(self, response: Response) -> Response | Paced:
        """What the faults in force make of an answer."""
        ...


#: Bytes of a body, and characters of a target, that the journal keeps.
BODY, TARGET = 4096, 256


def visit(runtime: Runtime, site: Site, request: Request) -> Response | Paced | None:
    """One request over HTTP: executed, kept and journalled; ``None`` if nobody is there to answer."""
    ring, meter = runtime.ring, runtime.meter
    shown = site.shown(request)
    what = {"method": request.method, "target": shown.target[:TARGET]}
    ring.record(runtime.now(), "http-request", data=shown.body[:BODY], details=what)
    now = runtime.advance()
    if not meter.silent:
        meter.before_request(now)
    response = None if meter.silent or runtime.failure is not None else site.answer(request, now)
    if response is not None:
        kept = runtime.keep()
        runtime.refresh()
        if kept and not meter.silent:
            body = site.shown_answer(request, response)[:BODY]
            ring.record(runtime.now(), "http-answer", data=body, details={"status": response.status})
            return site.deliver(response)
    reason = "the meter has no supply, or is starting" if meter.silent else "the meter's state cannot be kept"
    ring.record(runtime.now(), "http-lost", details={**what, "reason": reason})
    return None


class WebServer:
    """The open HTTP side of one meter (see ``gate.Server``)."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server

    @property
    def port(self) -> int:
        return self._server.port

    async def close(self) -> None:
        await self._server.close()


async def serve(site: Site, runtime: Runtime, host: str, port: int, tls: ssl.SSLContext | None) -> WebServer:
    """Listen for one meter.

    :raises PortInUse: the address is taken.
    """

    async def answer(request: Request) -> Answer:
        response = visit(runtime, site, request)
        if response is None:
            return Paced((), reset=True)
        delay = runtime.answer_after()
        if delay > 0:
            await asyncio.sleep(delay)
        return response

    return WebServer(
        await HttpServer.open(answer, lambda status, _: site.refuse(status), host, port, limits=site.limits, tls=tls)
    )


async def open_socket(url: MeterURL, runtimes: Sequence[Runtime], _: Admission | None) -> Listener:
    """The site of a meter on a socket, with TLS on ``https://``. Raises ``UnknownName`` if it has none."""
    (runtime,) = runtimes
    site = runtime.meter.site()
    if site is None:
        raise UnknownName(f"{url}: a {runtime.meter.model} does not listen there: it serves nothing over HTTP")
    tls, pin = server_tls(url) if url.scheme == "https" else (None, None)
    return await behind_gate(url, runtimes, lambda host, port: serve(site, runtime, host, port, tls), pin)
