"""The process ``serve`` without its listeners: everything that an answer is made of, put together."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from wattproof.gateway.auth.accounts import Accounts
from wattproof.gateway.auth.addresses import networks
from wattproof.gateway.auth.gate import Gate
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.config import Config
from wattproof.gateway.events import Id, event
from wattproof.gateway.images import needed
from wattproof.gateway.local import CONNECTED, Local, Notice
from wattproof.gateway.records import Setting, Write
from wattproof.gateway.serve.app import App, Area
from wattproof.gateway.serve.cache import Bodies
from wattproof.gateway.serve.call import MILLISECOND, Serving
from wattproof.gateway.serve.handlers.gateway import NETWORK
from wattproof.gateway.serve.image import discard_others
from wattproof.gateway.serve.lasterror import LastErrors
from wattproof.gateway.serve.network import Listening, Moving
from wattproof.gateway.serve.tables import Tables
from wattproof.gateway.store.base import Reader
from wattproof.io.interfaces import hardware_address
from wattproof.model.clock import Clock

#: Who does what nobody has asked for.
SERVE = {"user": "", "address": ""}
CHANGED = "changed"


@dataclass(slots=True)
class Service:
    """What listeners need: ``app``, and to call ``take`` with every notice before it is confirmed."""

    serving: Serving
    app: App

    def take(self, notice: Notice) -> None:
        """A notice of the other process: from the return on nothing is answered from what is no longer true."""
        if notice.kind not in (CHANGED, CONNECTED):
            return
        self.serving.tables.take(notice)
        self.serving.bodies.take(notice)
        self.serving.gate.changed(notice.value)

    async def tidy(self) -> None:
        """Remove images that a broken upload or a reset has left."""
        images = needed(await self.serving.reader.settings())
        await asyncio.to_thread(discard_others, self.serving.config.data, images, uploads=True)

    async def close(self) -> None:
        """End what runs in the background; reader and socket are those of the caller."""
        await self.serving.moving.close()
        await self.serving.gate.close()


def assemble(
    config: Config,
    reader: Reader,
    local: Local,
    verifier: Verifier,
    clock: Clock,
    *,
    current: Callable[[], bool],
    listening: Listening | None = None,
    hardware: Callable[[str], int] = hardware_address,
    areas: Callable[[Serving], Mapping[str, Area]] = lambda serving: {},
) -> Service:
    """The process, from its parts.

    ``current``: whether changes are heard of (:attr:`wattproof.gateway.localclient.LocalClient.current`).
    ``listening``: the listeners, where the configuration allows them to move. ``areas`` makes what answers beside the
    91 resources.
    """

    async def commit(*writes: Write) -> None:
        await local.call("commit", writes=list(writes), who=SERVE)

    async def restore(settings: dict[str, Any] | None) -> None:
        now = clock.time() // MILLISECOND
        await commit(Setting(NETWORK, settings), event(Id.IP_ADDRESS_CHANGED, now, "nobody came to the new address"))

    gate = Gate(reader, commit, verifier, clock, current=current, rate_limit=config.rate_limit)
    serving = Serving(
        config=config,
        reader=reader,
        local=local,
        clock=clock,
        zone=ZoneInfo(config.timezone),
        gate=gate,
        accounts=Accounts(reader, commit, gate, verifier, compat=config.compat, folder=config.data),
        tables=Tables(reader, current),
        bodies=Bodies(clock, current),
        errors=LastErrors(reader, commit, clock),
        moving=Moving(
            listening if config.allow_network else None,
            clock,
            restore,
            home=urlsplit(config.listen[0]).hostname or "",
            hardware=hardware,
        ),
    )
    return Service(serving, App(serving, trusted=networks(config.trusted_proxies), areas=areas(serving)))
