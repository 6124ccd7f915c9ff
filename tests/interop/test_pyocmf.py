"""pyocmf, an independent reader of OCMF, accepts what our virtual meter signs and refuses what was changed."""

from __future__ import annotations

import pyocmf
import pytest

from wattproof import VirtualMeter, examine, open_meter_sync


@pytest.mark.proves("B-127")
@pytest.mark.parametrize("profile", ["cm11", "cm12", "cm13"])
@pytest.mark.parametrize("kind", ["current", "start", "end", "turn-off"])
def test_pyocmf_reads_and_verifies_the_texts_of_the_virtual_meter(profile: str, kind: str) -> None:
    with VirtualMeter(f"bsm:{profile}", speed=1000, answer_delay=0, time="now", energy="1234.56") as virtual:
        key = virtual.public_key.hex()
        with open_meter_sync(virtual.url) as meter:
            meter.set_metadata("contract-id: rfid:12345678abcdef", "evse-id: DE*WAT*E1*1")
            taken = meter.snapshot(kind)
    text = taken.ocmf.decode("utf-8")
    record = pyocmf.OCMF.from_string(text)
    assert record.verify_signature(key)
    page, reading = record.payload.PG, record.payload.RD[0]
    assert page == f"T{taken.counter}"
    assert float(reading.RV) * {"kWh": 1000, "Wh": 1}[reading.RU.value] == taken.energy()

    forged = text.replace('"XV":1', '"XV":2', 1)
    assert forged != text
    assert not pyocmf.OCMF.from_string(forged).verify_signature(key)
    assert examine(forged, key).as_dict()["records"][0]["signature"] == "invalid"
