"""What a meter has by its type label, on both buses (abb-meters.md 3.1)."""

from __future__ import annotations

from wattproof.conformance.abb.common import CAPTURE, INFERRED, MANUAL, NO_DESCRIPTION, expect, row
from wattproof.conformance.abb.cosem import CosemSide
from wattproof.conformance.abb.mbus import MbusSide
from wattproof.conformance.abb.readout import FLAGS, NO_DATA, SINGLE, THREE, known
from wattproof.conformance.abb.subject import Abb
from wattproof.conformance.engine import Failed, Need, NotApplicable
from wattproof.errors import UnknownName
from wattproof.meters.abb.quantities import ROWS as QUANTITIES
from wattproof.meters.abb.rows import GOLD, IRON, LEVELS
from wattproof.meters.abb.variants import RATIOS, Variant, variant
from wattproof.wire.cosem.descriptors import written

#: Classes and names that every meter has on COSEM (2.8, 3.1).
_ALWAYS = frozenset(
    ("0-0:42.0.0", "0-0:96.1.0", "0-0:96.1.1", "1-0:0.2.0", "0-0:41.0.0", "0-0:40.0.0", "0-0:40.0.1", "0-0:40.0.2",
     "0-0:97.97.0", "0-0:128.5.0", *(f"0-0:96.1.{n}" for n in range(128, 136)))
)  # fmt: skip


async def designation(side: MbusSide | CosemSide) -> str:
    """The type that the meter says it is."""
    if isinstance(side, CosemSide):
        return str(await side.plain(1, "0-0:96.1.1"))
    for record, found in known(await side.records()):
        if found.id == 138:
            return str(record.value)
    raise Failed("the readout has no type designation")


async def kind(side: MbusSide | CosemSide) -> Variant:
    """The variant that its label says. ``NotApplicable`` for a label that is none."""
    text = await designation(side)
    try:
        return variant(text.strip().replace(" ", "-"))
    except UnknownName:
        raise NotApplicable(f"{text!r} is no label of 3.1") from None


async def label(meter: Abb) -> str:
    told = set()
    for side in meter.sides:
        text = await designation(side)
        try:
            variant(text.strip().replace(" ", "-"))
        except UnknownName as error:
            raise Failed(f"the type designation over {side.name} is {text!r}: {error}") from None
        told.add(text)
    expect(len(told) == 1, f"the buses name different types: {', '.join(sorted(told))}")
    return told.pop()


async def capabilities(meter: Abb) -> str:
    """No clock and nothing recorded below Gold; transformers of a direct meter without data."""
    side = meter.mbus
    model = await kind(side)
    records = [*known(await side.records())]
    here = {found.id for record, found in records}
    if model.level < GOLD:
        expect(146 not in here, f"an {model.level_name} meter sends date and time")
    ratios = {found.id: record.status for record, found in records if found.id in RATIOS}
    for id, status in ratios.items():
        if model.has(QUANTITIES[id]):
            expect(status != NO_DATA, f"{QUANTITIES[id].name} has no data")
        elif status is not None:
            expect(
                status == NO_DATA, f"{QUANTITIES[id].name} of a meter without such transformers has status {status:02X}"
            )
    return model.label


async def iron(meter: Abb) -> str:
    """One telegram with active import, flags, firmware and type; on COSEM identity and 1-0:1.8.0."""
    model = await kind(meter.sides[0])
    if model.level != IRON:
        raise NotApplicable(f"the meter is {model.level_name}")
    for side in meter.sides:
        if isinstance(side, CosemSide):
            names = {written(entry.name).removesuffix("*255") for entry in await side.objects()}
            more = names - _ALWAYS - {"1-0:1.8.0"}
            expect("1-0:1.8.0" in names, "no object 1-0:1.8.0")
            expect(not more, f"an Iron meter has {', '.join(sorted(more))}")
            continue
        telegrams = await side.standard()
        expect(len(telegrams) == 1, f"an Iron meter sends {len(telegrams)} telegrams")
        ids = {found.id for _, found in known(telegrams[0].records)}
        expect(ids == {1, 138, 139}, f"an Iron meter sends the quantities {sorted(ids)}")
        expect(len(telegrams[0].records) == len(ids) + len(FLAGS), "an Iron meter sends more than its flags besides")
    return model.label


async def exactly(meter: Abb) -> str:
    """Each level serves its own and the lower rows of 3.1, on both faces."""
    model = await kind(meter.sides[0])
    for side in meter.sides:
        if isinstance(side, CosemSide):
            await _objects(side, model)
        else:
            await _records(side, model)
    return f"{model.label}: {LEVELS[model.level]}"


async def _records(side: MbusSide, model: Variant) -> None:
    sendable = {item for told in (SINGLE if model.phases == 1 else THREE) for item in told}
    wanted = {found.id for found in model.rows() if found.id in sendable}
    here = {found.id for record, found in known(await side.records()) if record.status != NO_DATA}
    sent = {found.id for _, found in known(await side.records())}
    missing, more = wanted - sent, here - wanted
    expect(not missing, f"an {model.label} does not send {_names(missing)} over M-Bus")
    expect(not more, f"an {model.label} sends {_names(more)} over M-Bus")


async def _objects(side: CosemSide, model: Variant) -> None:
    names = {entry.name for entry in await side.objects()}
    wanted = {found.id for found in model.rows()}
    missing = {id for id in wanted if QUANTITIES[id].ln not in names}
    more = {id for id, found in QUANTITIES.items() if found.ln in names} - wanted
    allowed = {id for id in more if any(QUANTITIES[id].ln == QUANTITIES[other].ln for other in wanted)}
    expect(not missing, f"an {model.label} has no {_names(missing)} on COSEM")
    expect(not more - allowed, f"an {model.label} has {_names(more - allowed)} on COSEM")


def _names(ids: set[int]) -> str:
    return ", ".join(QUANTITIES[id].name for id in sorted(ids)[:5]) + (" ..." if len(ids) > 5 else "")


ROWS = (
    row("A-073", "No clock below Gold; transformers of direct meters have status 15", CAPTURE, Need.READ, capabilities),
    row("A-197", "The type designation is a label of 3.1, the same on every bus", MANUAL, Need.READ, label),
    row("A-198", "An Iron meter has active import and who it is, nothing else", INFERRED, Need.READ, iron,
        NO_DESCRIPTION),
    row("A-199", "Each level has its own and the lower capabilities", INFERRED, Need.READ, exactly,
        "contents of the levels are inferred but for those of captured meters"),
)  # fmt: skip
