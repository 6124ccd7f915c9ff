"""Any COSEM meter by the OBIS codes of its objects."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.drivers.cosem.rig import Rig
from wattproof.drivers.cosem.meter import CosemMeter
from wattproof.drivers.cosem.names import access_text, entry_dict
from wattproof.drivers.cosem.place import HDLC, UDP
from wattproof.drivers.modbus import run_blocking
from wattproof.errors import CosemRefused, InvalidValue, ReadOnly, UnknownName
from wattproof.model.values import Quality


def meter_of(rig: Rig, **options) -> CosemMeter:
    return CosemMeter(rig.station(**options), owner=True)


def read(meter: CosemMeter, *names: str):
    return run_blocking(meter.read(names))


@pytest.mark.parametrize("transport", (HDLC, UDP))
def test_values_have_the_units_of_their_registers(transport: str) -> None:
    meter = meter_of(Rig(transport))
    found = {reading.point: reading for reading in read(meter)}
    assert found["1-0:1.8.0"][1:6] == ("value", Decimal(39130), "Wh", "1-0:1.8.0*255", Quality.GOOD)
    assert (found["1-0:32.7.0"].value, found["1-0:32.7.0"].unit, found["1-0:32.7.0"].raw) == (
        Decimal("230.6"),
        "V",
        2306,
    )
    assert (found["1-0:14.7.0"].value, found["1-0:14.7.0"].unit) == (Decimal("50.25"), "Hz")
    assert found["0-0:1.0.0"].value == "2012-08-05T01:11:31"
    assert found["0-0:42.0.0"].value == "ABB1234567890123"
    assert found["0-1:96.3.1"].value == 1
    assert "1-0:99.1.1" not in found, "a profile is no single value"
    assert all(reading.time is not None for reading in found.values())
    run_blocking(meter.close())


def test_one_attribute_is_read_as_it_was_sent() -> None:
    rig = Rig()
    meter = meter_of(rig)
    raw, scale, named, classed, clock = read(
        meter, "1-0:1.8.0/2", "1-0:1.8.0/3", "1.0.1.8.0.255/scaler_unit", "3/1-0:1.8.0/2", "0-0:1.0.0/2"
    )
    assert (raw.value, raw.unit, raw.raw, raw.point) == (3913, "", 3913, "1-0:1.8.0/2")
    assert (scale.value, scale.quantity) == ("[1, 30]", "scaler_unit")
    assert named.value == scale.value
    assert classed.value == 3913
    assert clock.value == bytes.fromhex("07dc080507010b1f00800080")
    missing = read(meter, "1-0:1.8.0/9", "3/1-0:99.9.9")
    assert [(one.value, one.quality, one.raw) for one in missing] == [
        (None, Quality.MISSING, "object-undefined (4)")
    ] * 2
    for wrong in ("1-0:99.9.9", "voltage", "1-0:1.8.0/nothing", ""):
        with pytest.raises(UnknownName):
            read(meter, wrong)


def test_who_it_is_and_what_it_has() -> None:
    meter = meter_of(Rig())
    info = run_blocking(meter.info())
    assert (info.model, info.manufacturer, info.serial) == ("cosem", "ABB", "ABB1234567890123")
    objects = run_blocking(meter.objects())
    assert access_text(objects["0-0:1.0.0"]) == "1 r, 2 rw, 3 r; m3 x"
    entry = entry_dict(objects["1-0:1.8.0"])
    assert (entry["class"], entry["name"], entry["methods"]) == (3, "Register", [1])
    assert entry["attributes"][2] == {"id": 3, "name": "scaler_unit", "access": "read"}
    assert run_blocking(meter.objects()) is objects


def test_writing_keeps_the_type_and_asks_the_rights() -> None:
    rig = Rig()
    meter = meter_of(rig)
    run_blocking(meter.write({"0-0:96.14.0": "3", "0-0:128.4.0": "00ff"}))
    assert (rig.meters[17]["tariff"], rig.meters[17]["blob"]) == (3, b"\x00\xff")
    for values, error in (
        ({"1-0:1.8.0": 5}, ReadOnly),
        ({"0-0:96.14.0": "x"}, InvalidValue),
        ({"0-0:96.14.0": 300}, InvalidValue),
        ({"0-0:128.4.0": "zz"}, InvalidValue),
        ({"0-0:96.14.0": 2, "1-0:9.9.9": 1}, UnknownName),
    ):
        with pytest.raises(error):
            run_blocking(meter.write(values))
    assert rig.meters[17]["tariff"] == 3
    with pytest.raises(CosemRefused):
        run_blocking(meter.write({"0-0:96.14.0": 9}))
    with pytest.raises(ReadOnly, match="client 16"):
        public = Rig()
        run_blocking(meter_of(public, client=16, password=None).write({"0-0:96.14.0": 2}))
