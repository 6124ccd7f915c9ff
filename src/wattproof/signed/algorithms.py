"""Names of signature algorithms, as OCMF writes them: ``<method>-<curve>-<hash>``.

Source: OCMF 1.4, key SA, and the specification of the verifier, 0.2 and 1.11.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from wattproof.signed.curves import by_name
from wattproof.signed.records import Finding, Severity
from wattproof.signed.units import Algorithm

#: What OCMF itself defines, in its own spelling.
DEFINED = frozenset(
    f"ecdsa-{curve}-sha256"
    for curve in "secp192k1 secp256k1 secp192r1 secp256r1 secp384r1 brainpool256r1 brainpool384r1".split()
)
_HASHES = {"sha256": "sha256", "sha384": "sha384", "sha512": "sha512"}
_EDWARDS = {"eddsa-ed25519": "Ed25519", "eddsa-ed448": "Ed448"}
_LONGEST = 64

_ALIAS = Finding("F-SA-ALIAS", Severity.INFO, "another spelling of a curve that OCMF defines", "signature/SA")
_EXTENSION = Finding("F-SA-EXTENSION", Severity.WARNING, "OCMF does not define this algorithm", "signature/SA")


class Named(NamedTuple):
    """What a name means. ``algorithm`` is ``None`` if it is not supported."""

    algorithm: Algorithm | None
    findings: tuple[Finding, ...] = ()


DEFAULT = Algorithm("ECDSA-secp256r1-SHA256", curve=by_name("secp256r1"))
#: No name at all, in format versions that had no default: the key says the curve.
BY_KEY = Algorithm(None)


def named(name: str) -> Named:
    """The algorithm of a name, case ignored, with findings about the spelling."""
    return Named(None) if len(name) > _LONGEST else _named(name.lower())


@lru_cache(maxsize=256)
def _named(name: str) -> Named:
    if name in _EDWARDS:
        method = _EDWARDS[name]
        return Named(Algorithm(f"EdDSA-{method}", method, None, "none"), (_EXTENSION,))
    if name.startswith("ml-dsa-"):
        return Named(None, (_EXTENSION,))
    method, _, rest = name.partition("-")
    curve_name, _, hash_name = rest.rpartition("-")
    curve = by_name(curve_name)
    if method != "ecdsa" or curve is None or hash_name not in _HASHES:
        return Named(None)
    algorithm = Algorithm(f"ECDSA-{curve.name}-{hash_name.upper()}", "ECDSA", curve, _HASHES[hash_name])
    if name in DEFINED:
        return Named(algorithm)
    spelled = any(f"ecdsa-{alias.lower()}-{hash_name}" in DEFINED for alias in (curve.name, *curve.aliases))
    return Named(algorithm, (_ALIAS if spelled else _EXTENSION,))
