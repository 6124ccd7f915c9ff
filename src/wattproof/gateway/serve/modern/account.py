"""End points about who asks: login, password, API tokens."""

from __future__ import annotations

from typing import Any

import msgspec

from wattproof.gateway import records
from wattproof.gateway.auth.identity import Identity
from wattproof.gateway.serve.modern import shapes
from wattproof.gateway.serve.modern.face import Called, Face, Reply, shown

DAY = 24 * 60 * 60 * 1000
#: Takes the cookie away again.
NO_COOKIE = "wattproof=; Max-Age=0; Secure; HttpOnly; SameSite=Strict; Path=/"


async def login(face: Face, called: Called) -> Reply:
    """Begin a session of the browser."""
    body: shapes.Login = called.body
    identity, cookie = await face.serving.gate.sign_in(called.facts, body.user, body.password)
    return Reply(200, msgspec.json.encode(_account(identity)), headers=(("Set-Cookie", cookie),))


def _account(identity: Identity) -> shapes.Account:
    return shapes.Account(user=identity.user, admin=identity.admin, due=identity.due)


async def logout(face: Face, called: Called) -> Reply:
    """End it."""
    face.serving.gate.logout(called.facts, called.user)
    return Reply(200, msgspec.json.encode(shapes.Done()), headers=(("Set-Cookie", NO_COOKIE),))


async def me(face: Face, called: Called) -> shapes.Me:
    """Who has logged in, and what for."""
    user = called.user
    access = {serial: level.value for serial, level in user.access.items()}
    return shapes.Me(user=user.user, admin=user.admin, due=user.due, access=access)  # type: ignore[arg-type]


async def password(face: Face, called: Called) -> shapes.Done:
    """Change a password."""
    body: shapes.NewKey = called.body
    await face.serving.accounts.change(called.user, called.arguments["name"], body.key, oldkey=body.oldkey)
    return shapes.Done()


async def tokens(face: Face, called: Called) -> shapes.Tokens:
    """API tokens of the user; a gateway admin sees all."""
    found = await face.serving.accounts.tokens(called.user)
    return shapes.Tokens(tokens=[shapes.TokenInfo(**_told(one)) for one in found])


async def make_token(face: Face, called: Called) -> shapes.MadeToken:
    """Make an API token; its text is in this answer and nowhere else."""
    body: shapes.NewToken = called.body
    expires = None if body.days is None else face.serving.now + body.days * DAY
    token, text = await face.serving.accounts.issue(called.user, body.name, body.scopes, expires=expires)
    return shapes.MadeToken(**_told(token), token=text)


async def drop_token(face: Face, called: Called) -> shapes.Done:
    """Revoke an API token."""
    await face.serving.accounts.revoke(called.user, called.arguments["id"])
    return shapes.Done()


def _told(one: records.Token) -> dict[str, Any]:
    return {
        "id": one.id,
        "user": one.user,
        "name": one.name,
        "scopes": list(one.scopes),
        "created": shown(one.created),
        "expires": None if one.expires is None else shown(one.expires),
    }
