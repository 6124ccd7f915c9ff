"""EMH readings in the chargeIT JSON container. Source: verifier specification, 2.9 and 2.11."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from wattproof.errors import InvalidValue
from wattproof.signed.forging.maker import Draft, Sealed, Story, raw, samples
from wattproof.signed.formats import emh_export
from wattproof.signed.formats.emh_export import Reading


@dataclass(frozen=True, slots=True)
class EmhMaker:
    token: str = "EMH"  # noqa: S105 (the name of the format)
    curves: tuple[str, ...] = emh_export.CURVES
    fields: tuple[str, ...] = tuple("meter page value time contract contract_time second_index status log".split())
    serial: str = emh_export.SERIAL
    lacks: tuple[str, ...] = ()

    def drafts(self, story: Story) -> list[Draft]:
        if story.serial != story.serial.upper():
            raise InvalidValue("the serial of an EMH meter has 20 upper-case hexadecimal digits")
        identified = story.times[0]
        return [
            asdict(emh_export.reading(sample, serial=story.serial, user=story.user, identified=identified))
            for sample in samples(story)
        ]

    def signed(self, draft: Draft, story: Story) -> bytes:
        return Reading(**draft).block.encode()

    def file(self, records: Sequence[Sealed], story: Story) -> bytes:
        values = [
            emh_export.value(Reading(**sealed.draft), raw(sealed.signature, sealed.curve), sealed.public_key)
            for sealed in records
        ]
        return emh_export.file(values[::-1] if story.wrong_order else values, evse=story.point)


EMH = EmhMaker()
