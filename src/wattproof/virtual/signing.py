"""The signing module of a virtual meter: one fixed key pair, from a file or the published test key of its identity."""

from __future__ import annotations

from wattproof.errors import InvalidValue
from wattproof.signed import curves, testkeys
from wattproof.signed.curves import CURVES, SigningKey

CURVE = "secp256r1"


def read_key(data: bytes, who: str) -> int:
    """The private scalar in a key file: PEM or DER (PKCS #8 or SEC 1), no password, curve secp256r1.

    ``who`` signs with it, for the message. Raises ``InvalidValue``.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_private_key, load_pem_private_key

    load = load_pem_private_key if b"-----BEGIN" in data else load_der_private_key
    try:
        key = load(data, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidValue("the key file holds no readable private key: give PEM or DER without a password") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != CURVE:
        raise InvalidValue(f"the key file holds a key of another kind: {who} signs with {CURVE} (prime256v1)")
    return key.private_numbers().private_value


class Signer:
    """The key pair of one meter. The key object of the library is made at the first signature, not before."""

    __slots__ = ("_key", "public_key", "scalar", "test")

    def __init__(self, identity: str, scalar: int | None) -> None:
        self.test = scalar is None
        self.scalar = testkeys.derive(CURVE, identity) if scalar is None else scalar
        self.public_key = curves.spki(curves.private_key(CURVES[CURVE], self.scalar))
        self._key: SigningKey | None = None

    def sign(self, digest: bytes) -> bytes:
        """DER signature of a SHA-256 digest."""
        if self._key is None:
            self._key = curves.private_key(CURVES[CURVE], self.scalar)
        return curves.sign_digest(self._key, digest)


def sign_with_another(identity: str, digest: bytes) -> bytes:
    """A signature of the key that belongs to nobody (fault wrong-key)."""
    return curves.sign_digest(testkeys.private_key(CURVE, identity + " wrong"), digest)
