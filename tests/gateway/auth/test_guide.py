"""The guide names the figures that hold."""

from __future__ import annotations

from pathlib import Path

import pytest

from wattproof.gateway.auth import gate, keys, lockout, passwords, sessions
from wattproof.gateway.auth.scopes import Scope
from wattproof.gateway.serve import door
from wattproof.gateway.serve.connection import Limits

GUIDE = Path(__file__).parents[3] / "docs" / "guides" / "gateway-access.md"
LIMITS = Limits()
FIGURES = [
    f"{lockout.PAIR.limit} in {lockout.WINDOW // 60_000} min | 60 s, and "
    + ", ".join(str(step // 1000) for step in lockout.PAIR.steps[1:])
    + " s",
    f"{lockout.USER.limit} in 15 min | for {lockout.USER.steps[0] // 60_000} min only",
    f"in the last {lockout.KNOWN // lockout.DAY} days",
    f"{lockout.ADDRESS.limit} in 15 min | {lockout.ADDRESS.steps[0] // 60_000} min",
    "{} a second, {} at once | 429".format(*gate.ANONYMOUS),
    "{} to {} characters".format(*keys.LENGTHS["none"]),
    f"({passwords.Hashing().memory // 1024} MiB, {passwords.Hashing().passes} passes, {passwords.Hashing().lanes}",
    f"{sessions.IDLE // 60_000} min after the last request, {sessions.ABSOLUTE // 3_600_000} h after the login",
    f"at most {sessions.PER_USER} sessions, the gateway {sessions.IN_ALL}",
    f"{door.IN_ALL} connections in all and {door.PER_ADDRESS} from one address",
    "begin {} TLS handshakes a second ({} at once)".format(*door.HANDSHAKES),
    f"header has {LIMITS.head // 1024} KiB and {LIMITS.head_time} s",
    f"KiB and {LIMITS.body_time} s, a firmware image {LIMITS.slow_body} s; an idle connection has {LIMITS.idle} s",
    *(f"`{scope}`" for scope in Scope),
]


@pytest.mark.parametrize("figure", FIGURES)
def test_the_guide_says(figure: str):
    assert figure in " ".join(GUIDE.read_text(encoding="utf-8").split())
