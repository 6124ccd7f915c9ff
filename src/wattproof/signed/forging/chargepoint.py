"""A ChargePoint record in a charge transparency record: a whole session. Source: verifier specification, 2.13, 2.14.

Loose, such a record is three files; inside this container it is one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from wattproof.signed.forging.maker import Draft, Sealed, Story, samples
from wattproof.signed.formats import chargepoint_export, chargy_export
from wattproof.signed.formats.chargepoint_export import Session


@dataclass(frozen=True, slots=True)
class ChargepointMaker:
    """Only curves whose records are hashed with SHA-256."""

    token: str = "ChargePoint"  # noqa: S105 (the name of the format)
    curves: tuple[str, ...] = ("secp224k1", "secp256r1")
    fields: tuple[str, ...] = tuple(field.name for field in fields(Session) if field.name != "unit")
    serial: str = chargepoint_export.SERIAL
    lacks: tuple[str, ...] = ("missing-page",)

    def drafts(self, story: Story) -> list[Draft]:
        told = samples(story)
        if story.wrong_order:
            told.reverse()
        return [asdict(chargepoint_export.session(told, serial=story.serial, user=story.user))]

    def signed(self, draft: Draft, story: Story) -> bytes:
        return chargepoint_export.record(Session(**draft))

    def file(self, records: Sequence[Sealed], story: Story) -> bytes:
        (sealed,) = records
        return chargy_export.write_chargepoint(Session(**sealed.draft), sealed.signature, sealed.public_key)


CHARGEPOINT = ChargepointMaker()
