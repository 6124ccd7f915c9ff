"""Rights on resources, as far as they can be told before and after the body (g13-api.md 13.3, GD-40, GD-41)."""

from __future__ import annotations

from wattproof.g13.rights import ADMIN
from wattproof.gateway.auth.identity import Identity, forbidden
from wattproof.gateway.serve.call import METER_NOT_FOUND, Call
from wattproof.gateway.serve.problems import Problem

#: The password of a user: the name in the body counts, not that in the path (18).
PASSWORD = 18
#: Members of bodies that name meters, by resource (16, 27).
NAMED = {16: "devices", 27: "meters"}


async def check(call: Call) -> bool:
    """Whether the user may, as far as the path tells. Raises ``Refusal`` 403.

    Returns whether the path names a meter that there is not; only who may see all meters hears of it (GD-41).
    """
    right, identity, number = call.resource.right, call.identity, call.resource.number
    if number in NAMED:
        _may_some(call)
    elif number == PASSWORD:
        return False
    elif "serial" in call.arguments:
        call.meter = await call.serving.tables.meter(call.arguments["serial"])
        if call.meter is None and _sees_all(identity):
            return True
        identity.require(right, serials=[call.serial] if call.meter is not None else [])
    else:
        identity.require(right, name=call.arguments.get("user"))
    return False


def check_unread(call: Call) -> None:
    """Whether the user may, of a request whose body cannot be read. Raises ``Refusal`` 403."""
    if call.resource.number == PASSWORD:
        call.identity.require(call.resource.right, name=call.arguments["user"])


async def check_body(call: Call) -> None:
    """Whether the user may, now that the body is known. Raises ``Refusal`` 403, ``Problem`` 404."""
    number = call.resource.number
    if number == PASSWORD:
        call.identity.require(call.resource.right, name=call.body["name"])
    elif number in NAMED:
        await _may_each(call, call.body[NAMED[number]])


def _may_some(call: Call) -> None:
    """A user who may do this with no meter at all need not be told what is wrong with his list of meters."""
    right, identity = call.resource.right, call.identity
    if (
        not identity.may(right)
        and not _sees_all(identity)
        and not any(identity.may(right, serials=[serial]) for serial in identity.access)
    ):
        raise forbidden()


async def _may_each(call: Call, serials: list[str]) -> None:
    right, identity = call.resource.right, call.identity
    meters = await call.serving.tables.meters()
    unknown = [serial for serial in serials if serial not in meters]
    known = [serial for serial in serials if serial in meters]
    if known or not _sees_all(identity):
        identity.require(right, serials=serials if unknown and not _sees_all(identity) else known)
    if unknown:
        raise Problem(404, METER_NOT_FOUND)


def _sees_all(identity: Identity) -> bool:
    return identity.may(ADMIN)
