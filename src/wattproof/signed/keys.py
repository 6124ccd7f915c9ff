"""Public keys in every form they are handed around in: text encodings, structures, wrappers.

The alphabet of a key text never decides: each encoding is tried in turn, and the first that yields a key's structure
wins. Points are checked before any library sees them. Source: specification of the verifier, 0.3.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ed448, ed25519

from wattproof.signed import der
from wattproof.signed.curves import CURVES, Curve, PublicKey, by_oid
from wattproof.signed.limits import DEFAULT
from wattproof.signed.records import Finding, KeySource, Severity
from wattproof.signed.units import KeyText

_EC_PUBLIC_KEY = bytes.fromhex("2a8648ce3d0201")
#: Edwards curves: content of the object identifier (RFC 8410), bytes of a key.
_EDWARDS = {"Ed25519": (bytes.fromhex("2b6570"), 32), "Ed448": (bytes.fromhex("2b6571"), 57)}

_ARMOUR = re.compile(r"-----[A-Z0-9 ]{0,64}-----", re.ASCII)
_SPACE = str.maketrans("", "", " \t\r\n\v\f")
_OCA = re.compile(r"oca:(base16|base64):(asn1):(.*)", re.ASCII | re.IGNORECASE | re.DOTALL)
_NOT_HEX = re.compile(r"[^0-9A-Fa-f]+")


@dataclass(frozen=True)
class EdwardsKey:
    """A key of EdDSA; the signature is over the payload itself."""

    name: str
    raw: bytes

    @property
    def spki(self) -> bytes:
        """SubjectPublicKeyInfo (RFC 8410), DER."""
        oid, _ = _EDWARDS[self.name]
        return der.element(0x30, der.element(0x30, der.element(6, oid)) + der.element(3, b"\0" + self.raw))

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether ``signature`` (64 or 114 bytes) is one of ``message``. Raises ``ValueError`` for an unusable key."""
        maker = ed25519.Ed25519PublicKey if self.name == "Ed25519" else ed448.Ed448PublicKey
        key = maker.from_public_bytes(self.raw)
        try:
            key.verify(signature, message)
        except InvalidSignature:
            return False
        return True


Key = PublicKey | EdwardsKey


