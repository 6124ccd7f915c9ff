"""Resources 41 to 90 of one meter: by the table of 10.3 the meter answers, its engine, both, or the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from wattproof.errors import StorageError, WattproofError
from wattproof.gateway.acquire.ages import age_of
from wattproof.gateway.acquire.fleet import kept_by
from wattproof.gateway.acquire.site import NO_SPACE, Site
from wattproof.gateway.acquire.sources.failures import failure
from wattproof.gateway.acquire.station import Document, Engine
from wattproof.gateway.acquire.stations import EXECUTE, Station
from wattproof.gateway.answers import ENGINE_PART, Answer, Unsupported, answer, associations, merged
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Setting

#: Log entries of #51 where the request does not say how many.
COUNT = 100
STATUS, ASSOCIATIONS, RATIOS = 49, 30, 48


def who_answers(station: Station, resource: int, arguments: Mapping[str, Any]) -> Answer:
    """Raises ``CommandFailed`` (``unsupported``): nobody does."""
    found = answer(station.record, resource, arguments)
    if isinstance(found, Unsupported):
        raise CommandFailed(Failing.UNSUPPORTED, found.text)
    return found


def engine_of(station: Station) -> Engine:
    """Raises ``CommandFailed``: the meter has never answered, so its engine does not know what there is."""
    if station.engine is None:
        station.check_presence()
        raise CommandFailed(Failing.METER, "received invalid response from COSEM.", detail="the meter is not known yet")
    return station.engine


async def document(
    station: Station,
    resource: int,
    arguments: Mapping[str, Any],
    max_age: float | None = None,
    wait: float | None = None,
) -> Document:
    """The body of a reading resource and its time. Without ``max_age`` and ``wait`` the table of 11.1 counts.

    Raises ``CommandFailed``.
    """
    found = who_answers(station, resource, arguments)
    age = age_of(resource, mbus=station.mbus)
    most, longest = age.most if max_age is None else max_age, age.wait if wait is None else wait
    if resource == STATUS:
        return status(station)
    if found is Answer.ENGINE:
        return await engine_of(station).get(resource, arguments)
    taken = await station.get(resource, arguments, most, longest)
    if found is Answer.GATEWAY and resource == ASSOCIATIONS:
        return Document({**taken.body, "associationobjects": associations(station.record)}, taken.time)
    if found is Answer.MERGED and station.engine is not None:
        try:
            added = await station.engine.get(ENGINE_PART[resource], arguments)
        except CommandFailed as error:
            if error.kind is not Failing.UNSUPPORTED:
                raise
            return taken  # the engine has nothing to add to this one
        count = int(arguments.get("count") or COUNT)
        return Document(merged(resource, taken.body, added.body, count), min(taken.time, added.time))
    return taken


async def execute(
    station: Station, obis: bytes, class_id: int, attributes: Sequence[Mapping[str, int]]
) -> dict[str, Any]:
    """What #16 says of one device: a value for each pair of attributes; an object that it has not is no failure.

    Raises ``CommandFailed``.
    """
    age = age_of(EXECUTE, mbus=station.mbus)
    told: dict[str, Any] = {"values": []}
    for pair in attributes:
        body = (await station.execute(obis, class_id, pair, age.most, age.wait)).body
        told["values"] += body["values"]
        if "error" in body:
            told["error"] = body["error"]
    return told


def status(station: Station) -> Document:
    """#49: who it is and whether it is there, without asking it."""
    record = station.record
    return Document({"serial": record.serial, "label": record.label, "status": record.status}, station.now)


async def change(
    station: Station, site: Site, resource: int, body: Mapping[str, Any], arguments: Mapping[str, Any]
) -> None:
    """Carry out a writing or deleting resource; what it changes here is on disk when this returns.

    Raises ``CommandFailed``; ``where`` is the member that was reached.
    """
    found = who_answers(station, resource, arguments)
    if found is Answer.ENGINE:
        try:
            await engine_of(station).put(resource, body, arguments)
        except StorageError as error:
            raise CommandFailed(Failing.STORAGE, NO_SPACE, detail=str(error)) from error
        finally:
            station.arm()
        if resource == RATIOS:
            station.outdated()
        return
    source: Any = station.source
    before = getattr(source, "kept", None)
    await station.put(resource, body, arguments, age_of(resource, mbus=station.mbus).wait)
    if (kept := getattr(source, "kept", None)) != before:
        await site.commit(Setting(kept_by(station.serial), kept))


async def rows(station: Station, resource: int, arguments: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
    """Resources 69, 73, 77: first the head, then lists of finished items; of an engine what rows of the store they are
    made of (:class:`~wattproof.gateway.engines.rows.Stored`).

    Raises ``CommandFailed``, also after parts.
    """
    if who_answers(station, resource, arguments) is Answer.ENGINE:
        async for part in engine_of(station).rows(resource, arguments):
            yield part
        return
    station.check_presence()
    async with station.runner.aside, aclosing(_pumped(station, resource, arguments)) as parts:
        async for part in parts:
            yield part


async def _pumped(station: Station, resource: int, arguments: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
    """The rows of a meter, read without regard to how fast they are taken: a slow reader must not hold the bus.

    They are read beside the runner: between two transactions the polls of the bus get their turns at the driver.
    """
    queue: asyncio.Queue[tuple[Any, bool]] = asyncio.Queue()

    async def pump() -> None:
        try:
            async for part in station.source.rows(resource, arguments):
                queue.put_nowait((part, False))
        except WattproofError as error:
            station.judge(error)
            queue.put_nowait((failure(error), True))
        except Exception as error:
            queue.put_nowait((CommandFailed(Failing.INTERNAL, "internal error", detail=repr(error)), True))
        else:
            queue.put_nowait((None, True))

    task = asyncio.create_task(pump())
    try:
        while True:
            part, over = await queue.get()
            if not over:
                yield part
            elif part is None:
                return
            else:
                raise part
    finally:
        task.cancel()
        await asyncio.wait([task])
