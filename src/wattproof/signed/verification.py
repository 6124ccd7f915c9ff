"""The signature verdict of a unit: which key decides, what is hashed, and which hints may be given.

The verdict says whether the holder of the deciding key signed exactly these bytes, nothing else. Whatever is tried
beyond the first reading leaves a finding (if it verifies) or a hint (if it would). Source: specification of the
verifier, 0.1 to 0.3, 0.8 and 1.1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from itertools import islice

from msgspec import Struct

from wattproof.signed import curves, keys, testkeys
from wattproof.signed.curves import CURVES, Curve, PublicKey
from wattproof.signed.encoding import Decoded, Form, Refused, decode, usual, without_trailing
from wattproof.signed.keys import DecodedKey, EdwardsKey, Key
from wattproof.signed.records import Finding, KeySource, Record, Severity, Signature, Verdict
from wattproof.signed.units import Algorithm, KeyText, Unit

_HASHES = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}

_MOST_AHEAD = 256  # units, as each keeps its answer until it is judged
_KEPT_IDENTITY = 256  # characters of an identity whose test key is kept for the next record
_VALID = Verdict.VALID  # asked for with every record

_DER = Form.DER
_DEVIATIONS = {
    Form.DER_INT: Finding(
        "F-SIG-DER-INT",
        Severity.ERROR,
        "an INTEGER of the signature lacks its sign byte or has one too many",
        "signature",
    ),
    Form.RAW: Finding("F-SIG-RAW", Severity.ERROR, "the signature is r and s side by side instead of DER", "signature"),
}


def verify(unit: Unit, trusted: KeyText | None = None) -> Record:
    """Judges the signature of ``unit`` and returns its record, with ``signature`` set and findings added.

    ``trusted`` is the key that the user or the key register knows for this signer; without it the container's key
    decides, else the one inside the record. The record returned is ``unit.record``; it is another object than before
    if the input had to be read in another way to verify. Never raises on bad content.
    """
    algorithm = unit.algorithm
    if algorithm is None:  # the parser stopped; its verdict stands
        return unit.record
    record = unit.record
    found = unit.keys if trusted is None else (trusted, *unit.keys)
    if not found:
        record.signature = Signature(Verdict.NO_KEY, "V-NO-KEY", algorithm=algorithm.name)
        return record
    deciding = found[0]
    curve: Curve | str | None = algorithm.curve if algorithm.method == "ECDSA" else algorithm.method
    known = unit.ahead
    decoded = known.decoded if known is not None and known.text is deciding else keys.resolve(deciding, curve)
    if decoded.key is None and algorithm.by_curve is not None:
        decoded = resolved(deciding, algorithm, curve)
    key = decoded.key
    if decoded.findings:
        record.findings += decoded.findings
    if key is None:
        record.signature = _refused(unit, algorithm, deciding, decoded.reason, found[1:], curve)
        return record
    if algorithm.by_curve is not None:
        by_curve = algorithm.by_curve.get(key.curve.name if isinstance(key, PublicKey) else "")
        if by_curve is None:
            record.signature = Signature(Verdict.KEY_ERROR, "V-CURVE-MISMATCH", [], None, key.spki, deciding.source)
            _compare(unit, key, found[1:], curve)
            return record
        algorithm = by_curve
    named = algorithm.name
    if named is None and isinstance(key, PublicKey):
        named = f"ECDSA-{key.curve.name}-{algorithm.hash.upper()}"
    signature = Signature(_VALID, None, [], named, key.spki, deciding.source)
    record.signature = signature
    if isinstance(key, PublicKey) and (curve is None or key.curve is curve):
        _judge(unit, key, signature)
    else:
        _judge_unusual(unit, key, curve, signature)
    if len(found) > 1:
        _compare(unit, key, found[1:], curve)
    return unit.record


def resolved(text: KeyText, algorithm: Algorithm | None, curve: Curve | str | None) -> DecodedKey:
    """The key of a text; a bare point lies on the one curve of the format that has its size."""
    decoded = keys.resolve(text, curve)
    if decoded.key is None and algorithm is not None and algorithm.by_curve is not None:
        for name in algorithm.by_curve:
            found = keys.resolve(text, CURVES[name])
            if found.key is not None:
                return found
    return decoded


class Ahead(Struct, frozen=True, gc=False):
    """Whether a signature in canonical DER holds for the signed bytes and the key of a text."""

    text: KeyText
    decoded: DecodedKey
    key: PublicKey
    parts: Decoded
    holds: bool


def ahead(units: Iterable[Unit], trusted: KeyText | None) -> None:
    """Checks the plain signatures of the first units in a row, which leaves the tables of the curve in the cache.

    It decides nothing: :func:`verify` takes the answers that concern the key that decides. Never raises.
    """
    some = islice(units, _MOST_AHEAD)
    waiting = [found for unit in some if (found := _plain(unit, trusted)) is not None]
    for unit, text, decoded, key, parts, digest in waiting:
        try:
            unit.ahead = Ahead(text, decoded, key, parts, key.check(parts.der, parts.r, parts.s, digest))
        except Exception:  # a defect of a library, which is met again where the unit is judged
            unit.ahead = None


_Plain = tuple[Unit, KeyText, DecodedKey, PublicKey, Decoded, bytes]


def _plain(unit: Unit, trusted: KeyText | None) -> _Plain | None:
    """What the check of a plain signature needs; ``None`` for all others, which are judged one by one."""
    algorithm, texts = unit.algorithm, unit.keys if trusted is None else (trusted,)
    if algorithm is None or algorithm.curve is None or algorithm.by_curve is not None or not (texts and unit.der):
        return None
    try:
        text = texts[0]
        decoded = keys.resolve(text, algorithm.curve)
        key = decoded.key
        if not isinstance(key, PublicKey) or key.curve is not algorithm.curve:
            return None
        parts = usual(key.curve, unit.signature)
        if parts is None:
            return None
        return unit, text, decoded, key, parts, _HASHES[algorithm.hash](unit.record.signed).digest()
    except Exception:  # a defect, which is met again where the unit is judged
        return None


def _judge(unit: Unit, key: PublicKey, signature: Signature) -> None:
    """An ECDSA signature with a key of the right curve."""
    known = unit.ahead
    if known is not None and known.key is key:
        if not known.holds:
            _judge_otherwise(unit, key, known.parts, signature)
        return
    try:
        parts = decode(key.curve, unit.signature, der=unit.der, raw=unit.raw is not False)
    except Refused as refused:
        signature.verdict, signature.reason = Verdict.INVALID, refused.reason
        shorter = without_trailing(key.curve, unit.signature) if unit.der else None
        if shorter is not None and _holds(unit, key, shorter, unit.record.signed):
            signature.hints.append("would_verify_without_trailing_bytes")
        return
    if parts.form is not _DER and not (parts.form is Form.RAW and unit.raw):
        unit.record.findings.append(_DEVIATIONS[parts.form])
    if not _holds(unit, key, parts, unit.record.signed):
        _judge_otherwise(unit, key, parts, signature)


def _judge_otherwise(unit: Unit, key: PublicKey, parts: Decoded, signature: Signature) -> None:
    """A signature that is not one of the signed bytes as they were read first."""
    for other in unit.alternatives:
        if _holds(unit, key, parts, other.signed):
            _adopt(unit, other.signed, other.finding, other.read() if other.read is not None else None)
            return
    signature.verdict, signature.reason = Verdict.INVALID, "V-MISMATCH"
    signature.hints += _hints(unit, key, parts)


def _holds(unit: Unit, key: PublicKey, parts: Decoded, signed: bytes, algorithm: str | None = None) -> bool:
    if algorithm is None:
        stated = unit.algorithm
        name = stated.hash if stated is not None and stated.by_curve is None else _hash(stated, key)
    else:
        name = algorithm
    digest = _HASHES[name](signed).digest()
    return key.check(parts.der, parts.r, parts.s, digest)  # their range was checked when they were decoded


def _hash(algorithm: Algorithm | None, key: PublicKey) -> str:
    """The hash of an algorithm, which the curve of the key may decide."""
    if algorithm is not None and algorithm.by_curve is not None:
        algorithm = algorithm.by_curve.get(key.curve.name)
    return algorithm.hash if algorithm is not None else "sha256"


def _adopt(unit: Unit, signed: bytes, finding: Finding, record: Record | None) -> None:
    """Another reading of the input verified: its bytes are the signed ones, its content is shown."""
    if record is not None:
        record.signature = unit.record.signature
        known = set(record.findings)
        record.findings += [item for item in unit.record.findings if item not in known]
        unit.record = record
    unit.record.signed = signed
    unit.record.findings.append(finding)


def _hints(unit: Unit, key: PublicKey, parts: Decoded) -> list[str]:
    """What would have verified; none of it changes the verdict."""
    signed = unit.record.signed
    hints = []
    if unit.algorithm is not None and unit.algorithm.hash != "sha256" and _holds(unit, key, parts, signed, "sha256"):
        hints.append("would_verify_as_sha256")
    if b"\n" in signed and _holds(unit, key, parts, signed.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")):
        hints.append("would_verify_with_crlf")
    if not signed.isascii():
        try:
            latin = signed.decode().encode("latin-1")
        except UnicodeError:
            latin = b""
        if latin and _holds(unit, key, parts, latin):
            hints.append("would_verify_as_latin1")
    return hints


def _judge_unusual(unit: Unit, key: Key, curve: Curve | str | None, signature: Signature) -> None:
    """EdDSA, or a key whose curve is not the one that the algorithm names."""
    if isinstance(key, EdwardsKey) and key.name == curve:
        try:
            verified = key.verify(unit.record.signed, unit.signature)
        except ValueError:
            signature.verdict, signature.reason = Verdict.KEY_ERROR, "V-KEY-POINT"
            return
        if verified:
            return
        for other in unit.alternatives:
            if key.verify(other.signed, unit.signature):
                _adopt(unit, other.signed, other.finding, other.read() if other.read is not None else None)
                return
        size = 64 if key.name == "Ed25519" else 114
        signature.verdict = Verdict.INVALID
        signature.reason = "V-MISMATCH" if len(unit.signature) == size else "V-SIG-ENCODING"
        return
    signature.verdict, signature.reason = Verdict.KEY_ERROR, "V-CURVE-MISMATCH"
    if isinstance(key, PublicKey) and isinstance(curve, Curve) and would_verify(unit, key):
        signature.hints.append("would_verify_with_key_curve")


def verifies_with(unit: Unit, text: KeyText) -> bool:
    """Whether the signature of ``unit`` verifies with the key of a text, whichever key decides."""
    algorithm = unit.algorithm
    if algorithm is None:
        return False
    curve = algorithm.curve if algorithm.method == "ECDSA" else algorithm.method
    return would_verify(unit, resolved(text, algorithm, curve).key)


def would_verify(unit: Unit, key: Key | None) -> bool:
    """Whether the signature verifies with another key than the deciding one, whatever the algorithm says of curves."""
    if isinstance(key, EdwardsKey):
        try:
            return key.verify(unit.record.signed, unit.signature)
        except ValueError:
            return False
    if key is None or (unit.algorithm is not None and unit.algorithm.hash not in _HASHES):  # EdDSA hashes by itself
        return False
    try:
        parts = decode(key.curve, unit.signature, der=unit.der, raw=unit.raw is not False)
    except Refused:
        return False
    return any(_holds(unit, key, parts, data) for data in (unit.record.signed, *(o.signed for o in unit.alternatives)))


def _refused(
    unit: Unit,
    algorithm: Algorithm,
    deciding: KeyText,
    reason: str | None,
    others: Iterable[KeyText],
    curve: Curve | str | None,
) -> Signature:
    """The verdict when the deciding key is no usable key."""
    hints = []
    if any(would_verify(unit, resolved(other, algorithm, curve).key) for other in others):
        hints.append("would_verify_with_other_key")
    return Signature(Verdict.KEY_ERROR, reason, hints, algorithm.name, None, deciding.source)


def _compare(unit: Unit, key: Key, others: Iterable[KeyText], curve: Curve | str | None) -> None:
    """Other keys beside the deciding one: a warning if it verifies, a conflict if it does not (0.1).

    A conflict needs two keys between which the signature could decide. A signature that no key can verify (its
    encoding, its range) keeps that reason, which says more; a deciding key on another curve than the algorithm names
    keeps its own reason too, unless another key verifies (T-077): that one beside it is the conflict.
    """
    signature = unit.record.signature
    differing: list[tuple[KeyText, DecodedKey]] = []
    for other in others:
        decoded = resolved(other, unit.algorithm, curve)
        if decoded.key != key:
            differing.append((other, decoded))
    if not differing:
        return
    if signature.verdict is Verdict.VALID:
        names = " and ".join(sorted({text.source.value for text, _ in differing}))
        message = f"the {names} key is another one than the key that verifies"
        unit.record.findings.append(Finding("F-KEY-DIFFERS", Severity.WARNING, message, "key"))
        return
    would = any(would_verify(unit, decoded.key) for _, decoded in differing)
    usable = any(decoded.key is not None for _, decoded in differing)
    if would or (signature.reason == "V-MISMATCH" and usable):
        signature.verdict, signature.reason = Verdict.KEY_ERROR, "V-KEY-CONFLICT"
    if would:
        signature.hints.append("would_verify_with_other_key")


def is_test_key(record: Record) -> bool:
    """Whether the record is valid and its key is the published test key of an identity that it holds (0.8)."""
    signature = record.signature
    if signature.verdict is not _VALID or signature.public_key is None or signature.algorithm is None:
        return False
    for identity in record.identity_texts:
        answer = _is_test_key if len(identity) <= _KEPT_IDENTITY else _unkept_answer
        if answer(signature.algorithm, signature.public_key, identity):
            return True
    return False


def _unkept_answer(algorithm: str, key: bytes, identity: str) -> bool:
    """Whether a key is the test key of an identity, on the curve that an algorithm's name has."""
    name = algorithm.split("-")[1]
    return key == (_test_spki if len(identity) <= _KEPT_IDENTITY else _unkept_spki)(name, identity)


_is_test_key = lru_cache(maxsize=8192)(_unkept_answer)


def _test_spki(name: str, identity: str) -> bytes:
    if name in ("Ed25519", "Ed448"):
        return testkeys.edwards_spki(name, identity)
    return testkeys.public_key(name, identity).spki


def _unkept_spki(name: str, identity: str) -> bytes:
    """The same for an identity up to the size of a record, which would fill the caches."""
    if name in ("Ed25519", "Ed448"):
        return testkeys.edwards_spki.__wrapped__(name, identity)
    return curves.public_key(curves.private_key(CURVES[name], testkeys.derive.__wrapped__(name, identity))).spki


__all__ = ["KeySource", "is_test_key", "resolved", "verifies_with", "verify", "would_verify"]
