"""Sources of meters whose driver reads points by name: each id of a quantity is bound to one of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from wattproof.gateway.acquire.sources.base import BaseSource, Options, value_of
from wattproof.gateway.records import Meter, Value
from wattproof.model.clock import Clock
from wattproof.model.devices import DeviceInfo
from wattproof.model.readings import Reading
from wattproof.model.values import Quality


class PointDriver(Protocol):
    """What such a driver offers; see :class:`wattproof.drivers.mapped.RegisterDriver`."""

    @property
    def clock(self) -> Clock: ...

    async def info(self) -> DeviceInfo: ...

    async def read(self, *points: str | Iterable[str]) -> list[Reading]: ...


@dataclass(frozen=True, slots=True)
class Bound:
    """Where a quantity is: name of the point, and the power of ten from the point's unit to that of the quantity."""

    point: str
    shift: int = 0


@dataclass(frozen=True, slots=True)
class Net:
    """A quantity that is the difference of two others, read together."""

    plus: int
    minus: int


Binding = Bound | Net


class PointSource(BaseSource):
    """A source over ``driver``; ``bindings`` by id of quantity may be known only after ``open``."""

    def __init__(self, meter: Meter, options: Options, driver: PointDriver, bindings: Mapping[int, Binding]) -> None:
        super().__init__(meter, options, driver.clock)
        self.bindings = bindings
        self._points_driver = driver

    def ids(self) -> Collection[int]:
        return self.bindings.keys()

    async def read(self, ids: Collection[int]) -> dict[int, Value]:
        """See :class:`~wattproof.gateway.acquire.station.Source`: one read of the driver, whatever the ids are."""
        wanted = [id for id in ids if id in self.bindings]
        needed = dict.fromkeys(part for id in wanted for part in self._parts(id))
        found = await self._values(needed)
        return {id: self._value(id, found) for id in wanted}

    def _parts(self, id: int) -> tuple[int, ...]:
        binding = self.bindings[id]
        return (binding.plus, binding.minus) if isinstance(binding, Net) else (id,)

    async def _values(self, ids: Iterable[int]) -> dict[int, Value]:
        bounds = {id: binding for id in ids if isinstance(binding := self.bindings[id], Bound)}
        readings, time = await self.points(bound.point for bound in bounds.values())
        return {id: value_of(readings[bound.point], time, bound.shift) for id, bound in bounds.items()}

    def _value(self, id: int, found: Mapping[int, Value]) -> Value:
        binding = self.bindings[id]
        return difference(found[binding.plus], found[binding.minus]) if isinstance(binding, Net) else found[id]

    async def points(self, names: Iterable[str]) -> tuple[dict[str, Reading], int]:
        """Readings of points by the names given, in one read, and the time before it."""
        wanted = [*dict.fromkeys(names)]
        time = self.now
        readings = await self._points_driver.read(wanted) if wanted else []
        return dict(zip(wanted, readings, strict=True)), time


def difference(plus: Value, minus: Value) -> Value:
    """``plus`` - ``minus``, exactly, of the worse quality of both."""
    quality = max((plus.quality, minus.quality), key=_WORSE.index)
    if plus.mantissa is None or minus.mantissa is None:
        return Value(None, 0, min(plus.time, minus.time), quality)
    exponent = min(plus.exponent, minus.exponent)
    number = plus.mantissa * 10 ** (plus.exponent - exponent) - minus.mantissa * 10 ** (minus.exponent - exponent)
    return Value(number, exponent, min(plus.time, minus.time), quality)


_WORSE = (Quality.GOOD, Quality.ESTIMATED, Quality.INVALID, Quality.MISSING)