class KeyRefused(ValueError):
    """A text that is no usable key; ``reason`` is ``V-KEY-ENCODING``, ``V-KEY-POINT`` or ``V-CURVE-MISMATCH``."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class DecodedKey:
    """A key, or why there is none. ``bare``: the text names no curve, it was taken from the algorithm."""

    key: Key | None
    findings: tuple[Finding, ...] = ()
    bare: bool = False
    reason: str | None = None
    message: str = ""


# --- text encodings -------------------------------------------------------------------------------------------------


def decode_hex(text: str) -> bytes:
    """Hexadecimal in either case, even length, nothing else. Raises ``ValueError``."""
    return binascii.unhexlify(text)


def _padded(text: str, group: int) -> bytes:
    text = text.rstrip("=")
    return (text + "=" * (-len(text) % group)).encode("ascii")


def decode_base64(text: str) -> bytes:
    """Base64 of the standard alphabet, padding may be missing. Raises ``ValueError``."""
    return binascii.a2b_base64(_padded(text, 4), strict_mode=True)


def decode_base64url(text: str) -> bytes:
    """Base64 of the URL alphabet, padding may be missing. Raises ``ValueError``."""
    if "+" in text or "/" in text:
        raise ValueError("characters of the other Base64 alphabet")
    return decode_base64(text.replace("-", "+").replace("_", "/"))


def decode_base32(text: str) -> bytes:
    """Base32 (RFC 4648) in either case, padding may be missing. Raises ``ValueError``."""
    return base64.b32decode(_padded(text, 8), casefold=True)


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "hex": decode_hex,
    "base64": decode_base64,
    "base64url": decode_base64url,
    "base32": decode_base32,
}


def _decodings(text: str, declared: str | None) -> Iterator[tuple[str, bytes]]:
    """What the text means in each encoding that can read it, the declared one first."""
    names = list(ENCODINGS)
    if declared in ENCODINGS:
        names.remove(declared)
        names.insert(0, declared)
    for name in names:
        try:
            data = ENCODINGS[name](text)
        except ValueError:
            continue
        if data:
            yield name, data


# --- structures -----------------------------------------------------------------------------------------------------


def _root(value: int, prime: int) -> int | None:
    """A square root modulo a prime (Tonelli and Shanks), ``None`` if there is none."""
    value %= prime
    if pow(value, (prime - 1) // 2, prime) != 1:
        return 0 if value == 0 else None
    if prime % 4 == 3:
        return pow(value, (prime + 1) // 4, prime)
    odd, twos = prime - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    witness = next(z for z in range(2, prime) if pow(z, (prime - 1) // 2, prime) != 1)
    power, c = twos, pow(witness, odd, prime)
    t, root = pow(value, odd, prime), pow(value, (odd + 1) // 2, prime)
    while t != 1:
        least, square = 0, t
        while square != 1:
            square, least = square * square % prime, least + 1
        step = pow(c, 1 << (power - least - 1), prime)
        power, c = least, step * step % prime
        t, root = t * c % prime, root * step % prime
    return root


def _on(curve: Curve, x: int, y: int) -> PublicKey:
    if not curve.holds(x, y):
        raise KeyRefused("V-KEY-POINT", f"the point is not on {curve.name}")
    return PublicKey(curve, x, y)


def point(curve: Curve, data: bytes) -> PublicKey | None:
    """The key of an uncompressed or compressed point (SEC 1, 2.3.4), ``None`` if the form is neither.

    Raises :class:`KeyRefused` (``V-KEY-POINT``) if the point is infinity or not on the curve.
    """
    size, form = curve.field_bytes, data[:1]
    if form == b"\4" and len(data) == 2 * size + 1:
        return _on(curve, int.from_bytes(data[1 : 1 + size], "big"), int.from_bytes(data[1 + size :], "big"))
    if form in (b"\2", b"\3") and len(data) == size + 1:
        x = int.from_bytes(data[1:], "big")
        y = _root(x * x * x + curve.a * x + curve.b, curve.p) if x < curve.p else None
        if y is None:
            raise KeyRefused("V-KEY-POINT", f"no point of {curve.name} has this X")
        return _on(curve, x, y if y % 2 == data[0] % 2 else curve.p - y)
    if data == b"\0":
        raise KeyRefused("V-KEY-POINT", "the point is infinity")
    return None


def _bare(curve: Curve | str | None, data: bytes) -> Key | None:
    """A key without a curve of its own: a point, X and Y side by side, or the bytes of an Edwards key."""
    if isinstance(curve, str):
        return EdwardsKey(curve, data) if len(data) == _EDWARDS[curve][1] else None
    if curve is None:
        return None
    found = point(curve, data)
    size = curve.field_bytes
    if found is None and len(data) == 2 * size:
        found = _on(curve, int.from_bytes(data[:size], "big"), int.from_bytes(data[size:], "big"))
    if found is None and data[0] in (2, 3, 4):
        for other in CURVES.values():
            if len(data) == (2 * other.field_bytes if data[0] == 4 else other.field_bytes) + 1:
                message = f"a point of {len(data)} bytes does not belong to {curve.name}"
                raise KeyRefused("V-CURVE-MISMATCH", message)
    if found is None and len(data) % 2 == 0:
        half = len(data) // 2
        x, y = int.from_bytes(data[:half], "big"), int.from_bytes(data[half:], "big")
        for other in CURVES.values():
            if other.field_bytes == half and other.holds(x, y):
                raise KeyRefused("V-CURVE-MISMATCH", f"X and Y are a point of {other.name}, not of {curve.name}")
    return found


def _spki(data: bytes) -> Key | None:
    """The key in SubjectPublicKeyInfo, ``None`` if the structure is another."""
    outer = der.sequence(data)
    if outer is None or len(outer) != 2 or outer[0][0] != 0x30 or outer[1][0] != 3:
        return None
    algorithm, bits = der.elements(outer[0][1]), outer[1][1]
    if not algorithm or algorithm[0][0] != 6 or bits[:1] != b"\0":
        return None
    for name, (oid, size) in _EDWARDS.items():
        if algorithm[0][1] == oid and len(algorithm) == 1 and len(bits) == size + 1:
            return EdwardsKey(name, bits[1:])
    if algorithm[0][1] != _EC_PUBLIC_KEY:
        raise KeyRefused("V-KEY-ENCODING", "the key is not one of an elliptic curve")
    if len(algorithm) != 2 or algorithm[1][0] != 6:
        raise KeyRefused("V-KEY-ENCODING", "the key does not name its curve; explicit parameters are refused")
    curve = by_oid(algorithm[1][1])
    if curve is None:
        raise KeyRefused("V-KEY-ENCODING", "the key's curve is not one of signed meter values")
    found = point(curve, bits[1:])
    if found is None:
        raise KeyRefused("V-KEY-POINT", f"the key holds no point of {curve.name}")
    return found


def _certificate(data: bytes) -> bytes | None:
    """SubjectPublicKeyInfo inside an X.509 certificate (RFC 5280, 4.1), ``None`` if the structure is another."""
    outer = der.sequence(data)
    if outer is None or len(outer) != 3 or [tag for tag, _ in outer] != [0x30, 0x30, 3]:
        return None
    fields = der.elements(outer[0][1])
    if not fields:
        return None
    if fields[0][0] == 0xA0:  # version
        fields = fields[1:]
    if len(fields) < 6 or [tag for tag, _ in fields[:6]] != [2, 0x30, 0x30, 0x30, 0x30, 0x30]:
        return None
    return der.element(0x30, fields[5][1])


def _structure(data: bytes, curve: Curve | str | None) -> DecodedKey | None:
    """The key that the bytes are, by their structure; ``None`` if they are none. Raises :class:`KeyRefused`."""
    found = _spki(data)
    if found is not None:
        return DecodedKey(found)
    inner = _certificate(data)
    if inner is not None:
        found = _spki(inner)
        if found is not None:
            note = Finding(
                "F-KEY-CERT", Severity.INFO, "the key was taken from a certificate, its chain is not checked"
            )
            return DecodedKey(found, (note,))
    found = _bare(curve, data)
    return None if found is None else DecodedKey(found, bare=True)


# --- the whole text -------------------------------------------------------------------------------------------------


def _unwrap(text: str) -> str | None:
    """The hexadecimal or Base64 text inside an OCA wrapper, ``None`` if there is no wrapper."""
    match = _OCA.fullmatch(text)
    if match is None:
        return None
    encoding, _, key = match.groups()
    if encoding.lower() == "base64":
        return decode_base64(key).hex()
    return _NOT_HEX.sub("", key[2:] if key[:2].lower() == "0x" else key)


def _read(text: str, declared: str | None, curve: Curve | str | None, wrapped: bool = False) -> DecodedKey | None:
    try:
        inner = _unwrap(text)
    except ValueError:
        raise KeyRefused("V-KEY-ENCODING", "the OCA wrapper holds no Base64") from None
    if inner is not None:
        text, declared = inner, "hex"
    refused: KeyRefused | None = None
    for name, data in _decodings(text, declared):
        try:
            found = _structure(data, curve)
            if found is None and not wrapped and data.isascii():  # OCPP: a wrapper or hex text once more in Base64
                found = _read(_clean(data.decode("ascii")), None, curve, wrapped=True)
        except KeyRefused as problem:
            refused = refused or problem
            continue
        if found is not None:
            if declared in ENCODINGS and name != declared:
                note = Finding("F-KEY-ENC", Severity.INFO, f"the key is written in {name}, not in {declared}")
                return DecodedKey(found.key, (*found.findings, note), found.bare)
            return found
    if refused is not None:
        raise refused
    if text[:2] == "AC" and not wrapped:  # the front code of a meter
        return _read(text[2:], "hex", curve, wrapped=True)
    return None


def _clean(text: str) -> str:
    """Without PEM armour and ASCII white space."""
    if "-----" in text:
        text = _ARMOUR.sub("", text)
    return text.translate(_SPACE)


def decode(text: str | bytes, declared: str | None = None, curve: Curve | str | None = None) -> DecodedKey:
    """The public key in ``text``; binary DER is read too. Never raises: the answer holds the reason.

    ``declared`` is the encoding that the surroundings claim. ``curve`` (or ``Ed25519``, ``Ed448``) is that of the
    algorithm, to which a bare point is tied. Answers are kept, as a fleet repeats its keys.
    """
    return (_kept if len(text) <= _KEPT else _decode)(text, declared, curve)


def _decode(text: str | bytes, declared: str | None, curve: Curve | str | None) -> DecodedKey:
    refused = KeyRefused("V-KEY-ENCODING", "the text is no public key in any known form")
    try:
        if len(text) > DEFAULT.key:
            raise KeyRefused("V-KEY-ENCODING", f"a key of {len(text)} characters")
        found = None
        if isinstance(text, bytes):
            found = _structure(text, curve) if text else None
            text = text.decode("ascii", "replace")
        if found is None:
            found = _read(_clean(text), declared.lower() if declared else None, curve)
        if found is not None:
            return found
    except KeyRefused as problem:
        refused = problem
    return DecodedKey(None, reason=refused.reason, message=str(refused))


#: Longer texts are not kept, so that the cache stays small.
_KEPT = 2048
_kept = lru_cache(maxsize=8192)(_decode)


def resolve(key: KeyText, curve: Curve | str | None = None) -> DecodedKey:
    """:func:`decode` for a key as it was found."""
    text = key.text
    return (_kept if len(text) <= _KEPT else _decode)(text, key.encoding, curve)


#: Bytes of a compressed point of the shortest curve, and the characters of keys as text.
_SHORTEST = 25
_ALPHABET = re.compile(r"[A-Za-z0-9+/=_:-]+")


def looks_like_key(data: bytes) -> bool:
    """Whether a document is a public key rather than a record: a key that names its curve, or a point of any curve."""
    if not _SHORTEST <= len(data) <= DEFAULT.key:
        return False
    if data.isascii() and not _ALPHABET.fullmatch(_clean(data.decode("ascii"))):
        return False
    choices = (None, *CURVES.values())
    return any(decode(data, None, curve).key is not None for curve in choices)


def key_text(data: bytes | str, source: KeySource = KeySource.TRUSTED, encoding: str | None = None) -> KeyText:
    """A key as given by a user: the text or the content of a file."""
    return KeyText(data, source, encoding)
