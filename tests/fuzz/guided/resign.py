"""A changed file, signed anew: what it now says gets past the signature check, into rules, reports and predictions.

The signature of every unit whose key is one of the test keys here is replaced, where it stands, by one of the same key
over what the parser takes for the signed bytes. Whether that is what the record shows, :mod:`.signed_content` decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from tests.fuzz.guided.encoded import ENCODINGS, TOKEN, readings_of, repaired
from wattproof.signed import curves, recognise
from wattproof.signed.curves import PublicKey, SigningKey
from wattproof.signed.formats.samples import sign_raw
from wattproof.signed.units import Carrier, Unit
from wattproof.signed.verification import resolved

_DEPTH = 3  # text in text in text

Keys = Mapping[bytes, SigningKey]  # by SubjectPublicKeyInfo


def resigned(data: bytes, keys: Keys) -> tuple[bytes, set[bytes]] | None:
    """The file with new signatures, and the bytes that they are over; ``None`` if there is nothing to sign."""
    data = repaired(data)
    signed: set[bytes] = set()
    for unit in recognise.read(data, Carrier(experimental=True))[:8]:
        new = _signature(unit, keys)
        if new is None:
            continue
        changed = _replaced(data, unit.signature, new, _DEPTH)
        if changed is not None:
            data = repaired(changed)
            signed.add(unit.record.signed)
    return (data, signed) if signed else None


def _signature(unit: Unit, keys: Keys) -> bytes | None:
    algorithm = unit.algorithm
    if algorithm is None or algorithm.method != "ECDSA" or not unit.keys or not unit.signature:
        return None
    public = resolved(unit.keys[0], algorithm, algorithm.curve).key
    private = keys.get(public.spki) if isinstance(public, PublicKey) else None
    if private is None or not isinstance(public, PublicKey):
        return None
    if algorithm.by_curve is not None:
        algorithm = algorithm.by_curve.get(public.curve.name, algorithm)
    if algorithm.hash not in hashlib.algorithms_guaranteed:
        return None
    if unit.der:
        return curves.sign_digest(private, hashlib.new(algorithm.hash, unit.record.signed).digest())
    return sign_raw(private, unit.record.signed)


def _replaced(data: bytes, old: bytes, new: bytes, depth: int) -> bytes | None:
    """``data`` with ``new`` in the place of ``old``, in whatever encoding that stands there."""
    for _, encode in ENCODINGS.values():
        text = encode(old)
        if text in data:
            return data.replace(text, encode(new), 1)
    if old in data:
        return data.replace(old, new, 1)
    if depth == 0:
        return None
    for match in TOKEN.finditer(data):
        for name, inner in readings_of(match[0]):
            changed = _replaced(inner, old, new, depth - 1)
            if changed is not None:
                return data[: match.start()] + ENCODINGS[name][1](repaired(changed)) + data[match.end() :]
    return None
