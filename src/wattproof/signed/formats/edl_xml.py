"""EDL_40_SIG: the 320-byte block itself, with its signature, in a ``signedMeterValue`` element.

The delivered bytes are hashed as they are and shown from there. Source: specification of the verifier, 2.5.
"""

from __future__ import annotations

import re

from msgspec.structs import replace

from wattproof.signed import xmlscan
from wattproof.signed.formats import edl
from wattproof.signed.keys import ENCODINGS
from wattproof.signed.limits import DEFAULT, Limits
from wattproof.signed.records import Finding, KeySource, Severity, Signature, Verdict
from wattproof.signed.units import NO_CARRIER, WRAPPERS, Algorithm, Carrier, KeyText, Unit, stopped
from wattproof.signed.xmlscan import Element, XmlProblem

TOKEN = "EDL_40_SIG"  # noqa: S105 (the name of the format)
CONTAINER = "EDL-XML"
VALUE, LIST = "signedMeterValue", "signedMeterValues"
ROOTS = frozenset((VALUE, LIST))

#: Lengths of r and s by the name of the method.
_METHODS = {"ECDSA192SHA256": 48, "ECDSA256SHA256": 64}
_SIGNATURES = frozenset((48, 50, 64, 66))
_NAMESPACE = Finding("F-XML-NAMESPACE", Severity.INFO, "the container lies in a namespace", "/")
_BLANK = re.compile(r"\s+")


def detect(root: str) -> bool:
    """Whether a file whose first element has this local name is such a container."""
    return root in ROOTS


def read(data: bytes, carrier: Carrier = NO_CARRIER, limits: Limits = DEFAULT) -> list[Unit]:
    """Every signed value of the file, in file order; at least one unit, and never an exception for bad content."""
    if carrier.container in WRAPPERS:
        carrier = replace(carrier, container=CONTAINER)
    try:
        document = xmlscan.parse(data, limits)
    except XmlProblem as problem:
        return [stopped(TOKEN, problem.code, str(problem), carrier=carrier, where=problem.where)]
    if document.namespaced:
        carrier = replace(carrier, findings=(*carrier.findings, _NAMESPACE))
    return units(document.root, carrier, limits)


def units(root: Element, carrier: Carrier, limits: Limits = DEFAULT) -> list[Unit]:
    """The signed values of an element: it is one, or a list of them."""
    values = root.all(VALUE) if root.name == LIST else [root]
    if not values:
        return [stopped(TOKEN, "F-EMPTY", "the list holds no signed value", carrier=carrier, where=f"/{root.name}")]
    found = [
        _unit(value, root.name, carrier, f"/{root.name}[{position + 1}]")
        for position, value in enumerate(values[: limits.units])
    ]
    if len(values) > limits.units:
        found.append(stopped(TOKEN, "F-SIZE", f"more than {limits.units} signed values", carrier=carrier))
    return found


def _unit(value: Element, root: str, carrier: Carrier, where: str) -> Unit:
    block_text, signature_text = value.child("encodedMeterValue"), value.child("meterValueSignature")
    try:
        signed = decoded(block_text, frozenset((edl.SIZE,)))
        block = edl.decode(signed)
    except ValueError as error:
        message = f"encodedMeterValue: {error}"
        return stopped(TOKEN, "F-FORMAT", message, carrier=carrier, where=f"{where}/encodedMeterValue")
    try:
        signature = decoded(signature_text, _SIGNATURES)
    except ValueError as error:
        message = f"meterValueSignature: {error}"
        return stopped(TOKEN, "F-SD", message, carrier=carrier, where=f"{where}/meterValueSignature")
    record = edl.record(TOKEN, block, signed, carrier, None, None)
    record.extra["root"] = root
    keys = carrier.keys
    key = value.child("publicKey")
    if key is not None and key.text:
        keys = (*keys, KeyText(key.text, KeySource.EMBEDDED, key.attributes.get("encoding")))
        record.extra["embedded_key"] = key.text
    encoding = value.child("encodingMethod")
    if encoding is not None and encoding.text and encoding.text.upper() != "EDL":
        message = f"encodingMethod is {encoding.text[:40]!r}, but it is an EDL block"
        record.findings.append(Finding("F-FORMAT-LABEL", Severity.WARNING, message, f"{where}/encodingMethod"))
    if len(signature) in (50, 66):
        if signature[-2:] != block.log:
            message = "the two bytes behind the signature are not the log index of the block"
            record.findings.append(Finding("F-EDL-LOG", Severity.WARNING, message, f"{where}/meterValueSignature"))
        signature = signature[:-2]
    method = value.child("signatureMethod")
    algorithm = _algorithm(method.text if method is not None else "", len(signature))
    if isinstance(algorithm, Signature):
        record.signature = algorithm
        return Unit(record, signature, None, keys)
    return Unit(record, signature, algorithm, keys, der=False, raw=True)


def decoded(element: Element | None, lengths: frozenset[int]) -> bytes:
    """The bytes of an element: in its stated encoding, else in the first that gives one of the lengths.

    Raises ``ValueError`` if it cannot be decoded; a signature of another length is left to verification.
    """
    text = _BLANK.sub("", element.text) if element is not None else ""
    if element is None or not text:
        raise ValueError("it is missing or empty")
    stated = element.attributes.get("encoding", "").strip().lower()
    if stated in ENCODINGS:
        try:
            return ENCODINGS[stated](text)
        except ValueError:
            raise ValueError(f"it is not {stated}") from None
    found: bytes | None = None
    for decode in ENCODINGS.values():
        try:
            data = decode(text)
        except ValueError:
            continue
        if len(data) in lengths:
            return data
        found = found or data
    if not found:
        raise ValueError("it is in no known encoding")
    return found


def _algorithm(method: str, length: int) -> Algorithm | Signature:
    """The algorithm by the length of the signature; the verdict instead, if the stated method is another."""
    stated = _METHODS.get(method.upper())
    if method and stated is None:
        return Signature(Verdict.UNSUPPORTED, "V-ALG")
    size = length if length in (48, 64) else stated or (64 if length > 56 else 48)
    algorithm = edl.ALGORITHMS[size]
    if stated is not None and stated != size:
        return Signature(Verdict.KEY_ERROR, "V-CURVE-MISMATCH", algorithm=algorithm.name)
    return algorithm
