"""The forge: signed records of every format, right or wrong in a chosen way, for tests of whoever reads them.

::

    forged = forge("OCMF", "tampered:RV")
    forged.data, forged.public_key

Without a key of its own the forge signs with the published test key of the serial in the record, so that no record
passes as real. Signatures are those of RFC 6979: equal input gives equal bytes. A format is one :class:`Maker` and one
row in :data:`MAKERS`. Source: verifier specification, section 0.8.
"""

from __future__ import annotations

import hashlib
import importlib
from dataclasses import dataclass, replace

from wattproof.errors import InvalidValue, UnknownName
from wattproof.signed import curves, testkeys
from wattproof.signed.curves import CURVES, SigningKey
from wattproof.signed.encoding import decode
from wattproof.signed.forging.maker import Draft, Maker, OwnHash, Sealed, Story, changed

#: Format (a token of section 0.7) to the module and name of its maker; imported when it is asked for.
MAKERS = {
    "OCMF": "wattproof.signed.forging.ocmf:OCMF",
    "chargeIT-JSON": "wattproof.signed.forging.chargeit:CHARGEIT_JSON",
    "SAFE-XML": "wattproof.signed.forging.ocmf:SAFE_XML",
    "SAFE-XML-base64": "wattproof.signed.forging.ocmf:SAFE_XML_BASE64",
    "SAFE-XML-base32": "wattproof.signed.forging.ocmf:SAFE_XML_BASE32",
    "SAFE-XML-hex": "wattproof.signed.forging.ocmf:SAFE_XML_HEX",
    "OCMF-SEALED": "wattproof.signed.forging.sealed:SEALED",
    "ALFEN": "wattproof.signed.forging.alfen:ALFEN",
    "chargeIT-ALFEN": "wattproof.signed.forging.alfen:CHARGEIT_ALFEN",
    "PCDF": "wattproof.signed.forging.pcdf:PCDF",
    "EDL_40_P": "wattproof.signed.forging.edl:EDL_40_P",
    "EDL_40_SIG": "wattproof.signed.forging.edl:EDL_40_SIG",
    "EDL-XML": "wattproof.signed.forging.edl:EDL_XML",
    "EDL_40_MENNEKES": "wattproof.signed.forging.edl:EDL_40_MENNEKES",
    "ISA_EDL_40_P": "wattproof.signed.forging.isa:ISA_EDL_40_P",
    "EMH": "wattproof.signed.forging.emh:EMH",
    "Chargy-CTR": "wattproof.signed.forging.chargy:CHARGY",
    "GDF": "wattproof.signed.forging.chargy:GDF",
    "ChargePoint": "wattproof.signed.forging.chargepoint:CHARGEPOINT",
    "ChargePoint-files": "wattproof.signed.forging.chargepoint:FILES",
    "PTB": "wattproof.signed.forging.ocmf:PTB",
    "OCPI": "wattproof.signed.forging.ocmf:OCPI",
    "OCPP-1.6": "wattproof.signed.forging.ocmf:OCPP_16",
    "OCPP-2.0.1": "wattproof.signed.forging.ocmf:OCPP_201",
    "JSONL": "wattproof.signed.forging.ocmf:JSONL",
    "CSV": "wattproof.signed.forging.ocmf:CSV",
    "PARQUET": "wattproof.signed.forging.ocmf:PARQUET",
    "ZIP": "wattproof.signed.forging.ocmf:ZIP",
    "TAR": "wattproof.signed.forging.ocmf:TAR",
    "GZIP": "wattproof.signed.forging.ocmf:GZIP",
    "PDF": "wattproof.signed.forging.ocmf:PDF",
    "QR": "wattproof.signed.forging.ocmf:QR",
}
#: Formats whose right session `verify` still calls grey: nobody opens it, nothing in it says which value is the begin,
#: or it is read only if asked for.
GREY = ("OCMF-SEALED", "EDL-XML", "GDF")
#: Other names of a format, lower case.
_ALIASES = {
    "xml": "SAFE-XML",
    "safe": "SAFE-XML",
    "bsm": "chargeIT-JSON",
    "chargy": "chargeIT-JSON",
    "mennekes": "EDL_40_MENNEKES",
    "mennekes-xml": "EDL_40_MENNEKES",
    "sealed": "OCMF-SEALED",
    "ctr": "Chargy-CTR",
    "isa": "ISA_EDL_40_P",
    "edl": "EDL_40_P",
    "ocpp": "OCPP-1.6",
}

#: Variant to what is wrong with it. ``tampered`` takes the name of a field after a colon.
VARIANTS = {
    "valid": "a complete session, rightly signed",
    "tampered": "one field of the last record changed after it was signed: tampered:FIELD",
    "wrong-key": "signed with another key than the one beside the record",
    "wrong-order": "the end stands where the begin belongs",
    "missing-page": "the meter signed one more record between the two",
    "other-curve": "key and signature lie on another curve than the record says",
    "no-key": "rightly signed, but no key beside the record",
}
#: Field of ``tampered`` that every format has.
SIGNATURE = "signature"


