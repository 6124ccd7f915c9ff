"""The driver against a virtual meter in virtual time: what each fault of M-Bus leads to (abb-meters.md 1.4, 3.13)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from tests.mbusline import BusLink
from tests.meters.abb.virtual.mbusmaster import DAY, made
from wattproof.drivers.mbus.address import Address
from wattproof.drivers.mbus.scan import scan_primary, scan_secondary
from wattproof.drivers.modbus import run_blocking
from wattproof.drivers.scan import Found
from wattproof.errors import FrameError, ProtocolError, Refused, ResponseTimeout
from wattproof.io.url import parse_url
from wattproof.metering.demand import Entry
from wattproof.metering.intervals import Period
from wattproof.meters.abb.mbus.driver import AbbMbusDriver
from wattproof.meters.abb.quantities import ROWS
from wattproof.model.values import Quality
from wattproof.virtual.framefaults import LINK_FAULTS
from wattproof.wire.mbus.frames import Long, Short

URL = parse_url("mbus:///dev/ttyUSB1?baudrate=2400")
POWER = "instrument.ACTIVE_POWER_TOTAL"
WATTS = Decimal(3000)


class Line(BusLink):
    """A line with one virtual meter at address 5."""

    def __init__(self, **faults: object) -> None:
        super().__init__([self])
        self.meter = made("A44", unit=5, serial="00217819")
        self.face = self.meter.face("mbus")
        self.delay = 0.0
        self.meter.patch(0, {}, {name.replace("_", "-"): value for name, value in faults.items()})

    def answer(self, frame: Short | Long) -> bytes | None:
        """As a bus of frames does it, faults of the link included."""
        now = self.clock.now()
        self.meter.advance(now)
        meant = self.face.concerns(frame)
        struck = self.meter.link.strike("M", connection=False) if meant else None
        if struck is not None and self.meter.link.loses(struck.hits):
            return None
        answer = self.face.answer(frame, now)
        if answer is None or struck is None:
            return answer
        struck = self.meter.link.strike("M", connection=False, before=struck)
        delivery = self.meter.link.deliver(struck.hits, self.face, frame, answer)
        self.delay, self.between = (self.face.delay + delivery.delay) / 1e9, delivery.pace / 1e9
        return delivery.data or None

    def driver(self, address: str = "5") -> AbbMbusDriver:
        return AbbMbusDriver(self.bus(), Address.parse(address))


async def everything(found: AsyncIterator[Found]) -> list[str]:
    return [item.info.serial if item.info else item.answer async for item in found]


def power(line: Line, address: str = "5") -> tuple[object, tuple[str, ...]]:
    """What a whole readout gives for the power, and what was odd about it."""
    driver = line.driver(address)
    found = {reading.point: reading for reading in run_blocking(driver.read(["all"]))}
    return found[POWER].value, driver.warnings


#: Faults of the link: what a readout ends with, by a value at which they hit now and then, and at which they always do.
ENDS: dict[str, tuple[object, object, type[Exception], str]] = {
    "silent": (2, "all", ResponseTimeout, "asked 3 times with SND_NKE"),
    "drop": (20, 100, ResponseTimeout, "does not answer"),
    "drop-answer": (20, 100, ResponseTimeout, "does not answer"),
    "late": (0, 1, ResponseTimeout, "does not answer"),
    "slow": (0, "0.2", FrameError, "its end has not come"),
    "bad-checksum": (20, 100, FrameError, "the check sum is"),
    "garble": (20, 100, FrameError, "form no frame"),
    "truncate": (20, 100, FrameError, "its end has not come"),
    "leading-bytes": (20, 100, FrameError, "form no frame"),
    "wrong-address": (False, True, FrameError, "the answer comes from address 6"),
    "collision": (False, "address", FrameError, "two meters have this address"),
    "echo": (False, False, FrameError, ""),
}


@pytest.mark.proves("A-201")
@pytest.mark.parametrize("name", [name for name in ENDS if name != "echo"])
def test_a_fault_of_the_link_is_recovered_from_or_told(name: str) -> None:
    seldom, always, error, message = ENDS[name]
    assert power(Line(**{name: seldom}))[0] == WATTS
    with pytest.raises(error, match=message):
        power(Line(**{name: always}))


@pytest.mark.proves("A-201", "A-017")
def test_an_echo_is_taken_out() -> None:
    assert power(Line(echo=True)) == (WATTS, ())
    named = {name for name, row in LINK_FAULTS.items() if "M" in row.faces}
    assert named - {"disconnect"} == set(ENDS)  # a line cannot be closed


@pytest.mark.proves("A-202")
@pytest.mark.parametrize("fault", ["fcb-stuck", "endless"])
def test_a_readout_without_end_ends_after_32_telegrams(fault: str) -> None:
    line = Line(**{fault: True})
    with pytest.raises(ProtocolError, match="after 32 telegrams it says that more follow"):
        power(line)
    assert len(line.sent) == 1 + 32


@pytest.mark.proves("A-202")
def test_an_ignored_bit_is_noticed_by_the_access_number() -> None:
    line = Line(fcb_ignored=True)
    assert power(line) == (WATTS, ())
    line.meter.patch(line.clock.now(), {}, {"drop-answer": 100}, "telegram:4")
    line.meter.patch(line.clock.now(), {}, {"drop-answer": False}, "telegram:5")
    value, warnings = power(line)
    assert value == WATTS and len(line.sent) == 8 + 8  # telegram 4 was lost, nobody asked for it again
    assert warnings == ("the access number went from 10 to 12 between telegrams 3 and 4: a telegram may be missing",)


@pytest.mark.parametrize(
    ("fault", "value", "error"),
    [
        ("application-error", 8, "reports: application busy"),
        ("raw-type", True, "sends two counters without quantities"),
    ],
)
def test_what_is_no_readout_is_told(fault: str, value: object, error: str) -> None:
    with pytest.raises((Refused, ProtocolError), match=error):
        power(Line(**{fault: value}))


@pytest.mark.proves("A-180")
@pytest.mark.parametrize(("fault", "quality"), [("status-15", Quality.MISSING), ("status-18", Quality.INVALID)])
def test_a_value_that_is_absent_or_wrong_is_none(fault: str, quality: Quality) -> None:
    (reading,) = run_blocking(Line(**{fault: 96}).driver().read([POWER]))
    assert (reading.value, reading.quality) == (None, quality)


@pytest.mark.proves("A-203")
def test_a_second_meter_is_told_by_scan_poll_and_search() -> None:
    by_address, by_number = Line(collision="address"), Line(collision="number")
    (collision,) = run_blocking(everything(scan_primary(by_address.bus(), URL, range(4, 7))))
    assert collision.startswith("two meters with the same address")
    with pytest.raises(FrameError, match=r"two meters have this address \(a collision\)"):
        power(by_address)
    search = run_blocking(everything(scan_secondary(by_number.bus(), URL, prefix="00217")))
    assert search == ["duplicate identification number"]
    assert power(by_number)[0] == power(Line(), "00217819")[0] == WATTS


@pytest.mark.proves("A-201")
def test_a_meter_that_cannot_be_selected_is_not_found() -> None:
    line = Line(unselectable=True)
    assert run_blocking(everything(scan_secondary(line.bus(), URL, prefix="00217"))) == []
    with pytest.raises(ResponseTimeout):
        power(line, "00217819")
    assert power(line)[0] == WATTS


def test_demand_of_every_energy_has_its_name_and_the_unit_of_its_power() -> None:
    line = Line()
    energies = [1, 2, 21, 22, 33, 34, 13, 29, 41, 5, 25, 28, 40, 10, 20, 88, 92]
    line.meter.body.set_demand([Entry(id, 5) for id in energies], 900, 900, Period())
    line.clock.advance(DAY)
    rows = run_blocking(line.driver().demand(count=2)).rows
    mapping = [(value.column.name, value.column.unit.symbol) for value in rows[0].values]
    assert mapping == [(ROWS[id].name.lower(), ROWS[id].unit.symbol.removesuffix("h")) for id in energies]
