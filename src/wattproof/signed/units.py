"""What parsers hand to verification: a record, its signature bytes and the keys found with it.

A parser never verifies, and verification never parses: :class:`Unit` is the seam between them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from msgspec import Struct

from wattproof.signed.parameters import Curve
from wattproof.signed.records import Finding, KeySource, Record, Severity, Signature, Verdict


class KeyText(Struct, frozen=True, gc=False):
    """A public key as it was found: text or binary, not decoded. ``encoding`` is what its surroundings claim."""

    text: str | bytes
    source: KeySource
    encoding: str | None = None


@dataclass(frozen=True, slots=True)
class Detached:
    """A signature in a file of its own and the content of the file that it signs (ChargePoint, 2.13)."""

    data: bytes
    signature: bytes


class Carrier(Struct, frozen=True, gc=False):
    """What the surroundings of a record say about it; nothing of this is signed.

    ``label`` and ``encoding`` are what the container calls the record's format and encoding, which are only hints.
    ``text_encoding`` is the single-byte encoding that an XML file declares, whose bytes may be the signed ones.
    ``detached`` is what a file beside this one says about it. ``experimental`` asks for formats of which no genuine
    record was ever verified.
    """

    container: str = "none"
    source: str = ""
    keys: tuple[KeyText, ...] = ()
    label: str | None = None
    encoding: str | None = None
    transaction: str | None = None
    context: str | None = None
    session: str | None = None
    text_encoding: str | None = None
    findings: tuple[Finding, ...] = ()
    detached: Detached | None = None
    experimental: bool = False

    def extra(self) -> dict[str, object]:
        """What predictions of other programs ask about the surroundings: label, encoding, key text and its encoding."""
        if self.container == "none" and not self.keys:
            return {}
        key = self.keys[0] if self.keys else None
        return {
            "label": self.label,
            "encoding": self.encoding,
            "key_text": key.text if key else None,
            "key_encoding": key.encoding if key else None,
        }


NO_CARRIER = Carrier()
#: What a bare record lies in (0.7); a container in such a wrapper is named itself.
WRAPPERS = frozenset({"none", "JSONL", "CSV", "PARQUET", "ZIP", "TAR", "GZIP", "PDF", "QR"})


@dataclass(frozen=True, slots=True)
class Algorithm:
    """How a record was signed. ``curve`` is ``None`` where the key alone decides it.

    ``name`` is canonical (``ECDSA-secp256r1-SHA256``); ``method`` is ``ECDSA``, ``Ed25519`` or ``Ed448``.
    ``by_curve`` are the only algorithms there are, by the name of the curve that the key decides; empty: any.
    """

    name: str | None
    method: str = "ECDSA"
    curve: Curve | None = None
    hash: str = "sha256"
    by_curve: Mapping[str, Algorithm] | None = None


@dataclass(frozen=True, slots=True)
class Alternative:
    """Another reading of the same input, tried only if the first does not verify.

    ``read`` gives the record as it stands in the other bytes; ``None`` if only the hashed bytes differ.
    """

    signed: bytes
    finding: Finding
    read: Callable[[], Record] | None = None


class Unit(Struct):
    """A record and what is needed to judge its signature.

    ``raw`` says whether r and s side by side are the format's own form (``True``), a deviation that is accepted
    (``None``), or refused (``False``); ``der`` whether DER is accepted. A unit that stopped (``format-error``,
    ``unsupported``) has its verdict in the record and no algorithm. ``doubt`` takes back what the record may not say
    unless its signature is valid. ``ahead`` is what verification found out about many units in a row.
    """

    record: Record
    signature: bytes = b""
    algorithm: Algorithm | None = None
    keys: tuple[KeyText, ...] = ()
    der: bool = True
    raw: bool | None = None
    alternatives: list[Alternative] = []
    doubt: Callable[[Record], None] | None = None
    ahead: Any = None


class Enclosed(Struct, frozen=True):
    """A record that a container holds as text or bytes, to be recognised by its content.

    ``decoded`` is what the text means in the encoding that the container states, taken if that is recognised.
    ``then`` gets the units that the content turned out to be, to note what the container says about them.
    """

    content: bytes
    carrier: Carrier
    decoded: bytes | None = None
    then: Callable[[list[Unit]], None] | None = None


Item = Unit | Enclosed


def stopped(
    format: str,
    code: str,
    message: str,
    *,
    carrier: Carrier = NO_CARRIER,
    where: str = "",
    text: str = "",
    verdict: Verdict = Verdict.FORMAT_ERROR,
    reason: str | None = None,
    severity: Severity = Severity.ERROR,
) -> Unit:
    """A unit at which a parser had to stop, with the finding that says why."""
    record = Record(
        format=format,
        container=carrier.container,
        source=carrier.source,
        text=text,
        signature=Signature(verdict, reason or code),
        findings=[*carrier.findings, Finding(code, severity, message, where)],
        context=carrier.context,
        transaction=carrier.transaction,
        session=carrier.session,
        extra=carrier.extra(),
    )
    return Unit(record)
