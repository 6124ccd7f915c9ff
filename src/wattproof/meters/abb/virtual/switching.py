"""Faults and controls of a virtual ABB meter as the control interface sees them (abb-meters.md 3.13)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wattproof.meters.abb.virtual import control
from wattproof.meters.abb.virtual.refusals import Refusal
from wattproof.meters.abb.virtual.tables import CONTROLS, FAULTS
from wattproof.virtual.framefaults import FacedSwitchboard
from wattproof.virtual.switchboard import Switched
from wattproof.virtual.switched import REQUEST

if TYPE_CHECKING:
    from wattproof.meters.abb.virtual.meter import AbbMeter

#: Named states without a number, beside those of the body: of the faces.
STATES = (REQUEST, "selection", "association", "segment")
#: Named states with one: the telegram of a readout, the block of a transfer.
_COUNTED = re.compile(r"(telegram|block):[1-9][0-9]{0,4}")


class AbbSwitchboard(FacedSwitchboard):
    """The closed tables of this family. What a variant cannot do is refused in the journal."""

    def check_when(self, when: str) -> None:
        if not _COUNTED.fullmatch(when):
            super().check_when(when)

    def put_fault(self, meter: Switched, name: str, value: object) -> None:
        try:
            super().put_fault(meter, name, value)
        except Refusal as refusal:
            meter.journal("fault-refused", {"fault": name, "reason": str(refusal)})


SWITCHBOARD = AbbSwitchboard(
    CONTROLS,
    FAULTS,
    (*STATES, *control.STATES),
    example="power-up, request, telegram:N, selection, association, block:N, segment, interval-end, period-end or "
    "image:STATUS such as image:verified",
    acts={**control.ACTS, "default": lambda meter, value: meter.factory()},
    strikes=control.STRIKES,
    powered=control.POWERED,
)


def state(meter: AbbMeter) -> dict[str, object]:
    """The object of ``GET /``; who runs the meter fills in ``listen``."""
    return {
        "model": meter.model,
        "variant": meter.variant,
        "serial": meter.serial,
        "address": meter.address,
        "hdlc_address": meter.hdlc_address,
        "speed": meter.speed,
        "listen": None,
        **control.state(meter.body),
        "faults": SWITCHBOARD.in_force(meter),
    }
