"""The modern interface as an ASGI application, below ``/api/`` and ``/metrics``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import ModuleType
from typing import Any

from wattproof.gateway.auth.addresses import Network
from wattproof.gateway.auth.facts import Facts
from wattproof.gateway.local import CommandFailed, Failing, Notice
from wattproof.gateway.serve.body import Body, ClientGone, Receive
from wattproof.gateway.serve.call import Serving
from wattproof.gateway.serve.framing import Framing, Send
from wattproof.gateway.serve.modern import about, account, gateway, live, meters, metrics, openapi, profiles, sessions
from wattproof.gateway.serve.modern.face import Called, Face, Reply, Request
from wattproof.gateway.serve.modern.rows import END_POINTS
from wattproof.gateway.serve.problems import INTERNAL, Problem, problem

#: Where the function of an end point is looked for.
MODULES: Sequence[ModuleType] = (account, gateway, about, meters, profiles, live, sessions, openapi, metrics)
#: Notices that one listener may leave waiting before the oldest goes.
WAITING = 1000
#: What is wrong with these is not the request but what it meets: 409 here, while the old face says 400 for all.
_STATE = (Failing.CONFLICT, Failing.UNSUPPORTED)
#: First segments of the paths that are answered here.
SEGMENTS = ("api", "metrics")

_log = logging.getLogger(__name__)


def functions() -> Mapping[str, Callable[[Face, Called], Awaitable[Any]]]:
    """The function of every end point, by its name."""
    found = {}
    for row in END_POINTS:
        found[row.name] = next(getattr(module, row.name) for module in MODULES if hasattr(module, row.name))
    return found


class Notices:
    """Hands notices of the other process to whoever listens at the moment."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[Notice]] = set()

    def tell(self, notice: Notice) -> None:
        """Give a notice to all; a listener that does not keep up loses its oldest one."""
        for queue in self._queues:
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(notice)

    @contextmanager
    def watch(self) -> Iterator[asyncio.Queue[Notice]]:
        """A queue of all notices from now on."""
        queue: asyncio.Queue[Notice] = asyncio.Queue(WAITING)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)


class Modern:
    """``listen``: addresses at which the gateway answers. ``notices``: of ``acquire``."""

    def __init__(
        self,
        serving: Serving,
        *,
        listen: Callable[[], Sequence[str]],
        notices: Notices,
        trusted: Sequence[Network] = (),
    ) -> None:
        self.face = Face(serving, functions(), listen, notices.watch)
        self._framing = Framing(compat=False)
        self._trusted = trusted

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """One request."""
        try:
            reply = await self._reply(scope, receive)
            await self._send(send, reply, receive)
        except ClientGone:
            return
        except Exception as error:
            found = _problem(error)
            if found.text == INTERNAL:
                _log.error("%s %s failed: %s", scope["method"], scope["path"], found.detail, exc_info=error)
            await self._framing.send_problem(send, found, challenge=False)

    async def _reply(self, scope: Mapping[str, Any], receive: Receive) -> Reply:
        method, path = scope["method"], scope["raw_path"].decode("latin-1")
        facts = Facts.of(scope, self._trusted)
        identity = None if self.face.is_open(method, path) else await self.face.serving.gate.admit(facts)
        body = Body(scope["headers"], receive)

        async def read() -> bytes:
            return b"" if method == "GET" else await body.read_json()

        query = scope["query_string"].decode("latin-1")
        return await self.face.answer(Request(method, path, query, read, facts, identity))

    async def _send(self, send: Send, reply: Reply, receive: Receive) -> None:
        headers = [(b"Content-Type", reply.type.encode()), (b"Server", b"wattproof"), (b"Cache-Control", b"no-store")]
        headers.append((b"X-Content-Type-Options", b"nosniff"))
        headers += [(name.encode(), value.encode()) for name, value in reply.headers if name != "Cache-Control"]
        if reply.stream is None:
            headers.append((b"Content-Length", b"%d" % len(reply.body)))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        if reply.stream is None:
            await send({"type": "http.response.body", "body": reply.body})
            return
        await _pour(send, reply.stream, receive)


def _problem(error: Exception) -> Problem:
    if isinstance(error, CommandFailed) and error.kind in _STATE:
        return Problem(409, error.text, detail=error.detail)
    return problem(error)


async def _pour(send: Send, stream: AsyncIterator[bytes], receive: Receive) -> None:
    """Send a stream until it ends or the client goes."""

    async def pour() -> None:
        async for data in stream:
            await send({"type": "http.response.body", "body": data, "more_body": True})

    async def gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass

    tasks = [asyncio.create_task(pour()), asyncio.create_task(gone())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()
    with suppress(OSError):
        await send({"type": "http.response.body", "body": b""})
