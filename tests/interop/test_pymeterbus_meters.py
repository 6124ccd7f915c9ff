"""pyMeterBus against virtual ABB meters: it decodes every telegram to the same values, and asks them over a socket."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.meters.abb.virtual.mbusmaster import DAY, Master, made
from wattproof.metering.demand import Entry
from wattproof.metering.intervals import Period
from wattproof.meters.opening import VirtualMeter
from wattproof.model.values import Scaled
from wattproof.wire.mbus.frames import rsp_ud
from wattproof.wire.mbus.moments import Moment
from wattproof.wire.mbus.requests import Request
from wattproof.wire.mbus.telegrams import Telegram

meterbus = pytest.importorskip("meterbus", reason="pyMeterBus is not installed")
serial = pytest.importorskip("serial", reason="pyserial is not installed")

from tests.interop.test_pymeterbus import records_of, same  # noqa: E402 - it needs pyMeterBus

SPECIAL = (
    Request("load_profile", subject="active_energy_import"),
    Request("load_profile", subject="voltage"),
    Request("demand", Moment(2026, 1, 3)),
    Request("previous_values", Moment(2026, 1, 3)),
    Request("current_harmonics"),
    Request("voltage_harmonics"),
    Request("log", Moment(2026, 1, 4, 0, 0, 0), "system"),
)


def lived(label: str) -> Master:
    """A meter after two days, with export, harmonics, an event, and inputs that were on."""
    master = Master(made(label, load="curve:pv"))
    body = master.meter.body
    if body.variant.level == 5:
        body.set_channel(2, 69, 3600, 100)
        body.set_demand([Entry(1, 5), Entry(1, 2), Entry(22, 13), Entry(53, 5)], 900, 300, Period())
    master.patch({"harmonics": "u1:3=50,i1:5=120", "input-3": True})
    master.run(1.5 * DAY)
    master.patch({"power": False})
    master.run(15)
    master.patch({"power": True})
    master.run(DAY / 2)
    return master


def telegrams(master: Master) -> Iterator[Telegram]:
    """Everything that the meter can send."""
    yield from master.standard()
    if master.meter.body.variant.level == 5:
        for request in SPECIAL:
            yield from master.special(request)


def agrees(record: Any, theirs: dict[str, Any]) -> bool:
    """As :func:`same`; of what ABB has for itself the numbers are compared as they were sent."""
    numbers = (theirs["storage_number"], theirs.get("tariff", 0), theirs.get("device", 0))
    if (record.storage, record.tariff, record.subunit) != numbers:
        return False
    if record.quantity == "power_outage_time":
        return (record.value, theirs["value"]) in ((Scaled(15, 0), 15), (Scaled(0, 0), 0))
    plain = theirs["type"] == "VIFUnit.MANUFACTURER_SPEC" or record.status not in (None, 0)
    return same(record, theirs["value"], scaled=not plain)


@pytest.mark.parametrize(
    ("label", "count"),
    [("A44", 574), ("A41", 389), ("A43-312-100", 134), ("B23", 134), ("B23-112-100", 31), ("A41-012-100", 7)],
)
def test_pymeterbus_reads_every_telegram_as_we_do(label: str, count: int) -> None:
    compared = 0
    for telegram in telegrams(lived(label)):
        octets = rsp_ud(1, telegram.ci, telegram.encode()).encode()
        rows = records_of(octets)
        assert len(rows) == len(telegram.records)
        for record, row in zip(telegram, rows, strict=True):
            if record.quantity == "date_time":
                continue  # it takes ABB's six BCD bytes for type F
            assert agrees(record, row), (label, record, row)
            compared += 1
    assert compared == count


@pytest.fixture
def line(virtual_meter: Callable[..., VirtualMeter]) -> Iterator[tuple[VirtualMeter, Any]]:
    meter = virtual_meter("abb:A43", unit=7, serial="00217819", load="none", energy="12.34", answer_delay=0)
    with serial.serial_for_url(f"socket://{meter.urls[0].removeprefix('mbus://')}", timeout=3) as port:
        yield meter, port


def test_pymeterbus_asks_a_virtual_meter(line: tuple[VirtualMeter, Any]) -> None:
    _, port = line
    meterbus.send_ping_frame(port, 7)
    assert meterbus.recv_frame(port, 1) == b"\xe5"
    found = []
    fcb, more = True, True
    while more:
        request = meterbus.send_request_frame_multi(None, 7)
        request.header.cField.parts = [0x5B | 0x20 * fcb]
        meterbus.send_request_frame(port, req=request)
        octets = meterbus.recv_frame(port, 1)
        found.append(meterbus.load(octets))
        fcb, more = not fcb, found[-1].more_records_follow
    assert len(found) == 7 and found[0].body.interpreted["header"]["identification"] == "0x00, 0x21, 0x78, 0x19"
    assert found[0].records[0].interpreted["value"] == 12340


def test_pymeterbus_selects_a_virtual_meter(line: tuple[VirtualMeter, Any]) -> None:
    _, port = line
    for mask, answer in (("00217819FFFFFFFF", b"\xe5"), ("0021781842042002", None), ("0021FFFF42042002", b"\xe5")):
        meterbus.send_select_frame(port, mask)
        port.timeout = 3 if answer else 0.3
        assert meterbus.recv_frame(port, 1) == answer
    meterbus.send_request_frame(port, 253)
    assert meterbus.load(meterbus.recv_frame(port, 1)).header.aField.parts[0] == 7
