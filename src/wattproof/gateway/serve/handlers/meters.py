"""Which meters there are, and what is known of quantities: #16, #28 to #40 (g13-api.md 3, 4, 8.6, 10.1, 10.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wattproof.g13.parameters import STORABLE
from wattproof.gateway.records import Meter, Setting
from wattproof.gateway.serve.call import Call, Handler
from wattproof.gateway.serve.framing import DONE, Answer
from wattproof.gateway.serve.identification import names_of
from wattproof.gateway.serve.problems import Problem
from wattproof.gateway.serve.replies import reply
from wattproof.meters.abb.quantities import ROWS

#: Names under which quantities are configured (4); those under which they are read are those of the ABB meters.
CONFIGURED: Mapping[int, str] = {
    230: "NRG_CONVERSION_FACTOR_CURR",
    231: "NRG_CONVERSION_FACTOR_CO2",
    **dict.fromkeys((232, 233, 234), "TARIFF_CALENDAR_CONFIG"),
    235: "TARIFF_SPECIAL_DAYS_CONFIG",
    236: "TARIFF_ACTIVE",
    237: "TARIFF_SOURCE",
    238: "TARIFF_INPUT_CONFIG",
    239: "IO_CURRENT_OUTPUT_STATE",
    240: "IO_SETTING",
    241: "CLOCK_DST",
}
#: 28.
MAPPING = {str(id): name for id, name in {**{id: row.name for id, row in ROWS.items()}, **CONFIGURED}.items()}
#: Setting with the wireless meters that may join, and how many there may be (8.6).
PERMITTED, PERMITTED_LIMIT = "permitted", 25


async def post_execute(call: Call) -> Answer:
    """16."""
    wanted = call.body
    devices = await call.ask(
        "execute",
        serials=wanted["devices"],
        obis=wanted["obis"],
        class_id=wanted["classid"],
        attributes=wanted["attributes"],
    )
    return reply(call, {"devices": devices})


async def get_parameter_mapping(call: Call) -> Answer:
    """28."""
    return reply(call, MAPPING)


async def get_storable_quantities(call: Call) -> Answer:
    """29."""
    return reply(call, {name: list(ids) for name, ids in STORABLE.items()})


async def get_meters(call: Call) -> Answer:
    """31."""
    names = await names_of(call.serving)
    locations: dict[str, list[dict[str, Any]]] = {}
    for meter in (await call.serving.tables.meters()).values():
        if call.identity.sees(meter.serial):
            locations.setdefault(meter.location, []).append(_listed(meter))
    return reply(
        call,
        {
            "alias": names.alias,
            "location": names.location,
            "serial": names.shown,
            "locations": [
                {"location": location, "serial": "", "meters": meters} for location, meters in locations.items()
            ],
        },
    )


def _listed(meter: Meter) -> dict[str, Any]:
    return {
        "alias": meter.alias or meter.serial,
        "serial": meter.serial,
        "protocol": meter.protocol,
        "address": meter.address,
        "status": meter.status,
    }


async def post_meter(call: Call) -> Answer:
    """32."""
    wanted = call.body
    if wanted.get("serial") not in (None, call.serial):
        raise Problem(400, "serial mismatch")
    await call.ask("rename", serial=call.serial, alias=wanted["alias"], location=wanted["location"], who=call.who)
    return DONE


async def put_meters(call: Call) -> Answer:
    """33."""
    wanted = call.body
    await call.ask(
        "register", serial=wanted["serial"], alias=wanted["alias"], location=wanted["location"], who=call.who
    )
    return DONE


async def delete_meter(call: Call) -> Answer:
    """34."""
    if call.meter is not None and call.meter.origin == "file":
        raise Problem(400, "configured by file")
    await call.ask("deregister", serial=call.serial, who=call.who)
    return DONE


async def get_scanned(call: Call) -> Answer:
    """35."""
    return reply(call, await call.ask("scanned"))


async def post_scan(call: Call) -> Answer:
    """36."""
    await call.ask("scan", body=call.body, token=call.arguments["token"], who=call.who)
    return DONE


async def delete_scanned(call: Call) -> Answer:
    """37."""
    named = call.body.get("scanned")
    serials = None if named is None else [meter["serial"] for meter in named]
    return reply(call, {"deleted": await call.ask("forget_scanned", serials=serials)})


async def get_permitted(call: Call) -> Answer:
    """38."""
    return reply(call, {"meters": await call.serving.tables.setting(PERMITTED, [])})


async def put_permitted(call: Call) -> Answer:
    """39: the union."""
    async with call.serving.changing:
        present: list[str] = await call.serving.tables.setting(PERMITTED, [])
        union = list(dict.fromkeys([*present, *call.body["meters"]]))
        if len(union) > PERMITTED_LIMIT:
            raise Problem(400, "too many meters")
        await call.commit(Setting(PERMITTED, union), call.audit(", ".join(call.body["meters"])))
    return DONE


async def delete_permitted(call: Call) -> Answer:
    """40: the difference."""
    async with call.serving.changing:
        present: list[str] = await call.serving.tables.setting(PERMITTED, [])
        left = [serial for serial in present if serial not in call.body["meters"]]
        await call.commit(Setting(PERMITTED, left), call.audit(", ".join(call.body["meters"])))
    return DONE


HANDLERS: Mapping[int, Handler] = {
    16: post_execute,
    28: get_parameter_mapping,
    29: get_storable_quantities,
    31: get_meters,
    32: post_meter,
    33: put_meters,
    34: delete_meter,
    35: get_scanned,
    36: post_scan,
    37: delete_scanned,
    38: get_permitted,
    39: put_permitted,
    40: delete_permitted,
}
