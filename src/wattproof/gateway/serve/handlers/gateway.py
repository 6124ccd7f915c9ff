"""The gateway itself: #1, #4 to #15 (g13-api.md 3, 8)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wattproof.gateway.events import Id
from wattproof.gateway.records import ClearEvents, Setting
from wattproof.gateway.serve.call import CLOCK, Call, Handler
from wattproof.gateway.serve.framing import DONE, Answer
from wattproof.gateway.serve.identification import SETTING as NAMES
from wattproof.gateway.serve.identification import about, names_of
from wattproof.gateway.serve.localtime import instant, shown
from wattproof.gateway.serve.network import usual
from wattproof.gateway.serve.problems import Problem
from wattproof.gateway.serve.replies import reply
from wattproof.io.hostclock import synchronised

#: Setting with what #5 has stored.
NETWORK = "ip"
#: What #4 shows where nothing was stored: the values of the original (3).
EQBUS = {"baudrate": 500000, "interoctettimeout": 40}
MBUS = {
    "ack": 1000,
    "delay_after_telegram": 1000,
    "delay_before_requd2": 200,
    "get_request": 0,
    "meter_contact": 0,
    "response_timeout": 0,
    "response_timeout_base": 800,
}
BUSES: Mapping[str, Mapping[str, int]] = {"eqbus": EQBUS, "mbus-wired": MBUS, "mbus-ir": MBUS}
_KINDS = {6: "eqbus", 7: "mbus-wired", 8: "mbus-ir"}
#: The log of the gateway is a log of events, whatever that means (13).
_EVENT_LOG = 2


async def get_about(call: Call) -> Answer:
    """1."""
    return reply(call, about(await names_of(call.serving), compat=call.serving.compat))


async def get_configuration(call: Call) -> Answer:
    """4."""
    tables = call.serving.tables
    moving = call.serving.moving
    network = await tables.setting(NETWORK, usual(moving.host))
    body: dict[str, Any] = {"ip": {**network, "mac": moving.mac}}
    for name, original in BUSES.items():
        body[name] = {**original, **await tables.setting(name, {})}
    return reply(call, body)


async def post_ip(call: Call) -> Answer:
    """5."""
    settings, moving = {**call.body}, call.serving.moving
    moving.check(settings)
    async with call.serving.changing:
        before = await call.serving.tables.setting(NETWORK)
        changed = call.event(Id.IP_ADDRESS_CHANGED, settings["ip"])
        await call.commit(Setting(NETWORK, settings), changed, call.audit(settings["ip"]))
        moving.begin(settings, before)
    return DONE


async def post_bus(call: Call) -> Answer:
    """6, 7, 8."""
    await call.ask("configure_bus", kind=_KINDS[call.resource.number], body=call.body, who=call.who)
    return DONE


async def get_gateway(call: Call) -> Answer:
    """9."""
    names = await names_of(call.serving)
    return reply(call, {"serial": names.shown, "alias": names.alias, "location": names.location})


async def post_gateway(call: Call) -> Answer:
    """10."""
    wanted = call.body
    async with call.serving.changing:
        names = await names_of(call.serving)
        if wanted.get("serial") not in (None, names.shown):
            raise Problem(400, "serial mismatch")
        kept = {
            **await call.serving.tables.setting(NAMES, {}),
            **{name: wanted[name] for name in ("alias", "location")},
        }
        renamed = [call.event(Id.ALIAS_CHANGED, wanted["alias"])] if wanted["alias"] != names.alias else []
        await call.commit(Setting(NAMES, kept), *renamed, call.audit(wanted["alias"]))
    return DONE


async def get_datetime(call: Call) -> Answer:
    """11."""
    stored = await call.serving.tables.setting(CLOCK)
    status = "set" if stored is not None or synchronised() else "not set"
    return reply(call, {"datetime": await call.serving.shown(call.serving.now), "status": status})


async def post_datetime(call: Call) -> Answer:
    """12. What can be said has whole seconds, and so has the offset: the right time is none."""
    wanted = instant(call.body["datetime"], call.serving.zone)
    await call.ask("set_clock_offset", offset_ms=(wanted - call.serving.now // 1000 * 1000), who=call.who)
    return DONE


async def get_events(call: Call) -> Answer:
    """13."""
    serving = call.serving
    offset = await serving.offset()
    events = [
        {
            "category": event.category,
            "index": index,
            "id": event.id,
            "timestamp": shown(event.time, offset, serving.zone),
            "type": _EVENT_LOG,
        }
        for index, event in await serving.reader.events()
    ]
    return reply(call, {"events": events})


async def delete_events(call: Call) -> Answer:
    """14."""
    await call.commit(ClearEvents(call.serving.now), call.event(Id.EVENTS_RESET), call.audit())
    return DONE


async def post_reboot(call: Call) -> Answer:
    """15."""
    await call.ask("reboot", who=call.who)
    answer = reply(call, {"status": "Rebooting"})
    return Answer(answer.body, close=True)


HANDLERS: Mapping[int, Handler] = {
    1: get_about,
    4: get_configuration,
    5: post_ip,
    6: post_bus,
    7: post_bus,
    8: post_bus,
    9: get_gateway,
    10: post_gateway,
    11: get_datetime,
    12: post_datetime,
    13: get_events,
    14: delete_events,
    15: post_reboot,
}
