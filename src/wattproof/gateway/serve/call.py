"""What a handler gets: the request as far as it has been checked, and what the process has to answer it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from wattproof.g13.resources import Resource
from wattproof.gateway.auth.accounts import Accounts
from wattproof.gateway.auth.facts import Facts
from wattproof.gateway.auth.gate import Gate
from wattproof.gateway.auth.identity import Identity
from wattproof.gateway.config import Config
from wattproof.gateway.events import Id, event
from wattproof.gateway.local import Local
from wattproof.gateway.records import Audit, Meter, Write
from wattproof.gateway.serve.body import Body
from wattproof.gateway.serve.cache import Bodies
from wattproof.gateway.serve.framing import Answer
from wattproof.gateway.serve.lasterror import LastErrors
from wattproof.gateway.serve.localtime import shown
from wattproof.gateway.serve.network import Moving
from wattproof.gateway.serve.problems import Problem
from wattproof.gateway.serve.streaming import Streamed
from wattproof.gateway.serve.tables import Tables
from wattproof.gateway.store.base import Reader
from wattproof.model.clock import Clock

MILLISECOND = 10**6
METER_NOT_FOUND = "meter not found"
#: A path is not longer (9.4).
PATH_LIMIT = 2048
#: Setting with the offset of the gateway's time to that of the host (8.2), and its member.
CLOCK, OFFSET = "clock", "offset_ms"


@dataclass(slots=True)
class Serving:
    """What the process has: store, other process, users, time, configuration. ``changing``: held by who changes a
    setting according to what it was; ``receiving``: images that come in at the moment."""

    config: Config
    reader: Reader
    local: Local
    clock: Clock
    zone: tzinfo
    gate: Gate
    accounts: Accounts
    tables: Tables
    bodies: Bodies
    errors: LastErrors
    moving: Moving
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)
    receiving: int = 0

    @property
    def compat(self) -> bool:
        """Whether answers look like those of the original (7)."""
        return self.config.compat == "g13"

    @property
    def now(self) -> int:
        """Host time, UTC ms."""
        return self.clock.time() // MILLISECOND

    async def offset(self) -> int:
        """Milliseconds by which the gateway's time is ahead of the host's."""
        return int((await self.tables.setting(CLOCK, {})).get(OFFSET, 0))

    async def shown(self, time: int) -> str:
        """A stored time as the interface shows it."""
        return shown(time, await self.offset(), self.zone)


@dataclass(slots=True)
class Call:
    """One request of an admitted user for a resource, whose right has been checked.

    ``body``: in the normal form of its shape, empty where the resource takes none; ``raw``: what has not been read of
    it. ``meter``: of the path.
    """

    serving: Serving
    resource: Resource
    arguments: Mapping[str, Any]
    identity: Identity
    facts: Facts
    raw: Body
    body: dict[str, Any] = field(default_factory=dict)
    meter: Meter | None = None

    @property
    def who(self) -> dict[str, str]:
        """Who changes something, for the other process and the audit log."""
        return self.identity.who

    @property
    def serial(self) -> str:
        """The meter of the path, by its number."""
        return str(self.arguments["serial"])

    @property
    def of_meter(self) -> Meter:
        """The meter of the path. Raises ``Problem`` 404."""
        if self.meter is None:
            raise Problem(404, METER_NOT_FOUND)
        return self.meter

    @property
    def key(self) -> tuple[Any, ...]:
        """What the answer of a reading resource of a meter depends on, beside time."""
        return (self.serial, self.resource.number, *self.arguments.values())

    async def ask(self, command: str, **arguments: Any) -> Any:
        """A command of the other process. Raises ``CommandFailed``."""
        return await self.serving.local.call(command, **arguments)

    async def commit(self, *writes: Write) -> None:
        """Durable, and known to every process, when this returns. Raises ``CommandFailed``."""
        await self.serving.local.call("commit", writes=list(writes), who=self.who)

    def event(self, id: Id, detail: str = "") -> Write:
        """An event that happens now."""
        return event(id, self.serving.now, detail)

    def audit(self, subject: str = "", detail: str = "") -> Write:
        """That this user has done this now."""
        return Audit(
            self.serving.now, self.identity.user, self.identity.address, self.resource.operation, subject, detail
        )


Handler = Callable[[Call], Awaitable[Answer | Streamed]]
