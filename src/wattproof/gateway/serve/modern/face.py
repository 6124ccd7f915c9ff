"""Answers requests of the modern interface: finds the row, checks what came, calls the function of that name."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import msgspec

from wattproof.errors import WattproofError
from wattproof.g13.routing import Match, Missed
from wattproof.gateway.auth.identity import FORBIDDEN, Identity, Refusal
from wattproof.gateway.config import Config
from wattproof.gateway.local import CommandFailed, Failing, Local
from wattproof.gateway.serve.modern import shapes
from wattproof.gateway.serve.modern.rows import ROUTER, EndPoint
from wattproof.gateway.store.base import Reader

JSON = "application/json"
#: What a failed command is as an HTTP status.
STATUS: Mapping[Failing, int] = {
    Failing.INVALID: 400,
    Failing.UNSUPPORTED: 400,
    Failing.CONFLICT: 400,
    Failing.DENIED: 403,
    Failing.UNKNOWN: 404,
    Failing.METER: 500,
    Failing.STORAGE: 500,
    Failing.BUSY: 503,
    Failing.GONE: 503,
}


class Wrong(WattproofError):
    """A request that is answered with an error: HTTP status and text."""

    def __init__(self, status: int, text: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.text, self.headers = status, text, dict(headers or {})


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the HTTP side hands it on. ``identity``: ``None`` at an open end point. ``facts``: what the gate
    wants to know of it, for logging in."""

    method: str
    path: str
    query: str = ""
    body: bytes = b""
    identity: Identity | None = None
    facts: Any = None


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: bytes, or a stream of them that ends with the connection."""

    status: int
    body: bytes = b""
    type: str = JSON
    headers: Sequence[tuple[str, str]] = ()
    stream: AsyncIterator[bytes] | None = None


@dataclass(frozen=True, slots=True)
class Called:
    """What a function gets: arguments of the path, checked query and body, who asks."""

    row: EndPoint
    arguments: Mapping[str, str]
    query: Any
    body: Any
    identity: Identity | None
    facts: Any

    @property
    def user(self) -> Identity:
        """Who asks, where somebody must have logged in."""
        if self.identity is None:
            raise Refusal(401, "Unauthorized", html=True)
        return self.identity

    @property
    def serial(self) -> str:
        """The meter in the path."""
        return self.arguments["serial"]


@dataclass
class Face:
    """What the functions answer from. ``now``: host time, UTC ms. ``gate`` and ``accounts`` are those of
    :mod:`wattproof.gateway.auth`. ``listen``: addresses at which the gateway answers. ``notices``: makes a queue that
    gets every notice of ``acquire`` until it is dropped."""

    config: Config
    reader: Reader
    local: Local
    gate: Any
    accounts: Any
    now: Callable[[], int]
    listen: Callable[[], Sequence[str]]
    watch: Callable[[], Any]
    functions: Mapping[str, Callable[[Face, Called], Awaitable[Any]]] = field(default_factory=dict)

    def open(self, method: str, path: str) -> bool:
        """Whether nobody has to log in for this request."""
        found = ROUTER.find(method, path)
        return isinstance(found, Match) and found.resource.right is None

    async def answer(self, request: Request) -> Reply:
        """The answer to a request. Never raises but for faults of our own and ``Refusal`` (401 and 429)."""
        try:
            return await self._answer(request)
        except Wrong as wrong:
            return _problem(wrong.status, wrong.text, wrong.headers)
        except CommandFailed as failed:
            headers = {} if failed.retry_after is None else {"Retry-After": str(max(1, round(failed.retry_after)))}
            return _problem(STATUS[failed.kind], failed.text, headers)

    async def _answer(self, request: Request) -> Reply:
        found = ROUTER.find(request.method, request.path)
        if isinstance(found, Missed):
            if found.allow:
                raise Wrong(405, "method not allowed", headers={"Allow": ", ".join(found.allow)})
            raise Wrong(404, "not found")
        row = found.resource
        serials = [found.arguments["serial"]] if row.of_meter else []
        if row.right is not None:
            if request.identity is None:
                raise Refusal(401, "Unauthorized", html=True)
            if not request.identity.may(row.right, serials=serials, scope=row.scope):
                raise Wrong(403, FORBIDDEN)
        called = Called(
            row,
            found.arguments,
            _query(row, request.query),
            _body(row, request.body),
            request.identity,
            request.facts,
        )
        given = await self.functions[row.name](self, called)
        if isinstance(given, Reply):
            return given
        return Reply(201 if row.created else 200, msgspec.json.encode(given))


def _query(row: EndPoint, text: str) -> Any:
    """The query, checked. A member that is a list may be given several times, all else once."""
    try:
        given = parse_qs(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=200)
    except ValueError as error:
        raise Wrong(400, f"invalid query: {error}") from None
    if row.query is None:
        if given:
            raise Wrong(400, f"unknown parameter {next(iter(given))}")
        return None
    lists = {known.encode_name for known in msgspec.structs.fields(row.query) if "list" in str(known.type)}
    plain: dict[str, Any] = {}
    for name, values in given.items():
        if len(values) > 1 and name not in lists:
            raise Wrong(400, f"parameter {name} is given twice")
        plain[name] = values if name in lists else values[0]
    try:
        return msgspec.convert(plain, row.query, strict=False)
    except msgspec.ValidationError as error:
        raise Wrong(400, f"invalid query: {error}") from None


def _body(row: EndPoint, data: bytes) -> Any:
    if row.body is None:
        return None
    try:
        return msgspec.json.decode(data, type=row.body)
    except msgspec.ValidationError as error:
        raise Wrong(400, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Wrong(400, "JSON parse error") from None


def _problem(status: int, text: str, headers: Mapping[str, str]) -> Reply:
    return Reply(status, msgspec.json.encode(shapes.Problem(des=text)), headers=tuple(headers.items()))


def shown(time: int) -> str:
    """UTC milliseconds as ISO 8601."""
    moment = datetime.fromtimestamp(time // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time % 1000:03d}Z"


def moment(text: str | None, name: str) -> int | None:
    """ISO 8601 with a zone as UTC milliseconds. Raises :class:`Wrong`."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise Wrong(400, f"{name} needs a time zone, such as 2026-11-30T12:00:00Z")
        return round(found.timestamp() * 1000)
    except (ValueError, OverflowError):
        raise Wrong(400, f"invalid {name}: ISO 8601 with a time zone, such as 2026-11-30T12:00:00Z") from None
