"""A past for a gateway that has just been made: a meter is read and its engine fed as if it had run before.

For demonstrations and tests. Source, engine and store are those of a running gateway; only nobody waits between two
readings.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from wattproof.gateway.acquire.station import Source, traits_of
from wattproof.gateway.acquire.storing import Layouts
from wattproof.gateway.auth.firststart import ADMIN
from wattproof.gateway.engines.engine import open_engine
from wattproof.gateway.engines.facts import Facts
from wattproof.gateway.records import Access, Binding, Meter, Write
from wattproof.gateway.store.base import Store

#: Moments whose readings and rows go into one transaction.
TOGETHER = 96


async def live_through(
    store: Store,
    meter: Meter,
    source: Source,
    zone: ZoneInfo,
    moments: Iterable[int],
    arrive: Callable[[int], Awaitable[None]],
) -> Meter:
    """Read ``meter`` at each of ``moments`` (UTC ms, rising) and store what a gateway would have stored.

    ``arrive`` lets the meter come to a moment before it is read. The meter is registered at the first one. Returns its
    record.
    """
    clock = [0]
    await source.open()
    ids = frozenset[int]().union(*source.groups().values())
    known = replace(meter, serial=source.serial, label=source.label)
    engine = None
    layouts = Layouts(store, known.serial)
    pending: list[Write] = []
    for count, now in enumerate(moments, 1):
        clock[0] = now
        await arrive(now)
        if engine is None:
            facts = Facts(known.serial, ids)
            engine, begun = await open_engine(
                facts, zone, 0, reader=store, commit=lambda writes: store.commit(*writes), now=lambda: clock[0]
            )
            provided = tuple(sorted(ids | engine.provides))
            known = replace(known, provides=provided, traits=traits_of(source), registered=now)
            pending += [known, Binding(ADMIN, known.serial, Access.CONFIGURE), *begun]  # GD-43
        read = await source.read(ids)
        values = {id: value._replace(time=now) for id, value in read.items()}
        for group, members in source.groups().items():
            pending.append(await layouts.readings(group, members, values, now))
        pending += engine.feed(values, now)
        pending += engine.tick(now)
        if count % TOGETHER == 0:
            await store.commit(*pending)
            pending = []
    await store.commit(*pending)
    return known
