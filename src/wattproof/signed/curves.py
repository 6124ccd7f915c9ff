"""Signing and verifying digests on every curve of signed meter values, whichever library does the arithmetic.

A :class:`PublicKey` is a curve and a point on it; its handle inside the chosen library is made once and kept.
Which library: section 0.2 of the verifier's specification. No library ever sees a signature encoding other than
canonical DER, nor a point that is not on its curve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from wattproof.errors import InvalidValue
from wattproof.signed import der, integers, libcrypto
from wattproof.signed.parameters import CURVES, Curve, by_name, by_oid

__all__ = [
    "CURVES",
    "Curve",
    "PrivateKey",
    "PublicKey",
    "by_name",
    "by_oid",
    "encode_signature",
    "private_key",
    "public_key",
    "sign_digest",
    "spki",
    "verify_digest",
]

_FACTORIES: dict[str, type[ec.EllipticCurve]] = {
    "secp192r1": ec.SECP192R1,
    "secp256k1": ec.SECP256K1,
    "secp256r1": ec.SECP256R1,
    "secp384r1": ec.SECP384R1,
    "secp521r1": ec.SECP521R1,
    "brainpoolP256r1": ec.BrainpoolP256R1,
    "brainpoolP384r1": ec.BrainpoolP384R1,
    "brainpoolP512r1": ec.BrainpoolP512R1,
}
_HASHES: dict[int, type[hashes.HashAlgorithm]] = {32: hashes.SHA256, 48: hashes.SHA384, 64: hashes.SHA512}
_PREHASHED = {size: ec.ECDSA(Prehashed(algorithm())) for size, algorithm in _HASHES.items()}

_EC_PUBLIC_KEY = bytes.fromhex("06072a8648ce3d0201")  # id-ecPublicKey, RFC 5480

#: A function of canonical DER, r, s and a digest: whether they are a signature of it.
Verify = Callable[[bytes, int, int, bytes], bool]


def encode_signature(r: int, s: int) -> bytes:
    """Canonical DER of a signature: ``SEQUENCE { INTEGER r, INTEGER s }``."""
    return der.element(0x30, der.integer(r) + der.integer(s))


@dataclass(frozen=True)
class PublicKey:
    """A point on a curve. Equal keys have equal curve and coordinates, however they were written.

    Raises ``InvalidValue`` if the point is not on the curve.
    """

    curve: Curve
    x: int
    y: int

    def __post_init__(self) -> None:
        if not self.curve.holds(self.x, self.y):
            raise InvalidValue(f"the point is not on the curve {self.curve.name}: take the key from the meter again")

    @cached_property
    def point(self) -> bytes:
        """Uncompressed point, ``04 || X || Y`` (SEC 1, 2.3.3)."""
        size = self.curve.field_bytes
        return b"\x04" + self.x.to_bytes(size, "big") + self.y.to_bytes(size, "big")

    @cached_property
    def spki(self) -> bytes:
        """SubjectPublicKeyInfo with named curve and uncompressed point (RFC 5480), DER."""
        algorithm = der.element(0x30, _EC_PUBLIC_KEY + der.element(6, self.curve.oid))
        return der.element(0x30, algorithm + der.element(3, b"\0" + self.point))

    @cached_property
    def check(self) -> Verify:
        """What the library does to canonical DER, r and s in 1..order-1, and a digest; made once for the key."""
        for make in (_by_coincurve, _by_cryptography, _by_libcrypto):
            verify = make(self)
            if verify is not None:
                return verify
        return _by_integers(self)

    def verify(self, digest: bytes, r: int, s: int, der: bytes | None = None) -> bool:
        """Whether ``(r, s)`` is a signature of ``digest`` (32, 48 or 64 bytes).

        ``der`` is the canonical DER of r and s, if it is at hand. r or s outside 1..order-1 is never valid.
        """
        order = self.curve.order
        if not (0 < r < order and 0 < s < order):
            return False
        return self.check(der or encode_signature(r, s), r, s, digest)


def _by_cryptography(key: PublicKey) -> Verify | None:
    factory = _FACTORIES.get(key.curve.name)
    if factory is None:
        return None
    try:
        handle = ec.EllipticCurvePublicNumbers(key.x, key.y, factory()).public_key()
    except (UnsupportedAlgorithm, ValueError):
        return None
    check = handle.verify

    def verify(der: bytes, _r: int, _s: int, digest: bytes) -> bool:
        try:
            check(der, digest, _PREHASHED[len(digest)])
        except InvalidSignature:
            return False
        return True

    return verify


def _by_coincurve(key: PublicKey) -> Verify | None:
    """secp256k1 through libsecp256k1; it refuses the larger of s and order - s, so it gets the smaller one."""
    if key.curve.name != "secp256k1":
        return None
    try:
        import coincurve
    except ImportError:
        return None
    check = coincurve.PublicKey(key.point).verify
    order, half = key.curve.order, key.curve.order // 2

    def verify(der: bytes, r: int, s: int, digest: bytes) -> bool:
        if len(digest) != 32:  # its interface takes 32 bytes; a longer digest counts by its leftmost 256 bits
            digest = digest[:32]
        return bool(check(encode_signature(r, order - s) if s > half else der, digest, None))

    return verify


def _by_libcrypto(key: PublicKey) -> Verify | None:
    make = libcrypto.verifier(key.curve.name)
    if make is None:
        return None
    try:
        handle = make(key.spki)
    except ValueError:
        return None
    return lambda der, _r, _s, digest: handle.verify(der, digest)


def _by_integers(key: PublicKey) -> Verify:
    curve, point = key.curve, (key.x, key.y)
    return lambda _der, r, s, digest: integers.verify(curve, point, digest, r, s)


@dataclass(frozen=True)
class PrivateKey:
    """A private scalar on a curve that ``cryptography`` does not offer (only ever a published test key)."""

    curve: Curve
    scalar: int = field(repr=False)

    @cached_property
    def public(self) -> PublicKey:
        return PublicKey(self.curve, *integers.public_point(self.curve, self.scalar))


SigningKey = ec.EllipticCurvePrivateKey | PrivateKey
VerifyingKey = ec.EllipticCurvePublicKey | PublicKey


def private_key(curve: Curve, scalar: int) -> SigningKey:
    """The private key ``scalar``; a ``cryptography`` object where that library has the curve.

    Raises ``InvalidValue`` unless ``0 < scalar < order``.
    """
    if not 0 < scalar < curve.order:
        raise InvalidValue(f"a private key on {curve.name} lies between 1 and its order: check the key file")
    factory = _FACTORIES.get(curve.name)
    if factory is not None:
        try:
            return ec.derive_private_key(scalar, factory())
        except UnsupportedAlgorithm:
            pass
    return PrivateKey(curve, scalar)


def public_key(key: SigningKey | VerifyingKey) -> PublicKey:
    """The public half of any key object of this package or of ``cryptography``.

    Raises ``InvalidValue`` for a curve that no format of signed meter values uses.
    """
    if isinstance(key, PublicKey):
        return key
    if isinstance(key, PrivateKey):
        return key.public
    if isinstance(key, ec.EllipticCurvePrivateKey):
        key = key.public_key()
    curve = by_name(key.curve.name)
    if curve is None:
        raise InvalidValue(
            f"curve {key.curve.name} is not used for signed meter values: take one of {', '.join(CURVES)}"
        )
    numbers = key.public_numbers()
    return PublicKey(curve, numbers.x, numbers.y)


def spki(key: SigningKey | VerifyingKey) -> bytes:
    """SubjectPublicKeyInfo (DER) of a key's public half; 91 bytes on secp256r1."""
    return public_key(key).spki


def sign_digest(key: SigningKey, digest: bytes) -> bytes:
    """Canonical DER signature of ``digest`` (32, 48 or 64 bytes), deterministic by RFC 6979."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        algorithm = Prehashed(_HASHES[len(digest)]())
        try:
            return key.sign(digest, ec.ECDSA(algorithm, deterministic_signing=True))
        except UnsupportedAlgorithm:
            curve = by_name(key.curve.name)
            if curve is None:
                raise InvalidValue(f"curve {key.curve.name} is not used for signed meter values") from None
            return encode_signature(*integers.sign(curve, key.private_numbers().private_value, digest))
    return encode_signature(*integers.sign(key.curve, key.scalar, digest))


def verify_digest(key: VerifyingKey, digest: bytes, r: int, s: int) -> bool:
    """Whether ``(r, s)`` is a signature of ``digest``; high s counts, r and s outside 1..order-1 never do."""
    return public_key(key).verify(digest, r, s)
