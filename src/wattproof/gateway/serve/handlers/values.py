"""Values of one meter: #54, #55, #56, #58, #59, #60 (g13-api.md 3, 11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from wattproof.gateway import answers
from wattproof.gateway.local import CommandFailed, Failing
from wattproof.gateway.records import Meter, Value
from wattproof.gateway.serve import values
from wattproof.gateway.serve.cache import Kept
from wattproof.gateway.serve.call import Call, Handler
from wattproof.gateway.serve.framing import Answer
from wattproof.gateway.serve.freshness import STALE, aged, allowed
from wattproof.gateway.serve.problems import Problem
from wattproof.gateway.serve.replies import body_of
from wattproof.model.values import Quality

Values = dict[int, Value]


def table_of(resource: int, arguments: Mapping[str, Any]) -> values.Table:
    """What a resource shows."""
    match resource:
        case 54:
            return values.ENERGY[arguments["type"]]
        case 55:
            return values.CONVERTED[arguments["mode"]]
    return {56: values.RESETTABLE, 58: values.COUNTERS, 59: values.POWER, 60: values.INSTRUMENT}[resource]


def must_answer(meter: Meter, resource: int, arguments: Mapping[str, Any]) -> None:
    """Raises ``Problem`` 400 where the meter has no such thing (10.3)."""
    answer = answers.answer(meter, resource, arguments)
    if isinstance(answer, answers.Unsupported):
        raise Problem(400, answer.text)


async def get_values(call: Call) -> Answer:
    """54, 55, 56, 58, 59, 60."""
    must_answer(call.of_meter, call.resource.number, call.arguments)
    bodies = call.serving.bodies
    known = bodies.get(call.key)
    kept, stale = (known, False) if known is not None else await bodies.share(call.key, lambda: _read(call))
    extra = aged(kept.oldest, call.serving.now, compat=call.serving.compat)
    return Answer(kept.body, extra=(*extra, STALE) if stale else extra, kept=not stale)


async def _read(call: Call) -> tuple[Kept, bool]:
    """The body of values that are fresh enough, and whether they are not."""
    meter, number, bodies = call.of_meter, call.resource.number, call.serving.bodies
    table, age, version = table_of(number, call.arguments), allowed(number, meter), bodies.version
    stale = False
    try:
        found = await ask_values(call, meter.serial, values.ids(table), age.most, age.wait)
    except CommandFailed as failure:
        last = await last_values(call, meter.serial, values.ids(table), failure)
        if last is None:
            raise
        found, stale = last, True
    body = body_of(call.resource, values.compose(table, found), compat=call.serving.compat)
    oldest = values.oldest(table, found)
    if oldest is not None and not stale:
        bodies.keep(call.key, body, oldest, age.most, version)
    return Kept(body, call.serving.now if oldest is None else oldest, 0), stale


async def ask_values(call: Call, serial: str, ids: tuple[int, ...], most: float, wait: float) -> Values:
    """Values not older than ``most`` seconds. Raises ``CommandFailed``."""
    found = await call.ask("values", serial=serial, ids=list(ids), max_age=most, wait=wait)
    return msgspec.convert(found, Values)


async def last_values(call: Call, serial: str, ids: tuple[int, ...], failure: CommandFailed) -> Values | None:
    """With ``offline = "last"``, the last good values of a meter that does not answer (11.3)."""
    config = call.serving.config
    if failure.kind is not Failing.METER or config.offline != "last" or call.serving.compat:
        return None
    first = call.serving.now - config.offline_max_age_s * 1000
    latest = await call.serving.reader.latest(serial, list(ids))
    good = {
        id: value
        for id, value in latest.items()
        if value.mantissa is not None and value.quality in (Quality.GOOD, Quality.ESTIMATED) and value.time >= first
    }
    return good or None


HANDLERS: Mapping[int, Handler] = dict.fromkeys((54, 55, 56, 58, 59, 60), get_values)
