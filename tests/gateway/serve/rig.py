"""The application in memory: the real store, the real gate, requests as an ASGI server hands them on.

The commands of ``acquire`` come from a table; what passes between the two goes through msgpack, as on the socket.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import msgspec

from wattproof.gateway.acquire.notices import notices_of
from wattproof.gateway.answers import Trait
from wattproof.gateway.auth.passwords import Hashing, Verifier
from wattproof.gateway.config import Config
from wattproof.gateway.local import CommandFailed, Failing, Notice
from wattproof.gateway.records import Access, AnyWrite, Binding, Meter, Setting, User, Value, Write
from wattproof.gateway.serve.app import App, Area
from wattproof.gateway.serve.call import Serving
from wattproof.gateway.serve.exact import CUT
from wattproof.gateway.serve.modern.area import SEGMENTS, Modern, Notices
from wattproof.gateway.serve.service import Service, assemble
from wattproof.gateway.store.sqlite import SQLiteStore
from wattproof.model.clock import VirtualClock

LIGHT = Hashing(memory=64, passes=1)
#: N has no access to the meter, V sees it, C configures it, G is gateway admin without access to it.
ROLES = {"N": "nina", "V": "vera", "C": "carl", "G": "gina"}
PASSWORDS = {name: f"{name}-secret" for name in (*ROLES.values(), "admin")}
HASHES = {name: LIGHT.hash(password) for name, password in PASSWORDS.items()}
SERIAL, OTHER = "ABB_8", "ABB_9"
#: What a meter with everything provides.
EVERYTHING = tuple(range(1, 199))
TRAITS = tuple(trait.value for trait in Trait)


def meter(serial: str = SERIAL, **more: Any) -> Meter:
    """An ABB meter on the EQ bus."""
    common: dict[str, Any] = {
        "family": "abb", "protocol": 3, "address": 17, "bus": "eq", "alias": serial, "location": "Level1",
        "label": "A44 552-100", "provides": EVERYTHING, "traits": TRAITS, "status": 1, "registered": 1,
    }  # fmt: skip
    return Meter(serial, **(common | more))


@dataclass
class Answered:
    """What a client has got."""

    status: int = 0
    reason: bytes | None = None
    headers: list[tuple[bytes, bytes]] = field(default_factory=list)
    body: bytes = b""
    cut: bool = False
    complete: bool = False

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """What an error says."""
        return str(self.json["des"])

    def header(self, name: str) -> str | None:
        """A header, ``None`` if there is none."""
        found = [value.decode() for known, value in self.headers if known.decode().lower() == name.lower()]
        return found[0] if found else None


class Desk:
    """The commands as far as a test needs them: writes go to the store, values and documents are laid out."""

    def __init__(self, store: SQLiteStore, tell: Callable[[Notice], None], clock: VirtualClock) -> None:
        self.store, self.tell, self.clock = store, tell, clock
        self.values: dict[str, dict[int, Value]] = {}
        self.documents: dict[int, Any] = {}
        self.streams: dict[int, list[Any]] = {}
        self.results: dict[str, Any] = {}
        self.failing: CommandFailed | None = None
        self.gate: asyncio.Event | None = None

    async def commit(self, writes: list[Any], who: Mapping[str, str]) -> None:
        decoded: list[Write] = [msgspec.convert(write, AnyWrite, strict=False) for write in writes]
        await self.store.commit(*decoded)
        for kind, value in notices_of(decoded):
            self.tell(Notice(kind, value))

    async def read(self, serial: str, ids: list[int], max_age: float, wait: float) -> dict[int, Value]:
        if self.gate is not None:
            await self.gate.wait()
        if self.failing is not None:
            raise self.failing
        return {id: value for id, value in self.values.get(serial, {}).items() if id in ids}

    async def get(self, serial: str, resource: int, arguments: Any, max_age: float, wait: float) -> dict[str, Any]:
        if self.failing is not None:
            raise self.failing
        return {"document": self.documents[resource], "time": self.clock.time() // 10**6}

    async def rows(self, serial: str, resource: int, arguments: Any) -> AsyncIterator[Any]:
        for part in self.streams[resource]:
            if isinstance(part, CommandFailed):
                raise part
            yield part

    def done(self, name: str) -> Callable[..., Any]:
        async def command(**arguments: Any) -> Any:
            if self.failing is not None:
                raise self.failing
            return self.results.get(name)

        return command

    def table(self) -> dict[str, Callable[..., Any]]:
        names = (
            "put execute register rename deregister scan scanned forget_scanned configure_bus set_clock_offset "
            "update_firmware firmware_status install_firmware reboot"
        )
        return {
            **{name: self.done(name) for name in names.split()},
            "commit": self.commit,
            "values": self.read,
            "get": self.get,
            "rows": self.rows,
        }


def _over(value: Any) -> Any:
    """A value as the other process gets it."""
    return msgspec.msgpack.decode(msgspec.msgpack.encode(value))


class Line:
    """The other process in the same event loop. ``asked``: names of commands and their arguments."""

    def __init__(self, table: Mapping[str, Callable[..., Any]]) -> None:
        self.table = table
        self.asked: list[tuple[str, dict[str, Any]]] = []

    async def call(self, command: str, **arguments: Any) -> Any:
        self.asked.append((command, arguments))
        if command not in self.table:
            raise CommandFailed(Failing.INTERNAL, "internal error", detail=f"no command {command}")
        return _over(await self.table[command](**_over(arguments)))

    async def stream(self, command: str, **arguments: Any) -> AsyncIterator[Any]:
        self.asked.append((command, arguments))
        async for part in self.table[command](**_over(arguments)):
            yield _over(part)


class Rig:
    """One process that serves."""

    def __init__(self, folder: Path, store: SQLiteStore, verifier: Verifier, **config: Any) -> None:
        self.clock = VirtualClock()
        self.store = store
        self.config = Config(**({"data": folder, "timezone": "Europe/Berlin"} | config))
        self.current = True
        self.desk = Desk(store, self._tell, self.clock)
        self.line = Line(self.desk.table())
        self.notices = Notices()
        self.service: Service = assemble(
            self.config,
            store,
            self.line,
            verifier,
            self.clock,
            current=lambda: self.current,
            areas=self._areas,
            hardware=lambda host: 7,
        )
        self.app: App = self.service.app
        self.cookies: dict[str, str] = {}

    def _areas(self, serving: Serving) -> Mapping[str, Area]:
        modern = Modern(serving, listen=lambda: ["https://127.0.0.1:8443"], notices=self.notices)
        return dict.fromkeys(SEGMENTS, modern)

    def _tell(self, notice: Notice) -> None:
        self.service.take(notice)
        self.notices.tell(notice)

    @property
    def asked(self) -> list[str]:
        """Names of the commands that were sent so far."""
        return [name for name, _ in self.line.asked]

    async def furnish(self, *meters: Meter) -> None:
        """The users of the roles, and two meters of which the first is that of the roles."""
        users = [User(name, HASHES[name], admin=name in ("gina", "admin")) for name in PASSWORDS]
        known = meters or (meter(), meter(OTHER, address=18))
        access = [
            Binding("vera", known[0].serial, Access.VIEW),
            Binding("carl", known[0].serial, Access.CONFIGURE),
            Binding("nina", known[0].serial, Access.NONE),
        ]
        await self.store.commit(*users, *known, *access, Setting("identity", {"serial": "0123456789"}))

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        user: str | None = "carl",
        password: str | None = None,
        cookie: bool = False,
        headers: Mapping[str, str] | None = None,
        chunks: list[bytes] | None = None,
        gone: bool = False,
    ) -> Answered:
        """A request. ``body``: bytes as they are, all else as JSON; ``gone``: the client leaves after its chunks."""
        sent: dict[str, str] = {"host": "gateway:8443"}
        if cookie and user is not None:
            sent |= {"cookie": f"wattproof={self.cookies[user]}", "sec-fetch-site": "same-origin"}
        elif user is not None:
            pair = f"{user}:{PASSWORDS.get(user, '') if password is None else password}"
            sent["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        data = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        if data:
            sent |= {"content-type": "application/json", "content-length": str(len(data))}
        sent |= headers or {}
        path, _, query = path.partition("?")
        scope = {
            "type": "http", "method": method, "path": unquote(path), "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": ("192.0.2.9", 40000), "server": ("127.0.0.1", 8443), "scheme": "https",
        }  # fmt: skip
        return await self.exchange(scope, chunks if chunks is not None else [data], gone=gone)

    async def exchange(self, scope: Mapping[str, Any], chunks: list[bytes], *, gone: bool = False) -> Answered:
        """One request and its answer, message by message."""
        waiting: list[dict[str, Any]] = [
            {"type": "http.request", "body": chunk, "more_body": gone or place < len(chunks) - 1}
            for place, chunk in enumerate(chunks)
        ]
        got = Answered()

        async def receive() -> Mapping[str, Any]:
            return waiting.pop(0) if waiting else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                got.status, got.headers, got.reason = message["status"], message["headers"], message.get("reason")
            elif message["type"] == CUT:
                got.cut = got.complete = True
            else:
                got.body += message.get("body", b"")
                got.complete = not message.get("more_body", False)

        await self.app(scope, receive, send)
        return got

    async def login(self, user: str) -> None:
        """Begin a session whose cookie :meth:`ask` then sends."""
        answer = await self.ask("POST", "/login", user=user)
        assert answer.status == 200
        cookie = answer.header("set-cookie")
        assert cookie is not None
        self.cookies[user] = cookie.partition("=")[2].partition(";")[0]

    async def close(self) -> None:
        await self.service.close()
