"""Asking a BSM for the resources of the interface (g13-api.md 10.3).

Never written from here: RCR, snapshots, metadata, address and rate (G-359).
"""

from __future__ import annotations

from collections.abc import Mapping

from wattproof.drivers.modbus import ModbusLink
from wattproof.gateway.acquire.sources.base import Options
from wattproof.gateway.acquire.sources.points import Binding, Bound, PointSource
from wattproof.gateway.acquire.sources.serials import sanitised
from wattproof.gateway.records import Meter
from wattproof.meters.bsm.driver import BsmDriver

#: Model 203 gives power factors in percent.
PERCENT = -2
BINDINGS: Mapping[int, Binding] = {
    1: Bound("ac_meter.TotWhImp"),
    **{id: Bound(f"ac_meter.PhVph{letter}") for id, letter in ((69, "A"), (72, "B"), (75, "C"))},
    **{id: Bound(f"ac_meter.Aph{letter}") for id, letter in ((70, "A"), (73, "B"), (76, "C"))},
    **{id: Bound(f"ac_meter.PFph{letter}", PERCENT) for id, letter in ((71, "A"), (74, "B"), (77, "C"))},
    **{id: Bound(f"ac_meter.W{end}") for id, end in ((93, "phA"), (94, "phB"), (95, "phC"), (96, ""))},
    **{id: Bound(f"ac_meter.VAR{end}") for id, end in ((97, "phA"), (98, "phB"), (99, "phC"), (100, ""))},
    **{id: Bound(f"ac_meter.VA{end}") for id, end in ((101, "phA"), (102, "phB"), (103, "phC"), (104, ""))},
    170: Bound("ac_meter.Hz"),
}


class BsmSource(PointSource):
    """A BSM at ``meter.place["unit"]`` behind ``link``."""

    def __init__(self, meter: Meter, options: Options, link: ModbusLink) -> None:
        self.driver = BsmDriver(link, meter.place.get("unit"))
        super().__init__(meter, options, self.driver, BINDINGS)

    async def open(self) -> None:
        info = await self.driver.info()
        self.label = info.type
        serial = info.serial
        if not serial:
            readings, _ = await self.points(["bs_meter.SNM"])
            serial = str(readings["bs_meter.SNM"].value or "")
        self.serial = self.options.serial or sanitised(serial)
