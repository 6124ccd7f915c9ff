"""Signatures over the keys of a charge transparency record: who vouches for a key, as far as that can be checked.

They stand as ``signatures`` or ``publicKeySignatures`` at a key, its meter, a session or the record. No description
says what they cover and no genuine one was ever seen here. Chargy hashes, with SHA-256, the JSON text of an object that
it builds from station, charge point, meter, key and signature, and takes secp256r1; that text is built here too. A
signature that fits is told; one that does not is doubted, never called forged; neither changes a verdict, because the
signer's own key stands in the same file. Source: specification of the verifier, 2.14.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from wattproof.signed.curves import CURVES, PublicKey
from wattproof.signed.encoding import Refused, decode
from wattproof.signed.formats import enclosing
from wattproof.signed.jsonscan import Number, Path
from wattproof.signed.keys import ENCODINGS
from wattproof.signed.keys import decode as decode_key
from wattproof.signed.records import Finding, Severity

#: Members with signatures: of a key, and of what stands around keys, where ``signatures`` are those of something else.
OF_KEY, AROUND = ("signatures", "publicKeySignatures"), ("publicKeySignatures",)
#: Signatures in one list that are looked at, characters of a name that are shown, of a signature, of the signed text.
MOST, _SHOWN, _LONGEST, _LONGEST_TEXT = 16, 80, 1024, 64 * 1024
_CURVE = CURVES["secp256r1"]
_STATION = ("@id", "description", "geoLocation", "address", "softwareVersion")
_EVSE = ("@id", "description", "sockets")
_METER = ("@id", "vendor", "model", "firmwareVersion", "signatureFormat")
_KEY = ("algorithm", "format", "value")
_SIGNATURE = ("signer", "timestamp", "comment", "algorithm", "format")
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_INDEX = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a key stands: the objects of the station, the charge point and the meter around it, as far as there are."""

    station: Any = None
    evse: Any = None
    meter: Any = None
    key: Any = None


def of(holder: Any, where: Path, members: tuple[str, ...] = AROUND) -> Iterator[tuple[Any, str]]:
    """The key signatures that an object at ``where`` states, each with its own place."""
    for name in members:
        stated = enclosing.member(holder, name)
        for position, signature in enumerate(stated[:MOST] if isinstance(stated, list) else ()):
            yield signature, enclosing.where((*where, name, str(position)))


def finding(signature: Any, place: Place, where: str) -> Finding:
    """What one signature over the key at ``place`` says. Never raises."""
    signer, time = (enclosing.identifier(enclosing.member(signature, name)) for name in ("signer", "timestamp"))
    who = f"the key is signed by {(signer or 'an unnamed signer')[:_SHOWN]}" + (f" on {time[:_SHOWN]}" if time else "")
    try:
        fits = _verifies(signature, place)
    except _Unchecked as problem:
        return Finding("F-KEY-SIGNATURE", Severity.INFO, f"{who}, which cannot be checked: {problem}", where)
    if fits:
        message = f"{who}, which verifies; whether that signer is to be believed, the file cannot prove"
        return Finding("F-KEY-SIGNED", Severity.INFO, message, where)
    message = f"{who}, which does not verify over station, charge point, meter and key as Chargy writes them"
    return Finding("F-KEY-SIGNATURE", Severity.WARNING, message, where)


class _Unchecked(ValueError):
    """Why a signature cannot be checked."""


def _verifies(signature: Any, place: Place) -> bool:
    if not isinstance(signature, dict):
        raise _Unchecked("it is no object")
    text = enclosing.text(signature.get("publicKey"))
    if text is None:
        raise _Unchecked("the signer's key is missing")
    key = decode_key(text, "hex", _CURVE).key
    if not isinstance(key, PublicKey) or key.curve is not _CURVE:
        raise _Unchecked("the signer's key is none of secp256r1")
    data = _decoded(signature)
    if not all(isinstance(part, dict) for part in (place.station, place.evse, place.meter, place.key)):
        raise _Unchecked("station, charge point and meter of the key are not all stated around it")
    try:
        parts = decode(_CURVE, data)
    except Refused as problem:
        raise _Unchecked(f"its encoding is refused ({problem.reason})") from None
    digest = hashlib.sha256(covered(signature, place).encode()).digest()
    return key.verify(digest, parts.r, parts.s)


def _decoded(signature: dict[str, Any]) -> bytes:
    """The signature as DER or as r and s side by side."""
    for holder in (signature.get("signature"), signature.get("value"), signature):
        parts = [enclosing.text(enclosing.member(holder, name)) for name in ("r", "s")]
        if None not in parts:
            digits = [str(part).strip().rjust(2 * _CURVE.order_bytes, "0") for part in parts]
            if max(map(len, digits)) > 2 * _CURVE.order_bytes:
                raise _Unchecked("r or s is too long")
            return _bytes("".join(digits), ("hex",))
        text = enclosing.text(holder)
        if text is not None:
            return _bytes("".join(text.split()), ("hex", "base64"))
    raise _Unchecked("the signature itself is missing")


def _bytes(text: str, encodings: tuple[str, ...]) -> bytes:
    for name in encodings:
        try:
            return ENCODINGS[name](text[:_LONGEST])
        except ValueError:
            continue
    raise _Unchecked("the signature cannot be decoded")


# -- the signed text ----------------------------------------------------------------------------------------------


def covered(signature: dict[str, Any], place: Place) -> str:
    """The JSON text that is hashed. Raises ``ValueError`` if it is too long."""
    key = {**_members(place.key, _KEY), "signature": _members(signature, _SIGNATURE)}
    meter = {**_members(place.meter, _METER), "publicKey": key}
    evse = {**_members(place.evse, _EVSE), "meter": meter}
    pieces, size = [], 0
    for piece in _written({**_members(place.station, _STATION), "EVSE": evse}):
        pieces.append(piece)
        size += len(piece)
        if size > _LONGEST_TEXT:
            raise _Unchecked("what it covers is too long")
    return "".join(pieces)


def _members(holder: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    """The members that there are, in this order; what is missing is left out, not written as null."""
    return {name: holder[name] for name in names if name in holder}


def _written(value: Any) -> Iterator[str]:
    """JSON as ECMAScript writes it (ECMA-262, 25.5.2): no blanks, numbers by their value, members in their order."""
    if isinstance(value, dict):
        for position, name in enumerate(_ordered(value)):
            yield f"{',' if position else '{'}{_quoted(name)}:"
            yield from _written(value[name])
        yield "}" if value else "{}"
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield "," if position else "["
            yield from _written(item)
        yield "]" if value else "[]"
    elif isinstance(value, Number):
        yield _number(float(value))
    else:
        yield _quoted(value) if isinstance(value, str) else json.dumps(value)


def _ordered(fields: dict[str, Any]) -> list[str]:
    """Names that are array indices come first, by their number."""
    indices = {name for name in fields if _INDEX.fullmatch(name) and int(name) < 2**32 - 1}
    return [*sorted(indices, key=int), *(name for name in fields if name not in indices)]


def _quoted(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise _Unchecked("what it covers is too long")
    return _HALF_PAIR.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def _number(value: float) -> str:
    """A double as ECMAScript writes it (ECMA-262, 6.1.6.1.20): plain from 1e-6 up to below 1e21."""
    if value in (float("inf"), float("-inf")):
        return "null"
    if value == 0:
        return "0"
    if 1e-6 <= abs(value) < 1e21:
        text = format(Decimal(repr(value)), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text
    digits, _, exponent = repr(value).partition("e")
    return f"{digits.removesuffix('.0')}e{int(exponent):+d}"
