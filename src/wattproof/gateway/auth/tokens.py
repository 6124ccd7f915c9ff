"""API tokens: 256 random bits, shown once, of which the store keeps the SHA-256."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from collections.abc import Iterable

from wattproof.gateway.auth.identity import Refusal
from wattproof.gateway.auth.scopes import Scope
from wattproof.gateway.records import Token

PREFIX = "wpt_"
#: Tokens of one user, characters of the name of one.
PER_USER, NAME_LENGTH = 50, 50


def digest(text: str) -> str:
    """What the store knows of a token."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def new_token(user: str, name: str, scopes: Iterable[str], now: int, expires: int | None) -> tuple[Token, str]:
    """A token and its text, which nobody sees again. ``expires``: UTC ms.

    Raises:
        Refusal: 400, a bad name, scope or end.
    """
    if not 1 <= len(name) <= NAME_LENGTH or any(unicodedata.category(letter) == "Cc" for letter in name):
        raise Refusal(400, "invalid name")
    try:
        chosen = tuple(sorted({Scope(scope) for scope in scopes}))
    except ValueError as error:
        raise Refusal(400, "invalid scopes") from error
    if not chosen:
        raise Refusal(400, "invalid scopes")
    if expires is not None and expires <= now:
        raise Refusal(400, "invalid expires")
    text = PREFIX + secrets.token_urlsafe(32)
    return Token(secrets.token_hex(8), user, digest(text), name, tuple(chosen), now, expires), text


def scopes_of(token: Token) -> frozenset[Scope]:
    """The scopes of a stored token; those of a later release are none."""
    known = {scope.value for scope in Scope}
    return frozenset(Scope(scope) for scope in token.scopes if scope in known)
