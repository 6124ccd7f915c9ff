"""Network settings: what #4 shows, and listening at the address that #5 has set (g13-api.md 8.1)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from wattproof.errors import WattproofError
from wattproof.gateway.serve.problems import Problem
from wattproof.io.interfaces import hardware_address, is_local
from wattproof.model.clock import Clock

#: Seconds between the answer and the move, and for a first visitor at the new address.
PAUSE, PROBATION = 1, 120
NOWHERE = "0.0.0.0"  # noqa: S104 - "none" in the interface's words, not an address to listen at

_log = logging.getLogger(__name__)


class Listening(Protocol):
    """What holds the listeners of the process."""

    @property
    def host(self) -> str:
        """Where it listens, as given at the start or by the last :meth:`move`."""
        ...

    async def move(self, host: str) -> None:
        """Listen at ``host`` at the old port; the new listener opens before the old one closes.

        Raises ``WattproofError`` where that cannot be; the old one stays then.
        """
        ...


def usual(host: str) -> dict[str, Any]:
    """The settings of a gateway that was never told any: it listens where it was started to."""
    return {
        "dhcp": True,
        "dns": True,
        "gateway": NOWHERE,
        "ip": host if host.count(".") == 3 else NOWHERE,
        "pdns": NOWHERE,
        "sdns": NOWHERE,
        "subnet": NOWHERE,
    }


def mac_text(address: int) -> str:
    """A hardware address as six decimal numbers with dots (GD-28).

    >>> mac_text(0xFFFFFFC72200)
    '255.255.255.199.34.0'
    """
    return ".".join(str(octet) for octet in address.to_bytes(6, "big"))


class Moving:
    """Follows #5 where the configuration allows it, and returns where nobody comes (8.1).

    ``listening``: the listeners, ``None`` where they may not move; ``home``: where they were started to listen.
    ``restore`` stores the settings before, or ``None``, and logs event 13.
    """

    def __init__(
        self,
        listening: Listening | None,
        clock: Clock,
        restore: Callable[[dict[str, Any] | None], Awaitable[None]],
        *,
        home: str = NOWHERE,
        belongs: Callable[[str], bool] = is_local,
        hardware: Callable[[str], int] = hardware_address,
    ) -> None:
        self._listening = listening
        self._clock = clock
        self._restore = restore
        self._home = home
        self._belongs = belongs
        self._hardware = hardware
        self._macs: dict[str, str] = {}
        self._task: asyncio.Task[None] | None = None
        self._awaited: str | None = None
        self._visited = asyncio.Event()

    @property
    def allowed(self) -> bool:
        """Whether the gateway moves at all."""
        return self._listening is not None

    @property
    def host(self) -> str:
        """Where the process listens."""
        return self._home if self._listening is None else self._listening.host

    @property
    def mac(self) -> str:
        """The hardware address of the interface that listens, which nobody can set."""
        if self.host not in self._macs:
            self._macs[self.host] = mac_text(self._hardware(self.host))
        return self._macs[self.host]

    def check(self, settings: Mapping[str, Any]) -> None:
        """Raises ``Problem`` 400 where the address is none of this host's."""
        if self._listening is not None and not settings["dhcp"] and not self._belongs(settings["ip"]):
            raise Problem(400, "ip is not an address of this host")

    def begin(self, settings: Mapping[str, Any], before: dict[str, Any] | None) -> None:
        """Move, after the answer. A move that is still on probation is given up for this one."""
        if self._listening is None:
            return
        if self._task is not None:
            self._task.cancel()
        target = self._home if settings["dhcp"] else settings["ip"]
        self._task = asyncio.create_task(self._move(self._listening, target, before))

    def visit(self, server: Sequence[Any] | None) -> None:
        """An authenticated request has come in at this address and port."""
        if self._awaited is not None and server and server[0] == self._awaited:
            self._visited.set()

    async def close(self) -> None:
        """Give up what is on its way."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def _move(self, listening: Listening, target: str, before: dict[str, Any] | None) -> None:
        old = listening.host
        await self._clock.sleep(PAUSE)
        if target == old:
            return
        try:
            await listening.move(target)
            if await self._is_visited(target):
                return
            _log.warning("nobody came to %s in %d s: listening at %s again", target, PROBATION, old)
            await listening.move(old)
        except WattproofError as error:
            _log.error("cannot listen at %s: %s", target, error)
        await self._restore(before)

    async def _is_visited(self, target: str) -> bool:
        self._visited.clear()
        self._awaited = target
        limit = asyncio.ensure_future(self._clock.sleep(PROBATION))
        visit = asyncio.ensure_future(self._visited.wait())
        try:
            await asyncio.wait([limit, visit], return_when=asyncio.FIRST_COMPLETED)
            return self._visited.is_set()
        finally:
            self._awaited = None
            for task in (limit, visit):
                task.cancel()
