"""Users and their access to meters: #17 to #23 (g13-api.md 3, 9.1)."""

from __future__ import annotations

from collections.abc import Mapping

from wattproof.gateway.records import Access
from wattproof.gateway.serve.call import Call, Handler
from wattproof.gateway.serve.framing import DONE, Answer
from wattproof.gateway.serve.replies import reply


async def get_users(call: Call) -> Answer:
    """17."""
    users = await call.serving.accounts.users(call.identity)
    return reply(call, {"users": [{"name": user.name, "gatewayadmin": user.admin} for user in users]})


async def post_user(call: Call) -> Answer:
    """18. The name in the body counts."""
    body = call.body
    await call.serving.accounts.change(
        call.identity, body["name"], body.get("key"), oldkey=body.get("oldkey"), admin=body.get("gatewayadmin")
    )
    return DONE


async def put_user(call: Call) -> Answer:
    """19."""
    body, accounts = call.body, call.serving.accounts
    await accounts.add(call.identity, body["name"], body["key"])
    if body.get("gatewayadmin"):
        await accounts.change(call.identity, body["name"], None, admin=True)
    return DONE


async def delete_user(call: Call) -> Answer:
    """20. Whatever the body says, the name in the path is meant."""
    await call.serving.accounts.remove(call.identity, call.arguments["user"])
    return DONE


async def get_bindings(call: Call) -> Answer:
    """21."""
    bindings = await call.serving.accounts.bindings(call.identity, call.arguments["user"])
    return reply(call, {"bindings": [{"serial": serial, "access": access.value} for serial, access in bindings]})


async def put_binding(call: Call) -> Answer:
    """22."""
    body = call.body
    await call.serving.accounts.bind(call.identity, body["name"], body["serial"], body["access"])
    return DONE


async def delete_binding(call: Call) -> Answer:
    """23."""
    body = call.body
    await call.serving.accounts.bind(call.identity, body["name"], body["serial"], Access.NONE)
    return DONE


HANDLERS: Mapping[int, Handler] = {
    17: get_users,
    18: post_user,
    19: put_user,
    20: delete_user,
    21: get_bindings,
    22: put_binding,
    23: delete_binding,
}
