"""Sessions in the charge transparency record of Chargy: of EMH meters and of GDF meters.

Meter, identification and its time stand once for all values, so tampering with one of them breaks every signature. No
genuine GDF record was ever seen, so readers take these only if asked to. Source: verifier specification, 2.12 and 2.14.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from wattproof.errors import InvalidValue
from wattproof.signed.forging.emh import EMH
from wattproof.signed.forging.maker import Draft, Sealed, Story, raw, samples
from wattproof.signed.formats import chargy, chargy_export, emh, emh_export
from wattproof.signed.formats.emh_export import Reading

#: Fields that the container states once.
SHARED = ("meter", "contract", "contract_time")
_GDF_SERIAL = "GDF0000001"
_LONGEST_GDF = 10


@dataclass(frozen=True, slots=True)
class ChargyMaker:
    token: str
    format: str
    fields: tuple[str, ...]
    serial: str
    curves: tuple[str, ...]
    lacks: tuple[str, ...] = ()

    def drafts(self, story: Story) -> list[Draft]:
        if self.format == emh.TOKEN:
            return EMH.drafts(story)
        if not 0 < len(story.serial.encode()) <= _LONGEST_GDF:
            raise InvalidValue(f"the id of a GDF meter has 1 to {_LONGEST_GDF} bytes")
        found = [emh_export.reading(one, user=story.user, identified=story.times[0]) for one in samples(story)]
        return [asdict(replace(reading, meter=story.serial)) for reading in found]

    def signed(self, draft: Draft, story: Story) -> bytes:
        reading = Reading(**draft)
        return (reading.block if self.format == emh.TOKEN else chargy_export.gdf_block(reading)).encode()

    def file(self, records: Sequence[Sealed], story: Story) -> bytes:
        last = records[-1].draft
        shared = {name: last[name] for name in SHARED}
        found = [(Reading(**{**sealed.draft, **shared}), raw(sealed.signature, sealed.curve)) for sealed in records]
        return chargy_export.session(
            found[::-1] if story.wrong_order else found, story.public_key, identifier="1", format=self.format
        )


CHARGY = ChargyMaker(chargy.CONTAINER, emh.TOKEN, EMH.fields, EMH.serial, EMH.curves)
GDF = ChargyMaker(
    chargy.GDF,
    chargy.GDF,
    (*SHARED, "value", "time"),
    _GDF_SERIAL,
    (chargy_export.CURVES[chargy.GDF],),
    ("missing-page",),
)
