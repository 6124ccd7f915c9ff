"""Live values and events as server-sent events (G-407): they end with the session or the right, at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import msgspec

from wattproof.g13.rights import VIEW
from wattproof.gateway.auth.identity import FORBIDDEN, Identity, Refusal
from wattproof.gateway.local import CommandFailed, Notice
from wattproof.gateway.records import Value
from wattproof.gateway.serve.modern.face import Called, Face, Reply
from wattproof.gateway.serve.modern.meters import shown_values
from wattproof.gateway.serve.problems import Problem
from wattproof.model.values import Quality

#: Seconds after which a comment keeps the connection alive, and the rights are looked at again.
HEARTBEAT = 15.0
#: What one reader may leave unread before it is cut off.
BACKLOG = 1000
HEADERS = (("Cache-Control", "no-store"), ("X-Accel-Buffering", "no"))


async def live(face: Face, called: Called) -> Reply:
    """Values of meters as they are read, at most once a second each; changes of status; events of the gateway."""
    user = called.user
    asked: list[str] = called.query.serial
    if not all(user.may(VIEW, serials=[serial]) for serial in asked):
        raise Problem(403, FORBIDDEN)
    serials = asked or [one.serial for one in await face.reader.meters() if user.may(VIEW, serials=[one.serial])]
    return Reply(200, type="text/event-stream", headers=HEADERS, stream=_stream(face, user, serials))


async def _stream(face: Face, user: Identity, serials: list[str]) -> AsyncIterator[bytes]:
    """The stream: three sources fill one queue, this empties it."""
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(BACKLOG)

    def put(data: bytes | None) -> None:
        try:
            queue.put_nowait(data)
        except asyncio.QueueFull:  # nobody reads: give up rather than fill the memory
            with contextlib.suppress(asyncio.QueueEmpty):
                queue.get_nowait()
            queue.put_nowait(None)

    async def values() -> None:
        with contextlib.suppress(CommandFailed):
            async for part in face.local.stream("live", serials=serials):
                put(event("values", _values(part)))
        put(None)

    async def notices() -> None:
        with face.watch() as arriving:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(HEARTBEAT):
                        await _tell(face, await arriving.get(), serials, put)
                try:
                    present = await face.serving.gate.recheck(user)
                except Refusal:
                    present = None
                if present is None or not all(present.may(VIEW, serials=[serial]) for serial in serials):
                    put(None)
                    return
                put(b":\n\n")

    tasks = [asyncio.create_task(work) for work in (values(), notices())]
    try:
        yield b"retry: 1000\n\n"
        while (data := await queue.get()) is not None:
            yield data
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _tell(face: Face, notice: Notice, serials: list[str], put: Callable[[bytes], None]) -> None:
    """What a notice of ``acquire`` means to a reader."""
    if notice.kind == "event":
        put(event("gateway", notice.value))
    elif notice.kind == "changed" and "meters" in notice.value["kinds"]:
        for serial in notice.value["serials"]:
            meter = await face.reader.meter(serial) if serial in serials else None
            if meter is not None:
                put(event("status", {"serial": serial, "status": meter.status}))


def _values(part: Mapping[str, Any]) -> dict[str, Any]:
    values = {
        int(id): Value(mantissa, exponent, time, Quality(quality))
        for id, (mantissa, exponent, time, quality) in part["values"].items()
    }
    return {"serial": part["serial"], "values": shown_values(values)}


def event(name: str, data: Any) -> bytes:
    """One event of a stream (HTML Living Standard, 9.2): JSON has no line breaks of its own."""
    return b"event: " + name.encode() + b"\ndata: " + msgspec.json.encode(data) + b"\n\n"
