"""Names that Chargy core 0.12 knows: tables "container" and "OCMF" of section 3.6."""

from __future__ import annotations

LABELS = frozenset({"alfen", "ocmf", "edl_40_p", "isa_edl_40_p", "sml_edl40_p"})
# Tuples are asked of any value, also one that cannot stand in a set.
VERSIONS = ("0.1", "1.0", "1.1", "1.2", "1.3", "1.4")
ALGORITHMS = frozenset(
    [
        *(f"ECDSA-{curve}-SHA256" for curve in ("secp192k1", "secp192r1", "secp256k1", "secp256r1", "brainpool256r1")),
        *(f"ECDSA-{curve}-{size}" for curve in ("secp384r1", "brainpool384r1") for size in ("SHA256", "SHA384")),
        "ECDSA-secp521r1-SHA512",
        "EdDSA-Ed25519",
        "EdDSA-Ed448",
        "ML-DSA-44",
        "ML-DSA-65",
        "ML-DSA-87",
    ]
)
CODES = tuple("BCXELRAPST")
UNITS = ("kWh", "Wh", "mOhm", "uOhm")
TYPES = ("AC", "DC")
#: In which a key is tried, one after the other.
KEY_ENCODINGS = ("hex", "base32", "base64")
#: Containers of which it is not known how it reads them.
UNKNOWN_CONTAINERS = frozenset({"OCPP-1.6", "OCPP-2.0.1", "JSONL", "CSV", "PARQUET"})
MISSING_CURVES = ("secp192k1", "secp192r1", "brainpool")


def lacks_curve(algorithm: str) -> bool:
    """Whether its library has no such curve."""
    return algorithm.removeprefix("ECDSA-").startswith(MISSING_CURVES)


#: ECDSA algorithms that it knows and can compute.
_ACCEPTED = frozenset(name for name in ALGORITHMS if name.startswith("ECDSA-") and not lacks_curve(name))


def accepts_algorithm(algorithm: str) -> bool:
    """Whether it verifies signatures of this SA."""
    return algorithm in _ACCEPTED
