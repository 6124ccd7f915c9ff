"""The process ``serve``: HTTPS, users, web pages, both interfaces. It reads the store and asks ``acquire`` to act."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from ipaddress import ip_network
from typing import Any
from urllib.parse import urlsplit

from wattproof.errors import StorageError
from wattproof.gateway.auth.passwords import Verifier
from wattproof.gateway.config import Config
from wattproof.gateway.events import Id, event
from wattproof.gateway.localclient import LocalClient
from wattproof.gateway.localsocket import SOCKET_NAME
from wattproof.gateway.serve.app import Area
from wattproof.gateway.serve.call import Serving
from wattproof.gateway.serve.certificates import Certificates, own_certificate
from wattproof.gateway.serve.connection import compat_answer, default_answer
from wattproof.gateway.serve.door import Door
from wattproof.gateway.serve.edge import Edge
from wattproof.gateway.serve.modern.area import SEGMENTS, Modern, Notices
from wattproof.gateway.serve.service import SERVE, assemble
from wattproof.gateway.store.base import Reader
from wattproof.gateway.store.opening import open_reader
from wattproof.io.clock import SystemClock
from wattproof.io.journal import make_directory
from wattproof.model.clock import Clock

_log = logging.getLogger(__name__)

#: Seconds between two looks for a store that ``acquire`` has still to make.
LOOK = 0.2


async def run(config: Config, *, ready: Callable[[Mapping[str, Any]], None], stopping: asyncio.Event) -> int:
    """Be the process until ``stopping``, or until ``acquire`` says that both shall begin anew; the exit code.

    ``ready`` is told where the gateway answers.

    Raises:
        StorageError: neither certificate nor store can be used.
        PortInUse, InvalidURL: an address at which nobody can listen.
    """
    clock = SystemClock()
    make_directory(config.data)
    async with AsyncExitStack() as stack:
        local = LocalClient(config.data / SOCKET_NAME, clock)
        ending = asyncio.Event()
        local.listen(lambda notice: ending.set() if notice.kind == "stopping" else None)
        reader = await _reader(config, stopping)
        if reader is None:
            return 0
        stack.push_async_callback(reader.close)
        verifier = Verifier()
        stack.callback(verifier.close)
        edge = _Serving(config, reader, local, verifier, clock)
        await local.start()
        stack.push_async_callback(local.close)
        stack.push_async_callback(edge.close)
        await edge.start()
        ready({"listen": edge.urls})
        await _first_of(stopping, ending)
    return 0


class _Serving:
    """Everything between the sockets and the store."""

    def __init__(self, config: Config, reader: Reader, local: LocalClient, verifier: Verifier, clock: Clock) -> None:
        trusted = [ip_network(text) for text in config.trusted_proxies]
        self._local, self._clock = local, clock
        self._tasks: set[asyncio.Task[None]] = set()
        notices = Notices()

        def areas(serving: Serving) -> Mapping[str, Area]:
            modern = Modern(serving, listen=lambda: self.urls, notices=notices, trusted=trusted)
            return dict.fromkeys(SEGMENTS, modern)

        self.service = assemble(
            config, reader, local, verifier, clock, current=lambda: local.current, listening=self, areas=areas
        )
        local.listen(self.service.take)
        local.listen(notices.tell)
        compat = config.compat == "g13"
        self._edge = Edge(
            self.service.app,
            config.listen,
            _certificates(config, clock),
            Door(clock, self._crowded, trusted=trusted),
            answer=compat_answer if compat else default_answer,
        )

    @property
    def urls(self) -> list[str]:
        """Where the gateway answers."""
        return self._edge.urls

    @property
    def host(self) -> str:
        """See :class:`~wattproof.gateway.serve.network.Listening`."""
        return self._edge.host

    async def move(self, host: str) -> None:
        """See :class:`~wattproof.gateway.serve.network.Listening`."""
        await self._edge.move(host)

    async def start(self) -> None:
        """Listen."""
        await self.service.tidy()
        await self._edge.start()

    async def close(self) -> None:
        """Answer what was asked, then let go."""
        await self._edge.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.service.close()

    def _crowded(self, text: str) -> None:
        """A connection found no place: event 8."""
        task = asyncio.create_task(self._record(text))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _record(self, text: str) -> None:
        happened = event(Id.CONNECTION_LIMIT, self._clock.time() // 10**6, text)
        try:
            await self._local.call("commit", writes=[happened], who=SERVE)
        except Exception as error:  # the connection was closed all the same
            _log.warning("%s; it is not in the log: %s", text, error)


def _certificates(config: Config, clock: Clock) -> Certificates:
    if config.certificate is not None and config.key_file is not None:
        return Certificates(config.certificate, config.key_file, clock)
    hosts = [urlsplit(url).hostname or "" for url in config.listen]
    return Certificates(*own_certificate(config.data, hosts), clock)


async def _reader(config: Config, stopping: asyncio.Event) -> Reader | None:
    """The store, once ``acquire`` has made it; ``None`` where the process shall end before."""
    said = False
    while not stopping.is_set():
        try:
            return await open_reader(config.store_url, config.data, password_file=config.store_password_file)
        except StorageError as error:
            if not said:
                _log.warning("waiting for the store: %s", error)
            said = True
        try:
            async with asyncio.timeout(LOOK):
                await stopping.wait()
        except TimeoutError:
            continue
    return None


async def _first_of(*events: asyncio.Event) -> None:
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
