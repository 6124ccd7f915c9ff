"""Who the gateway is, from its first start on (g13-api.md 8.7)."""

from __future__ import annotations

import secrets

from wattproof.gateway.records import Setting

#: Setting with the serial number.
IDENTITY = "identity"
SERIAL_DIGITS = 10


def new_identity() -> Setting:
    """A serial number of 10 digits, which is kept for ever: a reset leaves it."""
    return Setting(IDENTITY, {"serial": f"{1 + secrets.randbelow(10**SERIAL_DIGITS - 1):0{SERIAL_DIGITS}}"})
