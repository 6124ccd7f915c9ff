"""Answers requests of the modern interface: finds the row, checks what came, calls the function of that name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import msgspec

from wattproof.g13.resources import METHODS
from wattproof.g13.rights import ADMIN
from wattproof.g13.routing import Match, Missed
from wattproof.gateway.auth.facts import Facts
from wattproof.gateway.auth.identity import UNAUTHORIZED, Identity, Refusal
from wattproof.gateway.local import Local, Notice
from wattproof.gateway.serve.call import PATH_LIMIT, Serving
from wattproof.gateway.serve.modern.rows import ROUTER, EndPoint
from wattproof.gateway.serve.problems import Problem
from wattproof.gateway.store.base import Reader

JSON = "application/json"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Request:
    """A request as the HTTP side hands it on. ``read`` gives the body, ``b""`` where there is none. ``identity``:
    ``None`` at an open end point. ``facts``: what the gate wants to know of the request."""

    method: str
    path: str
    query: str
    read: Callable[[], Awaitable[bytes]]
    facts: Facts
    identity: Identity | None = None


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
    facts: Facts

    @property
    def user(self) -> Identity:
        """Who asks, where somebody must have logged in."""
        if self.identity is None:
            raise Refusal(401, UNAUTHORIZED, html=True)
        return self.identity

    @property
    def serial(self) -> str:
        """The meter in the path."""
        return self.arguments["serial"]


@dataclass(frozen=True, slots=True)
class Face:
    """What the functions answer from: the process, the addresses at which it answers, and a queue of the notices of
    ``acquire`` as long as somebody listens."""

    serving: Serving
    functions: Mapping[str, Callable[[Face, Called], Awaitable[Any]]]
    listen: Callable[[], Sequence[str]]
    watch: Callable[[], AbstractContextManager[asyncio.Queue[Notice]]]

    @property
    def reader(self) -> Reader:
        """The store."""
        return self.serving.reader

    @property
    def local(self) -> Local:
        """The other process."""
        return self.serving.local

    def is_open(self, method: str, path: str) -> bool:
        """Whether nobody has to log in for this request."""
        found = ROUTER.find(method, path)
        return isinstance(found, Match) and found.resource.right is None

    async def answer(self, request: Request) -> Reply:
        """The answer to a request. Raises ``Refusal``, ``Problem`` and ``CommandFailed``, which say what is wrong."""
        if len(request.path) > PATH_LIMIT:
            raise Problem(414, "path too long")
        found = ROUTER.find(request.method, request.path)
        if isinstance(found, Missed):
            if found.allow or request.method not in METHODS:
                raise Problem(405, "method not allowed", allow=found.allow)
            raise Problem(404, "not found")
        row = found.resource
        await self._admit(row, found.arguments, request.identity)
        called = Called(
            row,
            found.arguments,
            _query(row, request.query),
            _body(row, await request.read()),
            request.identity,
            request.facts,
        )
        given = await self.functions[row.name](self, called)
        if isinstance(given, Reply):
            return given
        return Reply(201 if row.created else 200, msgspec.json.encode(given))

    async def _admit(self, row: EndPoint, arguments: Mapping[str, str], identity: Identity | None) -> None:
        """Whether the user may. Raises ``Refusal``. A gateway admin hears of an unknown meter that there is none, so
        the function is called (GD-41)."""
        if row.right is None:
            return
        if identity is None:
            raise Refusal(401, UNAUTHORIZED, html=True)
        serials = [arguments["serial"]] if row.of_meter else []
        if serials and identity.may(ADMIN) and await self.serving.tables.meter(serials[0]) is None:
            return
        identity.require(row.right, serials=serials, scope=row.scope)


def _query(row: EndPoint, text: str) -> Any:
    """The query, checked. A member that is a list may be given several times, all else once."""
    try:
        given = parse_qs(text, keep_blank_values=True, strict_parsing=bool(text), max_num_fields=200)
    except ValueError as error:
        raise Problem(400, f"invalid query: {error}") from None
    if row.query is None:
        if given:
            raise Problem(400, f"unknown parameter {next(iter(given))}")
        return None
    lists = {known.encode_name for known in msgspec.structs.fields(row.query) if "list" in str(known.type)}
    plain: dict[str, Any] = {}
    for name, values in given.items():
        if len(values) > 1 and name not in lists:
            raise Problem(400, f"parameter {name} is given twice")
        plain[name] = values if name in lists else values[0]
    try:
        return msgspec.convert(plain, row.query, strict=False)
    except msgspec.ValidationError as error:
        raise Problem(400, f"invalid query: {error}") from None


def _number(text: str) -> int | float:
    """``1.0`` is a whole number (JSON schema, "integer")."""
    found = float(text)
    return int(found) if found.is_integer() else found


_READ = msgspec.json.Decoder(float_hook=_number)


def _body(row: EndPoint, data: bytes) -> Any:
    if row.body is None:
        if data.strip() not in (b"", b"{}"):
            raise Problem(400, "this request has no body")
        return None
    try:
        return msgspec.convert(_READ.decode(data), row.body)
    except msgspec.ValidationError as error:
        raise Problem(400, str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Problem(400, "JSON parse error") from None


def shown(time: int) -> str:
    """UTC milliseconds as ISO 8601."""
    moment = datetime.fromtimestamp(time // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{time % 1000:03d}Z"


def moment(text: str | None, name: str) -> int | None:
    """ISO 8601 with a zone as UTC milliseconds. Raises ``Problem``."""
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None:
            raise Problem(400, f"{name} needs a time zone, such as 2026-11-30T12:00:00Z")
        return (found - _EPOCH) // _MILLISECOND
    except ValueError:
        if _lost_its_plus(text):
            raise Problem(400, f"invalid {name}: write the + of the time zone as %2B in an address") from None
        raise Problem(400, f"invalid {name}: ISO 8601 with a time zone, such as 2026-11-30T12:00:00Z") from None


def _lost_its_plus(text: str) -> bool:
    """Whether it is a time whose zone began with a plus sign, which means a blank in a query."""
    try:
        return datetime.fromisoformat("+".join(text.rsplit(" ", 1))).tzinfo is not None
    except ValueError:
        return False
