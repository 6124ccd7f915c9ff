"""A PCDF line: a whole session in one record. Source: verifier specification, 2.8."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wattproof.signed.forging.maker import Draft, Sealed, Story, samples
from wattproof.signed.formats import pcdf_export
from wattproof.signed.formats.pcdf import ORDER


@dataclass(frozen=True, slots=True)
class PcdfMaker:
    """The key is one of the signed fields, so it is not tampered with like the others."""

    token: str = "PCDF"  # noqa: S105 (the name of the format)
    curves: tuple[str, ...] = pcdf_export.CURVES
    fields: tuple[str, ...] = tuple(name for name in ORDER if name != "PK")
    serial: str = pcdf_export.SERIAL
    lacks: tuple[str, ...] = ("missing-page",)

    def drafts(self, story: Story) -> list[Draft]:
        found = pcdf_export.fields(samples(story), story.public_key, serial=story.serial, user=story.user)
        if story.wrong_order:
            found["ST"], found["CT"] = found["CT"], found["ST"]
        return [dict(found)]

    def signed(self, draft: Draft, story: Story) -> bytes:
        return pcdf_export.signed(draft)

    def file(self, records: Sequence[Sealed], story: Story) -> bytes:
        return b"".join(pcdf_export.line(sealed.draft, sealed.signature) for sealed in records)


PCDF = PcdfMaker()
