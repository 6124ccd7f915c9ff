"""What every ``serve`` is told when writes are on disk, so that it forgets what is no longer true."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from wattproof.gateway.records import (
    Binding,
    DropFailures,
    DropToken,
    DropUser,
    Event,
    Failures,
    Meter,
    PublicKey,
    RegisteredKey,
    Session,
    Setting,
    Token,
    User,
    Write,
)

#: What has changed, by the write that changed it. Readings and rows are not told: they are read where they are stored.
_KINDS: Mapping[type[Write], str] = {
    Setting: "settings",
    User: "users",
    DropUser: "users",
    Binding: "bindings",
    Token: "tokens",
    DropToken: "tokens",
    Failures: "failures",
    DropFailures: "failures",
    Meter: "meters",
    PublicKey: "keys",
    RegisteredKey: "keys",
    Session: "sessions",
}
CHANGED, EVENT = "changed", "event"


def notices_of(writes: Sequence[Write]) -> list[tuple[str, dict[str, Any]]]:
    """One notice ``changed`` for all of them, and one ``event`` each."""
    notices: list[tuple[str, dict[str, Any]]] = []
    kinds = _distinct(_KINDS[type(write)] for write in writes if type(write) in _KINDS)
    if kinds:
        value: dict[str, Any] = {
            "kinds": kinds,
            "serials": _distinct(
                write.serial for write in writes if isinstance(write, Meter | Binding | PublicKey | RegisteredKey)
            ),
            "users": _distinct(
                _user(write) for write in writes if isinstance(write, User | DropUser | Binding | Token)
            ),
        }
        notices.append((CHANGED, value))
    notices += [(EVENT, _event(write)) for write in writes if isinstance(write, Event)]
    return notices


def _user(write: User | DropUser | Binding | Token) -> str:
    return write.user if isinstance(write, Binding | Token) else write.name


def _event(write: Event) -> dict[str, Any]:
    return {"id": write.id, "category": write.category, "time": write.time, "detail": write.detail}


def _distinct(items: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(items))
