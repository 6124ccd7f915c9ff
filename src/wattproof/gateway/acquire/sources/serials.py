"""Serial numbers of meters (g13-api.md 10.1): at most 16 characters, and none that two families share."""

from __future__ import annotations

import hashlib
import re

LONGEST = 16
#: What stands before a serial that another family has already.
PREFIXES = {"abb": "A-", "bsm": "B-", "dmed4": "D-", "sunspec": "S-"}
#: The same for meters of map files and of families outside this repository.
OTHER = "M-"
_OTHERS = re.compile(r"[^A-Za-z0-9_.-]")
_FINGERPRINT = 12
#: Bytes of a public key's two coordinates, which end its DER form.
_POINT = 64


def sanitised(text: str) -> str:
    """A serial as the interface has it: other characters are ``_``, of a longer one the last 16 are kept.

    >>> sanitised(" 001BZR/1521 070006 ")
    '1BZR_1521_070006'
    """
    return _OTHERS.sub("_", text.strip())[-LONGEST:]


def prefixed(family: str, serial: str) -> str:
    """A serial that another family has already, told apart: the prefix, and what fits behind it.

    >>> prefixed("bsm", "001BZR1521070006")
    'B-1BZR1521070006'
    """
    prefix = PREFIXES.get(family, OTHER)
    return prefix + serial[-(LONGEST - len(prefix)) :]


def placed(family: str, bus: str, unit: int) -> str:
    """The serial of a meter that says none: its bus and unit.

    >>> placed("sunspec", "line1", 7)
    'S-line1_7'
    """
    prefix = PREFIXES.get(family, OTHER)
    return prefix + sanitised(f"{bus}/{unit}")[-(LONGEST - len(prefix)) :]


def fingerprint(public_key: bytes) -> str:
    """The serial of a DMED4 that says none: ``D-`` and 12 digits of the SHA-256 of its key's 64 bytes (DER or bare)."""
    return PREFIXES["dmed4"] + hashlib.sha256(public_key[-_POINT:]).hexdigest()[:_FINGERPRINT]
