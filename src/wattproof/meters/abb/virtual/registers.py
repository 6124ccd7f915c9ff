"""What the meter counts: sums of energy, and the registers that show them (abb-meters.md 3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from wattproof.metering.energy import MODULUS, UNIT, WATT_HOUR, Register, TariffRegisters
from wattproof.metering.pulses import KILOWATT_HOUR
from wattproof.metering.rounding import nearest
from wattproof.meters.abb.virtual.electrics import ACTIVE, APPARENT, ENERGIES, EXPORT, REACTIVE, TIME

#: Sums that tariffs, resettable registers and pulse outputs follow: active and reactive, import and export.
FOLLOWED = (ACTIVE, ACTIVE + EXPORT, REACTIVE, REACTIVE + EXPORT)
ROUND = MODULUS * UNIT
#: What the fault ``overflow`` puts into every register: ten units before it goes back to 0.
NEARLY_OVER = (MODULUS - 10) * UNIT

#: Ids of energies by the number of their sum.
SUMS: Mapping[int, int] = MappingProxyType(
    {
        1: ACTIVE, 2: ACTIVE + EXPORT, 21: REACTIVE, 22: REACTIVE + EXPORT, 33: APPARENT, 34: APPARENT + EXPORT,
        **{3 + k: ACTIVE + 1 + k for k in range(3)},
        **{6 + k: ACTIVE + EXPORT + 1 + k for k in range(3)},
        **{23 + k: REACTIVE + 1 + k for k in range(3)},
        **{26 + k: REACTIVE + EXPORT + 1 + k for k in range(3)},
        **{35 + k: APPARENT + 1 + k for k in range(3)},
        **{38 + k: APPARENT + EXPORT + 1 + k for k in range(3)},
    }
)  # fmt: skip
#: Ids of net energies by the number of the sum of their import.
NETS: Mapping[int, int] = MappingProxyType(
    {first + k: kind + k for first, kind in ((13, ACTIVE), (29, REACTIVE), (41, APPARENT)) for k in range(4)}
)
#: Ids of tariff registers: place in :data:`FOLLOWED`, tariff.
TARIFFS: Mapping[int, tuple[int, int]] = MappingProxyType(
    {first + k: (place, k + 1) for place, first in enumerate((9, 85, 17, 89)) for k in range(4)}
)
#: Ids of resettable registers and of their counters, by their place in :data:`FOLLOWED`.
RESETTABLE: Mapping[int, int] = MappingProxyType({171 + place: place for place in range(4)})
RESETS: Mapping[int, int] = MappingProxyType({175 + place: place for place in range(4)})
CURRENCY, CO2 = 113, 122
#: Everything that counts energy, and so reads 0 in a glitch.
ENERGY_IDS = frozenset({*SUMS, *NETS, *TARIFFS, *RESETTABLE, CURRENCY, CO2})


class Registers:
    """``sums`` grow by :data:`~wattproof.metering.energy.Rates`; behind the energies stand the time that was measured
    and what averages are taken of. ``co2`` in g/kWh, ``currency`` in thousandths of its unit a kWh."""

    __slots__ = ("co2", "currency", "offsets", "resettable", "sums", "tariffs")

    def __init__(self) -> None:
        self.sums = [0] * (TIME + 1)
        self.offsets: dict[int, int] = {}
        self.tariffs = TariffRegisters(len(FOLLOWED))
        self.resettable = tuple(Register() for _ in FOLLOWED)
        self.co2 = self.currency = 1000

    @property
    def followed(self) -> list[int]:
        """The sums that tariffs follow, as they stand."""
        return [self.sums[number] for number in FOLLOWED]

    def content(self, number: int) -> int:
        """What a register of a sum holds, mW x ms."""
        return (self.sums[number] + self.offsets.get(number, 0)) % ROUND

    def read(self, id: int) -> int | None:
        """The raw value of an energy, ``None`` if the id is none.

        Energies are cut to their last digit, CO2 and currency rounded: an A41 was captured with 39.13 kWh, 39.139 kg
        and 39.14 units of currency, all factors being 1.
        """
        number = SUMS.get(id)
        if number is not None:
            return self.content(number) // UNIT
        if id in NETS:
            return self.content(NETS[id]) // UNIT - self.content(NETS[id] + EXPORT) // UNIT
        if id in TARIFFS:
            place, tariff = TARIFFS[id]
            return self.tariffs.read(place, tariff, self.sums[FOLLOWED[place]])
        if id in RESETTABLE:
            place = RESETTABLE[id]
            return self.resettable[place].read(self.sums[FOLLOWED[place]])
        if id in RESETS:
            return self.resettable[RESETS[id]].resets
        if id == CO2:
            return nearest(self.content(ACTIVE) * self.co2, KILOWATT_HOUR)
        return nearest(self.content(ACTIVE) * self.currency, 10 * KILOWATT_HOUR) if id == CURRENCY else None

    def grown(self, id: int) -> int | None:
        """Something that grows as the energy does whatever its register shows, mW x ms; ``None`` if the id is none."""
        number = SUMS.get(id)
        if number is not None:
            return self.sums[number]
        if id in NETS:
            return self.sums[NETS[id]] - self.sums[NETS[id] + EXPORT]
        if id in TARIFFS:
            place, tariff = TARIFFS[id]
            return self.tariffs.grown(place, tariff, self.sums[FOLLOWED[place]])
        return None

    # commands and faults

    def reset(self, place: int) -> None:
        """Clear a resettable register, by its place in :data:`FOLLOWED`."""
        self.resettable[place].clear(self.sums[FOLLOWED[place]])

    def switch(self, tariff: int) -> None:
        """Another tariff from now on."""
        if tariff != self.tariffs.active:
            self.tariffs.switch(self.followed, tariff)

    def jump(self, watt_hours: int) -> None:
        """Active import total and the active tariff jump; the resettable register doesn't."""
        self.offsets[ACTIVE] = self.offsets.get(ACTIVE, 0) + watt_hours * WATT_HOUR
        self.tariffs.add(0, watt_hours * WATT_HOUR)

    def overflow(self) -> None:
        """Every energy register stands ten units before its end."""
        self.offsets = {number: NEARLY_OVER - self.sums[number] for number in range(ENERGIES)}
        self.tariffs.put(self.followed, NEARLY_OVER)
        for place, number in enumerate(FOLLOWED):
            self.resettable[place].put(self.sums[number], NEARLY_OVER)

    # what stays

    def save(self) -> dict[str, Any]:
        """Plain data of everything but the sums behind the time, which belong to who takes the averages."""
        return {
            "sums": self.sums[: TIME + 1],
            "offsets": sorted([number, offset] for number, offset in self.offsets.items()),
            "tariffs": self.tariffs.save(),
            "resettable": [[register.offset, register.resets] for register in self.resettable],
            "co2": self.co2,
            "currency": self.currency,
        }

    def restore(self, data: dict[str, Any]) -> None:
        """As :meth:`save` left it."""
        self.sums[: TIME + 1] = data["sums"]
        self.offsets = dict(data["offsets"])
        self.tariffs.restore(data["tariffs"])
        for register, (offset, resets) in zip(self.resettable, data["resettable"], strict=True):
            register.offset, register.resets = offset, resets
        self.co2, self.currency = data["co2"], data["currency"]
