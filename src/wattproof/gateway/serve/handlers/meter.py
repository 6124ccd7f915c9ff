"""Resources of one meter that ``acquire`` answers: #30, #41 to #90 (g13-api.md 3, 10.3)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing
from typing import Any

from wattproof.g13.resources import RESOURCES
from wattproof.gateway.engines.rows import unfolded
from wattproof.gateway.serve.call import Call, Handler
from wattproof.gateway.serve.framing import DONE, Answer
from wattproof.gateway.serve.freshness import aged, allowed
from wattproof.gateway.serve.handlers.values import HANDLERS as VALUES
from wattproof.gateway.serve.handlers.values import must_answer
from wattproof.gateway.serve.problems import Problem
from wattproof.gateway.serve.replies import reply
from wattproof.gateway.serve.rows import Rows
from wattproof.gateway.serve.streaming import Streamed

#: What is recorded over time, and so may be long.
RECORDED = frozenset({69, 73, 77})
STATUS, ASSOCIATIONS = 49, 30


async def get_document(call: Call) -> Answer:
    """A document, from the meter or its engine."""
    meter, number = call.of_meter, call.resource.number
    must_answer(meter, number, call.arguments)
    age = allowed(number, meter)
    found = await call.ask(
        "get",
        serial=meter.serial,
        resource=number,
        arguments=_beside_serial(call.arguments),
        max_age=age.most,
        wait=age.wait,
    )
    return reply(call, found["document"], extra=aged(found["time"], call.serving.now, compat=call.serving.compat))


async def get_status(call: Call) -> Answer:
    """49: as far as it is known, without asking the meter."""
    meter = call.of_meter
    return reply(call, {"serial": meter.serial, "label": meter.label, "status": meter.status})


async def put_document(call: Call) -> Answer:
    """A write, or a clearing."""
    meter, number = call.of_meter, call.resource.number
    must_answer(meter, number, call.arguments)
    await call.ask(
        "put",
        serial=meter.serial,
        resource=number,
        body=call.body,
        arguments=_beside_serial(call.arguments),
        who=call.who,
    )
    call.serving.bodies.forget(meter.serial)
    return DONE


async def get_rows(call: Call) -> Streamed:
    """69, 73, 77."""
    must_answer(call.of_meter, call.resource.number, call.arguments)
    return Streamed(_pieces(call))


async def _pieces(call: Call) -> AsyncIterator[bytes]:
    parts = call.serving.local.stream(
        "rows",
        serial=call.of_meter.serial,
        resource=call.resource.number,
        arguments=_beside_serial(call.arguments),
    )
    async with aclosing(parts) as stream:  # type: ignore[type-var]
        found = unfolded(stream, call.serving.reader)
        head = await anext(found, None)
        if head is None:
            raise Problem(500, "internal error", detail="an answer without a head")
        body = Rows(call.resource, head, compat=call.serving.compat)
        yield body.head
        async for items in found:
            yield body.items(items)
        yield body.end


def _beside_serial(arguments: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in arguments.items() if name != "serial"}


def _handler(number: int, method: str) -> Handler:
    if number in RECORDED:
        return get_rows
    return get_document if method == "GET" else put_document


HANDLERS: Mapping[int, Handler] = {
    **{
        row.number: _handler(row.number, row.method)
        for row in RESOURCES
        if (row.number >= 41 and row.of_meter) or row.number == ASSOCIATIONS
    },
    STATUS: get_status,
    **VALUES,
}
