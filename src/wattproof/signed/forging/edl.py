"""Blocks of the EDL family: SML telegrams and XML in the S.A.F.E. container, a list of the latter without container,
and the Mennekes billing file.

Source: verifier specification, 2.3 to 2.6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace

from wattproof.signed.forging.maker import Draft, Sealed, Story, raw, samples
from wattproof.signed.formats import edl_export, edl_sml, edl_xml, mennekes, safe_xml
from wattproof.signed.formats import samples as common
from wattproof.signed.formats.edl import Block

_MENNEKES = "timestamp status second_index pagination value log contract_time scaler".split()
_SML = ("server_id", *_MENNEKES, "contract_id", "unit")


@dataclass(frozen=True, slots=True)
class EdlMaker:
    token: str
    fields: tuple[str, ...]
    curves: tuple[str, ...] = edl_export.CURVES
    serial: str = edl_export.SERIAL
    lacks: tuple[str, ...] = ()

    def drafts(self, story: Story) -> list[Draft]:
        found = samples(story)
        return [
            asdict(edl_export.block(sample, serial=story.serial, user=story.user, identified=found[0].local))
            for sample in found
        ]

    def signed(self, draft: Draft, story: Story) -> bytes:
        return Block(**draft).encode()

    def file(self, records: Sequence[Sealed], story: Story) -> bytes:
        told = samples(story)
        if story.wrong_order:
            moments = [sample.moment for sample in told][::-1]
            told = [replace(sample, moment=moment) for sample, moment in zip(told, moments, strict=True)]
        parts = [
            (sample, Block(**sealed.draft), raw(sealed.signature, sealed.curve))
            for sample, sealed in zip(told, records, strict=True)
        ]
        key = story.public_key
        if self.token == edl_xml.CONTAINER:
            return edl_export.value_list(parts, key)
        if self.token == mennekes.TOKEN:
            return edl_export.billing(parts, key)
        beside = common.coordinates(key) if self.token == edl_sml.TOKEN else b""
        labels = (safe_xml.END, safe_xml.BEGIN) if story.wrong_order else (safe_xml.BEGIN, safe_xml.END)
        return safe_xml.write(
            safe_xml.Signed(
                edl_export.telegram(*part).hex().encode("ascii")
                if self.token == edl_sml.TOKEN
                else edl_export.signed_meter_value(*part, key),
                label,
                beside,
                self.token,
            )
            for part, label in zip(parts, labels, strict=True)
        )


EDL_40_P = EdlMaker(edl_sml.TOKEN, _SML)
EDL_40_SIG = EdlMaker(edl_xml.TOKEN, tuple(field.name for field in fields(Block)))
#: Nothing in such a list says which value is the begin, so it has no wrong order either.
EDL_XML = EdlMaker(edl_xml.CONTAINER, EDL_40_SIG.fields, lacks=("wrong-order",))
EDL_40_MENNEKES = EdlMaker(mennekes.TOKEN, tuple(_MENNEKES), edl_export.CURVES[:1])
