"""What an API token may be limited to. A token never has more than its user; without a scope it has less."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum

from wattproof.gateway.records import Access


class Scope(StrEnum):
    """``read``: what lists and meters show. ``configure``: meters as well. ``sessions``: charging sessions on meters
    that the user may configure. ``admin``: what a gateway admin may, and the own account. ``metrics``: ``/metrics``."""

    READ = "read"
    CONFIGURE = "configure"
    SESSIONS = "sessions"
    ADMIN = "admin"
    METRICS = "metrics"


#: With one of these a token may what anybody may who has logged in.
_LOGGED_IN = frozenset({Scope.READ, Scope.CONFIGURE, Scope.ADMIN})


def logged_in(scopes: Iterable[Scope]) -> bool:
    """Whether scopes are enough for what needs no right beyond the login."""
    return not _LOGGED_IN.isdisjoint(scopes)


def capped(access: Mapping[str, Access], serial: str, scopes: frozenset[Scope]) -> Access:
    """Access of a user to a meter as far as scopes let a token use it."""
    level = access.get(serial, Access.NONE)
    if level is Access.CONFIGURE and Scope.CONFIGURE not in scopes:
        level = Access.VIEW
    if Scope.READ not in scopes and Scope.CONFIGURE not in scopes:
        level = Access.NONE
    return level
