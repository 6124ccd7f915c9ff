"""Both processes of the gateway in one event loop: the real ``acquire`` with virtual meters in memory behind the real
application, on a clock that is moved from one sleeper to the next."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from tests.gateway.acquire.world import World
from tests.gateway.serve.rig import HASHES, PASSWORDS, Answered, Line, Rig
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.config import Config
from wattproof.gateway.identity import new_identity
from wattproof.gateway.local import Notice
from wattproof.gateway.records import User
from wattproof.gateway.serve.modern.area import Notices
from wattproof.gateway.serve.service import assemble
from wattproof.model.clock import VirtualClock


class Teller:
    """Hands notices on as the local socket does."""

    def __init__(self, house: House) -> None:
        self._house = house

    def tell(self, kind: str, value: Any = None) -> None:
        self._house.service.take(Notice(kind, value))

    async def tell_and_wait(self, kind: str, value: Any = None) -> None:
        self.tell(kind, value)


class Counted:
    """A verifier at whose threads virtual time waits."""

    def __init__(self, verifier: Verifier, world: World) -> None:
        self._verifier, self._world = verifier, world

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._verifier, name)
        if not inspect.iscoroutinefunction(found):
            return found

        async def counted(*arguments: Any) -> Any:
            self._world.store.working += 1
            try:
                return await found(*arguments)
            finally:
                self._world.store.working -= 1

        return counted


class House(Rig):
    """A rig whose other process is the real one."""

    def __init__(
        self, folder: Path, config: Config, wires: Any, clock: VirtualClock, verifier: Verifier, lines: Any = None
    ) -> None:
        self.world = World(folder, config, wires, clock, lines)
        self.clock, self.config, self.current = clock, config, True
        self.store = self.world.store  # type: ignore[assignment] # it counts what its threads do
        self.line = Line(self.world.acquire.table())
        self.notices = Notices()
        counted: Any = Counted(verifier, self.world)
        self.service = assemble(
            config,
            self.store,
            self.line,
            counted,
            clock,
            current=lambda: self.current,
            areas=self._areas,
            hardware=lambda host: 0,
        )
        self.app = self.service.app
        self.cookies = {}
        self.world.site.teller = Teller(self)

    async def __aenter__(self) -> House:
        await self.world.run(self.store.commit(new_identity(), *_users()))
        await self.world.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.service.close()
        await self.world.__aexit__()

    async def exchange(self, *arguments: Any, **options: Any) -> Answered:
        return await self.world.run(super().exchange(*arguments, **options))

    async def pass_(self, seconds: float) -> None:
        """Let time pass."""
        await self.world.pass_(seconds)


def _users() -> list[User]:
    return [User(name, HASHES[name], admin=name in ("gina", "admin")) for name in PASSWORDS]
