"""ALFEN lines: begin and end of a session, bare or in chargeIT JSON. Source: verifier specification, 2.2 and 2.9."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

from wattproof.signed.forging.maker import Draft, Sealed, Story, raw, samples
from wattproof.signed.formats import alfen_export, chargeit
from wattproof.signed.formats.alfen import MOMENTS, DataSet
from wattproof.signed.records import Moment

#: The letters of begin and end in a line.
_LETTERS = [next(letter for letter, told in MOMENTS.items() if told is moment) for moment in (Moment.BEGIN, Moment.END)]


@dataclass(frozen=True, slots=True)
class AlfenMaker:
    token: str = "ALFEN"  # noqa: S105 (the name of the format)
    enclosed: bool = False
    curves: tuple[str, ...] = alfen_export.CURVES
    fields: tuple[str, ...] = tuple(field.name for field in fields(DataSet))
    serial: str = alfen_export.SERIAL
    lacks: tuple[str, ...] = ()

    def drafts(self, story: Story) -> list[Draft]:
        return [
            asdict(alfen_export.data_set(sample, serial=story.serial, user=story.user)) for sample in samples(story)
        ]

    def signed(self, draft: Draft, story: Story) -> bytes:
        return DataSet(**draft).encode()

    def file(self, records: Sequence[Sealed], story: Story) -> bytes:
        lines = [
            alfen_export.line(DataSet(**sealed.draft), letter, raw(sealed.signature, sealed.curve), sealed.public_key)
            for sealed, letter in zip(records, _LETTERS, strict=True)
        ]
        if story.wrong_order:
            lines.reverse()
        if self.enclosed:
            return chargeit.write(
                [{"format": "ALFEN", "payload": line} for line in lines],
                identifier=f"forged-{story.serial}-{story.pages[0]}",
                charge_point=chargeit.charge_point(story.point),
                station=chargeit.station("wattproof", "forge"),
            )
        return ("\n".join(lines) + "\n").encode("ascii")


ALFEN = AlfenMaker()
CHARGEIT_ALFEN = AlfenMaker("chargeIT-ALFEN", enclosed=True)
