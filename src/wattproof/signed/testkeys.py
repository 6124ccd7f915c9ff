"""Published test keys: anyone can compute them, so no record signed with one passes as real.

Every virtual meter signs with the key of its serial unless it is given another. The derivation (specification of the
verifier, 0.8) is HKDF-SHA256 (RFC 5869) of a published root, with curve name and identity as information.
"""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache

from cryptography.hazmat.primitives.asymmetric import ed448, ed25519

from wattproof.errors import UnknownName
from wattproof.signed import curves
from wattproof.signed.curves import CURVES, PublicKey, SigningKey

ROOT = hashlib.sha256(b"wattproof published test root 1").digest()
SALT = b"wattproof test key v1"
_SEEDS = {"Ed25519": 32, "Ed448": 57}
_ASCII_SPACE = " \t\r\n\f\v"


def _expand(name: str, identity: str, length: int) -> bytes:
    """``length`` bytes of HKDF-SHA256 for a key name and an identity."""
    extracted = hmac.digest(SALT, ROOT, "sha256")
    info = name.encode("ascii") + b"\0" + identity.strip(_ASCII_SPACE).encode("utf-8", "surrogatepass")
    out = block = b""
    counter = 1
    while len(out) < length:
        block = hmac.digest(extracted, block + info + bytes((counter,)), "sha256")
        out += block
        counter += 1
    return out[:length]


@lru_cache(maxsize=4096)
def derive(curve: str, identity: str) -> int:
    """Private scalar of the test key of ``identity`` (the signer's serial, as signed) on ``curve`` (canonical name).

    Raises ``UnknownName`` for a curve that signed meter values do not use.
    """
    parameters = CURVES.get(curve)
    if parameters is None:
        raise UnknownName(f"no curve {curve!r}: take one of {', '.join(CURVES)}")
    number = int.from_bytes(_expand(curve, identity, parameters.order_bytes + 16), "big")
    return number % (parameters.order - 1) + 1


def seed(name: str, identity: str) -> bytes:
    """Private seed of the Edwards test key of ``identity``; ``name`` is ``Ed25519`` (32 bytes) or ``Ed448`` (57)."""
    if name not in _SEEDS:
        raise UnknownName(f"no Edwards curve {name!r}: take Ed25519 or Ed448")
    return _expand(name, identity, _SEEDS[name])


def private_key(curve: str, identity: str) -> SigningKey:
    """The test key of ``identity`` on ``curve``, ready for :func:`wattproof.signed.curves.sign_digest`."""
    return curves.private_key(CURVES[curve], derive(curve, identity))


@lru_cache(maxsize=4096)
def public_key(curve: str, identity: str) -> PublicKey:
    """The public half of the test key of ``identity`` on ``curve``."""
    derive(curve, identity)  # names an unknown curve
    return curves.public_key(private_key(curve, identity))


@lru_cache(maxsize=4096)
def edwards_spki(name: str, identity: str) -> bytes:
    """SubjectPublicKeyInfo (DER) of the Edwards test key of ``identity``."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    secret = seed(name, identity)
    key: ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
    if name == "Ed25519":
        key = ed25519.Ed25519PrivateKey.from_private_bytes(secret)
    else:
        key = ed448.Ed448PrivateKey.from_private_bytes(secret)
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
