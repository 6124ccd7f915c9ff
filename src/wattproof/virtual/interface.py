"""A control interface: HTTP on the loopback, a bearer token, and answers in JSON; what there is to say, others know."""

from __future__ import annotations

import hmac
import secrets
from abc import ABC, abstractmethod

from wattproof.errors import InvalidURL, UsageError
from wattproof.io.http import HttpServer, Limits, Request
from wattproof.io.url import MeterURL
from wattproof.virtual.listeners import is_loopback
from wattproof.wire.http1 import Response, json_refusal, json_response


class Interface(ABC):
    """An interface that opens with ``listen``; ``url`` and ``token`` are what its clients need."""

    def __init__(self, token: str | None = None) -> None:
        self._server: HttpServer | None = None
        self.token = token or secrets.token_urlsafe(24)
        self.url = ""

    async def listen(self, url: MeterURL) -> None:
        """Listen at ``http://HOST:PORT``; port 0 takes a free one.

        :raises InvalidURL: no ``http`` address, or not one of the loopback.
        :raises PortInUse: the address is taken.
        """
        if url.scheme != "http" or url.host is None or url.port is None:
            raise InvalidURL(f"{url}: the control interface is at http://127.0.0.1:PORT")
        if not is_loopback(url.host):
            raise InvalidURL(
                f"{url}: the control interface is for this machine only; write http://127.0.0.1:{url.port}"
            )
        self._server = await HttpServer.open(
            self.answer, json_refusal, url.host, url.port, limits=Limits(body=64 * 1024)
        )
        host = f"[{self._server.host}]" if ":" in self._server.host else self._server.host
        self.url = f"http://{host}:{self._server.port}"

    async def close(self) -> None:
        """Listen no more."""
        if self._server is not None:
            await self._server.close()

    async def answer(self, request: Request) -> Response:
        """One request."""
        if not self._admitted(request):
            reason = "this needs the header Authorization: Bearer TOKEN, with the token shown at the start"
            return json_response(401, {"error": reason}, (("WWW-Authenticate", "Bearer"),))
        try:
            return await self._route(request)
        except UsageError as error:
            return json_response(400, {"error": str(error)})

    def _admitted(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(given.strip().encode("latin-1", "replace"), self.token.encode())
        return right and scheme.lower() == "bearer"

    @abstractmethod
    async def _route(self, request: Request) -> Response:
        """The answer to one request of somebody who has the token; ``UsageError`` becomes 400."""
