"""A virtual meter over HTTP: its site answers, its runtime keeps and journals, the edge is ``io.http``."""

from __future__ import annotations

import asyncio
import ssl
from typing import Protocol

from wattproof.io.http import Answer, HttpServer, Limits, Paced, Request
from wattproof.virtual.runtime import Runtime
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
        response = runtime.visit(site, request)
        if response is None:
            return Paced((), reset=True)
        delay = runtime.answer_after()
        if delay > 0:
            await asyncio.sleep(delay)
        return response

    return WebServer(
        await HttpServer.open(answer, lambda status, _: site.refuse(status), host, port, limits=site.limits, tls=tls)
    )
