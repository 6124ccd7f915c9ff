"""Asking any SunSpec meter: find its models, read points with few requests, write points together.

A driver awaits nothing but ``link.exchange`` and ``clock.sleep``, so it runs on asyncio and, stepped, without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from wattproof.drivers.mapped import SILENT, RegisterDriver
from wattproof.drivers.modbus import ModbusLink
from wattproof.drivers.registers import MOST_READ
from wattproof.errors import LinkError, ProtocolError, Refused
from wattproof.meters.sunspec import chain, models
from wattproof.meters.sunspec.model import Model
from wattproof.model.devices import DeviceInfo
from wattproof.wire.modbus.bindings import ABSENT, BoundPoint, RegisterMap


class SunspecDriver(RegisterDriver):
    """A SunSpec meter at ``unit`` behind ``link``. What is said of :class:`RegisterDriver` holds here too.

    Its blocks are found by walking the meter's chain of models.
    """

    family = "sunspec"
    #: A SunSpec map has no holes: whatever lies between two points can be read with them.
    read_gap: ClassVar[int] = MOST_READ
    #: Models whose rows are known.
    known: ClassVar[Mapping[int, Model]] = models.BY_ID
    #: Instances that a read without points gives; empty: all that are known.
    overview: ClassVar[Sequence[str]] = ()

    async def map(self) -> RegisterMap:
        """The meter's blocks; found by walking its chain of models when first asked."""
        return await self.discover() if self._map is None else self._map

    async def chain(self) -> list[chain.Instance]:
        """All model headers of the meter, walked anew."""
        return await chain.walk(self.registers, await chain.find_base(self.registers))

    async def discover(self) -> RegisterMap:
        """Walk the chain and use what was found from now on."""
        self._map = chain.blocks(await self.chain(), self.known)
        self._selections.clear()
        return self._map

    async def _overview(self) -> list[BoundPoint]:
        registers = await self.map()
        blocks = [registers.block(name) for name in self.overview] or registers.blocks
        return [bound for block in blocks for bound in block if tells(bound)]

    async def info(self) -> DeviceInfo:
        """Who the meter says it is (model 1)."""
        readings = {reading.point: reading.value for reading in await self.read("common")}

        def text(name: str) -> str:
            value = readings.get(f"common.{name}")
            return value if isinstance(value, str) else ""

        return DeviceInfo(self.family, self.variant, text("Mn"), text("Md"), text("SN"), text("Vr"), None)


def tells(bound: BoundPoint) -> bool:
    """Whether a point says something by itself: no header, no scale factor, no filling, nothing reserved."""
    point = bound.point
    return (
        point.constant is ABSENT and point.offset >= 2 and point.type.name not in SILENT and bound.block.id is not None
    )


async def probe(link: ModbusLink, unit: int) -> DeviceInfo | None:
    """Whether a SunSpec meter answers at ``unit``; ``None`` if something else does.

    Raises :class:`~wattproof.errors.LinkError` if nothing answers.
    """
    driver = SunspecDriver(link, unit)
    try:
        registers = await driver.map()
        if not any(block.id in METERS for block in registers.blocks):
            return None
        return await driver.info()
    except LinkError:  # also where a gateway says it, which is a refusal as well
        raise
    except (ProtocolError, Refused):
        return None


#: Numbers of the AC meter models.
METERS = frozenset({201, 202, 203, 204, 211, 212, 213, 214})
