"""Keys, curves and registers as S.A.F.E. transparenzsoftware 1.4.1 understands them: table "OCMF record" of 3.6.

Each answer depends on short texts only and is kept, as a fleet repeats its keys and registers.
"""

from __future__ import annotations

import re
from functools import lru_cache

from wattproof.signed import der, keys
from wattproof.signed.curves import CURVES, PublicKey
from wattproof.signed.obis_classes import tokens
from wattproof.signed.profiles.prediction import KEPT_KEY, spki_in

#: Reasons of an end reading.
ENDS = frozenset("ELRAP")
#: Characters of a register's code that is kept.
_KEPT = 64
KNOWN_CURVES = frozenset(
    "secp192k1 secp192r1 secp224k1 secp256k1 secp256r1 secp384r1 secp521r1 "
    "brainpoolp256r1 brainpoolp384r1 brainpoolp512r1".split()
)
_BY_NAME = {name.lower(): curve for name, curve in CURVES.items()}
COMPENSATED = frozenset({"98", "b1", "b3", "c1", "c3"})
RELEVANT = COMPENSATED | frozenset(["1", "9e", *(f"{code:x}" for code in range(0xB0, 0xC8))])
_RELEVANT_ENDINGS = frozenset({None, "0", "200", "255", "ff"})


def is_ecdsa(algorithm: str) -> bool:
    """Whether SA has the three parts that it wants."""
    parts = algorithm.split("-")
    return len(parts) == 3 and parts[0] == "ECDSA"


def _curve_name(algorithm: str) -> str:
    name = algorithm.split("-")[1].lower()
    return name.replace("brainpool", "brainpoolp", 1) if re.match(r"brainpool(?!p)", name) else name


def knows_curve(algorithm: str) -> bool:
    """Whether it knows the curve of SA by this name."""
    return _curve_name(algorithm) in KNOWN_CURVES


def point(algorithm: str, spki: bytes | None) -> PublicKey | None:
    """The point of the key on the curve of SA, whatever curve the key names; ``None`` if it lies not on it."""
    curve = _BY_NAME.get(_curve_name(algorithm))
    parts = der.sequence(spki) if spki is not None else None
    if curve is None or not parts:
        return None
    try:
        return keys.point(curve, parts[-1][1][1:])
    except keys.KeyRefused:
        return None


def accepted_key(algorithm: str, key: str | bytes) -> bytes | None:
    """SubjectPublicKeyInfo of a key with which it verifies records of this SA; ``None`` if it refuses key or SA."""
    return (_kept_key if len(key) <= KEPT_KEY and len(algorithm) <= _KEPT else _accepted_key)(algorithm, key)


def _accepted_key(algorithm: str, key: str | bytes) -> bytes | None:
    if not is_ecdsa(algorithm) or not knows_curve(algorithm):
        return None
    spki = spki_in(key)
    return spki if point(algorithm, spki) is not None else None


_kept_key = lru_cache(maxsize=4096, typed=True)(_accepted_key)


def relevance(register: str) -> int:
    """2 for the code of a compensated register, 1 for that of another relevant one, else 0."""
    return (_kept_relevance if len(register) <= _KEPT else _relevance)(register)


def _relevance(register: str) -> int:
    if not any(mark in register for mark in ".:"):  # twelve digits without separators are not understood
        return 0
    groups = tokens(register)
    if groups is None or groups.a != "1" or groups.d != "8":
        return 0
    if groups.c in COMPENSATED:
        return 2
    return 1 if groups.c in RELEVANT and groups.f in _RELEVANT_ENDINGS else 0


_kept_relevance = lru_cache(maxsize=4096)(_relevance)
