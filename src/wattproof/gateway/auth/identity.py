"""What the gate is asked and what it answers: facts of a request, who makes it, why it is refused.

How a server uses it::

    facts = Facts.of(scope, trusted_proxies)
    identity = await gate.admit(facts)         # Refusal: 429, 401, 403 (GD-40, the first three steps)
    ...                                        # path 404, method 405
    identity.require(resource.right, name=..., serials=...)    # Refusal: 403
    ...                                        # body 413, 415, 400, meter 404, 500

A stream that stays open calls ``await gate.recheck(identity)`` after every notice ``changed`` and at least every 15 s:
it raises ``Refusal`` when the session, the user, the password or the lock says so, and else returns the identity with
the present rights.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from wattproof.errors import WattproofError
from wattproof.g13.rights import VIEW, Right
from wattproof.gateway.auth.scopes import Scope, capped, logged_in
from wattproof.gateway.records import Access

#: Texts of the interface (1.3, 9.4, GD-39).
FORBIDDEN = "Forbidden: Access Denied"
UNAUTHORIZED = "Unauthorized"
LOCKED = "too many failed logins"
TOO_MANY = "too many requests"
BUSY = "service busy"


class Refusal(WattproofError):
    """A request is refused: HTTP ``status``, ``text`` of the JSON member ``des``, whether the body is the HTML page of
    that status instead (401 everywhere; 403 of ``/login`` and ``/logout``), ``Retry-After`` in seconds.

    The gate always says what the default mode says; ``compat=g13`` is applied where answers are framed (GD-35).
    """

    def __init__(self, status: int, text: str, *, html: bool = False, retry_after: int | None = None) -> None:
        super().__init__(text)
        self.status, self.text, self.html, self.retry_after = status, text, html, retry_after
        self.http_status = status


def forbidden(*, html: bool = False) -> Refusal:
    """403 with its one text."""
    return Refusal(403, FORBIDDEN, html=html)


class Via(Enum):
    """With what a request has shown who it is from."""

    BASIC = "basic"
    COOKIE = "cookie"
    BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class Identity:
    """A user as admitted: with the rights of this moment. ``session`` is the digest of the session's token (cookie),
    ``scopes`` what an API token is limited to, ``generation`` that of the password, ``address`` the client's.

    ``due``: the password must be changed first; the gate lets only the requests of 9.1 through.
    """

    user: str
    admin: bool
    access: Mapping[str, Access] = field(default_factory=dict)
    via: Via = Via.BASIC
    address: str = ""
    generation: int = 0
    due: bool = False
    session: bytes | None = None
    scopes: frozenset[Scope] | None = None
    token: str | None = None

    def may(
        self, right: Right, *, name: str | None = None, serials: Iterable[str] = (), scope: Scope | None = None
    ) -> bool:
        """Whether this user has ``right`` on the user ``name`` or on the meters ``serials`` (13.3).

        What an API token may is capped by its scopes, unless it has ``scope``: that one is made for this use.
        """
        scopes = self.scopes
        if scopes is None or (scope is not None and scope in scopes):
            access = [self.access.get(serial, Access.NONE) for serial in serials]
            return right.allows(admin=self.admin, own=name == self.user, access=access)
        if right.anyone:
            return logged_in(scopes)
        admin, own = self._administers, name == self.user and Scope.ADMIN in scopes
        return right.allows(admin=admin, own=own, access=[capped(self.access, serial, scopes) for serial in serials])

    def require(
        self,
        right: Right,
        *,
        name: str | None = None,
        serials: Iterable[str] = (),
        scope: Scope | None = None,
        html: bool = False,
    ) -> None:
        """Raise ``Refusal`` 403 where :meth:`may` says no. An unknown serial is one without access (GD-41)."""
        if not self.may(right, name=name, serials=serials, scope=scope):
            raise forbidden(html=html)

    def sees(self, serial: str) -> bool:
        """Whether lists of meters show this one: ``View Only`` or more; all to a gateway admin (G-231, G-321)."""
        return self._administers or self.may(VIEW, serials=[serial])

    @property
    def _administers(self) -> bool:
        return self.admin and not self.lacks(Scope.ADMIN)

    def lacks(self, scope: Scope) -> bool:
        """Whether this is an API token without ``scope``."""
        return self.scopes is not None and scope not in self.scopes

    @property
    def who(self) -> dict[str, str]:
        """As the local socket and the audit log name the user."""
        return {"user": self.user, "address": self.address}
