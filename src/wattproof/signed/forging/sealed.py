"""Sealed records: units that a reader recognises by their element and envelope, and that nobody can open.

The envelope is the ASN.1 sequence of the sealing library, as far as a reader needs it to name the record; the OCMF text
inside is not encrypted, and no RSA key belongs to it. Source: verifier specification, 2.18.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wattproof.signed import der
from wattproof.signed.forging.maker import Draft, Sealed, Story
from wattproof.signed.forging.ocmf import OCMF, record
from wattproof.signed.formats import safe_xml

#: The object identifier that such an envelope begins with, 1.3.6.1.4.1.60279.1.1.
ENVELOPE = bytes.fromhex("2b0601040183d6770101")


@dataclass(frozen=True, slots=True)
class SealedMaker:
    """OCMF records in envelopes; every variant is recognised and none is judged."""

    token: str = "OCMF-SEALED"  # noqa: S105 (the name of the format)
    curves: tuple[str, ...] = OCMF.curves
    fields: tuple[str, ...] = OCMF.fields
    serial: str = OCMF.serial
    lacks: tuple[str, ...] = ()

    def drafts(self, story: Story) -> list[Draft]:
        return OCMF.drafts(story)

    def signed(self, draft: Draft, story: Story) -> bytes:
        return OCMF.signed(draft, story)

    def file(self, records: Sequence[Sealed], story: Story) -> bytes:
        key = story.public_key.spki if story.public_key is not None else b""
        return safe_xml.write(
            (
                safe_xml.Signed(envelope(record(sealed, story).encode()), label, key, encoding="hex", sealed=True)
                for sealed, label in zip(records, (safe_xml.BEGIN, safe_xml.END), strict=True)
            ),
            encoding="utf-8",
        )


def envelope(content: bytes) -> bytes:
    """A sequence of the object identifier and the content."""
    return der.element(0x30, der.element(6, ENVELOPE) + der.element(4, content))


SEALED = SealedMaker()
