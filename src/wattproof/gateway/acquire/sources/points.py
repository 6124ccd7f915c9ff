"""Sources of meters whose driver reads points by name: each id of a quantity is bound to one of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
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
class Sum:
    """A quantity that is the sum of points, each times its sign, read together."""

    terms: tuple[tuple[Bound, int], ...]


Binding = Bound | Sum
#: Names of points; then id, name and shift of quantities that are one point, and the terms of those that are sums.
_Plan = tuple[list[str], list[tuple[int, str, int]], list[tuple[int, tuple[tuple[Bound, int], ...]]]]
#: Plans that are remembered; a poller has a few.
MOST_PLANS = 32


class PointSource(BaseSource):
    """A source over ``driver``; ``bindings`` by id of quantity may be known only after ``open``."""

    def __init__(self, meter: Meter, options: Options, driver: PointDriver, bindings: Mapping[int, Binding]) -> None:
        super().__init__(meter, options, driver.clock)
        self.bindings = bindings
        self._points_driver = driver

    @property
    def bindings(self) -> Mapping[int, Binding]:
        """Where each quantity is, by id."""
        return self._bindings_by_id

    @bindings.setter
    def bindings(self, bindings: Mapping[int, Binding]) -> None:
        self._bindings_by_id = bindings
        self._plans: dict[frozenset[int], _Plan] = {}

    def ids(self) -> Collection[int]:
        return self.bindings.keys()

    async def read(self, ids: Collection[int]) -> dict[int, Value]:
        """See :class:`~wattproof.gateway.acquire.station.Source`: one read of the driver, whatever the ids are."""
        key = frozenset(ids)
        names, single, sums = self._plans.get(key) or self._plan(key)
        readings, time = await self.points(names)
        values = {id: value_of(readings[name], time, shift) for id, name, shift in single}
        for id, terms in sums:
            values[id] = total([(value_of(readings[bound.point], time, bound.shift), sign) for bound, sign in terms])
        return values

    def _plan(self, ids: frozenset[int]) -> _Plan:
        """What a poll asks for again and again."""
        wanted = {id: terms_of(self.bindings[id]) for id in sorted(ids) if id in self.bindings}
        names = [*dict.fromkeys(bound.point for terms in wanted.values() for bound, _ in terms)]
        single, sums = [], []
        for id, terms in wanted.items():
            bound, sign = terms[0]
            if len(terms) == 1 and sign == 1:
                single.append((id, bound.point, bound.shift))
            else:
                sums.append((id, terms))
        if len(self._plans) >= MOST_PLANS:
            self._plans.clear()
        plan = self._plans[ids] = (names, single, sums)
        return plan

    async def points(self, names: Iterable[str]) -> tuple[dict[str, Reading], int]:
        """Readings of points by the names given, in one read, and the time before it."""
        wanted = [*dict.fromkeys(names)]
        time = self.now
        readings = await self._points_driver.read(wanted) if wanted else []
        return dict(zip(wanted, readings, strict=True)), time


def terms_of(binding: Binding) -> tuple[tuple[Bound, int], ...]:
    """A binding as a sum; that of one point has one term."""
    return binding.terms if isinstance(binding, Sum) else ((binding, 1),)


def total(terms: Sequence[tuple[Value, int]]) -> Value:
    """The sum of values times their signs, exactly, of the worst quality and the oldest time of all."""
    if len(terms) == 1 and terms[0][1] == 1:
        return terms[0][0]
    quality = max((value.quality for value, _ in terms), key=_WORSE.index)
    time = min(value.time for value, _ in terms)
    exponent = min(value.exponent for value, _ in terms)
    number = 0
    for value, sign in terms:
        if value.mantissa is None:
            return Value(None, 0, time, quality)
        number += sign * value.mantissa * 10 ** (value.exponent - exponent)
    return Value(number, exponent, time, quality)


_WORSE = (Quality.GOOD, Quality.ESTIMATED, Quality.INVALID, Quality.MISSING)
