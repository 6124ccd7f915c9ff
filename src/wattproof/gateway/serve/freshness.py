"""How old what is shown may be, and how old it is (g13-api.md 11.1, 11.2)."""

from __future__ import annotations

from wattproof.gateway.acquire.ages import Age, age_of
from wattproof.gateway.records import Meter
from wattproof.gateway.serve.framing import Header

#: Protocols of M-Bus, wired and infrared (10.1).
MBUS = frozenset({1, 2})
NO_STORE: Header = (b"Cache-Control", b"no-store")
STALE: Header = (b"Wattproof-Quality", b"stale")


def allowed(resource: int, meter: Meter) -> Age:
    """The greatest age, and the longest wait."""
    return age_of(resource, mbus=meter.protocol in MBUS)


def aged(time: int | None, now: int, *, compat: bool) -> tuple[Header, ...]:
    """``Age`` and ``Cache-Control`` of an answer whose oldest value is of ``time`` (UTC ms); none in compat mode."""
    if compat:
        return ()
    if time is None:
        return (NO_STORE,)
    return ((b"Age", b"%d" % (max(0, now - time) // 1000)), NO_STORE)
