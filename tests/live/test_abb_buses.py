"""One virtual meter, asked over M-Bus and over COSEM: the same answers, as far as both buses can give them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from wattproof import VirtualMeter, open_meter_sync
from wattproof.errors import UnknownName
from wattproof.metering.demand import Entry
from wattproof.metering.intervals import Period
from wattproof.meters.abb.driver import Cause, MeterRefused
from wattproof.meters.abb.records import Log
from wattproof.meters.abb.shapes.recording import DemandSettings

#: What M-Bus has no telegram for (abb-meters.md 1.15), or no place in its standard readout.
COSEM_ALONE = ("device.HARDWARE", "harmonics.", "ports.IO_PULSE", "tariffs.TARIFF_ACTIVE_", "tariffs.TARIFF_INPUT",
               "tariffs.TARIFF_SOURCE")  # fmt: skip
#: What the meter moves on with between two readouts.
MOVING = ("clock.CLOCK", "device.ACCESS_NUMBER")


@pytest.fixture(scope="module")
def meters() -> Iterator[tuple[VirtualMeter, Any, Any]]:
    """The meter, a driver over M-Bus, one over COSEM as management client."""
    listen = ("mbus://127.0.0.1:0", "dlms://127.0.0.1:0")
    with VirtualMeter("abb", listen=listen, load="constant:3300", serial="217819") as virtual:
        virtual.controls["step"] = 3 * 86400
        virtual.faults["frozen"] = True
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("WATTPROOF_PASSWORD", "00000000")
            with open_meter_sync(virtual.urls[0]) as mbus, open_meter_sync(virtual.urls[1]) as cosem:
                yield virtual, mbus, cosem


@pytest.mark.proves("A-143", "A-181")
def test_points_are_the_same_on_both_buses(meters: tuple[VirtualMeter, Any, Any]) -> None:
    _, mbus, cosem = meters
    one, other = ({reading.point: reading for reading in meter.read(["all"])} for meter in (mbus, cosem))
    assert not [name for name, reading in one.items() if name not in other and reading.quality == "good"]
    assert not [name for name in other if name not in one and not name.startswith(COSEM_ALONE)]
    shared = [name for name in one if name in other and name not in MOVING]
    assert len(shared) > 120
    for name in shared:
        assert one[name]._replace(time=None, raw=None) == other[name]._replace(time=None, raw=None)
    assert [reading.point for reading in mbus.read()] == [reading.point for reading in cosem.read()]
    assert mbus.info() == cosem.info()


@pytest.mark.proves("A-181")
def test_what_is_recorded_is_the_same_on_both_buses(meters: tuple[VirtualMeter, Any, Any]) -> None:
    _, mbus, cosem = meters
    assert mbus.status() == cosem.status()
    assert [port.as_dict() for port in mbus.ports()] == [port.as_dict() for port in cosem.ports()]
    assert mbus.harmonics("current") == cosem.harmonics("current")
    end = cosem.read_clock().time - timedelta(hours=1)
    span = {"start": end - timedelta(hours=2), "end": end}
    one, other = (meter.load_profile("ACTIVE_ENERGY_IMPORT_TOTAL", **span) for meter in (mbus, cosem))
    assert [row.as_dict() for row in one.rows] == [row.as_dict() for row in other.rows]
    assert one.rows
    assert (one.interval, one.column) == (other.interval, other.column)
    one, other = (meter.previous_values() for meter in (mbus, cosem))
    assert [row.as_dict() for row in one.rows] == [row.as_dict() for row in other.rows]
    assert mbus.log(Log.SYSTEM) == cosem.log(Log.SYSTEM)
    assert set(mbus.resettable) <= set(cosem.resettable)


@pytest.mark.proves("A-181")
def test_demand_is_the_same_on_both_buses(meters: tuple[VirtualMeter, Any, Any]) -> None:
    virtual, mbus, cosem = meters
    quantities = (1, 2, 21, 22, 33, 34, 13, 29, 41, 53, 69)
    entries = tuple(Entry(quantity, code) for quantity in quantities for code in (5, 1, 13))
    cosem.set_demand(DemandSettings(900, 300, Period(), entries))
    virtual.controls["step"] = 86_400
    one, other = ([row for row in meter.demand().rows if not row.running] for meter in (mbus, cosem))
    assert one and [row.as_dict() for row in one] == [row.as_dict() for row in other]
    columns = [[value.column.as_list() for value in row.values] for row in (one[0], other[0])]
    assert columns[0] == columns[1]


@pytest.mark.proves("A-182")
def test_a_refused_write_has_one_text_on_both_buses(meters: tuple[VirtualMeter, Any, Any]) -> None:
    virtual, mbus, cosem = meters
    virtual.controls["front-key"] = "closed"
    try:
        for meter in (mbus, cosem):
            with pytest.raises(MeterRefused) as refused:
                meter.write({"TRAFO_CT_RATIO_NUMERATOR": 5})
            assert refused.value.cause is Cause.READ_WRITE_DENIED
            assert str(refused.value).startswith("received READ_WRITE_DENIED response from COSEM")
    finally:
        virtual.controls["front-key"] = "open"


def test_points_go_by_their_ids_too(meters: tuple[VirtualMeter, Any, Any]) -> None:
    _, *drivers = meters
    for driver in drivers:
        (reading,) = driver.read([170])
        assert (reading.point, str(reading.value)) == ("instrument.FREQUENCY", "50.00")
        with pytest.raises(UnknownName):
            driver.log("x")
