"""Sessions and the reasons of broken answers: #2, #3, #91 (g13-api.md 9.5, 11.5)."""

from __future__ import annotations

from collections.abc import Mapping

from wattproof.gateway.auth.sessions import NO_COOKIE
from wattproof.gateway.serve.call import Call, Handler
from wattproof.gateway.serve.framing import Answer
from wattproof.gateway.serve.lasterror import shown
from wattproof.gateway.serve.problems import FORBIDDEN, Problem
from wattproof.gateway.serve.replies import reply

_SET_COOKIE = b"Set-Cookie"


async def post_login(call: Call) -> Answer:
    """2."""
    cookie = await call.serving.gate.login(call.identity)
    return Answer(extra=((_SET_COOKIE, cookie.encode()),) if cookie else ())


async def post_logout(call: Call) -> Answer:
    """3."""
    ended = call.serving.gate.logout(call.facts, call.identity)
    if not ended and call.serving.compat:
        raise Problem(403, FORBIDDEN)
    return Answer(extra=((_SET_COOKIE, NO_COOKIE.encode()),) if call.facts.cookie is not None else ())


async def get_last_error(call: Call) -> Answer:
    """91."""
    id: int = call.arguments["id"]
    entry = call.serving.errors.find(id)
    if id and (entry is None or (entry.user != call.identity.user and not call.identity.admin)):
        raise Problem(404, "unknown error id")
    return reply(call, shown(id, entry if id else None))


HANDLERS: Mapping[int, Handler] = {2: post_login, 3: post_logout, 91: get_last_error}
