"""A ChargePoint record, a whole session: in a charge transparency record, or as an archive of its three files.

Source: verifier specification, 2.13 and 2.14.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from wattproof.signed.forging.maker import Draft, Sealed, Story, samples
from wattproof.signed.formats import chargepoint, chargepoint_export, chargy_export
from wattproof.signed.formats.chargepoint_export import Session


@dataclass(frozen=True, slots=True)
class ChargepointMaker:
    """``loose``: record, signature and key are files of an archive."""

    token: str = "ChargePoint"  # noqa: S105 (the name of the format)
    loose: bool = False
    curves: tuple[str, ...] = chargepoint_export.CURVES
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

    def hash_of(self, curve: str) -> str:
        """The curve decides the hash."""
        return chargepoint.HASHES[curve]

    def file(self, records: Sequence[Sealed], story: Story) -> bytes:
        (sealed,) = records
        if self.loose:
            stated = Session(**sealed.draft)
            data = chargepoint_export.record(stated)
            return chargepoint_export.archive(
                chargepoint_export.files(
                    data, sealed.signature, sealed.public_key, station=stated.station, outlet=stated.outlet
                )
            )
        return chargy_export.write_chargepoint(Session(**sealed.draft), sealed.signature, sealed.public_key)


CHARGEPOINT = ChargepointMaker()
FILES = ChargepointMaker("ChargePoint-files", loose=True)
