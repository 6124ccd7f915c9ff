"""A virtual DMED4 over HTTP: routes, rights, the exact form of its answers, and what goes wrong with them (section 6).

Success is chunked JSON, failure a head without a body; every answer ends its connection.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from wattproof.io.http import Limits, Paced, Request
from wattproof.meters.dmed4.resources import BY_PATH, PREFIX, Resource
from wattproof.meters.dmed4.virtual import discretion, rest
from wattproof.meters.dmed4.virtual.rest import BAD_REQUEST, FORBIDDEN, NOT_FOUND, NOT_IMPLEMENTED, Failure
from wattproof.wire.http1 import LAST_CHUNK, REASONS, Headers, Response, encode_chunks, encode_head

if TYPE_CHECKING:
    from wattproof.meters.dmed4.virtual.meter import DmedMeter
    from wattproof.virtual.faults import Faults

#: Most bytes of a chunk (6.3).
CHUNK = 256
LIMITS = Limits(head=8192, headers=64, body=8192, connections=32, idle=15.0)
_CLOSE = ("Connection", "close")
_CHUNKED = ("Transfer-Encoding", "chunked")
_JSON: Headers = (_CLOSE, ("Content-Type", "application/json"), _CHUNKED)
#: Status texts of the maker where they are not the standard's (6.4).
_TEXTS = {BAD_REQUEST: "Bad request"}
#: Real seconds that http-no-close keeps a connection open.
_LINGER = 30.0


def success(content: bytes, headers: Headers = _JSON) -> Response:
    """200 with a chunked body."""
    return Response(200, headers, content, chunks=(CHUNK,) * ((len(content) - 1) // CHUNK), digits="X")


def failure(status: int) -> Response:
    """Any other status, without a body."""
    return Response(status, (_CLOSE,), reason=_TEXTS.get(status, REASONS.get(status, "")))


_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
#: The connection ends without an answer.
NOTHING = Response(200, cut=0)


def as_json(content: Mapping[str, Any]) -> bytes:
    """JSON without white space."""
    return _ENCODER.encode(content).encode("utf-8")


def path_of(request: Request) -> str:
    """The path as sent, decoded; an encoded slash is none of the slashes between its parts (RFC 3986, section 2.2)."""
    return "" if "%2f" in request.target.partition("?")[0].lower() else request.path


def query_of(target: str) -> dict[str, str]:
    """The arguments behind the question mark: percent-decoded, blanks around names and values dropped (6.2).

    Raises ``Failure`` for one that is given twice.
    """
    found: dict[str, str] = {}
    query = target.partition("?")[2]
    for part in query.split("&") if query else ():
        name, _, value = (unquote(piece).strip() for piece in part.partition("="))
        if not name:
            continue
        if name in found:
            raise Failure(BAD_REQUEST)
        found[name] = value
    return found


class DmedSite:
    """What one meter serves over HTTP (see ``virtual.web.Site``)."""

    limits = LIMITS

    def __init__(self, meter: DmedMeter) -> None:
        self.meter = meter

    def shown(self, request: Request) -> Request:
        return discretion.shown_request(request)

    def shown_answer(self, request: Request, response: Response) -> bytes:
        return discretion.shown_answer(request, response)

    def refuse(self, status: int) -> Response:
        return failure(BAD_REQUEST if status < 500 else status)

    def deliver(self, response: Response) -> Response | Paced:
        return disturbed(response, self.meter.faults)

    def answer(self, request: Request, now: int, path: str | None = None) -> Response:
        """One request; ``path`` replaces its own behind a display, which takes the channel out."""
        return self.imposed() or self.resource(request, path_of(request) if path is None else path)

    def imposed(self) -> Response | None:
        """The answer that the fault http-status gives to every request."""
        status = self.meter.faults.get("http-status")
        if not isinstance(status, int):
            return None
        self.meter.journal("fault-hit", {"fault": "http-status"})
        return failure(status)

    def page(self, request: Request, channel: int | None = None) -> Response:
        """The answer at the address of the web page (16.1)."""
        from wattproof.meters.dmed4.virtual import web

        try:
            response = success(web.answer(self.meter, request, channel), web.HEADERS)
        except Failure as refused:
            response = failure(refused.status)
        self.meter.follow(measured=response.status == 200 and request.method != "GET")
        return response

    def resource(self, request: Request, path: str) -> Response:
        """The answer of the resource at ``path``, which begins with ``/v1/``, or of the page at ``/``."""
        if path == "/" and not self.meter.active["P05_11"]:
            return self.page(request)
        head, _, name = path.removesuffix("/").partition(f"/{PREFIX}/")
        row = None if head else BY_PATH.get(name)
        try:
            if row is None:
                raise Failure(NOT_FOUND)
            response = self._perform(row, request)
        except Failure as refused:
            response = failure(refused.status)
        if request.method != "GET":  # looking changes nothing
            self.meter.follow(measured=response.status == 200)
        return response

    def _perform(self, row: Resource, request: Request) -> Response:
        meter, method = self.meter, request.method
        if method not in row.methods:
            raise Failure(NOT_IMPLEMENTED)
        if method in row.login and not meter.access.use(meter.now):
            raise Failure(FORBIDDEN)
        query = query_of(request.target)
        if method == "GET":
            return self._got(row, rest.GET[row.path](meter, _searched(row, query)))
        if row.path == "ocmf":
            return success(as_json(rest.set_message(meter, request.body)))
        given: Mapping[str, Any]
        if method == "POST" and (request.body or not query or "PUT" not in row.methods):
            given = rest.read_json(request.body)
        else:
            given, method = query, "PUT"  # a POST without a body is a PUT (DEC-30)
        arguments = given if row.path == "system_parameters" else rest.read_arguments(row, method, given)
        content = rest.SET[row.path](meter, arguments)
        if row.path == "system_parameters" and meter.options.post_parameters == "silent":
            return NOTHING
        return success(as_json(content))

    def _got(self, row: Resource, content: dict[str, Any]) -> Response:
        if self.meter.options.inner_quotes == "plain" and row.path in ("ocmf", "logbook/OCMF", "logbook/events"):
            ((key, text),) = content.items()
            return success(f'{{"{key}":"{text}"}}'.encode())
        return success(as_json(content))


def _searched(row: Resource, query: Mapping[str, str]) -> Mapping[str, str]:
    """The query of a GET: unknown arguments are ignored when one is known, else refused (6.2)."""
    known = {key: query[key] for key in (field.key for field in row.query) if key in query}
    if query and not known:
        raise Failure(BAD_REQUEST)
    return known


def disturbed(response: Response, faults: Faults) -> Response | Paced:
    """What the faults of 15.5 make of an answer."""
    if faults.hit("http-reset"):
        return Paced((), reset=True)
    if response.body and response.cut is None and faults.hit("http-half"):
        return Paced(((0.0, _half(response)),))
    linger = _LINGER if faults.hit("http-no-close") else 0.0
    slow = faults.get("http-slow")
    if slow is not None:
        faults.hit("http-slow")
    if not linger and slow is None:
        return response
    seconds = 0.0 if slow is None else float(str(slow))
    if response.chunks is None:
        return Paced(((seconds, response.encode()),), linger)
    head = encode_head(response.status, response.headers, reason=response.reason)
    chunks = [*encode_chunks(response.body, response.chunks, response.digits), LAST_CHUNK]
    return Paced(tuple((seconds, piece) for piece in (head, *chunks)), linger)


def _half(response: Response) -> bytes:
    """Head and half of the body, broken off inside a chunk."""
    head = encode_head(response.status, response.headers, reason=response.reason)
    if response.chunks is None:
        return head + response.body[: len(response.body) // 2]
    half = max(1, len(response.body) // 2)
    half += half % CHUNK == 0
    whole = [piece for piece in encode_chunks(response.body, response.chunks, response.digits) if piece]
    before, inside = divmod(half, CHUNK)
    size = whole[before].index(b"\r\n") + 2
    return head + b"".join(whole[:before]) + whole[before][: size + inside]
