"""How engines refuse (g13-api.md 10.3, 13.2)."""

from __future__ import annotations

from typing import Any

from wattproof.gateway.local import CommandFailed, Failing


def invalid(text: str, detail: str = "") -> CommandFailed:
    """The body is not possible: 400 with this text; ``detail`` says why."""
    return CommandFailed(Failing.INVALID, text, detail=detail)


def unsupported(what: str) -> CommandFailed:
    """Neither meter nor engine has such a thing."""
    return CommandFailed(Failing.UNSUPPORTED, f"not supported by this meter: {what}")


def whole(value: Any, text: str) -> int:
    """A whole number, or ``invalid`` with the text."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(text, f"{value!r} is no whole number")
    return value
