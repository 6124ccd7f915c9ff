"""The ABB meter under test, behind M-Bus, COSEM or both."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from wattproof.conformance.abb.cosem import CosemSide
from wattproof.conformance.abb.mbus import MbusSide
from wattproof.conformance.engine import Failed, Skipped
from wattproof.drivers.cosem.place import HDLC, TCP, UDP
from wattproof.errors import InvalidURL, WattproofError
from wattproof.io.url import MeterURL
from wattproof.io.web import password_of
from wattproof.model.clock import Clock

#: Which side an address is one of, by its framing.
EXAMPLE = "abb+mbus://192.168.1.30:5021?address=1 --also abb+hdlc://192.168.1.30:5022?address=17"


class Abb:
    """One ABB meter.

    ``mbus``, ``cosem``: the buses there are, at least one. ``password``: of the meter, if it is known.
    ``power_cycle``: takes the supply away and gives it back; ``None`` where nobody can.
    """

    def __init__(
        self,
        mbus: MbusSide | None = None,
        cosem: Sequence[CosemSide] = (),
        *,
        writes: bool = False,
        password: bytes | None = None,
        power_cycle: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        if mbus is None and not cosem:
            raise InvalidURL(f"an ABB meter is checked over M-Bus, COSEM or both; an example: {EXAMPLE}")
        self._mbus = mbus
        self._cosem = tuple(cosem)
        self.writes = writes
        self.password = password
        self.power_cycle = power_cycle
        self.sides: tuple[MbusSide | CosemSide, ...] = (*([mbus] if mbus else []), *cosem)
        for side in self.sides:
            side.prepare = partial(self._take, side)

    @classmethod
    def of(cls, opened: Sequence[tuple[Any, MeterURL]], *, writes: bool = False) -> Abb:
        """From drivers and the addresses that they were opened at.

        Raises :class:`~wattproof.errors.InvalidURL` for two of the same kind.
        """
        mbus: MbusSide | None = None
        cosem: dict[str, CosemSide] = {}
        for driver, url in opened:
            if url.framing == "mbus" and mbus is None:
                line = driver.bus.line
                mbus = MbusSide(line.dial, line.clock, line.timing, driver.address, driver)
            elif url.framing in (HDLC, TCP, UDP) and url.framing not in cosem:
                station = driver.station
                line = station.bus.line
                cosem[url.framing] = CosemSide(line.dial, line.clock, station.timing, station.place, driver)
            else:
                raise InvalidURL(f"{url}: give one address for each bus; an example: {EXAMPLE}")
        return cls(mbus, [*cosem.values()], writes=writes, password=_password(opened))

    @property
    def clock(self) -> Clock:
        return self.sides[0].clock

    @property
    def mbus(self) -> MbusSide:
        """M-Bus. Raises ``Skipped`` where only COSEM is given."""
        if self._mbus is None:
            raise Skipped("needs M-Bus: --also abb+mbus://HOST")
        return self._mbus

    @property
    def cosem(self) -> CosemSide:
        """COSEM, whatever carries it. Raises ``Skipped`` where only M-Bus is given."""
        if not self._cosem:
            raise Skipped("needs COSEM: --also abb+hdlc://HOST or abb+dlms://HOST")
        return self._cosem[0]

    def over(self, transport: str) -> CosemSide:
        """COSEM over HDLC, TCP or UDP. Raises ``Skipped`` where it is not given."""
        for side in self._cosem:
            if side.transport == transport:
                return side
        raise Skipped(f"needs an address with {transport}://")

    @property
    def hdlc(self) -> CosemSide:
        return self.over(HDLC)

    @property
    def both(self) -> tuple[MbusSide, CosemSide]:
        """Both buses. Raises ``Skipped`` unless both are given."""
        return self.mbus, self.cosem

    @property
    def carriers(self) -> tuple[CosemSide, ...]:
        """All ways to its COSEM server."""
        return self._cosem

    async def _take(self, side: MbusSide | CosemSide) -> None:
        """Before a side is used: a meter has one association, a bus one master."""
        for other in self._cosem:
            if other is not side and isinstance(side, CosemSide) and other.stream.open:
                await other.release()
        if side.driver is not None and not side.stream.open:
            await hang_up(side.driver)

    async def drivers(self) -> list[Any]:
        """The drivers of all sides, to be asked one after the other: nothing else is open."""
        for side in self.sides:
            await side.release()
        found = [side.driver for side in self.sides]
        if None in found:
            raise Skipped("this meter is checked without drivers")
        return found

    async def finish(self) -> None:
        """Leave the meter before its first telegram, without an association, all lines closed."""
        for side in self.sides:
            with suppress(WattproofError, Failed, Skipped):
                await side.release()

    async def cut(self) -> None:
        """Supply off and on. ``Skipped`` where nobody can."""
        if self.power_cycle is None:
            raise Skipped("needs a power failure, which cannot be made over the bus")
        await self.power_cycle()


async def hang_up(driver: Any) -> None:
    """End a driver's association and its line; it opens both again when it is asked."""
    with suppress(WattproofError):
        if hasattr(driver, "station"):
            await driver.station.close()
            await driver.station.bus.line.close()
        else:
            await driver.bus.line.close()


def _password(opened: Sequence[tuple[Any, MeterURL]]) -> bytes | None:
    """The meter's password, the same on both buses, as one of the addresses has it."""
    found = (password_of(url) for _, url in opened)
    return next((secret.encode() for secret in found if secret is not None), None)
