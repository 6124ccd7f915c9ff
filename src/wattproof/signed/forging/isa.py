"""An ISA data set in the S.A.F.E. container: a whole session in one record. Source: verifier specification, 2.7."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from wattproof.signed.forging.maker import Draft, Sealed, Story, raw, samples
from wattproof.signed.formats import isa, isa_export, safe_xml
from wattproof.signed.formats import samples as common
from wattproof.signed.formats.isa import DataSet, Value

_VALUES = ("start", "actual")
_OWN = ("server_id", "log", "contract_id", "event_stamp", "pagination")


@dataclass(frozen=True, slots=True)
class IsaMaker:
    """Fields of the two values are named ``start.value``, ``actual.timestamp`` and so on."""

    token: str = isa.TOKEN
    curves: tuple[str, ...] = isa_export.CURVES
    fields: tuple[str, ...] = (
        *(f"{name}.{part}" for name in _VALUES for part in ("timestamp", "value")),
        "actual.status",
        *_OWN,
    )
    serial: str = isa_export.SERIAL
    lacks: tuple[str, ...] = ("missing-page",)

    def drafts(self, story: Story) -> list[Draft]:
        told = samples(story)
        if story.wrong_order:
            told.reverse()
        first, last = told
        found = asdict(isa_export.data_set(first, last, serial=story.serial, user=story.user))
        return [_flat(found)]

    def signed(self, draft: Draft, story: Story) -> bytes:
        return _data_set(draft).encode()

    def file(self, records: Sequence[Sealed], story: Story) -> bytes:
        beside = common.coordinates(story.public_key)
        return safe_xml.write(
            safe_xml.Signed(
                isa_export.telegram(_data_set(sealed.draft), raw(sealed.signature, sealed.curve)).hex().encode("ascii"),
                None,
                beside,
                self.token,
            )
            for sealed in records
        )


def _flat(found: dict[str, Any]) -> Draft:
    flat = {name: value for name, value in found.items() if name not in _VALUES}
    for name in _VALUES:
        flat.update({f"{name}.{part}": value for part, value in found[name].items()})
    return flat


def _data_set(draft: Draft) -> DataSet:
    nested: Draft = {name: value for name, value in draft.items() if "." not in name}
    for name in _VALUES:
        parts = {key.partition(".")[2]: value for key, value in draft.items() if key.startswith(name + ".")}
        nested[name] = Value(**parts)
    return DataSet(**nested)


ISA_EDL_40_P = IsaMaker()
