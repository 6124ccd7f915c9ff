"""What an OBIS code of a signed record counts: direction, metering point and scope of an energy register.

Four notations of the same six groups are read alike: ``1-b:1.8.0``, ``1-0:1.8.0*198``, ``01-00:B2.08.00*FF`` (also
with a dot before the last group) and ``0100B20800FF``. Groups are compared as lower-case tokens without leading zeros
and never converted between radices, because records do not say which radix they use.
Source: verifier specification, section 1.9.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

_WRITTEN = re.compile(
    r"(?:([0-9a-z]{1,3})-([0-9a-z]{1,3}):)?([0-9a-z]{1,3})\.([0-9a-z]{1,3})"
    r"(?:\.([0-9a-z]{1,3}))?(?:[*.&]([0-9a-z]{1,3}))?",
    re.ASCII | re.IGNORECASE,
)
_DIGITS = re.compile(r"[0-9a-f]{12}", re.ASCII | re.IGNORECASE)

IMPORT, EXPORT = "import", "export"
MAINS, DEVICE = "mains", "device"
TOTAL, SESSION = "total", "session"

#: Last group of a total register whose C token is 1 or 2.
TOTAL_ENDINGS = frozenset({None, "0", "ff", "255", "200"})
#: C token to (direction, point, scope) where the last group does not matter.
BY_QUANTITY = {
    "b0": (IMPORT, MAINS, TOTAL),
    "b1": (IMPORT, DEVICE, TOTAL),
    "b2": (IMPORT, MAINS, SESSION),
    "b3": (IMPORT, DEVICE, SESSION),
    "c0": (EXPORT, MAINS, TOTAL),
    "c1": (EXPORT, DEVICE, TOTAL),
    "c2": (EXPORT, MAINS, SESSION),
    "c3": (EXPORT, DEVICE, SESSION),
    "98": (IMPORT, DEVICE, SESSION),
    "9c": (IMPORT, MAINS, SESSION),
    "9e": (IMPORT, MAINS, SESSION),
    "8c": (IMPORT, MAINS, TOTAL),
}
#: C tokens that OCMF reserves for later energy registers: shown, never billed.
RESERVED_QUANTITIES = frozenset(
    {"b4", "b5", "b6", "b7", "b8", "b9", "ba", "bb", "bc", "bd", "be", "bf", "c4", "c5", "c6", "c7"}
)

#: Which register is billed: the first complete one in this order.
BILLING_ORDER = tuple(
    (direction, point, scope)
    for direction in (IMPORT, EXPORT)
    for point in (DEVICE, MAINS)
    for scope in (SESSION, TOTAL)
)
_RANK = {kind: rank for rank, kind in enumerate(BILLING_ORDER)}


@dataclass(frozen=True, slots=True)
class ObisTokens:
    """The six groups as compared; ``None`` where the text leaves a group out."""

    a: str | None
    b: str | None
    c: str
    d: str
    e: str | None
    f: str | None


class RegisterClass(NamedTuple):
    """What a register counts. Informative registers have neither direction, point nor scope.

    ``tariff`` is the E group where it names a tariff register; ``rank`` orders registers for billing, lowest first.
    """

    direction: str | None = None
    point: str | None = None
    scope: str | None = None
    tariff: str | None = None
    reserved: bool = False
    rank: int = len(BILLING_ORDER)

    @property
    def energy(self) -> bool:
        """Counts billable energy."""
        return self.direction is not None

    def __str__(self) -> str:
        if self.direction is None:
            return "reserved register" if self.reserved else "informative register"
        return f"{self.direction} {self.point} {self.scope}" + (f" tariff {self.tariff}" if self.tariff else "")


INFORMATIVE = RegisterClass()
RESERVED = RegisterClass(reserved=True)


def _token(text: str | None) -> str | None:
    return None if text is None else (text.lower().lstrip("0") or "0")


@lru_cache(maxsize=4096)
def tokens(text: str) -> ObisTokens | None:
    """The groups of an OBIS code in any of the four notations, ``None`` if the text is none of them."""
    text = text.strip()
    if _DIGITS.fullmatch(text):
        groups: list[str | None] = [text[at : at + 2] for at in range(0, 12, 2)]
    elif match := _WRITTEN.fullmatch(text):
        groups = list(match.groups())
    else:
        return None
    a, b, c, d, e, f = map(_token, groups)
    if c is None or d is None:
        return None
    return ObisTokens(a, b, c, d, e, f)


@lru_cache(maxsize=4096)
def classify(text: str | None) -> RegisterClass:
    """The class of the register that ``text`` names; text that is no OBIS code is informative."""
    groups = tokens(text) if text else None
    if groups is None or groups.a != "1" or groups.d != "8":
        return INFORMATIVE
    if groups.c in RESERVED_QUANTITIES:
        return RESERVED
    kind = BY_QUANTITY.get(groups.c)
    if kind is None and groups.c in ("1", "2"):
        direction = IMPORT if groups.c == "1" else EXPORT
        if groups.f in TOTAL_ENDINGS:
            kind = (direction, MAINS, TOTAL)
        elif groups.f == "198" and groups.c == "1":
            kind = (IMPORT, MAINS, SESSION)
    if kind is None:
        return INFORMATIVE
    tariff = groups.e if groups.e not in (None, "0", "e") else None
    return RegisterClass(*kind, tariff=tariff, rank=_RANK[kind])


def energy_class(direction: str, point: str, scope: str) -> RegisterClass:
    """The class of an energy register that a format defines without a code of 1.9."""
    return RegisterClass(direction, point, scope, rank=_RANK[direction, point, scope])


def text_of(code: bytes) -> str:
    """The usual notation of a code of six bytes: ``1-0:1.8.0*255``."""
    a, b, c, d, e, f = code
    return f"{a}-{b}:{c}.{d}.{e}*{f}"
