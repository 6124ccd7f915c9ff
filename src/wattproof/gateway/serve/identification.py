"""Who the gateway says it is: #1, #9, head of #31 (g13-api.md 8.7)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from wattproof.gateway.identity import IDENTITY, SERIAL_DIGITS
from wattproof.gateway.serve.call import Serving
from wattproof.version import RELEASED, __version__

#: Setting with alias and location (10).
SETTING = "gateway"
ALIAS, LOCATION = "Gateway", "All Location"
COSEM_VERSION, API_VERSION = "6", "1.0"
#: Digits behind the letters of the maker in a logical device name (16 characters).
_DIGITS = 13


@dataclass(frozen=True, slots=True)
class Names:
    """``serial``: 10 digits; ``shown``: as #9 and #31 print it."""

    serial: str
    alias: str
    location: str
    shown: str


async def names_of(serving: Serving) -> Names:
    """The names of the gateway now."""
    stored: dict[str, Any] = await serving.tables.setting(SETTING, {})
    identity: dict[str, Any] = await serving.tables.setting(IDENTITY, {})
    serial = str(identity.get("serial", "0" * SERIAL_DIGITS))
    shown = f"ABB{serial:0>{_DIGITS}}" if serving.compat else serial
    return Names(serial, stored.get("alias", ALIAS), stored.get("location", LOCATION), shown)


def about(names: Names, *, compat: bool) -> dict[str, Any]:
    """The body of #1 in the default form."""
    return {
        "cosemversion": COSEM_VERSION,
        "firmwareversion": firmware_version(),
        "hardwareversion": "",
        "model": "wattproof",
        "jsonapiversion": API_VERSION,
        "logicaldevicename": f"{'ABB' if compat else 'WTP'}{names.serial:0>{_DIGITS}}",
        "releasedate": RELEASED,
        "serial": names.serial,
    }


def firmware_version(version: str = __version__) -> str:
    """``G`` and four numbers.

    >>> firmware_version("1.2.3"), firmware_version("0.5.0rc1")
    ('G1.2.3.0', 'G0.5.0.1')
    """
    numbers = (re.findall(r"\d+", version) + ["0"] * 4)[:4]
    return "G" + ".".join(numbers)
