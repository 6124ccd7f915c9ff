"""A port that belongs to a meter as long as it runs, and listens only while the meter's interface is open.

A meter without supply, one that reboots, or one whose parameters name another interface refuses connections. Its port
stays taken meanwhile: a socket that is bound and does not listen makes the system refuse.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Protocol

from wattproof.errors import PortInUse
from wattproof.io.http import address_error

#: Real seconds after which a port that could not be opened again is tried anew.
_AGAIN = 0.05


class Server(Protocol):
    """What listens at the port while it is open."""

    @property
    def port(self) -> int:
        """Where it listens."""
        ...

    async def close(self) -> None:
        """Listen no more and end every connection."""
        ...


class Gate:
    """One port. ``wanted`` says whether it shall listen now; ``follow`` is called whenever that may have changed.

    :param start: listens at host and port, 0 for a free one; raises ``PortInUse``.
    """

    def __init__(
        self, host: str, port: int, start: Callable[[str, int], Awaitable[Server]], wanted: Callable[[], bool]
    ) -> None:
        self.host = host
        self.port = port
        self._start = start
        self._wanted = wanted
        self._server: Server | None = None
        self._reserved: socket.socket | None = None
        self._switching: asyncio.Task[None] | None = None
        self._ended = False

    @property
    def is_open(self) -> bool:
        """Whether connections are accepted."""
        return self._server is not None

    async def open(self) -> None:
        """Take the port, and listen if that is wanted.

        :raises PortInUse: another process has it.
        """
        await self._switch()

    def follow(self) -> None:
        """Open or shut the port if it is not as wanted; what is left to do happens in the background."""
        if not self._ended and self._switching is None and self._wanted() != self.is_open:
            self._switching = asyncio.get_running_loop().create_task(self._keep_up())

    async def settle(self) -> None:
        """Wait until the port is as wanted."""
        while self._switching is not None:
            await asyncio.wait([self._switching])

    async def close(self) -> None:
        """Give the port up."""
        self._ended = True
        if self._switching is not None:
            self._switching.cancel()
            await asyncio.gather(self._switching, return_exceptions=True)
        if self._server is not None:
            await self._server.close()
            self._server = None
        self._release()

    async def _keep_up(self) -> None:
        try:
            while self._wanted() != self.is_open:
                try:
                    await self._switch()
                except PortInUse as error:
                    logging.getLogger(__name__).warning("%s; it is tried again", error)
                    await asyncio.sleep(_AGAIN)
        finally:
            self._switching = None

    async def _switch(self) -> None:
        if self._wanted():
            self._release()
            self._server = await self._start(self.host, self.port)
            self.port = self._server.port
        else:
            server, self._server = self._server, None
            if server is not None:
                await server.close()
            self._reserve()

    def _reserve(self) -> None:
        if self._reserved is not None:
            return
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(
                self.host, self.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
            )[0]
            reserved = socket.socket(family, kind, protocol)
            try:
                reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                reserved.bind(address)
            except OSError:
                reserved.close()
                raise
        except OSError as error:
            raise address_error(f"{self.host}:{self.port}", error) from error
        self._reserved = reserved
        self.port = reserved.getsockname()[1]

    def _release(self) -> None:
        if self._reserved is not None:
            self._reserved.close()
            self._reserved = None
