"""The control interface of a proxy: what it has counted, its faults, and its journal over HTTP.

::

    GET   /                          addresses, statistics by unit and client, faults in force
    PATCH /                          {"faults": {"drop": 10, "garble": false}} -> the same
    GET   /journal?after=N&wait=S    entries with a number above N; waits up to S real seconds for the first one

Every request carries ``Authorization: Bearer TOKEN``; the interface listens on the loopback only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from wattproof.bridge.faults import put_faults
from wattproof.errors import InvalidValue
from wattproof.virtual.control import journal_response, plain, read_change
from wattproof.virtual.interface import Interface
from wattproof.wire.http1 import Response, json_response

if TYPE_CHECKING:
    from wattproof.bridge.proxy import Proxy
    from wattproof.io.http import Request


class ProxyControl(Interface):
    """An open control interface; ``url`` and ``token`` are what its clients need. ``state`` makes the object of
    ``GET /``."""

    def __init__(self, proxy: Proxy, state: Callable[[], dict[str, object]], token: str | None = None) -> None:
        super().__init__(token)
        self._proxy = proxy
        self._state = state

    async def _route(self, request: Request) -> Response:
        methods = {"/": ("GET", "PATCH"), "/journal": ("GET",)}.get(request.path)
        if methods is None:
            return json_response(404, {"error": f"no {request.path} here: there are /, /journal"})
        method = "GET" if request.method == "HEAD" else request.method
        if method not in methods:
            allowed = ", ".join(methods)
            return json_response(405, {"error": f"{request.path} knows the methods {allowed}"}, (("Allow", allowed),))
        if request.path == "/journal":
            return await journal_response(self._proxy, request)
        if method == "PATCH":
            self._change(request.body)
        return json_response(200, plain(self._state()))

    def _change(self, body: bytes) -> None:
        change = read_change(body)
        if change.controls or change.when is not None:
            raise InvalidValue('a proxy has no controls and no states: write {"faults": {...}}')
        put_faults(self._proxy.faults, change.faults)
