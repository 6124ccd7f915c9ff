"""All 8078 ECDSA verification cases of Wycheproof for our curves, and the seven we judge otherwise on purpose."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from wattproof.signed import integers, libcrypto
from wattproof.signed.curves import PublicKey, by_name
from wattproof.signed.encoding import Form, Refused, decode

#: Canonical judgement differs from Wycheproof: the leading 00 of an INTEGER is missing (real meters write so).
ACCEPTED_MISSING_ZERO = {
    ("ecdsa_secp192k1_sha256_test", 6),
    ("ecdsa_secp192r1_sha256_test", 6),
    ("ecdsa_secp224k1_sha256_test", 6),
    ("ecdsa_secp256k1_sha256_test", 6),
    ("ecdsa_secp256r1_sha256_test", 6),
    ("ecdsa_secp384r1_sha256_test", 6),
    ("ecdsa_secp384r1_sha384_test", 6),
}


@cache
def _group_key(curve: str, point: str) -> PublicKey:
    parameters = by_name(curve)
    assert parameters is not None
    data = bytes.fromhex(point)
    size = parameters.field_bytes
    return PublicKey(parameters, int.from_bytes(data[1 : 1 + size], "big"), int.from_bytes(data[1 + size :], "big"))


def cases(vectors: Path, pattern: str = "*.json") -> Iterator[tuple[str, PublicKey, bytes, dict[str, Any]]]:
    for path in sorted((vectors / "wycheproof").glob(pattern)):
        for group in json.loads(path.read_text())["testGroups"]:
            key = _group_key(group["publicKey"]["curve"], group["publicKey"]["uncompressed"])
            algorithm = group["sha"].replace("-", "").lower()
            for test in group["tests"]:
                yield path.stem, key, hashlib.new(algorithm, bytes.fromhex(test["msg"])).digest(), test


def judge(name: str, key: PublicKey, digest: bytes, signature: bytes) -> tuple[bool, Form | str]:
    """Our answer, and the form of the signature or the reason for refusing it."""
    try:
        found = decode(key.curve, signature, der="p1363" not in name)
    except Refused as refused:
        return False, refused.reason
    return key.verify(digest, found.r, found.s, found.der), found.form


@pytest.mark.proves("T-109", "T-013", "T-004", "T-003")
def test_every_case(vectors: Path) -> None:
    count: Counter[str] = Counter()
    differing = set()
    reasons: dict[str, set[Form | str]] = {}
    for name, key, digest, test in cases(vectors):
        count[test["result"]] += 1
        valid, why = judge(name, key, digest, bytes.fromhex(test["sig"]))
        if valid != (test["result"] == "valid"):
            assert valid
            assert why is Form.DER_INT
            assert test["flags"] == ["MissingZero"]
            differing.add((name, test["tcId"]))
        elif not valid:
            for flag in test["flags"]:
                reasons.setdefault(flag, set()).add(why)
    assert count == {"valid": 3810, "invalid": 4268}
    assert differing == ACCEPTED_MISSING_ZERO
    assert reasons["BerEncodedSignature"] == {"V-SIG-ENCODING"}
    assert reasons["InvalidTypesInSignature"] == {"V-SIG-ENCODING"}
    assert "V-SIG-RANGE" in reasons["RangeCheck"] | reasons["InvalidSignature"]


@pytest.mark.proves("T-104")
@pytest.mark.parametrize("curve", ["secp192k1", "secp224k1"])
def test_libcrypto_and_integers_agree(vectors: Path, curve: str) -> None:
    make = libcrypto.verifier(curve)  # None where the system's library does not offer the curve
    compared = 0
    for name, key, digest, test in cases(vectors, f"*{curve}*.json"):
        try:
            found = decode(key.curve, bytes.fromhex(test["sig"]), der="p1363" not in name)
        except Refused:
            continue
        answer = integers.verify(key.curve, (key.x, key.y), digest, found.r, found.s)
        assert answer == (test["result"] == "valid" or (name, test["tcId"]) in ACCEPTED_MISSING_ZERO)
        if make is not None:
            assert make(key.spki).verify(found.der, digest) == answer
        compared += 1
    assert compared > 300


@pytest.mark.proves("T-104")
def test_without_libcrypto_the_integers_take_over(monkeypatch: pytest.MonkeyPatch, vectors: Path) -> None:
    monkeypatch.setenv(libcrypto.SWITCH, "1")
    assert libcrypto.verifier("secp224k1") is None
    _group_key.cache_clear()  # keys keep the path they chose
    for name, key, digest, test in islice(cases(vectors, "*secp224k1_sha256_p1363_test.json"), 40):
        valid, _ = judge(name, key, digest, bytes.fromhex(test["sig"]))
        assert valid == (test["result"] == "valid")
    _group_key.cache_clear()