@dataclass(frozen=True, slots=True)
class Forged:
    """A file of the forge, and the key that stands beside its records (DER) or would."""

    format: str
    variant: str
    data: bytes
    identity: str
    curve: str
    public_key: bytes


def maker(format: str) -> Maker:
    """The maker of a format, its name in any case. Raises ``UnknownName``."""
    names = {**{name.lower().replace("_", "-"): name for name in MAKERS}, **_ALIASES}
    name = names.get(format.lower().replace("_", "-"))
    if name is None:
        raise UnknownName(f"the forge has no format {format!r}: take one of {', '.join(MAKERS)}")
    module, _, attribute = MAKERS[name].partition(":")
    found: Maker = getattr(importlib.import_module(module), attribute)
    return found


def forge(
    format: str,
    variant: str = "valid",
    *,
    key: SigningKey | None = None,
    serial: str | None = None,
    curve: str | None = None,
) -> Forged:
    """One file of ``format`` in ``variant``.

    ``key`` signs instead of the published test key of ``serial``; ``curve`` is one that the format knows. Raises
    ``UnknownName`` for a format, variant, field or curve that there is not, ``InvalidValue`` for a key on a curve that
    the format does not have or a serial that it cannot hold, ``UsageError`` where a format needs the extra
    ``documents``.
    """
    made = maker(format)
    kind, field = _variant(made, variant)
    if key is not None:
        given = curves.public_key(key).curve.name
        if curve not in (None, given):
            raise InvalidValue(f"the key lies on {given}, not on {curve}: leave the curve away, or take another key")
        if given not in made.curves:
            raise InvalidValue(f"the key lies on {given}, but {made.token} knows {', '.join(made.curves)}")
        curve = given
    curve = curve or made.curves[0]
    if curve not in made.curves:
        raise UnknownName(f"{made.token} is not signed on {curve!r}: take one of {', '.join(made.curves)}")
    identity = serial or made.serial
    right = key if key is not None else testkeys.private_key(curve, identity)
    signing = beside = right
    if kind == "wrong-key":
        signing = testkeys.private_key(curve, identity + " wrong")
    elif kind == "other-curve":
        signing = beside = testkeys.private_key(_other(curve, made.curves), identity)
    public = curves.public_key(beside)
    shown = None if kind == "no-key" else public
    story = Story(identity, curve, kind == "wrong-order", kind == "missing-page", shown)
    hash = made.hash_of(curve) if isinstance(made, OwnHash) else "sha256"
    sealed = [
        Sealed(draft, _sign(signing, made.signed(draft, story), hash), public.curve, shown)
        for draft in made.drafts(story)
    ]
    if kind == "tampered":
        sealed[-1] = _tampered(sealed[-1], field)
    return Forged(made.token, variant, made.file(sealed, story), story.serial, curve, public.spki)


def _variant(made: Maker, variant: str) -> tuple[str, str]:
    """The kind of a variant and, for ``tampered``, the field as the maker spells it."""
    kind, colon, field = variant.partition(":")
    if kind not in VARIANTS or bool(colon) != (kind == "tampered"):
        known = ", ".join("tampered:FIELD" if name == "tampered" else name for name in VARIANTS)
        raise UnknownName(f"no variant {variant!r}: take one of {known}")
    if kind in made.lacks:
        raise UnknownName(f"{made.token} has no variant {kind}: its records have no place for it")
    if kind != "tampered":
        return kind, ""
    fields = {name.lower(): name for name in (*made.fields, SIGNATURE)}
    if field.lower() not in fields:
        raise UnknownName(
            f"{made.token} has no field {field!r} to tamper with: take one of {', '.join(fields.values())}"
        )
    return kind, fields[field.lower()]


def _other(curve: str, known: tuple[str, ...]) -> str:
    """A curve of another size, so that no reader can take one for the other; if possible one the format does not know.

    Of what remains the smallest, whose signatures fit everywhere.
    """
    size = CURVES[curve].field_bytes
    sizes = [name for name in ("secp192r1", "secp256r1", "secp384r1") if CURVES[name].field_bytes != size]
    return next((name for name in sizes if name not in known), sizes[0])


def _sign(key: SigningKey, signed: bytes, hash: str) -> bytes:
    return curves.sign_digest(key, hashlib.new(hash, signed).digest())


def _tampered(sealed: Sealed, field: str) -> Sealed:
    if field != SIGNATURE:
        return replace(sealed, draft=changed(sealed.draft, field))
    parts = decode(sealed.curve, sealed.signature)
    s = parts.s - 1 if parts.s > 1 else 2
    return replace(sealed, signature=curves.encode_signature(parts.r, s))


__all__ = ["GREY", "MAKERS", "SIGNATURE", "VARIANTS", "Draft", "Forged", "Maker", "Sealed", "Story", "forge", "maker"]
