"""The meter behind its optical head: section 21.5 and the source that the head reads and changes."""

from __future__ import annotations

import pytest

from wattproof.meters.bsm.enums import SnapshotType

CURRENT, ON, OFF, START, END = SnapshotType
MS = 10**6


def readout(meter):
    """A whole session in mode C at the present moment; meter and real time stand still meanwhile."""
    head = meter.meter.optical()
    head.receive(b"/?!\r\n", 0)
    assert [output.data for output in head.due(200 * MS)] == [b"/BAU5BSM-WS36A-H01\r\n"]
    head.receive(b"\x06050\r\n", 300 * MS)
    (answer,) = head.due(500 * MS)
    return dict(line.rstrip(")").split("(") for line in answer.data[1:-3].decode().split("\r\n") if "(" in line)


@pytest.mark.proves("B-179")
def test_the_head_works_during_a_creation_and_delays_nothing(bench):
    alone, beside = bench(), bench()
    for meter in (alone, beside):
        meter.set_time()
        meter.trigger(CURRENT)
        meter.wait(1)
    assert beside.meter.blocked
    assert readout(beside)["1-0:C.1.0"] == "00000001"
    assert (
        beside.meter.next_event() == alone.meter.next_event() and beside.meter.answer_delay == alone.meter.answer_delay
    )
    for meter in (alone, beside):
        meter.wait(1.8)
        assert not meter.meter.blocked
    assert alone.meter.registers.data == beside.meter.registers.data


@pytest.mark.proves("B-170")
def test_a_readout_shows_the_registers_of_its_moment(bench):
    meter = bench(energy="123.4567", load="constant:9999")
    meter.charge()
    meter.wait(1234)
    lines = readout(meter)
    assert (
        lines["1-0:1.8.1"]
        == f"{meter.raw('ac_meter.TotWhImp') // 100:06d}.{meter.raw('ac_meter.TotWhImp') % 100:02d}*kWh"
    )
    assert float(lines["1-0:1.8.0*198"].split("*")[0]) * 100 == pytest.approx(meter.raw("bs_meter.RCR"))
    assert lines["1-0:15.7.0"] == "009.999*kW" and lines["1-0:32.7.0"] == "230.0*V"
    assert float(lines["1-0:31.7.0"].split("*")[0]) * 100 == pytest.approx(meter.raw("ac_meter.AphA"))
    assert lines["1-0:33.7.0"] == "1.000" and lines["1-0:14.7.0"] == "50.0*Hz"
    assert int(lines["1-0:C.7.0"]) == meter.raw("bs_meter.PDCnt") and lines["1-0:F.F.0"] == meter.raw("bs_meter.ErrM")


@pytest.mark.proves("B-174")
def test_what_the_operator_may_change(bench):
    meter = bench(load="constant:36000")
    meter.charge()
    meter.wait(100)
    woken = []
    meter.meter.wake = lambda: woken.append(True)
    meter.meter.reset_rcr()
    assert meter.raw("bs_meter.RCR") == 0 < meter.raw("ac_meter.TotWhImp")
    meter.meter.set_address(7, 9600)
    assert (meter.meter.unit, meter.meter.baudrate, meter.raw("common.DA")) == (7, 9600, 7)
    running = meter.raw("bs_meter.Epoch")
    meter.meter.set_epoch(running + 7200)
    assert meter.raw("bs_meter.Epoch") == running + 7200 and meter.raw("bs_meter.EpochSetCnt") == 2
    meter.meter.set_epoch(running + 7201)
    assert meter.raw("bs_meter.EpochSetCnt") == 2
    meter.meter.set_service_mode(True)
    assert meter.raw("bs_meter.ErrM") == "00000010"
    meter.meter.set_service_mode(False)
    assert meter.raw("bs_meter.ErrM") == "00000000" and len(woken) == 6


def test_without_supply_the_head_is_silent(bench):
    meter = bench()
    meter.control(power=False)
    head = meter.meter.optical()
    head.receive(b"/?!\r\n", 0)
    assert head.due(10**9) == []
